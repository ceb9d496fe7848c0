/* test_confine.c - a viewer has one connection: which displays let it keep to that, and that
 * nothing in it leads the connection elsewhere.
 *
 * The confined program is this one, started anew with what it shall try (TRY_PORT). */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "viewer/confine.h"

#include "test.h"

TEST(confine, a_display_is_local_when_no_network_leads_to_it)
{
    static const char *const local[] = { ":0", ":10.0", "unix:0", "" };
    static const char *const remote[] = { "localhost:10.0", "10.0.0.5:0", "tcp/here:0",
                                          "unixes:0" };

    EXPECT(confine_display_is_local(NULL));
    for (size_t i = 0; i < BERTH_COUNT(local); i++)
        EXPECT(confine_display_is_local(local[i]));
    for (size_t i = 0; i < BERTH_COUNT(remote); i++)
        EXPECT(!confine_display_is_local(remote[i]));
}

/* ---- in the confined program ---- */

/* Its exit codes, and what they say. */
static const char *const outcomes[] = {
    "it cannot get elsewhere",
    "it does not hear the desktop",
    "it took the socket's filter off",
    "it reached another port by its descriptor",
    "it reached another port by a copy of its descriptor",
    "it may send before a connection stands",
};

enum { SAFE, DEAF, UNFILTERED, REACHED, REACHED_BY_COPY, EARLY };

static socklen_t loopback(int family, int port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)ret;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)ret;

    memset(ret, 0, sizeof(*ret));
    ret->ss_family = (sa_family_t)family;
    if (family == AF_INET) {
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        four->sin_port = htons((uint16_t)port);
        return sizeof(*four);
    }
    six->sin6_addr = in6addr_loopback;
    six->sin6_port = htons((uint16_t)port);
    return sizeof(*six);
}

static bool can_reconnect(int descriptor, int family, int port)
{
    const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
    struct sockaddr_storage to;
    socklen_t size = loopback(family, port, &to);
    int once = 1;

    (void)connect(descriptor, &nobody, sizeof(nobody));
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof(once));
    return connect(descriptor, (struct sockaddr *)&to, size) == 0;
}

static bool can_unfilter(int descriptor)
{
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    const struct sock_fprog program = { .len = 1, .filter = &all };
    int no = 0;

    return setsockopt(descriptor, SOL_SOCKET, SO_LOCK_FILTER, &no, sizeof(no)) == 0 ||
           setsockopt(descriptor, SOL_SOCKET, SO_DETACH_FILTER, &no, sizeof(no)) == 0 ||
           setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

/* A first packet that holds data leaves without an answer. */
static bool can_send_early(int descriptor)
{
    struct msghdr message = { 0 };
    struct mmsghdr messages = { .msg_hdr = message };
    int yes = 1;

    return sendto(descriptor, "x", 1, MSG_FASTOPEN, NULL, 0) >= 0 || errno != EPERM ||
           sendmsg(descriptor, &message, MSG_FASTOPEN) >= 0 || errno != EPERM ||
           sendmmsg(descriptor, &messages, 1, MSG_FASTOPEN) >= 0 || errno != EPERM ||
           setsockopt(descriptor, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &yes, sizeof(yes)) == 0 ||
           setsockopt(descriptor, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &yes, sizeof(yes)) == 0;
}

static int try_all(int family, int port, bool network)
{
    char byte = 0;

    if (read(CONFINE_CONNECTION, &byte, 1) != 1 || byte != 'd')
        return DEAF;
    if (!network && can_send_early(CONFINE_CONNECTION))
        return EARLY;
    if (can_unfilter(CONFINE_CONNECTION))
        return UNFILTERED;
    if (can_reconnect(CONFINE_CONNECTION, family, port))
        return REACHED;
    return can_reconnect(dup(CONFINE_CONNECTION), family, port) ? REACHED_BY_COPY : SAFE;
}

__attribute__((constructor)) static void be_the_program(void)
{
    const char *port = getenv("TRY_PORT");

    if (port)
        _exit(try_all(getenv("TRY_SIX") ? AF_INET6 : AF_INET, (int)strtol(port, NULL, 10),
                      getenv("TRY_NETWORK") != NULL));
}

/* ---- the test ---- */

static int listening(int family, int *ret_port)
{
    int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage at;
    socklen_t size = loopback(family, 0, &at);

    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&at, size) < 0)
        return -1; /* a machine without IPv6 */
    EXPECT_OK(listen(descriptor, 4));
    EXPECT_OK(getsockname(descriptor, (struct sockaddr *)&at, &size));
    *ret_port = ntohs(((const struct sockaddr_in *)(const void *)&at)->sin_port);
    return descriptor;
}

/* network: as if the display were reached over it: then Landlock does not forbid a connection, as
 * before Linux 6.7. */
static void become(int family, int port, int elsewhere, bool network)
{
    char self[512] = "", desktop[16], other[16];
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *argv[] = { self, NULL };
    const struct confine_setup setup = { .home = "/nowhere",
                                         .address = family == AF_INET ? "127.0.0.1" : "::1",
                                         .port = desktop,
                                         .network = network,
                                         .argv = argv };
    struct berth_error error = { 0 };

    if (size < 0)
        _exit(101);
    (void)snprintf(desktop, sizeof(desktop), "%d", port);
    (void)snprintf(other, sizeof(other), "%d", elsewhere);
    (void)setenv("TRY_PORT", other, 1);
    if (family == AF_INET6)
        (void)setenv("TRY_SIX", "1", 1);
    if (network)
        (void)setenv("TRY_NETWORK", "1", 1);
    (void)confine_and_become(&setup, &error);
    (void)fprintf(stderr, "%s\n", error.text);
    _exit(100);
}

static void tries_in_vain(int family, bool network)
{
    int port = 0, elsewhere = 0, status = 0;
    int desktop = listening(family, &port);
    int other = listening(family, &elsewhere);
    int wire;
    pid_t child;

    if (desktop < 0)
        return;
    child = fork();
    EXPECT(child >= 0);
    if (child == 0)
        become(family, port, elsewhere, network);
    wire = accept(desktop, NULL, NULL);
    EXPECT(wire >= 0);
    EXPECT_INT(send(wire, "d", 1, MSG_NOSIGNAL), 1);
    EXPECT_INT(waitpid(child, &status, 0), child);
    EXPECT(WIFEXITED(status) && (size_t)WEXITSTATUS(status) < BERTH_COUNT(outcomes));
    EXPECT_STR(outcomes[WEXITSTATUS(status)], outcomes[SAFE]);
    (void)close(wire);
    (void)close(desktop);
    (void)close(other);
}

TEST(confine, the_connection_leads_nowhere_else)
{
    tries_in_vain(AF_INET, false);
    tries_in_vain(AF_INET6, false);
}

TEST(confine, nor_where_the_kernel_does_not_forbid_other_connections)
{
    tries_in_vain(AF_INET, true);
    tries_in_vain(AF_INET6, true);
}

TEST_MAIN()
