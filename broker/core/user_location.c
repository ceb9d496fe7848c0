/* user_location.c - the presence of a user, from the newest connection of their sessions. */
#include "core/user_location.h"

#include "core/connection.h"
#include "core/index.h"
#include "core/presence.h"
#include "core/session.h"

const char *const user_presence_names[] = { "gone", "unknown", "away", "present", NULL };

static enum user_presence seen_at(const struct presence *presence)
{
    int64_t silent_ms = presence->terminal->base.core->timers->mono_ms - presence->received_ms;

    switch (presence->state) {
    case presence_PRESENT:
        if (presence->screen == screen_state_LOCKED || presence->screen == screen_state_BLANK)
            return USER_AWAY;
        return presence->input_idle_ms + silent_ms > USER_AWAY_AFTER_MS ? USER_AWAY : USER_PRESENT;
    case presence_SUSPECT:
    case presence_PRESUMED:
        return USER_UNKNOWN;
    case presence_ABSENT:
    case presence_NO_STATE:
    case presence_STATES_END:
        return USER_GONE;
    }
    return USER_GONE;
}

void user_presence(struct core *core, uint64_t user_id, struct user_location *ret)
{
    int64_t newest = -1;

    *ret = (struct user_location){ .presence = USER_GONE };
    list_each (index_list(core, SESSIONS_OF_USER, user_id), node) {
        const struct session *session = index_at(SESSIONS_OF_USER, node, session);
        const struct connection *connection = connection_of(core, session->row.id);
        const struct terminal *terminal;

        if (!connection || connection->row.started_ms < newest)
            continue;
        terminal = terminal_find(core, connection->row.terminal_id);
        if (!terminal)
            continue;
        newest = connection->row.started_ms;
        ret->presence = seen_at(terminal->presence);
        ret->terminal_id = terminal->row.id;
        ret->session_id = session->row.id;
        ret->age_ms = core->timers->mono_ms - terminal->presence->received_ms;
    }
}
