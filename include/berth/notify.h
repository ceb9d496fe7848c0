/* notify.h - the two protocols of the service manager, without its library: readiness and socket
 * activation.
 *
 * Module shared. sd_notify(3): datagrams of lines to the socket named by NOTIFY_SOCKET.
 * sd_listen_fds(3): descriptors from 3 on, announced by LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES.
 * Where there is no service manager all of this does nothing.
 */
#ifndef BERTH_NOTIFY_H
#define BERTH_NOTIFY_H

#include "berth/error.h"

/* Tell the manager, such as "READY=1\nSTATUS=serving" or "STOPPING=1". 0 also when there is no
 * manager; a failure is worth a log line, no more.
 */
int notify_send(const char *lines, struct berth_error *reterr) berth_must_check;

/* Half of the watchdog's time in milliseconds (when to send "WATCHDOG=1"); 0: no watchdog for this
 * process. */
int64_t notify_watchdog_ms(void);

/* Sockets that the manager opened for us. Take them once, at start, before children are made: the
 * variables are removed and the descriptors closed on exec.
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

/* Take the one with this name out, -1 when there is none. The descriptor is the caller's from then
 * on. */
int listen_find(struct listen_sockets *sockets, const char *name);

/* Close those that nobody asked for; returns how many: each is a misspelt name worth a warning. */
size_t listen_close_rest(struct listen_sockets *sockets);

#endif
