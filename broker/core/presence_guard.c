/* presence_guard.c - one guard per site counts expiring terminals, holds them, and lets them expire
 * slowly. */
#include "core/presence_guard.h"

#include "berth/log.h"

#include "core/history_lines.h"
#include "core/place.h"
#include "core/presence_state.h"

struct guard {
    struct list node;
    struct presence_table *table;
    uint64_t site_id;
    bool holding;
    struct list held;
    size_t lost; /* expired within the present window */
    int64_t lost_since_ms;
    struct berth_timer pace;
};

static uint64_t site_of(const struct presence *presence)
{
    return place_site_id(presence->terminal->base.core, presence->terminal->row.place_id);
}

static struct guard *guard_of(struct presence_table *table, uint64_t site_id)
{
    struct guard *guard;

    list_each (&table->guards, node) {
        guard = list_entry(node, struct guard, node);
        if (guard->site_id == site_id)
            return guard;
    }
    guard = berth_new(struct guard);
    guard->table = table;
    guard->site_id = site_id;
    list_init(&guard->held);
    list_append(&table->guards, &guard->node);
    return guard;
}

void guards_free(struct presence_table *table)
{
    struct list *node;

    while ((node = list_shift(&table->guards)) != NULL) {
        struct guard *guard = list_entry(node, struct guard, node);

        timer_stop(table->core->timers, &guard->pace);
        free(guard);
    }
}

static void relax(struct guard *guard)
{
    if (!list_empty(&guard->held))
        return;
    guard->holding = false;
    timer_stop(guard->table->core->timers, &guard->pace);
}

void guard_release(struct presence *presence)
{
    if (!presence->held)
        return;
    presence->held = false;
    list_remove(&presence->node);
    /* The terminal's place, and with it its site, may have changed since: check every guard. */
    list_each (&presence->terminal->base.core->presence->guards, node)
        relax(list_entry(node, struct guard, node));
}

static void expire_one(struct berth_timer *timer)
{
    struct guard *guard = container_of(timer, struct guard, pace);
    struct presence *presence;

    if (list_empty(&guard->held))
        return;
    timer_start(guard->table->core->timers, &guard->pace, GUARD_PACE_MS, expire_one);
    presence = list_entry(guard->held.next, struct presence, node);
    guard_release(presence);
    presence_make_absent(presence, history_presence_event_EXPIRED,
                         "it stayed away after its site had vanished");
}

/* Will this one become absent within the window unless it is heard of? A terminal that is still
 * PRESENT becomes SUSPECT first. */
static bool is_going(const struct berth_timers *timers, const struct presence *other)
{
    if (other->state != presence_SUSPECT && other->state != presence_PRESUMED)
        return false;
    return timer_armed(&other->next) &&
           timer_deadline_ms(timers, &other->next) - timers->mono_ms <= GUARD_WINDOW_MS;
}

static bool too_many(struct guard *guard, const struct presence *presence)
{
    struct core *core = guard->table->core;
    size_t going = guard->lost + 1; /* and the one whose deadline has just passed */
    size_t there = guard->lost;

    if (going + guard->table->doubtful < GUARD_MIN)
        return false; /* the usual case: not every terminal needs to be counted */
    list_each (core_all(core, ENTITY_terminal), node) {
        const struct presence *other = entity_at(node, terminal)->presence;

        if (other->state == presence_ABSENT || site_of(other) != guard->site_id)
            continue;
        there++;
        if (other != presence && is_going(core->timers, other))
            going++;
    }
    return going >= GUARD_MIN && going * 100 > there * GUARD_PERCENT;
}

static void hold(struct guard *guard, struct presence *presence)
{
    if (!guard->holding) {
        guard->holding = true;
        guard->table->holds++;
        timer_start(guard->table->core->timers, &guard->pace, GUARD_HOLD_MS, expire_one);
        log_event(EV_PRESENCE_HELD, "site", guard->site_id, "terminal",
                  presence->terminal->row.name);
        core_note_alert(guard->table->core, EV_PRESENCE_HELD);
    }
    core_note_presence(presence, history_presence_event_HELD, NULL, 0);
    presence->held = true;
    list_append(&guard->held, &presence->node);
}

bool guard_holds(struct presence_table *table, struct presence *presence)
{
    struct guard *guard = guard_of(table, site_of(presence));
    int64_t now = table->core->timers->mono_ms;

    if (now - guard->lost_since_ms > GUARD_WINDOW_MS) {
        guard->lost = 0;
        guard->lost_since_ms = now;
    }
    if (guard->holding || too_many(guard, presence)) {
        hold(guard, presence);
        return true;
    }
    guard->lost++;
    return false;
}
