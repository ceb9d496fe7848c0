/* connection.h - a terminal that shows a session.
 *
 * Module core.
 */
#ifndef BERTH_CORE_CONNECTION_H
#define BERTH_CORE_CONNECTION_H

#include "core/registry.h"

DEFINE_ENTITY(connection)

/* The connection that has not ended, of a session or at a terminal; NULL when there is none. */
struct connection *connection_of(struct core *core, uint64_t session_id);
struct connection *connection_at(struct core *core, uint64_t terminal_id);

/* Change the state: check the transition and put the changed row into `changes`. It is visible after
 * core_apply, which logs and announces it.
 *
 * ret_row: NULL, or set to the row in `changes`, which may be changed further before the commit.
 * Errors: STATE when states.def does not permit the transition; `changes` are untouched then.
 */
int connection_transition(struct connection *connection, enum connection_state next,
                          const char *why, struct changes *changes, struct row_connection **ret_row,
                          struct berth_error *reterr) berth_must_check;

#endif
