/* peer.h - one connection of a terminal, on its I/O thread: TLS, frames, messages, their rate.
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
    bool known; /* the core was told of it */
    bool asked; /* its place is its own; joining: it has asked, and its source has its share */
    struct admission_slot *slot;
    char source[ADMISSION_SOURCE_TEXT];
    struct frame_reader reader;
    /* messages it may send now, in thousandths; negative while it is made to wait */
    int64_t credit_m;
    int64_t credit_at_ms;
    struct berth_timer wait; /* until the credit is positive again */
    struct berth_timer life; /* joining: a stranger may not stay */
};

/* Take a connection over that admission has let in; the slot as well. */
void peer_begin(struct io_thread *io, enum listener_kind kind,
                const struct admission_candidate *candidate, struct admission_slot *slot);

/* End one that is not done with its handshake, or that came to join and has no place of its own;
 * false: there is no such number. */
bool peer_drop(struct io_thread *io, uint64_t id);

/* Send a message, or close with a reason; a number that is gone is ignored. */
void peer_tell(struct io_thread *io, uint64_t id, const struct msg *msg);
void peer_hang_up(struct io_thread *io, uint64_t id, int code, const char *why);

/* What a failed connection costs its source. */
enum penalty peer_penalty(int code, bool open);

/* Count and log a handshake that failed. */
void peer_note_failure(struct io_thread *io, const char *source, const struct berth_error *why);

#endif
