/* peer.h - one connection of a terminal, on its I/O thread: TLS, frames, messages, rate limit.
 *
 * Module link, private. Thread: its I/O thread's.
 */
#ifndef BERTH_LINK_PEER_H
#define BERTH_LINK_PEER_H

#include "berth/frame.h"

#include "io_thread.h"

struct peer {
    struct tls_peer tls; /* tls.owner is the I/O thread, tls.node in io->all */
    uint64_t id;
    bool joining;
    bool known; /* reported to the core */
    bool asked; /* admission_established was true; joining: after its first message */
    struct admission_slot *slot;
    char source[ADMISSION_SOURCE_TEXT];
    struct frame_reader reader;
    /* messages that it may send now, in thousandths; negative while it is not read */
    int64_t credit_m;
    int64_t credit_at_ms;
    struct berth_timer wait; /* until the credit is positive again */
    struct berth_timer life; /* joining: limit of the connection */
};

/* Begin with a connection that was admitted; owns the slot. */
void peer_begin(struct io_thread *io, enum listener_kind kind,
                const struct admission_candidate *candidate, struct admission_slot *slot);

/* Close a connection, if it is not established (see `asked`). False: no such peer. */
bool peer_drop(struct io_thread *io, uint64_t id);

/* Send a message, or close with a reason; no effect when the peer does not exist any more. */
void peer_tell(struct io_thread *io, uint64_t id, const struct msg *msg);
void peer_hang_up(struct io_thread *io, uint64_t id, int code, const char *why);

/* The penalty for a failed connection. */
enum penalty peer_penalty(int code, bool open);

/* Count and log a failed handshake. */
void peer_note_failure(struct io_thread *io, const char *source, const struct berth_error *why);

#endif
