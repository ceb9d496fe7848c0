/* confine.h - the small step between the agent and its viewer: give up what an RDP client does not
 * need, then become it.
 *
 * Module viewer of the agent. Runs in a process of its own (`berth-agent confine ...`, not for
 * people): no new privileges, no core files, no controlling terminal, a system-call filter
 * (seccomp), and Landlock for files and TCP, as far as the kernel offers them. An attack through
 * the RDP client finds its own home folder and the connection to the desktop.
 *
 * That connection is made here, before the limits, and the program makes no other: an RDP client
 * follows a desktop that redirects it to another address, takes the certificate that the
 * redirection names for the pinned one, and sends the password there. FreeRDP has no switch for it.
 * Somebody who runs code of his own in the program could connect that very descriptor anew: Linux
 * 6.7 and later forbids it, and on any kernel the socket drops every packet that does not come from
 * the desktop, so that nobody else's answer is ever heard.
 */
#ifndef BERTH_AGENT_VIEWER_CONFINE_H
#define BERTH_AGENT_VIEWER_CONFINE_H

#include "berth/error.h"

#define CONFINE_CONNECTION 4 /* the program's descriptor of it */
#define CONFINE_REPORT 5     /* a Unix socket: who looks at it gets it from there */
#define CONFINE_MESSAGE_PREFIX \
    "berth-agent confine: " /* before its own sentence on standard error */

struct confine_setup {
    const char *home;    /* its only folder with write access */
    const char *address; /* of the desktop, or NULL: no connection */
    const char *port;    /* decimal */
    bool network;        /* other connections too: the display is reached over TCP */
    char *const *argv;
};

/* Does not return when it succeeds. Errors: IO with what failed, STATE (no connection to the
 * desktop). */
int confine_and_exec(const struct confine_setup *setup, struct berth_error *reterr);

/* Whether an X display is reached without the network (":N", "unix:N"), or there is none (NULL or
 * ""). With any other the viewer keeps the network, and could make a second connection. */
bool confine_display_is_local(const char *display);

/* The subcommand: confine HOME ADDRESS PORT -- PROGRAM ARGUMENT... Returns an exit code: that of an
 * RDP client that could not connect, or 127. */
int confine_main(int argc, char **argv);

#endif
