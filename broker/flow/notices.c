/* notices.c - who hears of what: a fact has changed, and its module marks or begins what follows.
 *
 * Called for each notice, in the order in which the facts became true. What takes longer than a
 * look at memory is marked here and done at the end of the turn (house.c).
 */
#include "berth/plant.h"

#include "core/grace.h"
#include "core/presence.h"
#include "core/index.h"
#include "flow/command.h"
#include "flow/connect.h"
#include "flow/gate.h"
#include "flow/house.h"
#include "flow/limits.h"
#include "flow/profile.h"
#include "flow/recompose.h"
#include "flow/refill.h"
#include "flow/release.h"
#include "flow/resume.h"
#include "flow/seat.h"

static void desktop_heard(struct rooms *rooms, const struct notice *notice)
{
    const struct desktop *desktop = desktop_find(rooms->core, notice->id);

    if (desktop)
        house_look_at_pool(rooms, desktop->row.pool_id);
}

static void host_heard(struct rooms *rooms, const struct notice *notice)
{
    struct host *host = host_find(rooms->core, notice->id);

    if (notice->gone) {
        virt_host_stop(rooms->virt, notice->id);
        gate_open(&container_of(notice->gone, struct host, base)->waiting);
    }
    if (host) {
        if (notice->kind == NOTICE_CHANGED)
            virt_host_start(rooms->virt, host->row.id, host->row.name, host->row.uri);
        gate_open(&host->waiting);
    }
    house_look_at_all_pools(rooms);
}

static void pool_heard(struct rooms *rooms, const struct notice *notice)
{
    if (notice->gone)
        queue_close(rooms, container_of(notice->gone, struct pool, base));
    house_look_at_pool(rooms, notice->id);
    if (notice->kind != NOTICE_CHANGED)
        return;
    list_each (index_list(rooms->core, SESSIONS_OF_POOL, notice->id), node) {
        struct entity *entity = index_entry(SESSIONS_OF_POOL, node);

        limits_arm(rooms, container_of(entity, struct session, base), true);
    }
}

static void session_heard(struct rooms *rooms, const struct notice *notice)
{
    struct session *session = session_find(rooms->core, notice->id);

    if (session)
        limits_arm(rooms, session, false);
    resume_heard(rooms, notice->id);
    if (session)
        seat_settle(rooms, session);
}

static void image_heard(struct rooms *rooms, const struct notice *notice)
{
    (void)notice; /* any image may be a pool's */
    list_each (core_all(rooms->core, ENTITY_pool), node)
        recompose_image_changed(rooms->core, container_of(entity_of(node), struct pool, base));
    house_look_at_all_pools(rooms);
}

static void assignment_heard(struct rooms *rooms, const struct notice *notice)
{
    const struct assignment *assignment = assignment_find(rooms->core, notice->id);

    if (assignment)
        house_look_at_pool(rooms, assignment->row.pool_id);
}

static void terminal_changed(struct rooms *rooms, struct terminal *terminal)
{
    switch (terminal->row.state) {
    case terminal_REVOKED:
        limits_terminal_closed(rooms, terminal, BERTH_E_REVOKED,
                               "This terminal was taken out of service");
        if (terminal->peer && rooms->hang_up)
            rooms->hang_up(rooms->door, terminal->peer, BERTH_E_REVOKED,
                           "the terminal was revoked");
        break;
    case terminal_QUARANTINED:
    case terminal_WAITING:
        limits_terminal_closed(rooms, terminal, BERTH_E_STATE,
                               "This terminal was taken out of service");
        break;
    case terminal_ACCEPTED:
    case terminal_NO_STATE:
    case terminal_STATES_END:
        break;
    }
}

static void vacate(struct rooms *rooms, const struct terminal *terminal)
{
    const struct ending ending = { .action = "session.limit",
                                   .reason = "limit",
                                   .why = "its terminal vanished",
                                   .actor = "broker",
                                   .role = "broker" };

    if (planted(ABSENCE_RELEASES) && connection_at(rooms->core, terminal->row.id))
        session_end_soon(rooms, connection_at(rooms->core, terminal->row.id)->row.session_id,
                         &ending);
    seat_vacate(rooms, terminal->row.id, ending.why);
}

static void terminal_heard(struct rooms *rooms, const struct notice *notice)
{
    struct terminal *terminal = terminal_find(rooms->core, notice->id);

    if (!terminal)
        return;
    if (notice->kind == NOTICE_CHANGED)
        terminal_changed(rooms, terminal);
    else if (notice->kind == NOTICE_OBSERVED && terminal->presence->state == presence_ABSENT)
        vacate(rooms, terminal);
}

/* A key has lost its power: whoever is connected with it is out, and so is what they show. */
static void identity_heard(struct rooms *rooms, const struct notice *notice)
{
    const struct identity *identity = identity_find(rooms->core, notice->id);
    struct terminal *terminal =
        identity ? terminal_find(rooms->core, identity->row.terminal_id) : NULL;
    const struct peer *peer = terminal ? house_peer(rooms, terminal->peer) : NULL;

    if (!peer || peer->identity_id != notice->id || identity->row.state == identity_CURRENT)
        return;
    limits_terminal_closed(rooms, terminal, BERTH_E_REVOKED, "Another device is this terminal now");
    if (rooms->hang_up)
        rooms->hang_up(rooms->door, peer->id, BERTH_E_REVOKED,
                       "another key took the place of this one");
}

static void user_heard(struct rooms *rooms, const struct notice *notice)
{
    struct user *user = user_find(rooms->core, notice->id);

    if (user && user->row.disabled) {
        grace_end(rooms->core, user->row.id);
        limits_user_disabled(rooms, user);
    }
    if (notice->gone)
        limits_user_gone(rooms, container_of(notice->gone, struct user, base));
}

static void badge_heard(struct rooms *rooms, const struct notice *notice)
{
    const struct badge *badge = badge_find(rooms->core, notice->id);

    if (badge && badge->row.disabled)
        grace_end(rooms->core, badge->row.user_id);
}

/* A new one is sent when its terminal is there. */
static void command_heard(struct rooms *rooms, const struct notice *notice)
{
    const struct command *command = command_find(rooms->core, notice->id);
    struct terminal *terminal =
        command ? terminal_find(rooms->core, command->row.terminal_id) : NULL;

    if (notice->verb != CHANGE_ADD || !terminal)
        return;
    command_send_waiting(rooms, terminal);
    command_watch(rooms);
}

#define HEARERS_MAX 3

/* The table is of designated rows, which a new kind of entity would not break. */
_Static_assert(ENTITY_KINDS == 24, "say below who hears of the new kind of entity");

/* Of each kind of entity, who hears of it, first to last. Nobody hears of the other kinds: image
 * versions, slots, invitations, groups, connections, administrators, tokens. */
static void (*const hearers[ENTITY_KINDS][HEARERS_MAX])(struct rooms *, const struct notice *) = {
    [ENTITY_desktop] = { desktop_heard },
    [ENTITY_host] = { host_heard },
    [ENTITY_pool] = { pool_heard },
    [ENTITY_image] = { image_heard },
    [ENTITY_assignment] = { assignment_heard },
    [ENTITY_session] = { session_heard },
    [ENTITY_terminal] = { terminal_heard, connect_heard, profile_notice },
    [ENTITY_identity] = { identity_heard },
    [ENTITY_user] = { user_heard, connect_heard },
    [ENTITY_badge] = { badge_heard, connect_heard },
    [ENTITY_membership] = { connect_heard },
    [ENTITY_entitlement] = { connect_heard },
    [ENTITY_command] = { command_heard },
    [ENTITY_place] = { connect_heard, profile_notice },
    [ENTITY_profile] = { profile_notice },
    [ENTITY_site] = { profile_notice },
};

void house_heard(struct notice_listener *listener, const struct notice *notice)
{
    struct rooms *rooms = container_of(listener, struct house, listener)->rooms;

    for (int i = 0; i < HEARERS_MAX && hearers[notice->entity][i]; i++)
        hearers[notice->entity][i](rooms, notice);
}
