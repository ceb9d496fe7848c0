/* program.c - starts, waits for and ends other programs. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void pause_ms(long ms)
{
    const struct timespec time = { .tv_nsec = ms * 1000000L };

    (void)nanosleep(&time, NULL);
}

/* In the child, never returning: only what is safe after fork. */
struct descriptors {
    int in, out, errors;
    int third; /* -1: none */
};

static berth_noreturn void become(const char *const *argv, const struct descriptors *given,
                                  bool dies)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (dies)
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(given->in, 0) < 0 || dup2(given->out, 1) < 0 || dup2(given->errors, 2) < 0)
        _exit(126);
    if (given->third == 3)
        (void)fcntl(3, F_SETFD, 0);
    else if (given->third > 3 && dup2(given->third, 3) < 0)
        _exit(126);
    if (close_range(given->third < 0 ? 3 : 4, ~0U, 0) < 0)
        _exit(126);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static size_t read_all(int from, char *out, size_t size)
{
    size_t have = 0;
    char rest[512];

    for (;;) {
        bool fits = have + 1 < size;
        ssize_t got = read(from, fits ? out + have : rest, fits ? size - 1 - have : sizeof(rest));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return have;
        if (fits)
            have += (size_t)got;
    }
}

int program_run(const char *const *argv, char *out, size_t size, struct berth_error *reterr)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int ends[2];
    size_t have = 0;
    int status;
    pid_t pid;

    if (nothing < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return berth_fail(reterr, BERTH_E_IO, "%s: %s", argv[0], strerror(errno));
    pid = fork();
    if (pid == 0)
        become(argv, &(struct descriptors){ nothing, out ? ends[1] : 2, 2, -1 }, false);
    (void)close(nothing);
    (void)close(ends[1]);
    if (pid > 0 && out)
        have = read_all(ends[0], out, size);
    (void)close(ends[0]);
    if (out)
        out[have && out[have - 1] == '\n' ? have - 1 : have] = '\0';
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return berth_fail(reterr, BERTH_E_IO, "%s: %s", argv[0], strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return berth_fail(reterr, BERTH_E_IO, "%s %s failed (%d)", argv[0], argv[1] ? argv[1] : "",
                          WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    return 0;
}

static int start(const char *const *argv, const char *log, int *ret_input, int third, pid_t *ret,
                 struct berth_error *reterr)
{
    int errors = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int ends[2] = { -1, -1 };
    pid_t pid;

    if (errors < 0)
        return berth_fail(reterr, BERTH_E_IO, "%s: %s", log, strerror(errno));
    if (ret_input && pipe2(ends, O_CLOEXEC) < 0) {
        (void)close(errors);
        return berth_fail(reterr, BERTH_E_IO, "%s: %s", argv[0], strerror(errno));
    }
    if (!ret_input)
        ends[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid = fork();
    if (pid == 0)
        become(argv, &(struct descriptors){ ends[0], errors, errors, third }, true);
    (void)close(errors);
    (void)close(ends[0]);
    if (pid < 0)
        return berth_fail(reterr, BERTH_E_IO, "%s: %s", argv[0], strerror(errno));
    if (ret_input)
        *ret_input = ends[1];
    *ret = pid;
    return 0;
}

int program_start(const char *const *argv, const char *log, int *ret_input, pid_t *ret,
                  struct berth_error *reterr)
{
    return start(argv, log, ret_input, -1, ret, reterr);
}

int program_start_with(const char *const *argv, const char *log, int third, pid_t *ret,
                       struct berth_error *reterr)
{
    return start(argv, log, NULL, third, ret, reterr);
}

bool program_is_over(pid_t *pid)
{
    int status;

    if (*pid > 0 && waitpid(*pid, &status, WNOHANG) == 0)
        return false;
    *pid = 0;
    return true;
}

void program_end(pid_t *pid, int signal, int64_t limit_ms)
{
    int status;

    if (*pid <= 0)
        return;
    (void)kill(*pid, signal);
    for (int64_t waited = 0; waited < limit_ms; waited += 10) {
        if (program_is_over(pid))
            return;
        pause_ms(10);
    }
    (void)kill(*pid, SIGKILL);
    (void)waitpid(*pid, &status, 0);
    *pid = 0;
}
