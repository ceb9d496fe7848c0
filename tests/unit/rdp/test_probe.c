/* test_probe.c - the probe with correct servers, hostile ones and a real one (freerdp-shadow under
 * Xvfb). */
#include <arpa/inet.h>
#include <net/if.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berth/loop.h"
#include "berth/tls.h"

#include "rdp/probe_setup.h"

#include "test.h"

static const unsigned char confirm_tls[] = { 3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34,
                                             0, 2, 0, 8,  0,  1,    0, 0, 0 };

/* ---- servers: one thread, one connection, one habit ---- */

enum habit {
    HONEST,
    HONEST_NLA,
    SLOW,
    SILENT,
    GARBAGE,
    REFUSING,
    HANGS_UP,
    SILENT_TLS,
    GARBAGE_TLS,
    ENDLESS_TLS,
    EAGER
};

struct server {
    enum habit habit;
    int listener, port;
    pthread_t thread;
    SSL_CTX *context;
    char fingerprint[72];
};

static void nap(long ms)
{
    const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    (void)nanosleep(&pause, NULL);
}

static void say(int peer, const void *bytes, size_t size)
{
    (void)!send(peer, bytes, size, MSG_NOSIGNAL);
}

/* Until the other end is tired of us. */
static void wait_for_end(int peer)
{
    char bytes[512];

    while (recv(peer, bytes, sizeof(bytes), 0) > 0)
        ;
}

static void speak_tls(const struct server *server, int peer)
{
    SSL *ssl = SSL_new(server->context);
    char byte;

    (void)SSL_set_fd(ssl, peer);
    if (SSL_accept(ssl) == 1)
        (void)SSL_read(ssl, &byte, 1);
    SSL_free(ssl);
}

static void flood(int peer)
{
    /* Records of handshake messages that never end. */
    static unsigned char record[16389] = { 22, 3, 3, 0x40, 0x00, 11, 0xff, 0xff, 0xff };

    while (send(peer, record, sizeof(record), MSG_NOSIGNAL) > 0)
        ;
}

static void behave(const struct server *server, int peer)
{
    switch (server->habit) {
    case HONEST:
        say(peer, confirm_tls, sizeof(confirm_tls));
        speak_tls(server, peer);
        break;
    case HONEST_NLA:
        say(peer, "\x03\x00\x00\x13\x0e\xd0\x00\x00\x00\x00\x00\x02\x00\x08\x00\x02\x00\x00\x00",
            19);
        speak_tls(server, peer);
        break;
    case SLOW: /* one byte at a time is legal */
        for (size_t i = 0; i < sizeof(confirm_tls); i++) {
            say(peer, confirm_tls + i, 1);
            nap(20);
        }
        speak_tls(server, peer);
        break;
    case SILENT:
        break;
    case GARBAGE:
        say(peer, "SSH-2.0-OpenSSH_9.2\r\n", 21);
        break;
    case REFUSING:
        say(peer, "\x03\x00\x00\x13\x0e\xd0\x00\x00\x00\x00\x00\x03\x00\x08\x00\x05\x00\x00\x00",
            19);
        break;
    case HANGS_UP:
        return;
    case SILENT_TLS:
        say(peer, confirm_tls, sizeof(confirm_tls));
        break;
    case GARBAGE_TLS:
        say(peer, confirm_tls, sizeof(confirm_tls));
        nap(50);
        say(peer, "this is not TLS at all", 22);
        break;
    case ENDLESS_TLS:
        say(peer, confirm_tls, sizeof(confirm_tls));
        nap(50);
        flood(peer);
        return;
    case EAGER:
        say(peer,
            "\x03\x00\x00\x13\x0e\xd0\x00\x00\x00\x00\x00\x02\x00\x08\x00\x01\x00\x00\x00more", 23);
        break;
    }
    wait_for_end(peer);
}

static void *serve(void *context)
{
    struct server *server = context;
    char request[19];
    int peer = accept(server->listener, NULL, NULL);

    if (peer < 0)
        return NULL; /* no connection came */
    if (recv(peer, request, sizeof(request), MSG_WAITALL) == sizeof(request))
        behave(server, peer);
    (void)close(peer);
    return NULL;
}

/* A self-signed certificate, as desktops have. */
static void make_certificate(struct server *server)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    unsigned char *der = NULL;
    int size;

    (void)X509_set_version(certificate, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    (void)X509_set_pubkey(certificate, key);
    EXPECT(X509_sign(certificate, key, EVP_sha256()) > 0);
    size = i2d_X509(certificate, &der);
    tls_sha256_hex(der, (size_t)size, server->fingerprint);
    OPENSSL_free(der);
    server->context = SSL_CTX_new(TLS_server_method());
    EXPECT_INT(SSL_CTX_use_certificate(server->context, certificate), 1);
    EXPECT_INT(SSL_CTX_use_PrivateKey(server->context, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void server_start(struct server *server, enum habit habit)
{
    struct sockaddr_in place = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(place);

    *server = (struct server){ .habit = habit };
    make_certificate(server);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_OK(bind(server->listener, (struct sockaddr *)&place, sizeof(place)));
    EXPECT_OK(listen(server->listener, 5));
    EXPECT_OK(getsockname(server->listener, (struct sockaddr *)&place, &size));
    server->port = ntohs(place.sin_port);
    EXPECT_OK(pthread_create(&server->thread, NULL, serve, server));
}

static void server_stop(struct server *server)
{
    (void)shutdown(server->listener, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->listener);
    SSL_CTX_free(server->context);
}

/* ---- asking ---- */

struct world {
    struct berth_loop loop;
    struct probe *probe;
    struct op op;
    struct probe_result ret;
    int done, result;
};

static void done(struct op *op, int result)
{
    struct world *world = container_of(op, struct world, op);

    world->done++;
    world->result = result;
}

static struct world *world_new(void)
{
    struct world *world = berth_new(struct world);

    (void)signal(SIGPIPE, SIG_IGN);
    EXPECT_OK(loop_init(&world->loop, NULL));
    world->probe = probe_new(&world->loop);
    op_init(&world->op, &world->loop.timers, done);
    return world;
}

static void world_free(struct world *world)
{
    probe_free(world->probe);
    loop_close(&world->loop);
    free(world);
}

static int begin(struct world *world, const char *address, int port)
{
    const struct probe_target target = { .address = address, .port = port };

    return probe_begin(world->probe, &target, &world->ret, &world->op);
}

#define WAIT_LIMIT_MS 300000 /* only a probe without an end takes so long */

/* Milliseconds that the attempt took. */
static int64_t ask_for(struct world *world, int port, bool answer_only)
{
    const struct probe_target target = { .address = "127.0.0.1",
                                         .port = port,
                                         .answer_only = answer_only };
    int64_t began;

    loop_turn(&world->loop, 0); /* the clock of a loop is set by its turns */
    began = world->loop.timers.mono_ms;
    world->done = 0;
    EXPECT_OK(probe_begin(world->probe, &target, &world->ret, &world->op));
    EXPECT_INT(world->done, 0);
    while (!world->done && clock_mono_ms() - began < WAIT_LIMIT_MS)
        loop_turn(&world->loop, 20);
    EXPECT_INT(world->done, 1);
    return clock_mono_ms() - began;
}

static int64_t ask(struct world *world, int port)
{
    return ask_for(world, port, false);
}

/* A limit may be late on a busy machine, never early. */
static void expect_bad_server(enum habit habit, const char *says, int64_t least_ms)
{
    struct world *world = world_new();
    struct server server;
    int64_t took;

    server_start(&server, habit);
    took = ask(world, server.port);
    EXPECT_ERR(world->result, BERTH_E_DESKTOP);
    EXPECT_SAYS(world->op.error.text, says);
    EXPECT_SAYS(world->op.error.text, "127.0.0.1 port ");
    EXPECT(took >= least_ms);
    world_free(world);
    server_stop(&server);
}

TEST(probe, an_honest_server_and_its_fingerprint)
{
    struct world *world = world_new();
    struct server server;

    server_start(&server, HONEST);
    (void)ask(world, server.port);
    EXPECT_OK(world->result);
    EXPECT_STR(world->ret.fingerprint, server.fingerprint);
    EXPECT(!world->ret.nla);
    EXPECT(world->ret.took_ms >= 0);
    server_stop(&server);

    /* Nothing listens any more. */
    (void)ask(world, server.port);
    EXPECT_ERR(world->result, BERTH_E_DESKTOP);
    EXPECT_SAYS(world->op.error.text, "refused");
    world_free(world);
}

TEST(probe, where_the_first_answer_is_enough_no_certificate_is_learnt)
{
    struct world *world = world_new();
    struct server server;

    server_start(&server, HONEST_NLA);
    (void)ask_for(world, server.port, true);
    EXPECT_OK(world->result);
    EXPECT_STR(world->ret.fingerprint, "");
    EXPECT(world->ret.nla);
    server_stop(&server);
    (void)ask_for(world, server.port, true);
    EXPECT_ERR(world->result, BERTH_E_DESKTOP);
    world_free(world);
}

TEST(probe, a_server_that_wants_nla_is_known_for_it)
{
    struct world *world = world_new();
    struct server server;

    server_start(&server, HONEST_NLA);
    (void)ask(world, server.port);
    EXPECT_OK(world->result);
    EXPECT(world->ret.nla);
    EXPECT_STR(world->ret.fingerprint, server.fingerprint);
    world_free(world);
    server_stop(&server);
}

TEST(probe, a_slow_server_is_waited_for)
{
    struct world *world = world_new();
    struct server server;

    server_start(&server, SLOW);
    EXPECT(ask(world, server.port) >= 300);
    EXPECT_OK(world->result);
    EXPECT_STR(world->ret.fingerprint, server.fingerprint);
    world_free(world);
    server_stop(&server);
}

TEST(probe, an_open_port_that_says_nothing_is_no_desktop)
{
    expect_bad_server(SILENT, "waiting for the X.224 confirm", PROBE_LIMIT_MS - 50);
}

TEST(probe, a_server_that_stops_after_its_first_word)
{
    expect_bad_server(SILENT_TLS, "agreeing on TLS", PROBE_LIMIT_MS - 50);
}

TEST(probe, garbage_is_refused_at_once)
{
    expect_bad_server(GARBAGE, "not an RDP server", 0);
    expect_bad_server(GARBAGE_TLS, "TLS failed", 0);
    expect_bad_server(EAGER, "unexpected data", 0);
}

TEST(probe, a_flood_is_cut_off)
{
    expect_bad_server(ENDLESS_TLS, "TLS failed", 0);
}

TEST(probe, a_refusal_keeps_its_reason)
{
    expect_bad_server(REFUSING, "requires NLA", 0);
    expect_bad_server(HANGS_UP, "closed the connection", 0);
}

TEST(probe, only_numeric_addresses)
{
    struct world *world = world_new();

    EXPECT_ERR(begin(world, "localhost", 3389), BERTH_E_INVALID);
    EXPECT_ERR(begin(world, "127.0.0.1", 0), BERTH_E_INVALID);
    EXPECT_ERR(begin(world, "127.0.0.1", 65536), BERTH_E_INVALID);
    EXPECT_ERR(begin(world, "", 3389), BERTH_E_INVALID);
    world_free(world);
}

TEST(probe, after_cancel_nothing_comes)
{
    struct world *world = world_new();
    struct server server;

    server_start(&server, SILENT);
    EXPECT_OK(begin(world, "127.0.0.1", server.port));
    op_cancel(&world->op); /* while connecting */
    EXPECT_OK(begin(world, "127.0.0.1", server.port));
    for (int i = 0; i < 10; i++)
        loop_turn(&world->loop, 20);
    op_cancel(&world->op); /* while waiting */
    for (int i = 0; i < 10; i++)
        loop_turn(&world->loop, 20);
    EXPECT_INT(world->done, 0);
    world_free(world);
    server_stop(&server);
}

/* So many are begun before one is refused. */
static size_t begin_all(struct world *world, int port, bool urgent)
{
    static struct op ops[PROBE_ATTEMPTS_MAX + 1];
    static struct probe_result results[PROBE_ATTEMPTS_MAX + 1];
    const struct probe_target target = { .address = "127.0.0.1", .port = port, .urgent = urgent };
    static size_t next;
    size_t begun = 0;

    if (!urgent)
        next = 0;
    for (; next <= PROBE_ATTEMPTS_MAX; next++, begun++) {
        op_init(&ops[next], &world->loop.timers, done);
        if (probe_begin(world->probe, &target, &results[next], &ops[next]) < 0)
            break;
    }
    EXPECT_ERR(ops[next].error.code, BERTH_E_BUSY);
    EXPECT_SAYS(ops[next].error.text, "too many probes");
    return begun;
}

TEST(probe, attempts_at_once_are_limited_and_forgotten_at_the_end)
{
    struct world *world = world_new();
    struct server server;

    server_start(&server, SILENT);
    EXPECT_INT(begin_all(world, server.port, false), PROBE_ATTEMPTS_MAX - PROBE_ATTEMPTS_URGENT);
    /* An urgent probe still gets a place. */
    EXPECT_INT(begin_all(world, server.port, true), PROBE_ATTEMPTS_URGENT);
    world_free(world); /* with all of them under way */
    server_stop(&server);
}

TEST(probe, without_a_socket_nothing_is_said_of_the_desktop)
{
    struct world *world = world_new();
    struct rlimit limit, none;

    EXPECT_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    EXPECT_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    EXPECT_ERR(begin(world, "127.0.0.1", 3389), BERTH_E_BUSY);
    EXPECT_SAYS(world->op.error.text, "127.0.0.1 port 3389");
    EXPECT_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
    world_free(world);
}

/* ---- real programs ---- */

static pid_t run(const char *const *argv)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)!freopen("/dev/null", "w", stdout);
    (void)!freopen("/dev/null", "w", stderr);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void end(pid_t pid)
{
    int status;

    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        fail_msg("a program of this test is not installed");
}

#define STARTS_S 300 /* only a program that hangs takes so long to listen */

typedef bool enough_fn(const struct world *world);

static bool answers_rightly(const struct world *world)
{
    return world->result >= 0;
}

static bool listens(const struct world *world)
{
    return world->result >= 0 || !strstr(world->op.error.text, "refused");
}

static void ask_until(enough_fn *is_enough, struct world *world, int port)
{
    for (int i = 0; i < STARTS_S * 10; i++) {
        (void)ask(world, port);
        if (is_enough(world))
            return;
        nap(100);
    }
}

/* From here on this process has a network of its own, where every port is free, and a folder of its
 * own for the sockets of X servers: one of another network would take the number of ours for free.
 */
static void own_network(void)
{
    struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    int any;

    EXPECT_OK(unshare(CLONE_NEWNET | CLONE_NEWNS));
    EXPECT_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    if (mkdir("/tmp/.X11-unix", 01777) < 0)
        EXPECT_INT(errno, EEXIST);
    EXPECT_OK(mount("x11", "/tmp/.X11-unix", "tmpfs", 0, "mode=1777"));
    any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_OK(ioctl(any, SIOCSIFFLAGS, &loopback));
    (void)close(any);
}

/* A display that Xvfb itself chose; its number as text. */
static pid_t display_start(char number[8])
{
    int told[2];
    char descriptor[16];
    const char *const xvfb[] = { "Xvfb",       "-displayfd", descriptor, "-screen",  "0",
                                 "640x480x24", "-nolisten",  "tcp",      "-noreset", NULL };
    size_t size;
    pid_t pid;

    EXPECT_OK(pipe(told));
    (void)snprintf(descriptor, sizeof(descriptor), "%d", told[1]);
    pid = run(xvfb);
    (void)close(told[1]);
    /* A line, in as many writes as it likes. */
    for (size = 0; size < 7 && read(told[0], number + size, 1) == 1 && number[size] != '\n';)
        size++;
    (void)close(told[0]);
    EXPECT(size > 0);
    number[size] = '\0';
    return pid;
}

TEST(probe, a_real_rdp_server)
{
    char home[] = "/tmp/berth-probe-XXXXXX";
    static const char *const shadow[] = { "freerdp-shadow-cli3", "/port:3389",
                                          "/bind-address:127.0.0.1", "-auth", NULL };
    struct world *world;
    char first[72];
    char command[64];
    char number[8];
    char name[16];
    pid_t display;
    pid_t desktop;

    own_network();
    display = display_start(number);
    world = world_new();
    EXPECT(mkdtemp(home));
    (void)setenv("HOME", home, 1);
    (void)snprintf(name, sizeof(name), ":%s", number);
    (void)setenv("DISPLAY", name, 1);
    desktop = run(shadow);
    ask_until(answers_rightly, world, 3389);
    if (world->result < 0)
        print_message("%s\n", world->op.error.text);
    EXPECT_OK(world->result);
    print_message("freerdp-shadow: %d ms, nla %d, %s\n", (int)world->ret.took_ms, world->ret.nla,
                  world->ret.fingerprint);
    EXPECT_INT(strlen(world->ret.fingerprint), 64);
    (void)snprintf(first, sizeof(first), "%s", world->ret.fingerprint);
    (void)ask(world, 3389);
    EXPECT_STR(world->ret.fingerprint, first);
    world_free(world);
    end(desktop);
    end(display);
    (void)snprintf(command, sizeof(command), "rm -rf %s", home);
    EXPECT_OK(system(command));
}

TEST(probe, a_web_server_is_no_desktop)
{
    static const char *const server[] = { "openssl", "s_server", "-accept", "3390",
                                          "-nocert", "-quiet",   NULL };
    struct world *world;
    pid_t pid;

    own_network();
    world = world_new();
    pid = run(server);
    ask_until(listens, world, 3390);
    EXPECT_ERR(world->result, BERTH_E_DESKTOP);
    EXPECT(listens(world)); /* it was there, and answered with an alert or a hang-up */
    world_free(world);
    end(pid);
}

TEST_MAIN()
