/* presence.c - granting leases, their deadlines, and what follows when one passes. */
#include "core/presence.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/history_lines.h"
#include "core/presence_guard.h"
#include "core/presence_state.h"

#define TAKEOVER_WINDOW_MS 60000

struct presence_table *presence_table_new(struct core *core)
{
    struct presence_table *table = berth_new(struct presence_table);

    table->core = core;
    list_init(&table->unsaved);
    list_init(&table->guards);
    return table;
}

void presence_table_free(struct presence_table *table)
{
    if (!table)
        return;
    timer_stop(table->core->timers, &table->flush);
    guards_free(table);
    free(table);
}

struct presence *presence_new(struct terminal *terminal)
{
    struct presence *presence = berth_new(struct presence);

    presence->terminal = terminal;
    presence->state = presence_ABSENT;
    presence->since_ms = terminal->base.core->timers->mono_ms;
    list_init(&presence->node);
    list_init(&presence->unsaved);
    return presence;
}

void presence_free(struct presence *presence)
{
    struct berth_timers *timers;

    if (!presence)
        return;
    timers = presence_timers(presence);
    if (presence->state != presence_ABSENT)
        presence_table_of(presence)->present--;
    presence_table_of(presence)->doubtful -= (size_t)presence_is_doubtful(presence->state);
    guard_release(presence);
    list_remove(&presence->unsaved);
    timer_stop(timers, &presence->next);
    timer_stop(timers, &presence->grace);
    free(presence);
}

/* ---- deadlines ---- */

static void deadline_over(struct berth_timer *timer)
{
    struct presence *presence = container_of(timer, struct presence, next);

    if (guard_holds(presence_table_of(presence), presence))
        return;
    presence_make_absent(presence, history_presence_event_EXPIRED, "its deadline passed");
}

static void silent(struct berth_timer *timer)
{
    struct presence *presence = container_of(timer, struct presence, next);
    struct core *core = presence->terminal->base.core;
    int64_t left_ms = presence->granted_ms - core->limits.suspect_ms;

    timer_start(core->timers, &presence->next, left_ms, deadline_over);
    core_note_presence(presence, history_presence_event_SUSPECT, NULL, 0);
    presence_set_state(presence, presence_SUSPECT, "nothing was heard");
}

/* The deadline counts from now; an earlier one does not matter any more. */
static void arm(struct presence *presence)
{
    struct core *core = presence->terminal->base.core;

    if (presence->granted_ms > core->limits.suspect_ms)
        timer_start(core->timers, &presence->next, core->limits.suspect_ms, silent);
    else
        timer_start(core->timers, &presence->next, presence->granted_ms, deadline_over);
}

static void link_lost(struct berth_timer *timer)
{
    struct presence *presence = container_of(timer, struct presence, grace);
    struct core *core = presence->terminal->base.core;
    int64_t left_ms;

    if (presence->state != presence_PRESENT || !timer_armed(&presence->next))
        return;
    /* The time left until the deadline, read from the armed timer because stalls have moved it. */
    left_ms = timer_deadline_ms(core->timers, &presence->next) - core->timers->mono_ms;
    if (presence->granted_ms > core->limits.suspect_ms)
        left_ms += presence->granted_ms - core->limits.suspect_ms;
    timer_start(core->timers, &presence->next, left_ms, deadline_over);
    core_note_presence(presence, history_presence_event_SUSPECT, NULL, 0);
    presence_set_state(presence, presence_SUSPECT, "its connection broke");
}

void presence_link(struct presence *presence, bool linked)
{
    struct core *core = presence->terminal->base.core;

    presence->linked = linked;
    if (linked)
        timer_stop(core->timers, &presence->grace);
    else if (presence->state == presence_PRESENT)
        timer_start(core->timers, &presence->grace, core->limits.link_grace_ms, link_lost);
}

/* ---- messages ---- */

static int64_t clamp(int64_t want_ms, int64_t given_ms)
{
    if (want_ms == 0)
        return given_ms;
    if (want_ms < PRESENCE_MIN_MS)
        return PRESENCE_MIN_MS;
    return want_ms > PRESENCE_MAX_MS ? PRESENCE_MAX_MS : want_ms;
}

int64_t presence_spread_ms(const struct presence_table *table)
{
    const struct core_limits *limits = &table->core->limits;
    int64_t threads = limits->link_threads > 0 ? limits->link_threads : 1;
    int64_t spread;

    if (limits->reconnect_spread_ms > 0)
        return limits->reconnect_spread_ms;
    /* At two fifths of what the threads can handle: the rest is for clients that wait and do not
     * spread. */
    spread = (int64_t)table->present * limits->handshake_us * 5 / 2 / threads / 1000;
    if (spread < 1000)
        return 1000;
    return spread > 60000 ? 60000 : spread;
}

static void new_id(struct presence *presence)
{
    struct core *core = presence->terminal->base.core;

    random_hex(core->random, presence->id, 16);
    core->digest(presence->id, presence->hash);
    presence->issued_ms = core->timers->mono_ms;
}

static void grant(struct presence *presence, int64_t want_ms, struct presence_grant *ret)
{
    struct core *core = presence->terminal->base.core;
    int64_t renew_ms;

    presence->granted_ms = clamp(want_ms, core->limits.grant_ms);
    presence->received_ms = core->timers->mono_ms;
    guard_release(presence);
    timer_stop(core->timers, &presence->grace);
    arm(presence);
    presence_set_state(presence, presence_PRESENT, "it announced itself");
    presence_note_unsaved(presence);

    renew_ms = core->limits.renew_ms;
    if (renew_ms > presence->granted_ms / 3)
        renew_ms = presence->granted_ms / 3;
    /* +-10 %, random for every message, so that terminals that started together drift apart. */
    renew_ms += (int64_t)random_below(core->random, (uint64_t)(renew_ms / 5 + 1)) - renew_ms / 10;
    copy_text(ret->id, presence->id);
    ret->expires_in_ms = presence->granted_ms;
    ret->renew_after_ms = renew_ms;
    ret->reconnect_spread_ms = presence_spread_ms(core->presence);
}

static void count_takeover(struct presence *presence)
{
    int64_t now = presence_timers(presence)->mono_ms;

    if (presence->takeovers == 0 || now - presence->takeovers_since_ms > TAKEOVER_WINDOW_MS) {
        presence->takeovers = 0;
        presence->takeovers_since_ms = now;
    }
    presence->takeovers++;
    if (presence->takeovers != PRESENCE_TAKEOVERS + 1)
        return;
    log_event(EV_KEY_CLONED, "terminal", presence->terminal->row.name, "takeovers",
              presence->takeovers);
    core_note_alert(presence->terminal->base.core, EV_KEY_CLONED);
}

/* Does the terminal continue its present lease? After a restart only the hash is known. */
static bool continues(const struct presence *presence, const char *resume_id)
{
    char hash[72];

    if (!*resume_id || !*presence->hash)
        return false;
    presence->terminal->base.core->digest(resume_id, hash);
    return strcmp(hash, presence->hash) == 0;
}

bool presence_announce(struct presence *presence, int64_t want_ms, const char *resume_id,
                       struct presence_grant *ret)
{
    bool took_over = false;

    if ((presence->state == presence_PRESENT || presence->state == presence_SUSPECT) &&
        !continues(presence, resume_id)) {
        took_over = true;
        count_takeover(presence);
    }
    new_id(presence);
    presence->seq = 0;
    presence->linked = true;
    grant(presence, want_ms, ret);
    core_note_presence(presence, history_presence_event_ANNOUNCED, NULL, 0);
    return took_over;
}

static enum presence_answer heard(struct presence *presence, const char *id, int64_t seq)
{
    if (!*presence->id || strcmp(presence->id, id) != 0) {
        presence_table_of(presence)->unknown++;
        core_note_presence(presence, history_presence_event_UNKNOWN, id, seq);
        return PRESENCE_UNKNOWN;
    }
    if (seq <= presence->seq) {
        presence_table_of(presence)->stale++;
        core_note_presence(presence, history_presence_event_IGNORED, id, seq);
        return PRESENCE_IGNORED;
    }
    presence->seq = seq;
    return PRESENCE_GRANTED;
}

enum presence_answer presence_renew(struct presence *presence, const char *id, int64_t seq,
                                    int64_t want_ms, struct presence_grant *ret)
{
    enum presence_answer answer = heard(presence, id, seq);
    enum history_presence_event event = history_presence_event_RENEWED;

    if (answer != PRESENCE_GRANTED)
        return answer;
    if (presence_timers(presence)->mono_ms - presence->issued_ms > PRESENCE_ID_AGE_MS) {
        new_id(presence);
        event = history_presence_event_ANNOUNCED;
    }
    grant(presence, want_ms, ret);
    core_note_presence(presence, event, NULL, seq);
    return PRESENCE_GRANTED;
}

enum presence_answer presence_bye(struct presence *presence, const char *id, int64_t seq)
{
    enum presence_answer answer = heard(presence, id, seq);

    if (answer == PRESENCE_GRANTED) {
        presence->granted_ms = 0;
        presence->received_ms = presence_timers(presence)->mono_ms;
        guard_release(presence);
        presence_make_absent(presence, history_presence_event_GOODBYE, "it said goodbye");
    }
    return answer;
}

void presence_revoke(struct presence *presence, const char *why)
{
    guard_release(presence);
    presence_make_absent(presence, history_presence_event_REVOKED, why);
}

void presence_presume(struct presence *presence, const char *hash, int64_t granted_ms)
{
    struct core *core = presence->terminal->base.core;

    if (granted_ms <= 0 || presence->state != presence_ABSENT)
        return;
    copy_text(presence->hash, hash);
    presence->granted_ms = clamp(granted_ms, core->limits.grant_ms);
    presence->received_ms = core->timers->mono_ms;
    core_note_presence(presence, history_presence_event_PRESUMED, NULL, 0);
    presence_set_state(presence, presence_PRESUMED, "it was present before the broker started");
    /* Includes the spread of the fleet that is about to come back, as far as it is loaded. */
    timer_start(core->timers, &presence->next,
                presence->granted_ms + presence_spread_ms(core->presence), deadline_over);
}

void presence_presumed_all(struct presence_table *table)
{
    list_each (core_all(table->core, ENTITY_terminal), node) {
        struct presence *presence = entity_at(node, terminal)->presence;

        if (presence->state == presence_PRESUMED)
            timer_start(table->core->timers, &presence->next,
                        presence->granted_ms + presence_spread_ms(table), deadline_over);
    }
}

void presence_screen(struct presence *presence, enum screen_state screen, int64_t input_idle_ms)
{
    presence->screen = screen;
    presence->input_idle_ms = input_idle_ms;
}
