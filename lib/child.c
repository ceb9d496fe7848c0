/* child.c - child processes by fork, exec and a process descriptor.
 *
 * uv_spawn can neither set PR_SET_PDEATHSIG nor close descriptors that libraries left open. Between
 * fork and exec only async-signal-safe functions are called, because other threads may hold any
 * lock.
 */
#include "berth/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berth/log.h"

#define DESCRIPTORS_MAX 16

extern char **environ;

/* Move the given descriptors to 0, 1, 2 ...; first to numbers above all targets, so that none is
 * overwritten before it is moved. */
static bool place_descriptors(const struct child_setup *setup, int count, int *report)
{
    int held[DESCRIPTORS_MAX];

    *report = fcntl(*report, F_DUPFD_CLOEXEC, count + 1);
    if (*report < 0)
        return false;
    for (int i = 0; i < count; i++) {
        int given = (size_t)i < setup->descriptor_count ? setup->descriptors[i] : -1;

        held[i] = given >= 0 ? fcntl(given, F_DUPFD_CLOEXEC, count + 1) : -1;
        if (given < 0) {
            int null = open("/dev/null", O_RDWR | O_CLOEXEC);
            held[i] = null >= 0 ? fcntl(null, F_DUPFD_CLOEXEC, count + 1) : -1;
        }
        if (held[i] < 0)
            return false;
    }
    for (int i = 0; i < count; i++)
        if (dup2(held[i], i) < 0)
            return false;
    if (dup3(*report, count, O_CLOEXEC) < 0)
        return false;
    *report = count;
    return syscall(SYS_close_range, (unsigned)count + 1, ~0U, 0U) == 0;
}

static void default_signals(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &action, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, between fork and exec. Writes errno to `report` when exec fails. */
berth_noreturn static void exec_child(const struct child_setup *setup, pid_t parent, int count,
                                      int report)
{
    char *const *argv = (char *const *)(uintptr_t)setup->argv;
    char *const *environment =
        setup->environment ? (char *const *)(uintptr_t)setup->environment : environ;
    int fault;

    default_signals();
    if (setup->new_group)
        (void)setpgid(0, 0);
    if (setup->die_with_parent)
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The parent may have died before the line above. */
    if (setup->die_with_parent && getppid() != parent)
        _exit(127);
    if (place_descriptors(setup, count, &report))
        (void)execve(argv[0], argv, environment);

    fault = errno;
    if (write(report, &fault, sizeof(fault)) < 0)
        _exit(126);
    _exit(127);
}

/* 0 when exec succeeded (the pipe was closed without data), else its errno. */
static int read_report(int report)
{
    int fault = 0;
    ssize_t got;

    do {
        got = read(report, &fault, sizeof(fault));
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(fault) ? fault : 0;
}

/* Reap. A group is killed first, while the zombie still reserves its pid. */
static void reap(struct child *child, siginfo_t *ret_info)
{
    int r;

    if (child->group)
        (void)kill(-child->pid, SIGKILL);
    do {
        r = waitid(P_PIDFD, (id_t)child->pidfd, ret_info, WEXITED);
    } while (r < 0 && errno == EINTR);
}

static void watch_ended(uv_poll_t *watch, berth_unused int status, berth_unused int events)
{
    struct child *child = container_of(watch, struct child, watch);
    siginfo_t info = { 0 };

    reap(child, &info);
    (void)uv_poll_stop(&child->watch);
    timer_stop(&child->loop->timers, &child->kill_limit);
    child->running = false;
    if (info.si_code == CLD_EXITED)
        child->ended(child, info.si_status, 0);
    else
        child->ended(child, -1, info.si_status);
}

static int fail_start(struct child *child, const char *program, int fault,
                      struct berth_error *reterr)
{
    if (child->pidfd >= 0)
        (void)close(child->pidfd);
    child->pidfd = -1;
    return berth_fail(reterr, BERTH_E_IO, "'%s' could not be started: %s", program,
                      strerror(fault));
}

static int watch_child(struct child *child, const char *program, struct berth_error *reterr)
{
    siginfo_t info;
    int r;

    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    r = child->pidfd >= 0 ? uv_poll_init(&child->loop->uv, &child->watch, child->pidfd) : -errno;
    if (r < 0) {
        (void)kill(child->pid, SIGKILL);
        (void)waitid(P_PID, (id_t)child->pid, &info, WEXITED);
        return fail_start(child, program, -r, reterr);
    }
    child->running = true;
    return uv_poll_start(&child->watch, UV_READABLE, watch_ended);
}

int child_start(struct berth_loop *loop, struct child *child, const struct child_setup *setup,
                struct berth_error *reterr)
{
    int count = setup->descriptor_count > 3 ? (int)setup->descriptor_count : 3;
    pid_t parent = getpid();
    siginfo_t info;
    int report[2];
    int fault;

    child->pidfd = -1;
    child->loop = loop;
    child->group = setup->new_group;
    if (setup->descriptor_count > DESCRIPTORS_MAX)
        return berth_fail(reterr, BERTH_E_INVALID, "'%s': more than %d descriptors", setup->argv[0],
                          DESCRIPTORS_MAX);
    if (pipe2(report, O_CLOEXEC) < 0)
        return fail_start(child, setup->argv[0], errno, reterr);

    child->pid = fork();
    if (child->pid == 0)
        exec_child(setup, parent, count, report[1]);
    fault = child->pid < 0 ? errno : 0;
    (void)close(report[1]);
    if (fault == 0) {
        fault = read_report(report[0]);
        if (fault != 0)
            (void)waitid(P_PID, (id_t)child->pid, &info, WEXITED);
    }
    (void)close(report[0]);
    if (fault != 0)
        return fail_start(child, setup->argv[0], fault, reterr);

    /* In the parent as well as in the child: whichever runs first, kill(-pid) finds the group. */
    if (setup->new_group)
        (void)setpgid(child->pid, child->pid);
    log_event(EV_CHILD_STARTED, "program", setup->argv[0], "pid", (int64_t)child->pid);
    return watch_child(child, setup->argv[0], reterr);
}

static void signal_child(struct child *child, int number)
{
    if (child->group)
        (void)kill(-child->pid, number);
    else
        (void)syscall(SYS_pidfd_send_signal, child->pidfd, number, NULL, 0U);
}

static void grace_over(struct berth_timer *timer)
{
    signal_child(container_of(timer, struct child, kill_limit), SIGKILL);
}

void child_end(struct child *child, int64_t grace_ms)
{
    if (!child->running)
        return;

    signal_child(child, grace_ms > 0 ? SIGTERM : SIGKILL);
    if (grace_ms > 0)
        timer_start(&child->loop->timers, &child->kill_limit, grace_ms, grace_over);
}

static void watch_closed(uv_handle_t *handle)
{
    struct child *child = container_of((uv_poll_t *)(void *)handle, struct child, watch);

    (void)close(child->pidfd);
    child->pidfd = -1;
    if (child->freed)
        child->freed(child);
}

void child_free(struct child *child, void (*freed)(struct child *child))
{
    if (child->running)
        abort();
    child->closing = true;
    child->freed = freed;
    uv_close((uv_handle_t *)&child->watch, watch_closed);
}
