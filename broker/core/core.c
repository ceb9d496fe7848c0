/* core.c - every kind of entity with its hooks; loading rows, and applying decisions. */
#include "core/core.h"

#include <string.h>

#include "core/admin.h"
#include "core/assignment.h"
#include "core/command.h"
#include "core/connection.h"
#include "core/desktop.h"
#include "core/desktop_class.h"
#include "core/effective.h"
#include "core/grace.h"
#include "core/history_lines.h"
#include "core/hooks.h"
#include "core/host.h"
#include "core/identity.h"
#include "core/image.h"
#include "core/notice.h"
#include "core/place.h"
#include "core/policy.h"
#include "core/pool.h"
#include "core/presence.h"
#include "core/session.h"
#include "core/terminal.h"
#include "core/user.h"

/* clang-format off */
#define KIND(name_, ...) \
    [ENTITY_##name_] = { .size = sizeof(struct name_), .row_offset = offsetof(struct name_, row), __VA_ARGS__ }
#define ENDED_FROM(name_, state_) .ended_from = (state_), .state_offset = offsetof(struct row_##name_, state)
static const struct entity_ops kinds[ENTITY_KINDS] = {
    KIND(site),
    KIND(place),
    KIND(host, .added = host_added, .dropped = host_dropped),
    KIND(image),
    KIND(image_version),
    KIND(pool, .added = pool_added, .changed = desktop_pool_changed, .dropped = pool_dropped),
    KIND(desktop, .added = desktop_added, .changed = desktop_changed, .dropped = desktop_dropped),
    KIND(slot),
    KIND(terminal, .added = terminal_added, .changed = terminal_changed, .dropped = terminal_dropped),
    KIND(identity),
    KIND(invitation),
    KIND(profile),
    KIND(command, ENDED_FROM(command, command_DONE), .changed = command_changed),
    KIND(user),
    KIND(badge),
    KIND(group),
    KIND(membership),
    KIND(entitlement),
    KIND(assignment, ENDED_FROM(assignment, assignment_CLOSED), .added = assignment_added, .changed = assignment_changed,
         .dropped = assignment_dropped),
    KIND(session, ENDED_FROM(session, session_ENDED), .added = session_added, .changed = session_changed, .dropped = session_dropped),
    KIND(connection, ENDED_FROM(connection, connection_ENDED), .changed = connection_changed),
    KIND(admin),
    KIND(token),
};
#undef KIND
#undef ENDED_FROM
/* clang-format on */

static const struct core_limits default_limits = {
    .grant_ms = 30000,
    .renew_ms = 10000,
    .suspect_ms = 15000,
    .link_grace_ms = 5000,
    .resume_ms = 60000,
    .handshake_us = 1800, /* full mutual TLS 1.3 with P-256, measured */
    .link_threads = 1,
};

static void stalled(void *context, int64_t by_ms)
{
    const struct core *core = context;

    history_write(core->history, core_us(core), HISTORY_clock, clock, .stall_ms = by_ms);
}

struct core *core_new(struct berth_timers *timers, struct berth_random *random)
{
    struct core *core = berth_new(struct core);

    core->timers = timers;
    timers->stalled = stalled;
    timers->stalled_context = core;
    core->random = random;
    core->ops = kinds;
    core->limits = default_limits;
    list_init(&core->listeners);
    registries_init(core);
    core->presence = presence_table_new(core);
    core->grace = grace_table_new(random_map_key(random));
    return core;
}

void core_free(struct core *core)
{
    if (!core)
        return;
    core->timers->stalled = NULL;
    /* Frees the dropped entities that wait for the end of the turn. */
    deferred_run(core->timers);
    registries_clear(core);
    presence_table_free(core->presence);
    grace_table_free(core->grace);
    free(core);
}

bool core_keeps_history(enum entity_kind kind)
{
    return kinds[kind].ended_from != 0;
}

bool core_has_ended(enum entity_kind kind, const void *row)
{
    return entity_row_has_ended(&kinds[kind], row);
}

/* ---- rows at the start ---- */

void core_load_begin(struct core *core, int64_t incarnation)
{
    int64_t recovery_ms = core->recovery_until_ms - core->timers->mono_ms;

    core->incarnation = incarnation;
    history_write(core->history, core_us(core), HISTORY_broker, broker,
                  .event = history_broker_event_STARTED, .incarnation = incarnation,
                  .recovery_ms = recovery_ms > 0 ? recovery_ms : 0);
}

void core_load_end(struct core *core)
{
    history_write(core->history, core_us(core), HISTORY_broker, broker,
                  .event = history_broker_event_LOADED, .incarnation = core->incarnation);
}

int core_load(struct core *core, enum entity_kind kind, const void *row, struct berth_error *reterr)
{
    uint64_t id;

    memcpy(&id, row, sizeof(id));
    if (!id)
        return berth_fail(reterr, BERTH_E_STORE, "a row of '%s' has no id",
                          entity_row(kind)->table);
    if (core_find(core, kind, id))
        return berth_fail(reterr, BERTH_E_STORE, "'%s' has two rows with id %llu",
                          entity_row(kind)->table, (unsigned long long)id);
    core_note_loaded(core, kind, row);
    if (core_has_ended(kind, row)) {
        if (id > core->last_id)
            core->last_id = id;
        return 0;
    }
    (void)registry_add(core, kind, row, true);
    core->loaded++;
    return 0;
}

/* ---- decisions ---- */

static void apply_one(struct core *core, struct change *change)
{
    struct entity *entity = core_find(core, change->kind, change->row.id);

    switch (change->verb) {
    case CHANGE_ADD:
        if (entity) /* the store refuses a second row with the same id */
            abort();
        (void)registry_add(core, change->kind, &change->row, false);
        return;
    case CHANGE_SET:
        if (entity)
            registry_set(entity, &change->row);
        return;
    case CHANGE_DROP:
        change->gone = entity;
        if (entity)
            registry_drop(entity);
        return;
    }
}

void core_apply(struct core *core, struct changes *changes)
{
    if (changes->rev > core->rev)
        core->rev = changes->rev;
    if (changes->repeated) {
        changes_free(changes);
        return;
    }
    for (size_t i = 0; i < changes->count; i++)
        apply_one(core, changes->at[i]);
    core_note_changes(core, changes);
    /* After all rows: a listener must see the whole decision. */
    for (size_t i = 0; i < changes->count; i++) {
        const struct notice notice = { .kind = NOTICE_CHANGED,
                                       .entity = changes->at[i]->kind,
                                       .id = changes->at[i]->row.id,
                                       .verb = changes->at[i]->verb,
                                       .gone = changes->at[i]->gone,
                                       .rev = changes->rev };

        core_notify(core, &notice);
    }
    changes_free(changes);
}
