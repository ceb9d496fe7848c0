/* house.c - see house.h: looking at the end of the turn, peers, start and stop. */
#include "flow/house.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/history_lines.h"
#include "core/presence.h"
#include "flow/command.h"
#include "flow/decide.h"
#include "flow/desk.h"
#include "flow/limits.h"
#include "flow/power.h"
#include "flow/profile.h"
#include "flow/reconcile.h"
#include "flow/refill.h"
#include "flow/release.h"
#include "flow/resume.h"

/* ---- what has to be looked at ---- */

struct look {
    struct list node;
    uint64_t id;
};

static void looks_init(struct looks *looks, struct berth_random *random)
{
    map_init(&looks->ids, random_map_key(random));
    list_init(&looks->queue);
}

static void looks_add(struct looks *looks, uint64_t id)
{
    struct look *look;

    if (map_get_id(&looks->ids, id))
        return;
    look = berth_new(struct look);
    look->id = id;
    list_append(&looks->queue, &look->node);
    map_put_id(&looks->ids, id, look);
}

uint64_t looks_next(struct looks *looks)
{
    struct list *node = list_shift(&looks->queue);
    struct look *look;
    uint64_t id;

    if (!node)
        return 0;
    look = list_entry(node, struct look, node);
    id = look->id;
    (void)map_take_id(&looks->ids, id);
    free(look);
    return id;
}

static void looks_clear(struct looks *looks)
{
    while (looks_next(looks))
        ;
    map_clear(&looks->ids);
}

#define PROFILES_AT_ONCE 64 /* in one turn: computing thousands would hold the loop */

static void look_again(struct berth_timer *timer);

static void look(struct berth_soon *soon)
{
    struct house *house = container_of(soon, struct house, turn);
    uint64_t id;

    while ((id = looks_next(&house->pools)) != 0)
        pool_look(house->rooms, id);
    for (int i = 0; i < PROFILES_AT_ONCE && (id = looks_next(&house->profiles)) != 0; i++)
        profile_look(house->rooms, id);
    if (!list_empty(&house->profiles.queue))
        timer_start(house->rooms->timers, &house->more_profiles, 1, look_again);
}

static void look_again(struct berth_timer *timer)
{
    look(&container_of(timer, struct house, more_profiles)->turn);
}

static void look_soon(struct house *house)
{
    if (!list_linked(&house->turn.node))
        soon_add(house->rooms->timers, &house->turn, look);
}

void house_look_at_pool(struct rooms *rooms, uint64_t pool_id)
{
    if (!pool_id)
        return;
    looks_add(&house_of(rooms)->pools, pool_id);
    look_soon(house_of(rooms));
}

void house_look_at_profile(struct rooms *rooms, uint64_t terminal_id)
{
    looks_add(&house_of(rooms)->profiles, terminal_id);
    look_soon(house_of(rooms));
}

void house_look_at_all_pools(struct rooms *rooms)
{
    list_each (core_all(rooms->core, ENTITY_pool), node) {
        struct entity *entity = entity_of(node);

        house_look_at_pool(rooms, container_of(entity, struct pool, base)->row.id);
    }
}

/* ---- peers ---- */

struct peer *house_peer(struct rooms *rooms, uint64_t peer)
{
    return map_get_id(&house_of(rooms)->peers, peer);
}

struct terminal *house_terminal(struct rooms *rooms, uint64_t id)
{
    const struct peer *peer = house_peer(rooms, id);
    struct terminal *terminal = peer ? terminal_find(rooms->core, peer->terminal_id) : NULL;

    return terminal && terminal->peer == id ? terminal : NULL;
}

static unsigned state_of(const struct peer *peer)
{
    if (!peer->terminal_id)
        return IN_JOINING;
    return peer->present ? IN_PRESENT : IN_OPEN;
}

static void note_told(const struct core *core, const struct peer *peer, const struct msg *msg)
{
    if (msg->type == MSG_show)
        history_write(core->history, core_us(core), HISTORY_told, told,
                      .terminal_id = peer->terminal_id, .show = true,
                      .session_id = msg->show.session_id, .epoch = msg->show.epoch,
                      .connection_id = msg->show.connection_id);
    else if (msg->type == MSG_hide)
        history_write(core->history, core_us(core), HISTORY_told, told,
                      .terminal_id = peer->terminal_id, .session_id = msg->hide.session_id,
                      .epoch = msg->hide.epoch);
}

void house_note_peer(struct rooms *rooms, enum peer_word word, uint64_t terminal_id,
                     uint64_t acted_id, const char *key)
{
    struct core *core = rooms->core;
    struct history_line line = {
        .kind = HISTORY_peer,
        .at_us = core_us(core),
        .peer = { .word = word, .terminal_id = terminal_id, .acted_id = acted_id }
    };

    if (!core->history)
        return;
    (void)snprintf(line.peer.key, sizeof(line.peer.key), "%s", key ? key : "");
    core->history->take(core->history, &line);
}

void house_tell(struct rooms *rooms, uint64_t id, const struct msg *msg)
{
    struct peer *peer = id ? house_peer(rooms, id) : NULL;

    /* The door goes before the flows when the broker ends: then nobody is left to be told. */
    if (!peer || !rooms->tell)
        return;
    if (msg->type == MSG_granted)
        peer->present = true;
    if (msg_row(msg->type)->in & state_of(peer)) {
        note_told(rooms->core, peer, msg);
        rooms->tell(rooms->door, id, msg);
    }
    if (msg->type == MSG_presence_unknown)
        peer->present = false;
}

/* ---- explain ---- */

#define LATEST_MAX 20000 /* beyond that nobody's is kept: memory, not policy */

void house_note_latest(struct rooms *rooms, uint64_t user_id, const char *terminal,
                       const char *outcome)
{
    struct map *map = &house_of(rooms)->latest;
    struct latest *latest = map_get_id(map, user_id);

    if (!latest) {
        if (map->count >= LATEST_MAX)
            return;
        latest = berth_new(struct latest);
        latest->user_id = user_id;
        map_put_id(map, user_id, latest);
    }
    latest->at_ms = rooms->timers->wall_ms;
    (void)snprintf(latest->terminal, sizeof(latest->terminal), "%s", terminal);
    (void)snprintf(latest->outcome, sizeof(latest->outcome), "%s", outcome);
}

/* ---- hosts ---- */

void flows_host(void *context, uint64_t host_id, bool up, const struct virt_result *facts,
                const char *reason)
{
    struct rooms *rooms = context;
    struct host *host = host_find(rooms->core, host_id);

    if (host && !house_of(rooms)->stopping)
        reconcile_host(rooms, host, up, facts, reason ? reason : "");
}

void flows_machine(void *context, uint64_t host_id, const struct virt_event *event)
{
    struct rooms *rooms = context;
    struct host *host = host_find(rooms->core, host_id);

    if (host && !house_of(rooms)->stopping)
        reconcile_machine(rooms, host, event);
}

/* ---- start ---- */

static void save_presence(void *context, const struct presence_fact *facts, size_t count)
{
    struct rooms *rooms = context;
    struct presence_row rows[PRESENCE_BATCH] berth_unset;

    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct presence_row){ .terminal_id = facts[i].terminal_id,
                                         .granted_ms = facts[i].granted_ms,
                                         .seen_ms = facts[i].seen_ms,
                                         .incarnation = rooms->core->incarnation };
        berth_copy_text(rows[i].presence_hash, sizeof(rows[i].presence_hash), facts[i].hash);
    }
    store_presence(rooms->store, rows, count);
}

static void was_present(void *context, const struct presence_row *row)
{
    struct rooms *rooms = context;
    struct terminal *terminal = terminal_find(rooms->core, row->terminal_id);

    if (terminal && terminal->row.state != terminal_REVOKED)
        presence_presume(terminal->presence, row->presence_hash, row->granted_ms);
}

static void recovered(struct berth_timer *timer)
{
    struct house *house = container_of(timer, struct house, recovered);
    const struct core *core = house->rooms->core;

    history_write(core->history, core_us(core), HISTORY_broker, broker,
                  .word = broker_word_RECOVERED, .incarnation = core->incarnation);
    reconcile_recovered(house->rooms);
    house_look_at_all_pools(house->rooms);
}

static void start_presence(struct rooms *rooms)
{
    struct berth_error error = { 0 };

    rooms->core->presence->save = save_presence;
    rooms->core->presence->context = rooms;
    if (store_presence_load(rooms->store, was_present, rooms, &error) < 0)
        log_failure(EV_FLOW_FAILED, &error, "read who was present"); /* they announce themselves */
    presence_presumed_all(rooms->core->presence);
}

static void start_entities(struct rooms *rooms)
{
    list_each (core_all(rooms->core, ENTITY_session), node) {
        struct entity *entity = entity_of(node);

        limits_arm(rooms, container_of(entity, struct session, base), true);
    }
    list_each (core_all(rooms->core, ENTITY_user), node) {
        struct user *user = container_of(entity_of(node), struct user, base);

        if (user->row.disabled) /* the broker may have died before it could do so */
            limits_user_disabled(rooms, user);
    }
    list_each (core_all(rooms->core, ENTITY_host), node) {
        struct entity *entity = entity_of(node);
        const struct host *host = container_of(entity, struct host, base);

        virt_host_start(rooms->virt, host->row.id, host->row.name, host->row.uri);
    }
}

void flows_start(struct rooms *rooms)
{
    struct house *house = berth_new(struct house);

    house->rooms = rooms;
    rooms->house = house;
    rooms->engine.figures = &house->figures;
    rooms->core->owner = rooms;
    map_init(&house->peers, random_map_key(rooms->random));
    map_init(&house->signing_on, random_map_key(rooms->random));
    map_init(&house->latest, random_map_key(rooms->random));
    map_init(&house->resumes, house->latest.key); /* both by numbers of ours */
    list_init(&house->decisions);
    list_init(&house->strays);
    list_init(&house->jots);
    list_init(&house->errands);
    list_init(&house->invited);
    list_init(&house->turn.node);
    looks_init(&house->pools, rooms->random);
    looks_init(&house->profiles, rooms->random);
    house->listener.notify = house_heard;
    core_listen(rooms->core, &house->listener);

    rooms->core->recovery_until_ms = rooms->timers->mono_ms + rooms->settings.recovery_ms;
    timer_start(rooms->timers, &house->recovered, rooms->settings.recovery_ms, recovered);
    start_presence(rooms);
    start_entities(rooms);
    reconcile_start(rooms);
    profile_start(rooms);
    command_watch(rooms);
    house_look_at_all_pools(rooms);
}

/* ---- stop ---- */

void house_flow_ended(struct rooms *rooms)
{
    struct house *house = house_of(rooms);
    struct op *op = house ? house->quiescing : NULL;

    if (!op || !list_empty(&rooms->engine.flows) || !list_empty(&house->decisions))
        return;
    house->quiescing = NULL;
    timer_stop(rooms->timers, &house->quiesce_limit);
    op_complete_soon(op, 0, NULL);
}

static void quiesce_over(struct berth_timer *timer)
{
    struct house *house = container_of(timer, struct house, quiesce_limit);
    struct op *op = house->quiescing;

    house->quiescing = NULL;
    op_complete(op, 0, NULL);
}

int flows_quiesce(struct rooms *rooms, int64_t limit_ms, struct op *op)
{
    struct house *house = house_of(rooms);
    int begun = op_begun(op, NULL, NULL);

    house->stopping = true;
    house->quiescing = op;
    list_each (core_all(rooms->core, ENTITY_terminal), node) {
        struct entity *entity = entity_of(node);
        struct terminal *terminal = container_of(entity, struct terminal, base);

        if (terminal->sign_on)
            flow_cancel(terminal->sign_on, BERTH_E_CLOSING, "The broker is being restarted");
    }
    timer_start(rooms->timers, &house->quiesce_limit, limit_ms, quiesce_over);
    house_flow_ended(rooms);
    return begun;
}

static void free_values(struct map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].hash)
            free(map->slots[i].value);
    map_clear(map);
}

void house_peer_free(struct peer *peer)
{
    timer_stop(peer->rooms->timers, &peer->expiry);
    free(peer);
}

static void free_peers(struct house *house)
{
    for (size_t i = 0; i < house->peers.capacity; i++)
        if (house->peers.slots[i].hash)
            house_peer_free(house->peers.slots[i].value);
    map_clear(&house->peers);
}

/* Whoever asked is told: nothing waits for ever, and nothing is left over in memory. */
static void drop_strays(struct house *house)
{
    struct list *node;

    while ((node = list_shift(&house->strays))) {
        struct stray *stray = list_entry(node, struct stray, node);

        stray->drop(stray);
    }
}

/* Timers of entities that begin something: nothing is there to do it any more. */
static void stop_entity_timers(struct rooms *rooms)
{
    list_each (core_all(rooms->core, ENTITY_session), node) {
        struct session *session = container_of(entity_of(node), struct session, base);

        timer_stop(rooms->timers, &session->limit);
        timer_stop(rooms->timers, &session->release_retry);
    }
    list_each (core_all(rooms->core, ENTITY_host), node)
        timer_stop(rooms->timers, &container_of(entity_of(node), struct host, base)->retry);
    list_each (core_all(rooms->core, ENTITY_pool), node)
        timer_stop(rooms->timers, &container_of(entity_of(node), struct pool, base)->retry);
}

void flows_stop(struct rooms *rooms)
{
    struct house *house = house_of(rooms);

    house->stopping = true;
    decide_close(house);
    while (!list_empty(&rooms->engine.flows)) {
        struct flow *flow = list_entry(rooms->engine.flows.next, struct flow, node);

        /* Decisions were answered, and everything else that a flow waits for can be cancelled. */
        if (!flow_stop(flow, BERTH_E_CLOSING, "The broker is being stopped"))
            list_remove(&flow->node);
    }
    drop_strays(house);
    decide_stop(house);
    session_ends_forget(rooms);
    resume_stop(rooms);
    machines_forget(rooms);
    stop_entity_timers(rooms);
    list_remove(&house->listener.node);
    soon_cancel(&house->turn);
    timer_stop(rooms->timers, &house->recovered);
    timer_stop(rooms->timers, &house->more_profiles);
    timer_stop(rooms->timers, &house->command_expiry);
    timer_stop(rooms->timers, &house->quiesce_limit);
    looks_clear(&house->pools);
    looks_clear(&house->profiles);
    free_peers(house);
    free_values(&house->latest);
    map_clear(&house->signing_on);
    rooms->engine.figures = NULL;
    free(house);
    rooms->house = NULL;
}
