/* process.h - one running berth-virt, as the broker holds it: a child and a socket.
 *
 * Module virt. Thread: loop. A process is let go, never waited for: it is killed, and its memory
 * goes by itself when child and socket are closed. Meanwhile its host may start another one or be
 * gone.
 */
#ifndef BERTH_VIRT_PROCESS_H
#define BERTH_VIRT_PROCESS_H

#include "berth/child.h"
#include "berth/frame.h"

struct process;

struct process_events {
    /* One frame. It may let the process go. */
    void (*frame)(void *owner, const char *frame, size_t size);
    /* It has ended or its socket has; at most once, and never after process_abandon. */
    void (*lost)(void *owner, const char *why);
};

struct process_setup {
    const char *program;
    const char *name;    /* of the host: shown by ps */
    const char *history; /* file that it records into; NULL: none */
    struct list *all;    /* of the module: it stays there until its memory goes */
    const struct process_events *events;
    void *owner;
};

/* Errors: IO. */
int process_start(struct berth_loop *loop, const struct process_setup *setup, struct process **ret,
                  struct berth_error *reterr) berth_must_check;

/* Send a frame as wire_frame made it: taken over, wiped and freed when the kernel has it. */
void process_send(struct process *process, unsigned char *frame, size_t size);

/* Kill it; no event follows. */
void process_abandon(struct process *process);

/* Number of the process, for people and tests. */
int process_pid(const struct process *process);

#endif
