/* site.c - starts and ends libvirt, the broker and the network namespace of a run. */
#include "site.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lean/rdp_responder.h"

#include "program.h"
#include "rest.h"

#define READY_MS 60000
#define STOP_MS 30000
#define LINK_PORT 7443
#define BACKLOG 4096
#define HANDSHAKES 512 /* the default */

/* ---- namespace and folder ---- */

static int raise_loopback(struct berth_error *reterr)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
    int r;

    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "lo");
    r = descriptor < 0 ? -1 : ioctl(descriptor, SIOCSIFFLAGS, &request);
    if (r < 0)
        (void)berth_fail(reterr, BERTH_E_IO, "loopback: %s", strerror(errno));
    if (descriptor >= 0)
        (void)close(descriptor);
    return r < 0 ? BERTH_E_IO : 0;
}

int site_isolate(struct berth_error *reterr)
{
    if (unshare(CLONE_NEWNET) < 0)
        return berth_fail(reterr, BERTH_E_DENIED, "no network namespace (root is needed): %s",
                          strerror(errno));
    return raise_loopback(reterr);
}

const char *site_path(const struct site *site, const char *name, char *out)
{
    (void)snprintf(out, STORM_PATH + 64, "%s/%s", site->folder, name);
    return out;
}

static int write_file(const char *path, const char *text, struct berth_error *reterr)
{
    FILE *file = fopen(path, "we");
    bool ok = file && fputs(text, file) >= 0;

    if (file && fclose(file) != 0)
        ok = false;
    return ok ? 0 : berth_fail(reterr, BERTH_E_IO, "%s: %s", path, strerror(errno));
}

static int make_folder(struct site *site, struct berth_error *reterr)
{
    static const char *const inner[] = { "run", "disks", "libvirt" };
    char path[STORM_PATH + 64];

    (void)snprintf(site->folder, sizeof(site->folder), "%.200s/berth-storm.XXXXXX",
                   site->options->work);
    (void)umask(077);
    if (!mkdtemp(site->folder))
        return berth_fail(reterr, BERTH_E_IO, "%s: %s", site->folder, strerror(errno));
    for (size_t i = 0; i < BERTH_COUNT(inner); i++)
        if (mkdir(site_path(site, inner[i], path), 0700) < 0)
            return berth_fail(reterr, BERTH_E_IO, "%s: %s", path, strerror(errno));
    return 0;
}

/* ---- libvirt ---- */

static int start_libvirt(struct site *site, struct berth_error *reterr)
{
    char folder[STORM_PATH + 64];
    char owner[24];
    const char *argv[] = { STORM_DEPLOY "/lib/private-libvirtd",
                           "start",
                           site_path(site, "libvirt", folder),
                           "--owner",
                           owner,
                           NULL };
    int r;

    (void)snprintf(owner, sizeof(owner), "%d", (int)getpid());
    site->libvirt_runs = true; /* half-started counts */
    r = program_run(argv, site->libvirt, sizeof(site->libvirt), reterr);
    if (r < 0)
        return r;
    (void)snprintf(site->uri, sizeof(site->uri), "test+unix:///default?socket=%s", site->libvirt);
    return 0;
}

/* The driver gives machine number n the address 20 * (n - 1) + 1 after the first of the range. */
static const char network[] =
    "<network><name>storm</name><bridge name='virbr77'/><forward mode='nat'/>"
    "<ip address='127.64.0.1' netmask='255.255.0.0'>"
    "<dhcp><range start='127.64.0.2' end='127.64.255.250'/></dhcp></ip></network>\n";

static const char template[] =
    "<domain type='test'><name>storm</name><memory unit='MiB'>64</memory>"
    "<os><type>hvm</type></os><devices>"
    "<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>"
    "<source pool='berth' volume='desktop.qcow2'/><target dev='vda' bus='virtio'/></disk>"
    "<interface type='network'><source network='storm'/></interface>"
    "</devices></domain>\n";

static bool has_text(const char *path, const char *wanted)
{
    char text[4096] = "";
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file)
        (void)fclose(file);
    text[size] = '\0';
    return strstr(text, wanted) != NULL;
}

static void pause_ms(long ms)
{
    const struct timespec time = { .tv_nsec = ms * 1000000L };

    (void)nanosleep(&time, NULL);
}

/* The test driver keeps its machines while a client is connected: this virsh stays connected. */
static int prepare_libvirt(struct site *site, struct berth_error *reterr)
{
    char log[STORM_PATH + 64];
    char path[STORM_PATH + 64];
    const char *argv[] = { "virsh", "--connect", site->uri, NULL };
    char words[2 * STORM_PATH + 256];
    int r;

    r = write_file(site_path(site, "network.xml", path), network, reterr);
    if (r == 0)
        r = write_file(site_path(site, "template.xml", path), template, reterr);
    if (r == 0)
        r = program_start(argv, site_path(site, "virsh.log", log), &site->virsh_input, &site->virsh,
                          reterr);
    if (r < 0)
        return r;
    (void)snprintf(words, sizeof(words),
                   "net-define %s/network.xml\nnet-start storm\n"
                   "pool-define-as berth dir --target %s/disks\npool-start berth\n"
                   "echo furnished\n",
                   site->folder, site->folder);
    if (write(site->virsh_input, words, strlen(words)) != (ssize_t)strlen(words))
        return berth_fail(reterr, BERTH_E_IO, "virsh does not listen");
    for (int waited = 0; waited < 20000; waited += 20) {
        if (has_text(log, "\nfurnished") || has_text(log, "# furnished"))
            return has_text(log, "error:")
                       ? berth_fail(reterr, BERTH_E_HOST, "virsh refused something; see %s", log)
                       : 0;
        pause_ms(20);
    }
    return berth_fail(reterr, BERTH_E_TIMEOUT, "virsh does not answer; see %s", log);
}

/* ---- the broker ---- */

/* Options that a site of this size needs; the result lists them. */
static int write_options(struct site *site, struct berth_error *reterr)
{
    int64_t terminals = site->options->terminals;
    int64_t handshakes = terminals / 4 > HANDSHAKES ? terminals / 4 : HANDSHAKES;
    struct rlimit limit = { 0 };
    char path[STORM_PATH + 64];
    char text[2048];

    /* With few descriptors most are for terminals: it needs a tenth more than those. */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        (int64_t)limit.rlim_max < terminals * 11 / 10 + handshakes + 2048)
        handshakes = HANDSHAKES;
    (void)snprintf(text, sizeof(text),
                   "broker.terminals=%lld link.handshakes=%lld auth.hashing_queue=10000 "
                   "auth.badge_grace_s=36000",
                   (long long)terminals, (long long)handshakes);
    free(site->changed);
    site->changed = berth_strdup(text);
    (void)snprintf(text, sizeof(text),
                   "[broker]\ndata = %s/data\nterminals = %lld\nnames = localhost 127.0.0.1\n%s%s%s"
                   "[link]\nlisten = 127.0.0.1:7443\njoin_listen = 127.0.0.1:7444\n"
                   "handshakes = %lld\n"
                   "[auth]\nhashing_queue = 10000\nbadge_grace_s = 36000\n"
                   "[api]\nsocket = %s\n",
                   site->folder, (long long)terminals, site->recording ? "history = " : "",
                   site->recording ? site->history : "", site->recording ? "\n" : "",
                   (long long)handshakes, site->socket);
    return write_file(site_path(site, "berthd.conf", path), text, reterr);
}

/* Twice as many descriptors as terminals: the broker's own and ours are both below. */
static void raise_descriptors(int64_t terminals)
{
    rlim_t wanted = (rlim_t)terminals * 2 + 16384;
    struct rlimit limit = { .rlim_cur = wanted, .rlim_max = wanted };

    /* Without the right to raise it the present limit must do; berthd refuses when it is too low.
     */
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* As deploy/systemd/berthd.socket: clients that connect while the broker starts wait in the
 * backlog. */
static int open_listener(struct site *site, struct berth_error *reterr)
{
    struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(LINK_PORT) };
    int yes = 1;

    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    site->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (site->listener < 0 ||
        setsockopt(site->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        bind(site->listener, (struct sockaddr *)&place, sizeof(place)) < 0 ||
        listen(site->listener, BACKLOG) < 0)
        return berth_fail(reterr, BERTH_E_IO, "the terminals' port: %s", strerror(errno));
    return 0;
}

int site_spawn_broker(struct site *site, struct berth_error *reterr)
{
    char program[STORM_PATH + 64];
    char config[STORM_PATH + 64];
    char log[STORM_PATH + 64];
    const char *argv[] = { "sh",
                           "-c",
                           "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=terminals exec \"$@\"",
                           "sh",
                           program,
                           "--config",
                           site_path(site, "berthd.conf", config),
                           NULL };
    int r = write_options(site, reterr);

    (void)snprintf(program, sizeof(program), "%s/berthd", site->options->bin);
    return r < 0 ? r
                 : program_start_with(argv, site_path(site, "berthd.log", log), site->listener,
                                      &site->berthd, reterr);
}

int site_start_broker(struct site *site, struct berth_error *reterr)
{
    char log[STORM_PATH + 64];
    struct berth_error error = { 0 };
    int r = site_spawn_broker(site, reterr);

    if (r < 0)
        return r;
    (void)site_path(site, "berthd.log", log);
    for (int waited = 0; waited < READY_MS; waited += 5) {
        if (program_is_over(&site->berthd))
            return berth_fail(reterr, BERTH_E_IO, "berthd ended at once; see %s", log);
        if (rest_one(site->socket, "GET", "/readyz", NULL, NULL, &error) == 0)
            return 0;
        pause_ms(5);
    }
    return berth_fail(reterr, BERTH_E_TIMEOUT, "berthd is not ready: %.180s", error.text);
}

void site_stop_broker(struct site *site, bool kill)
{
    program_end(&site->berthd, kill ? SIGKILL : SIGTERM, STOP_MS);
}

int site_copy(const char *from, const char *to, struct berth_error *reterr)
{
    const char *argv[] = { "cp", "-a", from, to, NULL };

    return program_run(argv, NULL, 0, reterr);
}

/* ---- all of it ---- */

int site_open(struct site *site, const struct storm_options *options, struct berth_error *reterr)
{
    int r;

    *site = (struct site){ .options = options, .virsh_input = -1, .listener = -1 };
    (void)snprintf(site->address, sizeof(site->address), "127.0.0.1");
    r = make_folder(site, reterr);
    if (r < 0)
        return r;
    raise_descriptors(options->terminals);
    if (options->berthd[0]) {
        (void)snprintf(site->socket, sizeof(site->socket), "%s", options->berthd);
        return 0;
    }
    site->ours = true;
    (void)snprintf(site->socket, sizeof(site->socket), "%.240s/run/berthd.sock", site->folder);
    if (!options->unrecorded)
        (void)snprintf(site->history, sizeof(site->history), "%s/berthd.history", site->folder);
    r = open_listener(site, reterr);
    if (r == 0)
        r = rdp_responder_start("0.0.0.0", SITE_RDP_PORT, 1, &site->responder, reterr);
    if (r == 0)
        r = start_libvirt(site, reterr);
    if (r == 0)
        r = prepare_libvirt(site, reterr);
    return r;
}

static void report_failure(int r, const struct berth_error *error)
{
    if (r < 0)
        (void)fprintf(stderr, "berth-storm: %s\n", error->text);
}

void site_close(struct site *site)
{
    char folder[STORM_PATH + 64];
    const char *stop[] = { STORM_DEPLOY "/lib/private-libvirtd", "stop",
                           site_path(site, "libvirt", folder), NULL };
    const char *sweep[] = { "rm", "-rf", "--one-file-system", site->folder, NULL };
    struct berth_error error = { 0 };

    site_stop_broker(site, false);
    if (site->virsh_input >= 0)
        (void)close(site->virsh_input);
    program_end(&site->virsh, SIGTERM, 2000);
    if (site->libvirt_runs)
        report_failure(program_run(stop, NULL, 0, &error), &error);
    if (site->listener >= 0)
        (void)close(site->listener);
    if (site->responder)
        rdp_responder_stop(site->responder);
    if (site->options->keep)
        (void)fprintf(stderr, "berth-storm: %s is kept\n", site->folder);
    else if (site->folder[0])
        report_failure(program_run(sweep, NULL, 0, &error), &error);
    free(site->changed);
}
