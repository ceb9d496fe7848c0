/* profile.c - marking terminals whose settings may have changed, and sending settings. */
#include "flow/profile.h"

#include <stdio.h>

#include "core/effective.h"
#include "core/index.h"
#include "core/presence.h"
#include "flow/terminal_handlers.h"

void profile_start(struct context *context)
{
    context->profile_version = context->core->rev > 0 ? (int64_t)context->core->rev : 1;
}

/* ---- sending ---- */

static void push(struct context *context, struct terminal *terminal)
{
    berth_cleanup(berth_freep) struct effective *effective = berth_new(struct effective);
    berth_cleanup(berth_freep) struct msg *msg = berth_new(struct msg);

    effective_settings(context->core, terminal, effective);
    msg->type = MSG_profile;
    msg->profile.version = context->profile_version;
    for (size_t i = 0; i < effective->count && i < BERTH_COUNT(msg->profile.settings); i++) {
        struct msg_setting *setting = &msg->profile.settings[msg->profile.settings_count++];

        copy_text(setting->key, effective->at[i].row->key);
        copy_text(setting->value, effective->at[i].value);
        copy_text(setting->level, effective->at[i].level);
    }
    context_tell(context, terminal->peer, msg);
    terminal->profile_sent = msg->profile.version;
}

static void update(struct context *context, uint64_t terminal_id)
{
    struct terminal *terminal = terminal_find(context->core, terminal_id);

    if (terminal && terminal->peer && terminal->presence->state == presence_PRESENT &&
        terminal->profile_sent != context->profile_version)
        push(context, terminal);
}

/* ---- marking ---- */

#define PROFILES_AT_ONCE 64 /* per turn: computing thousands would block the loop */

static void check_more(struct berth_timer *timer);

static void check_marked(struct berth_deferred *deferred)
{
    struct context *context = container_of(deferred, struct context, profile_check);
    uint64_t id;

    for (int i = 0; i < PROFILES_AT_ONCE && (id = dirty_set_next(&context->dirty_profiles)) != 0;
         i++)
        update(context, id);
    if (!list_empty(&context->dirty_profiles.queue))
        timer_start(context->timers, &context->more_profiles, 1, check_more);
}

static void check_more(struct berth_timer *timer)
{
    check_marked(&container_of(timer, struct context, more_profiles)->profile_check);
}

static void mark(struct context *context, const struct terminal *terminal)
{
    if (!terminal->peer)
        return;
    dirty_set_add(&context->dirty_profiles, terminal->row.id);
    if (!list_linked(&context->profile_check.node))
        deferred_add(context->timers, &context->profile_check, check_marked);
}

void profile_notice(struct context *context, const struct notice *notice)
{
    struct terminal *terminal;

    if (notice->kind != NOTICE_CHANGED)
        return;
    if (notice->entity == ENTITY_terminal) {
        terminal = terminal_find(context->core, notice->id);
        context->profile_version = (int64_t)notice->rev;
        if (terminal)
            mark(context, terminal);
    } else if (notice->entity == ENTITY_profile || notice->entity == ENTITY_place ||
               notice->entity == ENTITY_site) {
        context->profile_version = (int64_t)notice->rev;
        list_each (core_all(context->core, ENTITY_terminal), node) {
            mark(context, entity_at(node, terminal));
        }
    }
}

/* ---- what terminals apply ---- */

void profile_announced(struct context *context, struct terminal *terminal, int64_t applied)
{
    terminal->profile_applied = applied;
    terminal->profile_sent = applied;
    update(context, terminal->row.id);
}

void handle_profile_applied(berth_unused struct context *context, struct terminal *terminal,
                            const struct msg *msg)
{
    if (msg->profile_applied.version <= terminal->profile_sent)
        terminal->profile_applied = msg->profile_applied.version;
}
