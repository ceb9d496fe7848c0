/* drive.c - runs seeds, replays and shrinks failing ones, prints the result. */
#include "sim/drive.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "sim/shrink.h"

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void tell(void *context, const char *line)
{
    (void)context;
    (void)printf("%s\n", line);
}

static void report(const struct sim_options *options, const struct sim_params *params,
                   const struct sim_outcome *failed)
{
    struct sim_params again = *params;
    struct sim_outcome outcome;
    struct shrunk shrunk;
    char *mask;

    (void)printf("VIOLATION seed %" PRIu64 " after %.1f h: %s\n", params->seed,
                 (double)failed->broken_ms / 3600000, failed->sentence);
    (void)fflush(stdout);
    shrink(sim_run, params, failed, (double)options->shrink_s, &shrunk);
    mask = mask_text(shrunk.left_in, shrunk.actions);
    (void)printf("%zu of %zu actions are enough (%u runs): %s\n", shrunk.count, shrunk.actions,
                 shrunk.runs, shrunk.outcome.sentence);
    (void)printf("the story:\n");
    again.left_in = shrunk.left_in;
    again.tell = tell;
    sim_run(&again, &outcome);
    (void)printf("again: --hours %lld --terminals %u --replay %" PRIu64 ":%s\n",
                 (long long)params->hours, params->terminals, params->seed, mask);
    (void)fflush(stdout);
    free(mask);
    free(shrunk.left_in);
}

static int replay(const struct sim_options *options)
{
    struct sim_params params = options->params;
    struct sim_outcome outcome;
    struct figures figures = { 0 };
    double start = seconds();
    bool *left_in = NULL;

    params.seed = options->first;
    params.tell = tell;
    if (options->only) {
        struct sim_params whole = params;

        whole.tell = NULL;
        left_in = mask_read(options->only, sim_actions(&whole));
        if (!left_in) {
            (void)fprintf(stderr, "berth-sim: '%s' is no list of actions\n", options->only);
            return 2;
        }
        params.left_in = left_in;
    }
    sim_run(&params, &outcome);
    free(left_in);
    figures_add(&figures, &outcome);
    figures.seconds = seconds() - start;
    figures.cpu_seconds = cpu_seconds();
    if (outcome.broken)
        (void)printf("VIOLATION seed %" PRIu64 ": %s\n", params.seed, outcome.sentence);
    (void)printf("digest %016" PRIx64 "\n", outcome.digest);
    figures_print(&figures, options->json);
    return outcome.broken;
}

int drive(const struct sim_options *options)
{
    struct figures figures = { 0 };
    double start = seconds();

    if (options->replay)
        return replay(options);
    for (uint64_t i = 0; i < options->seeds; i++) {
        struct sim_params params = options->params;
        struct sim_outcome outcome;

        if (options->minutes && seconds() - start > (double)options->minutes * 60)
            break;
        params.seed = options->first + i;
        if (options->verbose) {
            params.tell = tell;
            (void)printf("seed %" PRIu64 "\n", params.seed);
        }
        sim_run(&params, &outcome);
        figures_add(&figures, &outcome);
        if (options->digest)
            (void)printf("seed %" PRIu64 " digest %016" PRIx64 "\n", params.seed, outcome.digest);
        if (outcome.broken)
            report(options, &params, &outcome);
    }
    figures.seconds = seconds() - start;
    figures.cpu_seconds = cpu_seconds();
    figures_print(&figures, options->json);
    return figures.violations ? 1 : 0;
}
