/* io_thread.h - an I/O thread of the link: its loop, its listeners, its connections.
 *
 * Module link, private. While it runs only its own thread uses it; the core sends it down_mail, it
 * sends the core up_mail. Shared data are in struct io_shared: constants, atomics, and objects with
 * a lock.
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
    struct link *link; /* only passed through to the core */
    struct berth_loop *core;
    struct admission *terminals;
    struct admission *joining; /* separate, because any client can complete a handshake there */
    struct admission *api;
    atomic_ullong last_peer;
    atomic_llong handshake_ms, joining_ms, messages_s, api_unread_ms;
    struct io_counters counters;
    /* On the core loop, for each up_mail; must call up_free. */
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
    struct msg decoded; /* the message being decoded: too large for the stack */
    /* Waking the core costs more than handling a renewal: mail that is not urgent is collected. */
    struct list batched;            /* up_mail */
    struct berth_timer batch_delay; /* until the batch is sent */
    /* Used by the core's thread: mail for this thread, sent at the end of the core's turn. */
    struct list outgoing; /* down_mail */
    int outgoing_count;
    struct berth_deferred dispatch;
    bool ended; /* no down_mail is sent any more */
};

/* Owns the contexts. Listeners are added before the thread starts. */
int io_thread_init(struct io_thread *io, struct io_shared *shared, int number,
                   struct berth_error *reterr) berth_must_check;
int io_thread_listen(struct io_thread *io, enum listener_kind kind, int descriptor,
                     struct berth_error *reterr) berth_must_check;
int io_thread_start(struct io_thread *io, struct berth_error *reterr) berth_must_check;

/* On the core loop: use other contexts for new connections (NULL: unchanged); takes a reference of
 * each. */
void io_thread_set_contexts(struct io_thread *io, SSL_CTX *const contexts[LISTENER_KINDS]);

/* On the core loop: open a listener on a thread that runs. */
int io_thread_listen_later(struct io_thread *io, enum listener_kind kind, int descriptor);

/* On the core loop: close everything, join the thread, free the loop. Also for one that never
 * started. */
void io_thread_end(struct io_thread *io);

/* As admission_drop_fn; `owner` is an I/O thread. */
void io_thread_drop(void *owner, uint64_t id);

/* ---- io_shared.c: for the connections of the thread ---- */

/* The admission that judges connections to a listener. */
struct admission *io_thread_admission(const struct io_thread *io, enum listener_kind kind);

/* A connection or a listener has closed: end the thread if it was the last. */
void io_thread_maybe_stop(struct io_thread *io);

/* Far below the margin of a presence (renewed every 10 s, granted for 30 s). */
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
/* Send to the core, in order with earlier mail: at once, or within IO_BATCH_DELAY_MS. */
void up_post(struct io_thread *io, struct up_mail *mail);
void up_post_batched(struct io_thread *io, struct up_mail *mail);
void up_free(struct up_mail *mail);

/* ---- mail from the core ---- */

/* Mail to a peer: a message, or a request to close. Sent at the end of the core's turn, in order.
 */
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
/* code: BERTH_OK for a close that is no error. */
void down_hang_up(struct io_thread *io, uint64_t peer, int code, const char *why);

#endif
