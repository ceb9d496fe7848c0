/* link.c - the core's side of the link: setup, peers, certificates, shutdown. */
#include "link.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/json.h"
#include "berth/log.h"

#include "auth/auth_setup.h"
#include "flow/terminal_handlers.h"

#include "api_connection.h"
#include "link_internal.h"

#define ALPN_TERMINALS "berth/1"
#define ALPN_JOINING "berth-join/1"
#define ALPN_API "http/1.1"

#define IO_THREADS_MAX 64
#define RENEW_CHECK_MS 3600000
#define UPLOADS_MIB 1024
#define JOINING_MS 60000 /* one request and one answer; a terminal that must wait connects again */

/* One unknown source may use this fraction of the joining connections (of at least 8, so at least
 * one). */
#define JOINING_SHARE 4

/* Descriptors for databases, logs, hosts, listeners, threads and the API. */
#define DESCRIPTORS_OTHER 512

/* The HTTP server enforces the number of connections; here the limit is higher, for handshakes and
 * for connections being passed on or closed. */
#define API_OPEN 2
#define API_UNREAD_MS 30000

/* A terminal that reconnects has two connections until the old one is found dead. */
static int64_t connections_for(int64_t terminals)
{
    return terminals + terminals / 10 + 64;
}

/* Including those for known sources (admission.h). */
static int64_t handshakes_for(const struct link_limits *limits)
{
    return limits->handshakes + limits->handshakes / 4;
}

int64_t link_descriptors(int64_t terminals, const struct link_limits *limits)
{
    return connections_for(terminals) + 2 * handshakes_for(limits) + DESCRIPTORS_OTHER;
}

/* ---- peers that come and go ---- */

static void trust(struct link *link, const char *address)
{
    admission_trust(link->shared.terminals, address);
    admission_trust(link->shared.joining, address);
}

static void peer_opened(struct link *link, const struct up_mail *mail)
{
    struct link_peer *peer = berth_new(struct link_peer);
    struct berth_error error = { 0 };
    int r;

    peer->id = mail->peer;
    peer->io_number = mail->io_number;
    peer->joining = mail->joining;
    copy_text(peer->address, mail->address);
    map_put_id(&link->peers, peer->id, peer);
    log_event(EV_PEER_OPENED, "from", peer->address, "peer", peer->id, "joining", mail->joining);
    if (mail->joining)
        r = joiner_opened(link->context, peer->id, peer->address, &error);
    else
        r = terminal_opened(link->context, peer->id, peer->address, mail->key_hash, &error);
    peer->admitted = r == 0;
    /* TLS has verified only that the CA issued the certificate; the core decides whether the key is
     * accepted. */
    if (r == 0 && !mail->joining)
        trust(link, peer->address);
    if (r == 0)
        return;
    log_event(EV_PEER_REFUSED, "from", peer->address, "error", berth_error_row(error.code)->symbol,
              "reason", berth_error_text(&error));
    link_hang_up(link, peer->id, error.code, berth_error_text(&error));
}

/* Closed by its I/O thread because of what it sent: log that as a warning. */
static bool is_misbehaviour(int code)
{
    return code == BERTH_E_PROTOCOL || code == BERTH_E_TOO_LARGE || code == BERTH_E_TOO_MANY;
}

static void peer_closed(struct link *link, struct link_peer *peer, const struct up_mail *mail)
{
    const struct berth_error *why = &mail->error;

    log_event(EV_PEER_CLOSED, "from", peer->address, "peer", peer->id, "terminal",
              context_terminal_name(link->context, peer->id), "error",
              why->code ? berth_error_row(why->code)->symbol : "", "reason", why->text);
    if (!peer->closing && is_misbehaviour(why->code)) {
        log_event(EV_MESSAGE_REFUSED, "from", peer->address, "terminal",
                  context_terminal_name(link->context, peer->id), "error",
                  berth_error_row(why->code)->symbol, "reason", why->text);
    }
    /* Remove the peer first: nothing may be sent to a closed connection. */
    peer->closing = true;
    if (peer->admitted && mail->joining)
        joiner_closed(link->context, peer->id);
    else if (peer->admitted)
        terminal_closed(link->context, peer->id, why->text);
    upload_drop(peer->upload);
    (void)map_take_id(&link->peers, peer->id);
    free(peer);
}

/* From an I/O thread. */
static void receive_mail(struct loop_mail *loop_mail)
{
    struct up_mail *mail = container_of(loop_mail, struct up_mail, mail);
    struct link *link = mail->shared->link;
    struct link_peer *peer = link_peer_of(link, mail->peer);

    if (link->stopping) {
        up_free(mail);
        return;
    }
    histogram_add(&link->mailbox_wait, (int64_t)(uv_hrtime() / 1000) - mail->posted_us);
    switch (mail->kind) {
    case UP_OPENED:
        peer_opened(link, mail);
        break;
    case UP_MESSAGE:
        if (peer && !peer->closing)
            link_dispatch(link, peer, &mail->msg);
        break;
    case UP_BAD:
        if (peer && !peer->closing)
            link_refuse(link, peer, "", 0, &mail->error);
        break;
    case UP_CLOSED:
        if (peer)
            peer_closed(link, peer, mail);
        break;
    }
    up_free(mail);
}

static void api_accepted(struct loop_mail *loop_mail)
{
    struct api_connection_mail *mail = container_of(loop_mail, struct api_connection_mail, mail);
    struct link *link = mail->shared->link;
    socklen_t size =
        mail->from.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

    if (link->stopping || !link->api_accepted)
        (void)close(mail->descriptor);
    else
        link->api_accepted(link->api_context, mail->descriptor, (struct sockaddr *)&mail->from,
                           size);
    free(mail);
}

/* ---- certificates ---- */

static int make_contexts(struct link *link, const struct ca_server *server,
                         SSL_CTX *contexts[LISTENER_KINDS], struct berth_error *reterr)
{
    static const char end[] = "-----END CERTIFICATE-----\n";
    struct tls_setup setup = { .side = TLS_SERVER,
                               .certificate = server->chain,
                               .key = server->key };
    const char *leaf_end = strstr(server->chain, end);
    char leaf[sizeof(server->chain)];

    (void)snprintf(leaf, sizeof(leaf), "%.*s",
                   leaf_end ? (int)(leaf_end + strlen(end) - server->chain) : (int)sizeof(leaf) - 1,
                   server->chain);

    setup.alpn = ALPN_JOINING;
    contexts[LISTENER_JOINING] = tls_context(&setup, reterr);
    setup.alpn = ALPN_API;
    setup.alpn_optional = true;
    contexts[LISTENER_API] = tls_context(&setup, reterr);
    setup.alpn = ALPN_TERMINALS;
    setup.alpn_optional = false;
    setup.authority = ca_certificate(link->context->ca);
    /* Without the CA certificate in the chain: terminals that have joined have it, and each
     * certificate costs time.
     */
    setup.certificate = leaf;
    contexts[LISTENER_TERMINALS] = tls_context(&setup, reterr);
    if (contexts[LISTENER_TERMINALS] && contexts[LISTENER_JOINING] && contexts[LISTENER_API])
        return 0;

    for (int kind = 0; kind < LISTENER_KINDS; kind++)
        SSL_CTX_free(contexts[kind]);
    return BERTH_E_CERTIFICATE;
}

int link_renew_certificate(struct link *link, struct berth_error *reterr)
{
    SSL_CTX *contexts[LISTENER_KINDS] = { 0 };
    struct ca_server server = { 0 };
    int r = ca_server_certificate(link->context->ca, link->names, &server, reterr);

    if (r == 0)
        r = make_contexts(link, &server, contexts, reterr);
    explicit_bzero(server.key, sizeof(server.key));
    if (r < 0)
        return r;

    link->certificate_begins_ms = server.begins_ms;
    link->certificate_ends_ms = server.ends_ms;
    for (int i = 0; i < link->io_thread_count; i++) {
        for (int kind = 0; kind < LISTENER_KINDS; kind++)
            (void)SSL_CTX_up_ref(contexts[kind]);
        io_thread_set_contexts(&link->io_threads[i], contexts);
    }
    for (int kind = 0; kind < LISTENER_KINDS; kind++)
        SSL_CTX_free(contexts[kind]);
    return 0;
}

int64_t link_certificate_ends_ms(const struct link *link)
{
    return link->certificate_ends_ms;
}

static void check_certificate(struct berth_timer *timer)
{
    struct link *link = container_of(timer, struct link, renew);
    int64_t life_ms = link->certificate_ends_ms - link->certificate_begins_ms;
    struct berth_error error = { 0 };

    if (link->setup.loop->timers.wall_ms - link->certificate_begins_ms >= life_ms * 2 / 3 &&
        link_renew_certificate(link, &error) < 0)
        log_failure(EV_CERTIFICATE_FAILED, &error, "the broker's certificate");
    timer_start(&link->setup.loop->timers, &link->renew, RENEW_CHECK_MS, check_certificate);
}

/* ---- opening ---- */

/* One listening socket for each I/O thread; for port 0 the first one determines the port. */
static int open_listeners(struct link *link, enum listener_kind kind, const char *address,
                          int activated, int *ret_port, struct berth_error *reterr)
{
    struct sockaddr_storage at = { 0 };
    socklen_t size = sizeof(at);
    int r = 0;

    if (activated >= 0 && getsockname(activated, (struct sockaddr *)&at, &size) < 0)
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "descriptor %d from socket activation is not a socket", activated);
    if (activated < 0)
        r = listen_address(address, &at, reterr);

    for (int i = 0; i < link->io_thread_count && r == 0; i++) {
        int descriptor = activated >= 0 ? dup(activated) : -1;

        if (activated < 0)
            r = listen_open(&at, i == 0, &descriptor, reterr);
        if (r == 0)
            r = io_thread_listen(&link->io_threads[i], kind, descriptor, reterr);
    }
    *ret_port = listen_port(&at);
    return r;
}

static int count_io_threads(int threads)
{
    long cores = threads > 0 ? threads : sysconf(_SC_NPROCESSORS_ONLN);

    if (cores < 1)
        cores = 1;
    return cores > IO_THREADS_MAX ? IO_THREADS_MAX : (int)cores;
}

static struct admission_limits limits_for(const struct link_setup *setup)
{
    return (struct admission_limits){ .open = connections_for(setup->terminals) +
                                              handshakes_for(&setup->limits),
                                      .handshakes = setup->limits.handshakes,
                                      .handshakes_source = setup->limits.handshakes_source };
}

/* Joining is one request and one answer, so there are few connections at a time, and those without
 * a request are closed first. A connection with a request counts only against `open` and may wait
 * for a slow broker; one source may have only a share of these. */
static struct admission_limits joining_limits_for(const struct link_setup *setup)
{
    int64_t open = handshakes_for(&setup->limits);

    return (struct admission_limits){ .open = open,
                                      .handshakes = setup->limits.handshakes,
                                      .handshakes_source = setup->limits.handshakes_source,
                                      .established_source = open / JOINING_SHARE,
                                      .replace = true };
}

static int open_io_threads(struct link *link, const struct link_setup *setup,
                           struct berth_error *reterr)
{
    int count = count_io_threads(setup->threads);
    int r = 0;

    link->io_threads = berth_new_array(struct io_thread, (size_t)count);
    while (link->io_thread_count < count && r == 0) {
        r = io_thread_init(&link->io_threads[link->io_thread_count], &link->shared,
                           link->io_thread_count, reterr);
        if (r == 0)
            link->io_thread_count++;
    }
    if (r == 0)
        r = link_renew_certificate(link, reterr);
    if (r == 0)
        r = open_listeners(link, LISTENER_TERMINALS, setup->listen, setup->listen_descriptor,
                           &link->port, reterr);
    if (r == 0)
        r = open_listeners(link, LISTENER_JOINING, setup->join_listen,
                           setup->join_listen_descriptor, &link->join_port, reterr);
    for (int i = 0; i < link->io_thread_count && r == 0; i++)
        r = io_thread_start(&link->io_threads[i], reterr);
    return r;
}

static void set_times(struct io_shared *shared, const struct link_limits *limits)
{
    shared->handshake_ms = limits->handshake_ms;
    shared->joining_ms = limits->joining_ms ? limits->joining_ms : JOINING_MS;
    shared->messages_s = limits->messages_s;
}

int link_new(const struct link_setup *setup, struct link **ret, struct berth_error *reterr)
{
    struct link *link = berth_new(struct link);
    struct admission_limits limits = limits_for(setup);
    struct admission_limits joining = joining_limits_for(setup);
    int64_t uploads_mib = setup->uploads_mib ? setup->uploads_mib : UPLOADS_MIB;
    int r;

    json_object_seed(0); /* once, before threads exist */
    link->setup = *setup;
    link->names = berth_strdup(setup->names ? setup->names : "");
    link->context = setup->context;
    link->shared.link = link;
    link->shared.core = setup->loop;
    link->shared.receive_mail = receive_mail;
    link->shared.api_accepted = api_accepted;
    set_times(&link->shared, &setup->limits);
    link->shared.terminals =
        admission_new(&limits, random_map_key(setup->context->random), io_thread_drop);
    link->shared.joining =
        admission_new(&joining, random_map_key(setup->context->random), io_thread_drop);
    link->shared.api =
        admission_new(&limits, random_map_key(setup->context->random), io_thread_drop);
    map_init(&link->peers, random_map_key(setup->context->random));
    r = uploads_new(setup->loop, setup->folder, uploads_mib << 20, &link->uploads, reterr);
    if (r == 0)
        r = open_io_threads(link, setup, reterr);
    if (r < 0) {
        link_free(link);
        return r;
    }
    timer_start(&setup->loop->timers, &link->renew, RENEW_CHECK_MS, check_certificate);
    setup->context->tell = link_tell;
    setup->context->hang_up = link_hang_up;
    setup->context->link = link;
    *ret = link;
    return 0;
}

void link_set_limits(struct link *link, const struct link_limits *limits)
{
    struct admission_limits admission;

    link->setup.limits = *limits;
    admission = limits_for(&link->setup);
    admission_set_limits(link->shared.terminals, &admission);
    admission = joining_limits_for(&link->setup);
    admission_set_limits(link->shared.joining, &admission);
    set_times(&link->shared, limits);
}

int link_port(const struct link *link)
{
    return link->port;
}

int link_threads(const struct link *link)
{
    return link->io_thread_count;
}

int link_join_port(const struct link *link)
{
    return link->join_port;
}

/* ---- the management API ---- */

int link_listen_api(struct link *link, const struct link_api_setup *setup,
                    struct berth_error *reterr)
{
    struct admission_limits limits = { .open = setup->connections * API_OPEN,
                                       .handshakes = setup->connections / 2 + 1,
                                       .handshakes_source = setup->connections / 16 + 1,
                                       .replace = true };
    struct sockaddr_storage at = { 0 };
    socklen_t size = sizeof(at);
    int descriptor = setup->listen_descriptor;
    int r = 0;

    if (descriptor < 0) {
        r = listen_address(setup->listen, &at, reterr);
        if (r == 0)
            r = listen_open(&at, true, &descriptor, reterr);
    } else if (getsockname(descriptor, (struct sockaddr *)&at, &size) < 0) {
        r = berth_fail(reterr, BERTH_E_CONFIG,
                       "descriptor %d from socket activation is not a socket", descriptor);
    }
    if (r < 0)
        return r;

    admission_set_limits(link->shared.api, &limits);
    link->shared.api_unread_ms = setup->unread_ms ? setup->unread_ms : API_UNREAD_MS;
    link->api_accepted = setup->taken;
    link->api_context = setup->context;
    link->api_port = listen_port(&at);
    /* One I/O thread is sufficient: there are few administrators. */
    return io_thread_listen_later(&link->io_threads[link->io_thread_count - 1], LISTENER_API,
                                  descriptor);
}

int link_api_port(const struct link *link)
{
    return link->api_port;
}

void link_api_trust(struct link *link, const char *address)
{
    admission_trust(link->shared.api, address);
}

/* ---- metrics ---- */

const struct histogram *link_mailbox_wait(const struct link *link)
{
    return &link->mailbox_wait;
}

/* Sum of both listeners for terminals. */
static int64_t refused(const struct link *link, enum refusal refusal)
{
    return admission_refused(link->shared.terminals, refusal) +
           admission_refused(link->shared.joining, refusal);
}

void link_stats(const struct link *link, struct link_stats *ret)
{
    const struct io_counters *counters = &link->shared.counters;
    struct upload_stats uploads;

    uploads_stats(link->uploads, &uploads);
    *ret = (struct link_stats){
        .peers = counters->peers,
        .joining = counters->joining,
        .api_connections = counters->api_connections,
        .opened = counters->opened,
        .refused_full = refused(link, REFUSAL_FULL),
        .refused_handshakes = refused(link, REFUSAL_HANDSHAKES),
        .refused_source = refused(link, REFUSAL_SOURCE),
        .refused_early = refused(link, REFUSAL_EARLY),
        .refused_penalty = refused(link, REFUSAL_PENALTY),
        .replaced =
            admission_replaced(link->shared.terminals) + admission_replaced(link->shared.joining),
        .failed_timeout = counters->failed_timeout,
        .failed_certificate = counters->failed_certificate,
        .failed_protocol = counters->failed_protocol,
        .failed_left = counters->failed_left,
        .messages_in = counters->messages_in,
        .messages_out = counters->messages_out,
        .messages_bad = counters->messages_bad,
        .messages_refused = link->messages_refused,
        .messages_delayed = counters->messages_delayed,
        .slow_readers = counters->slow_readers,
        .no_descriptors = counters->no_descriptors,
        .floods = counters->floods,
        .uploads_stored = uploads.stored,
        .uploads_refused = uploads.refused,
        .upload_bytes = uploads.bytes,
    };
}

/* ---- shutdown ---- */

static void free_peers(struct link *link)
{
    for (size_t i = 0; i < link->peers.capacity; i++) {
        struct link_peer *peer = link->peers.slots[i].hash ? link->peers.slots[i].value : NULL;

        if (!peer)
            continue;
        upload_drop(peer->upload);
        free(peer);
    }
    map_clear(&link->peers);
}

void link_free(struct link *link)
{
    if (!link)
        return;

    link->stopping = true;
    timer_stop(&link->setup.loop->timers, &link->renew);
    for (int i = 0; i < link->io_thread_count; i++)
        io_thread_end(&link->io_threads[i]);
    /* Free the mail that the threads sent last. */
    loop_deliver(link->setup.loop);
    free_peers(link);
    uploads_free(link->uploads);
    admission_free(link->shared.terminals);
    admission_free(link->shared.joining);
    admission_free(link->shared.api);
    if (link->context->link == link) {
        link->context->tell = NULL;
        link->context->hang_up = NULL;
        link->context->link = NULL;
    }
    free(link->io_threads);
    free(link->names);
    free(link);
}
