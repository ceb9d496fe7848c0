/* start.c - bench-start: the cost of a long history at the start of berthd.
 *
 *     bench-start BERTHD FOLDER [sessions]
 *
 * berthd makes its data folder below FOLDER and is measured with the history empty; then so many
 * past sessions (3 million) are written into berth.db, each with an assignment and a connection,
 * and it is measured again, three starts each. A start counts from the moment the program is
 * executed to its first answer on the management socket; memory is what Linux counts then, and at
 * the peak. A first start after the writing, which is not counted, raises an older schema. Then
 * pages of history are asked for. Prints figures; asserts none.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "past_rows.h"

#define STARTS 3
#define LIMIT_MS 600000

static char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static char folder[512];

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "bench-start: %s: %s\n", what, strerror(errno));
    exit(1);
}

static pid_t start(const char *berthd)
{
    char data[600];
    char socket_option[600];
    pid_t pid;

    (void)snprintf(data, sizeof(data), "broker.data=%s", folder);
    (void)snprintf(socket_option, sizeof(socket_option), "api.socket=%s", socket_path);
    pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(127);
        (void)execl(berthd, berthd, "-c", "/dev/null", "--set", data, "--set", socket_option,
                    "--set", "broker.terminals=1000", "--set", "link.listen=127.0.0.1:0", "--set",
                    "link.join_listen=127.0.0.1:0", (char *)NULL);
        _exit(127);
    }
    if (pid < 0)
        die("fork");
    return pid;
}

/* Bytes of the answer to a GET; 0 when there was none. */
static size_t ask(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[4096];
    size_t size = 0;
    ssize_t got;
    int length = snprintf(text, sizeof(text),
                          "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);

    memcpy(address.sun_path, socket_path, sizeof(socket_path));
    if (fd < 0)
        die("socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        write(fd, text, (size_t)length) == length) {
        while ((got = read(fd, text, sizeof(text))) > 0)
            size += (size_t)got;
    }
    (void)close(fd);
    return size;
}

static void wait_for_answer(pid_t pid)
{
    const struct timespec pause = { .tv_nsec = 1000000 };
    double until = now_ms() + LIMIT_MS;

    while (ask("/healthz") == 0) {
        if (waitpid(pid, NULL, WNOHANG) != 0 || now_ms() > until)
            die("berthd does not answer");
        (void)nanosleep(&pause, NULL);
    }
}

/* "VmRSS" or "VmHWM" of a process, in MiB. */
static double memory_mib(pid_t pid, const char *what)
{
    char path[64];
    char line[256];
    long kib = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, what, strlen(what)) == 0)
            kib = strtol(line + strlen(what) + 1, NULL, 10);
    if (file)
        (void)fclose(file);
    return (double)kib / 1024;
}

static void stop(pid_t pid)
{
    (void)kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
}

static void ask_pages(void)
{
    static const char *const pages[] = { "/v1/sessions",
                                         "/v1/connections",
                                         "/v1/assignments",
                                         "/v1/commands",
                                         "/v1/sessions?user=past-user-17",
                                         "/v1/sessions?slot=7",
                                         "/v1/audit" };

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        double began = now_ms();
        size_t size = ask(pages[i]);

        (void)printf("%-40s %8.1f ms %8zu bytes\n", pages[i], now_ms() - began, size);
    }
}

static void measure(const char *berthd, const char *what, bool pages)
{
    for (int i = 0; i < STARTS; i++) {
        double began = now_ms();
        pid_t pid = start(berthd);
        double took;

        wait_for_answer(pid);
        took = now_ms() - began;
        (void)printf("%-24s start %8.0f ms   memory %8.1f MiB   peak %8.1f MiB\n", what, took,
                     memory_mib(pid, "VmRSS"), memory_mib(pid, "VmHWM"));
        if (pages && i == STARTS - 1)
            ask_pages();
        stop(pid);
    }
}

int main(int argc, char **argv)
{
    long long sessions = argc > 3 ? strtoll(argv[3], NULL, 10) : 3000000;
    struct past_rows past;
    char file[600];
    double began;
    pid_t pid;

    if (argc < 3 || sessions < 1) {
        (void)fprintf(stderr, "usage: bench-start BERTHD FOLDER [sessions]\n");
        return 2;
    }
    (void)snprintf(folder, sizeof(folder), "%s/bench-start.%d", argv[2], (int)getpid());
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (mkdir(folder, 0700) < 0)
        die(folder);
    (void)snprintf(socket_path, sizeof(socket_path), "%s/sock", folder);
    (void)snprintf(file, sizeof(file), "%s/berth.db", folder);

    pid = start(argv[1]); /* makes keys, authority and an empty berth.db */
    wait_for_answer(pid);
    stop(pid);
    measure(argv[1], "empty", false);
    began = now_ms();
    if (!past_rows_make(file, sessions, &past))
        return 1;
    (void)printf("%lld past sessions written in %.0f s into %s\n", sessions,
                 (now_ms() - began) / 1e3, folder);
    began = now_ms();
    pid = start(argv[1]);
    wait_for_answer(pid);
    (void)printf("first start               %8.0f ms\n", now_ms() - began);
    stop(pid);
    measure(argv[1], "with them", true);
    (void)printf("the folder is yours to remove\n");
    return 0;
}
