/* presence.c - presence deadlines, computed again from the received messages (I7-I10).
 *
 * A deadline counts from the receipt of the newest message, without stalls of the loop: each line
 * has the stalled time. A presence that should have ended is noticed at the next line of the
 * terminal, or at the end of the broker.
 */
#include <stdio.h>

#include "history/judge_internal.h"

#define LATE_US (2 * SECOND_US)

/* The broker's deadlines are in whole milliseconds. */
#define TURN_US INT64_C(1000)

/* After a restart terminals have their grant and the spread of the whole fleet to come back. */
#define SPREAD_MAX_US (60 * SECOND_US)

/* The clock of deadlines: without the stalls since the start. */
static int64_t heard_us(const struct judge *judge, const struct history_presence *line)
{
    return judge->now_us - line->stalled_ms * 1000;
}

static const char *name_of(const struct terminal *terminal)
{
    static _Thread_local char buffer[64];

    return terminal_called(terminal, buffer);
}

/* ---- I9 ---- */

static int64_t latest_us(const struct judge *judge, const struct promise *promise)
{
    int64_t latest = promise->deadline_us + LATE_US;
    int64_t window = judge->life.started_us + judge->life.recovery_us + LATE_US;

    if (promise->presumed)
        latest += SPREAD_MAX_US;
    return promise->presumed && latest < window ? window : latest;
}

/* At now_us of the clock of deadlines the terminal was not reported absent. */
static void check_late(struct judge *judge, const struct terminal *terminal, int64_t now_us,
                       const char *found)
{
    const struct promise *promise = &terminal->presence;

    if (!promise->lives || promise->held)
        return;
    judge_check(judge, 9);
    if (now_us <= latest_us(judge, promise))
        return;
    judge_broken(judge, 9, "terminal %s %s %lld ms after its deadline (line %llu)",
                 name_of(terminal), found, (long long)(now_us - promise->deadline_us) / 1000,
                 (unsigned long long)promise->line);
    if (promise->largest_us > promise->deadline_us && now_us <= promise->largest_us + LATE_US)
        judge_broken(judge, 7, "terminal %s %s by an older, longer promise (newest: line %llu)",
                     name_of(terminal), found, (unsigned long long)promise->line);
}

/* ---- I7 and I10: received messages ---- */

static void promise_from(struct judge *judge, struct terminal *terminal,
                         const struct history_presence *line)
{
    struct promise *promise = &terminal->presence;
    int64_t deadline = heard_us(judge, line) + line->granted_ms * 1000;
    bool goes_on = promise->lives && promise->id == (uint64_t)line->presence;

    promise->largest_us =
        goes_on && promise->largest_us > deadline ? promise->largest_us : deadline;
    promise->id = (uint64_t)line->presence;
    promise->lives = true;
    promise->held = false;
    promise->presumed = line->event == history_presence_event_PRESUMED;
    promise->seq = line->seq;
    promise->deadline_us = deadline;
    promise->line = judge->number;
    if (promise->id)
        map_put_id(&judge->ids, promise->id, terminal);
}

/* The id of the line is not the present one: was it ever granted? */
static void check_new(struct judge *judge, const struct terminal *terminal,
                      const struct history_presence *line)
{
    const struct terminal *owner;

    if (!line->presence)
        return;
    judge_check(judge, 10);
    owner = map_get_id(&judge->ids, (uint64_t)line->presence);
    if (owner)
        judge_broken(judge, 10, "terminal %s is %s under a presence id that %s", name_of(terminal),
                     history_presence_event_names[line->event],
                     owner == terminal ? "was over" : "was another terminal's");
}

static void announced(struct judge *judge, struct terminal *terminal,
                      const struct history_presence *line)
{
    struct promise *promise = &terminal->presence;

    check_late(judge, terminal, heard_us(judge, line), "announces itself and was not absent");
    if (line->event == history_presence_event_ANNOUNCED || !promise->lives ||
        promise->id != (uint64_t)line->presence)
        check_new(judge, terminal, line);
    promise_from(judge, terminal, line);
}

static bool is_present(const struct promise *promise, const struct history_presence *line)
{
    return promise->lives && promise->id == (uint64_t)line->presence;
}

/* A message under an id: it must be the present one, and newer than those before. */
static void check_message(struct judge *judge, const struct terminal *terminal,
                          const struct history_presence *line)
{
    const struct promise *promise = &terminal->presence;

    if (!is_present(promise, line)) {
        check_new(judge, terminal, line); /* an old id may be replaced by a new one at a renewal */
        return;
    }
    judge_check(judge, 10);
    judge_check(judge, 7);
    if (line->seq <= promise->seq)
        judge_broken(judge, 7, "terminal %s: sequence %lld counts after %lld (line %llu)",
                     name_of(terminal), (long long)line->seq, (long long)promise->seq,
                     (unsigned long long)promise->line);
}

static void renewed(struct judge *judge, struct terminal *terminal,
                    const struct history_presence *line)
{
    check_message(judge, terminal, line);
    check_late(judge, terminal, heard_us(judge, line), "renews and was not absent");
    promise_from(judge, terminal, line);
}

static void said_goodbye(struct judge *judge, struct terminal *terminal,
                         const struct history_presence *line)
{
    check_message(judge, terminal, line);
    check_late(judge, terminal, heard_us(judge, line), "says goodbye and was not absent");
    terminal->presence.lives = false;
}

static void ignored(struct judge *judge, const struct terminal *terminal,
                    const struct history_presence *line)
{
    if (!is_present(&terminal->presence, line))
        return;
    judge_check(judge, 7);
    if (line->seq > terminal->presence.seq)
        judge_broken(judge, 7, "terminal %s: sequence %lld is ignored, but is newer than %lld",
                     name_of(terminal), (long long)line->seq, (long long)terminal->presence.seq);
}

static void refused(struct judge *judge, const struct terminal *terminal,
                    const struct history_presence *line)
{
    if (!line->presence || terminal->presence.presumed)
        return;
    judge_check(judge, 7);
    if (is_present(&terminal->presence, line))
        judge_broken(judge, 7, "terminal %s is refused under its present id", name_of(terminal));
}

/* ---- conclusions ---- */

static bool check_lives(struct judge *judge, const struct terminal *terminal,
                        const struct history_presence *line)
{
    const struct promise *promise = &terminal->presence;

    /* A history may begin after the message that the conclusion rests on. */
    if (!promise->line)
        return false;
    judge_check(judge, 7);
    if (!promise->lives)
        judge_broken(judge, 7, "terminal %s is %s, but nothing of it was promised any more",
                     name_of(terminal), history_presence_event_names[line->event]);
    else if (line->presence && promise->id && promise->id != (uint64_t)line->presence)
        judge_broken(judge, 7, "terminal %s is %s by an older presence id (newest: line %llu)",
                     name_of(terminal), history_presence_event_names[line->event],
                     (unsigned long long)promise->line);
    return promise->lives;
}

static void check_early(struct judge *judge, const struct terminal *terminal,
                        const struct history_presence *line)
{
    const struct promise *promise = &terminal->presence;
    int64_t now = heard_us(judge, line);

    judge_check(judge, 8);
    if (now < promise->deadline_us - TURN_US)
        judge_broken(judge, 8, "terminal %s is %s %lld ms before its deadline (line %llu)",
                     name_of(terminal), history_presence_event_names[line->event],
                     (long long)(promise->deadline_us - now) / 1000,
                     (unsigned long long)promise->line);
}

static void expired(struct judge *judge, struct terminal *terminal,
                    const struct history_presence *line)
{
    if (check_lives(judge, terminal, line)) {
        check_early(judge, terminal, line);
        check_late(judge, terminal, heard_us(judge, line), "is absent only");
    }
    terminal->presence.lives = false;
}

static void held(struct judge *judge, struct terminal *terminal,
                 const struct history_presence *line)
{
    if (!check_lives(judge, terminal, line))
        return;
    check_early(judge, terminal, line);
    check_late(judge, terminal, heard_us(judge, line), "is held only");
    terminal->presence.held = true;
}

void presence_take(struct judge *judge, const struct history_presence *line)
{
    struct terminal *terminal = terminal_make(judge, line->terminal_id);

    if (line->stalled_ms * 1000 > judge->life.stall_us)
        judge->life.stall_us = line->stalled_ms * 1000;
    switch (line->event) {
    case history_presence_event_ANNOUNCED:
        announced(judge, terminal, line);
        return;
    case history_presence_event_RENEWED:
        renewed(judge, terminal, line);
        return;
    case history_presence_event_GOODBYE:
        said_goodbye(judge, terminal, line);
        return;
    case history_presence_event_IGNORED:
        ignored(judge, terminal, line);
        return;
    case history_presence_event_UNKNOWN:
        refused(judge, terminal, line);
        return;
    case history_presence_event_PRESUMED:
        promise_from(judge, terminal, line);
        return;
    case history_presence_event_SUSPECT:
        (void)check_lives(judge, terminal, line);
        return;
    case history_presence_event_EXPIRED:
        expired(judge, terminal, line);
        return;
    case history_presence_event_HELD:
        held(judge, terminal, line);
        return;
    case history_presence_event_REVOKED:
        terminal->presence.lives = false;
        return;
    case history_presence_event_NONE:
    case history_presence_event_END:
        return;
    }
}

/* ---- starts and ends of the broker ---- */

/* The broker ended at its last line: which terminals should have been absent by then? */
static void close_life(struct judge *judge)
{
    int64_t now = judge->life.last_us - judge->life.stall_us;

    list_each (&judge->terminals_all, node) {
        struct terminal *terminal = list_entry(node, struct terminal, node);

        judge->steps++;
        check_late(judge, terminal, now, "was never absent, up to the broker's last line");
        terminal->presence.lives = false;
    }
}

void presence_started(struct judge *judge)
{
    close_life(judge);
}

void presence_end(struct judge *judge)
{
    close_life(judge);
}
