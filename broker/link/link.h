/* link.h - the link to terminals, and the TLS of the management API.
 *
 * Module link. Two listeners for terminals: berth/1 (mutual TLS; a terminal with a certificate of
 * our CA) and berth-join/1 (server certificate only; join messages only). I/O threads terminate
 * TLS, split frames and decode messages; the core loop receives plain structs by mailbox and passes
 * those that are permitted in the peer's state to flow/terminal_handlers.h.
 *
 *   in   connection -> admission.h -> peer.h (I/O thread) -> mailbox -> dispatch.c (core)
 *        -> flow/terminal_handlers.h
 *   out  context->tell, context->hang_up (core) -> mailbox -> peer.h (I/O thread)
 *
 * A peer is identified by a 64-bit number, unique while the broker runs. Thread: core loop, for all
 * functions here. To add a message: a row in messages.def, and a handler and its row in
 * flow/terminal_handlers.c.
 */
#ifndef BERTH_LINK_LINK_H
#define BERTH_LINK_LINK_H

#include <sys/socket.h>

#include "berth/loop.h"

#include "flow/context.h"

struct link;

/* What a reload may change. */
struct link_limits {
    /* unfinished handshakes in all; random drop from half of it on */
    int64_t handshakes;
    int64_t handshakes_source; /* the same from one address (IPv6: one /64) */
    int64_t handshake_ms;
    int64_t joining_ms; /* limit of a joining connection without an answer; 0: 60 s */
    int64_t messages_s; /* messages a second of one terminal on average; twice as many in a burst */
};

struct link_setup {
    struct berth_loop *loop;
    struct context *context; /* ca must be open; link_new sets tell, hang_up and link */
    const char *folder;      /* the data folder: log uploads go to folder/uploads */
    const char *names;       /* host names and addresses for the broker's certificate */
    const char *listen;      /* address:port, also [v6]:port; port 0: any */
    const char *join_listen;
    int listen_descriptor; /* from socket activation instead of the address, -1: none */
    int join_listen_descriptor;
    int threads;         /* 0: one per processor */
    int64_t terminals;   /* connections that must be possible at the same time */
    int64_t uploads_mib; /* all log uploads together; 0: the default, 1024 */
    struct link_limits limits;
};

/* Descriptors needed for so many terminals and the listeners: main compares it with the limit of
 * the process. */
int64_t link_descriptors(int64_t terminals, const struct link_limits *limits);

/* Open the listeners. Blocking (certificate, sockets, threads). */
int link_new(const struct link_setup *setup, struct link **ret,
             struct berth_error *reterr) berth_must_check;

/* Close the listeners and every connection, join the threads. No handler is called any more.
 * Blocking, some ms. */
void link_free(struct link *link);

/* After a reload: limits for new connections. */
void link_set_limits(struct link *link, const struct link_limits *limits);

/* The ports that are listened on, for setups with port 0. */
int link_port(const struct link *link);
int link_join_port(const struct link *link);

/* Number of I/O threads. */
int link_threads(const struct link *link);

/* Issue a new certificate for the broker's listeners now; open connections keep theirs. Also done
 * automatically after two thirds of the validity of the present one.
 */
int link_renew_certificate(struct link *link, struct berth_error *reterr) berth_must_check;
int64_t link_certificate_ends_ms(const struct link *link);

/* The management API: TLS with the broker's certificate. `taken` is called on the core loop with
 * one end of a socket pair that carries the plain bytes (owned by the callee) and the client's
 * address. The listener exists as long as the link.
 */
struct link_api_setup {
    const char *listen;    /* address:port */
    int listen_descriptor; /* from socket activation, -1: none */
    /* open connections; half of it in handshakes, a sixteenth from one address */
    int64_t connections;
    /* a client that takes nothing of its answer for so long is disconnected; a third of it when the
     * server has closed already; 0: 30 s */
    int64_t unread_ms;
    void (*taken)(void *context, int descriptor, const struct sockaddr *from, socklen_t from_size);
    void *context;
};
int link_listen_api(struct link *link, const struct link_api_setup *setup,
                    struct berth_error *reterr) berth_must_check;
int link_api_port(const struct link *link);
/* A signed-in client used this address: mark it as known (admission.h). */
void link_api_trust(struct link *link, const char *address);

/* For metrics; all but the first three are counters. */
struct link_stats {
    int64_t peers, joining, api_connections; /* open connections */
    int64_t opened;                          /* handshakes that succeeded */
    int64_t refused_full, refused_handshakes, refused_source, refused_early, refused_penalty;
    int64_t replaced; /* handshakes without progress that were closed for others */
    int64_t failed_timeout, failed_certificate, failed_protocol, failed_left; /* handshakes */
    int64_t messages_in, messages_out, messages_bad, messages_refused, messages_delayed;
    int64_t slow_readers, floods; /* slow readers: terminals and API clients */
    int64_t no_descriptors;       /* times that new connections had to wait for a descriptor */
    int64_t uploads_stored, uploads_refused, upload_bytes;
};
void link_stats(const struct link *link, struct link_stats *ret);

/* How long mail of the I/O threads waits for the core. */
const struct histogram *link_mailbox_wait(const struct link *link);

#endif
