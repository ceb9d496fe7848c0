/* test_many.c - two thousand terminals at once: all are accepted; the cost of one is printed, not
 * judged.
 *
 * The terminals live in a process of their own, so that the figures are the broker's alone.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include "link_fixture.h"

#define TERMINALS 2000
#define AT_ONCE 64

/* ---- the terminals' process ---- */

static struct {
    struct berth_loop loop;
    SSL_CTX *context;
    int port;
    struct client *clients;
    int begun, opened, failed;
} crowd;

static bool crowd_open(struct tls_peer *tls)
{
    (void)tls;
    crowd.opened++;
    return true;
}

static int crowd_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    (void)tls;
    (void)bytes;
    (void)size;
    return 0;
}

static void crowd_closed(struct tls_peer *tls, const struct berth_error *why)
{
    (void)tls;
    (void)why;
    crowd.failed++;
}

static const struct tls_events crowd_events = { .open = crowd_open,
                                                .bytes = crowd_bytes,
                                                .closed = crowd_closed };

/* Connect them all, hold them until the pipe is closed, exit with what happened. */
static void crowd_run(int hold, int tell)
{
    int64_t until_ms = clock_mono_ms() + test_wait_limit_ms();
    char byte;

    if (loop_init(&crowd.loop, NULL) < 0)
        _exit(3);
    crowd.loop.slow_limit_ms = 0;
    crowd.clients = berth_new_array(struct client, TERMINALS);
    while (crowd.opened < TERMINALS && crowd.failed == 0) {
        while (crowd.begun < TERMINALS && crowd.begun - crowd.opened < AT_ONCE) {
            struct client *client = &crowd.clients[crowd.begun++];

            if (tls_connect(&crowd.loop, crowd.context,
                            &(struct tls_target){ "127.0.0.1", crowd.port, 60000, NULL },
                            &crowd_events, &client->tls, NULL) < 0)
                _exit(4);
        }
        if (clock_mono_ms() > until_ms)
            _exit(7);
        loop_turn(&crowd.loop, 1000);
    }
    if (write(tell, "x", 1) != 1 || read(hold, &byte, 1) != 0)
        _exit(5);
    _exit(crowd.failed == 0 ? 0 : 6);
}

/* ---- the broker's process ---- */

static int64_t cpu_us(void)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    return (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static int64_t resident_kib(void)
{
    FILE *stream = fopen("/proc/self/status", "re");
    char line[256];
    long long kib = 0;

    while (stream && fgets(line, sizeof(line), stream))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtoll(line + 6, NULL, 10);
    if (stream)
        (void)fclose(stream);
    return kib;
}

TEST(link, two_thousand_terminals_get_in)
{
    struct link_limits limits = {
        .handshakes = 512, .handshakes_source = 512, .handshake_ms = 60000, .messages_s = 20
    };
    int hold[2], tell[2];
    int64_t cpu, memory, began;
    int status;
    pid_t child;

    fixture_begin(limits);
    identity_make();
    handlers.quiet = true;
    crowd.context = client_context("berth/1", identity.certificate.certificate, identity.key);
    crowd.port = link_port(fixture.link);
    EXPECT_OK(pipe(hold));
    EXPECT_OK(pipe(tell));
    cpu = cpu_us();
    memory = resident_kib();
    began = clock_mono_ms();
    child = fork();
    if (child == 0) {
        (void)close(hold[1]);
        crowd_run(hold[0], tell[1]);
    }
    (void)close(hold[0]);
    for (int64_t limit_ms = clock_mono_ms() + test_wait_limit_ms();
         handlers.opened < TERMINALS && clock_mono_ms() < limit_ms;)
        loop_turn(&fixture.loop, 50);
    EXPECT_INT(handlers.opened, TERMINALS);
    print_message("mutual handshakes: %lld us of CPU each, %lld a second with %d at once\n",
                  (long long)(cpu_us() - cpu) / TERMINALS,
                  (long long)TERMINALS * 1000 / (clock_mono_ms() - began), AT_ONCE);
    print_message("an idle terminal: %lld bytes\n",
                  (long long)(resident_kib() - memory) * 1024 / TERMINALS);
    cpu = cpu_us();
    for (int i = 0; i < 20; i++)
        loop_turn(&fixture.loop, 50);
    print_message("CPU of a second with %d idle terminals: %lld us\n", TERMINALS,
                  (long long)(cpu_us() - cpu));
    EXPECT_INT(stats_now().peers, TERMINALS);
    (void)close(hold[1]);
    TURN_UNTIL(stats_now().peers == 0 && handlers.closed == TERMINALS);
    EXPECT_INT(waitpid(child, &status, 0), child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    SSL_CTX_free(crowd.context);
    identity_free();
    fixture_end();
}

TEST_MAIN()
