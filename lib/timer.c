/* timer.c - a 4-ary heap of deadlines, and the queue of deferred work. */
#include "berth/timer.h"

#define CHILDREN 4

void timers_init(struct berth_timers *timers, int64_t mono_ms, int64_t wall_ms)
{
    *timers = (struct berth_timers){ .mono_ms = mono_ms, .wall_ms = wall_ms };
    list_init(&timers->deferred);
}

void timers_free(struct berth_timers *timers)
{
    free(timers->heap);
    timers->heap = NULL;
    timers->count = 0;
    timers->capacity = 0;
}

static bool earlier(const struct timer_slot *a, const struct timer_slot *b)
{
    if (a->deadline_ms != b->deadline_ms)
        return a->deadline_ms < b->deadline_ms;
    return a->order < b->order;
}

static void place_slot(struct berth_timers *timers, size_t at, struct timer_slot slot)
{
    timers->heap[at] = slot;
    slot.timer->index = at + 1;
}

static void sift_up(struct berth_timers *timers, size_t at, struct timer_slot slot)
{
    while (at > 0) {
        size_t parent = (at - 1) / CHILDREN;

        if (!earlier(&slot, &timers->heap[parent]))
            break;
        place_slot(timers, at, timers->heap[parent]);
        at = parent;
    }
    place_slot(timers, at, slot);
}

static size_t earliest_child(const struct berth_timers *timers, size_t at)
{
    size_t first = at * CHILDREN + 1;
    size_t best = first;

    for (size_t child = first + 1; child < first + CHILDREN && child < timers->count; child++) {
        if (earlier(&timers->heap[child], &timers->heap[best]))
            best = child;
    }
    return best;
}

static void sift_down(struct berth_timers *timers, size_t at, struct timer_slot slot)
{
    while (at * CHILDREN + 1 < timers->count) {
        size_t child = earliest_child(timers, at);

        if (!earlier(&timers->heap[child], &slot))
            break;
        place_slot(timers, at, timers->heap[child]);
        at = child;
    }
    place_slot(timers, at, slot);
}

/* Put a slot at `index` and restore the heap, upwards or downwards from there. */
static void restore_heap(struct berth_timers *timers, size_t at, struct timer_slot slot)
{
    if (at > 0 && earlier(&slot, &timers->heap[(at - 1) / CHILDREN]))
        sift_up(timers, at, slot);
    else
        sift_down(timers, at, slot);
}

void timer_start(struct berth_timers *timers, struct berth_timer *timer, int64_t delay_ms,
                 berth_timer_fn *fire)
{
    struct timer_slot slot = { .order = ++timers->order, .timer = timer };

    timer->fire = fire;
    if (__builtin_add_overflow(timers->mono_ms, delay_ms > 0 ? delay_ms : 0, &slot.deadline_ms))
        slot.deadline_ms = INT64_MAX;
    if (timer->index) { /* re-armed, as at every renewal: sift it from its present place */
        restore_heap(timers, timer->index - 1, slot);
        if (timer->index == 1 && timers->wake)
            timers->wake(timers);
        return;
    }
    if (timers->count == timers->capacity) {
        timers->capacity = timers->capacity ? timers->capacity * 2 : 64;
        timers->heap = berth_realloc(timers->heap, timers->capacity * sizeof(*timers->heap));
    }
    sift_up(timers, timers->count++, slot);
    if (timer->index == 1 && timers->wake)
        timers->wake(timers);
}

void timer_stop(struct berth_timers *timers, struct berth_timer *timer)
{
    struct timer_slot last;
    size_t at;

    if (!timer->index)
        return;
    at = timer->index - 1;
    timer->index = 0;
    last = timers->heap[--timers->count];
    if (at == timers->count)
        return;
    restore_heap(timers, at, last);
}

int64_t timer_deadline_ms(const struct berth_timers *timers, const struct berth_timer *timer)
{
    return timers->heap[timer->index - 1].deadline_ms;
}

void timers_advance(struct berth_timers *timers, int64_t mono_ms, int64_t wall_ms)
{
    uint64_t armed_before = timers->order;

    if (mono_ms > timers->mono_ms)
        timers->mono_ms = mono_ms;
    timers->wall_ms = wall_ms;
    /* Timers that a callback arms wait for the next advance, so that a timer of 0 ms cannot block
     * the loop. */
    while (timers->count > 0 && timers->heap[0].deadline_ms <= timers->mono_ms &&
           timers->heap[0].order <= armed_before) {
        struct berth_timer *timer = timers->heap[0].timer;

        timer_stop(timers, timer);
        timer->fire(timer);
    }
    deferred_run(timers);
}

int64_t timers_next(const struct berth_timers *timers)
{
    if (!list_empty(&timers->deferred))
        return 0;
    if (timers->count == 0)
        return -1;
    if (timers->heap[0].deadline_ms <= timers->mono_ms)
        return 0;
    return timers->heap[0].deadline_ms - timers->mono_ms;
}

void timers_shift(struct berth_timers *timers, int64_t by_ms)
{
    timers->stalled_ms += by_ms;
    if (timers->stalled)
        timers->stalled(timers->stalled_context, by_ms);
    for (size_t i = 0; i < timers->count; i++) {
        if (__builtin_add_overflow(timers->heap[i].deadline_ms, by_ms,
                                   &timers->heap[i].deadline_ms))
            timers->heap[i].deadline_ms = INT64_MAX;
    }
}

void deferred_add(struct berth_timers *timers, struct berth_deferred *deferred,
                  void (*run)(struct berth_deferred *))
{
    bool first = list_empty(&timers->deferred);

    deferred->run = run;
    list_append(&timers->deferred, &deferred->node);
    if (first && timers->wake)
        timers->wake(timers);
}

void deferred_cancel(struct berth_deferred *deferred)
{
    if (deferred->node.next)
        list_remove(&deferred->node);
}

void deferred_run(struct berth_timers *timers)
{
    struct list *node;

    while ((node = list_shift(&timers->deferred))) {
        struct berth_deferred *deferred = list_entry(node, struct berth_deferred, node);

        deferred->run(deferred);
    }
}
