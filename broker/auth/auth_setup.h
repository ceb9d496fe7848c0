/* auth_setup.h - open and close the module auth: for the broker's start, and for tests.
 *
 * Module auth. Thread: loop.
 */
#ifndef BERTH_AUTH_SETUP_H
#define BERTH_AUTH_SETUP_H

#include "berth/offload.h"
#include "berth/random.h"

#include "auth/auth.h"
#include "auth/ca.h"

/* The key that badge identifiers are hashed with is in folder/badge.key, created at the first
 * start. */
struct auth_setup {
    const char *folder; /* the data folder */
    struct core *core;
    struct offload *hashing; /* argon2id takes 64 MiB and 0.1 s per password: few threads */
    struct berth_timers *timers;
    struct berth_random *random;
};

/* Blocking. Errors: IO, CONFIG or DENIED (badge.key). */
int auth_new(const struct auth_setup *setup, struct auth **ret,
             struct berth_error *reterr) berth_must_check;
void auth_free(struct auth *auth);

/* For metrics. */
struct auth_stats {
    int64_t accepted, wrong, too_many, busy;
    size_t tracked; /* entries of the limiter: pairs, terminals and users */
};
void auth_stats(const struct auth *auth, struct auth_stats *ret);

/* The certificate authority is in folder/ca: ca.key (0600), ca.crt, and ca.sha256, the hash
 * recorded when it was created. */
struct ca_setup {
    const char *folder; /* the data folder */
    const char *site;   /* name in the subject of the authority, when it is created */
    /* Hash of the authority that issued the certificates in the database; NULL: none yet. */
    const char *expected_hash;
    int64_t certificate_h; /* validity of a terminal's certificate, hours */
    struct offload *signing;
    struct berth_timers *timers;
    struct berth_random *random;
};

/* Open the authority, or create it at the first start (event ca.created). Blocking. Errors:
 * CERTIFICATE, and the broker must not start: expired or not valid yet, key and certificate do not
 * match, another authority than the recorded one, missing files, a key that others can read.
 */
int ca_open(const struct ca_setup *setup, struct ca **ret,
            struct berth_error *reterr) berth_must_check;
void ca_free(struct ca *ca);

const char *ca_certificate(const struct ca *ca); /* PEM */
void ca_set_certificate_h(struct ca *ca, int64_t hours);

/* Issue a certificate with a new key for the broker's own listeners. names: host names and
 * addresses, separated by spaces; localhost is added. Blocking (0.3 ms). The caller wipes the key.
 */
struct ca_server {
    char key[512];              /* PEM */
    char chain[2 * 2048];       /* PEM: certificate, then the authority's */
    int64_t begins_ms, ends_ms; /* wall clock */
};
int ca_server_certificate(struct ca *ca, const char *names, struct ca_server *ret,
                          struct berth_error *reterr) berth_must_check;

#endif
