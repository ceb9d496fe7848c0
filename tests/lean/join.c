/* join.c - one connection to the join listener, until it is answered. */
#include "lean/join.h"

#include <stdio.h>
#include <string.h>

#include "lean/terminal.h"

#define LIMIT_MS 30000

static void free_parts(struct lean_joiner *joiner)
{
    frame_reader_free(&joiner->reader);
    if (joiner->key)
        berth_wipe_free(berth_take(joiner->key), strlen(joiner->key));
    free(berth_take(joiner->request));
    secret_wipe(&joiner->token);
}

static bool on_open(struct tls_peer *tls)
{
    struct lean_joiner *joiner = container_of(tls, struct lean_joiner, tls);
    struct msg msg = { .type = MSG_join, .ref = 1 };

    (void)snprintf(msg.join.request, sizeof(msg.join.request), "%s", joiner->request);
    (void)snprintf(msg.join.serial, sizeof(msg.join.serial), "%s", joiner->serial);
    (void)snprintf(msg.join.model, sizeof(msg.join.model), "lean");
    (void)snprintf(msg.join.agent_version, sizeof(msg.join.agent_version), BERTH_VERSION);
    msg.join.evidence_count = 1;
    msg.join.evidence[0].kind = join_evidence_kind_INVITATION;
    msg.join.evidence[0].value = joiner->token;
    lean_send(tls, &msg);
    msg_wipe(&msg);
    return true;
}

static int take_frame(void *context, const char *frame, size_t size)
{
    static struct msg msg; /* one loop, one thread; too large for every stack */
    struct lean_joiner *joiner = context;
    int r = msg_decode(frame, size, DOWN, &msg, &joiner->tls.error);

    if (r < 0)
        return r;
    if (msg.type == MSG_joined)
        joiner->joined(joiner, &msg.joined);
    else if (msg.type == MSG_refused)
        joiner->refused(joiner, &msg.refused);
    if (msg.type != MSG_join_pending)
        tls_close(&joiner->tls, BERTH_OK, "answered");
    msg_wipe(&msg);
    return 0;
}

static int on_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    struct lean_joiner *joiner = container_of(tls, struct lean_joiner, tls);

    return frame_feed(&joiner->reader, bytes, size, take_frame, joiner, &tls->error);
}

static void on_closed(struct tls_peer *tls, const struct berth_error *why)
{
    struct lean_joiner *joiner = container_of(tls, struct lean_joiner, tls);

    free_parts(joiner);
    joiner->closed(joiner, why);
}

static const struct tls_events events = { .open = on_open, .bytes = on_bytes, .closed = on_closed };

SSL_CTX *lean_join_context(const struct invite *invite, struct berth_error *reterr)
{
    return tls_context(&(struct tls_setup){ .side = TLS_CLIENT,
                                            .authority_hash = invite->authority_hash,
                                            .alpn = "berth-join/1" },
                       reterr);
}

int lean_join(struct lean_joiner *joiner, struct berth_loop *loop, SSL_CTX *context,
              const struct invite *invite, const char *name, const char *serial, const char *source,
              struct berth_error *reterr)
{
    const struct tls_target target = {
        .address = invite->host, .port = invite->join_port, .limit_ms = LIMIT_MS, .source = source
    };
    int r;

    frame_reader_init(&joiner->reader, FRAME_MAX);
    (void)snprintf(joiner->serial, sizeof(joiner->serial), "%s", serial);
    joiner->token = invite->token;
    r = tls_make_key(&joiner->key, reterr);
    if (r == 0)
        r = tls_make_request(joiner->key, name, &joiner->request, reterr);
    joiner->connect_us = lean_now_us();
    if (r == 0)
        r = tls_connect(loop, context, &target, &events, &joiner->tls, reterr);
    if (r < 0)
        free_parts(joiner);
    return r;
}
