/* agent_flow.h - one terminal's agent as its flows see it: the terminal, the ports, and what is under way.
 *
 * Module flow of the agent. Thread: loop. Everything a flow touches is here, nothing is global: the
 * simulator runs thousands of agents in one process. Whoever wires one (agent.c, a story,
 * the simulator) fills the ports, calls agent_flow_start, and the rest happens by events:
 *
 *   dial.c    finds the broker and holds the link        viewer_session.c  show -> viewer -> picture,
 * hide, leave, idle lock join_request.c     gets an identity                           sign_on_request.c  evidence
 * -> the broker's answer presence.c keeps presence as the broker dictates it   certificate_renewal.c  the next
 * certificate, in time dispatch.c    message -> handler                         screen_events.c   what people
 * do at the screen commands.c   commands                                   log_upload.c   logs in chunks
 * profile.c  settings
 *
 * At most one flow of each kind runs at a time; its memory is part of struct agent_flow.
 */
#ifndef BERTH_AGENT_FLOW_AGENT_FLOW_H
#define BERTH_AGENT_FLOW_AGENT_FLOW_H

#include "berth/flow.h"
#include "berth/random.h"

#include "core/terminal_status.h"
#include "flow/wait.h"
#include "host/device.h"
#include "identity/agent_identity.h"
#include "link/locator.h"
#include "link/uplink.h"
#include "screen/screen.h"
#include "viewer/viewer.h"

/* What the wiring decides once. Addresses in the order to be tried; DNS is asked when there are
 * none. */
struct agent_flow_options {
    char agent_version[24];
    struct broker_addresses links;
    struct broker_addresses joins;
    bool ask_dns;
    struct secret invitation;  /* token of the invitation, "" = none */
    struct secret boot_secret; /* issued to this boot, "" = none */
    int64_t want_expires_ms;   /* of the presence, 0 = as the broker likes */
    int64_t built_ms;          /* wall clock when this image was built; it cannot be earlier now */
};

/* A cursor over the places where the broker may be. */
struct endpoint_cursor {
    struct broker_addresses found; /* by DNS, for this try */
    size_t next;                   /* rises with every failed dial */
};

struct dial {
    struct flow flow;
    bool running;
    bool try_join; /* the next try goes to the join listener */
    int failures;  /* since the last grant */
    struct timer_wait delay;
    struct endpoint_cursor endpoint;
    struct event_wait answer; /* granted, or refused */
    int64_t sent_ms;
};

struct join_request {
    struct flow flow;
    bool running;
    struct timer_wait delay;
    struct endpoint_cursor endpoint;
    struct event_wait answer;
    int64_t retry_after_ms; /* as told by join_wait or refused; 0 = not told */
    char request[1024];
};

struct agent_presence {
    char id[40];
    int64_t seq;
    int64_t deadline_ms; /* monotonic, counted from sending: we always think it ends first */
    int64_t sent_ms;
    int64_t renew_after_ms;
    int64_t spread_ms;
    int64_t incarnation;
    int64_t broker_ms;         /* the broker's wall clock when it last granted, 0 = not known; */
    int64_t broker_at_ms;      /* and how long we had been up then, sleep included */
    bool broker_clock_doubted; /* that clock was refused: ours is tried */
    int64_t slept_ms;          /* of the device, when we last looked */
    int64_t input_idle_ms;     /* as the greeter last said */
    int64_t input_reported_ms;
    struct berth_timer renew;
    struct berth_timer unanswered;
    struct berth_timer suspend_check; /* for a suspend that just ended */
};

/* A picture that broke, while the broker is asked for it or its next viewer connects. */
struct resume {
    bool on;
    struct session_claim claim;
    int64_t broke_at_ms; /* up time, sleep included */
    int64_t limit_ms;    /* from then on; as the broker said with the show */
    int tries;           /* questions asked since a picture last stayed */
    bool retry;          /* the last no may become a yes */
    struct timer_wait delay;
};

struct sign_on_request {
    struct flow flow;
    bool running;
    bool kiosk;
    size_t evidence_count;
    struct msg_evidence evidence[4]; /* wiped when the flow ends */
    char pool[64];
    struct event_wait answer;
    struct berth_timer deadline; /* runs while the broker is away; resume: all the time */
    struct resume resume;
    struct berth_timer kiosk_delay;
    int kiosk_failures;
    int64_t began_ms;
    int64_t took_ms; /* the last one: from the evidence to the show */
};

struct viewer_session {
    struct flow flow;
    bool running;
    struct viewer_request request; /* wiped once handed over */
    struct session_claim
        claim;              /* of the viewer that runs, for its report; session_id 0: none runs */
    bool awaiting_picture;  /* the greeter stands aside and watches for the first picture */
    const char *end_reason; /* reason to report when it is gone; NULL: it ends by itself */
    struct event_wait earlier_ended; /* an earlier viewer has ended */
    struct event_wait connected;
    struct event_wait picture;
    struct berth_timer picture_limit;
    struct berth_timer notice; /* a notice does not stay for ever */
};

struct certificate_renewal {
    struct flow flow;
    bool running;
    bool identity_unused; /* the link is older than the identity that we have */
    struct berth_timer due;
    struct event_wait answer;
};

#define COMMANDS_REMEMBERED 32

struct commands {
    size_t next;
    struct msg_command_state
        known[COMMANDS_REMEMBERED]; /* a repeated id is answered again, not done again */
    struct op reboot;
    uint64_t reboot_id;
};

struct log_upload {
    struct flow flow;
    bool running;
    uint64_t command_id;
    struct device_logs logs;
    size_t sent; /* bytes handed over */
    struct event_wait ack;
};

/* What somebody outside (the control socket) may want to follow. */
enum agent_event {
    AGENT_EVENT_CHANGED,        /* state or progress changed */
    AGENT_EVENT_SIGN_ON_FAILED, /* with why */
    AGENT_EVENT_SHOWN,          /* the picture is there */
    AGENT_EVENT_ENDED,          /* a viewer ended, with why */
    AGENT_EVENT_JOINED,
    AGENT_EVENT_JOIN_FAILED, /* one try to join failed, with why; the agent asks again, after a minute
                           when the broker said no */
    AGENT_EVENT_LINKED,      /* the broker granted presence */
};

struct agent_observer {
    struct list node;
    void (*notify)(struct agent_observer *observer, enum agent_event event,
                   const struct berth_error *why);
};

struct agent_flow {
    struct berth_timers *timers;
    struct berth_random *random;
    struct uplink *uplink;
    struct locator *locator;
    struct agent_identity *identity;
    struct viewer *viewer;
    struct screen *screen;
    struct device *device;
    struct history *history;       /* what the screen shows is written down there; NULL: nowhere */
    struct session_claim recorded; /* what it says that the screen shows: flow/recording.h */
    struct agent_flow_options options;

    struct flow_engine engine;
    struct terminal_status terminal;
    struct settings settings;
    int64_t profile_version;
    uint64_t last_ref;
    uint64_t late_ref; /* of the last answer that came too late */
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

/* Ports, random, timers and options are set; the rest is zero. Recalls the profile, shows the first
 * page, begins to dial the broker.
 */
void agent_flow_start(struct agent_flow *agent);

/* Orderly end: says goodbye, ends the viewer, calls every flow off. What was begun outside ends by
 * itself. */
void agent_flow_stop(struct agent_flow *agent);

/* How long this machine has been up, sleep included. */
int64_t agent_flow_uptime_ms(const struct agent_flow *agent);

/* The broker's wall clock as far as we know it, else ours. Never earlier than the image was built
 * or our certificate came: a terminal whose clock died must still be able to judge its broker's
 * certificate.
 */
int64_t agent_flow_wall_ms(const struct agent_flow *agent);

/* Show the page of the terminal's present state, at once. */
void agent_flow_show_page(struct agent_flow *agent);

/* Change the terminal's state and show its page. What the earlier page said is gone with it. */
void agent_flow_set_state(struct agent_flow *agent, enum agent_state next, const char *why);

/* The same, with something to say; also when the state stays as it is. NULL: the page's own words.
 */
void agent_flow_set_state_text(struct agent_flow *agent, enum agent_state next, const char *why,
                               const char *title, const char *text, bool alert);

/* Fill type and ref of a message to send. */
void agent_flow_init_message(struct agent_flow *agent, struct msg *msg, enum msg_type type);

/* Send while present. Errors are logged, and the link is given up when it cannot take more: nothing
 * that matters is lost, for everything that matters is said again by the next announcement.
 */
bool agent_flow_send(struct agent_flow *agent, const struct msg *msg);

/* Follow the events; `notify` is set. Removing one that was not added is harmless. */
void agent_flow_add_observer(struct agent_flow *agent, struct agent_observer *observer);
void agent_flow_remove_observer(struct agent_observer *observer);
void agent_flow_notify(struct agent_flow *agent, enum agent_event event,
                       const struct berth_error *why);

#endif
