/* link.c - the core's side of the door: wiring, peers, certificates, the end. */
#include "link.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/json.h"
#include "berth/log.h"

#include "auth/auth_setup.h"
#include "flow/terminal_handlers.h"

#include "house.h"
#include "people.h"

#define ALPN_TERMINALS "berth/1"
#define ALPN_JOINING "berth-join/1"
#define ALPN_PEOPLE "http/1.1"

#define DOORS_MAX 64
#define RENEW_CHECK_MS 3600000
#define BLOBS_MIB 1024
#define JOINING_MS 60000 /* one question and one answer; who is told to wait comes again */

/* Of the places to join, one source that nobody knows has one in so many (handshakes are 8 at the
 * least: never none). */
#define JOINING_SHARE 4

/* Databases, logs, hosts, listeners, threads, people: what a broker holds open besides its
 * terminals. */
#define DESCRIPTORS_OTHER 512

/* The HTTP server keeps to the number of connections and chooses who goes; here there is room for
 * those on their way to it and from it, and for handshakes. */
#define PEOPLE_OPEN 2
#define PEOPLE_UNREAD_MS 30000

/* A terminal that comes back may be here twice until its old connection is found dead. */
static int64_t connections_for(int64_t terminals)
{
    return terminals + terminals / 10 + 64;
}

/* With those that are kept for known sources (admission.h). */
static int64_t handshakes_for(const struct link_limits *limits)
{
    return limits->handshakes + limits->handshakes / 4;
}

int64_t link_descriptors(int64_t terminals, const struct link_limits *limits)
{
    return connections_for(terminals) + 2 * handshakes_for(limits) + DESCRIPTORS_OTHER;
}

/* ---- peers ---- */

struct link_peer *link_peer_of(struct link *link, uint64_t id)
{
    return map_get_id(&link->peers, id);
}

/* Joining is one question and one answer: whoever has heard it leaves its place to others. */
static bool is_last_word(const struct link_peer *peer, const struct msg *msg)
{
    if (peer->in != IN_JOINING)
        return false;
    return msg->type == MSG_joined || msg->type == MSG_join_wait ||
           (msg->type == MSG_refused && strcmp(msg->refused.about, msg_row(MSG_join)->name) == 0);
}

void link_tell(void *door, uint64_t peer_id, const struct msg *msg)
{
    struct link *link = door;
    struct link_peer *peer = link_peer_of(link, peer_id);
    const struct msg_row *row = msg_row(msg->type);

    if (!peer || peer->closing)
        return;
    if (msg->type == MSG_granted)
        peer->in = IN_PRESENT;
    if (!(row->direction & DOWN) || !(row->in & peer->in)) {
        struct berth_error error = { 0 };

        (void)berth_fail(&error, BERTH_E_INTERNAL,
                         "'%s' was to be told to a peer that may not hear it now", row->name);
        log_failure(EV_MESSAGE_REFUSED, &error, "link");
        return;
    }
    if (msg->type == MSG_presence_unknown) {
        peer->in = IN_OPEN;
        peer->lapsed = true;
    }
    down_tell(&link->doors[peer->door], peer_id, msg);
    if (is_last_word(peer, msg)) {
        peer->closing = true;
        down_hang_up(&link->doors[peer->door], peer_id, BERTH_OK, "it was answered");
    }
}

/* The reason goes before the hang-up, so that the agent and the person in front of it know. */
static void say_goodbye(struct link *link, struct link_peer *peer, int code, const char *why)
{
    struct msg *msg = berth_new(struct msg);

    msg->type = MSG_refused;
    (void)snprintf(msg->refused.about, sizeof(msg->refused.about), "connection");
    (void)snprintf(msg->refused.code, sizeof(msg->refused.code), "%s",
                   berth_error_row(code)->symbol);
    (void)snprintf(msg->refused.text, sizeof(msg->refused.text), "%s", why);
    down_tell(&link->doors[peer->door], peer->id, msg);
    free(msg);
}

/* ---- where terminals come from ---- */

static void trust(struct link *link, const char *address)
{
    admission_trust(link->house.terminals, address);
    admission_trust(link->house.joining, address);
}

static bool is_terminal_at(const struct link_peer *peer, const char *address)
{
    return peer->admitted && !peer->closing && peer->in != IN_JOINING &&
           strcmp(peer->address, address) == 0;
}

/* One that was let in there is revoked, or replaced: unless another is there as well, the address
 * is a stranger's again. */
static void maybe_distrust(struct link *link, const char *address)
{
    for (size_t i = 0; i < link->peers.capacity; i++) {
        const struct link_peer *peer =
            link->peers.slots[i].hash ? link->peers.slots[i].value : NULL;

        if (peer && is_terminal_at(peer, address))
            return;
    }
    admission_distrust(link->house.terminals, address);
    admission_distrust(link->house.joining, address);
}

void link_hang_up(void *door, uint64_t peer_id, int code, const char *why)
{
    struct link *link = door;
    struct link_peer *peer = link_peer_of(link, peer_id);

    if (!peer || peer->closing)
        return;
    peer->closing = true;
    say_goodbye(link, peer, code, why);
    down_hang_up(&link->doors[peer->door], peer_id, code, why);
    if (code == BERTH_E_REVOKED && peer->admitted && peer->in != IN_JOINING)
        maybe_distrust(link, peer->address);
}

static void peer_opened(struct link *link, const struct up_mail *mail)
{
    struct link_peer *peer = berth_new(struct link_peer);
    struct berth_error error = { 0 };
    int r;

    peer->id = mail->peer;
    peer->door = mail->door;
    peer->in = mail->joining ? IN_JOINING : IN_OPEN;
    (void)snprintf(peer->address, sizeof(peer->address), "%s", mail->address);
    map_put_id(&link->peers, peer->id, peer);
    log_event(EV_PEER_OPENED, "from", peer->address, "peer", peer->id, "joining", mail->joining);
    if (mail->joining)
        r = joiner_opened(link->context, peer->id, peer->address, &error);
    else
        r = terminal_opened(link->context, peer->id, peer->address, mail->key_hash, &error);
    peer->admitted = r == 0;
    /* TLS knows only who signed its key; whether that is good is known here. */
    if (r == 0 && !mail->joining)
        trust(link, peer->address);
    if (r == 0)
        return;
    log_event(EV_PEER_REFUSED, "from", peer->address, "error", berth_error_row(error.code)->symbol,
              "reason", berth_error_text(&error));
    link_hang_up(link, peer->id, error.code, berth_error_text(&error));
}

/* Hung up on by its I/O thread for what it sent: whoever only reads warnings must hear of it too.
 */
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
    /* No tell may reach a peer whose connection is gone. */
    peer->closing = true;
    if (peer->admitted && mail->joining)
        joiner_closed(link->context, peer->id);
    else if (peer->admitted)
        terminal_closed(link->context, peer->id, why->text);
    blob_drop(peer->blob);
    (void)map_take_id(&link->peers, peer->id);
    free(peer);
}

/* From an I/O thread. */
static void hear(struct loop_mail *loop_mail)
{
    struct up_mail *mail = container_of(loop_mail, struct up_mail, mail);
    struct link *link = mail->house->link;
    struct link_peer *peer = link_peer_of(link, mail->peer);

    if (link->stopping) {
        up_free(mail);
        return;
    }
    histogram_add(&link->waited, (int64_t)(uv_hrtime() / 1000) - mail->posted_us);
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

static void people_taken(struct loop_mail *loop_mail)
{
    struct people_mail *mail = container_of(loop_mail, struct people_mail, mail);
    struct link *link = mail->house->link;
    socklen_t size =
        mail->from.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

    if (link->stopping || !link->people_taken)
        (void)close(mail->descriptor);
    else
        link->people_taken(link->people_context, mail->descriptor, (struct sockaddr *)&mail->from,
                           size);
    free(mail);
}

/* ---- certificates ---- */

static int make_contexts(struct link *link, const struct ca_server *server,
                         SSL_CTX *contexts[DOOR_KINDS], struct berth_error *reterr)
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
    contexts[DOOR_JOINING] = tls_context(&setup, reterr);
    setup.alpn = ALPN_PEOPLE;
    setup.alpn_optional = true;
    contexts[DOOR_PEOPLE] = tls_context(&setup, reterr);
    setup.alpn = ALPN_TERMINALS;
    setup.alpn_optional = false;
    setup.authority = ca_certificate(link->context->ca);
    /* Who has been let in has the authority, and each certificate that is shown costs a terminal.
     */
    setup.certificate = leaf;
    contexts[DOOR_TERMINALS] = tls_context(&setup, reterr);
    if (contexts[DOOR_TERMINALS] && contexts[DOOR_JOINING] && contexts[DOOR_PEOPLE])
        return 0;

    for (int kind = 0; kind < DOOR_KINDS; kind++)
        SSL_CTX_free(contexts[kind]);
    return BERTH_E_CERTIFICATE;
}

int link_renew_certificate(struct link *link, struct berth_error *reterr)
{
    SSL_CTX *contexts[DOOR_KINDS] = { 0 };
    struct ca_server server = { 0 };
    int r = ca_server_certificate(link->context->ca, link->names, &server, reterr);

    if (r == 0)
        r = make_contexts(link, &server, contexts, reterr);
    explicit_bzero(server.key, sizeof(server.key));
    if (r < 0)
        return r;

    link->certificate_begins_ms = server.begins_ms;
    link->certificate_ends_ms = server.ends_ms;
    for (int i = 0; i < link->door_count; i++) {
        for (int kind = 0; kind < DOOR_KINDS; kind++)
            (void)SSL_CTX_up_ref(contexts[kind]);
        door_set_contexts(&link->doors[i], contexts);
    }
    for (int kind = 0; kind < DOOR_KINDS; kind++)
        SSL_CTX_free(contexts[kind]);
    return 0;
}

int64_t link_certificate_ends_ms(const struct link *link)
{
    return link->certificate_ends_ms;
}

static void look_at_certificate(struct berth_timer *timer)
{
    struct link *link = container_of(timer, struct link, renew);
    int64_t life_ms = link->certificate_ends_ms - link->certificate_begins_ms;
    struct berth_error error = { 0 };

    if (link->setup.loop->timers.wall_ms - link->certificate_begins_ms >= life_ms * 2 / 3 &&
        link_renew_certificate(link, &error) < 0)
        log_failure(EV_CERTIFICATE_FAILED, &error, "the broker's certificate");
    timer_start(&link->setup.loop->timers, &link->renew, RENEW_CHECK_MS, look_at_certificate);
}

/* ---- opening ---- */

/* One listening socket for each door; the first learns the port when any was asked for. */
static int open_listeners(struct link *link, enum door_kind kind, const char *address,
                          int activated, int *ret_port, struct berth_error *reterr)
{
    struct sockaddr_storage at = { 0 };
    socklen_t size = sizeof(at);
    int r = 0;

    if (activated >= 0 && getsockname(activated, (struct sockaddr *)&at, &size) < 0)
        return berth_fail(reterr, BERTH_E_CONFIG, "the given descriptor %d is no socket",
                          activated);
    if (activated < 0)
        r = listen_address(address, &at, reterr);

    for (int i = 0; i < link->door_count && r == 0; i++) {
        int descriptor = activated >= 0 ? dup(activated) : -1;

        if (activated < 0)
            r = listen_open(&at, i == 0, &descriptor, reterr);
        if (r == 0)
            r = door_listen(&link->doors[i], kind, descriptor, reterr);
    }
    *ret_port = listen_port(&at);
    return r;
}

static int count_doors(int threads)
{
    long cores = threads > 0 ? threads : sysconf(_SC_NPROCESSORS_ONLN);

    if (cores < 1)
        cores = 1;
    return cores > DOORS_MAX ? DOORS_MAX : (int)cores;
}

static struct admission_limits limits_for(const struct link_setup *setup)
{
    return (struct admission_limits){ .open = connections_for(setup->terminals) +
                                              handshakes_for(&setup->limits),
                                      .handshakes = setup->limits.handshakes,
                                      .handshakes_source = setup->limits.handshakes_source };
}

/* Joining is one question and one answer: few are there at a time, and whoever asks nothing goes
 * first. One who has asked is counted in `open` alone, and may wait for a slow broker: one source
 * has no more than a share of that. */
static struct admission_limits joining_limits_for(const struct link_setup *setup)
{
    int64_t open = handshakes_for(&setup->limits);

    return (struct admission_limits){ .open = open,
                                      .handshakes = setup->limits.handshakes,
                                      .handshakes_source = setup->limits.handshakes_source,
                                      .shaken_source = open / JOINING_SHARE,
                                      .replace = true };
}

static int open_doors(struct link *link, const struct link_setup *setup, struct berth_error *reterr)
{
    int count = count_doors(setup->threads);
    int r = 0;

    link->doors = berth_new_array(struct door, (size_t)count);
    while (link->door_count < count && r == 0) {
        r = door_init(&link->doors[link->door_count], &link->house, link->door_count, reterr);
        if (r == 0)
            link->door_count++;
    }
    if (r == 0)
        r = link_renew_certificate(link, reterr);
    if (r == 0)
        r = open_listeners(link, DOOR_TERMINALS, setup->listen, setup->listen_descriptor,
                           &link->port, reterr);
    if (r == 0)
        r = open_listeners(link, DOOR_JOINING, setup->join_listen, setup->join_listen_descriptor,
                           &link->join_port, reterr);
    for (int i = 0; i < link->door_count && r == 0; i++)
        r = door_start(&link->doors[i], reterr);
    return r;
}

static void set_times(struct door_house *house, const struct link_limits *limits)
{
    house->handshake_ms = limits->handshake_ms;
    house->joining_ms = limits->joining_ms ? limits->joining_ms : JOINING_MS;
    house->messages_s = limits->messages_s;
}

int link_new(const struct link_setup *setup, struct link **ret, struct berth_error *reterr)
{
    struct link *link = berth_new(struct link);
    struct admission_limits limits = limits_for(setup);
    struct admission_limits joining = joining_limits_for(setup);
    int64_t blobs_mib = setup->blobs_mib ? setup->blobs_mib : BLOBS_MIB;
    int r;

    json_object_seed(0); /* once, before there are threads */
    link->setup = *setup;
    link->names = berth_strdup(setup->names ? setup->names : "");
    link->context = setup->context;
    link->house.link = link;
    link->house.core = setup->loop;
    link->house.hear = hear;
    link->house.people_taken = people_taken;
    set_times(&link->house, &setup->limits);
    link->house.terminals = admission_new(&limits, random_map_key(setup->context->random), door_drop);
    link->house.joining = admission_new(&joining, random_map_key(setup->context->random), door_drop);
    link->house.people = admission_new(&limits, random_map_key(setup->context->random), door_drop);
    map_init(&link->peers, random_map_key(setup->context->random));
    r = blobs_new(setup->loop, setup->folder, blobs_mib << 20, &link->blobs, reterr);
    if (r == 0)
        r = open_doors(link, setup, reterr);
    if (r < 0) {
        link_free(link);
        return r;
    }
    timer_start(&setup->loop->timers, &link->renew, RENEW_CHECK_MS, look_at_certificate);
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
    admission_set_limits(link->house.terminals, &admission);
    admission = joining_limits_for(&link->setup);
    admission_set_limits(link->house.joining, &admission);
    set_times(&link->house, limits);
}

int link_port(const struct link *link)
{
    return link->port;
}

int link_threads(const struct link *link)
{
    return link->door_count;
}

int link_join_port(const struct link *link)
{
    return link->join_port;
}

/* ---- people ---- */

int people_listen(struct link *link, const struct people_setup *setup, struct berth_error *reterr)
{
    struct admission_limits limits = { .open = setup->connections * PEOPLE_OPEN,
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
        r = berth_fail(reterr, BERTH_E_CONFIG, "the given descriptor %d is no socket", descriptor);
    }
    if (r < 0)
        return r;

    admission_set_limits(link->house.people, &limits);
    link->house.people_unread_ms = setup->unread_ms ? setup->unread_ms : PEOPLE_UNREAD_MS;
    link->people_taken = setup->taken;
    link->people_context = setup->context;
    link->people_port = listen_port(&at);
    /* One door is enough: people are few. */
    return door_listen_later(&link->doors[link->door_count - 1], DOOR_PEOPLE, descriptor);
}

int people_port(const struct link *link)
{
    return link->people_port;
}

void people_known(struct link *link, const char *address)
{
    admission_trust(link->house.people, address);
}

/* ---- metrics ---- */

const struct histogram *link_waited(const struct link *link)
{
    return &link->waited;
}

/* At both doors for terminals. */
static int64_t refused(const struct link *link, enum refusal refusal)
{
    return admission_refused(link->house.terminals, refusal) +
           admission_refused(link->house.joining, refusal);
}

void link_stats(const struct link *link, struct link_stats *ret)
{
    const struct door_counters *counters = &link->house.counters;
    struct blob_stats blobs;

    blobs_stats(link->blobs, &blobs);
    *ret = (struct link_stats){
        .peers = counters->peers,
        .joining = counters->joining,
        .people = counters->people,
        .opened = counters->opened,
        .refused_full = refused(link, REFUSAL_FULL),
        .refused_handshakes = refused(link, REFUSAL_HANDSHAKES),
        .refused_source = refused(link, REFUSAL_SOURCE),
        .refused_early = refused(link, REFUSAL_EARLY),
        .refused_penalty = refused(link, REFUSAL_PENALTY),
        .replaced =
            admission_replaced(link->house.terminals) + admission_replaced(link->house.joining),
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
        .blobs_stored = blobs.stored,
        .blobs_refused = blobs.refused,
        .blob_bytes = blobs.bytes,
    };
}

/* ---- the end ---- */

static void free_peers(struct link *link)
{
    for (size_t i = 0; i < link->peers.capacity; i++) {
        struct link_peer *peer = link->peers.slots[i].hash ? link->peers.slots[i].value : NULL;

        if (!peer)
            continue;
        blob_drop(peer->blob);
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
    for (int i = 0; i < link->door_count; i++)
        door_end(&link->doors[i]);
    /* What the threads still said is only freed now. */
    loop_deliver(link->setup.loop);
    free_peers(link);
    blobs_free(link->blobs);
    admission_free(link->house.terminals);
    admission_free(link->house.joining);
    admission_free(link->house.people);
    if (link->context->link == link) {
        link->context->tell = NULL;
        link->context->hang_up = NULL;
        link->context->link = NULL;
    }
    free(link->doors);
    free(link->names);
    free(link);
}
