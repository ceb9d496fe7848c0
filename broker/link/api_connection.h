/* api_connection.h - connections of the management API: TLS on one side, a socket pair with plain
 * bytes on the other.
 *
 * Module link, private. Thread: their I/O thread's. The HTTP server on the core loop sees plain
 * bytes of a local socket; there is one TLS stack, and no handshake on the core loop. Neither side
 * is buffered without bound: what one does not take is not read from the other.
 */
#ifndef BERTH_LINK_API_CONNECTION_H
#define BERTH_LINK_API_CONNECTION_H

#include "io_thread.h"

/* To the core: one end of the pair. */
struct api_connection_mail {
    struct loop_mail mail;
    struct io_shared *shared;
    int descriptor;
    struct sockaddr_storage from;
};

/* Take a connection over that admission has let in; the slot as well. */
void api_connection_begin(struct io_thread *io, const struct admission_candidate *candidate,
                          struct admission_slot *slot, const struct sockaddr_storage *from);

/* End one that is not done with its handshake. */
void api_connection_drop(struct io_thread *io, uint64_t id);

/* Begin to close every connection: the link ends. */
void api_connections_close(struct io_thread *io);

#endif
