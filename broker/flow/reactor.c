/* reactor.c - start and stop of module flow, events of hosts, the end of the recovery window. */
#include "flow/reactor.h"

#include "berth/log.h"

#include "core/history_lines.h"
#include "core/presence.h"
#include "flow/command.h"
#include "flow/decide.h"
#include "flow/host_inventory.h"
#include "flow/limits.h"
#include "flow/machine_events.h"
#include "flow/power.h"
#include "flow/profile.h"
#include "flow/refill.h"
#include "flow/release.h"
#include "flow/resume.h"
#include "flow/sign_on.h"

/* ---- events of virt ---- */

void reactor_host_event(void *context_, uint64_t host_id, bool up, const struct virt_result *facts,
                        const char *reason)
{
    struct context *context = context_;
    struct host *host = host_find(context->core, host_id);

    if (host && !context->stopping)
        host_connection(context, host, up, facts, reason ? reason : "");
}

void reactor_machine_event(void *context_, uint64_t host_id, const struct virt_event *event)
{
    struct context *context = context_;
    struct host *host = host_find(context->core, host_id);

    if (host && !context->stopping)
        machine_event(context, host, event);
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
        copy_text(rows[i].presence_hash, facts[i].hash);
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

/* The broker crashed during their sign-on, and no terminal came back showing them. */
static void disconnect_orphans(struct context *context)
{
    list_each (core_all(context->core, ENTITY_session), node) {
        struct session *session = entity_at(node, session);

        if (session->row.state == session_PREPARING && !session->flow)
            session_disconnect_orphan(context, session);
    }
}

static void recovery_ended(struct berth_timer *timer)
{
    struct reactor *reactor = container_of(timer, struct reactor, recovered);
    const struct core *core = reactor->context->core;

    history_write(core->history, core_us(core), HISTORY_broker, broker,
                  .event = history_broker_event_RECOVERED, .incarnation = core->incarnation);
    disconnect_orphans(reactor->context);
    pools_mark(reactor->context);
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
        limits_arm(context, entity_at(node, session), true);
    }
    list_each (core_all(context->core, ENTITY_user), node) {
        struct user *user = entity_at(node, user);

        if (user->row.disabled) /* the broker may have crashed before it did so */
            limits_user_disabled(context, user);
    }
    list_each (core_all(context->core, ENTITY_host), node) {
        const struct host *host = entity_at(node, host);

        virt_host_start(context->virt, host->row.id, host->row.name, host->row.uri);
    }
}

/* Those that were ending when the broker stopped; hosts can be called now. */
static void continue_releases(struct context *context)
{
    list_each (core_all(context->core, ENTITY_session), node)
        release_start(context, entity_at(node, session));
}

void reactor_start(struct context *context)
{
    struct reactor *reactor = berth_new(struct reactor);

    context_start(context);
    reactor->context = context;
    context->reactor = reactor;
    context->engine.counters = &reactor->flow_counters;
    reactor->listener.notify = reactor_notify;
    core_listen(context->core, &reactor->listener);

    context->core->recovery_until_ms = context->timers->mono_ms + context->settings.recovery_ms;
    timer_start(context->timers, &reactor->recovered, context->settings.recovery_ms,
                recovery_ended);
    start_presence(context);
    start_entities(context);
    continue_releases(context);
    profile_start(context);
    command_watch(context);
    pools_mark(context);
}

/* ---- stop ---- */

int reactor_quiesce(struct context *context, int64_t limit_ms, struct op *op)
{
    int begun = context_quiesce(context, limit_ms, op);

    list_each (core_all(context->core, ENTITY_terminal), node) {
        struct terminal *terminal = entity_at(node, terminal);

        if (terminal->sign_on)
            flow_cancel(terminal->sign_on, BERTH_E_CLOSING, "The broker is being restarted");
    }
    return begun;
}

/* Complete all jobs that wait with CLOSING and free them. */
static void drop_pending_requests(struct context *context)
{
    struct list *node;

    while ((node = list_shift(&context->pending_requests))) {
        struct pending_request *pending = list_entry(node, struct pending_request, node);

        pending->drop(pending);
    }
}

/* Timers of entities that would begin a flow. */
static void stop_entity_timers(struct context *context)
{
    list_each (core_all(context->core, ENTITY_session), node) {
        struct session *session = entity_at(node, session);

        timer_stop(context->timers, &session->limit);
        timer_stop(context->timers, &session->release_retry);
    }
    list_each (core_all(context->core, ENTITY_host), node)
        timer_stop(context->timers, &entity_at(node, host)->retry);
    list_each (core_all(context->core, ENTITY_pool), node)
        timer_stop(context->timers, &entity_at(node, pool)->retry);
}

void reactor_stop(struct context *context)
{
    struct reactor *reactor = context->reactor;

    context->stopping = true;
    decide_close(context);
    while (!list_empty(&context->engine.flows)) {
        struct flow *flow = list_entry(context->engine.flows.next, struct flow, node);

        /* Decisions were completed, and everything else that a flow waits for can be cancelled. */
        if (!flow_stop(flow, BERTH_E_CLOSING, "The broker is being stopped"))
            list_remove(&flow->node);
    }
    drop_pending_requests(context);
    decide_stop(context);
    resume_stop(context);
    machine_requests_drop(context);
    stop_entity_timers(context);
    list_remove(&reactor->listener.node);
    timer_stop(context->timers, &reactor->recovered);
    context_stop(context);
    context->engine.counters = NULL;
    free(reactor);
    context->reactor = NULL;
}
