/* loop.h - a libuv loop with timers, a log of slow callbacks and a stall guard.
 *
 * Module shared. Each thread that has a loop owns one struct berth_loop; other threads may only
 * call loop_post.
 */
#ifndef BERTH_LOOP_H
#define BERTH_LOOP_H

#include <uv.h>

#include "berth/error.h"
#include "berth/histogram.h"
#include "berth/timer.h"

/* All streams of a loop read into one buffer, so an idle connection holds none. */
#define LOOP_READ_BUFFER 65536

struct berth_loop {
    uv_loop_t uv;
    /* advanced after each pass of I/O, so that nothing expires while its renewal waits to be read
     */
    struct berth_timers timers;
    uv_poll_t wakeup;
    int wakeup_fd; /* an eventfd: readable while `mail` is not empty */
    uv_mutex_t lock;
    struct list mail;  /* struct loop_mail, guarded by lock */
    char *read_buffer; /* LOOP_READ_BUFFER bytes */
    bool stopped;
    bool watch_stalls;
    /* turns whose callbacks take longer are logged and counted; default 5, 0: off */
    int64_t slow_limit_ms;
    int64_t slow_turns, max_turn_us, stalls;
    /* duration of the callbacks of each turn, while slow_limit_ms is not 0 */
    struct histogram turns;
    int64_t turn_began_us;
    int64_t last_turn_ms;
};

/* Mail is allocated by the sender, run on the loop's thread, and owned by `run` from then on. */
struct loop_mail {
    struct list node;
    void (*run)(struct loop_mail *mail);
};

/* A loop for the calling thread, or for one that is started after this. */
int loop_init(struct berth_loop *loop, struct berth_error *reterr) berth_must_check;

/* Run until loop_stop. Timers that were armed before count from here. */
void loop_run(struct berth_loop *loop);

/* Run one turn, waiting at most `wait_ms` for an event: for tests and for orderly shutdown. */
void loop_turn(struct berth_loop *loop, int64_t wait_ms);
void loop_stop(struct berth_loop *loop);

/* On the loop's own thread: run what was posted so far. For the shutdown of a module, after its
 * threads were joined. */
void loop_deliver(struct berth_loop *loop);

/* Run what was posted, close every handle that loop_init made and the loop itself. All other
 * handles must be closing (their callbacks are still run) or closed; one that is not is a
 * programming error and ends the program.
 */
void loop_close(struct berth_loop *loop);

/* From any thread: run mail->run on the loop's thread, in order of posting. */
void loop_post(struct berth_loop *loop, struct loop_mail *mail);

/* The same for a list of them (loop_mail.node), which is empty afterwards: one wakeup for all. */
void loop_post_all(struct berth_loop *loop, struct list *mail);

/* Enable the stall guard: from now on the loop turns at least every 250 ms, and when a turn is more
 * than 1 s late (a blocked callback, a stopped process, a suspended machine) every armed deadline
 * is postponed by the delay.
 */
void loop_watch_stalls(struct berth_loop *loop);

/* Monotonic and wall-clock milliseconds. For programs only; core and flow use berth_timers. */
int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void);

#endif
