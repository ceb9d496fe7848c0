/* xfreerdp.c - start xfreerdp3 through `berth-agent confine`, follow its log, handle its end. */
#include "viewer/xfreerdp.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "berth/child.h"
#include "berth/log.h"

#include "core/viewer_exit.h"
#include "viewer/arguments.h"
#include "viewer/confine.h"
#include "viewer/connection_report.h"

#define GRACE_MS 2000
/* Longest line of the client's log; the rest of a longer one is dropped. */
#define LINE_MAX_ 1024
/* Largest size of its log file; later lines are dropped. */
#define LOG_MAX 196608

/* One run of the client, freed when all its handles are closed. */
struct viewer_process {
    struct child child;
    uv_poll_t output;
    int terminal; /* our end of the pseudo-terminal */
    int report;   /* our end of the connection report's socket pair */
    int handles;
    struct viewer *viewer; /* NULL once it has ended */
    struct viewer *owner;
    bool connected;
    char line[LINE_MAX_];
    size_t have;
};

struct viewer {
    struct berth_loop *loop;
    const struct viewer_events *events;
    void *owner;
    struct viewer_process *process;
    int closing; /* ended runs whose handles are not closed yet */
    char self[256], program[256], home[256], display[64], authority[256], log_file[256];
    int log;
    size_t logged;
};

/* ---- the client's log ---- */

static void handle_line(struct viewer_process *process)
{
    struct viewer *viewer = process->viewer;

    process->line[process->have] = '\0';
    if (viewer && viewer->log >= 0 && arguments_may_be_logged(process->line) &&
        viewer->logged + process->have < LOG_MAX) {
        process->line[process->have] = '\n';
        if (write(viewer->log, process->line, process->have + 1) > 0)
            viewer->logged += process->have + 1;
        process->line[process->have] = '\0';
    }
    if (viewer && !process->connected && arguments_says_active(process->line)) {
        process->connected = true;
        viewer->events->connected(viewer->owner);
    }
    process->have = 0;
}

static void handle_output(struct viewer_process *process, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n')
            handle_line(process);
        else if (bytes[i] != '\r' && process->have < sizeof(process->line) - 2)
            process->line[process->have++] = bytes[i];
    }
}

static void readable(uv_poll_t *poll, berth_unused int status, berth_unused int events)
{
    struct viewer_process *process = container_of(poll, struct viewer_process, output);
    char bytes[4096];
    ssize_t got = read(process->terminal, bytes, sizeof(bytes));

    if (got > 0)
        handle_output(process, bytes, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        (void)uv_poll_stop(poll); /* EIO: the client has closed its end */
}

/* ---- the client's home ---- */

static int remove_one(const char *path, berth_unused const struct stat *facts,
                      berth_unused int kind, struct FTW *where)
{
    return where->level > 0 ? remove(path) : 0;
}

/* One person's files must not be readable by the next person's session. */
static int empty_home(const struct viewer *viewer, struct berth_error *reterr)
{
    if (nftw(viewer->home, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0)
        return 0;
    return berth_fail(reterr, BERTH_E_IO, "the viewer's home %s cannot be emptied: %s",
                      viewer->home, strerror(errno));
}

/* ---- end ---- */

static void release_handle(struct viewer_process *process)
{
    if (--process->handles > 0)
        return;
    process->owner->closing--;
    (void)close(process->terminal);
    (void)close(process->report);
    free(process);
}

static void output_closed(uv_handle_t *handle)
{
    release_handle(container_of((uv_poll_t *)(void *)handle, struct viewer_process, output));
}

static void child_freed(struct child *child)
{
    release_handle(container_of(child, struct viewer_process, child));
}

static void ended(struct child *child, int exit_code, int signal)
{
    struct viewer_process *process = container_of(child, struct viewer_process, child);
    struct viewer *viewer = berth_take(process->viewer);
    struct berth_error error = { 0 };

    uv_close((uv_handle_t *)&process->output, output_closed);
    child_free(child, child_freed);
    viewer->process = NULL;
    viewer->closing++;
    if (viewer->log >= 0)
        (void)close(viewer->log);
    viewer->log = -1;
    if (empty_home(viewer, &error) < 0)
        log_failure(EV_AGENT_CHILD, &error, "viewer");
    /* The client reports 141 when it wants to connect again. After a connection without any data
     * that is no attack: the desktop closed it, as one that is booting does. */
    if (exit_code == VIEWER_EXIT_CONNECTS_AGAIN && connection_report_got_no_data(process->report))
        exit_code = VIEWER_EXIT_LOST;
    viewer->events->ended(viewer->owner, exit_code, signal);
}

/* ---- start ---- */

static int fail_start(const char *what, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_IO, "the viewer cannot be started: %s: %s", what,
                      strerror(errno));
}

/* A pipe that holds the arguments until the client has read them. */
static int pass_arguments(const struct arguments *arguments, int *ret_read,
                          struct berth_error *reterr)
{
    int ends[2];
    ssize_t written;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail_start("pipe", reterr);
    written = write(ends[1], arguments->text, arguments->size);
    (void)close(ends[1]);
    if (written != (ssize_t)arguments->size) {
        (void)close(ends[0]);
        return fail_start("arguments", reterr);
    }
    *ret_read = ends[0];
    return 0;
}

static int open_terminal(struct viewer_process *process, int *ret_other, struct berth_error *reterr)
{
    struct termios mode;
    int other;

    if (openpty(&process->terminal, &other, NULL, NULL, NULL) < 0)
        return fail_start("pseudo-terminal", reterr);
    if (tcgetattr(other, &mode) == 0) {
        cfmakeraw(&mode);
        (void)tcsetattr(other, TCSANOW, &mode);
    }
    (void)fcntl(process->terminal, F_SETFL, O_NONBLOCK);
    (void)fcntl(process->terminal, F_SETFD, FD_CLOEXEC);
    *ret_other = other;
    return 0;
}

static int spawn(struct viewer *viewer, struct viewer_process *process, int arguments,
                 const struct viewer_request *request, struct berth_error *reterr)
{
    char home[300], temporary[300], display[80], authority[300], port_text[12];
    const char *const argv[] = { viewer->self,    "confine",         viewer->home,
                                 request->host,   port_text,         "--",
                                 viewer->program, "/args-from:fd:3", NULL };
    const char *const environment[] = { home,
                                        temporary,
                                        display,
                                        "PATH=/usr/bin:/bin",
                                        "LANG=C.UTF-8",
                                        ARGUMENTS_LOG_PREFIX,
                                        ARGUMENTS_NO_AUTHORITIES,
                                        viewer->authority[0] ? authority : NULL,
                                        NULL };
    int other = -1;
    int r = open_terminal(process, &other, reterr);
    int descriptors[] = { -1, other, other, arguments, -1, -1 };
    const struct child_setup setup = { .argv = argv,
                                       .environment = environment,
                                       .descriptors = descriptors,
                                       .descriptor_count = BERTH_COUNT(descriptors),
                                       .die_with_parent = true,
                                       .new_group = true };

    if (r == 0)
        r = connection_report_open(&process->report, &descriptors[CONFINE_REPORT], reterr);
    if (r < 0) {
        if (other >= 0)
            (void)close(other);
        return r;
    }
    (void)snprintf(home, sizeof(home), "HOME=%s", viewer->home);
    (void)snprintf(temporary, sizeof(temporary), "TMPDIR=%s", viewer->home);
    (void)snprintf(display, sizeof(display), "DISPLAY=%s", viewer->display);
    (void)snprintf(authority, sizeof(authority), "XAUTHORITY=%s", viewer->authority);
    (void)snprintf(port_text, sizeof(port_text), "%d", request->port);
    r = child_start(viewer->loop, &process->child, &setup, reterr);
    (void)close(other);
    (void)close(descriptors[CONFINE_REPORT]);
    return r;
}

static void open_log(struct viewer *viewer)
{
    viewer->logged = 0;
    viewer->log =
        viewer->log_file[0]
            ? open(viewer->log_file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)
            : -1;
}

int viewer_start(struct viewer *viewer, const struct viewer_request *request,
                 struct berth_error *reterr)
{
    struct arguments arguments;
    struct viewer_process *process;
    int pipe_end = -1;
    int r;

    if (viewer->process)
        return berth_fail(reterr, BERTH_E_STATE, "a viewer is already running");
    if (!viewer->display[0])
        return berth_fail(reterr, BERTH_E_UNSUPPORTED,
                          "this terminal has no X display: set screen.display");
    r = empty_home(viewer, reterr);
    if (r < 0)
        return r;
    r = arguments_make(request, &arguments, reterr);
    if (r == 0)
        r = pass_arguments(&arguments, &pipe_end, reterr);
    explicit_bzero(&arguments, sizeof(arguments));
    if (r < 0)
        return r;

    process = berth_new(struct viewer_process);
    process->terminal = -1;
    process->report = -1;
    process->child.ended = ended;
    r = spawn(viewer, process, pipe_end, request, reterr);
    (void)close(pipe_end);
    if (r < 0) {
        if (process->terminal >= 0)
            (void)close(process->terminal);
        if (process->report >= 0)
            (void)close(process->report);
        free(process);
        return r;
    }
    process->handles = 2;
    process->viewer = viewer;
    process->owner = viewer;
    viewer->process = process;
    open_log(viewer);
    /* These do not fail for a pseudo-terminal; if they did, only `connected` would be missed. */
    (void)uv_poll_init(&viewer->loop->uv, &process->output, process->terminal);
    (void)uv_poll_start(&process->output, UV_READABLE, readable);
    return 0;
}

/* ---- the port ---- */

void viewer_end(struct viewer *viewer)
{
    if (viewer->process)
        child_end(&viewer->process->child, GRACE_MS);
}

bool viewer_is_running(const struct viewer *viewer)
{
    return viewer->process != NULL;
}

void viewer_set_events(struct viewer *viewer, const struct viewer_events *events, void *owner)
{
    viewer->events = events;
    viewer->owner = owner;
}

struct viewer *viewer_new(struct berth_loop *loop, const struct xfreerdp_setup *setup)
{
    struct viewer *viewer = berth_new(struct viewer);

    viewer->loop = loop;
    viewer->log = -1;
    copy_text(viewer->self, setup->self);
    copy_text(viewer->program, setup->program);
    copy_text(viewer->home, setup->home);
    copy_text(viewer->display, setup->display);
    copy_text(viewer->authority, setup->authority);
    copy_text(viewer->log_file, setup->log_file);
    return viewer;
}

bool viewer_is_closed(const struct viewer *viewer)
{
    return !viewer->process && viewer->closing == 0;
}

void viewer_free(struct viewer *viewer)
{
    free(viewer);
}
