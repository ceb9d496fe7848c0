/* inject.c - fault-inject: runs a program and kills it at, or fails, its n-th system call of a
 * kind.
 *
 * usage: fault-inject [--calls NAME,... | --calls all] [--at CALL:N] [--do kill|ERRNO] [--on]
 *                     -- PROGRAM ARGUMENT...
 *
 *   --calls  the system calls that are counted (default: all of the table below)
 *   --at     the N-th call of that name by any thread of PROGRAM, counted over the whole process.
 *            Calls on any kind of descriptor are counted by kind: write@file, write@socket,
 *            write@pipe, write@event (an eventfd, a signalfd ...), because they fail differently
 *   --do     kill: SIGKILL before the call is made; ERRNO (ENOSPC ...): the call is not made and
 *            fails with that error
 *   --on     that call and each later one of its name
 *
 * Standard output: a line {"pid":...} when it runs, and at its end a line with its exit status, how
 * often each call was seen and what was done. Processes that PROGRAM starts are neither counted nor
 * changed.
 *
 * Why not `strace -e inject=...:when=n`: strace counts per thread and per call, and stops at the
 * first thread that gets there, so a broker with six threads has calls that no n reaches. Here the
 * count is that of the process, so n = 1.. reaches every call. It uses the kernel's seccomp
 * notifications, so it needs neither ptrace nor code for one processor.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV \
    (1UL << 5) /* kernel 5.19; Debian 12's headers may be older */
#endif

#define THREADS_MAX 512

enum on { ON_ANYTHING, ON_FILE, ON_SOCKET, ON_PIPE, ON_EVENT, ONS };
static const char *const on_names[ONS] = { "", "@file", "@socket", "@pipe", "@event" };

struct call {
    const char *name;
    int number;
    bool wanted;
    bool told_apart;
    long seen[ONS];
};

/* clang-format off */
#define CALL(name) { #name, SYS_##name, true, false, { 0 } },
#define CALL_ON(name) { #name, SYS_##name, true, true, { 0 } },
/* Calls that change what others see, or that can fail for reasons outside of the program. */
static struct call calls[] = {
    CALL_ON(read) CALL_ON(readv) CALL(pread64) CALL_ON(write) CALL_ON(writev) CALL(pwrite64)
    CALL(recvmsg) CALL(recvfrom) CALL(sendmsg) CALL(sendto) CALL(shutdown)
    CALL(fsync) CALL(fdatasync) CALL(ftruncate) CALL(fallocate) CALL(flock) CALL(fcntl)
    CALL(openat) CALL(unlinkat) CALL(mkdirat) CALL(renameat) CALL(fchmod) CALL(fchmodat)
    CALL(socket) CALL(socketpair) CALL(bind) CALL(listen) CALL(accept) CALL(accept4) CALL(connect)
    CALL(setsockopt) CALL(getsockopt) CALL(pipe2) CALL(eventfd2) CALL(dup3)
    CALL(epoll_create1) CALL(epoll_ctl) CALL(epoll_pwait)
    CALL(mmap) CALL(clone) CALL(execve) CALL(getrandom)
#ifdef SYS_open
    CALL(open) CALL(unlink) CALL(mkdir) CALL(rename) CALL(rmdir) CALL(chmod) CALL(epoll_wait) CALL(poll) CALL(pipe) CALL(dup2)
    CALL(fork) CALL(vfork) CALL(epoll_create) CALL(link)
#endif
#ifdef SYS_clone3
    CALL(clone3)
#endif
#ifdef SYS_renameat2
    CALL(renameat2)
#endif
#ifdef SYS_epoll_pwait2
    CALL(epoll_pwait2)
#endif
};

static const struct { const char *name; int number; } errors[] = {
    { "ENOSPC", ENOSPC }, { "EIO", EIO }, { "EINTR", EINTR }, { "EMFILE", EMFILE }, { "ENFILE", ENFILE },
    { "ENOMEM", ENOMEM }, { "ECONNRESET", ECONNRESET }, { "EPIPE", EPIPE }, { "EAGAIN", EAGAIN }, { "ENOBUFS", ENOBUFS },
    { "EDQUOT", EDQUOT }, { "EROFS", EROFS }, { "EACCES", EACCES },
};
/* clang-format on */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct {
    struct call *call; /* at which; NULL: only count */
    enum on on_what;
    long at;
    int error; /* 0: kill */
    bool from_then_on;
    long done;
    pid_t program;
    pid_t threads[THREADS_MAX]; /* of the program itself */
    size_t thread_count;
} plan;

static void die(const char *text)
{
    (void)fprintf(stderr, "fault-inject: %s\n", text);
    exit(125);
}

static void die_errno(const char *text)
{
    (void)fprintf(stderr, "fault-inject: %s: %s\n", text, strerror(errno));
    exit(125);
}

static struct call *call_named(const char *name)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        if (strcmp(calls[i].name, name) == 0)
            return &calls[i];
    }
    die("no such call in its table");
    return NULL;
}

/* ---- arguments ---- */

static void take_calls(char *list)
{
    if (strcmp(list, "all") == 0)
        return;
    for (size_t i = 0; i < COUNT(calls); i++)
        calls[i].wanted = false;
    for (char *name; (name = strsep(&list, ","));)
        call_named(name)->wanted = true;
}

static void take_place(char *text)
{
    char *end;
    char *name = strsep(&text, ":");
    char *what = strchr(name, '@');

    for (size_t i = ON_FILE; what && i < ONS; i++) {
        if (strcmp(what, on_names[i]) == 0)
            plan.on_what = (enum on)i;
    }
    if (what)
        *what = '\0';
    plan.call = call_named(name);
    if (!text || plan.call->told_apart != (plan.on_what != ON_ANYTHING))
        die("--at CALL:N, and @file, @socket, @pipe or @event where the call may be on anything");
    plan.at = strtol(text, &end, 10);
    if (*end || plan.at < 1)
        die("--at CALL:N, N from 1");
}

static void take_error(const char *name)
{
    if (strcmp(name, "kill") == 0)
        return;
    for (size_t i = 0; i < COUNT(errors); i++) {
        if (strcmp(errors[i].name, name) == 0)
            plan.error = errors[i].number;
    }
    if (!plan.error)
        die("--do: no such error in its table");
}

static char **take_arguments(char **word)
{
    while (*++word && strcmp(*word, "--") != 0) {
        if (strcmp(*word, "--on") == 0) {
            plan.from_then_on = true;
            continue;
        }
        if (!word[1])
            die("an argument is missing");
        if (strcmp(*word, "--calls") == 0)
            take_calls(*++word);
        else if (strcmp(*word, "--at") == 0)
            take_place(*++word);
        else if (strcmp(*word, "--do") == 0)
            take_error(*++word);
        else
            die("usage: fault-inject [--calls NAME,...] [--at CALL:N] [--do kill|ERRNO] [--on] -- "
                "PROGRAM ...");
    }
    if (!*word || !word[1])
        die("which program?");
    return word + 1;
}

/* ---- in the child ---- */

static size_t put(struct sock_filter *code, size_t at, struct sock_filter one)
{
    code[at] = one;
    return at + 1;
}

/* A seccomp filter: notify the parent of the counted calls, permit all others. */
static int filter_install(void)
{
    static struct sock_filter code[2 * COUNT(calls) + 4];
    struct sock_fprog program = { .filter = code };
    const unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    size_t n = 0;
    int listener;

    n = put(
        code, n,
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    for (size_t i = 0; i < COUNT(calls); i++) {
        if (!calls[i].wanted)
            continue;
        n = put(code, n,
                (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number,
                                             0, 1));
        n = put(code, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    }
    n = put(code, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    program.len = (unsigned short)n;
    /* Killable waits only: another signal must not report, and count, the same call twice. */
    listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                            flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
    if (listener < 0 && errno == EINVAL)
        listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return listener;
}

/* After the filter is installed no counted call may be made here before the parent listens, so the
 * number of the listener is passed in shared memory. */
static void become(char **argv, volatile int *handed)
{
    int listener;

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    listener = filter_install();
    *handed = listener < 0 ? -errno : listener;
    while (*handed)
        (void)sched_yield();
    (void)execv(argv[0], argv);
    _exit(126);
}

static int listener_of(pid_t child, volatile int *handed)
{
    int process, listener;

    while (!*handed)
        (void)sched_yield();
    if (*handed < 0) {
        errno = -*handed;
        die_errno("the kernel takes no filter");
    }
    process = (int)syscall(SYS_pidfd_open, child, 0);
    listener = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, *handed, 0);
    if (listener < 0)
        die_errno("the filter's listener");
    (void)close(process);
    *handed = 0;
    return listener;
}

/* ---- in the parent ---- */

static bool of_program(pid_t thread)
{
    char path[64];

    for (size_t i = 0; i < plan.thread_count; i++) {
        if (plan.threads[i] == thread)
            return true;
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)plan.program, (int)thread);
    if (access(path, F_OK) < 0)
        return false;
    if (plan.thread_count < THREADS_MAX)
        plan.threads[plan.thread_count++] = thread;
    return true;
}

static struct call *call_numbered(int number)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        if (calls[i].number == number)
            return &calls[i];
    }
    die("a notification for an unexpected call");
    return NULL;
}

/* The kind of a descriptor of the program. */
static enum on kind_of(int descriptor)
{
    char path[64], target[64] = "";

    (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)plan.program, descriptor);
    if (readlink(path, target, sizeof(target) - 1) < 0 || target[0] == '/')
        return ON_FILE;
    if (strncmp(target, "socket:", 7) == 0)
        return ON_SOCKET;
    return strncmp(target, "pipe:", 5) == 0 ? ON_PIPE : ON_EVENT;
}

/* Is this the call to fail? */
static bool hit(struct call *call, int descriptor)
{
    enum on kind = call->told_apart ? kind_of(descriptor) : ON_ANYTHING;
    long *seen = &call->seen[kind];

    ++*seen;
    if (call != plan.call || kind != plan.on_what || *seen < plan.at ||
        (*seen > plan.at && !plan.from_then_on))
        return false;
    plan.done++;
    return true;
}

/* One call that waits for our answer. A thread may have died meanwhile: ENOENT. */
static void answer(int listener)
{
    struct seccomp_notif told = { 0 };
    struct seccomp_notif_resp say = { 0 };

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &told) < 0)
        return;
    say.id = told.id;
    say.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (of_program((pid_t)told.pid) && hit(call_numbered(told.data.nr), (int)told.data.args[0])) {
        if (plan.error) {
            say.flags = 0;
            say.error = -plan.error;
        } else {
            (void)kill(plan.program, SIGKILL);
            return; /* it never returns from this call */
        }
    }
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &say);
}

static void report(int status)
{
    const char *comma = "";

    (void)printf("{\"exit\":%d,\"signal\":%d,\"done\":%ld,\"seen\":{",
                 WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0, plan.done);
    for (size_t i = 0; i < COUNT(calls); i++) {
        for (size_t on = 0; on < ONS; on++) {
            if (calls[i].seen[on] == 0)
                continue;
            (void)printf("%s\"%s%s\":%ld", comma, calls[i].name, on_names[on], calls[i].seen[on]);
            comma = ",";
        }
    }
    (void)printf("}}\n");
    (void)fflush(stdout);
    /* The report is complete; children that the program left behind are served until they end. */
    (void)close(STDOUT_FILENO);
}

/* Until the program and all its children have ended: without a listener their calls would fail. */
static void serve(int listener)
{
    bool ended = false;
    int status;

    for (;;) {
        struct pollfd waiting = { .fd = listener, .events = POLLIN };

        (void)poll(&waiting, 1, 20);
        if (waiting.revents & POLLIN)
            answer(listener);
        if (!ended && waitpid(plan.program, &status, WNOHANG) == plan.program) {
            ended = true;
            report(status);
        }
        if (waiting.revents & POLLHUP && ended)
            return;
    }
}

static void wake(int number)
{
    (void)number; /* poll ends with EINTR, that is all */
}

int main(int argc, char **argv)
{
    const struct sigaction waken = { .sa_handler = wake };
    char **program = take_arguments(argc ? argv : (char *[]){ NULL });
    volatile int *handed;
    int listener;

    handed = mmap(NULL, sizeof(*handed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (handed == MAP_FAILED)
        die_errno("shared memory");
    (void)sigaction(SIGCHLD, &waken, NULL);
    plan.program = fork();
    if (plan.program < 0)
        die_errno("fork");
    if (plan.program == 0)
        become(program, handed);
    listener = listener_of(plan.program, handed);
    (void)printf("{\"pid\":%d}\n", (int)plan.program);
    (void)fflush(stdout);
    serve(listener);
    return 0;
}
