/* listener.h - listening sockets, one per I/O thread and address.
 *
 * Module link, private. SO_REUSEPORT lets every thread have a socket of its own on the same port:
 * the kernel spreads the connections. A descriptor from socket activation is shared instead;
 * whoever wakes first accepts.
 */
#ifndef BERTH_LINK_LISTENER_H
#define BERTH_LINK_LISTENER_H

#include <sys/socket.h>
#include <uv.h>

#include "berth/error.h"
#include "berth/loop.h"

/* "address:port" or "[v6]:port"; the address is numeric. Errors: CONFIG with what is expected. */
int listen_address(const char *text, struct sockaddr_storage *ret,
                   struct berth_error *reterr) berth_must_check;

/* Of an address of either family. */
int listen_port(const struct sockaddr_storage *at);

/* A listening descriptor (non-blocking, close-on-exec). port 0 in `at` becomes the port that was
 * given. first: of several on this address; it fails when another program listens there, which
 * SO_REUSEPORT alone would share the port with.
 */
int listen_open(struct sockaddr_storage *at, bool first, int *ret,
                struct berth_error *reterr) berth_must_check;

struct listener {
    struct berth_loop *loop;
    int descriptor;
    uv_poll_t poll;
    struct berth_timer retry_delay; /* after the process ran out of descriptors */
    bool active;                    /* the handle must be closed */
    bool starved;                   /* the last time there was none left */
    /* A connection; the descriptor is the callee's. */
    void (*accepted)(struct listener *listener, int descriptor,
                     const struct sockaddr_storage *from);
    /* Somebody connects, and no descriptor is left to let them in: they wait in the kernel. Once
     * until it has passed. */
    void (*out_of_descriptors)(struct listener *listener);
    void (*closed)(struct listener *listener);
};

/* Begin to accept on the loop's own thread; takes the descriptor over. */
int listener_start(struct berth_loop *loop, struct listener *listener, int descriptor,
                   struct berth_error *reterr) berth_must_check;

/* `closed` follows, also when it never began. */
void listener_close(struct listener *listener);

#endif
