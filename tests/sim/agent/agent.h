/* agent.h - a real agent inside the simulator, seen from the broker's half of it.
 *
 * Module tests. The object code of agent/core and agent/flow, on ports that hand everything outward
 * through struct agent_callbacks. One file cannot include headers of both programs (both have core/
 * and flow/), so this one includes neither: messages are passed by value, all else as plain
 * members. An agent has clocks and random numbers of its own; the caller calls agent_turn when
 * agent_next says so, and again after each function here marked "turn after it".
 */
#ifndef BERTH_TESTS_SIM_AGENT_H
#define BERTH_TESTS_SIM_AGENT_H

#include "berth/history.h"
#include "berth/message.h"

struct agent;

/* What became of a sign-on. */
enum agent_news { AGENT_SHOWN = 1, AGENT_REFUSED, AGENT_ENDED };

struct agent_callbacks {
    /* Connect with this key; answered by agent_dialled, later. A new dial ends the old connection.
     */
    void (*dial)(void *who, bool joining, const char *key);
    void (*hang_up)(void *who);
    void (*send)(void *who, const struct msg *msg);
    /* A viewer starts, or is told to end; answered by agent_viewed and agent_viewer_gone, later.
     * view: what it must open; its receiver wipes the password.
     */
    void (*view)(void *who, const struct msg_show *view);
    void (*unview)(void *who);
    void (*reboot)(void *who);
    /* The signature of the fake authority's kind, by this key. */
    void (*sign)(const char *key, const char *request, char *out, size_t size);
    void (*news)(void *who, enum agent_news what, const struct berth_error *why);
    void *who;
};

/* What a terminal keeps while it is off: its identity and its profile. */
struct agent_memory {
    bool known;
    char key[64];
    char next_key[64]; /* of a request that is unanswered; "" = none */
    char terminal[64];
    char certificate[256];
    int64_t accepted_ms, not_after_ms;
    unsigned keys; /* generated so far */
    char *profile;
    struct secret invitation;
};

/* Its visible state. */
struct agent_snapshot {
    const char *state; /* "idle", "active" ... */
    uint64_t session_id;
    int64_t epoch;
    bool online, shows, waits;
    int64_t profile_version;
    int64_t idle_limit_ms; /* it locks itself then; 0: never */
    size_t choices;
    const char *choice; /* the first one */
};

/* A terminal is switched on: its agent starts. memory: outlives it. All times in milliseconds. */
struct agent *agent_new(const struct agent_callbacks *callbacks, struct agent_memory *memory,
                        const char *boot_id, uint64_t seed, int64_t mono_ms, int64_t wall_ms);
void agent_start(struct agent *agent, struct history *history);

/* Kill it, as by SIGKILL. */
void agent_free(struct agent *agent);

/* ---- time ---- */

/* Milliseconds until it needs a turn; -1: never. */
int64_t agent_next(const struct agent *agent);
void agent_turn(struct agent *agent, int64_t mono_ms, int64_t wall_ms);
/* Set its clocks; call it before any of the functions below. */
void agent_clock(struct agent *agent, int64_t mono_ms, int64_t wall_ms);
/* The machine slept: its monotonic clock stood, another one did not. */
void agent_slept(struct agent *agent, int64_t ms);

/* ---- what happens to it: turn after it ---- */
void agent_dialled(struct agent *agent, int code, const char *why);
void agent_receive(struct agent *agent, const struct msg *msg);
void agent_lost(struct agent *agent, const char *why);
void agent_viewed(struct agent *agent);  /* the viewer is connected */
void agent_picture(struct agent *agent); /* and its first picture was seen */
void agent_viewer_gone(struct agent *agent, int exit_code);

/* ---- what people do: turn after it ---- */

/* False: not possible now. */
bool agent_sign_on(struct agent *agent, const char *user, const char *password, const char *pool);
void agent_cancel(struct agent *agent);
bool agent_leave(struct agent *agent, bool sign_off);
void agent_pick(struct agent *agent);
void agent_key(struct agent *agent); /* a key was pressed: a notice disappears */
void agent_idle(struct agent *agent, int64_t idle_ms);

void agent_observe(const struct agent *agent, struct agent_snapshot *ret);

#endif
