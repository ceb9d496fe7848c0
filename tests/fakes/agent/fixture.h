/* fixture.h - one terminal under virtual time: fakes behind every port of the agent, and what
 * stories do with them.
 *
 * The fakes record what the agent does through its ports (sent messages, pages, viewer requests)
 * and do what the story says. The object code of agent/core and agent/flow is the one that
 * berth-agent links.
 */
#ifndef BERTH_FAKES_AGENT_FIXTURE_H
#define BERTH_FAKES_AGENT_FIXTURE_H

#include "flow/reactor.h"

#define FIXTURE_SENT 512
#define FIXTURE_PAGES 512

struct uplink {
    const struct uplink_events *events;
    void *owner;
    struct fixture *fixture;
    struct op *dialling;
    struct berth_timer dial_timer;
    bool open;
    enum uplink_listener listener;
    char host[128];
    int port;
    int dials;
    int64_t dialled_at_wall_ms; /* the clock that certificates were checked against */
    int64_t dialled_at_ms[64];
};

struct locator {
    struct fixture *fixture;
    struct broker_addresses answer;
    int asked;
    char service[32];
};

struct agent_identity {
    struct agent_identity_facts facts;
    int requests;
    int keys;     /* generated so far */
    bool pending; /* a request is unanswered */
    bool old_key; /* offers old-key evidence */
    int refuse;   /* code with which the next accept fails, 0 = none */
};

struct viewer {
    const struct viewer_events *events;
    void *owner;
    struct fixture *fixture;
    bool running;
    bool told_to_end;
    bool stubborn; /* ends by KILL only */
    int starts;
    int refuse; /* code with which the next start fails */
    struct viewer_request request;
    char password[SECRET_MAX];
    struct berth_timer end_timer;
};

struct screen {
    screen_event_fn *event;
    void *owner;
    bool there;
    int64_t serial;
    struct page page; /* the last one that is not a banner */
    struct page banner;
    size_t count;
    enum page_kind kinds[FIXTURE_PAGES];
    bool viewer_ran[FIXTURE_PAGES]; /* when the page came: was the viewer still running */
};

struct device {
    struct device_facts facts;
    int64_t slept_ms;
    char *profile;
    int refuse_save;
    int reboots;
    int refuse_reboot;
    size_t logs_size;
};

struct fixture {
    struct agent_flow agent;
    struct berth_timers timers;
    struct berth_random random;
    struct uplink uplink;
    struct locator locator;
    struct agent_identity identity;
    struct viewer viewer;
    struct screen screen;
    struct device device;
    struct agent_observer observer;
    int news[AGENT_EVENT_LINKED + 1];
    struct berth_error last_news;

    /* The answers that the fake broker gives by itself. */
    bool broker_up; /* dials succeed */
    int dial_fails; /* code with which dials fail while it is down; IO when 0 */
    bool grants;    /* announce and renew are granted */
    int64_t renew_after_ms, expires_in_ms, spread_ms;
    int64_t incarnation;
    int64_t resume_ms; /* sent with every show; 0: broken pictures do not come back */
    struct msg sent[FIXTURE_SENT];
    size_t sent_count;
};

/* A terminal with an identity, a greeter and a broker that grants; not started yet. A run depends
 * on `seed` alone. */
struct fixture *fixture_new(uint64_t seed);
void fixture_free(struct fixture *fixture);

/* Start, and wait for the sign-on form. */
void fixture_start(struct fixture *fixture);

/* Let this much virtual time pass. */
void fixture_run(struct fixture *fixture, int64_t ms);

/* How many messages of a type were sent, and the last one (NULL when none). */
size_t fixture_sent_count(const struct fixture *fixture, enum msg_type type);
const struct msg *fixture_sent(const struct fixture *fixture, enum msg_type type);

/* The broker sends a message; prepare it with fixture_msg. An answer without a ref gets that of the
 * last such request, as the broker repeats it. */
void fixture_say(struct fixture *fixture, struct msg *msg);
void fixture_msg(struct msg *msg, enum msg_type type);

/* The broker refuses. */
void fixture_refuse(struct fixture *fixture, const char *about, const char *code, const char *text);

/* The broker wants this session shown at this epoch, or hidden. */
void fixture_show(struct fixture *fixture, uint64_t session, int64_t epoch, uint64_t connection);
/* The same message, not sent yet: for a show that the broker sends unasked. */
void fixture_show_msg(const struct fixture *fixture, struct msg *msg, uint64_t session,
                      int64_t epoch, uint64_t connection);
void fixture_hide(struct fixture *fixture, uint64_t session, int64_t epoch, const char *reason,
                  const char *text);

/* The connection breaks; broker_up says whether it can be dialled again. */
void fixture_cut(struct fixture *fixture);

/* People and the greeter. */
void fixture_submit(struct fixture *fixture, const char *user, const char *password);
void fixture_greeter_event(struct fixture *fixture, enum greeter_event_kind kind);
void fixture_idle(struct fixture *fixture, int64_t idle_ms);

/* The viewer connects, ends by itself. */
void fixture_connected(struct fixture *fixture);
void fixture_exits(struct fixture *fixture, int exit_code);

/* All steps to a picture: sign-on, show, connected, picture. */
void fixture_to_picture(struct fixture *fixture, uint64_t session, int64_t epoch,
                        uint64_t connection);

#endif
