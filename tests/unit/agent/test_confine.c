/* test_confine.c - a viewer has one connection: which displays permit that, and that nothing leads
 * the connection elsewhere.
 *
 * The confined program is this one, started anew with what it shall try (TRY_FAMILY, TRY_WITNESS).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
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
    "it reached another host at the desktop's port",
    "it has the descriptor that is for the agent alone",
};

enum { SAFE, DEAF, UNFILTERED, REACHED, REACHED_BY_COPY, EARLY, REACHED_HOST, WITNESSED };

/* How a desktop is addressed, and another host that is there as well; NULL: there is none. */
static const struct family {
    const char *desktop;
    const char *another;
} families[] = {
    { "127.0.0.1", "127.0.0.2" },
    { "::1", NULL },
    { "::ffff:127.0.0.1", "::ffff:127.0.0.2" },
};

static socklen_t address_of(const char *host, int port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)ret;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)ret;

    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        return sizeof(*four);
    }
    (void)inet_pton(AF_INET6, host, &six->sin6_addr);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    return sizeof(*six);
}

static bool can_reconnect(int descriptor, const char *host, int port)
{
    const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
    struct sockaddr_storage to;
    socklen_t size = address_of(host, port, &to);
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

static int try_all(const struct family *family, int desktop, int elsewhere, bool network)
{
    struct pollfd word = { .fd = CONFINE_CONNECTION, .events = POLLIN };
    char byte = 0;

    /* The answer comes after this, so through the filter. */
    if (write(CONFINE_CONNECTION, "?", 1) != 1 || poll(&word, 1, (int)test_wait_limit_ms()) != 1)
        return DEAF;
    if (read(CONFINE_CONNECTION, &byte, 1) != 1 || byte != 'd')
        return DEAF;
    if (!network && can_send_early(CONFINE_CONNECTION))
        return EARLY;
    if (can_unfilter(CONFINE_CONNECTION))
        return UNFILTERED;
    if (can_reconnect(CONFINE_CONNECTION, family->desktop, elsewhere))
        return REACHED;
    if (family->another && can_reconnect(CONFINE_CONNECTION, family->another, desktop))
        return REACHED_HOST;
    return can_reconnect(dup(CONFINE_CONNECTION), family->desktop, elsewhere) ? REACHED_BY_COPY
                                                                              : SAFE;
}

static int number_of(const char *name)
{
    const char *text = getenv(name);

    return text ? (int)strtol(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void be_the_program(void)
{
    if (getenv("TRY_WITNESS"))
        _exit(fcntl(CONFINE_REPORT, F_GETFD) < 0 ? SAFE : WITNESSED);
    if (getenv("TRY_FAMILY"))
        _exit(try_all(&families[number_of("TRY_FAMILY")], number_of("TRY_DESKTOP"),
                      number_of("TRY_ELSEWHERE"), getenv("TRY_NETWORK") != NULL));
}

/* ---- the test ---- */

static int listening(const char *host, int *port)
{
    struct sockaddr_storage at;
    socklen_t size = address_of(host, *port, &at);
    int descriptor = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&at, size) < 0)
        return -1; /* a machine without IPv6 */
    EXPECT_OK(listen(descriptor, 4));
    EXPECT_OK(getsockname(descriptor, (struct sockaddr *)&at, &size));
    *port = ntohs(((const struct sockaddr_in *)(const void *)&at)->sin_port);
    return descriptor;
}

static void tell_number(const char *name, int number)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", number);
    (void)setenv(name, text, 1);
}

/* network: as if the display were reached over it: then Landlock does not forbid a connection, as
 * before Linux 6.7. */
static void become(const char *address, int port, bool network)
{
    char self[512] = "", desktop[16];
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *argv[] = { self, NULL };
    const struct confine_setup setup = {
        .home = "/nowhere", .address = address, .port = desktop, .network = network, .argv = argv
    };
    struct berth_error error = { 0 };

    if (size < 0)
        _exit(101);
    (void)unsetenv("TSAN_OPTIONS"); /* names a file that it may not read then */
    (void)snprintf(desktop, sizeof(desktop), "%d", port);
    (void)confine_and_exec(&setup, &error);
    (void)fprintf(stderr, "%s\n", error.text);
    _exit(100);
}

static void ends_safe(pid_t child)
{
    int status = 0;

    EXPECT_INT(waitpid(child, &status, 0), child);
    EXPECT(WIFEXITED(status) && (size_t)WEXITSTATUS(status) < BERTH_COUNT(outcomes));
    EXPECT_STR(outcomes[WEXITSTATUS(status)], outcomes[SAFE]);
}

static void tries_in_vain(int which, bool network)
{
    const struct family *family = &families[which];
    int port = 0, elsewhere = 0;
    int desktop = listening(family->desktop, &port);
    int other = listening(family->desktop, &elsewhere);
    int another = family->another ? listening(family->another, &port) : -1;
    struct pollfd knock = { .fd = desktop, .events = POLLIN }, asks = { .events = POLLIN };
    int wire;
    pid_t child;

    if (desktop < 0)
        return;
    EXPECT(!family->another || another >= 0);
    child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        tell_number("TRY_FAMILY", which);
        tell_number("TRY_DESKTOP", port);
        tell_number("TRY_ELSEWHERE", elsewhere);
        if (network)
            (void)setenv("TRY_NETWORK", "1", 1);
        become(family->desktop, port, network);
    }
    EXPECT_INT(poll(&knock, 1, (int)test_wait_limit_ms()), 1);
    wire = accept(desktop, NULL, NULL);
    EXPECT(wire >= 0);
    asks.fd = wire;
    EXPECT_INT(poll(&asks, 1, (int)test_wait_limit_ms()), 1);
    EXPECT_INT(send(wire, "d", 1, MSG_NOSIGNAL), 1);
    ends_safe(child);
    (void)close(wire);
    (void)close(desktop);
    (void)close(other);
    if (another >= 0)
        (void)close(another);
}

TEST(confine, the_connection_leads_nowhere_else)
{
    for (size_t i = 0; i < BERTH_COUNT(families); i++)
        tries_in_vain((int)i, false);
}

TEST(confine, nor_where_the_kernel_does_not_forbid_other_connections)
{
    for (size_t i = 0; i < BERTH_COUNT(families); i++)
        tries_in_vain((int)i, true);
}

/* Whatever the agent had open there. */
TEST(confine, a_program_without_a_connection_gets_no_witness_either)
{
    pid_t child = fork();

    EXPECT(child >= 0);
    if (child == 0) {
        if (dup2(STDERR_FILENO, CONFINE_REPORT) < 0)
            _exit(102);
        (void)setenv("TRY_WITNESS", "1", 1);
        become(NULL, 0, false);
    }
    ends_safe(child);
}

TEST_MAIN()
