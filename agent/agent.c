/* agent.c - start, main loop and shutdown of berth-agent. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/history_file.h"
#include "berth/log.h"
#include "berth/notify.h"

#include "control/control.h"
#include "flow/reactor.h"
#include "host/linux_device.h"
#include "host/log_file.h"
#include "identity/identity_file.h"
#include "link/resolver.h"
#include "link/uplink_tls.h"
#include "screen/greeter_supervisor.h"
#include "viewer/xfreerdp.h"

#include "bootstrap.h"

/* The shutdown waits this long for children and handles. */
#define STOP_MS 5000
/* The kernel's own limit is 4 KiB. */
#define COMMAND_LINE_MAX 8192
#define VIEWER_LOG "viewer.log"
/* Turns of the loop longer than this are logged: a third of the time allowed between a request to
 * blank the screen and a blank screen. Making a key or reading the CA takes 10 to 20 ms.
 */
#define SLOW_MS 50
/* Interval of the check whether the log file is too large. */
#define LOG_ROTATION_MS 60000

struct agent {
    const struct agent_options *options;
    struct berth_loop loop;
    struct berth_random random;
    struct state_dir state_dir;
    struct bootstrap bootstrap;
    struct agent_flow flow;
    struct control *control;
    char viewer_home[CONF_TEXT_MAX + 16];
    char viewer_log[CONF_TEXT_MAX + 32];
    struct berth_timer log_rotation;
    uv_signal_t terminate;
    uv_signal_t interrupt;
    bool stop;
};

static void stop_requested(uv_signal_t *handle, int number)
{
    struct agent *agent = handle->data;

    log_event(EV_AGENT_STOPPING, "signal", number);
    agent->stop = true;
}

static int watch_signals(struct agent *agent, struct berth_error *reterr)
{
    int r;

    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return berth_fail(reterr, BERTH_E_IO, "SIGPIPE: %s", strerror(errno));
    (void)uv_signal_init(&agent->loop.uv, &agent->terminate);
    (void)uv_signal_init(&agent->loop.uv, &agent->interrupt);
    agent->terminate.data = agent;
    agent->interrupt.data = agent;
    r = uv_signal_start(&agent->terminate, stop_requested, SIGTERM);
    if (r == 0)
        r = uv_signal_start(&agent->interrupt, stop_requested, SIGINT);
    return r < 0 ? berth_fail(reterr, BERTH_E_IO, "signals: %s", uv_strerror(r)) : 0;
}

/* "" when it cannot be read, as in some containers. */
static void read_command_line(char *out, size_t size)
{
    int file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, out, size - 1) : -1;

    out[got > 0 ? got : 0] = '\0';
    if (file >= 0)
        (void)close(file);
}

static int load_bootstrap(struct agent *agent, struct berth_error *reterr)
{
    char command_line[COMMAND_LINE_MAX];
    struct agent_flow *flow = &agent->flow;
    int r;

    read_command_line(command_line, sizeof(command_line));
    r = bootstrap_load(agent->options, command_line, flow->device, &agent->bootstrap, reterr);
    explicit_bzero(command_line, sizeof(command_line));
    if (r < 0)
        return r;
    if (agent->bootstrap.authority_hash[0])
        r = agent_identity_trust(flow->identity, agent->bootstrap.authority_hash, reterr);
    return r;
}

/* Copy addresses and secrets into the flows' options; again after every invitation. */
static void apply_bootstrap(struct agent *agent)
{
    struct agent_flow_options *options = &agent->flow.options;

    options->links = agent->bootstrap.links;
    options->joins = agent->bootstrap.joins;
    options->invitation = agent->bootstrap.invitation;
    options->boot_secret = agent->bootstrap.boot_secret;
    secret_wipe(&agent->bootstrap.invitation);
}

static int open_state(struct agent *agent, struct berth_error *reterr)
{
    const struct agent_options *options = agent->options;
    bool boot = strcmp(options->identity, "boot") == 0;
    const char *home = boot || !options->state[0] ? NULL : options->state;
    int r = state_dir_open(&agent->state_dir, home, reterr);

    if (r < 0)
        return r;
    if (home) {
        (void)snprintf(agent->viewer_home, sizeof(agent->viewer_home), "%s/viewer", home);
        (void)snprintf(agent->viewer_log, sizeof(agent->viewer_log), "%s/" VIEWER_LOG, home);
    } else {
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        (void)snprintf(agent->viewer_home, sizeof(agent->viewer_home), "%.200s/berth-viewer-%u",
                       runtime ? runtime : "/tmp", (unsigned)geteuid());
    }
    return agent_identity_open(&agent->state_dir, &agent->flow.identity, reterr);
}

/* state_dir_open creates the viewer's home, or fails when others may access it. */
static int make_home(const struct agent *agent, struct berth_error *reterr)
{
    struct state_dir home;
    int r = state_dir_open(&home, agent->viewer_home, reterr);

    if (r == 0)
        state_dir_close(&home);
    return r;
}

static int open_ports(struct agent *agent, struct berth_error *reterr)
{
    const struct agent_options *options = agent->options;
    struct agent_flow *flow = &agent->flow;
    const struct linux_device_setup device = { .state_dir = &agent->state_dir,
                                               .reboot_command = options->reboot_command,
                                               .log_file = options->log_file,
                                               .viewer_log = agent->viewer_log };
    const struct xfreerdp_setup viewer = { .self = agent_executable_path(),
                                           .program = options->viewer,
                                           .home = agent->viewer_home,
                                           .display = options->display,
                                           .authority = options->authority,
                                           .log_file = agent->viewer_log };
    const struct screen_setup screen = { .program = options->greeter,
                                         .display = options->display,
                                         .authority = options->authority };

    flow->device = device_new(&agent->loop, &device);
    flow->uplink = uplink_new(&agent->loop);
    flow->viewer = viewer_new(&agent->loop, &viewer);
    flow->screen = screen_new(&agent->loop, &screen);
    flow->locator = locator_new(&agent->loop, &agent->random, options->dns_domain,
                                options->dns_servers, reterr);
    if (!flow->locator)
        return BERTH_E_CONFIG;
    return load_bootstrap(agent, reterr);
}

/* For the control socket: the request `join` with the text of an invitation. */
static int join_with_invitation(void *context, const char *invitation, struct berth_error *reterr)
{
    struct agent *agent = context;
    struct agent_flow *flow = &agent->flow;
    struct invite invite;
    int r = invite_parse(invitation, &invite, reterr);

    if (r == 0)
        r = agent_identity_trust(flow->identity, invite.authority_hash, reterr);
    if (r == 0)
        r = bootstrap_take_invitation(&agent->bootstrap, &invite, flow->device, reterr);
    explicit_bzero(&invite, sizeof(invite));
    if (r < 0)
        return r;
    apply_bootstrap(agent);
    agent_flow_rejoin(flow);
    return 0;
}

/* The modification time of the program stands for the build time of the image. */
static int64_t built_ms(void)
{
    struct stat facts;

    return stat(agent_executable_path(), &facts) == 0 ? (int64_t)facts.st_mtime * 1000 : 0;
}

static int open_all(struct agent *agent, struct berth_error *reterr)
{
    struct agent_flow *flow = &agent->flow;
    int r = open_state(agent, reterr);

    if (r == 0)
        r = make_home(agent, reterr);
    if (r == 0 && agent->options->history[0])
        r = history_file_open(agent->options->history, "berth-agent", false, &flow->history,
                              reterr);
    if (r == 0)
        r = open_ports(agent, reterr);
    if (r < 0)
        return r;
    flow->timers = &agent->loop.timers;
    flow->random = &agent->random;
    flow->options.ask_dns = agent->options->dns;
    flow->options.built_ms = built_ms();
    flow->options.want_expires_ms = agent->options->presence_s * 1000;
    copy_text(flow->options.agent_version, BERTH_VERSION);
    apply_bootstrap(agent);
    agent_flow_start(flow);
    agent->control = control_new(&agent->loop, flow, agent->options->socket, join_with_invitation,
                                 agent, reterr);
    if (!agent->control)
        return reterr->code;
    screen_begin(flow->screen);
    return 0;
}

static bool all_closed(const struct agent *agent)
{
    const struct agent_flow *flow = &agent->flow;

    return (!agent->control || control_is_closed(agent->control)) &&
           screen_is_closed(flow->screen) && viewer_is_closed(flow->viewer) &&
           device_is_idle(flow->device);
}

/* Stop the flows and the children, and wait up to STOP_MS until all of them have ended. */
static void shut_down(struct agent *agent)
{
    struct agent_flow *flow = &agent->flow;
    int64_t until_ms = clock_mono_ms() + STOP_MS;

    if (!flow->screen) /* the start failed before the ports were opened */
        return;
    if (flow->timers)
        agent_flow_stop(flow);
    if (agent->control)
        control_end(agent->control);
    screen_end(flow->screen);
    while (!all_closed(agent) && clock_mono_ms() < until_ms)
        loop_turn(&agent->loop, 50);
}

static void free_ports(struct agent *agent)
{
    struct agent_flow *flow = &agent->flow;

    if (agent->control)
        control_free(agent->control);
    if (flow->locator)
        locator_free(flow->locator);
    if (flow->uplink)
        uplink_free(flow->uplink);
    if (flow->screen)
        screen_free(flow->screen);
    if (flow->viewer)
        viewer_free(flow->viewer);
    if (flow->device)
        device_free(flow->device);
    if (flow->identity)
        agent_identity_close(flow->identity);
    state_dir_close(&agent->state_dir);
    history_file_close(flow->history);
    secret_wipe(&flow->options.invitation);
    secret_wipe(&flow->options.boot_secret);
}

/* The kernel kills children that did not end in time when this process exits; until then their
 * handles prevent closing the loop. */
static void close_loop(struct agent *agent, bool closed)
{
    uv_close((uv_handle_t *)&agent->terminate, NULL);
    uv_close((uv_handle_t *)&agent->interrupt, NULL);
    if (closed)
        loop_close(&agent->loop);
}

static void rotate_log(struct berth_timer *timer)
{
    struct agent *agent = container_of(timer, struct agent, log_rotation);
    struct berth_error error = { 0 };

    if (log_file_rotate(agent->options->log_file, &error) < 0)
        log_failure(EV_AGENT_FLOW, &error, "log rotation");
    timer_start(&agent->loop.timers, timer, LOG_ROTATION_MS, rotate_log);
}

static void notify_service_manager(const char *lines)
{
    struct berth_error error = { 0 };

    if (notify_send(lines, &error) < 0)
        log_failure(EV_AGENT_FLOW, &error, "notifying the service manager");
}

int agent_run(const struct agent_options *options, struct berth_error *reterr)
{
    struct agent *agent = berth_new(struct agent);
    bool closed;
    int r;

    agent->options = options;
    agent->state_dir.folder = -1;
    list_init(&agent->state_dir.documents);
    random_system(&agent->random);
    r = loop_init(&agent->loop, reterr);
    if (r < 0) {
        free(agent);
        return r;
    }
    r = watch_signals(agent, reterr);
    if (r == 0)
        r = open_all(agent, reterr);
    if (r == 0) {
        loop_watch_stalls(&agent->loop);
        agent->loop.slow_limit_ms = SLOW_MS;
        if (options->log_file[0])
            rotate_log(&agent->log_rotation);
        notify_service_manager("READY=1");
        while (!agent->stop)
            loop_turn(&agent->loop, 1000);
        notify_service_manager("STOPPING=1");
        timer_stop(&agent->loop.timers, &agent->log_rotation);
    }
    shut_down(agent);
    closed = !agent->flow.screen || all_closed(agent);
    if (closed)
        free_ports(agent);
    close_loop(agent, closed);
    if (closed)
        free(agent);
    return r;
}
