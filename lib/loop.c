/* loop.c - one turn of a loop: wait, I/O, mail, timers, deferred work. */
#include "berth/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "berth/log.h"

/* A watched loop turns at least every STALL_TICK_MS; a turn that is STALL_LATE_MS later than that
 * was a stall. */
#define STALL_TICK_MS 250
#define STALL_LATE_MS 1000

/* Passes that loop_close makes at most: each close callback may close another handle. */
#define CLOSE_PASSES 100

static int64_t clock_us(clockid_t id)
{
    struct timespec now;

    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

static void wakeup_readable(uv_poll_t *wakeup, berth_unused int status, berth_unused int events)
{
    struct berth_loop *loop = container_of(wakeup, struct berth_loop, wakeup);
    uint64_t count;

    /* Reset before the mail is taken: mail that is posted later wakes the loop again. */
    (void)!read(loop->wakeup_fd, &count, sizeof(count));
    loop_deliver(loop);
}

/* Not uv_async: its receiver spins until the sender has returned from the write that woke it, which
 * on few processors takes long (a seventh of the cost of a renewal), and it writes once per
 * message.
 */
static int open_wakeup(struct berth_loop *loop)
{
    int r;

    loop->wakeup_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wakeup_fd < 0)
        return -errno;
    r = uv_poll_init(&loop->uv, &loop->wakeup, loop->wakeup_fd);
    if (r == 0)
        r = uv_poll_start(&loop->wakeup, UV_READABLE, wakeup_readable);
    if (r < 0)
        (void)close(loop->wakeup_fd);
    return r;
}

int loop_init(struct berth_loop *loop, struct berth_error *reterr)
{
    int r;

    *loop = (struct berth_loop){ .slow_limit_ms = 5 };
    list_init(&loop->mail);
    r = uv_loop_init(&loop->uv);
    if (r < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot create an event loop: %s", uv_strerror(r));

    r = open_wakeup(loop);
    if (r < 0) {
        (void)uv_loop_close(&loop->uv);
        return berth_fail(reterr, BERTH_E_IO, "cannot create an event loop: %s", uv_strerror(r));
    }

    r = uv_mutex_init(&loop->lock);
    if (r < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot create an event loop: %s", uv_strerror(r));

    loop->read_buffer = berth_alloc(LOOP_READ_BUFFER);
    timers_init(&loop->timers, clock_mono_ms(), clock_wall_ms());
    loop->timers.driver = loop;
    loop->last_turn_ms = loop->timers.mono_ms;
    return 0;
}

/* One write for all mail that waits. It must not be lost, so EINTR is retried; any other failure
 * means that the counter of the eventfd is full, and then it is readable. */
static void wakeup(struct berth_loop *loop)
{
    uint64_t one = 1;
    ssize_t done;

    do
        done = write(loop->wakeup_fd, &one, sizeof(one));
    while (done < 0 && errno == EINTR);
}

void loop_post(struct berth_loop *loop, struct loop_mail *mail)
{
    bool first;

    uv_mutex_lock(&loop->lock);
    first = list_empty(&loop->mail);
    list_append(&loop->mail, &mail->node);
    uv_mutex_unlock(&loop->lock);
    if (first)
        wakeup(loop);
}

void loop_post_all(struct berth_loop *loop, struct list *mail)
{
    struct list *node;
    bool first;

    if (list_empty(mail))
        return;

    uv_mutex_lock(&loop->lock);
    first = list_empty(&loop->mail);
    while ((node = list_shift(mail)))
        list_append(&loop->mail, node);
    uv_mutex_unlock(&loop->lock);
    if (first)
        wakeup(loop);
}

void loop_deliver(struct berth_loop *loop)
{
    struct list taken;
    struct list *node;

    list_init(&taken);
    uv_mutex_lock(&loop->lock);
    while ((node = list_shift(&loop->mail)))
        list_append(&taken, node);
    uv_mutex_unlock(&loop->lock);

    while ((node = list_shift(&taken))) {
        struct loop_mail *mail = list_entry(node, struct loop_mail, node);
        mail->run(mail);
    }
}

/* How long this turn may wait: 0 = not at all, -1 = until an event. */
static int wait_allowed(struct berth_loop *loop, int64_t most_ms)
{
    int64_t wait = uv_backend_timeout(&loop->uv);
    int64_t next = timers_next(&loop->timers);
    int64_t passed = clock_mono_ms() - loop->timers.mono_ms; /* since the turn's time was set */

    if (next > 0)
        next = next > passed ? next - passed : 0;
    if (next >= 0 && (wait < 0 || next < wait))
        wait = next;
    if (most_ms >= 0 && (wait < 0 || most_ms < wait))
        wait = most_ms;
    if (loop->watch_stalls && (wait < 0 || wait > STALL_TICK_MS))
        wait = STALL_TICK_MS;
    return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

/* A loop that stalled has not received anything meanwhile: what was not renewed for that reason
 * must not expire. */
static void check_stall(struct berth_loop *loop, int64_t now_ms)
{
    int64_t late = now_ms - loop->last_turn_ms - STALL_TICK_MS;

    loop->last_turn_ms = now_ms;
    if (!loop->watch_stalls || late <= STALL_LATE_MS)
        return;

    timers_shift(&loop->timers, late);
    loop->stalls++;
    log_event(EV_LOOP_STALLED, "late_ms", late);
}

static void check_slow_turn(struct berth_loop *loop)
{
    int64_t took_us = clock_us(CLOCK_MONOTONIC) - loop->turn_began_us;

    if (took_us > loop->max_turn_us)
        loop->max_turn_us = took_us;
    if (loop->slow_limit_ms == 0)
        return;
    histogram_add(&loop->turns, took_us);
    if (took_us <= loop->slow_limit_ms * 1000)
        return;

    loop->slow_turns++;
    log_event(EV_LOOP_SLOW, "took_us", took_us, "limit_ms", loop->slow_limit_ms);
}

/* The wait is here and not inside uv_run, so that the clock is updated between the wait and the
 * callbacks: a timer that a callback arms counts from now, not from before the wait.
 */
void loop_turn(struct berth_loop *loop, int64_t wait_ms)
{
    struct pollfd backend = { .fd = uv_backend_fd(&loop->uv), .events = POLLIN };
    int64_t now_ms;

    (void)poll(&backend, 1, wait_allowed(loop, wait_ms));
    loop->turn_began_us = clock_us(CLOCK_MONOTONIC);
    now_ms = loop->turn_began_us / 1000;
    check_stall(loop, now_ms);
    loop->timers.mono_ms = now_ms > loop->timers.mono_ms ? now_ms : loop->timers.mono_ms;
    loop->timers.wall_ms = clock_wall_ms();

    (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
    /* The time at the end of the wait, not now: timers that became due while the callbacks ran are
     * handled in the next turn, after pending input was read and after a stall has moved them.
     */
    timers_advance(&loop->timers, loop->timers.mono_ms, loop->timers.wall_ms);
    check_slow_turn(loop);
}

void loop_run(struct berth_loop *loop)
{
    int64_t since_ms = clock_mono_ms() - loop->timers.mono_ms;

    loop->stopped = false;
    loop->last_turn_ms = clock_mono_ms();
    /* As after a stall: peers that connected during a long start were not served yet. */
    if (since_ms > 0)
        timers_shift(&loop->timers, since_ms);
    while (!loop->stopped)
        loop_turn(loop, -1);
}

void loop_stop(struct berth_loop *loop)
{
    loop->stopped = true;
}

void loop_watch_stalls(struct berth_loop *loop)
{
    loop->watch_stalls = true;
    loop->last_turn_ms = clock_mono_ms();
}

static void name_open_handle(uv_handle_t *handle, berth_unused void *unused)
{
    if (!uv_is_closing(handle))
        (void)fprintf(stderr, "loop_close: a handle of type %s is still open\n",
                      uv_handle_type_name(uv_handle_get_type(handle)));
}

void loop_close(struct berth_loop *loop)
{
    loop_deliver(loop);
    uv_close((uv_handle_t *)&loop->wakeup, NULL);
    for (int pass = 0; pass < CLOSE_PASSES && uv_loop_alive(&loop->uv); pass++) {
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
        timers_advance(&loop->timers, clock_mono_ms(), clock_wall_ms());
    }
    if (uv_loop_close(&loop->uv) < 0) {
        uv_walk(&loop->uv, name_open_handle, NULL);
        abort();
    }
    (void)close(loop->wakeup_fd);
    timers_free(&loop->timers);
    uv_mutex_destroy(&loop->lock);
    free(berth_take(loop->read_buffer));
}
