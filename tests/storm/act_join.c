/* act_join.c - terminals join: a key, a request, an invitation, a certificate. */
#include <stdio.h>
#include <string.h>

#include "berth/message.h"

#include "acts.h"
#include "seed.h"

#define AT_ONCE 32
#define LIMIT_MS 30000
#define JOIN_LIMIT_MS 1800000

struct joiner {
    struct tls_peer tls;
    struct storm *storm;
    size_t number;
    char *key;
    char *request;
    struct frame_reader reader;
    int64_t since_us;
};

/* One terminal is prepared at a time; the window is filled as places become free. */
static struct {
    SSL_CTX *context;
    struct invite invite;
    size_t next, under_way, joined, failed;
    struct berth_deferred fill;
} joining;

static void fill_window(struct storm *storm);

static void joined(struct joiner *joiner, const struct msg_joined *said)
{
    struct storm *storm = joiner->storm;
    struct keyring *keyring = &storm->population.keyring;
    struct berth_error error = { 0 };

    if (!keyring->authority)
        keyring->authority = berth_strdup(said->authority);
    if (keyring_put(keyring, joiner->number, joiner->key, said->certificate, &error) < 0) {
        figures_reason(&storm->figures, "bad-certificate");
        joining.failed++;
        return;
    }
    joining.joined++;
    storm->figures.served++;
    figures_add(&storm->figures, PHASE_joined, storm_now_us() - joiner->since_us);
}

static int take_frame(void *context, const char *frame, size_t size)
{
    static struct msg msg; /* one loop, one thread; too large for every stack */
    struct joiner *joiner = context;
    int r = msg_decode(frame, size, DOWN, &msg, &joiner->tls.error);

    if (r < 0)
        return r;
    if (msg.type == MSG_join_pending) {
        msg_wipe(&msg);
        return 0;
    }
    if (msg.type == MSG_joined) {
        joined(joiner, &msg.joined);
    } else if (msg.type == MSG_refused) {
        figures_reason(&joiner->storm->figures, msg.refused.code);
        joining.failed++;
    }
    msg_wipe(&msg);
    tls_close(&joiner->tls, BERTH_OK, "answered");
    return 0;
}

static bool on_open(struct tls_peer *tls)
{
    struct joiner *joiner = container_of(tls, struct joiner, tls);
    struct msg msg = { .type = MSG_join, .ref = 1 };
    unsigned char header[FRAME_HEADER];
    size_t size;
    char *text;

    (void)snprintf(msg.join.request, sizeof(msg.join.request), "%s", joiner->request);
    (void)snprintf(msg.join.serial, sizeof(msg.join.serial), "storm-%05zu", joiner->number + 1);
    (void)snprintf(msg.join.model, sizeof(msg.join.model), "berth-storm");
    msg.join.evidence_count = 1;
    msg.join.evidence[0].kind = join_evidence_kind_INVITATION;
    msg.join.evidence[0].value = joining.invite.token;
    text = msg_encode(&msg, &size);
    frame_header(header, size);
    (void)tls_write(tls, header, sizeof(header));
    (void)tls_write(tls, text, size);
    berth_wipe_free(text, size);
    msg_wipe(&msg);
    return true;
}

static int on_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    struct joiner *joiner = container_of(tls, struct joiner, tls);

    return frame_feed(&joiner->reader, bytes, size, take_frame, joiner, &tls->error);
}

static void on_closed(struct tls_peer *tls, const struct berth_error *why)
{
    struct joiner *joiner = container_of(tls, struct joiner, tls);
    struct storm *storm = joiner->storm;

    if (why->code) {
        figures_reason(&storm->figures, berth_error_row(why->code)->symbol);
        joining.failed++;
    }
    joining.under_way--;
    frame_reader_free(&joiner->reader);
    berth_wipe_free(joiner->key, strlen(joiner->key));
    free(joiner->request);
    free(joiner);
    fill_window(storm);
}

static const struct tls_events events = { .open = on_open, .bytes = on_bytes, .closed = on_closed };

static bool join_one(struct storm *storm, size_t number)
{
    struct joiner *joiner = berth_new(struct joiner);
    struct berth_error error = { 0 };
    char source[32];
    char name[64];
    const struct tls_target target = { .address = storm->site.address,
                                       .port = joining.invite.join_port,
                                       .limit_ms = LIMIT_MS,
                                       .source = source };

    population_address(number, source);
    terminal_name(number, name);
    joiner->storm = storm;
    joiner->number = number;
    frame_reader_init(&joiner->reader, FRAME_MAX);
    storm->figures.offered++;
    if (tls_make_key(&joiner->key, &error) == 0 &&
        tls_make_request(joiner->key, name, &joiner->request, &error) == 0) {
        joiner->since_us = storm_now_us();
        if (tls_connect(&storm->loop, joining.context, &target, &events, &joiner->tls, &error) == 0)
            return true;
    }
    free(joiner->request);
    free(joiner->key);
    free(joiner);
    joining.failed++;
    figures_reason(&storm->figures, "no-socket");
    return false;
}

static void fill_window(struct storm *storm)
{
    while (joining.under_way < AT_ONCE && joining.next < storm->population.count)
        joining.under_way += join_one(storm, joining.next++);
}

static bool all_answered(struct storm *storm)
{
    return joining.next == storm->population.count && joining.under_way == 0;
}

int act_join(struct storm *storm, struct berth_error *reterr)
{
    int r = seed_invitation(storm, &joining.invite, reterr);

    if (r < 0)
        return r;
    joining.context =
        tls_context(&(struct tls_setup){ .side = TLS_CLIENT,
                                         .authority_hash = joining.invite.authority_hash,
                                         .alpn = "berth-join/1" },
                    reterr);
    if (!joining.context)
        return BERTH_E_CERTIFICATE;
    storm->doing = "joining";
    /* The preparation blocked: limits count from now, not from the loop's last turn. */
    loop_turn(&storm->loop, 0);
    fill_window(storm);
    if (!storm_turn(storm, all_answered, JOIN_LIMIT_MS))
        r = berth_fail(reterr, BERTH_E_TIMEOUT, "the terminals do not join");
    else if (joining.joined < storm->population.count)
        r = berth_fail(reterr, BERTH_E_HOST, "%zu terminals did not join: %s", joining.failed,
                       storm->figures.reasons[0].word);
    SSL_CTX_free(joining.context);
    secret_wipe(&joining.invite.token);
    return r;
}

int act_measure_join(struct storm *storm, struct berth_error *reterr)
{
    int r = storm_clock_starts(storm, reterr);

    if (r == 0)
        r = act_join(storm, reterr);
    storm->figures.failed = (int64_t)joining.failed;
    return r < 0 ? r : storm_clock_stops(storm, reterr);
}
