/* confine.c - the desktop's connection, Landlock, seccomp, and the exec of the RDP client. */
#include "viewer/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "viewer/connection_report.h"

#define CONNECT_MS 15000 /* as xfreerdp3 by default */
#define EXIT_CONNECT 131 /* exit code of xfreerdp3 when it cannot connect */

/* ---- Landlock: raw system calls, because the headers of Debian 12 know version 2 of 7 ---- */

#define LL_CREATE_RULESET 444
#define LL_ADD_RULE 445
#define LL_RESTRICT_SELF 446
#define LL_CREATE_VERSION 1U
#define LL_RULE_PATH 1

#define LL_EXECUTE (1ULL << 0)
#define LL_WRITE_FILE (1ULL << 1)
#define LL_READ_FILE (1ULL << 2)
#define LL_READ_DIR (1ULL << 3)
#define LL_FS_VERSION_1 ((1ULL << 13) - 1)
#define LL_REFER (1ULL << 13)     /* version 2 */
#define LL_TRUNCATE (1ULL << 14)  /* version 3 */
#define LL_IOCTL_DEV (1ULL << 15) /* version 5 */
#define LL_BIND_TCP (1ULL << 0)   /* version 4 */
#define LL_CONNECT_TCP (1ULL << 1)
#define LL_SCOPE_SIGNAL (1ULL << 1) /* version 6; abstract sockets are not scoped: X uses one */

struct ll_ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct ll_path {
    uint64_t access;
    int32_t folder;
} __attribute__((packed));

#define READ (LL_EXECUTE | LL_READ_FILE | LL_READ_DIR)
#define DEVICE (LL_READ_FILE | LL_READ_DIR | LL_WRITE_FILE | LL_IOCTL_DEV)

/* What an X11 program needs. Paths that do not exist are skipped. */
static const struct {
    const char *path;
    uint64_t access;
} paths[] = {
    { "/usr", READ },
    { "/lib", READ },
    { "/lib64", READ },
    { "/bin", READ },
    { "/etc", READ },
    { "/opt", READ },
    { "/proc", READ },
    { "/sys", READ },
    { "/run", READ },
    { "/var/cache/fontconfig", READ },
    { "/var/lib/dbus", READ },
    { "/tmp/.X11-unix", READ },
    { "/dev/null", DEVICE },
    { "/dev/zero", DEVICE },
    { "/dev/random", DEVICE },
    { "/dev/urandom", DEVICE },
    { "/dev/dri", DEVICE },
    { "/dev/snd", DEVICE },
    { "/dev/shm", LL_FS_VERSION_1 | LL_TRUNCATE },
};

static uint64_t handled_files(long version)
{
    uint64_t files = LL_FS_VERSION_1;

    if (version >= 2)
        files |= LL_REFER;
    if (version >= 3)
        files |= LL_TRUNCATE;
    if (version >= 5)
        files |= LL_IOCTL_DEV;
    return files;
}

/* Landlock rejects rights of directories in a rule for a file. */
#define FILE_RIGHTS (LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE | LL_IOCTL_DEV)

static bool allow_path(int ruleset, const char *path, uint64_t access)
{
    struct stat facts;
    struct ll_path rule = { .access = access };
    int r;

    rule.folder = open(path, O_PATH | O_CLOEXEC);
    if (rule.folder < 0)
        return errno == ENOENT || errno == EACCES;
    if (fstat(rule.folder, &facts) == 0 && !S_ISDIR(facts.st_mode))
        rule.access &= FILE_RIGHTS;
    r = (int)syscall(LL_ADD_RULE, ruleset, LL_RULE_PATH, &rule, 0U);
    (void)close(rule.folder);
    return r == 0;
}

static bool allow_all(int ruleset, const struct confine_setup *setup, uint64_t handled)
{
    const char *authority = getenv("XAUTHORITY");
    bool ok =
        allow_path(ruleset, setup->home, handled) && allow_path(ruleset, setup->argv[0], READ);

    if (authority)
        ok = ok && allow_path(ruleset, authority, LL_READ_FILE);
    for (size_t i = 0; i < BERTH_COUNT(paths); i++)
        ok = ok && allow_path(ruleset, paths[i].path, paths[i].access & handled);
    return ok;
}

static int limit_files_and_ports(const struct confine_setup *setup, struct berth_error *reterr)
{
    long version = syscall(LL_CREATE_RULESET, NULL, 0, LL_CREATE_VERSION);
    struct ll_ruleset wanted = { .fs = handled_files(version) };
    size_t size = sizeof(wanted.fs);
    int ruleset;
    bool ok;

    if (version < 1) /* the kernel has no Landlock: the other limits remain */
        return 0;
    if (version >= 4 && !setup->network)
        wanted.net = LL_BIND_TCP | LL_CONNECT_TCP;
    if (version >= 4)
        size = offsetof(struct ll_ruleset, scoped);
    if (version >= 6) {
        wanted.scoped = LL_SCOPE_SIGNAL;
        size = sizeof(wanted);
    }
    ruleset = (int)syscall(LL_CREATE_RULESET, &wanted, size, 0U);
    if (ruleset < 0)
        return berth_fail(reterr, BERTH_E_IO, "Landlock: %s", strerror(errno));
    ok = allow_all(ruleset, setup, wanted.fs);
    ok = ok && syscall(LL_RESTRICT_SELF, ruleset, 0U) == 0;
    if (!ok)
        (void)berth_fail(reterr, BERTH_E_IO, "Landlock: %s", strerror(errno));
    (void)close(ruleset);
    return ok ? 0 : BERTH_E_IO;
}

/* ---- seccomp: system calls that no RDP client needs and that exploits use ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static const int forbidden[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_open_by_handle_at,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_acct,
    SYS_quotactl,
    SYS_io_uring_setup,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_pidfd_getfd,
    SYS_personality,
    SYS_syslog,
    SYS_vhangup,
    SYS_listen,
};

#define FILTER_MAX (BERTH_COUNT(forbidden) + 31)
/* x86: set in calls of the x32 table, which the numbers above do not cover. */
#define X32_SYSCALL_BIT 0x40000000U

/* Permit Unix and netlink sockets only: Landlock limits TCP since Linux 6.7, UDP on no kernel, and
 * other address families reach the network too. The kernel uses the low half of the first argument.
 */
static size_t forbid_network(struct sock_filter *filter)
{
    const struct sock_filter rules[] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };

    memcpy(filter, rules, sizeof(rules));
    return BERTH_COUNT(rules);
}

/* Forbid TCP Fast Open, which would send data in the first packet, before the peer has answered: by
 * a flag of the send calls or by options of the socket. */
static size_t forbid_early_data(struct sock_filter *filter)
{
    const struct sock_filter rules[] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmmsg, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 5, 12),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
        BPF_STMT(BPF_JMP | BPF_JA, 1),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MSG_FASTOPEN, 6, 0),
        BPF_STMT(BPF_JMP | BPF_JA, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_FASTOPEN_CONNECT, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_FASTOPEN_NO_COOKIE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };

    memcpy(filter, rules, sizeof(rules));
    return BERTH_COUNT(rules);
}

static int limit_calls(const struct confine_setup *setup, struct berth_error *reterr)
{
#ifdef ARCHITECTURE
    struct sock_filter filter[FILTER_MAX];
    size_t count = 0;
    struct sock_fprog program = { .filter = filter };

    filter[count++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    filter[count++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    filter[count++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_SYSCALL_BIT, 0, 1);
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    if (!setup->network) {
        count += forbid_network(filter + count);
        count += forbid_early_data(filter + count);
    }
    for (size_t i = 0; i < BERTH_COUNT(forbidden); i++) {
        /* From here to the last statement, EPERM, behind ALLOW. */
        unsigned char jump = (unsigned char)(BERTH_COUNT(forbidden) - i);

        filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                       (unsigned)forbidden[i], jump, 0);
    }
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    program.len = (unsigned short)count;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return berth_fail(reterr, BERTH_E_IO, "seccomp: %s", strerror(errno));
#endif
    return 0;
}

/* Without a password the client would prompt for one on the controlling terminal. */
static void drop_controlling_terminal(void)
{
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);

    if (terminal < 0)
        return;
    (void)ioctl(terminal, TIOCNOTTY);
    (void)close(terminal);
}

/* ---- the one connection ---- */

static bool wait_connected(int descriptor)
{
    struct pollfd facts = { .fd = descriptor, .events = POLLOUT };
    socklen_t size = sizeof(int);
    int fault = ETIMEDOUT;

    if (poll(&facts, 1, CONNECT_MS) == 1)
        (void)getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &fault, &size);
    errno = fault;
    return fault == 0;
}

static int connect_to(const struct addrinfo *to)
{
    int descriptor = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int fault;

    if (descriptor < 0)
        return -1;
    if (connect(descriptor, to->ai_addr, to->ai_addrlen) == 0 ||
        (errno == EINPROGRESS && wait_connected(descriptor)))
        return descriptor;
    fault = errno;
    (void)close(descriptor);
    errno = fault;
    return -1;
}

#define FROM_V4 (SKF_NET_OFF + 12) /* the sender's address in an IP packet */
#define FROM_V6 (SKF_NET_OFF + 8)
#define FROM_MAX 4 /* 32-bit words of the longer address */

/* Make the socket accept packets from this sender only, irrevocably. seccomp cannot read the
 * address that connect is called with, and the descriptor may be duplicated, so injected code may
 * call connect again; but the answer is dropped, and no connection is established.
 */
static int filter_sender(int descriptor, const uint32_t *address, size_t words, uint32_t offset,
                         uint16_t port)
{
    struct sock_filter filter[2 + 2 * FROM_MAX + 2];
    struct sock_fprog program = { .filter = filter };
    size_t count = 0;
    int yes = 1;

    /* Offset 0 is the TCP header. A failed test jumps to the last statement, which drops. */
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0);
    filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0,
                                                   (unsigned char)(2 * words + 1));
    for (size_t i = 0; i < words; i++) {
        filter[count++] =
            (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset + (uint32_t)(4 * i));
        filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(address[i]),
                                                       0, (unsigned char)(2 * (words - i) - 1));
    }
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    program.len = (unsigned short)count;
    if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
        return -1;
    return setsockopt(descriptor, SOL_SOCKET, SO_LOCK_FILTER, &yes, sizeof(yes));
}

static int filter_peer(int descriptor)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } peer = { 0 };
    socklen_t size = sizeof(peer);
    uint32_t address[FROM_MAX];

    if (getpeername(descriptor, &peer.any, &size) < 0)
        return -1;
    if (peer.any.sa_family == AF_INET)
        return filter_sender(descriptor, &peer.four.sin_addr.s_addr, 1, (uint32_t)FROM_V4,
                             ntohs(peer.four.sin_port));
    memcpy(address, &peer.six.sin6_addr, sizeof(address));
    if (IN6_IS_ADDR_V4MAPPED(&peer.six.sin6_addr)) /* its packets are IPv4 */
        return filter_sender(descriptor, address + FROM_MAX - 1, 1, (uint32_t)FROM_V4,
                             ntohs(peer.six.sin6_port));
    return filter_sender(descriptor, address, FROM_MAX, (uint32_t)FROM_V6,
                         ntohs(peer.six.sin6_port));
}

/* Connect to the desktop; the client inherits the socket as descriptor CONFINE_CONNECTION. */
static int connect_desktop(const struct confine_setup *setup, struct berth_error *reterr)
{
    const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int descriptor = -1;
    int r = getaddrinfo(setup->address, setup->port, &wanted, &found);

    if (r != 0)
        return berth_fail(reterr, BERTH_E_STATE, "'%s': %s", setup->address, gai_strerror(r));
    for (const struct addrinfo *to = found; to && descriptor < 0; to = to->ai_next)
        descriptor = connect_to(to);
    freeaddrinfo(found);
    if (descriptor < 0 || filter_peer(descriptor) < 0 || dup2(descriptor, CONFINE_CONNECTION) < 0)
        return berth_fail(reterr, BERTH_E_STATE, "no connection to '%s' port %s: %s",
                          setup->address, setup->port, strerror(errno));
    if (descriptor != CONFINE_CONNECTION)
        (void)close(descriptor);
    else
        (void)fcntl(descriptor, F_SETFD, 0);
    (void)fcntl(CONFINE_CONNECTION, F_SETFL, 0); /* blocking, as a new socket */
    return 0;
}

int confine_and_exec(const struct confine_setup *setup, struct berth_error *reterr)
{
    const struct rlimit none = { 0 };
    int r = 0;

    drop_controlling_terminal();
    if (setup->address)
        r = connect_desktop(setup, reterr);
    if (r < 0)
        return r;
    if (setup->address)
        connection_report_send(CONFINE_CONNECTION, CONFINE_REPORT);
    else
        (void)close(CONFINE_REPORT); /* the client must not have it */
    if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return berth_fail(reterr, BERTH_E_IO, "no_new_privs: %s", strerror(errno));
    r = limit_files_and_ports(setup, reterr);
    if (r < 0)
        return r;
    r = limit_calls(setup, reterr);
    if (r < 0)
        return r;
    (void)execv(setup->argv[0], setup->argv);
    return berth_fail(reterr, BERTH_E_IO, "'%s': %s", setup->argv[0], strerror(errno));
}

bool confine_display_is_local(const char *display)
{
    return !display || !display[0] || display[0] == ':' || strncmp(display, "unix:", 5) == 0;
}

int confine_main(int argc, char **argv)
{
    struct berth_error error = { 0 };
    const char *display = getenv("DISPLAY");
    struct confine_setup setup;

    if (argc < 6 || strcmp(argv[4], "--") != 0) {
        (void)fprintf(stderr,
                      "usage: berth-agent confine HOME ADDRESS|- PORT -- PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    setup = (struct confine_setup){ .home = argv[1],
                                    .address = strcmp(argv[2], "-") == 0 ? NULL : argv[2],
                                    .port = argv[3],
                                    .network = !confine_display_is_local(display),
                                    .argv = argv + 5 };
    (void)confine_and_exec(&setup, &error);
    (void)fprintf(stderr, CONFINE_MESSAGE_PREFIX "%s\n", error.text);
    return error.code == BERTH_E_STATE ? EXIT_CONNECT : 127;
}
