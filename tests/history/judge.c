/* judge.c - passes each line to the files that judge it; counts and reports violations. */
#include "history/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "history/judge_internal.h"

struct invariant {
    const char *name, *lines, *sentence;
};

/* clang-format off */
#define INVARIANT(number_, name_, lines_, sentence_) [number_] = { name_, lines_, sentence_ },
static const struct invariant invariants[JUDGE_INVARIANTS + 1] = {
#include "history/invariants.def"
};
/* clang-format on */

const char *judge_invariant(int invariant)
{
    return invariants[invariant].name;
}

const char *judge_invariant_lines(int invariant)
{
    return invariants[invariant].lines;
}

const char *judge_invariant_sentence(int invariant)
{
    return invariants[invariant].sentence;
}

/* ---- counting and reporting ---- */

void judge_check(struct judge *judge, int invariant)
{
    judge->verdict.checks++;
    judge->verdict.checked[invariant]++;
    if (judge->wall && invariant != 27)
        judge->verdict.checked[27]++;
}

static void tell(struct judge *judge, int invariant, uint64_t line, const char *sentence)
{
    judge->verdict.violations++;
    judge->verdict.broken[invariant]++;
    if (judge->fault)
        judge->fault(judge->context, invariant, line, sentence);
}

/* A rule about time that is broken after the wall clock was set counts for I27 as well: the cause
 * is not visible from outside. */
static bool is_of_time(int invariant)
{
    return (invariant >= 7 && invariant <= 12) || invariant == 16 || invariant == 17 ||
           invariant == 19;
}

static void broken(struct judge *judge, int invariant, uint64_t line, const char *format,
                   va_list list) berth_printf(4, 0);
static void broken(struct judge *judge, int invariant, uint64_t line, const char *format,
                   va_list list)
{
    char sentence[512];

    (void)vsnprintf(sentence, sizeof(sentence), format, list);
    tell(judge, invariant, line, sentence);
    if (judge->wall && is_of_time(invariant)) {
        char again[560];

        (void)snprintf(again, sizeof(again), "after the wall clock was set: %s", sentence);
        tell(judge, 27, line, again);
    }
}

void judge_broken(struct judge *judge, int invariant, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    broken(judge, invariant, judge->number, format, list);
    va_end(list);
}

void judge_broken_at(struct judge *judge, int invariant, uint64_t line, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    broken(judge, invariant, line, format, list);
    va_end(list);
}

/* ---- the life of the broker ---- */

static void started(struct judge *judge, const struct history_broker *line)
{
    presence_started(judge); /* the former life is judged first */
    screens_started(judge);
    shut_out_started(judge);
    trail_started(judge);
    service_started(judge);
    judge->life = (struct life){ .number = judge->life.number + 1,
                                 .incarnation = line->incarnation,
                                 .started_us = judge->now_us,
                                 .recovery_us = line->recovery_ms * 1000,
                                 .up = true,
                                 .last_us = judge->now_us,
                                 .nth = judge->verdict.lines };
    owners_started(judge);
    rows_started(judge);
}

static void take_broker(struct judge *judge, const struct history_broker *line)
{
    switch (line->event) {
    case history_broker_event_STARTED:
        started(judge, line);
        return;
    case history_broker_event_LOADED:
        judge->life.loaded = true;
        rows_loaded(judge);
        return;
    case history_broker_event_DEGRADED:
        judge->life.degraded = true;
        judge->life.degraded_us = judge->now_us;
        return;
    case history_broker_event_WRITABLE:
        judge->life.degraded = false;
        return;
    case history_broker_event_STOPPED:
        judge->life.up = false;
        return;
    case history_broker_event_ALERT:
    case history_broker_event_RECOVERED:
    case history_broker_event_NONE:
    case history_broker_event_END:
        return;
    }
}

/* ---- lines ---- */

static void take_run(struct judge *judge, const struct history_run *run)
{
    bool first;

    if (strcmp(run->program, "berth-virt") == 0) {
        machines_run(judge, run);
        return;
    }
    if (strcmp(run->program, "berth-agent") == 0)
        return;
    if (strcmp(run->program, "berthd") == 0) {
        first = !judge->broker_recorded;
        judge->broker_recorded = true;
        judge->broker_whole = run->whole && (first || judge->broker_whole);
        return;
    }
    judge->clients_recorded = judge->clients_recorded || run->whole;
    if (strcmp(run->program, "berth-sim") == 0 && run->whole) {
        judge->simulated = true;
        judge->broker_recorded = true;
        judge->broker_whole = true;
    }
}

static void take_clock(struct judge *judge, const struct history_clock *clock)
{
    judge->life.stall_us += clock->stall_ms * 1000;
    if (clock->wall)
        judge->wall = true;
}

static void take_told(struct judge *judge, const struct history_instruction *told)
{
    epochs_told(judge, told);
    screens_told(judge, told);
    shut_out_told(judge, told);
}

static void take_guest(struct judge *judge, const struct history_guest *guest)
{
    epochs_guest(judge, guest);
    screens_dropped(judge, guest);
}

/* Lines that only berthd's loop writes: it runs when one comes, and has reported its stalls before.
 * The store has its own thread, which continues during a stall.
 */
static bool is_loops(const struct history_line *line)
{
    enum history_kind kind = line->kind;

    if (kind == HISTORY_row)
        return line->row.verb != history_verb_STORED;
    return kind == HISTORY_broker || kind == HISTORY_presence || kind == HISTORY_instruction ||
           kind == HISTORY_peer || kind == HISTORY_queue;
}

static bool is_start(const struct history_line *line)
{
    return line->kind == HISTORY_broker && line->broker.event == history_broker_event_STARTED;
}

static void judge_line(struct judge *judge, const struct history_line *line)
{
    switch (line->kind) {
    case HISTORY_run:
        return take_run(judge, &line->run);
    case HISTORY_invoke:
        return calls_invoke(judge, &line->invoke);
    case HISTORY_result:
        return calls_result(judge, &line->result);
    case HISTORY_broker:
        return take_broker(judge, &line->broker);
    case HISTORY_row:
        return rows_take(judge, &line->row);
    case HISTORY_audit:
        return trail_audit(judge, &line->audit);
    case HISTORY_presence:
        presence_take(judge, &line->presence);
        return shut_out_presence(judge, &line->presence);
    case HISTORY_clock:
        return take_clock(judge, &line->clock);
    case HISTORY_instruction:
        return take_told(judge, &line->instruction);
    case HISTORY_screen:
        return screens_take(judge, &line->screen);
    case HISTORY_machine:
        return machines_take(judge, &line->machine);
    case HISTORY_guest:
        return take_guest(judge, &line->guest);
    case HISTORY_profile:
        return service_profile(judge, &line->profile);
    case HISTORY_peer:
        return shut_out_peer(judge, &line->peer);
    case HISTORY_queue:
        return service_queue(judge, &line->queue);
    case HISTORY_quiescent:
        rows_rest(judge);
        return machines_rest(judge);
    case HISTORY_measure:
        return service_measure(judge, &line->measure);
    case HISTORY_NONE:
    case HISTORY_KINDS:
        return;
    }
}

/* Lines of one recorder come in their true order. When the time of one is far before that of an
 * earlier one, a monotonic clock has followed the wall clock.
 */
#define DISORDER_US (2 * SECOND_US)

static void check_clocks(struct judge *judge, const struct history_line *line)
{
    int64_t at_us = line->at_us;

    if (!judge->simulated || line->kind == HISTORY_screen || line->kind == HISTORY_profile)
        return;
    if (judge->wall) {
        judge_check(judge, 27);
        if (at_us < judge->latest_us - DISORDER_US)
            judge_broken(judge, 27,
                         "a clock runs %lld ms ahead of the others since the wall clock was "
                         "set",
                         (long long)(judge->latest_us - at_us) / 1000);
    }
    /* Reported once per jump. */
    if (at_us > judge->latest_us || at_us < judge->latest_us - DISORDER_US)
        judge->latest_us = at_us;
}

void judge_take(struct judge *judge, const struct history_line *line, uint64_t number)
{
    judge->verdict.lines++;
    judge->number = number;
    judge->now_us = line->at_us;
    check_clocks(judge, line);
    if (is_loops(line) && !is_start(line)) {
        shut_out_due(judge);
        screens_due(judge);
    }
    judge_line(judge, line);
    if (is_loops(line)) /* only now: the start of a broker judges the end of the former one */
        judge->life.last_us = line->at_us;
}

void judge_end(struct judge *judge)
{
    rows_end(judge);
    presence_end(judge);
    screens_end(judge);
    trail_end(judge);
}

/* ---- the judge itself ---- */

struct judge *judge_new(judge_fault_fn *fault, void *context)
{
    struct judge *judge = berth_new(struct judge);

    judge->fault = fault;
    judge->context = context;
    judge->life.up = true; /* a history may begin in the middle of a life */
    registry_init(judge);
    return judge;
}

void judge_free(struct judge *judge)
{
    if (!judge)
        return;
    registry_clear(judge);
    free(judge);
}

const struct judge_verdict *judge_verdict(const struct judge *judge)
{
    return &judge->verdict;
}

uint64_t judge_steps(const struct judge *judge)
{
    return judge->steps;
}
