/* io_thread.h - an I/O thread of the link: its loop, its listeners, its connections.
 *
 * Module link, private. It is touched by its own thread alone once it runs; the core reaches it
 * by down_mail, it reaches the core by up_mail. What both read stands in struct io_shared:
 * constants, atomics and things with a lock inside.
 */
#ifndef BERTH_LINK_IO_THREAD_H
#define BERTH_LINK_IO_THREAD_H

#include <stdatomic.h>

#include "berth/loop.h"
#include "berth/message.h"
#include "berth/tls.h"

#include "admission.h"
#include "listener.h"

struct link;
struct io_thread;

/* Counters that any thread raises; names as in link_stats. */
struct io_counters {
    atomic_llong peers, joining, api_connections, opened;
    atomic_llong failed_timeout, failed_certificate, failed_protocol, failed_left;
    atomic_llong messages_in, messages_out, messages_bad, messages_delayed;
    atomic_llong slow_readers, floods, no_descriptors;
};

/* What all I/O threads share. */
struct io_shared {
    struct link *link; /* only handed through to the core */
    struct berth_loop *core;
    struct admission *terminals;
    struct admission *joining; /* apart, for anybody may finish a handshake there */
    struct admission *api;
    atomic_ullong last_peer;
    atomic_llong handshake_ms, joining_ms, messages_s, api_unread_ms;
    struct io_counters counters;
    /* On the core loop, for each up_mail; frees it with up_free. */
    void (*receive_mail)(struct loop_mail *mail);
    void (*api_accepted)(struct loop_mail *mail);
};

enum listener_kind { LISTENER_TERMINALS, LISTENER_JOINING, LISTENER_API, LISTENER_KINDS };

struct io_thread {
    struct io_shared *shared;
    int number;
    struct berth_loop loop;
    uv_thread_t thread;
    bool running; /* the thread was started */
    bool closing;
    SSL_CTX *contexts[LISTENER_KINDS];
    struct listener listeners[LISTENER_KINDS];
    int listening;    /* listeners that have not closed */
    struct map peers; /* struct peer by id */
    struct list all;  /* tls_peer.node of every peer */
    struct list api_connections;
    struct berth_random random;
    struct msg decoded; /* the message at hand: too large for the stack */
    /* Waking a thread costs more than what it then does with one renewal: what is in no hurry waits
     * for company. */
    struct list batched;            /* up_mail */
    struct berth_timer batch_delay; /* how long still */
    /* Of the core's thread: what it has for this thread at the end of its turn. */
    struct list outgoing; /* down_mail */
    int outgoing_count;
    struct berth_deferred dispatch;
    bool ended; /* nothing goes down any more */
};

/* Contexts are taken over. Listeners are added before the thread starts. */
int io_thread_init(struct io_thread *io, struct io_shared *shared, int number,
                   struct berth_error *reterr) berth_must_check;
int io_thread_listen(struct io_thread *io, enum listener_kind kind, int descriptor,
                     struct berth_error *reterr) berth_must_check;
int io_thread_start(struct io_thread *io, struct berth_error *reterr) berth_must_check;

/* On the core loop: use another context for connections to come (NULL ones stay); takes one
 * reference of each. */
void io_thread_set_contexts(struct io_thread *io, SSL_CTX *const contexts[LISTENER_KINDS]);

/* On the core loop: open a listener on a thread that runs. */
int io_thread_listen_later(struct io_thread *io, enum listener_kind kind, int descriptor);

/* On the core loop: close everything, join the thread, free the loop. Also for one that never
 * started. */
void io_thread_end(struct io_thread *io);

/* Who judges what comes in there. */
struct admission *io_thread_admission(const struct io_thread *io, enum listener_kind kind);
/* As admission_drop_fn; `owner` is an I/O thread. */
void io_thread_drop(void *owner, uint64_t id);

/* A connection or its listener has closed: does the thread end now? */
void io_thread_maybe_stop(struct io_thread *io);

/* ---- mail ---- */

/* Far below what a presence leaves room for (a renewal every 10 s, 30 s granted). */
#define IO_BATCH_DELAY_MS 100

enum up_kind { UP_OPENED, UP_MESSAGE, UP_BAD, UP_CLOSED };

struct up_mail {
    struct loop_mail mail;
    struct io_shared *shared;
    enum up_kind kind;
    uint64_t peer;
    int io_number;
    bool joining;
    size_t size;              /* of this allocation, to be wiped */
    int64_t posted_us;        /* monotonic */
    char address[64];         /* OPENED */
    char key_hash[72];        /* OPENED, empty for joiners */
    struct berth_error error; /* BAD: what is wrong with a message; CLOSED: why */
    struct msg msg;           /* MESSAGE: msg_size(type) bytes of it */
};
struct up_mail *up_new(struct io_thread *io, enum up_kind kind, uint64_t peer,
                       const struct msg *msg);
/* To the core, after all that waits already: at once, or within IO_BATCH_DELAY_MS. */
void up_post(struct io_thread *io, struct up_mail *mail);
void up_post_batched(struct io_thread *io, struct up_mail *mail);
void up_free(struct up_mail *mail);

/* To a peer: a message, or hang up. They leave with the core's turn, in their order. */
struct down_mail {
    struct loop_mail mail;
    struct io_thread *io;
    uint64_t peer;
    bool hangs_up;
    int code;
    size_t size;
    char why[BERTH_ERROR_TEXT];
    struct msg msg;
};
void down_tell(struct io_thread *io, uint64_t peer, const struct msg *msg);
/* code: BERTH_OK when all was said. */
void down_hang_up(struct io_thread *io, uint64_t peer, int code, const char *why);

#endif
