/* context.c - peers and messages to them, marks, and what is noted for the history and for explain.
 */
#include "flow/context.h"

#include <stdio.h>

#include "core/history_lines.h"

/* ---- start and stop ---- */

static void flow_ended(struct flow_engine *engine);

void context_start(struct context *context)
{
    context->stopping = false;
    context->closed = false;
    context->quiescing = NULL;
    context->engine.flow_ended = flow_ended;
    context->invitation_flow = NULL;
    map_init(&context->peers, random_map_key(context->random));
    map_init(&context->signing_on, random_map_key(context->random));
    map_init(&context->last_sign_ons, random_map_key(context->random));
    map_init(&context->resumes,
             context->last_sign_ons.key); /* both are keyed by ids that the broker chose */
    list_init(&context->decisions);
    list_init(&context->retried_writes);
    list_init(&context->pending_requests);
    list_init(&context->invitation_waitq);
    list_init(&context->refill.node);
    list_init(&context->profile_check.node);
    dirty_set_init(&context->dirty_pools, context->random);
    dirty_set_init(&context->dirty_profiles, context->random);
}

static void free_peers(struct context *context)
{
    for (size_t i = 0; i < context->peers.capacity; i++)
        if (context->peers.slots[i].hash)
            context_peer_free(context->peers.slots[i].value);
    map_clear(&context->peers);
}

static void free_values(struct map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].hash)
            free(map->slots[i].value);
    map_clear(map);
}

void context_stop(struct context *context)
{
    deferred_cancel(&context->refill);
    deferred_cancel(&context->profile_check);
    timer_stop(context->timers, &context->more_profiles);
    timer_stop(context->timers, &context->command_expiry);
    timer_stop(context->timers, &context->quiesce_limit);
    dirty_set_clear(&context->dirty_pools);
    dirty_set_clear(&context->dirty_profiles);
    free_peers(context);
    free_values(&context->last_sign_ons);
    map_clear(&context->signing_on);
    context->engine.flow_ended = NULL;
}

/* ---- the orderly stop ---- */

void context_work_ended(struct context *context)
{
    struct op *op = context->reactor ? context->quiescing : NULL;

    if (!op || !list_empty(&context->engine.flows) || !list_empty(&context->decisions))
        return;
    context->quiescing = NULL;
    timer_stop(context->timers, &context->quiesce_limit);
    op_complete_deferred(op, 0, NULL);
}

static void flow_ended(struct flow_engine *engine)
{
    context_work_ended(container_of(engine, struct context, engine));
}

static void quiesce_timeout(struct berth_timer *timer)
{
    struct context *context = container_of(timer, struct context, quiesce_limit);
    struct op *op = context->quiescing;

    context->quiescing = NULL;
    op_complete(op, 0, NULL);
}

int context_quiesce(struct context *context, int64_t limit_ms, struct op *op)
{
    int begun = op_begun(op, NULL, NULL);

    context->stopping = true;
    context->quiescing = op;
    timer_start(context->timers, &context->quiesce_limit, limit_ms, quiesce_timeout);
    context_work_ended(context);
    return begun;
}

/* ---- marks ---- */

void context_mark_pool(struct context *context, uint64_t pool_id)
{
    if (pool_id)
        core_announce(context->core, NOTICE_FREED, ENTITY_pool, pool_id);
}

static void mark_due(struct berth_timer *timer)
{
    const struct pool *pool = container_of(timer, struct pool, retry);

    core_announce(pool->base.core, NOTICE_FREED, ENTITY_pool, pool->row.id);
}

void context_mark_pool_later(struct context *context, struct pool *pool, int64_t delay_ms)
{
    struct berth_timers *timers = context->timers;

    if (timer_armed(&pool->retry) &&
        timer_deadline_ms(timers, &pool->retry) <= timers->mono_ms + delay_ms)
        return;
    timer_start(timers, &pool->retry, delay_ms, mark_due);
}

void context_doubt_machine(struct context *context, const struct desktop *desktop, const char *why)
{
    const struct notice notice = {
        .kind = NOTICE_DOUBTED, .entity = ENTITY_desktop, .id = desktop->row.id, .why = why
    };

    core_notify(context->core, &notice);
}

/* ---- peers ---- */

struct peer *context_peer(struct context *context, uint64_t id)
{
    return map_get_id(&context->peers, id);
}

struct terminal *context_terminal(struct context *context, uint64_t id)
{
    const struct peer *peer = context_peer(context, id);
    struct terminal *terminal = peer ? terminal_find(context->core, peer->terminal_id) : NULL;

    return terminal && terminal->peer == id ? terminal : NULL;
}

const char *context_terminal_name(struct context *context, uint64_t id)
{
    const struct terminal *terminal = context_terminal(context, id);

    return terminal ? terminal->row.name : "";
}

struct peer *context_peer_add(struct context *context, uint64_t id, const char *address)
{
    struct peer *peer = berth_new(struct peer);

    peer->context = context;
    peer->id = id;
    copy_text(peer->address, address);
    map_put_id(&context->peers, id, peer);
    return peer;
}

struct peer *context_peer_take(struct context *context, uint64_t id)
{
    return map_take_id(&context->peers, id);
}

void context_peer_free(struct peer *peer)
{
    timer_stop(peer->context->timers, &peer->expiry);
    free(peer);
}

unsigned context_peer_state(struct context *context, uint64_t id)
{
    const struct peer *peer = context_peer(context, id);

    if (!peer)
        return 0;
    if (!peer->terminal_id)
        return IN_JOINING;
    return peer->present ? IN_PRESENT : IN_OPEN;
}

static void note_instruction(const struct core *core, const struct peer *peer,
                             const struct msg *msg)
{
    if (msg->type == MSG_show)
        history_write(core->history, core_us(core), HISTORY_instruction, instruction,
                      .terminal_id = peer->terminal_id, .show = true,
                      .session_id = msg->show.session_id, .epoch = msg->show.epoch,
                      .connection_id = msg->show.connection_id);
    else if (msg->type == MSG_hide)
        history_write(core->history, core_us(core), HISTORY_instruction, instruction,
                      .terminal_id = peer->terminal_id, .session_id = msg->hide.session_id,
                      .epoch = msg->hide.epoch);
}

void context_note_peer(struct context *context, enum history_peer_event event, uint64_t terminal_id,
                       uint64_t acted_id, const char *key)
{
    struct core *core = context->core;
    struct history_line line = {
        .kind = HISTORY_peer,
        .at_us = core_us(core),
        .peer = { .event = event, .terminal_id = terminal_id, .acted_id = acted_id }
    };

    if (!core->history)
        return;
    copy_text(line.peer.key, key ? key : "");
    core->history->take(core->history, &line);
}

void context_tell(struct context *context, uint64_t id, const struct msg *msg)
{
    struct peer *peer = id ? context_peer(context, id) : NULL;

    /* When the broker stops, the link is freed before the flows: `tell` is NULL then. */
    if (!peer || !context->tell)
        return;
    if (msg->type == MSG_granted)
        peer->present = true;
    if (msg_row(msg->type)->in & context_peer_state(context, id)) {
        note_instruction(context->core, peer, msg);
        context->tell(context->link, id, msg);
    }
    if (msg->type == MSG_presence_unknown)
        peer->present = false;
}

void context_refuse(struct context *context, uint64_t peer, const char *about, uint64_t ref,
                    const struct berth_error *error, int64_t retry_ms)
{
    struct msg msg berth_unset;

    msg_refuse(&msg, about, ref, error, retry_ms);
    context_tell(context, peer, &msg);
}

/* ---- last sign-ons, for explain ---- */

#define LAST_SIGN_ONS_MAX 20000 /* no more are kept, to limit memory */

void context_note_last_sign_on(struct context *context, uint64_t user_id, const char *terminal,
                               const char *outcome)
{
    struct map *map = &context->last_sign_ons;
    struct last_sign_on *last = map_get_id(map, user_id);

    if (!last) {
        if (map->count >= LAST_SIGN_ONS_MAX)
            return;
        last = berth_new(struct last_sign_on);
        last->user_id = user_id;
        map_put_id(map, user_id, last);
    }
    last->at_ms = context->timers->wall_ms;
    copy_text(last->terminal, terminal);
    copy_text(last->outcome, outcome);
}
