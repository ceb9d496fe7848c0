/* transition.c - the one place where states change: observed ones at once, decided ones in
 * `changes`. */
#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/placement.h"
#include "core/runtime.h"

/* ---- observed ---- */

void desktop_set_state(struct desktop *desktop, enum desktop_state next, const char *why)
{
    struct core *core = desktop->base.core;
    enum desktop_state was = desktop->state;
    const struct notice notice = { .kind = NOTICE_OBSERVED,
                                   .entity = ENTITY_desktop,
                                   .id = desktop->row.id };

    if (was == next)
        return;
    if (!desktop_may_transition(was, next)) {
        log_event(EV_STATE_FORBIDDEN, "desktop", desktop->row.name, "from",
                  desktop_state_names[was], "to", desktop_state_names[next], "why", why);
        return;
    }
    desktop->state = next;
    desktop->state_since_ms = core->timers->mono_ms;
    berth_text(desktop->reason, sizeof(desktop->reason), "%s", why);
    placement_reclassify(desktop);
    log_event(EV_DESKTOP_STATE, "desktop", desktop->row.name, "from", desktop_state_names[was],
              "to", desktop_state_names[next], "why", why);
    core_notify(core, &notice);
}

void desktop_set_reason(struct desktop *desktop, const char *why)
{
    berth_text(desktop->reason, sizeof(desktop->reason), "%s", why);
}

void host_set_state(struct host *host, enum host_state next, const char *why)
{
    struct core *core = host->base.core;
    enum host_state was = host->state;
    const struct notice notice = { .kind = NOTICE_OBSERVED,
                                   .entity = ENTITY_host,
                                   .id = host->row.id };

    if (was == next && strcmp(host->reason, why) == 0)
        return;
    if (was != next && !host_may_transition(was, next)) {
        log_event(EV_STATE_FORBIDDEN, "host", host->row.name, "from", host_state_names[was], "to",
                  host_state_names[next], "why", why);
        return;
    }
    if (was != next)
        host->state_since_ms = core->timers->mono_ms;
    host->state = next;
    berth_text(host->reason, sizeof(host->reason), "%s", why);
    log_event(EV_HOST_STATE, "host", host->row.name, "from", host_state_names[was], "to",
              host_state_names[next], "why", why);
    core_notify(core, &notice);
}

/* ---- decided ---- */

/* The row to change: the one in `changes` already, or a copy of the present one. */
static void *row_in(struct changes *changes, struct entity *entity)
{
    void *row = entity_row_of(entity);
    uint64_t id = ((const union row *)row)->id;
    void *pending = changes_find(changes, entity->kind, id);

    return changes_set(changes, entity->kind, pending ? pending : row);
}

static int refuse(struct berth_error *reterr, const char *what, const char *from, const char *to)
{
    return berth_fail(reterr, BERTH_E_STATE, "%s is %s and cannot become %s", what, from, to);
}

int session_transition(struct session *session, enum session_state next, const char *why,
                       struct changes *changes, struct row_session **ret_row,
                       struct berth_error *reterr)
{
    struct row_session *row;

    if (!session_may_transition(session->row.state, next))
        return refuse(reterr, "the session", session_state_names[session->row.state],
                      session_state_names[next]);
    row = row_in(changes, &session->base);
    row->state = next;
    row->changed_ms = session->base.core->timers->wall_ms;
    if (next == session_ENDED)
        row->ended_ms = row->changed_ms;
    berth_text(row->reason, sizeof(row->reason), "%s", why);
    if (ret_row)
        *ret_row = row;
    return 0;
}

int connection_transition(struct connection *connection, enum connection_state next,
                          const char *why, struct changes *changes, struct row_connection **ret_row,
                          struct berth_error *reterr)
{
    struct row_connection *row;

    if (!connection_may_transition(connection->row.state, next))
        return refuse(reterr, "the connection", connection_state_names[connection->row.state],
                      connection_state_names[next]);
    row = row_in(changes, &connection->base);
    row->state = next;
    if (next == connection_ENDED)
        row->ended_ms = connection->base.core->timers->wall_ms;
    berth_text(row->reason, sizeof(row->reason), "%s", why);
    if (ret_row)
        *ret_row = row;
    return 0;
}

int assignment_transition(struct assignment *assignment, enum assignment_state next,
                          const char *why, struct changes *changes, struct berth_error *reterr)
{
    struct row_assignment *row;

    if (!assignment_may_transition(assignment->row.state, next))
        return refuse(reterr, "the assignment", assignment_state_names[assignment->row.state],
                      assignment_state_names[next]);
    row = row_in(changes, &assignment->base);
    row->state = next;
    row->closed_ms = assignment->base.core->timers->wall_ms;
    berth_text(row->reason, sizeof(row->reason), "%s", why);
    return 0;
}

int terminal_transition(struct terminal *terminal, enum terminal_state next, const char *why,
                        struct changes *changes, struct row_terminal **ret_row,
                        struct berth_error *reterr)
{
    struct row_terminal *row;

    if (!terminal_may_transition(terminal->row.state, next))
        return refuse(reterr, "the terminal", terminal_state_names[terminal->row.state],
                      terminal_state_names[next]);
    row = row_in(changes, &terminal->base);
    row->state = next;
    berth_text(row->reason, sizeof(row->reason), "%s", why);
    if (ret_row)
        *ret_row = row;
    return 0;
}

int command_transition(struct command *command, enum command_state next, const char *result,
                       struct changes *changes, struct berth_error *reterr)
{
    struct row_command *row;

    if (!command_may_transition(command->row.state, next))
        return refuse(reterr, "the command", command_state_names[command->row.state],
                      command_state_names[next]);
    row = row_in(changes, &command->base);
    row->state = next;
    berth_text(row->result, sizeof(row->result), "%s", result);
    return 0;
}

int image_version_transition(struct image_version *version, enum image_version_state next,
                             struct changes *changes, struct berth_error *reterr)
{
    struct row_image_version *row;

    if (!image_version_may_transition(version->row.state, next))
        return refuse(reterr, "the image version", image_version_state_names[version->row.state],
                      image_version_state_names[next]);
    row = row_in(changes, &version->base);
    row->state = next;
    return 0;
}

bool identity_transition(struct identity *identity, enum identity_state next,
                         struct changes *changes)
{
    struct row_identity *row;

    if (!identity_may_transition(identity->row.state, next))
        return false;
    row = row_in(changes, &identity->base);
    row->state = next;
    return true;
}
