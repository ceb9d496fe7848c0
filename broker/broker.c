/* broker.c - start and stop as checklists: opens every module in order, serves, and closes them in
 * the opposite order. */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "berth/history_file.h"
#include "berth/log.h"
#include "berth/notify.h"
#include "berth/tls.h"

#include "api/api.h"
#include "auth/auth_setup.h"
#include "flow/reactor.h"
#include "link/link.h"
#include "link/upload.h"
#include "rdp/probe_setup.h"
#include "virt/virt_setup.h"

#include "broker_internal.h"
#include "counters.h"

/* How long running flows may take to end by themselves when the broker stops. */
#define QUIESCE_MS 10000

/* ---- helpers of the start ---- */

static int make_folder(const char *folder, struct berth_error *reterr)
{
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return berth_fail(reterr, BERTH_E_IO, "cannot create the data folder '%s': %s", folder,
                          strerror(errno));
    return 0;
}

static void set_log(const struct options *options)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        { "error", LOG_ERROR }, { "warn", LOG_WARN }, { "info", LOG_INFO }, { "debug", LOG_DEBUG }
    };
    enum log_level level = LOG_INFO;

    for (size_t i = 0; i < BERTH_COUNT(levels); i++) {
        if (strcmp(levels[i].name, options->log_level) == 0)
            level = levels[i].level;
    }
    log_setup("berthd", strcmp(options->log_format, "json") == 0, level);
}

static struct link_limits link_limits_of(const struct options *options)
{
    return (struct link_limits){ .handshakes = options->handshakes,
                                 .handshakes_source = options->handshakes_source,
                                 .handshake_ms = options->handshake_s * 1000,
                                 .messages_s = options->messages_s };
}

static void set_presence_limits(struct broker *broker)
{
    struct core *core = broker->context.core;
    const struct options *options = &broker->options;

    core->limits.grant_ms = options->grant_s * 1000;
    core->limits.renew_ms = options->renew_s * 1000;
    core->limits.suspect_ms = options->suspect_s * 1000;
    core->limits.link_grace_ms = options->link_grace_s * 1000;
    core->limits.badge_grace_ms = options->badge_grace_s * 1000;
    core->limits.resume_ms = options->resume_s * 1000;
}

/* libuv drops connections silently when descriptors run out, so the limit must be above what the
 * options allow to be open. */
static int check_descriptors(const struct options *options, struct berth_error *reterr)
{
    struct link_limits limits = link_limits_of(options);
    rlim_t needed =
        (rlim_t)(link_descriptors(options->terminals, &limits) + options->api_connections * 6);
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return berth_fail(reterr, BERTH_E_INTERNAL,
                          "cannot read the limit of open files (RLIMIT_NOFILE): %s",
                          strerror(errno));
    if (limit.rlim_cur < needed && limit.rlim_max >= needed) {
        limit.rlim_cur = needed;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < needed) {
        return berth_fail(
            reterr, BERTH_E_CONFIG,
            "too few descriptors for %lld terminals: %llu are allowed, %llu are needed "
            "(raise LimitNOFILE or lower broker.terminals)",
            (long long)options->terminals, (unsigned long long)limit.rlim_max,
            (unsigned long long)needed);
    }
    return 0;
}

/* When the service manager cannot be notified that is logged, and otherwise ignored. */
static void notify_manager(const char *lines)
{
    struct berth_error error = { 0 };

    if (notify_send(lines, &error) < 0)
        log_failure(EV_FLOW_FAILED, &error, "notify the service manager");
}

/* ---- what modules call back ---- */

static void wake_store(void *context)
{
    struct broker *broker = context;

    /* Posted once until it is handled: store_turn takes all that is ready. */
    if (!atomic_exchange(&broker->store_woke, true))
        loop_post(&broker->loop, &broker->store_mail);
}

static void turn_store(struct loop_mail *mail)
{
    struct broker *broker = container_of(mail, struct broker, store_mail);

    atomic_store(&broker->store_woke, false);
    if (broker->context.store)
        store_turn(broker->context.store);
}

static void store_failed(void *context, const struct berth_error *error)
{
    struct broker *broker = context;

    log_failure(EV_STORE_FAILED, error, broker->options.data);
    broker->fault = *error;
    loop_stop(&broker->loop);
}

static void digest(const char *text, char hex[72])
{
    tls_sha256_hex(text, strlen(text), hex);
}

/* ---- the start, module by module ---- */

static int open_history(struct broker *broker, struct berth_error *reterr)
{
    if (!broker->options.history[0])
        return 0;
    return history_file_open(broker->options.history, "berthd", false, &broker->history, reterr);
}

static int open_store(struct broker *broker, struct berth_error *reterr)
{
    const struct store_setup setup = {
        .folder = broker->options.data,
        .timers = &broker->loop.timers,
        .wake = wake_store,
        .failed = store_failed,
        .context = broker,
        .history = broker->history,
        .feed_retention_ms = broker->options.feed_days * 86400000,
    };
    int r;

    r = make_folder(broker->options.data, reterr);
    if (r < 0)
        return r;
    broker->store_mail.run = turn_store;
    r = store_open(&setup, &broker->context.store, reterr);
    if (r < 0)
        return r;
    broker->context.core = core_new(&broker->loop.timers, &broker->random);
    broker->context.core->digest = digest;
    broker->context.core->history = broker->history;
    set_presence_limits(broker);
    broker->context.core->recovery_until_ms =
        broker->loop.timers.mono_ms + broker->options.recovery_s * 1000;
    broker->context.settings.recovery_ms = broker->options.recovery_s * 1000;
    return store_load(broker->context.store, broker->context.core, reterr);
}

static int open_auth(struct broker *broker, struct berth_error *reterr)
{
    const struct options *options = &broker->options;
    struct berth_timers *timers = &broker->loop.timers;
    int r;

    broker->hashing =
        offload_new(&broker->loop, (int)options->hashing_threads, (size_t)options->hashing_queue);
    broker->signing = offload_new(&broker->loop, 1, 4096);
    r = ca_open(&(struct ca_setup){ .folder = options->data,
                                    .site = "Berth",
                                    .certificate_h = options->certificate_h,
                                    .signing = broker->signing,
                                    .timers = timers,
                                    .random = &broker->random },
                &broker->context.ca, reterr);
    if (r < 0)
        return r;
    return auth_new(&(struct auth_setup){ .folder = options->data,
                                          .core = broker->context.core,
                                          .hashing = broker->hashing,
                                          .timers = timers,
                                          .random = &broker->random },
                    &broker->context.auth, reterr);
}

/* reactor_start connects the hosts, so virt and probe must exist before it. */
static void open_flows(struct broker *broker)
{
    const char *program = broker->options.virt_program;
    const struct virt_listener listener = { .host = reactor_host_event,
                                            .machine = reactor_machine_event,
                                            .context = &broker->context };

    broker->context.virt = virt_new(&broker->loop, program[0] ? program : NULL, &listener);
    broker->context.probe = probe_new(&broker->loop);
    if (broker->history)
        virt_record(broker->context.virt, broker->options.history);
    flow_engine_init(&broker->context.engine, &broker->loop.timers);
    reactor_start(&broker->context);
    broker->flows_started = true;
}

static int open_link(struct broker *broker, struct listen_sockets *sockets,
                     struct berth_error *reterr)
{
    const struct options *options = &broker->options;
    int r =
        link_new(&(struct link_setup){ .loop = &broker->loop,
                                       .context = &broker->context,
                                       .folder = options->data,
                                       .names = options->names,
                                       .listen = options->link_listen,
                                       .join_listen = options->join_listen,
                                       .listen_descriptor = listen_find(sockets, "terminals"),
                                       .join_listen_descriptor = listen_find(sockets, "joining"),
                                       .threads = (int)options->link_threads,
                                       .terminals = options->terminals,
                                       .limits = link_limits_of(options) },
                 &broker->link, reterr);

    if (r >= 0)
        broker->context.core->limits.link_threads = link_threads(broker->link);
    return r;
}

/* The name at which invited terminals find the broker: the first one that is not local to this
 * machine. */
static void first_public_name(const char *names, char *ret, size_t size)
{
    char copy[CONF_TEXT_MAX];
    char *rest = copy;
    char *word;

    copy_text(copy, names);
    (void)snprintf(ret, size, "localhost");
    while ((word = strsep(&rest, " "))) {
        if (*word && strcmp(word, "localhost") != 0 && strcmp(word, "::1") != 0 &&
            strncmp(word, "127.", 4) != 0) {
            berth_copy_text(ret, size, word);
            return;
        }
    }
}

static void connection_taken(void *context, int descriptor, const struct sockaddr *from,
                             socklen_t from_size)
{
    struct broker *broker = context;

    api_adopt(broker->api, descriptor, from, from_size);
}

static void address_known(void *context, const char *address)
{
    const struct broker *broker = context;

    link_api_trust(broker->link, address);
}

/* Open the logs that a terminal uploaded, for a download through the API. */
static int open_log_archive(void *context, uint64_t command_id)
{
    const struct broker *broker = context;
    char path[UPLOAD_PATH];

    if (upload_path(broker->options.data, command_id, path, NULL) < 0)
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static int open_api(struct broker *broker, struct listen_sockets *sockets,
                    struct berth_error *reterr)
{
    const struct options *options = &broker->options;
    int descriptor = listen_find(sockets, "api");
    char host[CONF_TEXT_MAX];
    int r;

    first_public_name(options->names, host, sizeof(host));
    r = api_new(&broker->loop, &broker->context,
                &(struct api_setup){ .socket = options->api_socket,
                                     .listener = listen_find(sockets, "local"),
                                     .group = options->api_group,
                                     .authority = ca_certificate(broker->context.ca),
                                     .host = host,
                                     .link_port = link_port(broker->link),
                                     .join_port = link_join_port(broker->link),
                                     .connections = (size_t)options->api_connections,
                                     .sign_in_ms = options->sign_in_s * 1000,
                                     .metrics = broker_counters,
                                     .options = broker_options,
                                     .log_upload = open_log_archive,
                                     .address_known = address_known,
                                     .context = broker },
                &broker->api, reterr);
    if (r < 0 || (descriptor < 0 && !options->api_listen[0]))
        return r;
    return link_listen_api(broker->link,
                           &(struct link_api_setup){ .listen = options->api_listen,
                                                     .listen_descriptor = descriptor,
                                                     .connections = options->api_connections,
                                                     .taken = connection_taken,
                                                     .context = broker },
                           reterr);
}

static int start(struct broker *broker, struct berth_error *reterr)
{
    struct listen_sockets sockets;
    int r;

    r = listen_take(&sockets, reterr);
    if (r >= 0)
        r = check_descriptors(&broker->options, reterr);
    if (r >= 0)
        r = open_history(broker, reterr);
    if (r >= 0)
        r = open_store(broker, reterr);
    if (r >= 0)
        r = open_auth(broker, reterr);
    if (r < 0)
        return r;
    open_flows(broker);
    r = open_link(broker, &sockets, reterr);
    if (r >= 0)
        r = open_api(broker, &sockets, reterr);
    (void)listen_close_rest(&sockets);
    return r;
}

/* ---- the stop, in the opposite order ---- */

static void quiesced(struct op *op, berth_unused int result)
{
    struct broker *broker = container_of(op, struct broker, quiesce);

    loop_stop(&broker->loop);
}

static void close_signal(uv_signal_t *signal)
{
    (void)uv_signal_stop(signal);
    uv_close((uv_handle_t *)signal, NULL);
}

static void stop(struct broker *broker)
{
    if (broker->api)
        api_free(broker->api);
    if (broker->link)
        link_free(broker->link);
    if (broker->flows_started)
        reactor_stop(&broker->context);
    if (broker->context.virt)
        virt_free(broker->context.virt);
    if (broker->context.probe)
        probe_free(broker->context.probe);
    /* Jobs that the threads still finish complete into auth and ca. */
    if (broker->hashing)
        offload_free(broker->hashing);
    if (broker->signing)
        offload_free(broker->signing);
    if (broker->context.auth)
        auth_free(broker->context.auth);
    if (broker->context.ca)
        ca_free(broker->context.ca);
    if (broker->context.store)
        store_close(broker->context.store);
    broker->context.store = NULL;
    if (broker->stopping && !broker->fault.code)
        history_write(broker->history, history_now_us(), HISTORY_broker, broker,
                      .event = history_broker_event_STOPPED,
                      .incarnation = broker->context.core->incarnation);
    if (broker->context.core)
        core_free(broker->context.core);
    timer_stop(&broker->loop.timers, &broker->watchdog);
    for (size_t i = 0; i < BERTH_COUNT(broker->signals); i++)
        close_signal(&broker->signals[i]);
    loop_close(&broker->loop);
    history_file_close(broker->history);
}

/* ---- signals ---- */

/* Stop in order: begin nothing new, let running flows end, then stop the loop. A second signal
 * stops at once. */
static void stop_asked(uv_signal_t *signal, int number)
{
    struct broker *broker = signal->data;

    log_event(EV_BROKER_STOPPING, "signal", number);
    notify_manager("STOPPING=1");
    if (broker->stopping) {
        loop_stop(&broker->loop);
        return;
    }
    broker->stopping = true;
    api_stop(broker->api);
    op_init(&broker->quiesce, &broker->loop.timers, quiesced);
    if (reactor_quiesce(&broker->context, QUIESCE_MS, &broker->quiesce) < 0)
        loop_stop(&broker->loop);
}

static void option_changed(const struct conf_option *option, bool reloadable)
{
    char name[96];

    (void)snprintf(name, sizeof(name), "%s.%s", option->section, option->key);
    log_event(EV_BROKER_RELOADED, "option", name, "takes_effect",
              reloadable ? "now" : "with the next start");
}

static void reload_asked(uv_signal_t *signal, berth_unused int number)
{
    struct broker *broker = signal->data;
    struct berth_error error = { 0 };
    struct link_limits limits;
    struct options fresh;

    if (broker->reload.read(broker->reload.source, &fresh, &error) < 0) {
        log_failure(EV_CONFIG_REFUSED, &error, "reload: the configuration in force is kept");
        return;
    }
    conf_reload(options_table, options_count, &broker->options, &fresh, option_changed);
    set_log(&broker->options);
    set_presence_limits(broker);
    store_set_feed_retention(broker->context.store, broker->options.feed_days * 86400000);
    limits = link_limits_of(&broker->options);
    link_set_limits(broker->link, &limits);
    ca_set_certificate_h(broker->context.ca, broker->options.certificate_h);
    api_reload(broker->api, broker->options.sign_in_s * 1000);
    log_event(EV_BROKER_RELOADED, "data", broker->options.data);
}

static void listen_to_signals(struct broker *broker)
{
    static const struct {
        int number;
        uv_signal_cb taken;
    } signals[] = { { SIGTERM, stop_asked }, { SIGINT, stop_asked }, { SIGHUP, reload_asked } };

    for (size_t i = 0; i < BERTH_COUNT(signals); i++) {
        (void)uv_signal_init(&broker->loop.uv, &broker->signals[i]);
        broker->signals[i].data = broker;
        (void)uv_signal_start(&broker->signals[i], signals[i].taken, signals[i].number);
    }
}

static void feed_watchdog(struct berth_timer *timer)
{
    struct broker *broker = container_of(timer, struct broker, watchdog);

    notify_manager("WATCHDOG=1");
    timer_start(&broker->loop.timers, timer, notify_watchdog_ms(), feed_watchdog);
}

/* ---- from start to stop ---- */

static void serve(struct broker *broker)
{
    loop_watch_stalls(&broker->loop);
    if (notify_watchdog_ms() > 0)
        feed_watchdog(&broker->watchdog);
    notify_manager("READY=1\nSTATUS=serving");
    log_event(EV_BROKER_READY, "terminals", link_port(broker->link), "joining",
              link_join_port(broker->link), "socket", broker->options.api_socket, "incarnation",
              broker->context.core->incarnation);
    loop_run(&broker->loop);
}

int broker_run(const struct options *options, const struct broker_reload *reload,
               struct berth_error *reterr)
{
    berth_cleanup(berth_freep) struct broker *broker = berth_new(struct broker);
    int r;

    broker->options = *options;
    broker->reload = *reload;
    set_log(options);
    log_event(EV_BROKER_STARTING, "version", BERTH_VERSION, "data", options->data);
    random_system(&broker->random);
    r = loop_init(&broker->loop, reterr);
    if (r < 0)
        return r;
    broker->context.timers = &broker->loop.timers;
    broker->context.random = &broker->random;
    listen_to_signals(broker);
    r = start(broker, reterr);
    if (r >= 0)
        serve(broker);
    stop(broker);
    if (r >= 0 && broker->fault.code) {
        *reterr = broker->fault;
        return broker->fault.code;
    }
    return r;
}

int broker_exit_code(int result)
{
    if (result >= 0)
        return 0;
    return result == BERTH_E_STORE ? 3 : 2;
}
