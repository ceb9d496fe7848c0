/* profile.c - marking terminals whose settings may have changed, and sending settings. */
#include "flow/profile.h"

#include <stdio.h>

#include "core/effective.h"
#include "core/index.h"
#include "core/presence.h"
#include "flow/reactor.h"
#include "flow/terminal_handlers.h"

void profile_start(struct context *context)
{
    reactor_of(context)->profile_version = context->core->rev > 0 ? (int64_t)context->core->rev : 1;
}

static void mark(struct context *context, const struct terminal *terminal)
{
    if (terminal->peer)
        context_mark_profile(context, terminal->row.id);
}

void profile_notice(struct context *context, const struct notice *notice)
{
    struct reactor *reactor = reactor_of(context);
    struct terminal *terminal;

    if (notice->kind != NOTICE_CHANGED)
        return;
    if (notice->entity == ENTITY_terminal) {
        terminal = terminal_find(context->core, notice->id);
        reactor->profile_version = (int64_t)notice->rev;
        if (terminal)
            mark(context, terminal);
    } else if (notice->entity == ENTITY_profile || notice->entity == ENTITY_place ||
               notice->entity == ENTITY_site) {
        reactor->profile_version = (int64_t)notice->rev;
        list_each (core_all(context->core, ENTITY_terminal), node) {
            mark(context, container_of(entity_of(node), struct terminal, base));
        }
    }
}

static void push(struct context *context, struct terminal *terminal)
{
    berth_cleanup(berth_freep) struct effective *effective = berth_new(struct effective);
    berth_cleanup(berth_freep) struct msg *msg = berth_new(struct msg);

    effective_settings(context->core, terminal, effective);
    msg->type = MSG_profile;
    msg->profile.version = reactor_of(context)->profile_version;
    for (size_t i = 0; i < effective->count && i < BERTH_COUNT(msg->profile.settings); i++) {
        struct msg_setting *setting = &msg->profile.settings[msg->profile.settings_count++];

        (void)snprintf(setting->key, sizeof(setting->key), "%s", effective->at[i].row->key);
        (void)snprintf(setting->value, sizeof(setting->value), "%s", effective->at[i].value);
        (void)snprintf(setting->level, sizeof(setting->level), "%s", effective->at[i].level);
    }
    context_tell(context, terminal->peer, msg);
    terminal->profile_sent = msg->profile.version;
}

void profile_update(struct context *context, uint64_t terminal_id)
{
    struct terminal *terminal = terminal_find(context->core, terminal_id);

    if (terminal && terminal->peer && terminal->presence->state == presence_PRESENT &&
        terminal->profile_sent != reactor_of(context)->profile_version)
        push(context, terminal);
}

void profile_announced(struct context *context, struct terminal *terminal, int64_t applied)
{
    terminal->profile_applied = applied;
    terminal->profile_sent = applied;
    profile_update(context, terminal->row.id);
}

void handle_profile_applied(struct context *context, uint64_t peer, const struct msg *msg)
{
    struct terminal *terminal = context_terminal(context, peer);

    if (terminal && msg->profile_applied.version <= terminal->profile_sent)
        terminal->profile_applied = msg->profile_applied.version;
}
