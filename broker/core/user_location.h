/* user_location.h - where a user is now, as their terminal tells.
 *
 * Module core.
 */
#ifndef BERTH_CORE_USER_LOCATION_H
#define BERTH_CORE_USER_LOCATION_H

#include "core/core.h"

/* Is the user of a session at the terminal? Derived, never stored. */
enum user_presence { USER_GONE, USER_UNKNOWN, USER_AWAY, USER_PRESENT };
extern const char *const user_presence_names[];

struct user_location {
    enum user_presence presence;
    uint64_t terminal_id; /* 0: nowhere */
    uint64_t session_id;
    int64_t age_ms; /* since it was last confirmed */
};
#define USER_AWAY_AFTER_MS 600000 /* without input */

/* Where the user is now, by the newest connection of their sessions. The API checks the role of
 * callers that ask for others, and audits the request. */
void user_presence(struct core *core, uint64_t user_id, struct user_location *ret);

#endif
