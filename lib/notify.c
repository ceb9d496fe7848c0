/* notify.c - sd_notify and LISTEN_FDS. */
#include "berth/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_DESCRIPTOR 3

int notify_send(const char *lines, struct berth_error *reterr)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t length = path ? strlen(path) : 0;
    socklen_t size;
    ssize_t sent;
    int descriptor;
    int fault;

    if (length == 0)
        return 0;
    if ((path[0] != '/' && path[0] != '@') || length >= sizeof(to.sun_path))
        return berth_fail(reterr, BERTH_E_INVALID, "NOTIFY_SOCKET '%s' is not a socket address",
                          path);

    memcpy(to.sun_path, path, length);
    size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract address has no terminating NUL */
    else
        size++;

    descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot create a socket: %s", strerror(errno));
    sent = sendto(descriptor, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&to, size);
    fault = errno;
    (void)close(descriptor);
    if (sent < 0)
        return berth_fail(reterr, BERTH_E_IO, "'%s': %s", path, strerror(fault));
    return 0;
}

/* A variable as a number of at least 0; -1 when it is absent or something else. */
static int64_t variable_number(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long long value;

    if (!text || !*text)
        return -1;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || *end || value < 0)
        return -1;
    return value;
}

int64_t notify_watchdog_ms(void)
{
    int64_t usec = variable_number("WATCHDOG_USEC");
    int64_t pid = variable_number("WATCHDOG_PID");

    if (usec <= 0 || (pid >= 0 && pid != getpid()))
        return 0;
    return usec / 2000;
}

/* Copy the next name of LISTEN_FDNAMES to `out` and advance *names. */
static void next_name(const char **names, char *out, size_t size)
{
    size_t length = *names ? strcspn(*names, ":") : 0;

    (void)snprintf(out, size, "%.*s", (int)(length < size ? length : size - 1),
                   *names ? *names : "");
    if (*names)
        *names = (*names)[length] ? *names + length + 1 : NULL;
}

int listen_take(struct listen_sockets *ret, struct berth_error *reterr)
{
    int64_t pid = variable_number("LISTEN_PID");
    int64_t count = variable_number("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");

    *ret = (struct listen_sockets){ 0 };
    if (pid != getpid() || count <= 0)
        return 0;
    if (count > LISTEN_SOCKETS_MAX)
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "LISTEN_FDS passes %lld sockets, but at most %d are supported",
                          (long long)count, LISTEN_SOCKETS_MAX);

    for (int i = 0; i < (int)count; i++) {
        struct listen_socket *at = &ret->at[i];

        at->descriptor = FIRST_DESCRIPTOR + i;
        next_name(&names, at->name, sizeof(at->name));
        if (fcntl(at->descriptor, F_SETFD, FD_CLOEXEC) < 0)
            return berth_fail(reterr, BERTH_E_CONFIG, "LISTEN_FDS: descriptor %d: %s",
                              at->descriptor, strerror(errno));
    }
    ret->count = (size_t)count;
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return 0;
}

int listen_find(struct listen_sockets *sockets, const char *name)
{
    for (size_t i = 0; i < sockets->count; i++) {
        int descriptor = sockets->at[i].descriptor;

        if (descriptor >= 0 && strcmp(sockets->at[i].name, name) == 0) {
            sockets->at[i].descriptor = -1;
            return descriptor;
        }
    }
    return -1;
}

size_t listen_close_rest(struct listen_sockets *sockets)
{
    size_t closed = 0;

    for (size_t i = 0; i < sockets->count; i++) {
        if (sockets->at[i].descriptor < 0)
            continue;
        (void)close(sockets->at[i].descriptor);
        sockets->at[i].descriptor = -1;
        closed++;
    }
    return closed;
}
