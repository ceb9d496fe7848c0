/* station.h - one terminal's agent as its flows see it: the terminal, the ports, and what is under way.
 *
 * Module flow of the agent. Thread: loop. Everything a flow touches is here, nothing is global: the
 * simulator runs thousands of stations in one process. Whoever wires a station (agent.c, a story,
 * the simulator) fills the ports, calls station_start, and the rest happens by events:
 *
 *   reach.c    finds the broker and holds the link        showing.c  show -> viewer -> picture,
 * hide, leave, idle lock join.c     gets an identity                           sign_on.c  evidence
 * -> the broker's answer presence.c keeps presence as the broker dictates it   renewal.c  the next
 * certificate, in time inbox.c    message -> handler                         attend.c   what people
 * do at the screen orders.c   commands                                   bundle.c   logs in chunks
 * profile.c  settings
 *
 * At most one flow of each kind runs at a time; its memory is part of the station.
 */
#ifndef BERTH_AGENT_FLOW_STATION_H
#define BERTH_AGENT_FLOW_STATION_H

#include "berth/flow.h"
#include "berth/random.h"

#include "core/terminal_status.h"
#include "flow/awaited.h"
#include "host/device.h"
#include "identity/agent_identity.h"
#include "link/locator.h"
#include "link/uplink.h"
#include "screen/screen.h"
#include "viewer/viewer.h"

/* What the wiring decides once. Addresses in the order to be tried; DNS is asked when there are
 * none. */
struct station_options {
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
struct way {
    struct broker_addresses found; /* by DNS, for this try */
    size_t at;                     /* rises with every failed dial */
};

struct reach {
    struct flow flow;
    bool running;
    bool join;    /* the next try goes to the join door */
    int failures; /* since the last grant */
    struct pause pause;
    struct way way;
    struct awaited answer; /* granted, or refused */
    int64_t sent_ms;
};

struct join {
    struct flow flow;
    bool running;
    struct pause pause;
    struct way way;
    struct awaited answer;
    int64_t retry_after_ms; /* as told by join_wait or refused; 0 = not told */
    char request[1024];
};

struct station_presence {
    char id[40];
    int64_t seq;
    int64_t deadline_ms; /* monotonic, counted from sending: we always think it ends first */
    int64_t sent_ms;
    int64_t renew_after_ms;
    int64_t spread_ms;
    int64_t incarnation;
    int64_t broker_ms;     /* the broker's wall clock when it last granted, 0 = not known; */
    int64_t broker_at_ms;  /* and how long we had been up then, sleep included */
    bool broker_doubted;   /* that clock did not open the door: ours is tried */
    int64_t slept_ms;      /* of the device, when we last looked */
    int64_t input_idle_ms; /* as the greeter last said */
    int64_t input_said_ms;
    struct berth_timer renew;
    struct berth_timer unanswered;
    struct berth_timer look; /* for a suspend that just ended */
};

/* A picture that broke, while the broker is asked for it or its next viewer connects. */
struct resume {
    bool on;
    struct session_claim claim;
    int64_t broke_ms; /* up time, sleep included */
    int64_t limit_ms; /* from then on; as the broker said with the show */
    int tries;        /* questions asked since a picture last stayed */
    bool retry;       /* the last no may become a yes */
    struct pause pause;
};

struct sign_on {
    struct flow flow;
    bool running;
    bool kiosk;
    size_t evidence_count;
    struct msg_evidence evidence[4]; /* wiped when the flow ends */
    char pool[64];
    struct awaited answer;
    struct berth_timer patience; /* runs while the broker is away; resume: all the time */
    struct resume resume;
    struct berth_timer kiosk_pause;
    int kiosk_failures;
    int64_t began_ms;
    int64_t took_ms; /* the last one: from the evidence to the show */
};

struct showing {
    struct flow flow;
    bool running;
    struct viewer_request next; /* wiped once handed over */
    struct session_claim claim; /* of the viewer that runs, for its report; session_id 0: none runs */
    bool seeing;             /* the greeter stands aside and watches for the first picture */
    const char *told_to_end; /* reason to report when it is gone; NULL: it ends by itself */
    struct awaited gone;     /* an earlier viewer has ended */
    struct awaited connected;
    struct awaited picture;
    struct berth_timer picture_limit;
    struct berth_timer notice; /* a notice does not stay for ever */
};

struct renewal {
    struct flow flow;
    bool running;
    bool unused; /* the link is older than the identity that we have */
    struct berth_timer due;
    struct awaited answer;
};

#define ORDERS_REMEMBERED 32

struct orders {
    size_t next;
    struct msg_command_state
        known[ORDERS_REMEMBERED]; /* a repeated id is answered again, not done again */
    struct op reboot;
    uint64_t reboot_id;
};

struct bundle {
    struct flow flow;
    bool running;
    uint64_t command_id;
    struct device_logs logs;
    size_t sent; /* bytes handed over */
    struct awaited ack;
};

/* What somebody outside (the control socket) may want to follow. */
enum station_news {
    STATION_SAYS,           /* state or progress changed */
    STATION_SIGN_ON_FAILED, /* with why */
    STATION_SHOWN,          /* the picture is there */
    STATION_ENDED,          /* a viewer ended, with why */
    STATION_JOINED,
    STATION_NOT_JOINED, /* one try to join failed, with why; the agent asks again, after a minute
                           when the broker said no */
    STATION_LINKED,     /* the broker granted presence */
};

struct station_watcher {
    struct list node;
    void (*news)(struct station_watcher *watcher, enum station_news news,
                 const struct berth_error *why);
};

struct station {
    struct berth_timers *timers;
    struct berth_random *random;
    struct uplink *uplink;
    struct locator *locator;
    struct agent_identity *identity;
    struct viewer *viewer;
    struct screen *screen;
    struct device *device;
    struct history *history;    /* what the screen shows is written down there; NULL: nowhere */
    struct session_claim recorded; /* what it says that the screen shows: flow/recording.h */
    struct station_options options;

    struct flow_engine engine;
    struct terminal_status terminal;
    struct settings settings;
    int64_t profile_version;
    uint64_t last_ref;
    uint64_t late_ref; /* of the last answer that came too late */
    struct list watchers;
    bool stopping;

    struct reach reach;
    struct join join;
    struct station_presence presence;
    struct sign_on sign_on;
    struct showing showing;
    struct renewal renewal;
    struct orders orders;
    struct bundle bundle;
};

/* Ports, random, timers and options are set; the rest is zero. Recalls the profile, shows the first
 * page, begins to reach the broker.
 */
void station_start(struct station *station);

/* Orderly end: says goodbye, ends the viewer, calls every flow off. What was begun outside ends by
 * itself. */
void station_stop(struct station *station);

/* How long this machine has been up, sleep included. */
int64_t station_up_ms(const struct station *station);

/* The broker's wall clock as far as we know it, else ours. Never earlier than the image was built
 * or our certificate came: a terminal whose clock died must still be able to judge its broker's
 * certificate.
 */
int64_t station_wall_ms(const struct station *station);

/* Show the page of the terminal's present state, at once. */
void station_paint(struct station *station);

/* Change the terminal's state and show its page. What the earlier page said is gone with it. */
void station_set_state(struct station *station, enum agent_state next, const char *why);

/* The same, with something to say; also when the state stays as it is. NULL: the page's own words.
 */
void station_say(struct station *station, enum agent_state next, const char *why, const char *title,
                 const char *text, bool alert);

/* Fill type and ref of a message to send. */
void station_message(struct station *station, struct msg *msg, enum msg_type type);

/* Send while present. Errors are logged, and the link is given up when it cannot take more: nothing
 * that matters is lost, for everything that matters is said again by the next announcement.
 */
bool station_send(struct station *station, const struct msg *msg);

/* Follow the news; `news` is set. Unwatch is harmless when nothing is watched. */
void station_watch(struct station *station, struct station_watcher *watcher);
void station_unwatch(struct station_watcher *watcher);
void station_tell(struct station *station, enum station_news news, const struct berth_error *why);

#endif
