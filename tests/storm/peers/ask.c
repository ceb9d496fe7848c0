/* ask.c - peers-ask: sends the same HTTP request again and again to a server that selects a
 * desktop.
 *
 *     peers-ask TCP-PORT|SOCKET SERVER-PID REQUESTS IN-FLIGHT EXPECTED FILE
 *
 * FILE holds the whole request, byte for byte. Connections are kept; each sends again as soon as it
 * was answered. Every answer must hold EXPECTED. One JSON object goes to standard output.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "watch.h"

#define CONNECTIONS_MAX 64
#define ANSWER_MAX 262144
#define SILENCE_MS 20000

struct line {
    int descriptor;
    int64_t asked_us;
    size_t have;
    char *answer;
};

static struct {
    const char *to;
    const char *expected;
    char question[4096];
    size_t question_size;
    struct line lines[CONNECTIONS_MAX];
    long asked, answered, requests;
    int64_t *took_us;
} here;

static void die(const char *what)
{
    (void)fprintf(stderr, "peers-ask: %s\n", what);
    exit(1);
}

static int connect_to(const char *to)
{
    long port = strtol(to, NULL, 10);
    struct sockaddr_in tcp = { .sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    int descriptor = socket(port > 0 ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r;

    if (port > 0) {
        int on = 1;

        (void)setsockopt(descriptor, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
        r = connect(descriptor, (struct sockaddr *)&tcp, sizeof(tcp));
    } else {
        (void)snprintf(local.sun_path, sizeof(local.sun_path), "%s", to);
        r = connect(descriptor, (struct sockaddr *)&local, sizeof(local));
    }
    if (descriptor < 0 || r < 0)
        die(strerror(errno));
    return descriptor;
}

static void ask(struct line *line)
{
    if (here.asked == here.requests)
        return;
    here.asked++;
    line->have = 0;
    line->asked_us = watch_now_us();
    if (write(line->descriptor, here.question, here.question_size) != (ssize_t)here.question_size)
        die("a question could not be sent");
}

/* Is the answer complete: head, and as many bytes as it announces? */
static bool is_whole(const struct line *line)
{
    const char *body = strstr(line->answer, "\r\n\r\n");
    const char *length = body ? strcasestr(line->answer, "\r\nContent-Length:") : NULL;

    if (!length || length > body)
        return false;
    return line->have >= (size_t)(body + 4 - line->answer) + strtoul(length + 17, NULL, 10);
}

static void hear(struct line *line)
{
    ssize_t got = read(line->descriptor, line->answer + line->have, ANSWER_MAX - line->have);

    if (got <= 0)
        die("the server hung up");
    line->have += (size_t)got;
    line->answer[line->have] = '\0';
    if (line->have == ANSWER_MAX)
        die("an answer without end");
    if (!is_whole(line))
        return;
    if (!strstr(line->answer, here.expected))
        die(line->answer);
    here.took_us[here.answered++] = watch_now_us() - line->asked_us;
    ask(line);
}

static void run(int in_flight)
{
    struct pollfd polls[CONNECTIONS_MAX];

    for (int i = 0; i < in_flight; i++)
        ask(&here.lines[i]);
    while (here.answered < here.requests) {
        for (int i = 0; i < in_flight; i++)
            polls[i] = (struct pollfd){ .fd = here.lines[i].descriptor, .events = POLLIN };
        if (poll(polls, (nfds_t)in_flight, SILENCE_MS) <= 0)
            die("the server is silent");
        for (int i = 0; i < in_flight; i++) {
            if (polls[i].revents)
                hear(&here.lines[i]);
        }
    }
}

static void prepare(char **argv, int in_flight)
{
    FILE *stream = fopen(argv[6], "re");

    here.to = argv[1];
    here.expected = argv[5];
    here.question_size = stream ? fread(here.question, 1, sizeof(here.question), stream) : 0;
    if (stream)
        (void)fclose(stream);
    here.took_us = calloc((size_t)here.requests, sizeof(int64_t));
    if (here.question_size == 0 || !here.took_us)
        die("no question");
    for (int i = 0; i < in_flight; i++) {
        here.lines[i].answer = calloc(1, ANSWER_MAX + 1);
        if (!here.lines[i].answer)
            die("no memory");
        here.lines[i].descriptor = connect_to(here.to);
    }
}

int main(int argc, char **argv)
{
    int in_flight = argc == 7 ? (int)strtol(argv[4], NULL, 10) : 0;
    pid_t server = argc == 7 ? (pid_t)strtol(argv[2], NULL, 10) : 0;
    struct watch_sample from, to;
    json_t *result;
    double seconds;

    here.requests = argc == 7 ? strtol(argv[3], NULL, 10) : 0;
    if (in_flight < 1 || in_flight > CONNECTIONS_MAX || here.requests < in_flight || server < 1) {
        (void)fprintf(
            stderr,
            "usage: peers-ask TCP-PORT|SOCKET SERVER-PID REQUESTS IN-FLIGHT EXPECTED FILE\n");
        return 2;
    }
    prepare(argv, in_flight);
    if (watch_take(server, &from) < 0)
        die("there is no such server");
    run(in_flight);
    if (watch_take(server, &to) < 0)
        die("the server is gone");
    seconds = (double)(to.at_us - from.at_us) / 1e6;
    result =
        json_pack("{s:I, s:i, s:f, s:f, s:f, s:f, s:I}", "requests", (json_int_t)here.answered,
                  "in_flight", in_flight, "per_second", (double)here.answered / seconds,
                  "server_cpu_us", (double)(to.cpu_us - from.cpu_us) / (double)here.answered,
                  "p50_ms", (double)watch_percentile(here.took_us, (size_t)here.answered, 50) / 1e3,
                  "p99_ms", (double)watch_percentile(here.took_us, (size_t)here.answered, 99) / 1e3,
                  "rss_kib", (json_int_t)to.rss_kib);
    (void)json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    (void)putchar('\n');
    json_decref(result);
    for (int i = 0; i < in_flight; i++) {
        free(here.lines[i].answer);
        (void)close(here.lines[i].descriptor);
    }
    free(here.took_us);
    return 0;
}
