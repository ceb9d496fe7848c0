/* child.h - child processes: start, watch, end.
 *
 * Module shared. Used for berth-virt, the viewer and the greeter. A child inherits exactly the
 * descriptors it is given, dies with its parent (PR_SET_PDEATHSIG where asked), and ends by TERM,
 * then KILL.
 */
#ifndef BERTH_CHILD_H
#define BERTH_CHILD_H

#include "berth/loop.h"

struct child {
    pid_t pid;
    int pidfd; /* readable when the process has ended: no SIGCHLD, and no race with a reused pid */
    uv_poll_t watch;
    bool group;
    struct berth_loop *loop;
    struct berth_timer kill_limit;
    bool running;
    void (*ended)(struct child *child, int exit_code,
                  int signal); /* exit_code -1 when a signal ended it */
    bool closing;
    void (*freed)(struct child *child);
};

struct child_setup {
    const char *const *argv; /* argv[0] is the program's path; NULL-terminated. Never a secret. */
    const char *const *environment; /* NULL: the parent's */
    /* become 0, 1, 2, 3 ... in the child; -1, and those of 0 to 2 that are missing: /dev/null */
    const int *descriptors;
    size_t descriptor_count;
    bool die_with_parent;
    bool new_group; /* own process group: TERM and KILL reach its children too */
};

/* `child` is zeroed memory of the caller's with `ended` set. Fails with IO when the program cannot
 * be executed. */
int child_start(struct berth_loop *loop, struct child *child, const struct child_setup *setup,
                struct berth_error *reterr) berth_must_check;

/* TERM now, KILL after `grace_ms`; `ended` follows. grace_ms 0: KILL at once. */
void child_end(struct child *child, int64_t grace_ms);

/* After it ended: close the handle; `freed` is called when the memory may be freed. */
void child_free(struct child *child, void (*freed)(struct child *child));

#endif
