/* api_connection.h - connections of the management API: TLS on one side, a socket pair with plain
 * bytes on the other.
 *
 * Module link, private. Thread: their I/O thread's. The HTTP server on the core loop reads plain
 * bytes from a local socket; so there is one TLS implementation, and no handshake on the core loop.
 * Buffers are bounded: while one side does not take its bytes, the other is not read.
 */
#ifndef BERTH_LINK_API_CONNECTION_H
#define BERTH_LINK_API_CONNECTION_H

#include "io_thread.h"

/* Mail to the core: one end of the pair. */
struct api_connection_mail {
    struct loop_mail mail;
    struct io_shared *shared;
    int descriptor;
    struct sockaddr_storage from;
};

/* Begin with a connection that was admitted; owns the slot. */
void api_connection_begin(struct io_thread *io, const struct admission_candidate *candidate,
                          struct admission_slot *slot, const struct sockaddr_storage *from);

/* Close a connection, if its handshake is not completed. */
void api_connection_drop(struct io_thread *io, uint64_t id);

/* Begin to close every connection, at the end of the link. */
void api_connections_close(struct io_thread *io);

#endif
