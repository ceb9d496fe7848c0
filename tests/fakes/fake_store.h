/* fake_store.h - the store's port over a fake disk, under virtual time.
 *
 * Module tests. Decisions wait for a batch as in the real store: those that have come when a commit
 * begins are committed together and acknowledged some milliseconds later. A crash can be set for
 * any commit, before or after it, because there a broker could lose acknowledged changes.
 */
#ifndef BERTH_TESTS_FAKES_FAKE_STORE_H
#define BERTH_TESTS_FAKES_FAKE_STORE_H

#include "fakes/disk.h"
#include "fakes/environment.h"

enum store_crash {
    CRASH_NEVER,
    CRASH_BEFORE_COMMIT, /* the decision is not on disk */
    CRASH_AFTER_COMMIT,  /* it is on disk, not acknowledged */
    CRASH_AFTER_ACK,     /* it is on disk and acknowledged, and nothing else happened */
};

struct store {
    struct environment *environment;
    struct disk *disk;
    struct berth_timers *timers; /* the broker's */
    struct list queue;           /* of struct fake_commit, in the order they came */
    struct berth_timer next;
    int64_t slowest_ms; /* longest time of a commit, from 0; default 20 */

    bool dead;     /* the broker has crashed: nothing is committed or acknowledged any more */
    bool full;     /* no space */
    bool degraded; /* the store has noticed it */
    int fail_next; /* code for the next decision, once; 0 = none */

    uint64_t commits; /* of this broker */
    enum store_crash crash;
    uint64_t crash_at;              /* number of the commit, from 1 */
    void (*crashed)(void *context); /* called at that commit */
    void *context;
};

struct store *fake_store_new(struct environment *environment, struct disk *disk,
                             struct berth_timers *timers);

/* The broker crashes now: nothing is acknowledged any more. The batch that was being written may or
 * may not have reached the disk, as a whole.
 */
void fake_store_die(struct store *store);

/* For the end of a dead broker: waiting operations complete with CLOSING, so that their owners free
 * them. Nothing that they do then has an effect outside the broker.
 */
void fake_store_let_go(struct store *store);

void fake_store_free(struct store *store);

/* Decisions that wait for their outcome. */
size_t fake_store_waiting(const struct store *store);

#endif
