/* figures.h - what the terminals measure: latencies by phase, refusals by reason. */
#ifndef BERTH_STORM_FIGURES_H
#define BERTH_STORM_FIGURES_H

#include <jansson.h>

#include "berth/base.h"

enum phase {
#define PHASE(symbol, sentence) PHASE_##symbol,
#include "phases.def"
    PHASES
};

struct samples {
    int64_t *us;
    size_t count, capacity;
};

#define REASONS_MAX 48

struct reason {
    char word[48];
    int64_t count;
};

struct figures {
    struct samples samples[PHASES];
    struct reason reasons[REASONS_MAX];
    size_t reason_count;
    /* Requests: each counts once as offered, and at most once as served or failed. */
    int64_t offered, served, failed;
    int64_t estimates, estimates_good; /* estimates that were within a fifth of the true time */
};

void figures_add(struct figures *figures, enum phase phase, int64_t us);

/* Count a failure or refusal; `word` is a symbol of errors.def or a short name. */
void figures_reason(struct figures *figures, const char *word);

/* The smallest value that `share` (0 to 1) of the samples do not exceed; sorts them. */
int64_t samples_at(struct samples *samples, double share);

/* {"count":, "p50_ms":, "p99_ms":, "max_ms":} of each phase that has samples. */
json_t *figures_phases(struct figures *figures);
json_t *figures_reasons(const struct figures *figures);

void figures_free(struct figures *figures);

#endif
