/* command.c - states of commands. */
#include "core/command.h"

#include "berth/log.h"

#include "core/hooks.h"

int command_transition(struct command *command, enum command_state next, const char *result,
                       struct changes *changes, struct berth_error *reterr)
{
    struct row_command *row;

    if (!command_may_transition(command->row.state, next))
        return entity_refuse("command", command_state_names[command->row.state],
                             command_state_names[next], reterr);
    row = entity_change(&command->base, changes);
    row->state = next;
    berth_text(row->result, sizeof(row->result), "%s", result);
    return 0;
}

void command_changed(struct entity *entity, const union row *was)
{
    struct command *command = container_of(entity, struct command, base);
    const struct row_command *old = &was->command;

    if (old->state != command->row.state)
        log_event(EV_COMMAND_STATE, "command", command->row.id, "from",
                  command_state_names[old->state], "to", command_state_names[command->row.state],
                  "why", command->row.result);
}
