/* connection_report.c - pass a descriptor over a socket pair; read its TCP_INFO. */
#include "viewer/connection_report.h"

#include <errno.h>
#include <linux/tcp.h> /* its struct tcp_info has tcpi_bytes_received */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Control data with one descriptor. */
union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

int connection_report_open(int *ret_ours, int *ret_child, struct berth_error *reterr)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
        return berth_fail(reterr, BERTH_E_IO, "socket pair: %s", strerror(errno));
    *ret_ours = ends[0];
    *ret_child = ends[1];
    return 0;
}

void connection_report_send(int connection, int child)
{
    union control control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS } };
    char byte = 0;
    struct iovec bytes = { .iov_base = &byte, .iov_len = 1 };
    const struct msghdr message = { .msg_iov = &bytes,
                                    .msg_iovlen = 1,
                                    .msg_control = &control,
                                    .msg_controllen = sizeof(control.space) };

    memcpy(CMSG_DATA(&control.header), &connection, sizeof(connection));
    (void)sendmsg(child, &message, MSG_NOSIGNAL);
    (void)close(child);
}

static int receive_connection(int ours)
{
    union control control;
    char byte;
    struct iovec bytes = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &bytes,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control.space) };
    int connection = -1;

    if (recvmsg(ours, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message))
        memcpy(&connection, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(connection));
    return connection;
}

bool connection_report_got_no_data(int ours)
{
    struct tcp_info facts = { 0 };
    socklen_t size = sizeof(facts);
    int connection = receive_connection(ours);
    bool nothing;

    if (connection < 0)
        return false;
    nothing = getsockopt(connection, IPPROTO_TCP, TCP_INFO, &facts, &size) == 0 &&
              facts.tcpi_bytes_received <= 1; /* the FIN counts as one */
    (void)close(connection);
    return nothing;
}
