/* http_server.c - run libmicrohttpd in the core loop: its epoll descriptor, its timeouts, and the
 * connections passed to it.
 *
 * The library does not listen: connections are accepted here or come from the TLS listener, so that
 * credentials of a peer are queried once, at the beginning.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "berth/log.h"

#include "api/ucred.h"

#include "api_internal.h"

#define BACKLOG 64
#define ACCEPT_DELAY_MS 100
#define ACCEPTS_A_TURN 16
#define SWEEP_MS 5000

static void http_server_run(struct api *api);

static void again_fired(struct berth_timer *timer)
{
    http_server_run(container_of(timer, struct api, again));
}

/* Run the library, then arm its next timeout, at least 1 ms: for a peer that sent half a record it
 * may return 0 for ever, and a timer of 0 would block the loop.
 */
static void http_server_run(struct api *api)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    if (!api->daemon)
        return;
    (void)MHD_run(api->daemon);
    if (MHD_get_timeout(api->daemon, &wait_ms) == MHD_YES) {
        int64_t wait = wait_ms < 1 ? 1 : wait_ms > 60000 ? 60000 : (int64_t)wait_ms;
        timer_start(&api->loop->timers, &api->again, wait, again_fired);
    } else {
        timer_stop(&api->loop->timers, &api->again);
    }
}

static void rerun_now(struct berth_deferred *deferred)
{
    http_server_run(container_of(deferred, struct api, rerun));
}

void http_server_schedule(struct api *api)
{
    if (!list_linked(&api->rerun.node))
        deferred_add(&api->loop->timers, &api->rerun, rerun_now);
}

static void became_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    http_server_run(container_of(poll, struct api, ready));
}

/* ---- connections ---- */

/* Remove the client with this descriptor from api->arriving; NULL: none. */
static struct http_client *arrived(struct api *api, int descriptor)
{
    /* Freed clients were removed from the list; the analyzer does not see that. */
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    list_each (&api->arriving, node) {
        struct http_client *client = list_entry(node, struct http_client, node);

        if (client->descriptor == descriptor) {
            list_remove(&client->node);
            return client;
        }
    }
    return NULL;
}

/* The library reports the begin and end of each connection: the begin inside MHD_add_connection
 * (0.9.75) or in a later MHD_run (1.0.1). So a connection is identified by its descriptor, and not
 * by the order. A connection that was not added here would be treated as unauthenticated.
 */
static void connection_notified(void *context, struct MHD_Connection *connection,
                                void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    struct api *api = (struct api *)context;
    struct http_client *client = (struct http_client *)*socket_context;
    int descriptor;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (client) {
            list_remove(&client->node);
            free(client);
        }
        *socket_context = NULL;
        return;
    }
    descriptor = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    client = arrived(api, descriptor);
    if (!client) {
        client = berth_new(struct http_client);
        client->descriptor = descriptor;
    }
    *socket_context = client;
    http_client_arrived(api, client);
}

/* The library owns the descriptor from here on; when it refuses the connection it closes the
 * descriptor and does not report it. So a client in api->arriving with the same descriptor was
 * refused before, because the number was assigned again.
 */
static void add_connection(struct api *api, const struct sockaddr *address, socklen_t size,
                           struct http_client *client)
{
    int descriptor = client->descriptor;

    free(arrived(api, descriptor));
    list_append(&api->arriving, &client->node);
    if (MHD_add_connection(api->daemon, descriptor, address, size) != MHD_YES) {
        log_event(EV_API_REFUSED, "reason", "the HTTP library did not take a connection");
        api->refused++;
        free(arrived(api, descriptor));
    }
    http_server_schedule(api);
}

static void accept_some(uv_poll_t *poll, int status, int events);

static void accept_again(struct berth_timer *timer)
{
    struct api *api = container_of(timer, struct api, accept_delay);

    (void)uv_poll_start(&api->listener, UV_READABLE, accept_some);
}

/* The listener stays readable and would wake the core loop without end. */
static void accept_later(struct api *api)
{
    if (!api->starved) {
        api->no_descriptors++;
        log_event(EV_NO_DESCRIPTORS, "listener", "api");
    }
    api->starved = true;
    (void)uv_poll_stop(&api->listener);
    timer_start(&api->loop->timers, &api->accept_delay, ACCEPT_DELAY_MS, accept_again);
}

static void accept_some(uv_poll_t *poll, int status, int events)
{
    struct api *api = container_of(poll, struct api, listener);

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct http_client *client;
        int descriptor = accept4(api->listen_descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (descriptor < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
            accept_later(api);
        if (descriptor < 0)
            return;
        api->starved = false;
        client = berth_new(struct http_client);
        client->local = true;
        client->descriptor = descriptor;
        client->member = ucred_may_manage(descriptor, api->group, &client->uid);
        add_connection(api, (struct sockaddr *)&address, sizeof(sa_family_t), client);
    }
}

/* A socket for both families reports IPv4 peers as IPv4-mapped IPv6 addresses. For IPv6 the network
 * is the /64. */
static void note_address(struct http_client *client, const struct sockaddr *address)
{
    const void *number = NULL;
    int family = address->sa_family;
    struct in6_addr network;

    if (family == AF_INET)
        number = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (family == AF_INET6) {
        network = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        number = &network;
        if (IN6_IS_ADDR_V4MAPPED(&network)) {
            number = &network.s6_addr[12];
            family = AF_INET;
        }
    }
    if (!number || uv_inet_ntop(family, number, client->address, sizeof(client->address)) < 0)
        (void)snprintf(client->address, sizeof(client->address), "unknown");
    memcpy(client->network, client->address, sizeof(client->network));
    if (family != AF_INET6)
        return;
    memset(&network.s6_addr[8], 0, 8);
    (void)uv_inet_ntop(AF_INET6, &network, client->network, sizeof(client->network));
}

void api_adopt(struct api *api, int descriptor, const struct sockaddr *address, socklen_t size)
{
    struct http_client *client;

    if (api->stopping || !api->daemon) {
        (void)close(descriptor);
        return;
    }
    client = berth_new(struct http_client);
    note_address(client, address);
    client->descriptor = descriptor;
    add_connection(api, address, size, client);
}

static void end_late(struct api *api, struct http_client *client)
{
    log_event(EV_API_REFUSED, "reason", "a request was not received completely in time", "from",
              client->local ? "socket" : client->address);
    api->refused++;
    client->receiving_ms = 0;
    (void)shutdown(client->descriptor, SHUT_RDWR);
}

/* A request must be received completely in time; single bytes now and then do not extend that. */
static void sweep_due(struct berth_timer *timer)
{
    struct api *api = container_of(timer, struct api, sweep);
    int64_t now_ms = api->loop->timers.mono_ms;

    list_each (&api->clients, node) {
        struct http_client *client = list_entry(node, struct http_client, node);

        if (client->receiving_ms && now_ms - client->receiving_ms > RECEIVE_MS)
            end_late(api, client);
    }
    caller_sweep(api);
    request_end_lost(api);
    events_heartbeat(api);
    timer_start(&api->loop->timers, &api->sweep, SWEEP_MS, sweep_due);
}

/* ---- the Unix socket ---- */

/* A socket on which nothing listens was left by a killed broker and is removed; otherwise another
 * broker is running. */
static int remove_stale_socket(const char *path, const struct sockaddr_un *address,
                               struct berth_error *reterr)
{
    struct stat facts;
    int probe;
    int r;

    if (lstat(path, &facts) < 0)
        return 0;
    if (!S_ISSOCK(facts.st_mode))
        return berth_fail(reterr, BERTH_E_IO, "'%s' exists and is not a socket", path);
    probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot create a socket: %s", strerror(errno));
    r = connect(probe, (const struct sockaddr *)address, sizeof(*address));
    (void)close(probe);
    if (r == 0)
        return berth_fail(reterr, BERTH_E_IO, "another broker serves '%s'", path);
    if (unlink(path) < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot remove '%s': %s", path, strerror(errno));
    return 0;
}

/* Access is checked twice: by the mode of the file, and by the credentials of the peer at each
 * connection. */
static int set_owner(const char *path, const char *group, struct berth_error *reterr)
{
    bool grouped = group && group[0];
    gid_t gid;
    int r;

    if (grouped) {
        r = ucred_group(group, &gid, reterr);
        if (r < 0)
            return r;
        if (chown(path, (uid_t)-1, gid) < 0)
            return berth_fail(reterr, BERTH_E_IO, "cannot give '%s' to group '%s': %s", path, group,
                              strerror(errno));
    }
    if (chmod(path, grouped ? 0660 : 0600) < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot set the mode of '%s': %s", path,
                          strerror(errno));
    return 0;
}

/* Create the folder of the socket if it is missing, because /run is empty after every boot. An
 * existing one is not changed. Mode 0755, like RuntimeDirectory= of systemd.
 */
static int make_folder(const char *path, struct berth_error *reterr)
{
    const char *slash = strrchr(path, '/');
    char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

    if (!slash || slash == path)
        return 0;
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    if (mkdir(folder, 0755) < 0)
        return errno == EEXIST ? 0
                               : berth_fail(reterr, BERTH_E_IO,
                                            "cannot create the folder '%s' for the socket: %s",
                                            folder, strerror(errno));
    if (chmod(folder, 0755) < 0) /* a strict umask would exclude the socket's group */
        return berth_fail(reterr, BERTH_E_IO, "cannot set the mode of '%s': %s", folder,
                          strerror(errno));
    return 0;
}

static int listen_at(struct api *api, struct berth_error *reterr)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(api->socket);
    mode_t mask;
    int r;

    if (length >= sizeof(address.sun_path))
        return berth_fail(reterr, BERTH_E_IO, "the path '%s' is too long for a socket (%zu bytes)",
                          api->socket, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, api->socket, length + 1);
    r = make_folder(api->socket, reterr);
    if (r >= 0)
        r = remove_stale_socket(api->socket, &address, reterr);
    if (r < 0)
        return r;

    api->listen_descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (api->listen_descriptor < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot create a socket: %s", strerror(errno));
    mask = umask(0177);
    r = bind(api->listen_descriptor, (struct sockaddr *)&address, sizeof(address));
    (void)umask(mask);
    if (r < 0 || listen(api->listen_descriptor, BACKLOG) < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot listen at '%s': %s", api->socket,
                          strerror(errno));
    return set_owner(api->socket, api->group, reterr);
}

/* ---- begin and end ---- */

static void log_library(void *context, const char *format, va_list arguments) berth_printf(2, 0);

static void log_library(void *context, const char *format, va_list arguments)
{
    char line[200];

    (void)context;
    (void)vsnprintf(line, sizeof(line), format, arguments);
    line[strcspn(line, "\r\n")] = '\0';
    log_event(EV_API_REQUEST, "library", line);
}

static int start_daemon(struct api *api, struct berth_error *reterr)
{
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG;

    /* clang-format off */
    api->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_go_on, api,
        /* first, to log errors in the other options */
        MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, request_begin, api,
        MHD_OPTION_NOTIFY_COMPLETED, request_end, api,
        MHD_OPTION_NOTIFY_CONNECTION, connection_notified, api,
        /* http_clients.c enforces the limits; connections that it has closed still count here for a
         * moment. */
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(2 * (SOCKET_CONNECTIONS + api->connections_max)),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    /* clang-format on */
    if (!api->daemon)
        return berth_fail(reterr, BERTH_E_IO, "cannot start libmicrohttpd");
    return 0;
}

static int watch(struct api *api, uv_poll_t *poll, int descriptor, uv_poll_cb ready,
                 struct berth_error *reterr)
{
    int r = uv_poll_init(&api->loop->uv, poll, descriptor);

    if (r < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot watch the management API: %s",
                          uv_strerror(r));
    api->handles++;
    r = uv_poll_start(poll, UV_READABLE, ready);
    if (r < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot watch the management API: %s",
                          uv_strerror(r));
    return 0;
}

static char *copy(const char *text)
{
    return text ? berth_strdup(text) : NULL;
}

static struct api *api_make(struct berth_loop *loop, struct context *context,
                            const struct api_setup *setup)
{
    struct api *api = berth_new(struct api);

    *api = (struct api){ .loop = loop,
                         .context = context,
                         .listen_descriptor = setup->listener,
                         .socket = copy(setup->socket),
                         .group = copy(setup->group),
                         .authority = copy(setup->authority),
                         .host = copy(setup->host),
                         .link_port = setup->link_port,
                         .join_port = setup->join_port,
                         .sign_in_ms = setup->sign_in_ms ? setup->sign_in_ms : 43200000,
                         .connections_max = setup->connections ? setup->connections : 256,
                         .metrics = setup->metrics,
                         .options = setup->options,
                         .log_upload = setup->log_upload,
                         .address_known = setup->address_known,
                         .owner = setup->context };
    list_init(&api->arriving);
    list_init(&api->clients);
    list_init(&api->requests);
    list_init(&api->streams);
    list_init(&api->sign_ins);
    map_init(&api->sign_ins_by_hash, random_map_key(context->random));
    list_init(&api->cached_answers);
    list_init(&api->rerun.node);
    return api;
}

static int api_open(struct api *api, struct berth_error *reterr)
{
    int r = 0;

    if (api->listen_descriptor < 0 && api->socket)
        r = listen_at(api, reterr);
    if (r == 0)
        r = start_daemon(api, reterr);
    if (r == 0)
        r = watch(api, &api->ready,
                  MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                  became_ready, reterr);
    if (r == 0 && api->listen_descriptor >= 0)
        r = watch(api, &api->listener, api->listen_descriptor, accept_some, reterr);
    return r;
}

int api_new(struct berth_loop *loop, struct context *context, const struct api_setup *setup,
            struct api **ret, struct berth_error *reterr)
{
    struct api *api = api_make(loop, context, setup);
    int r = api_open(api, reterr);

    events_start(api);
    if (r < 0) {
        api_free(api);
        return r;
    }
    timer_start(&loop->timers, &api->sweep, SWEEP_MS, sweep_due);
    *ret = api;
    return 0;
}

void api_reload(struct api *api, int64_t sign_in_ms)
{
    api->sign_in_ms = sign_in_ms;
}

void api_stop(struct api *api)
{
    api->stopping = true;
}

static void api_destroy(struct api *api)
{
    list_each (&api->arriving, node) {
        list_remove(node);
        free(list_entry(node, struct http_client, node));
    }
    free(api->socket);
    free(api->group);
    free(api->authority);
    free(api->host);
    free(api->openapi);
    free(api);
}

static void ready_closed(uv_handle_t *handle)
{
    struct api *api = container_of(handle, struct api, ready);

    if (--api->handles == 0)
        api_destroy(api);
}

static void listener_closed(uv_handle_t *handle)
{
    struct api *api = container_of(handle, struct api, listener);

    if (--api->handles == 0)
        api_destroy(api);
}

void api_free(struct api *api)
{
    timer_stop(&api->loop->timers, &api->again);
    timer_stop(&api->loop->timers, &api->accept_delay);
    timer_stop(&api->loop->timers, &api->sweep);
    /* uv_close() stops polling at once, before the descriptors are closed; its callbacks run in a
     * later turn. */
    if (uv_handle_get_type((uv_handle_t *)&api->ready) == UV_POLL)
        uv_close((uv_handle_t *)&api->ready, ready_closed);
    if (uv_handle_get_type((uv_handle_t *)&api->listener) == UV_POLL)
        uv_close((uv_handle_t *)&api->listener, listener_closed);
    events_stop(api);
    if (api->daemon) {
        request_drop_all(api);
        MHD_stop_daemon(berth_take(api->daemon));
    }
    deferred_cancel(&api->rerun);
    caller_free_all(api);
    replay_free_all(api);
    if (api->listen_descriptor >= 0) {
        (void)close(api->listen_descriptor);
        if (api->socket)
            (void)unlink(api->socket);
    }
    if (api->handles == 0)
        api_destroy(api);
}
