/* recompose_progress.h - how far a recompose got.
 *
 * Module flow, inner header of recompose.
 */
#ifndef BERTH_FLOW_RECOMPOSE_PROGRESS_H
#define BERTH_FLOW_RECOMPOSE_PROGRESS_H

#include "flow/context.h"

struct recompose_progress {
    int old;       /* of other versions, to be replaced */
    int used;      /* of these, in use */
    int new_ready; /* of the wanted version, READY */
    int new_others;
    /* One of new_others that is off, and must be started to prove the version. */
    struct desktop *new_idle;
    struct desktop *next; /* the old one to replace next */
};

/* The version that the pool's desktops are moved to, or 0. */
uint64_t recompose_wanted(struct core *core, const struct pool *pool);

/* How far its desktops are with this version. */
void recompose_count_progress(struct core *core, const struct pool *pool, uint64_t version_id,
                              struct recompose_progress *ret);

/* Record that every desktop is of the wanted version. */
void recompose_finish(struct context *context, const struct pool *pool);

#endif
