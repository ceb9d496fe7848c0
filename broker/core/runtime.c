/* runtime.c - what each kind of entity has beside its row: hooks for its start, its changes and its
 * end. */
#include "core/runtime.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/entity_ops.h"
#include "core/index.h"
#include "core/placement.h"
#include "core/presence.h"

/* ---- hosts, pools, desktops ---- */

static void host_added(struct entity *entity, bool loaded)
{
    struct host *host = container_of(entity, struct host, base);

    (void)loaded;
    host->state = host_DOWN;
    list_init(&host->waiting);
    host->state_since_ms = entity->core->timers->mono_ms;
}

static void host_dropped(struct entity *entity)
{
    struct host *host = container_of(entity, struct host, base);

    timer_stop(entity->core->timers, &host->retry);
}

static void pool_added(struct entity *entity, bool loaded)
{
    struct pool *pool = container_of(entity, struct pool, base);

    (void)loaded;
    list_init(&pool->waiting);
    for (int class = 0; class < DESKTOP_CLASSES; class ++)
        list_init(&pool->by_class[class]);
}

/* Whether a used desktop must be refreshed is a rule of its pool. */
static void pool_changed(struct entity *entity, const void *was)
{
    struct pool *pool = container_of(entity, struct pool, base);
    const struct row_pool *old = was;

    if (old->release == pool->row.release && old->kind == pool->row.kind)
        return;
    list_each (index_list(entity->core, DESKTOPS_OF_POOL, pool->row.id), node)
        placement_reclassify(
            container_of(index_entry(DESKTOPS_OF_POOL, node), struct desktop, base));
}

static void pool_dropped(struct entity *entity)
{
    struct pool *pool = container_of(entity, struct pool, base);

    timer_stop(entity->core->timers, &pool->retry);
}

static void copy_row_address(struct desktop *desktop)
{
    if (desktop->row.port == 0)
        return;
    (void)snprintf(desktop->address, sizeof(desktop->address), "%s", desktop->row.address);
    desktop->port = (int)desktop->row.port;
}

static void desktop_added(struct entity *entity, bool loaded)
{
    struct desktop *desktop = container_of(entity, struct desktop, base);

    list_init(&desktop->requests);
    desktop->state_since_ms = entity->core->timers->mono_ms;
    if (desktop->row.quarantined)
        desktop->state = desktop_QUARANTINED;
    else if (!desktop->row.host_id)
        desktop->state =
            desktop_OFF; /* a machine that Berth does not run: unknown until it is probed */
    else
        desktop->state = loaded ? desktop_LOST : desktop_PLANNED;
    copy_row_address(desktop);
    (void)snprintf(desktop->fingerprint, sizeof(desktop->fingerprint), "%s",
                   desktop->row.fingerprint);
    desktop->preexisting = loaded;
    list_init(&desktop->in_class);
    placement_reclassify(desktop);
}

static void desktop_dropped(struct entity *entity)
{
    placement_unclassify(container_of(entity, struct desktop, base));
}

static void reclassify(struct core *core, uint64_t desktop_id)
{
    struct desktop *desktop = desktop_find(core, desktop_id);

    if (desktop)
        placement_reclassify(desktop);
}

static void desktop_changed(struct entity *entity, const void *was)
{
    struct desktop *desktop = container_of(entity, struct desktop, base);
    const struct row_desktop *old = was;

    if (old->port != desktop->row.port || strcmp(old->address, desktop->row.address) != 0)
        copy_row_address(desktop);
    if (strcmp(old->fingerprint, desktop->row.fingerprint) != 0)
        (void)snprintf(desktop->fingerprint, sizeof(desktop->fingerprint), "%s",
                       desktop->row.fingerprint);
    if (desktop->row.quarantined && !old->quarantined)
        desktop_set_state(desktop, desktop_QUARANTINED, desktop->row.reason);
    placement_reclassify(desktop);
}

/* ---- terminals, sessions, connections ---- */

static void terminal_added(struct entity *entity, bool loaded)
{
    struct terminal *terminal = container_of(entity, struct terminal, base);

    (void)loaded;
    terminal->presence = presence_new(terminal);
}

static void terminal_changed(struct entity *entity, const void *was)
{
    struct terminal *terminal = container_of(entity, struct terminal, base);
    const struct row_terminal *old = was;

    if (old->state != terminal->row.state)
        log_event(EV_TERMINAL_STATE, "terminal", terminal->row.name, "from",
                  terminal_state_names[old->state], "to", terminal_state_names[terminal->row.state],
                  "why", terminal->row.reason);
    if (terminal->row.state == terminal_REVOKED && old->state != terminal_REVOKED)
        presence_revoke(terminal->presence, "the terminal was revoked");
}

static void terminal_dropped(struct entity *entity)
{
    struct terminal *terminal = container_of(entity, struct terminal, base);

    presence_free(terminal->presence);
    terminal->presence = NULL;
}

static void session_changed(struct entity *entity, const void *was)
{
    struct session *session = container_of(entity, struct session, base);
    const struct row_session *old = was;

    if (old->state != session->row.state)
        log_event(EV_SESSION_STATE, "session", session->row.id, "from",
                  session_state_names[old->state], "to", session_state_names[session->row.state],
                  "epoch", session->row.epoch, "why", session->row.reason);
}

static void session_added(struct entity *entity, bool loaded)
{
    struct session *session = container_of(entity, struct session, base);

    list_init(&session->waiting);
    if (!loaded)
        log_event(EV_SESSION_STATE, "session", session->row.id, "to",
                  session_state_names[session->row.state], "epoch", session->row.epoch, "why",
                  session->row.reason);
}

static void session_dropped(struct entity *entity)
{
    struct session *session = container_of(entity, struct session, base);

    timer_stop(entity->core->timers, &session->limit);
    timer_stop(entity->core->timers, &session->release_retry);
}

static void connection_changed(struct entity *entity, const void *was)
{
    struct connection *connection = container_of(entity, struct connection, base);
    const struct row_connection *old = was;

    if (old->state != connection->row.state)
        log_event(EV_CONNECTION_STATE, "connection", connection->row.id, "session",
                  connection->row.session_id, "from", connection_state_names[old->state], "to",
                  connection_state_names[connection->row.state], "why", connection->row.reason);
}

static void assignment_added(struct entity *entity, bool loaded)
{
    (void)loaded;
    reclassify(entity->core, container_of(entity, struct assignment, base)->row.desktop_id);
}

static void assignment_dropped(struct entity *entity)
{
    reclassify(entity->core, container_of(entity, struct assignment, base)->row.desktop_id);
}

static void assignment_changed(struct entity *entity, const void *was)
{
    struct assignment *assignment = container_of(entity, struct assignment, base);
    const struct row_assignment *old = was;

    reclassify(entity->core, assignment->row.desktop_id);
    if (old->state != assignment->row.state)
        log_event(EV_ASSIGNMENT_STATE, "assignment", assignment->row.id, "desktop",
                  assignment->row.desktop_id, "from", assignment_state_names[old->state], "to",
                  assignment_state_names[assignment->row.state], "why", assignment->row.reason);
}

static void command_changed(struct entity *entity, const void *was)
{
    struct command *command = container_of(entity, struct command, base);
    const struct row_command *old = was;

    if (old->state != command->row.state)
        log_event(EV_COMMAND_STATE, "command", command->row.id, "from",
                  command_state_names[old->state], "to", command_state_names[command->row.state],
                  "why", command->row.result);
}

/* ---- which rows have ended ---- */

static bool assignment_has_ended(const union row *row)
{
    return row->assignment.state == assignment_CLOSED;
}

static bool session_has_ended(const union row *row)
{
    return row->session.state == session_ENDED;
}

static bool connection_has_ended(const union row *row)
{
    return row->connection.state == connection_ENDED;
}

static bool command_has_ended(const union row *row)
{
    return row->command.state >= command_DONE;
}

/* ---- the table ---- */

/* clang-format off */
#define KIND(name_, ...) \
    [ENTITY_##name_] = { .size = sizeof(struct name_), .row_offset = offsetof(struct name_, row), __VA_ARGS__ }
static const struct entity_ops kinds[ENTITY_KINDS] = {
    KIND(site),
    KIND(place),
    KIND(host, .added = host_added, .dropped = host_dropped),
    KIND(image),
    KIND(image_version),
    KIND(pool, .added = pool_added, .changed = pool_changed, .dropped = pool_dropped),
    KIND(desktop, .added = desktop_added, .changed = desktop_changed, .dropped = desktop_dropped),
    KIND(slot),
    KIND(terminal, .added = terminal_added, .changed = terminal_changed, .dropped = terminal_dropped),
    KIND(identity),
    KIND(invitation),
    KIND(profile),
    KIND(command, .has_ended = command_has_ended, .changed = command_changed),
    KIND(user),
    KIND(badge),
    KIND(group),
    KIND(membership),
    KIND(entitlement),
    KIND(assignment, .has_ended = assignment_has_ended, .added = assignment_added, .changed = assignment_changed,
         .dropped = assignment_dropped),
    KIND(session, .has_ended = session_has_ended, .added = session_added, .changed = session_changed, .dropped = session_dropped),
    KIND(connection, .has_ended = connection_has_ended, .changed = connection_changed),
    KIND(admin),
    KIND(token),
};
#undef KIND
/* clang-format on */

const struct entity_ops *entity_ops(enum entity_kind kind)
{
    return &kinds[kind];
}
