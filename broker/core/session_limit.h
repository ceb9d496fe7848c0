/* session_limit.h - the limits of a session in time, by its pool.
 *
 * Module core.
 */
#ifndef BERTH_CORE_SESSION_LIMIT_H
#define BERTH_CORE_SESSION_LIMIT_H

#include "core/pool.h"
#include "core/session.h"

#define SESSION_LIMIT_NEVER INT64_MAX

/* Milliseconds until the next limit of the session in its present state; 0: it has passed;
 * SESSION_LIMIT_NEVER: there is none. */
int64_t session_limit_left_ms(const struct session *session);

/* Has a limit passed? *ret says which. */
struct session_limit {
    bool absolute; /* else it was disconnected for too long */
    int64_t waited_ms, limit_ms;
};
bool session_limit_over(const struct session *session, struct session_limit *ret);

#endif
