/* figures.c - adds up the outcomes of many runs and prints them. */
#include "sim/figures.h"

#include <inttypes.h>
#include <stdio.h>

void figures_add(struct figures *figures, const struct sim_outcome *outcome)
{
    figures->seeds++;
    figures->violations += outcome->broken;
    figures->lines += outcome->lines;
    figures->checks += outcome->checks;
    figures->messages += outcome->messages;
    figures->commits += outcome->commits;
    figures->lives += outcome->lives;
    figures->constraint_refusals += outcome->constraint_refusals;
    for (int i = 1; i <= JUDGE_INVARIANTS; i++)
        figures->broken[i] += outcome->invariants[i];
    figures->terminal_hours += outcome->terminal_hours;
    for (int act = ACT_NONE + 1; act < ACTS; act++)
        figures->injected[act] += outcome->injected[act];
}

static double a_minute(const struct figures *figures, double seconds)
{
    return seconds > 0 ? figures->terminal_hours / seconds * 60 : 0;
}

static void print_kinds(const struct figures *figures, bool faults)
{
    for (int act = ACT_NONE + 1; act < ACTS; act++) {
        if (act_row((enum act)act)->fault == faults)
            (void)printf("  %-16s %" PRIu64 "\n", act_row((enum act)act)->name,
                         figures->injected[act]);
    }
}

static void print_broken(const struct figures *figures)
{
    const char *comma = "";

    (void)printf("\"broken\":{");
    for (int i = 1; i <= JUDGE_INVARIANTS; i++) {
        if (!figures->broken[i])
            continue;
        (void)printf("%s\"I%d\":%" PRIu64, comma, i, figures->broken[i]);
        comma = ",";
    }
    (void)printf("},\"constraint_refusals\":%" PRIu64, figures->constraint_refusals);
}

static void print_json(const struct figures *figures)
{
    const char *comma = "";

    (void)printf("{\"seeds\":%" PRIu64 ",\"terminal_hours\":%.1f,\"seconds\":%.3f,"
                 "\"cpu_seconds\":%.3f,\"terminal_hours_a_minute\":%.0f,"
                 "\"terminal_hours_a_cpu_minute\":%.0f,\"violations\":%" PRIu64
                 ",\"checks\":%" PRIu64 ",\"lines\":%" PRIu64 ",\"messages\":%" PRIu64
                 ",\"commits\":%" PRIu64 ",\"broker_lives\":%" PRIu64 ",\"faults\":{",
                 figures->seeds, figures->terminal_hours, figures->seconds, figures->cpu_seconds,
                 a_minute(figures, figures->seconds), a_minute(figures, figures->cpu_seconds),
                 figures->violations, figures->checks, figures->lines, figures->messages,
                 figures->commits, figures->lives);
    for (int act = ACT_NONE + 1; act < ACTS; act++) {
        if (!act_row((enum act)act)->fault)
            continue;
        (void)printf("%s\"%s\":%" PRIu64, comma, act_row((enum act)act)->name,
                     figures->injected[act]);
        comma = ",";
    }
    comma = "";
    (void)printf("},\"people\":{");
    for (int act = ACT_NONE + 1; act < ACTS; act++) {
        if (act_row((enum act)act)->fault)
            continue;
        (void)printf("%s\"%s\":%" PRIu64, comma, act_row((enum act)act)->name,
                     figures->injected[act]);
        comma = ",";
    }
    (void)printf("},");
    print_broken(figures);
    (void)printf("}\n");
}

void figures_print(const struct figures *figures, bool json)
{
    (void)printf("people's acts\n");
    print_kinds(figures, false);
    (void)printf("faults and changes injected\n");
    print_kinds(figures, true);
    (void)printf("%" PRIu64 " seeds, %.0f simulated terminal-hours (%.0f terminal-days), %" PRIu64
                 " lives of a broker, %" PRIu64 " messages, %" PRIu64 " commits\n",
                 figures->seeds, figures->terminal_hours, figures->terminal_hours / 24,
                 figures->lives, figures->messages, figures->commits);
    (void)printf("%" PRIu64 " lines of history, %" PRIu64 " checks of invariants, %" PRIu64
                 " violations\n",
                 figures->lines, figures->checks, figures->violations);
    (void)printf("%.1f s, %.0f terminal-hours a minute; %.1f s of CPU, %.0f a minute of CPU\n",
                 figures->seconds, a_minute(figures, figures->seconds), figures->cpu_seconds,
                 a_minute(figures, figures->cpu_seconds));
    if (json)
        print_json(figures);
}
