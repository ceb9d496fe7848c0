/* listener.h - listening sockets, one per I/O thread and address.
 *
 * Module link, private. With SO_REUSEPORT every thread has its own socket on the same port, and the
 * kernel distributes the connections. A descriptor from socket activation is shared instead; the
 * thread that wakes first accepts.
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

/* Port of an address of either family. */
int listen_port(const struct sockaddr_storage *at);

/* Open a listening descriptor (non-blocking, close-on-exec). Port 0 in `at` is replaced by the
 * assigned port. first: this is the first one for the address; it fails when another process
 * listens there, with which SO_REUSEPORT would silently share the port.
 */
int listen_open(struct sockaddr_storage *at, bool first, int *ret,
                struct berth_error *reterr) berth_must_check;

struct listener {
    struct berth_loop *loop;
    int descriptor;
    uv_poll_t poll;
    struct berth_timer retry_delay; /* after the process ran out of descriptors */
    bool active;                    /* the handle must be closed */
    bool starved;                   /* out of descriptors at the last accept */
    /* A connection was accepted; the callee owns the descriptor. */
    void (*accepted)(struct listener *listener, int descriptor,
                     const struct sockaddr_storage *from);
    /* A connection cannot be accepted, because the process is out of descriptors; it waits in the
     * kernel. Called once per shortage. */
    void (*out_of_descriptors)(struct listener *listener);
    void (*closed)(struct listener *listener);
};

/* Begin to accept, on the loop's own thread; owns the descriptor. */
int listener_start(struct berth_loop *loop, struct listener *listener, int descriptor,
                   struct berth_error *reterr) berth_must_check;

/* `closed` is called later, also when it was never started. */
void listener_close(struct listener *listener);

#endif
