/* figures.c - collects samples and counts, and prints them as JSON. */
#include "figures.h"

#include <stdio.h>
#include <string.h>

static const char *const phase_names[] = {
#define PHASE(symbol, sentence) #symbol,
#include "phases.def"
};

void figures_add(struct figures *figures, enum phase phase, int64_t us)
{
    struct samples *samples = &figures->samples[phase];

    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? samples->capacity * 2 : 1024;
        samples->us = berth_realloc(samples->us, samples->capacity * sizeof(*samples->us));
    }
    samples->us[samples->count++] = us;
}

void figures_reason(struct figures *figures, const char *word)
{
    struct reason *reason = figures->reasons;

    while (reason < figures->reasons + figures->reason_count && strcmp(reason->word, word) != 0)
        reason++;
    if (reason == figures->reasons + REASONS_MAX)
        reason--; /* the last one collects the rest */
    else if (reason == figures->reasons + figures->reason_count)
        (void)snprintf(figures->reasons[figures->reason_count++].word, sizeof(reason->word), "%s",
                       word);
    reason->count++;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;

    return (*left > *right) - (*left < *right);
}

int64_t samples_at(struct samples *samples, double share)
{
    size_t place;

    if (samples->count == 0)
        return 0;
    qsort(samples->us, samples->count, sizeof(*samples->us), by_size);
    place = (size_t)(share * (double)samples->count);
    return samples->us[place < samples->count ? place : samples->count - 1];
}

static double ms(int64_t us)
{
    return (double)us / 1000.0;
}

json_t *figures_phases(struct figures *figures)
{
    json_t *phases = json_object();

    for (size_t i = 0; i < PHASES; i++) {
        struct samples *samples = &figures->samples[i];

        if (samples->count == 0)
            continue;
        (void)json_object_set_new(
            phases, phase_names[i],
            json_pack("{s:I, s:f, s:f, s:f}", "count", (json_int_t)samples->count, "p50_ms",
                      ms(samples_at(samples, 0.5)), "p99_ms", ms(samples_at(samples, 0.99)),
                      "max_ms", ms(samples_at(samples, 1.0))));
    }
    return phases;
}

json_t *figures_reasons(const struct figures *figures)
{
    json_t *reasons = json_object();

    for (size_t i = 0; i < figures->reason_count; i++)
        (void)json_object_set_new(reasons, figures->reasons[i].word,
                                  json_integer(figures->reasons[i].count));
    return reasons;
}

void figures_free(struct figures *figures)
{
    for (size_t i = 0; i < PHASES; i++)
        free(figures->samples[i].us);
}
