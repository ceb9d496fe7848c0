/* terminal_status.h - the state of this terminal, and the rules that keep a shared screen safe.
 *
 * Module core of the agent: pure. Thread: loop. There is one struct terminal_status per terminal.
 * Only terminal_status_set_state changes its state, and only terminal_status_page derives the page
 * from it, so the screen cannot disagree with the state.
 *
 * The rules:
 *   - An older epoch never takes the screen back. For every session the highest epoch is
 *     remembered, and whether it was hidden (terminal_status_may_show, terminal_status_hide).
 *   - A desktop is on the screen in CONNECTING and ACTIVE only. The page of every other state
 *     covers the viewer at once.
 *   - While a desktop is shown, losing the broker does not change the screen
 *     (terminal_status_set_online).
 *   - When the desktop is gone the state becomes IDLE with the broker, OFFLINE without it
 *     (terminal_status_fallback).
 */
#ifndef BERTH_AGENT_CORE_TERMINAL_STATUS_H
#define BERTH_AGENT_CORE_TERMINAL_STATUS_H

#include "berth/message.h"
#include "berth/setting.h"

#include "core/greeter_protocol.h"

/* Identifies the desktop that a message or the viewer refers to. session_id 0: none. */
struct session_claim {
    uint64_t session_id;
    int64_t epoch;
    uint64_t connection_id;
};

/* Number of sessions whose highest epoch is remembered; the oldest is forgotten. No message about
 * it can arrive any more: the link keeps the order, and a new link starts only after the old one is
 * closed.
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
    bool revoked;     /* the broker refused this terminal as revoked */
    char name[64];
    char code[16]; /* WAITING: to be compared by the administrator */

    /* CONNECTING and ACTIVE: what the screen shows. */
    struct session_claim shown;
    char user[80]; /* kept afterwards, to fill in the sign-on form */
    char pool[64];
    char desktop[128];       /* address, for the status line */
    int64_t idle_lock_ms;    /* of the pool's policy, 0 = none */
    int64_t resume_ms;       /* time limit for resuming a lost picture, 0 = never resume */
    int64_t wanted_since_ms; /* monotonic: the last show, resumes excluded */
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

/* Begin in STARTING, with no desktop. name: the terminal's, "" before it has joined. */
void terminal_status_init(struct terminal_status *terminal, const char *name);

/* Change the state, and log the change with the reason. A forbidden transition is logged as an
 * error and not made; the same state again is no change.
 */
void terminal_status_set_state(struct terminal_status *terminal, enum agent_state next,
                               int64_t now_ms, const char *why);

/* The state without a desktop: IDLE when online, else OFFLINE. */
enum agent_state terminal_status_fallback(const struct terminal_status *terminal);

/* Is the state CONNECTING or ACTIVE? */
bool terminal_status_shows_desktop(const struct terminal_status *terminal);

/* Does a person wait for the broker (SIGN_ON, CHOOSING)? Such terminals take precedence. */
bool terminal_status_user_waiting(const struct terminal_status *terminal);

/* Presence was granted or lost. Changes the states STARTING, OFFLINE and IDLE only. */
void terminal_status_set_online(struct terminal_status *terminal, bool online, int64_t now_ms,
                                const char *why);

/* Set the page's headline and text, NULL = its defaults, and clear queue place and estimate. */
void terminal_status_set_text(struct terminal_status *terminal, const char *title, const char *text,
                              bool alert);

/* May this desktop be shown? Errors: SUPERSEDED (a higher epoch of the session is known, or this
 * one was hidden), INVALID (no session).
 */
int terminal_status_may_show(const struct terminal_status *terminal,
                             const struct session_claim *claim,
                             struct berth_error *reterr) berth_must_check;

/* Record the desktop of a permitted show as the one on the screen; the caller sets CONNECTING. */
void terminal_status_show(struct terminal_status *terminal, const struct msg_show *show,
                          int64_t now_ms);

/* A hide arrived: do not show this session up to this epoch. True when the screen shows it. */
bool terminal_status_hide(struct terminal_status *terminal, uint64_t session_id, int64_t epoch);

/* The desktop is no longer on the screen: clear what describes it. */
void terminal_status_clear(struct terminal_status *terminal);

/* Milliseconds without input after which the screen is locked, 0 = never: the smallest limit of
 * profile, policy and, without the broker, the profile's offline limit.
 */
int64_t terminal_status_idle_limit_ms(const struct terminal_status *terminal,
                                      const struct settings *settings);

/* The page for the present state. serial and now_ms are left to the caller. */
void terminal_status_page(const struct terminal_status *terminal, const struct settings *settings,
                          struct page *ret);

/* The screen's state as the presence renewal reports it. */
enum screen_state terminal_status_screen(const struct terminal_status *terminal);

#endif
