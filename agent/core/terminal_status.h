/* terminal_status.h - what this terminal is doing, and the rules that keep a shared screen safe.
 *
 * Module core of the agent: pure. Thread: loop. One struct terminal_status a terminal; terminal_status_set_state is the
 * only place that changes its state, and the page on the screen is derived from its facts by
 * terminal_status_page alone, so the screen cannot tell a different story than the state.
 *
 * The rules
 *   - an older epoch never takes the picture back: for every session the highest epoch heard of is
 * remembered, and also whether it was hidden (terminal_status_may_show, terminal_status_hide);
 *   - a desktop is on the screen in CONNECTING and ACTIVE only; every other state's page covers the
 * viewer at once;
 *   - the broker's absence changes nothing on a screen that shows a desktop (terminal_status_set_online);
 *   - what belongs to nobody's desktop falls back to where it came from: IDLE while the broker is
 * there, else OFFLINE (terminal_status_fallback).
 */
#ifndef BERTH_AGENT_CORE_TERMINAL_STATUS_H
#define BERTH_AGENT_CORE_TERMINAL_STATUS_H

#include "berth/message.h"
#include "berth/setting.h"

#include "core/greeter_protocol.h"

/* clang-format off */
#define STATES(entity) enum entity##_state { entity##_NO_STATE,
#define STATE(entity, symbol, name, sentence) entity##_##symbol,
#define STATES_END(entity) entity##_STATES_END }; \
    extern const char *const entity##_state_names[]; \
    extern const char *const entity##_state_sentences[];
#include "core/agent_states.def"
#undef STATES
#undef STATE
#undef STATES_END
/* clang-format on */

/* Does agent_states.def permit this move? */
bool agent_state_may_change(enum agent_state from, enum agent_state to);

/* Which desktop a message or the viewer is about. session_id 0: none. */
struct session_claim {
    uint64_t session_id;
    int64_t epoch;
    uint64_t connection_id;
};

/* Sessions whose highest epoch is remembered; a terminal that serves more in turn forgets the
 * oldest, whose messages cannot come any more: the link is in order, and a lost link is emptied
 * before the next one is opened.
 */
#define KNOWN_EPOCHS_MAX 16

struct known_epoch {
    uint64_t session_id;
    int64_t epoch;
    bool hidden;
};

struct terminal_status {
    enum agent_state state;
    int64_t since_ms; /* monotonic */
    bool online;      /* presence is granted */
    bool revoked;     /* the broker said so */
    char name[64];
    char code[16]; /* WAITING */

    /* CONNECTING and ACTIVE: what the screen shows. */
    struct session_claim shown;
    char user[80]; /* also: the last who signed on, for the form */
    char pool[64];
    char desktop[128];    /* address, for the status line */
    int64_t idle_lock_ms; /* of the policy, 0 = none */
    int64_t resume_ms;    /* for so long after its picture broke the broker is asked; 0 = never */
    int64_t wanted_since_ms; /* monotonic: somebody asked for it; a resumed picture nobody did */
    int64_t shown_since_ms;  /* monotonic */
    int64_t picture_ms;      /* from the show to the first picture, 0 = not seen */
    struct known_epoch epochs[KNOWN_EPOCHS_MAX];
    size_t epoch_next;

    /* What the page says. */
    char title[128];
    char text[1000];
    bool alert;
    int64_t queue_place;
    int64_t estimate_ms;
    size_t choices_count;
    struct msg_choice choices[12];
};

/* STARTING, with nothing shown. name: "" while it has none. */
void terminal_status_init(struct terminal_status *terminal, const char *name);

/* Change the state and log old -> new with the reason. A forbidden move is logged as an error and
 * not made; the same state again is no change.
 */
void terminal_status_set_state(struct terminal_status *terminal, enum agent_state next,
                               int64_t now_ms, const char *why);

/* IDLE or OFFLINE. */
enum agent_state terminal_status_fallback(const struct terminal_status *terminal);

/* Is a viewer the owner of the screen? */
bool terminal_status_shows_desktop(const struct terminal_status *terminal);

/* Is a person waiting for an answer? They go first everywhere. */
bool terminal_status_user_waiting(const struct terminal_status *terminal);

/* The broker came or went. Moves between IDLE and OFFLINE where nothing is shown. */
void terminal_status_set_online(struct terminal_status *terminal, bool online, int64_t now_ms,
                                const char *why);

/* What the page says below its headline; NULL stands for nothing. */
void terminal_status_set_text(struct terminal_status *terminal, const char *title, const char *text,
                              bool alert);

/* May this desktop be shown? Errors: SUPERSEDED (a higher epoch of the session was heard of, or this
 * one was hidden). */
int terminal_status_may_show(const struct terminal_status *terminal,
                             const struct session_claim *claim,
                             struct berth_error *reterr) berth_must_check;

/* Take the desktop of a permitted show as the one on the screen; the caller moves to CONNECTING. */
void terminal_status_show(struct terminal_status *terminal, const struct msg_show *show,
                          int64_t now_ms);

/* A hide arrived: nothing of this session up to this epoch is shown any more. True: that is what
 * the screen shows. */
bool terminal_status_hide(struct terminal_status *terminal, uint64_t session_id, int64_t epoch);

/* Nothing is shown any more. */
void terminal_status_clear(struct terminal_status *terminal);

/* Milliseconds without input after which the screen is locked here and now, 0 = never: the
 * strictest of profile, policy and, without the broker, the profile's offline limit.
 */
int64_t terminal_status_idle_limit_ms(const struct terminal_status *terminal,
                                      const struct settings *settings);

/* The page that the screen shall show in this state. Not set: serial, now_ms. */
void terminal_status_page(const struct terminal_status *terminal, const struct settings *settings,
                          struct page *ret);

/* As the presence renewal reports it. */
enum screen_state terminal_status_screen(const struct terminal_status *terminal);

#endif
