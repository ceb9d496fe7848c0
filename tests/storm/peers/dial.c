/* dial.c - peers-dial: connects to a TLS server as many terminals, and measures the server's cost.
 *
 *     peers-dial --as berth|mqtt|http --port N --folder PROVISIONED --terminals N --server PID
 *                [--calls N] [--in-flight N] [--rate A-SECOND]
 *                [--hold SECONDS --ping S] [--limit S]
 *
 * Every call is a full TLS 1.3 handshake with a client certificate and without resumption, then the
 * first request and its answer. Without --hold a call ends there, and terminals call again until
 * there were --calls of them. With --hold every terminal connects once, stays, and pings at even
 * intervals; the cost of idle clients is measured separately. One JSON object goes to standard
 * output. Exit code 1: a call failed.
 */
#include "dial.h"

#include <getopt.h>
#include <jansson.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "watch.h"

/* Time for the server to free what the calls left, before it is measured at rest. */
#define SETTLE_MS 1500
#define TICK_MS 5
#define SPOKEN_FAILURES 3

static struct {
    struct dial dial;
    const char *folder;
    int port, terminals, in_flight, limit_s;
    long calls, rate;
    double hold_s, ping_s;
    pid_t server;

    long begun, welcomed, failed;
    int calling, next;
    int64_t began_us, limit_us;
    int64_t *took_us;
    struct client **leaving;
    int leaving_count;
    uv_timer_t tick;
    uv_check_t check;
    struct watch_sample before, after, held_from, held_to;
    int64_t own_us;
    int64_t ping_from_us; /* 0: no pings now */
    int ping_next;
} here = { .in_flight = 32, .limit_s = 120, .ping_s = 10 };

static void die(const char *what)
{
    (void)fprintf(stderr, "peers-dial: %s\n", what);
    exit(2);
}

/* ---- terminals ---- */

static FILE *open_file(const char *name)
{
    char path[512];
    FILE *stream;

    (void)snprintf(path, sizeof(path), "%s/%s", here.folder, name);
    stream = fopen(path, "re");
    if (!stream)
        die(path);
    return stream;
}

static void load_identities(void)
{
    FILE *stream = open_file("terminals.pem");
    struct dial *dial = &here.dial;

    dial->identities = berth_new_array(struct identity, (size_t)here.terminals);
    while (dial->identities_count < here.terminals) {
        struct identity *identity = &dial->identities[dial->identities_count];

        identity->key = PEM_read_PrivateKey(stream, NULL, NULL, NULL);
        identity->certificate = PEM_read_X509(stream, NULL, NULL, NULL);
        if (!identity->key || !identity->certificate)
            die("terminals.pem holds fewer terminals than were asked for");
        dial->identities_count++;
    }
    (void)fclose(stream);
}

static void make_context(void)
{
    char authority[512];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    const char *alpn = here.dial.protocol->alpn;

    (void)snprintf(authority, sizeof(authority), "%s/ca.crt", here.folder);
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_load_verify_file(context, authority) != 1)
        die("TLS cannot be set up");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (alpn &&
        SSL_CTX_set_alpn_protos(context, (const unsigned char *)alpn, (unsigned)strlen(alpn)) != 0)
        die("TLS cannot be set up");
    here.dial.context = context;
}

/* ---- calls ---- */

static void leave(struct client *client)
{
    here.calling--;
    here.leaving[here.leaving_count++] = client;
}

static void welcomed(struct client *client)
{
    here.took_us[here.welcomed++] = watch_now_us() - client->began_us;
    if (here.hold_s > 0)
        here.calling--;
    else
        leave(client);
}

static void failed(struct client *client, const char *why)
{
    bool was_in = client->state == CLIENT_READY;

    if (here.failed++ < SPOKEN_FAILURES)
        (void)fprintf(stderr, "peers-dial: terminal %d: %s\n", client->number, why);
    leave(client);
    if (was_in && here.hold_s > 0)
        here.calling++; /* it was subtracted when it was welcomed */
}

/* How many calls may have begun by now, by the rate. */
static long due(void)
{
    if (here.rate == 0)
        return here.calls;
    return (watch_now_us() - here.began_us) * here.rate / 1000000 + 1;
}

static struct client *next_idle(void)
{
    for (int i = 0; i < here.terminals; i++) {
        struct client *client = &here.dial.clients[here.next++ % here.terminals];

        if (client->state == CLIENT_IDLE && !client->polled)
            return client;
    }
    return NULL;
}

static void call_more(void)
{
    long may = due();

    while (here.begun < here.calls && here.begun < may && here.calling < here.in_flight) {
        struct client *client = next_idle();

        if (!client)
            return;
        here.begun++;
        here.calling++;
        client_call(client);
    }
}

static void after_events(uv_check_t *check)
{
    (void)check;
    /* Not from inside a client's own callback: its buffers are in use there. */
    for (int i = 0; i < here.leaving_count; i++)
        client_hang_up(here.leaving[i]);
    here.leaving_count = 0;
    if (here.began_us)
        call_more();
}

static void ping(struct client *client)
{
    if (client->state != CLIENT_READY || client->waits)
        return;
    client->waits = true;
    client->asked_us = watch_now_us();
    here.dial.pings++;
    if (!here.dial.protocol->ping(client))
        failed(client, "a ping could not be sent");
}

/* At even intervals: so many terminals a second. */
static void ping_due(void)
{
    double passed_s = (double)(watch_now_us() - here.ping_from_us) / 1e6;
    int64_t upto = (int64_t)(passed_s * here.terminals / here.ping_s);

    for (; here.ping_next < upto; here.ping_next++)
        ping(&here.dial.clients[here.ping_next % here.terminals]);
}

static void ticked(uv_timer_t *timer)
{
    (void)timer;
    if (here.ping_from_us && here.dial.protocol->ping)
        ping_due();
}

static bool overdue(void)
{
    return watch_now_us() > here.limit_us;
}

static void run_for(double seconds)
{
    int64_t until_us = watch_now_us() + (int64_t)(seconds * 1e6);

    while (watch_now_us() < until_us && !overdue())
        (void)uv_run(&here.dial.loop, UV_RUN_ONCE);
}

static void look(struct watch_sample *sample)
{
    if (watch_take(here.server, sample) < 0)
        die("the server is gone");
}

static void run_calls(void)
{
    int64_t own_us;

    look(&here.before);
    own_us = watch_own_cpu_us();
    here.began_us = watch_now_us();
    /* Begins with the first client: on a busy machine the last may connect later than the silence
     * that the server permits. */
    if (here.hold_s > 0)
        here.ping_from_us = here.began_us;
    call_more();
    while (here.welcomed + here.failed < here.calls && !overdue())
        (void)uv_run(&here.dial.loop, UV_RUN_ONCE);
    here.own_us = watch_own_cpu_us() - own_us;
    if (here.welcomed + here.failed < here.calls)
        here.failed += here.calls - here.welcomed - here.failed;
    look(&here.after);
}

/* Memory and CPU of clients that stay connected. */
static void run_hold(void)
{
    /* After a whole round the server has allocated what an active client needs. */
    run_for(SETTLE_MS / 1e3 + (here.dial.protocol->ping ? here.ping_s : 1));
    look(&here.held_from);
    here.dial.pings = here.dial.answers = 0;
    run_for(here.hold_s);
    look(&here.held_to);
    here.ping_from_us = 0;
}

/* ---- the report ---- */

static json_t *tell_calls(int64_t wall_us)
{
    double calls = (double)here.welcomed;
    int64_t median_us = watch_percentile(here.took_us, (size_t)here.welcomed, 50);
    int64_t late_us = watch_percentile(here.took_us, (size_t)here.welcomed, 99);

    return json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "calls", (json_int_t)here.welcomed,
                     "failed", (json_int_t)here.failed, "seconds", (double)wall_us / 1e6,
                     "per_second", calls * 1e6 / (double)wall_us, "server_cpu_us",
                     (double)(here.after.cpu_us - here.before.cpu_us) / calls, "client_cpu_us",
                     (double)here.own_us / calls, "p50_ms", (double)median_us / 1e3, "p99_ms",
                     (double)late_us / 1e3);
}

static json_t *tell_hold(void)
{
    const struct watch_sample *from = &here.held_from;
    const struct watch_sample *to = &here.held_to;
    double clients = here.terminals;
    double seconds = (double)(to->at_us - from->at_us) / 1e6;
    double cpu_us = (double)(to->cpu_us - from->cpu_us);
    double pings = (double)here.dial.pings;
    int64_t late_us = watch_percentile(here.dial.answers_us, here.dial.answers, 99);

    return json_pack("{s:i, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:f, s:f, s:f}", "clients",
                     here.terminals, "rss_kib_before", (json_int_t)here.before.rss_kib, "rss_kib",
                     (json_int_t)to->rss_kib, "pss_kib", (json_int_t)to->pss_kib,
                     "bytes_per_client",
                     (double)(to->rss_kib - here.before.rss_kib) * 1024 / clients, "seconds",
                     seconds, "ping_every_s", here.ping_s, "pings", (json_int_t)here.dial.pings,
                     "answered", (json_int_t)here.dial.answers, "cpu_us_per_client_second",
                     cpu_us / seconds / clients, "cpu_us_per_ping",
                     pings > 0 ? cpu_us / pings : 0.0, "answer_p99_ms", (double)late_us / 1e3);
}

static void report(void)
{
    json_t *result = json_pack("{s:s, s:o}", "as", here.dial.protocol->name, "calls",
                               tell_calls(here.after.at_us - here.before.at_us));

    if (here.hold_s > 0)
        (void)json_object_set_new(result, "hold", tell_hold());
    (void)json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    (void)putchar('\n');
    json_decref(result);
}

/* ---- start ---- */

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {
        { "as", 1, NULL, 'a' },        { "port", 1, NULL, 'p' },   { "folder", 1, NULL, 'f' },
        { "terminals", 1, NULL, 't' }, { "server", 1, NULL, 's' }, { "calls", 1, NULL, 'c' },
        { "in-flight", 1, NULL, 'i' }, { "rate", 1, NULL, 'r' },   { "hold", 1, NULL, 'h' },
        { "ping", 1, NULL, 'g' },      { "limit", 1, NULL, 'l' },  { NULL, 0, NULL, 0 }
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (letter) {
        case 'a':
            here.dial.protocol = protocol_find(optarg);
            break;
        case 'p':
            here.port = (int)strtol(optarg, NULL, 10);
            break;
        case 'f':
            here.folder = optarg;
            break;
        case 't':
            here.terminals = (int)strtol(optarg, NULL, 10);
            break;
        case 's':
            here.server = (pid_t)strtol(optarg, NULL, 10);
            break;
        case 'c':
            here.calls = strtol(optarg, NULL, 10);
            break;
        case 'i':
            here.in_flight = (int)strtol(optarg, NULL, 10);
            break;
        case 'r':
            here.rate = strtol(optarg, NULL, 10);
            break;
        case 'h':
            here.hold_s = strtod(optarg, NULL);
            break;
        case 'g':
            here.ping_s = strtod(optarg, NULL);
            break;
        case 'l':
            here.limit_s = (int)strtol(optarg, NULL, 10);
            break;
        default:
            die("unknown option; see the head of tests/storm/peers/dial.c");
        }
    }
    if (!here.dial.protocol || here.port < 1 || !here.folder || here.terminals < 1 ||
        here.terminals > 50000 || here.server < 1 || here.in_flight < 1 || here.ping_s <= 0)
        die("--as, --port, --folder, --terminals and --server are needed");
    if (here.hold_s > 0 || here.calls < 1)
        here.calls = here.terminals;
}

static void set_up(void)
{
    struct dial *dial = &here.dial;
    struct rlimit files;
    size_t pings = (size_t)(here.hold_s / here.ping_s * here.terminals) + (size_t)here.terminals;

    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)signal(SIGPIPE, SIG_IGN);
    load_identities();
    make_context();
    dial->to = (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)here.port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    dial->welcomed = welcomed;
    dial->failed = failed;
    dial->answers_max = pings;
    dial->answers_us = berth_new_array(int64_t, pings);
    here.took_us = berth_new_array(int64_t, (size_t)here.calls);
    here.leaving = berth_new_array(struct client *, (size_t)here.terminals);
    dial->clients = berth_new_array(struct client, (size_t)here.terminals);
    for (int i = 0; i < here.terminals; i++) {
        dial->clients[i].dial = dial;
        dial->clients[i].number = i;
    }
    (void)uv_loop_init(&dial->loop);
    (void)uv_timer_init(&dial->loop, &here.tick);
    (void)uv_timer_start(&here.tick, ticked, TICK_MS, TICK_MS);
    (void)uv_check_init(&dial->loop, &here.check);
    (void)uv_check_start(&here.check, after_events);
    here.limit_us = watch_now_us() + (int64_t)here.limit_s * 1000000;
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    set_up();
    run_calls();
    if (here.hold_s > 0 && here.failed == 0)
        run_hold();
    if (here.welcomed == 0)
        die("nobody was let in");
    report();
    for (int i = 0; i < here.terminals; i++)
        client_hang_up(&here.dial.clients[i]);
    /* The kernel frees the rest: handles, keys, the loop. */
    return here.failed > 0 ? 1 : 0;
}
