/* process.h - a running berth-virt in berthd: a child process and a socket.
 *
 * Module virt. Thread: loop. A process is never waited for: process_abandon kills it, and its
 * memory is freed when child and socket are closed. Meanwhile its host may start another process,
 * or be freed.
 */
#ifndef BERTH_VIRT_PROCESS_H
#define BERTH_VIRT_PROCESS_H

#include "berth/child.h"
#include "berth/frame.h"

struct process;

struct process_events {
    /* One frame was received. May call process_abandon. */
    void (*frame)(void *owner, const char *frame, size_t size);
    /* The process or its socket ended; at most once, and never after process_abandon. */
    void (*lost)(void *owner, const char *why);
};

struct process_setup {
    const char *program;
    const char *name;    /* of the host: shown by ps */
    const char *history; /* file for its history; NULL: none */
    struct list *all;    /* list of the module: the process is in it until it is freed */
    const struct process_events *events;
    void *owner;
};

/* Errors: IO. */
int process_start(struct berth_loop *loop, const struct process_setup *setup, struct process **ret,
                  struct berth_error *reterr) berth_must_check;

/* Send a frame from wire_frame, which is owned, wiped and freed by this function. */
void process_send(struct process *process, unsigned char *frame, size_t size);

/* Kill it; no event follows. */
void process_abandon(struct process *process);

/* Pid of the process, for logs and tests. */
int process_pid(const struct process *process);

#endif
