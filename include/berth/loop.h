/* loop.h - one libuv loop with timers, slow-callback watch and stall guard.
 *
 * Room shared. Each thread that has a loop owns one struct berth_loop; nothing of it is touched by others except
 * loop_post, which is the only thread-safe way in.
 */
#ifndef BERTH_LOOP_H
#define BERTH_LOOP_H

#include <uv.h>

#include "berth/timer.h"

struct berth_loop {
    uv_loop_t uv;
    struct berth_timers timers; /* timers.wake re-arms; see timer.h */
    uv_timer_t next;
    uv_check_t end_of_turn;
    uv_prepare_t before_poll;
    uv_async_t poke;
    uv_mutex_t lock;
    struct list mail; /* struct loop_mail, guarded by lock */
    int64_t slow_limit_ms; /* a turn's callbacks longer than this are logged and counted: 5 */
    int64_t slow_turns, longest_turn_us, stalls;
    int64_t turn_began_us;
    int64_t last_tick_ms;
    uv_timer_t tick; /* 250 ms, only when loop_watch_stalls was called */
};

/* Mail is allocated by the sender, run on the loop's thread, and owned by `run` from then on. */
struct loop_mail {
    struct list node;
    void (*run)(struct loop_mail *mail);
};

int loop_init(struct berth_loop *loop, struct berth_error *reterr) berth_must_check;

/* Run until loop_stop. */
void loop_run(struct berth_loop *loop);
void loop_stop(struct berth_loop *loop);

/* Close every handle that loop_init made and the loop itself; all others must be closed before. */
void loop_close(struct berth_loop *loop);

/* From any thread: run mail->run on the loop's thread, in order of posting. */
void loop_post(struct berth_loop *loop, struct loop_mail *mail);

/* Stall guard (reliability): a 250 ms tick that came more than 1 s late moves every deadline by the delay. */
void loop_watch_stalls(struct berth_loop *loop);

/* The clocks, for drivers only: monotonic and wall-clock milliseconds. */
int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void);

#endif
