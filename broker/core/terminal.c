/* terminal.c - states of terminals, and their presence from start to end. */
#include "core/terminal.h"

#include "berth/log.h"

#include "core/hooks.h"
#include "core/presence.h"

int terminal_transition(struct terminal *terminal, enum terminal_state next, const char *why,
                        struct changes *changes, struct row_terminal **ret_row,
                        struct berth_error *reterr)
{
    struct row_terminal *row;

    if (!terminal_may_transition(terminal->row.state, next))
        return entity_refuse("terminal", terminal_state_names[terminal->row.state],
                             terminal_state_names[next], reterr);
    row = entity_change(&terminal->base, changes);
    row->state = next;
    berth_text(row->reason, sizeof(row->reason), "%s", why);
    if (ret_row)
        *ret_row = row;
    return 0;
}

void terminal_added(struct entity *entity, berth_unused bool loaded)
{
    struct terminal *terminal = container_of(entity, struct terminal, base);

    terminal->presence = presence_new(terminal);
}

void terminal_changed(struct entity *entity, const union row *was)
{
    struct terminal *terminal = container_of(entity, struct terminal, base);
    const struct row_terminal *old = &was->terminal;

    if (old->state != terminal->row.state)
        log_event(EV_TERMINAL_STATE, "terminal", terminal->row.name, "from",
                  terminal_state_names[old->state], "to", terminal_state_names[terminal->row.state],
                  "why", terminal->row.reason);
    if (terminal->row.state == terminal_REVOKED && old->state != terminal_REVOKED)
        presence_revoke(terminal->presence, "the terminal was revoked");
}

void terminal_dropped(struct entity *entity)
{
    struct terminal *terminal = container_of(entity, struct terminal, base);

    presence_free(terminal->presence);
    terminal->presence = NULL;
}
