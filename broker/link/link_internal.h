/* link_internal.h - the core's side of the link: connected peers and their states.
 *
 * Module link, private. Thread: core loop.
 */
#ifndef BERTH_LINK_LINK_INTERNAL_H
#define BERTH_LINK_LINK_INTERNAL_H

#include "io_thread.h"
#include "link.h"
#include "upload.h"

/* Protocol errors after which a peer is disconnected. */
#define FAULTS_MAX 5

struct link_peer {
    uint64_t id;
    int io_number;
    bool joining; /* at the join listener */
    int faults;
    bool lapsed;   /* it was sent presence_unknown: messages that it sent before may still arrive */
    bool admitted; /* the flows know of it */
    bool closing;  /* being closed: further messages are dropped */
    char address[64];
    struct upload *upload; /* the log upload that it is sending, or NULL */
};

struct link {
    struct link_setup setup;
    char *names;
    struct context *context;
    struct io_shared shared;
    struct io_thread *io_threads;
    int io_thread_count;
    int port, join_port, api_port;
    struct map peers; /* struct link_peer by id */
    struct uploads *uploads;
    bool stopping;
    int64_t certificate_begins_ms, certificate_ends_ms;
    struct berth_timer renew;
    void (*api_accepted)(void *context, int descriptor, const struct sockaddr *from,
                         socklen_t from_size);
    void *api_context;
    int64_t messages_refused;
    struct histogram mailbox_wait; /* messages in the core's mailbox */
};

/* ---- dispatch.c ---- */

/* Refuse a message: answer, log, count; after FAULTS_MAX protocol errors close the connection.
 * about: its type, may be "". */
void link_refuse(struct link *link, struct link_peer *peer, const char *about, uint64_t ref,
                 const struct berth_error *error);

/* Pass a message of a peer to its handler, or refuse it. The caller wipes it. */
void link_dispatch(struct link *link, struct link_peer *peer, const struct msg *msg);

/* ---- link_peers.c ---- */

/* NULL when it does not exist any more. */
struct link_peer *link_peer_of(struct link *link, uint64_t id);

/* context->tell and context->hang_up; `handle` is the link. */
void link_tell(void *handle, uint64_t peer, const struct msg *msg);
void link_hang_up(void *handle, uint64_t peer, int code, const char *why);

#endif
