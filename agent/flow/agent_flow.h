/* agent_flow.h - the state of one terminal's agent: its status, its ports and its flows.
 *
 * Module flow of the agent. Thread: loop. There are no globals: everything a flow uses is reached
 * from struct agent_flow, so that the simulator can run thousands of agents in one process. The
 * owner (agent.c, a story test, the simulator) fills in the ports and the options and calls
 * agent_flow_start (reactor.h); from then on events drive everything.
 *
 *   agent_flow.c           the clock, pages and state changes, sending, observers: below all others
 *   reactor.c              start, stop, reactions to a lost link and to a suspend: above all others
 *   dial.c                 finds the broker and announces this terminal
 *   endpoint.c             chooses the broker address for the next dial
 *   join_request.c         obtains an identity at the join listener
 *   presence.c             announces presence and renews it as the broker dictates
 *   certificate_renewal.c  renews the certificate before it expires
 *   dispatch.c             calls the handler of each message
 *   screen_events.c        handles what people do at the greeter
 *   sign_on_request.c      from evidence to the broker's answer; asks again for a lost picture
 *   viewer_session.c       show, viewer, first picture; hide, sign-off, lock, idle lock
 *   commands.c             executes commands of administrators
 *   log_upload.c           uploads the logs in chunks
 *   profile.c              applies the terminal's profile (its settings)
 *   recording.c            writes what the screen shows into a history
 *
 * At most one flow of each kind runs at a time; its memory is a member of struct agent_flow.
 */
#ifndef BERTH_AGENT_FLOW_AGENT_FLOW_H
#define BERTH_AGENT_FLOW_AGENT_FLOW_H

#include "berth/flow.h"
#include "berth/random.h"
#include "berth/wait.h"

#include "core/changes.h"
#include "core/terminal_status.h"
#include "host/device.h"
#include "identity/agent_identity.h"
#include "link/locator.h"
#include "link/uplink.h"
#include "screen/screen.h"
#include "viewer/viewer.h"

/* Set by the owner before agent_flow_start; the invitation and the addresses may change later,
 * followed by agent_flow_rejoin.
 */
struct agent_flow_options {
    char agent_version[24];
    struct broker_addresses links; /* in the order to be tried; when empty, DNS may be asked */
    struct broker_addresses joins; /* the same, for the join listener */
    bool ask_dns;
    struct secret invitation;  /* token of the invitation, "" = none */
    struct secret boot_secret; /* issued for this boot, "" = none */
    int64_t want_expires_ms;   /* requested presence duration, 0 = the broker's default */
    int64_t built_ms;          /* wall clock of this image's build: a lower bound for "now" */
};

/* Position in the list of broker addresses. */
struct endpoint_cursor {
    struct broker_addresses found; /* DNS result of this attempt */
    size_t next;                   /* incremented by every failed dial */
};

struct dial {
    struct flow flow;
    bool running;
    bool try_join; /* the next attempt goes to the join listener */
    int failures;  /* since the last grant */
    struct delay delay;
    struct endpoint_cursor endpoint;
    struct event_wait answer; /* granted or refused */
    int64_t sent_ms;          /* monotonic, when the announcement was sent */
};

struct join_request {
    struct flow flow;
    bool running;
    struct delay delay;
    struct endpoint_cursor endpoint;
    struct event_wait answer;
    int64_t retry_after_ms; /* from join_wait or refused, 0 = not given */
};

struct agent_presence {
    char id[40];
    int64_t seq;
    int64_t deadline_ms; /* monotonic, counted from sending: never later than the broker's */
    int64_t sent_ms;     /* monotonic, of the oldest renewal without an answer */
    int64_t renew_after_ms;
    int64_t spread_ms;
    int64_t incarnation;
    int64_t broker_ms;         /* the broker's wall clock at its last grant, 0 = unknown */
    int64_t broker_at_ms;      /* agent_flow_uptime_ms at that moment */
    bool broker_clock_doubted; /* a certificate failed by that clock: use the local clock */
    int64_t slept_ms;          /* device_slept_ms at the last check */
    int64_t input_idle_ms;     /* last value from the greeter */
    int64_t input_reported_ms; /* monotonic, when it came; 0 = never */
    struct berth_timer renew;
    struct berth_timer unanswered;
    struct berth_timer suspend_check;
};

/* A lost picture, from its loss until it is back or given up. */
struct resume {
    bool on;
    struct session_claim claim;
    int64_t lost_at_ms; /* agent_flow_uptime_ms at its loss */
    int64_t limit_ms;   /* from then on; show.resume_ms */
    int tries;          /* requests since a picture was last stable */
    bool retry;         /* the last refusal may be temporary */
    struct delay delay;
};

struct sign_on_request {
    struct flow flow;
    bool running;
    bool kiosk;
    size_t evidence_count;
    struct msg_evidence evidence[4]; /* wiped when the flow ends */
    char pool[64];
    struct event_wait answer;
    struct berth_timer deadline; /* runs while the broker is away; for a resume, always */
    struct resume resume;
    struct berth_timer kiosk_delay;
    int kiosk_failures;
    int64_t began_ms;
    int64_t took_ms; /* duration of the last one, from the evidence to the show */
};

struct viewer_session {
    struct flow flow;
    bool running;
    struct viewer_request request;   /* wiped once handed to the viewer */
    struct session_claim claim;      /* of the running viewer; session_id 0: none runs */
    bool awaiting_picture;           /* the greeter's window is unmapped; it samples the screen */
    const char *end_reason;          /* why we ended the viewer; NULL: it ends by itself */
    struct event_wait earlier_ended; /* the previous viewer has ended */
    struct event_wait connected;
    struct event_wait picture;
    struct berth_timer picture_limit;
    struct berth_timer notice; /* after it, a notice gives way to the sign-on page */
};

struct certificate_renewal {
    struct flow flow;
    bool running;
    bool identity_unused; /* the present link was made with the previous identity */
    struct berth_timer due;
    struct event_wait answer;
};

#define COMMANDS_REMEMBERED 32

struct commands {
    size_t next;
    /* A repeated command_id is answered from here and not executed again. */
    struct msg_command_state known[COMMANDS_REMEMBERED];
    struct op reboot;
    uint64_t reboot_id;
    struct op logs;
    uint64_t logs_id;
};

struct log_upload {
    struct flow flow;
    bool running;
    struct op *op; /* of the command that wants them */
    uint64_t command_id;
    struct device_logs logs;
    size_t sent; /* bytes sent so far */
    struct event_wait ack;
};

/* What an observer (the control socket) is told. */
enum agent_event {
    AGENT_EVENT_CHANGED,        /* state or progress changed */
    AGENT_EVENT_SIGN_ON_FAILED, /* with the reason */
    AGENT_EVENT_SHOWN,          /* the picture is on the screen */
    AGENT_EVENT_ENDED,          /* a viewer ended, with the reason */
    AGENT_EVENT_JOINED,
    AGENT_EVENT_JOIN_FAILED, /* one attempt failed, with the reason; the agent tries again */
    AGENT_EVENT_LINKED,      /* the broker granted presence */
};

struct agent_observer {
    struct list node;
    void (*notify)(struct agent_observer *observer, enum agent_event event,
                   const struct berth_error *why);
};

struct agent_flow {
    /* Set by the owner, who also frees them. */
    struct berth_timers *timers;
    struct berth_random *random;
    struct uplink *uplink;
    struct locator *locator;
    struct agent_identity *identity;
    struct viewer *viewer;
    struct screen *screen;
    struct device *device;
    struct history *history; /* where recording.c writes; NULL: nothing is recorded */
    struct agent_flow_options options;

    struct session_claim recorded; /* the desktop that the history last said was shown */
    struct flow_engine engine;
    struct changes changes; /* for reactor.c */
    struct terminal_status terminal;
    struct settings settings;
    int64_t profile_version;
    uint64_t last_ref; /* of the last message sent */
    uint64_t late_ref; /* of the last late answer that was logged */
    struct list observers;
    bool stopping;

    struct dial dial;
    struct join_request join;
    struct agent_presence presence;
    struct sign_on_request sign_on;
    struct viewer_session viewer_session;
    struct certificate_renewal certificate_renewal;
    struct commands commands;
    struct log_upload log_upload;
};

/* Milliseconds since this machine booted, suspends included. */
int64_t agent_flow_uptime_ms(const struct agent_flow *agent);

/* The broker's wall clock where it is known, else the local one. Never earlier than the image's
 * build or the acceptance of the certificate, so that a terminal whose clock battery died can still
 * verify the broker's certificate.
 */
int64_t agent_flow_wall_ms(const struct agent_flow *agent);

/* Show the page of the terminal's present state, at once. */
void agent_flow_show_page(struct agent_flow *agent);

/* Change the terminal's state and show its page, without the title and text of the previous one.
 * why: for the log. */
void agent_flow_set_state(struct agent_flow *agent, enum agent_state next, const char *why);

/* The same with a title and a text, also when the state does not change. NULL: the defaults. */
void agent_flow_set_state_text(struct agent_flow *agent, enum agent_state next, const char *why,
                               const char *title, const char *text, bool alert);

/* Initialize a message to be sent, with the next ref. */
void agent_flow_init_message(struct agent_flow *agent, struct msg *msg, enum msg_type type);

/* Send while the broker grants presence; false when it was not sent. An error is logged and closes
 * the link. Callers may ignore the result: the next announcement repeats what matters.
 */
bool agent_flow_send(struct agent_flow *agent, const struct msg *msg);

/* The connection was lost: the terminal is offline at once, the flows hear it at the end of this
 * turn.
 */
void agent_flow_link_lost(struct agent_flow *agent, const struct berth_error *why);

/* The link no longer works: close it, as if it had been lost. No effect while the dial flow runs,
 * whose steps have limits of their own.
 */
void agent_flow_drop_link(struct agent_flow *agent, const struct berth_error *why);

/* observer->notify must be set. Removing an observer that was not added has no effect. */
void agent_flow_add_observer(struct agent_flow *agent, struct agent_observer *observer);
void agent_flow_remove_observer(struct agent_observer *observer);
void agent_flow_notify(struct agent_flow *agent, enum agent_event event,
                       const struct berth_error *why);

#endif
