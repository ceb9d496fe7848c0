/* daemon.h - a private libvirtd for tests: a session daemon in a folder of its own.
 *
 * It runs as an unprivileged user (nobody when the test runs as root), so it never meets a daemon
 * of the machine, and it dies with the test. Only its test driver is used:
 * test+unix:///default?socket=...
 */
#ifndef BERTH_TESTS_DAEMON_H
#define BERTH_TESTS_DAEMON_H

#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define DAEMON_USER 65534
#define DAEMON_PROGRAM "/usr/sbin/libvirtd"

struct daemon {
    char folder[32], uri[128];
    pid_t pid;
    virConnectPtr held; /* keeps the test driver's machines alive, as other brokers would */
};

static void daemon_sleep(long ms)
{
    const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    (void)nanosleep(&pause, NULL);
}

/* In the child. */
static void daemon_become(const char *folder)
{
    char home[64], run[64], config[64];
    char *environment[] = { home, run, (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, NULL };
    char *argv[] = { (char[]){ DAEMON_PROGRAM }, (char[]){ "-f" }, config, NULL };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)snprintf(home, sizeof(home), "HOME=%s", folder);
    (void)snprintf(run, sizeof(run), "XDG_RUNTIME_DIR=%s/run", folder);
    (void)snprintf(config, sizeof(config), "%s/libvirtd.conf", folder);
    (void)dup2(null, 1);
    (void)dup2(null, 2);
    if (getuid() == 0 && (setgid(DAEMON_USER) < 0 || setuid(DAEMON_USER) < 0))
        _exit(126);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)execve(argv[0], argv, environment);
    _exit(127);
}

static void daemon_silent(void *context, virErrorPtr error)
{
    (void)context;
    (void)error;
}

/* Start (or start again) and wait until it answers. */
static void daemon_run(struct daemon *daemon)
{
    daemon->pid = fork();
    if (daemon->pid == 0)
        daemon_become(daemon->folder);
    (void)signal(SIGPIPE, SIG_IGN); /* libvirt writes to a dead daemon with plain write() */
    virSetErrorFunc(NULL, daemon_silent);
    for (int64_t waited_ms = 0; waited_ms < test_wait_limit_ms() && !daemon->held;
         waited_ms += 50) {
        daemon_sleep(50);
        daemon->held = virConnectOpen(daemon->uri);
    }
    if (!daemon->held)
        fail_msg("%s does not run: is it installed?", DAEMON_PROGRAM);
}

static void daemon_start(struct daemon *daemon)
{
    char path[64];
    FILE *file;

    *daemon = (struct daemon){ .folder = "/tmp/berth-daemon-XXXXXX" };
    EXPECT(mkdtemp(daemon->folder));
    (void)snprintf(path, sizeof(path), "%s/run", daemon->folder);
    EXPECT_OK(mkdir(path, 0700));
    if (getuid() == 0) {
        EXPECT_OK(chown(daemon->folder, DAEMON_USER, DAEMON_USER));
        EXPECT_OK(chown(path, DAEMON_USER, DAEMON_USER));
    }
    (void)snprintf(path, sizeof(path), "%s/libvirtd.conf", daemon->folder);
    file = fopen(path, "we");
    EXPECT(file && fputs("auth_unix_rw = \"none\"\n", file) >= 0 && fclose(file) == 0);
    EXPECT_OK(chmod(path, 0644));
    (void)snprintf(daemon->uri, sizeof(daemon->uri),
                   "test+unix:///default?socket=%s/run/libvirt/libvirt-sock", daemon->folder);
    daemon_run(daemon);
}

static void daemon_kill(struct daemon *daemon)
{
    if (daemon->pid > 0) {
        (void)kill(daemon->pid, SIGKILL);
        (void)waitpid(daemon->pid, NULL, 0);
    }
    daemon->pid = 0;
    if (daemon->held)
        (void)virConnectClose(daemon->held);
    daemon->held = NULL;
}

static void daemon_stop(struct daemon *daemon)
{
    char command[64];

    daemon_kill(daemon);
    (void)snprintf(command, sizeof(command), "rm -rf %s", daemon->folder);
    EXPECT_OK(system(command));
}

#endif
