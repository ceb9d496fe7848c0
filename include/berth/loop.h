/* loop.h - one libuv loop with timers, slow-callback watch and stall guard.
 *
 * Module shared. Each thread that has a loop owns one struct berth_loop; nothing of it is touched by
 * others except loop_post, which is the only thread-safe way in.
 */
#ifndef BERTH_LOOP_H
#define BERTH_LOOP_H

#include <uv.h>

#include "berth/error.h"
#include "berth/histogram.h"
#include "berth/timer.h"

/* Every stream of a loop reads into one buffer: an idle connection holds none. */
#define LOOP_READ_BUFFER 65536

struct berth_loop {
    uv_loop_t uv;
    /* advanced after each pass of I/O, so that nothing expires before its news is read */
    struct berth_timers timers;
    uv_poll_t wakeup;
    int wakeup_fd; /* an eventfd: readable while there is mail */
    uv_mutex_t lock;
    struct list mail;  /* struct loop_mail, guarded by lock */
    char *read_buffer; /* LOOP_READ_BUFFER bytes */
    bool stopped;
    bool watch_stalls;
    /* a turn's callbacks longer than this are logged and counted: 5; 0 = not watched */
    int64_t slow_limit_ms;
    int64_t slow_turns, max_turn_us, stalls;
    struct histogram turns; /* of those that are watched: the callbacks of each */
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

/* Run until loop_stop. Deadlines that were armed before count from here. */
void loop_run(struct berth_loop *loop);

/* One turn, waiting at most `wait_ms` for something to happen: for tests and for orderly ends. */
void loop_turn(struct berth_loop *loop, int64_t wait_ms);
void loop_stop(struct berth_loop *loop);

/* On the loop's own thread: run what was posted so far; for a module that ends and whose threads have
 * been joined. */
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

/* Stall guard: from now on the loop turns at least every 250 ms, and a turn that came more than 1 s
 * late (a blocked callback, a stopped process, a suspended machine) moves every armed deadline by
 * the delay.
 */
void loop_watch_stalls(struct berth_loop *loop);

/* The clocks, for drivers only: monotonic and wall-clock milliseconds. */
int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void);

#endif
