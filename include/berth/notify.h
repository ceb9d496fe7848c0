/* notify.h - sd_notify and socket activation, without libsystemd.
 *
 * Module shared. sd_notify(3): datagrams of lines to the socket named by NOTIFY_SOCKET.
 * sd_listen_fds(3): descriptors from 3 on, announced by LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES.
 * Without a service manager these functions do nothing.
 */
#ifndef BERTH_NOTIFY_H
#define BERTH_NOTIFY_H

#include "berth/error.h"

/* Send to the service manager, such as "READY=1\nSTATUS=serving" or "STOPPING=1". 0 also when there
 * is no manager; callers log a failure and continue.
 */
int notify_send(const char *lines, struct berth_error *reterr) berth_must_check;

/* Interval in milliseconds at which to send "WATCHDOG=1" (half of WatchdogSec=); 0: this process
 * has no watchdog. */
int64_t notify_watchdog_ms(void);

/* Sockets that the manager opened. Take them once, at start, before child processes are started:
 * the variables are removed, and the descriptors become close-on-exec.
 */
#define LISTEN_SOCKETS_MAX 16
struct listen_socket {
    int descriptor;
    /* FileDescriptorName= of the socket unit: "terminals", "joining", "api", "local" */
    char name[64];
};
struct listen_sockets {
    size_t count;
    struct listen_socket at[LISTEN_SOCKETS_MAX];
};
int listen_take(struct listen_sockets *ret, struct berth_error *reterr) berth_must_check;

/* Remove the socket of this name from the set and return its descriptor, which the caller then
 * owns; -1 when there is none. */
int listen_find(struct listen_sockets *sockets, const char *name);

/* Close the sockets that are left; returns how many. The caller warns about each: its name is
 * misspelt. */
size_t listen_close_rest(struct listen_sockets *sockets);

#endif
