/* reactor.c - dirty sets and their check at the end of the turn, peers, start and stop of module
 * flow. */
#include "flow/reactor.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/history_lines.h"
#include "core/presence.h"
#include "flow/command.h"
#include "flow/decide.h"
#include "flow/limits.h"
#include "flow/power.h"
#include "flow/profile.h"
#include "flow/reconcile.h"
#include "flow/refill.h"
#include "flow/release.h"
#include "flow/resume.h"
#include "flow/terminal_handlers.h"

/* ---- dirty sets ---- */

struct dirty_id {
    struct list node;
    uint64_t id;
};

static void dirty_set_init(struct dirty_set *set, struct berth_random *random)
{
    map_init(&set->ids, random_map_key(random));
    list_init(&set->queue);
}

static void dirty_set_add(struct dirty_set *set, uint64_t id)
{
    struct dirty_id *dirty;

    if (map_get_id(&set->ids, id))
        return;
    dirty = berth_new(struct dirty_id);
    dirty->id = id;
    list_append(&set->queue, &dirty->node);
    map_put_id(&set->ids, id, dirty);
}

/* Take the next id out of the set, 0 = empty. */
static uint64_t dirty_set_next(struct dirty_set *set)
{
    struct list *node = list_shift(&set->queue);
    struct dirty_id *dirty;
    uint64_t id;

    if (!node)
        return 0;
    dirty = list_entry(node, struct dirty_id, node);
    id = dirty->id;
    (void)map_take_id(&set->ids, id);
    free(dirty);
    return id;
}

static void dirty_set_clear(struct dirty_set *set)
{
    while (dirty_set_next(set))
        ;
    map_clear(&set->ids);
}

#define PROFILES_AT_ONCE 64 /* per turn: computing thousands would block the loop */

static void flush_more(struct berth_timer *timer);

static void flush_dirty(struct berth_deferred *deferred)
{
    struct reactor *reactor = container_of(deferred, struct reactor, flush);
    uint64_t id;

    while ((id = dirty_set_next(&reactor->dirty_pools)) != 0)
        pool_refill(reactor->context, id);
    for (int i = 0; i < PROFILES_AT_ONCE && (id = dirty_set_next(&reactor->dirty_profiles)) != 0;
         i++)
        profile_update(reactor->context, id);
    if (!list_empty(&reactor->dirty_profiles.queue))
        timer_start(reactor->context->timers, &reactor->more_profiles, 1, flush_more);
}

static void flush_more(struct berth_timer *timer)
{
    flush_dirty(&container_of(timer, struct reactor, more_profiles)->flush);
}

static void defer_flush(struct reactor *reactor)
{
    if (!list_linked(&reactor->flush.node))
        deferred_add(reactor->context->timers, &reactor->flush, flush_dirty);
}

void context_mark_pool(struct context *context, uint64_t pool_id)
{
    if (!pool_id)
        return;
    dirty_set_add(&reactor_of(context)->dirty_pools, pool_id);
    defer_flush(reactor_of(context));
}

void context_mark_profile(struct context *context, uint64_t terminal_id)
{
    dirty_set_add(&reactor_of(context)->dirty_profiles, terminal_id);
    defer_flush(reactor_of(context));
}

void context_mark_all_pools(struct context *context)
{
    list_each (core_all(context->core, ENTITY_pool), node) {
        struct entity *entity = entity_of(node);

        context_mark_pool(context, container_of(entity, struct pool, base)->row.id);
    }
}

/* ---- peers ---- */

struct peer *context_peer(struct context *context, uint64_t peer)
{
    return map_get_id(&reactor_of(context)->peers, peer);
}

struct terminal *context_terminal(struct context *context, uint64_t id)
{
    const struct peer *peer = context_peer(context, id);
    struct terminal *terminal = peer ? terminal_find(context->core, peer->terminal_id) : NULL;

    return terminal && terminal->peer == id ? terminal : NULL;
}

static unsigned state_of(const struct peer *peer)
{
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
    (void)snprintf(line.peer.key, sizeof(line.peer.key), "%s", key ? key : "");
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
    if (msg_row(msg->type)->in & state_of(peer)) {
        note_instruction(context->core, peer, msg);
        context->tell(context->link, id, msg);
    }
    if (msg->type == MSG_presence_unknown)
        peer->present = false;
}

/* ---- last sign-ons, for explain ---- */

#define LAST_SIGN_ONS_MAX 20000 /* no more are kept, to limit memory */

void context_note_last_sign_on(struct context *context, uint64_t user_id, const char *terminal,
                               const char *outcome)
{
    struct map *map = &reactor_of(context)->last_sign_ons;
    struct last_sign_on *last = map_get_id(map, user_id);

    if (!last) {
        if (map->count >= LAST_SIGN_ONS_MAX)
            return;
        last = berth_new(struct last_sign_on);
        last->user_id = user_id;
        map_put_id(map, user_id, last);
    }
    last->at_ms = context->timers->wall_ms;
    (void)snprintf(last->terminal, sizeof(last->terminal), "%s", terminal);
    (void)snprintf(last->outcome, sizeof(last->outcome), "%s", outcome);
}

/* ---- events of virt ---- */

void reactor_host_event(void *context_, uint64_t host_id, bool up, const struct virt_result *facts,
                        const char *reason)
{
    struct context *context = context_;
    struct host *host = host_find(context->core, host_id);

    if (host && !reactor_of(context)->stopping)
        reconcile_host(context, host, up, facts, reason ? reason : "");
}

void reactor_machine_event(void *context_, uint64_t host_id, const struct virt_event *event)
{
    struct context *context = context_;
    struct host *host = host_find(context->core, host_id);

    if (host && !reactor_of(context)->stopping)
        reconcile_machine(context, host, event);
}

/* ---- start ---- */

static void presence_to_store(void *context_, const struct presence_fact *facts, size_t count)
{
    struct context *context = context_;
    struct presence_row rows[PRESENCE_BATCH] berth_unset;

    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct presence_row){ .terminal_id = facts[i].terminal_id,
                                         .granted_ms = facts[i].granted_ms,
                                         .seen_ms = facts[i].seen_ms,
                                         .incarnation = context->core->incarnation };
        berth_copy_text(rows[i].presence_hash, sizeof(rows[i].presence_hash), facts[i].hash);
    }
    store_presence(context->store, rows, count);
}

static void presence_from_store(void *context_, const struct presence_row *row)
{
    struct context *context = context_;
    struct terminal *terminal = terminal_find(context->core, row->terminal_id);

    if (terminal && terminal->row.state != terminal_REVOKED)
        presence_presume(terminal->presence, row->presence_hash, row->granted_ms);
}

static void recovery_ended(struct berth_timer *timer)
{
    struct reactor *reactor = container_of(timer, struct reactor, recovered);
    const struct core *core = reactor->context->core;

    history_write(core->history, core_us(core), HISTORY_broker, broker,
                  .event = history_broker_event_RECOVERED, .incarnation = core->incarnation);
    reconcile_recovered(reactor->context);
    context_mark_all_pools(reactor->context);
}

static void start_presence(struct context *context)
{
    struct berth_error error = { 0 };

    context->core->presence->save = presence_to_store;
    context->core->presence->context = context;
    if (store_presence_load(context->store, presence_from_store, context, &error) < 0)
        log_failure(EV_FLOW_FAILED, &error,
                    "read who was present"); /* they will announce themselves */
    presence_presumed_all(context->core->presence);
}

static void start_entities(struct context *context)
{
    list_each (core_all(context->core, ENTITY_session), node) {
        struct entity *entity = entity_of(node);

        limits_arm(context, container_of(entity, struct session, base), true);
    }
    list_each (core_all(context->core, ENTITY_user), node) {
        struct user *user = container_of(entity_of(node), struct user, base);

        if (user->row.disabled) /* the broker may have crashed before it did so */
            limits_user_disabled(context, user);
    }
    list_each (core_all(context->core, ENTITY_host), node) {
        struct entity *entity = entity_of(node);
        const struct host *host = container_of(entity, struct host, base);

        virt_host_start(context->virt, host->row.id, host->row.name, host->row.uri);
    }
}

static void flow_ended(struct flow_engine *engine)
{
    reactor_flow_ended(container_of(engine, struct context, engine));
}

void reactor_start(struct context *context)
{
    struct reactor *reactor = berth_new(struct reactor);

    reactor->context = context;
    context->reactor = reactor;
    context->engine.counters = &reactor->flow_counters;
    context->engine.flow_ended = flow_ended;
    map_init(&reactor->peers, random_map_key(context->random));
    map_init(&reactor->signing_on, random_map_key(context->random));
    map_init(&reactor->last_sign_ons, random_map_key(context->random));
    map_init(&reactor->resumes,
             reactor->last_sign_ons.key); /* both are keyed by ids that the broker chose */
    list_init(&reactor->decisions);
    list_init(&reactor->pending_requests);
    list_init(&reactor->retried_writes);
    list_init(&reactor->pending_ends);
    list_init(&reactor->invitation_waitq);
    list_init(&reactor->flush.node);
    dirty_set_init(&reactor->dirty_pools, context->random);
    dirty_set_init(&reactor->dirty_profiles, context->random);
    reactor->listener.notify = reactor_notify;
    core_listen(context->core, &reactor->listener);

    context->core->recovery_until_ms = context->timers->mono_ms + context->settings.recovery_ms;
    timer_start(context->timers, &reactor->recovered, context->settings.recovery_ms,
                recovery_ended);
    start_presence(context);
    start_entities(context);
    reconcile_start(context);
    profile_start(context);
    command_watch(context);
    context_mark_all_pools(context);
}

/* ---- stop ---- */

void reactor_flow_ended(struct context *context)
{
    struct reactor *reactor = reactor_of(context);
    struct op *op = reactor ? reactor->quiescing : NULL;

    if (!op || !list_empty(&context->engine.flows) || !list_empty(&reactor->decisions))
        return;
    reactor->quiescing = NULL;
    timer_stop(context->timers, &reactor->quiesce_limit);
    op_complete_deferred(op, 0, NULL);
}

static void quiesce_timeout(struct berth_timer *timer)
{
    struct reactor *reactor = container_of(timer, struct reactor, quiesce_limit);
    struct op *op = reactor->quiescing;

    reactor->quiescing = NULL;
    op_complete(op, 0, NULL);
}

int reactor_quiesce(struct context *context, int64_t limit_ms, struct op *op)
{
    struct reactor *reactor = reactor_of(context);
    int begun = op_begun(op, NULL, NULL);

    reactor->stopping = true;
    reactor->quiescing = op;
    list_each (core_all(context->core, ENTITY_terminal), node) {
        struct entity *entity = entity_of(node);
        struct terminal *terminal = container_of(entity, struct terminal, base);

        if (terminal->sign_on)
            flow_cancel(terminal->sign_on, BERTH_E_CLOSING, "The broker is being restarted");
    }
    timer_start(context->timers, &reactor->quiesce_limit, limit_ms, quiesce_timeout);
    reactor_flow_ended(context);
    return begun;
}

static void free_values(struct map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].hash)
            free(map->slots[i].value);
    map_clear(map);
}

void context_peer_free(struct peer *peer)
{
    timer_stop(peer->context->timers, &peer->expiry);
    free(peer);
}

static void free_peers(struct reactor *reactor)
{
    for (size_t i = 0; i < reactor->peers.capacity; i++)
        if (reactor->peers.slots[i].hash)
            context_peer_free(reactor->peers.slots[i].value);
    map_clear(&reactor->peers);
}

/* Complete all jobs that wait with CLOSING and free them. */
static void drop_pending_requests(struct reactor *reactor)
{
    struct list *node;

    while ((node = list_shift(&reactor->pending_requests))) {
        struct pending_request *pending = list_entry(node, struct pending_request, node);

        pending->drop(pending);
    }
}

/* Timers of entities that would begin a flow. */
static void stop_entity_timers(struct context *context)
{
    list_each (core_all(context->core, ENTITY_session), node) {
        struct session *session = container_of(entity_of(node), struct session, base);

        timer_stop(context->timers, &session->limit);
        timer_stop(context->timers, &session->release_retry);
    }
    list_each (core_all(context->core, ENTITY_host), node)
        timer_stop(context->timers, &container_of(entity_of(node), struct host, base)->retry);
    list_each (core_all(context->core, ENTITY_pool), node)
        timer_stop(context->timers, &container_of(entity_of(node), struct pool, base)->retry);
}

void reactor_stop(struct context *context)
{
    struct reactor *reactor = reactor_of(context);

    reactor->stopping = true;
    decide_close(reactor);
    while (!list_empty(&context->engine.flows)) {
        struct flow *flow = list_entry(context->engine.flows.next, struct flow, node);

        /* Decisions were completed, and everything else that a flow waits for can be cancelled. */
        if (!flow_stop(flow, BERTH_E_CLOSING, "The broker is being stopped"))
            list_remove(&flow->node);
    }
    drop_pending_requests(reactor);
    decide_stop(reactor);
    session_ends_drop(context);
    resume_stop(context);
    machine_requests_drop(context);
    stop_entity_timers(context);
    list_remove(&reactor->listener.node);
    deferred_cancel(&reactor->flush);
    timer_stop(context->timers, &reactor->recovered);
    timer_stop(context->timers, &reactor->more_profiles);
    timer_stop(context->timers, &reactor->command_expiry);
    timer_stop(context->timers, &reactor->quiesce_limit);
    dirty_set_clear(&reactor->dirty_pools);
    dirty_set_clear(&reactor->dirty_profiles);
    free_peers(reactor);
    free_values(&reactor->last_sign_ons);
    map_clear(&reactor->signing_on);
    context->engine.counters = NULL;
    context->engine.flow_ended = NULL;
    free(reactor);
    context->reactor = NULL;
}
