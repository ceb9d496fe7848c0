/* client.h - one thin client of a simulated site: power, network, a real agent, a viewer.
 *
 * Module tests. It is a client of the fake network, carries the agent's messages, runs its
 * clocks, and acts as the viewer on the fake machines. Calls have no effect while it is off or
 * frozen.
 */
#ifndef BERTH_TESTS_SIM_CLIENT_H
#define BERTH_TESTS_SIM_CLIENT_H

#include "berth/history.h"

#include "fakes/world.h"
#include "sim/agent/agent.h"

struct client;

enum view_stage { VIEW_NONE, VIEW_CONNECTING, VIEW_CONNECTED, VIEW_SEEN, VIEW_ENDING };

/* Present faults of its network, in thousandths of its messages. */
struct network_conditions {
    int64_t until_ms;
    unsigned loss, repeat, reorder, delay;
    int64_t slowest_ms; /* of the delayed ones */
};

/* What a terminal was told to hide, up to this epoch. */
struct client_hidden {
    uint64_t session_id;
    int64_t epoch;
};

#define CLIENT_HIDDEN 4

struct client {
    struct client_hidden hidden[CLIENT_HIDDEN]; /* the last ones since it was switched on */
    unsigned hidden_count;
    struct world *world;
    struct network_client network_client;
    struct history *history;
    struct history said; /* of its agent, with the world's time: the agent may have slept */
    uint64_t number;
    char name[32];
    char address[32];

    struct agent_memory memory;
    struct agent *agent; /* NULL: switched off */
    unsigned boots;
    bool frozen, cut;
    bool reboots;    /* it was ordered to */
    bool joins_anew; /* an administrator must approve it */
    bool asleep;
    int64_t asleep_since_ms;
    int64_t slept_ms;       /* its monotonic clock is behind by this */
    int64_t wall_offset_ms; /* its wall clock is wrong by this */
    struct berth_timer turn, boot;
    int64_t turn_at_ms;

    struct fake_connection *link; /* NULL: none */
    struct berth_timer dialled;
    struct network_conditions network_conditions;
    struct msg last_said; /* for repeated messages */

    enum view_stage stage;
    struct msg_show view;
    struct picture picture;
    struct berth_timer viewing;
    int exit_code;
    int64_t unseen_until_ms; /* no viewer connects before */
    bool answered;           /* the last sign-on there got its picture */
    uint64_t left;           /* the session that was left here, until the next sign-on */

    int64_t hands_off_ms; /* since when there is no input; 0: a person is there */
    struct berth_timer idling;

    /* Called with the outcome of a sign-on. */
    void (*news)(void *context, struct client *client, enum agent_news what,
                 const struct berth_error *why);
    void *context;
};

/* Off. name: also of its row and its first key. */
void client_init(struct client *client, struct world *world, uint64_t number, const char *name,
                 struct history *history);
/* It has the certificate of its first key, as good as its memory says. */
void client_certified(struct client *client);
void client_clear(struct client *client);

void client_power(struct client *client, bool on);
void client_cut(struct client *client, bool cut);
void client_freeze(struct client *client, bool frozen);
/* It has slept for this long, up to now. */
void client_slept(struct client *client, int64_t ms);
/* The connection is gone, and the broker does not know. */
void client_vanish(struct client *client);
/* The connection of its viewer breaks, and no new one succeeds for this long. */
void client_break_picture(struct client *client, int64_t ms);
/* Its state folder is lost: it has to join with this invitation. */
void client_forget(struct client *client, const struct secret *invitation);

/* ---- people ---- */
/* False: not possible there now. */
bool client_sign_on(struct client *client, const char *user, const char *password);
bool client_leave(struct client *client, bool sign_off);
void client_cancel(struct client *client);
void client_touch(struct client *client);
void client_walk_away(struct client *client);

/* Send this message, past its agent. */
void client_say(struct client *client, const struct msg *msg);

/* False when it is off; then *ret is all zero. */
bool client_observe(const struct client *client, struct agent_snapshot *ret);

/* For struct fake_network. */
void client_network_effect(void *context, struct fake_connection *link, bool up,
                           struct network_effect *effect);

#endif
