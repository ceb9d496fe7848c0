/* door.h - the door to terminals: connections as two ordered lines of messages with a little delay.
 *
 * Module tests. The broker's side calls the desk of broker/flow as the real door does: what
 * messages.def does not permit in the peer's present state is refused upwards, and a fault
 * downwards. Who stands outside is a door_visitor: a fake terminal, or the simulator's real agent.
 * Messages are plain structs, copied in the size that their type needs; nothing is encoded.
 */
#ifndef BERTH_TESTS_FAKES_DOOR_H
#define BERTH_TESTS_FAKES_DOOR_H

#include "fakes/outside.h"
#include "flow/terminal_handlers.h"

struct door_link;

/* Whoever may connect. Told of everything that befalls the connection until he lets go. */
struct door_visitor {
    const char *name, *address;
    void (*open)(struct door_visitor *visitor);
    void (*lost)(struct door_visitor *visitor, const char *why);
    void (*refused)(struct door_visitor *visitor, const struct berth_error *error);
    void (*hears)(struct door_visitor *visitor, const struct msg *msg);
};

/* What the network does to one message. */
struct door_fate {
    int64_t delay_ms; /* more than usual */
    bool lost;        /* with everything behind it in its direction; the connection breaks of it */
    bool twice;
    bool overtakes; /* what was said before it */
};

struct door {
    struct outside *outside;
    struct context *context; /* NULL while no broker is there */
    struct map links;    /* peer -> struct door_link */
    struct list open;
    uint64_t last_peer;
    unsigned last_address;
    int64_t slowest_ms; /* a message takes 1 to this; default 5 */
    uint64_t up, down, refused;
    bool frozen;       /* the broker reads nothing for a while: what arrives piles up */
    struct list piled; /* of letters, in the order of their arrival */
    /* The weather on the wires; NULL: fair. */
    void (*weather)(void *context, struct door_link *link, bool up, struct door_fate *fate);
    void *owner;
};

struct door_link {
    struct list node;
    struct door *door;
    uint64_t peer;
    struct door_visitor *visitor; /* NULL: it has let go */
    bool joining;
    bool known; /* the broker knows of it: its end has to be told */
    bool deaf;  /* cut: what is sent waits, and nobody notices */
    int64_t deaf_since_ms;
    bool held;    /* the visitor reads nothing for a while */
    bool torn[2]; /* what is sent down, up is lost */
    unsigned in;  /* mask of enum msg_in: the peer's state as the door sees it */
    int64_t up_due_ms, down_due_ms;
    struct list letters;
    struct list kept; /* of letters that the visitor will read */
    struct berth_timer opens, closes, tears;
    char key_hash[72];
    char why[80];
};

void door_init(struct door *door, struct outside *outside);
void door_free(struct door *door);

/* A broker stands behind the door, or none (all connections break). */
void door_attach(struct door *door, struct context *context);
void door_detach(struct door *door);

/* The broker reads again: all that has piled up. */
void door_thaw(struct door *door);

/* Somebody connects; NULL when there is no broker. He is told by open, refused or lost. */
struct door_link *door_connect(struct door *door, struct door_visitor *visitor,
                               const char *key_hash, bool joining);

/* The terminal closes its end. */
void door_close(struct door_link *link, const char *why);

/* No network, or again: then what waits arrives, in order, unless it took too long and the
 * connection is broken. */
void door_deafen(struct door_link *link, bool deaf);

/* The visitor stands still, or goes on: then he reads what has come. */
void door_hold(struct door_link *link, bool held);

/* The visitor is gone without a word: the broker's end stays as it is until something shows. */
void door_forsake(struct door_link *link);

/* The visitor says something. */
void door_say(struct door_link *link, const struct msg *msg);

/* For struct context. */
void door_tell(void *door, uint64_t peer, const struct msg *msg);
void door_hang_up(void *door, uint64_t peer, int code, const char *why);

#endif
