/* acts.h - the verbs as functions; each leaves its figures in storm->figures.
 *
 * What a verb needs (verbs.def) is ready when it is called. It starts and stops the clock itself,
 * ends within a stated time, and fails only when nothing could be measured: terminals that were not
 * served are a figure.
 */
#ifndef BERTH_STORM_ACTS_H
#define BERTH_STORM_ACTS_H

#include "storm.h"

#define VERB(symbol, word, needs, sentence) \
    int act_##symbol(struct storm *storm, struct berth_error *reterr) berth_must_check;
#include "verbs.def"

/* Let all terminals join, as fast as a window of some dozens allows. */
int act_join(struct storm *storm, struct berth_error *reterr) berth_must_check;

/* Of this many terminals: which show a desktop, and which have a waiting person, when berthd is
 * killed. */
size_t act_reconnect_shown(size_t terminals);
size_t act_reconnect_waiting(size_t terminals);

/* Connect all terminals, no faster than the machine can, until each is present: not measured. */
int act_gather(struct storm *storm, struct berth_error *reterr) berth_must_check;

/* Let the first `count` terminals sign on by themselves, some dozens at once: not measured. */
int act_settle(struct storm *storm, size_t count, struct berth_error *reterr) berth_must_check;

/* Called for each arrival. */
struct arrivals {
    struct storm *storm;
    size_t count, next;
    int64_t span_us;
    void (*arrive)(struct storm *storm, size_t i);
    struct berth_timer timer;
    int64_t began_us;
};

/* Begin now; `arrivals` has storm, count, span_us and arrive set. */
void act_arrivals(struct arrivals *arrivals);

/* Start the clock, let `count` arrive within the run's seconds, then wait `drain_ms` for answers;
 * those without one have failed. Stop the clock. */
int act_wave(struct storm *storm, size_t count, void (*arrive)(struct storm *storm, size_t i),
             int64_t drain_ms, struct berth_error *reterr) berth_must_check;

/* When the `i`th of `count` arrivals comes, in microseconds of `span_us`: 40 % of them in the sixth
 * in the middle, the rest evenly before and after.
 */
int64_t act_arrival_us(size_t i, size_t count, int64_t span_us);

#endif
