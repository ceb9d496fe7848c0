/* proxy.c - berth-proxy: TCP with delay, little bandwidth, cuts, resets and half-open connections,
 * controlled by lines on standard input.
 *
 * usage: berth-proxy SEED LISTEN TARGET [RULE VALUE]...
 *
 * LISTEN and TARGET are 127.0.0.1:PORT or unix:PATH. Rules are given at the start or as lines at
 * any time. They apply to data that comes later; freeze and refuse apply at once:
 *
 *   delay MS                   delay every chunk by so much,
 *   jitter MS                  plus a random time up to so much
 *   hold PERMILLE              so many chunks in a thousand are delayed longer,
 *   hold_ms MS                 by so much: connections overtake each other
 *   split BYTES                deliver chunks in pieces of so many bytes
 *   rate BYTES                 bytes a second, for each direction of each connection
 *   truncate PERMILLE          so many chunks in a thousand are cut in the middle, and the
 *                              connection is reset
 *   freeze none|up|down|both   nothing passes in that direction, and neither end is told
 *   refuse 0|1                 new connections are reset
 *   swallow 0|1                new connections are accepted and never forwarded
 *   reset 1                    reset every connection now
 *   tell 1                     print the counters as one JSON object, now and at the end
 *
 * It ends when its standard input ends.
 */
#include "proxy.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/base.h"

#include "random_seeded.h"

#define LINE_BYTES 1024

static struct {
    struct proxy proxy;
    union {
        uv_tcp_t tcp;
        uv_pipe_t pipe;
        uv_stream_t stream;
    } listener;
    struct proxy_place place;
    uv_pipe_t input;
    char line[LINE_BYTES];
    size_t length;
} us;

static void tell(void)
{
    const struct proxy_counts *c = &us.proxy.counts;

    (void)printf(
        "{\"connections\":%lld,\"open\":%lld,\"refused\":%lld,\"swallowed\":%lld,\"resets\":%lld,"
        "\"torn\":%lld,\"held\":%lld,\"chunks\":%lld,\"pieces\":%lld,\"bytes\":%lld}\n",
        (long long)c->connections, (long long)us.proxy.open, (long long)c->refused,
        (long long)c->swallowed, (long long)c->resets, (long long)c->torn, (long long)c->held,
        (long long)c->chunks, (long long)c->pieces, (long long)c->bytes);
    (void)fflush(stdout);
}

/* ---- rules ---- */

static const struct rule {
    const char *name;
    int64_t *value;
} numbers[] = {
    { "delay", &us.proxy.rules.delay_ms },
    { "jitter", &us.proxy.rules.jitter_ms },
    { "hold", &us.proxy.rules.hold_permille },
    { "hold_ms", &us.proxy.rules.hold_ms },
    { "split", &us.proxy.rules.split },
    { "rate", &us.proxy.rules.rate },
    { "truncate", &us.proxy.rules.truncate_permille },
};

static int freeze(const char *value)
{
    bool both = strcmp(value, "both") == 0;

    if (!both && strcmp(value, "up") != 0 && strcmp(value, "down") != 0 &&
        strcmp(value, "none") != 0)
        return -1;
    us.proxy.rules.frozen[PROXY_UP] = both || strcmp(value, "up") == 0;
    us.proxy.rules.frozen[PROXY_DOWN] = both || strcmp(value, "down") == 0;
    proxy_thaw(&us.proxy);
    return 0;
}

static int rule(const char *name, const char *value)
{
    for (size_t i = 0; i < BERTH_COUNT(numbers); i++) {
        char *end;

        if (strcmp(name, numbers[i].name) != 0)
            continue;
        *numbers[i].value = strtoll(value, &end, 10);
        return *end || *numbers[i].value < 0 ? -1 : 0;
    }
    if (strcmp(name, "freeze") == 0)
        return freeze(value);
    if (strcmp(name, "refuse") == 0)
        us.proxy.rules.refuse = *value == '1';
    else if (strcmp(name, "swallow") == 0)
        us.proxy.rules.swallow = *value == '1';
    else if (strcmp(name, "reset") == 0)
        proxy_reset_all(&us.proxy);
    else if (strcmp(name, "tell") == 0)
        tell();
    else
        return -1;
    return 0;
}

/* A line is one or more pairs of words. */
static void obey(char *line)
{
    char *rest = NULL;
    char *name = strtok_r(line, " \t\r", &rest);

    while (name) {
        char *value = strtok_r(NULL, " \t\r", &rest);

        if (!value || rule(name, value) < 0) {
            (void)fprintf(stderr, "berth-proxy: what is '%s %s'?\n", name, value ? value : "");
            return;
        }
        name = strtok_r(NULL, " \t\r", &rest);
    }
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    (void)handle;
    (void)wanted;
    if (us.length == sizeof(us.line) - 1)
        us.length = 0; /* longer than any rule: drop it */
    *ret = uv_buf_init(us.line + us.length, (unsigned)(sizeof(us.line) - 1 - us.length));
}

static void heard(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    char *begin = us.line;
    char *end;

    (void)buffer;
    if (size < 0) {
        uv_stop(stream->loop);
        return;
    }
    us.length += (size_t)size;
    us.line[us.length] = '\0';
    while ((end = strchr(begin, '\n')) != NULL) {
        *end = '\0';
        obey(begin);
        begin = end + 1;
    }
    us.length -= (size_t)(begin - us.line);
    memmove(us.line, begin, us.length);
}

/* ---- addresses ---- */

static int place_of(const char *text, struct proxy_place *ret)
{
    const char *colon = strrchr(text, ':');
    char host[64];

    if (strncmp(text, "unix:", 5) == 0) {
        ret->local = true;
        return snprintf(ret->path, sizeof(ret->path), "%s", text + 5) < (int)sizeof(ret->path) ? 0
                                                                                               : -1;
    }
    if (!colon || (size_t)(colon - text) >= sizeof(host))
        return -1;
    (void)snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    return uv_ip4_addr(host, (int)strtol(colon + 1, NULL, 10), &ret->at);
}

static void came(uv_stream_t *listener, int status)
{
    if (status == 0)
        proxy_take(&us.proxy, listener, us.place.local);
}

static int listen_there(void)
{
    uv_loop_t *loop = &us.proxy.loop;
    int r;

    if (us.place.local) {
        (void)unlink(us.place.path);
        r = uv_pipe_init(loop, &us.listener.pipe, 0);
        if (r == 0)
            r = uv_pipe_bind(&us.listener.pipe, us.place.path);
    } else {
        r = uv_tcp_init(loop, &us.listener.tcp);
        if (r == 0)
            r = uv_tcp_bind(&us.listener.tcp, (const struct sockaddr *)&us.place.at, 0);
    }
    return r < 0 ? r : uv_listen(&us.listener.stream, 1024, came);
}

int main(int argc, char **argv)
{
    int r;

    if (argc < 4 || argc % 2 != 0 || place_of(argv[2], &us.place) < 0 ||
        place_of(argv[3], &us.proxy.target) < 0) {
        (void)fprintf(stderr, "usage: berth-proxy SEED LISTEN TARGET [RULE VALUE]...\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    random_seeded(&us.proxy.random, strtoull(argv[1], NULL, 10));
    list_init(&us.proxy.pairs);
    for (int i = 4; i < argc; i += 2) {
        if (rule(argv[i], argv[i + 1]) < 0) {
            (void)fprintf(stderr, "berth-proxy: what is '%s %s'?\n", argv[i], argv[i + 1]);
            return 2;
        }
    }
    r = uv_loop_init(&us.proxy.loop);
    if (r == 0)
        r = listen_there();
    if (r == 0)
        r = uv_pipe_init(&us.proxy.loop, &us.input, 0);
    if (r == 0)
        r = uv_pipe_open(&us.input, 0);
    if (r == 0)
        r = uv_read_start((uv_stream_t *)&us.input, give_room, heard);
    if (r < 0) {
        (void)fprintf(stderr, "berth-proxy: %s: %s\n", argv[2], uv_strerror(r));
        return 1;
    }
    (void)puts("ready");
    (void)fflush(stdout);
    (void)uv_run(&us.proxy.loop, UV_RUN_DEFAULT);
    tell();
    return 0;
}
