/* report.c - runs the checker and prints the result of a run. */
#include "report.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "berth/json.h"

#include "program.h"

#define VERDICT_MAX 65536
#define DEPTH 16

/* ---- the checker ---- */

/* Beside the other programs, or in its folder of the build. */
static void checker_path(const struct storm *storm, char out[STORM_PATH + 32])
{
    (void)snprintf(out, STORM_PATH + 32, "%s/berth-check", storm->options.bin);
    if (access(out, X_OK) < 0)
        (void)snprintf(out, STORM_PATH + 32, "%s/tests/history/berth-check", storm->options.bin);
}

/* Its object is the last line, after lines for people. */
static json_t *last_object(const char *text)
{
    const char *line = strrchr(text, '\n');

    line = line ? line + 1 : text;
    return json_parse(line, strlen(line), DEPTH, NULL);
}

int report_judge(struct storm *storm, int64_t *ret_violations, json_t **ret,
                 struct berth_error *reterr)
{
    char path[STORM_PATH + 32];
    char own[STORM_PATH + 64];
    const char *argv[] = { path, "--json", site_path(&storm->site, "terminals.history", own),
                           storm->site.history[0] ? storm->site.history : NULL, NULL };
    struct berth_error error = { 0 };
    char *text;
    int r;

    *ret_violations = -1;
    *ret = NULL;
    checker_path(storm, path);
    if (!storm->site.recording || access(path, X_OK) < 0)
        return 0;
    text = berth_alloc(VERDICT_MAX);
    r = program_run(argv, text, VERDICT_MAX, &error); /* it fails when there are violations */
    *ret = last_object(text);
    if (*ret)
        *ret_violations = json_integer_value(json_object_get(*ret, "violations"));
    if (r < 0 && (!*ret || *ret_violations > 0))
        (void)fprintf(stderr, "%s\n", text);
    r = *ret ? 0
             : berth_fail(reterr, BERTH_E_PROTOCOL, "the checker gave no verdict: %s", error.text);
    free(text);
    return r;
}

/* ---- the object ---- */

static double seconds_of(const struct storm *storm)
{
    return (double)(storm->ended_us - storm->began_us) / 1e6;
}

/* Arrivals of the busiest second, by the shape. */
static double peak_of(const struct storm *storm)
{
    return (double)storm->figures.offered * 0.4 / ((double)storm->options.seconds / 6.0);
}

static void put_counts(const struct storm *storm, int64_t violations, json_t *report)
{
    const struct figures *figures = &storm->figures;
    double seconds = seconds_of(storm);
    int64_t served = violations > 0 ? 0 : figures->served;

    (void)json_object_set_new(report, "offered", json_integer(figures->offered));
    (void)json_object_set_new(report, "served", json_integer(served));
    (void)json_object_set_new(report, "failed", json_integer(figures->offered - served));
    (void)json_object_set_new(report, "took_s", json_real(seconds));
    (void)json_object_set_new(report, "offered_per_s",
                              json_real((double)figures->offered / (double)storm->options.seconds));
    (void)json_object_set_new(report, "offered_peak_per_s", json_real(peak_of(storm)));
    (void)json_object_set_new(report, "served_per_s",
                              json_real(seconds > 0 ? (double)served / seconds : 0));
    if (figures->estimates > 0) {
        (void)json_object_set_new(report, "estimates", json_integer(figures->estimates));
        (void)json_object_set_new(report, "estimates_good", json_integer(figures->estimates_good));
    }
}

static void put_machine(json_t *report)
{
    struct utsname name;

    if (uname(&name) == 0)
        (void)json_object_set_new(report, "machine",
                                  json_pack("{s:s, s:I, s:s}", "kernel", name.release, "processors",
                                            (json_int_t)sysconf(_SC_NPROCESSORS_ONLN),
                                            "architecture", name.machine));
}

json_t *report_make(struct storm *storm, int64_t violations, json_t *verdict)
{
    json_t *report = json_pack("{s:s, s:I, s:I}", "verb", storm->options.verb->word, "terminals",
                               (json_int_t)storm->options.terminals, "seconds",
                               (json_int_t)storm->options.seconds);

    if (storm->population.people_count > 0)
        (void)json_object_set_new(report, "people",
                                  json_integer((json_int_t)storm->population.people_count));
    put_counts(storm, violations, report);
    (void)json_object_set_new(report, "reasons", figures_reasons(&storm->figures));
    (void)json_object_set_new(report, "phases", figures_phases(&storm->figures));
    (void)json_object_set_new(report, "broker", broker_report(&storm->before, &storm->after));
    if (storm->population.present > 0)
        (void)json_object_set_new(report, "bytes_per_terminal",
                                  json_integer((storm->after.rss_bytes - storm->idle_rss_bytes) /
                                               (int64_t)storm->population.present));
    (void)json_object_set_new(report, "violations",
                              violations < 0 ? json_null() : json_integer(violations));
    if (verdict)
        (void)json_object_set(report, "checker", verdict);
    (void)json_object_set_new(report, "options_set",
                              json_string(storm->site.changed ? storm->site.changed : ""));
    put_machine(report);
    return report;
}

void report_say(const json_t *report)
{
    const char *phase;
    json_t *figures;

    (void)fprintf(stderr, "\n%s: %lld offered, %lld served, %lld failed, in %.1f s\n",
                  json_string_value(json_object_get(report, "verb")),
                  json_integer_value(json_object_get(report, "offered")),
                  json_integer_value(json_object_get(report, "served")),
                  json_integer_value(json_object_get(report, "failed")),
                  json_real_value(json_object_get(report, "took_s")));
    json_object_foreach(json_object_get(report, "phases"), phase, figures)
    {
        (void)fprintf(stderr, "  %-10s p50 %9.1f ms  p99 %9.1f ms  max %9.1f ms  (%lld)\n", phase,
                      json_real_value(json_object_get(figures, "p50_ms")),
                      json_real_value(json_object_get(figures, "p99_ms")),
                      json_real_value(json_object_get(figures, "max_ms")),
                      json_integer_value(json_object_get(figures, "count")));
    }
}
