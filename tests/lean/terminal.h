/* terminal.h - one lean terminal over the real link: connects, is present, signs on, shows.
 *
 * Module tests. For programs that hold thousands of terminals, or few that are told what to do. The
 * rules are those of berth-agent (agent/core/reconnect.h, agent/core/terminal_status.h): reconnects
 * are spread as the broker said, sooner where a person waits; an older epoch never takes the
 * picture back; losing the broker changes nothing on the screen. There is no screen and no viewer: a
 * show counts as shown.
 *
 * What it does by itself: connects again, renews, applies profiles, carries out commands, reports
 * its viewer, and records screens, requests and profiles in the history. All else its owner decides
 * in the events. One loop, one thread.
 */
#ifndef BERTH_TESTS_LEAN_TERMINAL_H
#define BERTH_TESTS_LEAN_TERMINAL_H

#include "berth/frame.h"
#include "berth/history.h"
#include "berth/random.h"

#include "lean/say.h"

struct lean_terminal;

enum lean_link { LEAN_DOWN, LEAN_CONNECTING, LEAN_OPEN, LEAN_PRESENT };

/* Each may be NULL. */
struct lean_events {
    /* A connection begins: give it a key, where the context has none. False: it has none. */
    bool (*dials)(struct lean_terminal *terminal);
    void (*connected)(struct lean_terminal *terminal);
    /* `first` on this connection; otherwise it answers a renewal. */
    void (*granted)(struct lean_terminal *terminal, const struct msg_granted *said, bool first);
    /* `answers`: a sign-on was asked on this connection. */
    void (*shown)(struct lean_terminal *terminal, const struct msg_show *said, bool answers);
    /* `ours`: the picture was on the screen, and is gone. */
    void (*hidden)(struct lean_terminal *terminal, const struct msg_hide *said, bool ours);
    /* The picture is gone, for whatever reason. */
    void (*dark)(struct lean_terminal *terminal);
    /* Any other message, and a show that is void; before the terminal acts on it. */
    void (*heard)(struct lean_terminal *terminal, const struct msg *msg);
    /* The connection is over, or none came about; `was`: how far it had come. */
    void (*lost)(struct lean_terminal *terminal, enum lean_link was, const struct berth_error *why);
};

/* What all terminals of a program share. */
struct lean_group {
    struct berth_loop *loop;
    struct berth_random *random;
    struct history *history; /* NULL: nothing is recorded */
    const struct lean_events *events;
    int64_t handshake_ms;
    int64_t unanswered_ms; /* a renewal without an answer for this long ends the link; 0: never */
    int64_t want_ms;       /* requested duration of a presence; 0: the broker decides */
};

/* Zeroed memory of the owner's, who sets the first part. */
struct lean_terminal {
    const struct lean_group *group;
    char name[64];
    char address[64]; /* of the broker's link; numeric */
    int port;
    char source[32]; /* own address; "": the system chooses */
    SSL_CTX *context;
    bool person_waits; /* it comes back sooner and says so */

    bool on; /* it shall be connected */
    enum lean_link link;
    struct tls_peer tls;
    bool tls_used; /* its memory belongs to the loop until it is closed */
    bool at_once;  /* connect as soon as it is closed */
    struct frame_reader reader;
    struct berth_timer reconnect, renew, unanswered;
    int failures;
    int64_t connect_us, renew_us; /* renew_us: of the first renewal without an answer; 0: none */
    char presence_id[40];
    int64_t seq, renew_after_ms, spread_ms, incarnation, profile_version;
    uint64_t ref;
    int64_t op; /* number of its latest request in the history */
    bool asked; /* a sign-on is not answered yet */
    /* On its screen; epoch: also the latest that was hidden. */
    bool shows;
    uint64_t session_id, connection_id;
    int64_t epoch;
};

/* Microseconds of the monotonic clock, read now: a loop's own clock is as old as its turn. */
int64_t lean_now_us(void);

/* Connect now, and again whenever the link is lost, until it is cut. */
void lean_connect(struct lean_terminal *terminal);

/* Close without goodbye and stay away. The picture stays. */
void lean_cut(struct lean_terminal *terminal);

/* The picture ends: HIDES (a person leaves) or OFF (the power fails). */
void lean_blank(struct lean_terminal *terminal, enum history_screen_event event);

/* Send any message; nothing is sent unless it is connected. */
void lean_say(struct lean_terminal *terminal, struct msg *msg);

/* Send a request of a person, recorded in the history; `msg` is wiped. user_id: 0 where unknown. */
void lean_ask(struct lean_terminal *terminal, struct msg *msg, enum history_request what,
              uint64_t user_id);

#endif
