/* shrink.c - leaves out actions of a failing run as long as it still fails in the same way. */
#include "sim/shrink.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct hunt {
    run_fn *run;
    const struct sim_params *params;
    const struct sim_outcome *failed;
    struct shrunk *best;
    struct timespec until;
};

static bool over(const struct hunt *hunt)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > hunt->until.tv_sec ||
           (now.tv_sec == hunt->until.tv_sec && now.tv_nsec >= hunt->until.tv_nsec);
}

static size_t count_of(const bool *left_in, size_t actions)
{
    size_t count = 0;

    for (size_t i = 0; i < actions; i++)
        count += left_in[i];
    return count;
}

/* Does it still fail, in the same way, without these? Then keep it as the best. */
static bool fails_with(struct hunt *hunt, bool *left_in)
{
    struct sim_params params = *hunt->params;
    struct sim_outcome outcome;
    struct shrunk *best = hunt->best;

    params.left_in = left_in;
    params.tell = NULL;
    best->runs++;
    hunt->run(&params, &outcome);
    if (!outcome.broken || outcome.invariant != hunt->failed->invariant)
        return false;
    /* Actions after the failure have no part in it. */
    for (size_t i = outcome.last; i < best->actions; i++)
        left_in[i] = false;
    memcpy(best->left_in, left_in, best->actions * sizeof(*left_in));
    best->count = count_of(left_in, best->actions);
    best->outcome = outcome;
    return true;
}

/* Leave out `size` of those that are left in, from the `at`-th on. */
static void leave_out(bool *left_in, size_t actions, size_t at, size_t size)
{
    size_t seen = 0;

    for (size_t i = 0; i < actions; i++) {
        if (!left_in[i])
            continue;
        if (seen >= at && seen < at + size)
            left_in[i] = false;
        seen++;
    }
}

/* One pass with chunks of this size; true when something could be left out. */
static bool pass(struct hunt *hunt, size_t size, bool *attempt)
{
    struct shrunk *best = hunt->best;
    bool shorter = false;
    size_t at = 0;

    while (at < best->count && !over(hunt)) {
        memcpy(attempt, best->left_in, best->actions * sizeof(*attempt));
        leave_out(attempt, best->actions, at, size);
        if (fails_with(hunt, attempt))
            shorter = true; /* what follows has moved up to `at` */
        else
            at += size;
    }
    return shorter;
}

void shrink(run_fn *run, const struct sim_params *params, const struct sim_outcome *failed,
            double seconds, struct shrunk *ret)
{
    struct hunt hunt = { .run = run, .params = params, .failed = failed, .best = ret };
    bool *attempt;
    size_t size;

    *ret = (struct shrunk){ .actions = failed->actions, .outcome = *failed };
    (void)clock_gettime(CLOCK_MONOTONIC, &hunt.until);
    hunt.until.tv_sec += (time_t)seconds;
    ret->left_in = berth_new_array(bool, ret->actions + 1);
    attempt = berth_new_array(bool, ret->actions + 1);
    for (size_t i = 0; i < failed->last; i++)
        ret->left_in[i] = !params->left_in || params->left_in[i];
    ret->count = count_of(ret->left_in, ret->actions);
    size = (ret->count + 1) / 2;
    while (size > 0 && !over(&hunt)) {
        if (!pass(&hunt, size, attempt) || size > ret->count)
            size = size == 1 ? 0 : size / 2;
    }
    free(attempt);
}

/* ---- masks as text ---- */

bool *mask_read(const char *text, size_t actions)
{
    bool *left_in = berth_new_array(bool, actions + 1);

    while (*text) {
        char *end;
        unsigned long from = strtoul(text, &end, 10);
        unsigned long to = from;

        if (*end == '-')
            to = strtoul(end + 1, &end, 10);
        if (end == text || from < 1 || to < from || (*end && *end != ',')) {
            free(left_in);
            return NULL;
        }
        for (unsigned long i = from; i <= to && i <= actions; i++)
            left_in[i - 1] = true;
        text = *end ? end + 1 : end;
    }
    return left_in;
}

char *mask_text(const bool *left_in, size_t actions)
{
    size_t size = actions * 12 + 2;
    char *text = berth_alloc(size);
    size_t used = 0;

    for (size_t i = 0; i < actions; i++) {
        size_t from = i;

        if (!left_in[i])
            continue;
        while (i + 1 < actions && left_in[i + 1])
            i++;
        used += (size_t)snprintf(text + used, size - used, i > from ? "%s%zu-%zu" : "%s%zu",
                                 used ? "," : "", from + 1, i + 1);
    }
    return text;
}
