/* explain.h - which desktop a user would get, or why none: data for `berthctl explain USER
 * [--terminal T]`.
 *
 * Module flow. Called by module api. Nothing is reserved or changed: it applies the same rules as a
 * sign-on (core/policy.h, core/placement.h).
 */
#ifndef BERTH_FLOW_EXPLAIN_H
#define BERTH_FLOW_EXPLAIN_H

#include "core/placement.h"
#include "core/policy.h"
#include "flow/context.h"

#define EXPLAIN_POOLS 32
#define EXPLAIN_DESKTOPS 64

struct explain_desktop {
    uint64_t desktop_id;
    char desktop[64];
    bool fits;
    char reason[400]; /* "it is a spare", "it belongs to another user" ... */
};

struct explain_pool {
    uint64_t pool_id;
    char pool[64];
    bool allowed;
    int64_t priority;
    struct policy_flags flags;
    char reason[200]; /* the entitlement that decides, as a sentence */
    size_t desktops_count;
    struct explain_desktop desktops[EXPLAIN_DESKTOPS];
};

struct explain {
    char user[64];
    char terminal[64];   /* "" when none was named */
    char verdict[1400];  /* one sentence: what would happen now */
    uint64_t pool_id;    /* what would be handed out; 0 = nothing */
    uint64_t desktop_id; /* 0 = a new one, a place in the queue, or nothing */
    size_t pools_count;
    struct explain_pool pools[EXPLAIN_POOLS];
    /* The latest sign-on of this user, as it was decided then; at_ms 0 = none since the start. */
    struct {
        int64_t at_ms; /* wall clock */
        char terminal[64];
        char outcome[256];
    } last;
};

/* Explain a user. terminal_id 0: as from no particular terminal. *ret is large:
 * allocate it.
 *
 * Errors: NOT_FOUND.
 */
int explain_user(struct context *context, uint64_t user_id, uint64_t terminal_id,
                 struct explain *ret, struct berth_error *reterr) berth_must_check;

#endif
