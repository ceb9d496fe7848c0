/* terminal.h - terminals: what they report and show now.
 *
 * Module core.
 */
#ifndef BERTH_CORE_TERMINAL_H
#define BERTH_CORE_TERMINAL_H

#include "core/registry.h"

struct flow;

struct terminal {
    struct entity base;
    struct row_terminal row;
    struct presence *presence; /* core/presence.h; never NULL once loaded */
    uint64_t peer;             /* the link's handle of its connection, 0 = none */
    char from[64];             /* address of that connection */
    struct flow *sign_on;      /* the running sign-on at it, or NULL */
    int64_t profile_sent, profile_applied;
};
DEFINE_FIND(terminal)
DEFINE_FIND_NAME(terminal)
/* The terminal that asked before with this key: it still waits, or an administrator has decided. */
DEFINE_FIND_TEXT(terminal, terminal_by_waiting_key, TERMINAL_BY_WAITING_KEY)

/* Change the state: check the transition and put the changed row into `changes`. It is visible after
 * core_apply, which logs and announces it.
 *
 * ret_row: NULL, or set to the row in `changes`, which may be changed further before the commit.
 * Errors: STATE when states.def does not permit the transition; `changes` are untouched then.
 */
int terminal_transition(struct terminal *terminal, enum terminal_state next, const char *why,
                        struct changes *changes, struct row_terminal **ret_row,
                        struct berth_error *reterr) berth_must_check;

#endif
