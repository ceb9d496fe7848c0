/* confine.h - the sandbox of the viewer: connect to the desktop, drop privileges, execute the RDP
 * client.
 *
 * Module viewer of the agent. Runs in a process of its own (`berth-agent confine ...`, internal):
 * no new privileges, no core files, no controlling terminal, a system-call filter (seccomp), and
 * Landlock for files and TCP, as far as the kernel supports them. Code that is injected into the
 * RDP client has access to the client's home folder and its connection to the desktop only.
 *
 * That connection is made here, before the limits apply, and the client can make no other: an RDP
 * client would follow a desktop that redirects it to another address, accept the certificate named
 * by the redirection in place of the pinned one, and send the password there. FreeRDP has no option
 * against it. Injected code could reconnect the socket itself: Linux 6.7 and later forbids that,
 * and on older kernels the socket drops every packet that does not come from the desktop, so that
 * no other connection can be established.
 */
#ifndef BERTH_AGENT_VIEWER_CONFINE_H
#define BERTH_AGENT_VIEWER_CONFINE_H

#include "berth/error.h"

#define CONFINE_CONNECTION 4 /* the client's descriptor of the connection */
#define CONFINE_REPORT 5     /* Unix socket of connection_report.h */
#define CONFINE_MESSAGE_PREFIX "berth-agent confine: " /* of its own messages on standard error */

struct confine_setup {
    const char *home;    /* the only folder with write access */
    const char *address; /* of the desktop, or NULL: no connection */
    const char *port;    /* decimal */
    bool network;        /* permit other connections: the X display is reached over TCP */
    char *const *argv;
};

/* Connect, confine and execute setup->argv; returns only on failure. Errors: IO (with the step that
 * failed), STATE (no connection to the desktop). */
int confine_and_exec(const struct confine_setup *setup, struct berth_error *reterr);

/* Is the X display local (":N", "unix:N") or absent (NULL, "")? With any other the viewer needs the
 * network and could make a second connection. */
bool confine_display_is_local(const char *display);

/* The subcommand: confine HOME ADDRESS|- PORT -- PROGRAM [ARGUMENT...]. Returns an exit code: 131,
 * as xfreerdp3 without a connection; 127 for other failures; 2 for wrong usage. */
int confine_main(int argc, char **argv);

#endif
