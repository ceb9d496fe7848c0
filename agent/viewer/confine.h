/* confine.h - the small step between the agent and its viewer: give up what an RDP client does not
 * need, then become it.
 *
 * Room viewer of the agent. Runs in a process of its own (`berth-agent confine ...`, not for
 * people): no new privileges, no core files, no controlling terminal, a system-call filter
 * (seccomp), and Landlock for files and outgoing TCP, as far as the kernel offers them. An attack
 * through the RDP client finds its own home folder and the desktop's port.
 */
#ifndef BERTH_AGENT_VIEWER_CONFINE_H
#define BERTH_AGENT_VIEWER_CONFINE_H

#include "berth/error.h"

struct confine_setup {
    const char *home; /* its only folder with write access */
    int port;         /* its only TCP port; 0: any, for displays over TCP */
    char *const *argv;
};

/* Does not return when it succeeds. Errors: IO with what failed. */
int confine_and_become(const struct confine_setup *setup, struct berth_error *reterr);

/* The subcommand: confine HOME PORT -- PROGRAM ARGUMENT... Returns an exit code. */
int confine_main(int argc, char **argv);

#endif
