/* presence_state.c - changing the state of a presence, and batches for the store. */
#include "core/presence_state.h"

#include "berth/log.h"

#include "core/history_lines.h"
#include "core/notice.h"

#define SAVE_EVERY_MS 1000

void presence_set_state(struct presence *presence, enum presence_state next, const char *why)
{
    struct core *core = presence->terminal->base.core;
    enum presence_state was = presence->state;

    if (was == next)
        return;
    if (!presence_may_transition(was, next)) {
        log_event(EV_STATE_FORBIDDEN, "terminal", presence->terminal->row.name, "from",
                  presence_state_names[was], "to", presence_state_names[next], "why", why);
        return;
    }
    if (was == presence_ABSENT)
        core->presence->present++;
    if (next == presence_ABSENT)
        core->presence->present--;
    core->presence->doubtful +=
        (size_t)presence_is_doubtful(next) - (size_t)presence_is_doubtful(was);
    presence->state = next;
    presence->since_ms = core->timers->mono_ms;
    log_event(EV_PRESENCE_STATE, "terminal", presence->terminal->row.name, "from",
              presence_state_names[was], "to", presence_state_names[next], "why", why);
    core_announce(core, NOTICE_OBSERVED, ENTITY_terminal, presence->terminal->row.id);
}

/* ---- saving ---- */

static void flush(struct berth_timer *timer)
{
    struct presence_table *table = container_of(timer, struct presence_table, flush);
    struct presence_fact facts[PRESENCE_BATCH];
    struct list *node;
    size_t count = 0;

    while (count < PRESENCE_BATCH && (node = list_shift(&table->unsaved)) != NULL) {
        const struct presence *presence = list_entry(node, struct presence, unsaved);
        int64_t age_ms = table->core->timers->mono_ms - presence->received_ms;

        facts[count++] = (struct presence_fact){
            .terminal_id = presence->terminal->row.id,
            .hash = presence->hash,
            .granted_ms = presence->state == presence_ABSENT ? 0 : presence->granted_ms,
            .seen_ms = table->core->timers->wall_ms - age_ms,
        };
    }
    if (table->save && count)
        table->save(table->context, facts, count);
    if (!list_empty(&table->unsaved)) /* the rest in the next turn: callbacks must be short */
        timer_start(table->core->timers, &table->flush, 0, flush);
}

void presence_note_unsaved(struct presence *presence)
{
    struct presence_table *table = presence_table_of(presence);

    if (!list_linked(&presence->unsaved))
        list_append(&table->unsaved, &presence->unsaved);
    if (!timer_armed(&table->flush))
        timer_start(table->core->timers, &table->flush, SAVE_EVERY_MS, flush);
}

void presence_make_absent(struct presence *presence, enum history_presence_event event,
                          const char *why)
{
    core_note_presence(presence, event, NULL,
                       event == history_presence_event_GOODBYE ? presence->seq : 0);
    timer_stop(presence_timers(presence), &presence->next);
    timer_stop(presence_timers(presence), &presence->grace);
    /* An empty id cannot be renewed, so an expired one never becomes valid again. */
    presence->id[0] = '\0';
    presence->hash[0] = '\0';
    presence_set_state(presence, presence_ABSENT, why);
    presence_note_unsaved(presence);
}
