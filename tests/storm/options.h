/* options.h - the command line of berth-storm. */
#ifndef BERTH_STORM_OPTIONS_H
#define BERTH_STORM_OPTIONS_H

#include "berth/error.h"

#define STORM_PATH 256

enum storm_need {
    NEED_SITE = 1,
    NEED_TERMINALS = 2,
    NEED_PRESENT = 4,
    NEED_DESKTOPS = 8,
    NEED_PASSWORDS = 16,
    NEED_BADGES = 32,
};

struct storm;

struct storm_verb {
    const char *word;
    unsigned needs; /* mask of enum storm_need */
    const char *sentence;
    int (*act)(struct storm *storm, struct berth_error *reterr);
};

struct storm_options {
    const struct storm_verb *verb;
    int64_t terminals;
    int64_t seconds;
    int64_t people; /* with a password or a badge; 0: the verb decides */
    bool json;
    bool keep;                /* keep the folder with logs and databases */
    bool fresh;               /* make the prepared state anew */
    char history[STORM_PATH]; /* of terminals and broker together; empty: a temporary file */
    bool unrecorded;          /* no history: for profiles */
    char berthd[STORM_PATH];  /* socket of a running broker's management API; empty: our own */
    char bin[STORM_PATH];     /* folder of berthd and the others; empty: our own program's */
    char cache[STORM_PATH];
    char work[STORM_PATH]; /* where the run's own folder is made */
};

/* 0: run; 1: help was printed; else a refusal. */
int options_read(int argc, char **argv, struct storm_options *ret,
                 struct berth_error *reterr) berth_must_check;

#endif
