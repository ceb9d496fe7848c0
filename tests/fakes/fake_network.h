/* fake_network.h - the network between terminals and broker: ordered messages in each direction,
 * with a little delay.
 *
 * Module tests. The broker's side calls the handlers of broker/flow as the real link does. A
 * message that messages.def does not permit in the peer's present state is refused when a terminal
 * sends it, and a fault of the run when the broker does. A network_client is a fake terminal, or
 * the simulator's real agent. Messages are plain structs, copied in the size that their type needs;
 * nothing is encoded.
 */
#ifndef BERTH_TESTS_FAKES_FAKE_NETWORK_H
#define BERTH_TESTS_FAKES_FAKE_NETWORK_H

#include "fakes/environment.h"
#include "flow/terminal_handlers.h"

struct fake_connection;

/* A client. Its functions are called for all events of its connection until it closes it. */
struct network_client {
    const char *name, *address;
    void (*open)(struct network_client *network_client);
    void (*lost)(struct network_client *network_client, const char *why);
    void (*refused)(struct network_client *network_client, const struct berth_error *error);
    void (*received)(struct network_client *network_client, const struct msg *msg);
};

/* What the network does to one message. */
struct network_effect {
    int64_t delay_ms; /* more than usual */
    bool lost;        /* with all that follows in its direction; the connection breaks */
    bool twice;
    bool overtakes; /* earlier messages */
};

struct fake_network {
    struct environment *environment;
    struct context *context; /* NULL while no broker runs */
    struct map links;        /* peer -> struct fake_connection */
    struct list open;
    uint64_t last_peer;
    unsigned last_address;
    int64_t slowest_ms; /* longest delay of a message, from 1; default 5 */
    uint64_t up, down, refused;
    bool frozen;         /* the broker reads nothing for a while: messages pile up */
    struct list backlog; /* of messages, in the order of their arrival */
    /* What the network does to each message; NULL: nothing. */
    void (*effect_of)(void *context, struct fake_connection *link, bool up,
                      struct network_effect *effect);
    void *owner;
};

struct fake_connection {
    struct list node;
    struct fake_network *network;
    uint64_t peer;
    struct network_client *network_client; /* NULL: the client has closed it */
    bool joining;
    bool known;   /* the broker knows of it and must be told of its end */
    bool stalled; /* cut: messages wait, and neither end notices */
    int64_t stalled_since_ms;
    bool stopped_reading; /* the client reads nothing for a while */
    bool dropping[2];     /* messages down, up are lost */
    unsigned in;          /* mask of enum msg_in: the peer's state as the link sees it */
    int64_t up_due_ms, down_due_ms;
    struct list in_transit;
    struct list unread; /* messages that the client will read */
    struct berth_timer opens, closes, drop_timer;
    char key_hash[72];
    char why[80];
};

void fake_network_init(struct fake_network *network, struct environment *environment);
void fake_network_free(struct fake_network *network);

/* Set the broker, or none (all connections break). */
void fake_network_attach(struct fake_network *network, struct context *context);
void fake_network_detach(struct fake_network *network);

/* The broker reads again, first what has piled up. */
void fake_network_thaw(struct fake_network *network);

/* Connect; NULL when no broker runs. The outcome comes by open, refused or lost. */
struct fake_connection *fake_network_connect(struct fake_network *network,
                                             struct network_client *network_client,
                                             const char *key_hash, bool joining);

/* The terminal closes its end. */
void fake_connection_close(struct fake_connection *link, const char *why);

/* Cut the network, or restore it: then waiting messages arrive, in order, unless it took too long
 * and the connection is broken. */
void fake_connection_stall(struct fake_connection *link, bool stalled);

/* The client stops reading, or continues with what has come meanwhile. */
void fake_connection_stop_reading(struct fake_connection *link, bool stopped_reading);

/* The client disappears without closing: the broker's end stays open until it notices. */
void fake_connection_abandon(struct fake_connection *link);

/* The client sends a message. */
void fake_connection_send(struct fake_connection *link, const struct msg *msg);

/* For struct context. */
void fake_network_tell(void *network, uint64_t peer, const struct msg *msg);
void fake_network_hang_up(void *network, uint64_t peer, int code, const char *why);

#endif
