/* profile.c - who needs new settings, and sending them. */
#include "flow/profile.h"

#include <stdio.h>

#include "core/effective.h"
#include "core/presence.h"
#include "core/index.h"
#include "flow/desk.h"
#include "flow/house.h"

void profile_start(struct rooms *rooms)
{
    house_of(rooms)->profile_version = rooms->core->rev > 0 ? (int64_t)rooms->core->rev : 1;
}

static void mark(struct rooms *rooms, const struct terminal *terminal)
{
    if (terminal->peer)
        house_look_at_profile(rooms, terminal->row.id);
}

void profile_notice(struct rooms *rooms, const struct notice *notice)
{
    struct house *house = house_of(rooms);
    struct terminal *terminal;

    if (notice->kind != NOTICE_CHANGED)
        return;
    if (notice->entity == ENTITY_terminal) {
        terminal = terminal_find(rooms->core, notice->id);
        house->profile_version = (int64_t)notice->rev;
        if (terminal)
            mark(rooms, terminal);
    } else if (notice->entity == ENTITY_profile || notice->entity == ENTITY_place ||
               notice->entity == ENTITY_site) {
        house->profile_version = (int64_t)notice->rev;
        list_each (core_all(rooms->core, ENTITY_terminal), node) {
            mark(rooms, container_of(entity_of(node), struct terminal, base));
        }
    }
}

static void push(struct rooms *rooms, struct terminal *terminal)
{
    berth_cleanup(berth_freep) struct effective *effective = berth_new(struct effective);
    berth_cleanup(berth_freep) struct msg *msg = berth_new(struct msg);

    effective_settings(rooms->core, terminal, effective);
    msg->type = MSG_profile;
    msg->profile.version = house_of(rooms)->profile_version;
    for (size_t i = 0; i < effective->count && i < BERTH_COUNT(msg->profile.settings); i++) {
        struct msg_setting *setting = &msg->profile.settings[msg->profile.settings_count++];

        (void)snprintf(setting->key, sizeof(setting->key), "%s", effective->at[i].row->key);
        (void)snprintf(setting->value, sizeof(setting->value), "%s", effective->at[i].value);
        (void)snprintf(setting->level, sizeof(setting->level), "%s", effective->at[i].level);
    }
    house_tell(rooms, terminal->peer, msg);
    terminal->profile_sent = msg->profile.version;
}

void profile_look(struct rooms *rooms, uint64_t terminal_id)
{
    struct terminal *terminal = terminal_find(rooms->core, terminal_id);

    if (terminal && terminal->peer && terminal->presence->state == presence_PRESENT &&
        terminal->profile_sent != house_of(rooms)->profile_version)
        push(rooms, terminal);
}

void profile_announced(struct rooms *rooms, struct terminal *terminal, int64_t applied)
{
    terminal->profile_applied = applied;
    terminal->profile_sent = applied;
    profile_look(rooms, terminal->row.id);
}

void desk_profile_applied(struct rooms *rooms, uint64_t peer, const struct msg *msg)
{
    struct terminal *terminal = house_terminal(rooms, peer);

    if (terminal && msg->profile_applied.version <= terminal->profile_sent)
        terminal->profile_applied = msg->profile_applied.version;
}
