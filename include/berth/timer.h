/* timer.h - the clock of a loop, its timers, and work deferred to the end of a turn.
 *
 * Module shared; no system calls. A driver (loop.h in the programs, virtual time in the simulator)
 * sets the time with timers_advance and asks timers_next how long it may wait. Nothing in core or
 * flow reads a clock.
 *
 * Monotonic milliseconds decide everything; wall-clock milliseconds since 1970 are for display and
 * audit only. A 4-ary heap of (deadline, timer): exact next deadline, no ticking while idle, 16
 * bytes per armed timer.
 */
#ifndef BERTH_TIMER_H
#define BERTH_TIMER_H

#include "berth/base.h"
#include "berth/list.h"

struct berth_timer;
typedef void berth_timer_fn(struct berth_timer *timer);

/* Embedded in its owner; zero-initialised is a timer that is not armed. */
struct berth_timer {
    berth_timer_fn *fire;
    size_t index; /* 1-based index in the heap; 0 = not armed */
};

struct timer_slot {
    int64_t deadline_ms;
    uint64_t order; /* equal deadlines fire in the order they were armed: repeatable runs */
    struct berth_timer *timer;
};

/* Work for the end of this turn, such as the completion of an operation or freeing an object. */
struct berth_deferred {
    struct list node;
    void (*run)(struct berth_deferred *deferred);
};

struct berth_timers {
    int64_t mono_ms;
    int64_t wall_ms;
    uint64_t order;
    size_t count;
    size_t capacity;
    struct timer_slot *heap;
    struct list deferred;
    /* Requests another turn from the driver, which sets it; NULL in the simulator. Called when the
     * queue of deferred work becomes non-empty. */
    void (*wake)(struct berth_timers *timers);
    void *driver;
    int64_t stalled_ms; /* total of all timers_shift */
    /* Called at each stall, before the deadlines move; may be NULL. */
    void (*stalled)(void *context, int64_t by_ms);
    void *stalled_context;
};

/* An empty set at this time; free it when no timer is armed. */
void timers_init(struct berth_timers *timers, int64_t mono_ms, int64_t wall_ms);
void timers_free(struct berth_timers *timers);

/* Arm, or re-arm. delay_ms <= 0 fires in the next advance, never at once. */
void timer_start(struct berth_timers *timers, struct berth_timer *timer, int64_t delay_ms,
                 berth_timer_fn *fire);
void timer_stop(struct berth_timers *timers, struct berth_timer *timer);

static inline bool timer_armed(const struct berth_timer *timer)
{
    return timer->index != 0;
}

/* When an armed timer will fire, in monotonic milliseconds; stalls have moved it (timers_shift). */
int64_t timer_deadline_ms(const struct berth_timers *timers, const struct berth_timer *timer);

/* Set the time and fire the timers that are due, in order of deadline; then run deferred work until
 * none is left. Time never goes back: an earlier mono_ms counts as the present one.
 */
void timers_advance(struct berth_timers *timers, int64_t mono_ms, int64_t wall_ms);

/* Milliseconds until the next deadline: 0 when something is due or deferred, -1 when nothing is
 * armed.
 */
int64_t timers_next(const struct berth_timers *timers);

/* Postpone every armed deadline by this much: used after a stall, so that nothing expires early. */
void timers_shift(struct berth_timers *timers, int64_t by_ms);

/* Queue for the end of this turn. `node` must not be linked yet. */
void deferred_add(struct berth_timers *timers, struct berth_deferred *deferred,
                  void (*run)(struct berth_deferred *));
void deferred_cancel(struct berth_deferred *deferred);

/* Run what is queued; the driver calls it at the end of each turn. */
void deferred_run(struct berth_timers *timers);

#endif
