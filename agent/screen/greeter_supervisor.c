/* greeter_supervisor.c - start, watch and restart berth-greeter; send pages, receive events. */
#include "screen/greeter_supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "berth/child.h"
#include "berth/log.h"

#define GRACE_MS 500
/* Time limit for the event `painted`; painting takes milliseconds. */
#define PAINT_TIMEOUT_MS 5000
/* Delays before a restart: none the first time, then doubling between these values. */
#define RESTART_FIRST_MS 200
#define RESTART_MAX_MS 5000
/* After this uptime the delay is reset. */
#define STEADY_MS 10000

/* One run of the greeter, freed when all its handles are closed. */
struct greeter_process {
    struct child child;
    uv_poll_t input;
    int fd; /* our end of a socket pair */
    int handles;
    struct screen *screen;
    int64_t began_ms;
    struct line_reader reader;
};

struct screen {
    struct berth_loop *loop;
    screen_event_fn *event;
    void *owner;
    struct greeter_process *process;
    int closing; /* ended runs whose handles are not closed yet */
    bool ended;
    int failures;
    int64_t serial;
    int64_t painted;
    struct berth_timer restart;
    struct berth_timer paint_timeout;
    char program[256], display[64], authority[256];
};

static void start(struct screen *screen);

static void restart_due(struct berth_timer *timer)
{
    start(container_of(timer, struct screen, restart));
}

static void schedule_restart(struct screen *screen)
{
    int64_t delay_ms =
        screen->failures == 0 ? 0 : (int64_t)RESTART_FIRST_MS << (screen->failures - 1);

    if (screen->ended)
        return;
    if (delay_ms > RESTART_MAX_MS)
        delay_ms = RESTART_MAX_MS;
    else
        screen->failures++;
    timer_start(&screen->loop->timers, &screen->restart, delay_ms, restart_due);
}

/* ---- end of the process ---- */

static void release_handle(struct greeter_process *process)
{
    if (--process->handles > 0)
        return;
    process->screen->closing--;
    explicit_bzero(&process->reader, sizeof(process->reader));
    free(process);
}

static void input_closed(uv_handle_t *handle)
{
    release_handle(container_of((uv_poll_t *)(void *)handle, struct greeter_process, input));
}

static void child_freed(struct child *child)
{
    release_handle(container_of(child, struct greeter_process, child));
}

static void ended(struct child *child, int exit_code, int signal)
{
    struct greeter_process *process = container_of(child, struct greeter_process, child);
    struct screen *screen = process->screen;

    if (!screen->ended)
        log_event(EV_AGENT_CHILD, "program", "berth-greeter", "exit", (int64_t)exit_code, "signal",
                  (int64_t)signal);
    if (screen->loop->timers.mono_ms - process->began_ms >= STEADY_MS)
        screen->failures = 0;
    screen->process = NULL;
    screen->closing++;
    timer_stop(&screen->loop->timers, &screen->paint_timeout);
    uv_close((uv_handle_t *)&process->input, input_closed);
    (void)close(process->fd);
    child_free(child, child_freed);
    schedule_restart(screen);
}

/* ---- events of the greeter ---- */

static int handle_event_line(void *context, const char *line, size_t size)
{
    struct greeter_process *process = context;
    struct screen *screen = process->screen;
    struct greeter_event event;
    struct berth_error error = { 0 };
    int r = greeter_event_decode(line, size, &event, &error);

    if (r < 0) {
        log_failure(EV_AGENT_CHILD, &error, "berth-greeter");
        return r;
    }
    if (event.kind == greeter_event_kind_PAINTED)
        screen->painted = event.serial;
    if (screen->painted >= screen->serial)
        timer_stop(&screen->loop->timers, &screen->paint_timeout);
    screen->event(screen->owner, &event);
    greeter_event_wipe(&event);
    return screen->process == process ? 0 : BERTH_E_CANCELLED;
}

static void readable(uv_poll_t *poll, berth_unused int status, berth_unused int events)
{
    struct greeter_process *process = container_of(poll, struct greeter_process, input);
    struct berth_error error = { 0 };
    char bytes[4096];
    ssize_t got = read(process->fd, bytes, sizeof(bytes));

    if (got > 0) {
        int r = line_reader_feed(&process->reader, bytes, (size_t)got, handle_event_line, process,
                                 &error);

        explicit_bzero(bytes, (size_t)got);
        if (r < 0)
            child_end(&process->child, GRACE_MS);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        (void)uv_poll_stop(poll);
        child_end(&process->child, GRACE_MS);
    }
}

/* ---- start of a process ---- */

static int spawn(struct screen *screen, struct greeter_process *process, struct berth_error *reterr)
{
    char display[80], authority[300];
    const char *const argv[] = { screen->program, NULL };
    const char *const environment[] = { display, "PATH=/usr/bin:/bin", "LANG=C.UTF-8",
                                        screen->authority[0] ? authority : NULL, NULL };
    int ends[2];
    int r;

    (void)snprintf(display, sizeof(display), "DISPLAY=%s", screen->display);
    (void)snprintf(authority, sizeof(authority), "XAUTHORITY=%s", screen->authority);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return berth_fail(reterr, BERTH_E_IO, "socket pair: %s", strerror(errno));
    {
        const int descriptors[] = { ends[1], ends[1], STDERR_FILENO };
        const struct child_setup setup = { .argv = argv,
                                           .environment = environment,
                                           .descriptors = descriptors,
                                           .descriptor_count = BERTH_COUNT(descriptors),
                                           .die_with_parent = true };

        r = child_start(screen->loop, &process->child, &setup, reterr);
    }
    (void)close(ends[1]);
    if (r < 0) {
        (void)close(ends[0]);
        return r;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    process->fd = ends[0];
    return 0;
}

static void start(struct screen *screen)
{
    struct greeter_process *process = berth_new(struct greeter_process);
    struct berth_error error = { 0 };

    process->screen = screen;
    process->child.ended = ended;
    process->began_ms = screen->loop->timers.mono_ms;
    if (spawn(screen, process, &error) < 0) {
        log_failure(EV_AGENT_CHILD, &error, "berth-greeter");
        free(process);
        schedule_restart(screen);
        return;
    }
    process->handles = 2;
    (void)uv_poll_init(&screen->loop->uv, &process->input, process->fd);
    (void)uv_poll_start(&process->input, UV_READABLE, readable);
    screen->process = process;
}

static void paint_timed_out(struct berth_timer *timer)
{
    struct screen *screen = container_of(timer, struct screen, paint_timeout);

    log_event(EV_AGENT_CHILD, "program", "berth-greeter", "paint_timeout_ms", PAINT_TIMEOUT_MS);
    if (screen->process)
        child_end(&screen->process->child, 0);
}

/* ---- the port ---- */

void screen_set_events(struct screen *screen, screen_event_fn *event, void *owner)
{
    screen->event = event;
    screen->owner = owner;
}

int64_t screen_show(struct screen *screen, const struct page *page)
{
    struct page copy = *page;
    char *line;
    size_t size;
    ssize_t sent;

    if (!screen->process)
        return 0;
    copy.serial = ++screen->serial;
    line = page_encode(&copy, &size);
    /* The socket's buffer holds many pages: when one does not fit, the greeter hangs. */
    sent = send(screen->process->fd, line, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    berth_wipe_free(line, size);
    if (sent != (ssize_t)size)
        child_end(&screen->process->child, 0);
    else if (!timer_armed(&screen->paint_timeout))
        timer_start(&screen->loop->timers, &screen->paint_timeout, PAINT_TIMEOUT_MS,
                    paint_timed_out);
    return screen->serial;
}

bool screen_is_up(const struct screen *screen)
{
    return screen->process != NULL;
}

struct screen *screen_new(struct berth_loop *loop, const struct screen_setup *setup)
{
    struct screen *screen = berth_new(struct screen);

    screen->loop = loop;
    copy_text(screen->program, setup->program);
    copy_text(screen->display, setup->display);
    copy_text(screen->authority, setup->authority);
    return screen;
}

void screen_begin(struct screen *screen)
{
    if (screen->program[0] && screen->display[0])
        start(screen);
}

void screen_end(struct screen *screen)
{
    screen->ended = true;
    timer_stop(&screen->loop->timers, &screen->restart);
    timer_stop(&screen->loop->timers, &screen->paint_timeout);
    if (screen->process)
        child_end(&screen->process->child, GRACE_MS);
}

bool screen_is_closed(const struct screen *screen)
{
    return !screen->process && screen->closing == 0;
}

void screen_free(struct screen *screen)
{
    free(screen);
}
