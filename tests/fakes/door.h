/* door.h - the door to terminals: connections as two ordered lines of messages with a little delay.
 *
 * Room tests. The broker's side calls the desk of broker/flow as the real door does: what
 * messages.def does not permit in the peer's present state is refused upwards, and a fault
 * downwards. The terminals' side is fake_terminal.h. Messages are plain structs, copied in the size
 * that their type needs; nothing is encoded.
 */
#ifndef BERTH_TESTS_FAKES_DOOR_H
#define BERTH_TESTS_FAKES_DOOR_H

#include "fakes/outside.h"
#include "flow/desk.h"

struct fake_terminal;

struct door {
    struct outside *outside;
    struct rooms *rooms; /* NULL while no broker is there */
    struct map links;    /* peer -> struct door_link */
    struct list open;
    uint64_t last_peer;
    unsigned last_address;
    int64_t slowest_ms; /* a message takes 1 to this; default 5 */
    uint64_t up, down, refused;
    bool frozen;       /* the broker reads nothing for a while: what arrives piles up */
    struct list piled; /* of letters, in the order of their arrival */
};

struct door_link {
    struct list node;
    struct door *door;
    uint64_t peer;
    struct fake_terminal *terminal; /* NULL: it has let go */
    bool joining;
    bool known; /* the broker knows of it: its end has to be told */
    bool deaf;  /* cut: what is sent waits, and nobody notices */
    int64_t deaf_since_ms;
    unsigned in; /* mask of enum msg_in: the peer's state as the door sees it */
    int64_t up_due_ms, down_due_ms;
    struct list letters;
    struct berth_timer opens, closes;
    char key_hash[72];
    char why[80];
};

void door_init(struct door *door, struct outside *outside);
void door_free(struct door *door);

/* A broker stands behind the door, or none (all connections break). */
void door_attach(struct door *door, struct rooms *rooms);
void door_detach(struct door *door);

/* The broker reads again: all that has piled up. */
void door_thaw(struct door *door);

/* A terminal connects; NULL when there is no broker. It is told by terminal_link_open or
 * terminal_link_lost. */
struct door_link *door_connect(struct door *door, struct fake_terminal *terminal,
                               const char *key_hash, bool joining);

/* The terminal closes its end. */
void door_close(struct door_link *link, const char *why);

/* No network, or again: then what waits arrives, in order, unless it took too long and the
 * connection is broken. */
void door_deafen(struct door_link *link, bool deaf);

/* The terminal says something. */
void door_say(struct door_link *link, const struct msg *msg);

/* For struct rooms. */
void door_tell(void *door, uint64_t peer, const struct msg *msg);
void door_hang_up(void *door, uint64_t peer, int code, const char *why);

#endif
