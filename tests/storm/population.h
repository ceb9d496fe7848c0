/* population.h - all terminals of a run and the people at them. */
#ifndef BERTH_STORM_POPULATION_H
#define BERTH_STORM_POPULATION_H

#include "keyring.h"
#include "terminal.h"

struct storm;

/* The password of all people; it need not be secret. */
#define PEOPLE_PASSWORD "storm-and-stress"

struct population {
    struct storm *storm;
    struct lean_group lean;
    struct terminal *terminals;
    size_t count;
    struct keyring keyring;
    uint64_t *kiosks; /* user ids, one for each terminal */
    uint64_t *people; /* user ids of those with password and badge */
    size_t people_count;
    SSL_CTX *context;
    struct terminal_events events;
    /* Present numbers of terminals. */
    size_t connecting, connected, present, showing, requests;
    int64_t disconnects;
};

void population_init(struct population *population, struct storm *storm, size_t count);

/* Make the TLS contexts; needs the authority. */
int population_ready(struct population *population, struct berth_error *reterr) berth_must_check;

/* Switch all off and wait until every connection is closed. */
void population_end(struct population *population);

/* Source address of a terminal: 127.1.0.1 onwards. */
void population_address(size_t number, char out[32]);

#endif
