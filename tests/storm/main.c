/* main.c - berth-storm: prepare, run the verb, judge its history, print the result. */
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "acts.h"
#include "prepare.h"
#include "report.h"

int64_t storm_now_us(void)
{
    return lean_now_us();
}

/* ---- the loop ---- */

static volatile sig_atomic_t called_off;

static void call_off(int number)
{
    (void)number;
    called_off = 1;
}

bool storm_is_called_off(void)
{
    return called_off != 0;
}

static void say_progress(struct storm *storm)
{
    const struct population *population = &storm->population;
    const struct figures *figures = &storm->figures;
    int64_t now_us = storm_now_us();

    if (now_us - storm->said_us < 1000000)
        return;
    storm->said_us = now_us;
    (void)fprintf(stderr,
                  "%6.1f s %-10s connecting %zu, present %zu, offered %lld, served %lld, failed "
                  "%lld, waiting %zu, showing %zu\n",
                  storm->began_us ? (double)(now_us - storm->began_us) / 1e6 : 0.0, storm->doing,
                  population->connecting, population->present, (long long)figures->offered,
                  (long long)figures->served, (long long)figures->failed, population->requests,
                  population->showing);
}

bool storm_turn(struct storm *storm, bool (*done)(struct storm *storm), int64_t limit_ms)
{
    int64_t limit_us = storm_now_us() + limit_ms * 1000;

    while (!done(storm)) {
        if (called_off || storm_now_us() >= limit_us)
            return false;
        loop_turn(&storm->loop, 20);
        say_progress(storm);
    }
    return true;
}

int storm_clock_starts(struct storm *storm, struct berth_error *reterr)
{
    int r = broker_read(storm->site.socket, storm->site.berthd, &storm->before, reterr);

    if (r < 0)
        return r;
    figures_free(&storm->figures);
    storm->figures = (struct figures){ 0 }; /* preparations do not count */
    storm->doing = storm->options.verb->word;
    storm->began_us = storm_now_us();
    return 0;
}

int storm_clock_stops(struct storm *storm, struct berth_error *reterr)
{
    storm->ended_us = storm_now_us();
    return broker_read(storm->site.socket, storm->site.berthd, &storm->after, reterr);
}

/* ---- a run ---- */

static size_t people_of(const struct storm_options *options)
{
    int64_t people = options->people > 0 ? options->people : 200;

    if (!(options->verb->needs & (NEED_PASSWORDS | NEED_BADGES)))
        return 0;
    return (size_t)(people < options->terminals ? people : options->terminals);
}

static int open_history(struct storm *storm, struct berth_error *reterr)
{
    char path[STORM_PATH + 64];

    if (!storm->site.recording)
        return 0;
    return history_file_open(site_path(&storm->site, "terminals.history", path), "berth-storm",
                             true, &storm->population.lean.history, reterr);
}

static int note_idle(struct storm *storm, struct berth_error *reterr)
{
    struct broker_figures idle = { 0 };
    int r = broker_read(storm->site.socket, storm->site.berthd, &idle, reterr);

    storm->idle_rss_bytes = idle.rss_bytes;
    broker_figures_free(&idle);
    return r;
}

static int play(struct storm *storm, struct berth_error *reterr)
{
    int r = site_open(&storm->site, &storm->options, reterr);

    storm->site.recording = storm->site.history[0] != '\0';
    if (r == 0)
        r = prepare(storm, reterr);
    if (r == 0)
        r = open_history(storm, reterr);
    if (r == 0)
        r = note_idle(storm, reterr);
    if (r == 0 && (storm->options.verb->needs & NEED_PRESENT))
        r = act_gather(storm, reterr);
    if (r == 0)
        r = storm->options.verb->act(storm, reterr);
    return called_off ? berth_fail(reterr, BERTH_E_CANCELLED, "called off") : r;
}

static int keep_history(const struct storm *storm, struct berth_error *reterr)
{
    char own[STORM_PATH + 64];
    char copy[STORM_PATH + 16];
    int r;

    if (!storm->options.history[0] || !storm->site.recording)
        return 0;
    r = site_copy(site_path(&storm->site, "terminals.history", own), storm->options.history,
                  reterr);
    (void)snprintf(copy, sizeof(copy), "%s.berthd", storm->options.history);
    return r < 0 ? r : site_copy(storm->site.history, copy, reterr);
}

/* The broker has stopped, so every file is complete when the checker reads. */
static int judge_and_tell(struct storm *storm, struct berth_error *reterr)
{
    json_t *verdict = NULL;
    json_t *report;
    int64_t violations;
    int r;

    r = report_judge(storm, &violations, &verdict, reterr);
    if (r == 0)
        r = keep_history(storm, reterr);
    if (r < 0)
        return r;
    report = report_make(storm, violations, verdict);
    report_say(report);
    if (storm->options.json)
        (void)json_dumpf(report, stdout, JSON_COMPACT);
    if (storm->options.json)
        (void)putchar('\n');
    json_decref(report);
    json_decref(verdict);
    return violations > 0
               ? berth_fail(reterr, BERTH_E_STATE, "%lld violations", (long long)violations)
               : 0;
}

static int run(struct storm *storm, struct berth_error *reterr)
{
    size_t present;
    int r = loop_init(&storm->loop, reterr);

    if (r < 0)
        return r;
    storm->loop.slow_limit_ms = 0;
    random_system(&storm->random);
    population_init(&storm->population, storm, (size_t)storm->options.terminals);
    storm->population.people_count = people_of(&storm->options);
    r = play(storm, reterr);
    present = storm->population.present;
    population_end(&storm->population);
    history_file_close(storm->population.lean.history);
    site_stop_broker(&storm->site, false);
    storm->population.present = present; /* as it was when the clock stopped */
    if (r == 0)
        r = judge_and_tell(storm, reterr);
    broker_figures_free(&storm->before);
    broker_figures_free(&storm->after);
    figures_free(&storm->figures);
    site_close(&storm->site);
    loop_close(&storm->loop);
    return r;
}

int main(int argc, char **argv)
{
    static struct storm storm;
    struct berth_error error = { 0 };
    int r = options_read(argc, argv, &storm.options, &error);

    if (r > 0)
        return 0;
    storm.doing = "preparing";
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, call_off);
    (void)signal(SIGTERM, call_off);
    if (r == 0 && !storm.options.berthd[0])
        r = site_isolate(&error);
    if (r == 0)
        r = run(&storm, &error);
    if (r == 0)
        return 0;
    (void)fprintf(stderr, "berth-storm: %s\n", berth_error_text(&error));
    return r == BERTH_E_INVALID ? 2 : 1;
}
