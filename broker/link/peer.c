/* peer.c - one connection of a terminal, on its I/O thread. */
#include "peer.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

/* A burst is the messages of two seconds; a peer that exceeds it so many times while it is not read
 * is disconnected. */
#define BURST_S 2
#define FLOOD_BURSTS 5

static struct io_thread *io_thread_of(const struct peer *peer)
{
    return peer->tls.owner;
}

static struct admission *admission_of(const struct peer *peer)
{
    return io_thread_admission(io_thread_of(peer),
                               peer->joining ? LISTENER_JOINING : LISTENER_TERMINALS);
}

enum penalty peer_penalty(int code, bool open)
{
    switch (code) {
    case BERTH_E_CERTIFICATE:
        return PENALTY_CERTIFICATE;
    case BERTH_E_PROTOCOL:
    case BERTH_E_TOO_LARGE:
    case BERTH_E_TOO_MANY:
        return PENALTY_PROTOCOL;
    default:
        return open ? PENALTY_NONE : PENALTY_SILENT;
    }
}

void peer_note_failure(struct io_thread *io, const char *source, const struct berth_error *why)
{
    struct io_counters *counters = &io->shared->counters;

    if (why->code == BERTH_E_TIMEOUT)
        counters->failed_timeout++;
    else if (why->code == BERTH_E_CERTIFICATE)
        counters->failed_certificate++;
    else if (why->code == BERTH_E_PROTOCOL)
        counters->failed_protocol++;
    else
        counters->failed_left++;
    log_event(EV_PEER_REFUSED, "from", source, "error", berth_error_row(why->code)->symbol,
              "reason", berth_error_text(why));
}

/* ---- messages in ---- */

static void report_bad(struct peer *peer, const struct berth_error *error)
{
    struct up_mail *mail = up_new(io_thread_of(peer), UP_BAD, peer->id, NULL);

    io_thread_of(peer)->shared->counters.messages_bad++;
    mail->error = *error;
    up_post(io_thread_of(peer), mail);
}

static void credit_restored(struct berth_timer *timer)
{
    struct peer *peer = container_of(timer, struct peer, wait);

    tls_resume(&peer->tls);
}

/* One message costs 1000. Over the limit the socket is not read for a while, so that TCP makes the
 * terminal wait. */
static int take_credit(struct peer *peer, struct berth_error *error)
{
    struct io_thread *io = io_thread_of(peer);
    int64_t rate = io->shared->messages_s;
    int64_t burst_m = rate * BURST_S * 1000;
    int64_t now_ms = io->loop.timers.mono_ms;

    peer->credit_m += (now_ms - peer->credit_at_ms) * rate;
    peer->credit_at_ms = now_ms;
    if (peer->credit_m > burst_m)
        peer->credit_m = burst_m;
    peer->credit_m -= 1000;
    if (peer->credit_m >= 0)
        return 0;
    if (peer->credit_m < -FLOOD_BURSTS * burst_m) {
        io->shared->counters.floods++;
        return berth_fail(error, BERTH_E_TOO_MANY, "%s sends more than %lld messages a second",
                          peer->source, (long long)rate);
    }
    io->shared->counters.messages_delayed++;
    tls_pause(&peer->tls);
    timer_start(&io->loop.timers, &peer->wait, -peer->credit_m / rate + 1, credit_restored);
    return 0;
}

/* From now on it is not closed for new connections; a joining one only within the share of its
 * source. */
static void keep_slot(struct peer *peer)
{
    peer->asked = admission_established(admission_of(peer), peer->slot);
}

static int take_frame(void *context, const char *frame, size_t size)
{
    struct peer *peer = context;
    struct io_thread *io = io_thread_of(peer);
    struct berth_error error = { 0 };
    int r = take_credit(peer, &peer->tls.error);

    if (r < 0)
        return r;

    r = msg_decode(frame, size, UP, &io->decoded, &error);
    if (r < 0) {
        report_bad(peer, &error);
        return 0; /* the core counts them and closes the connection */
    }
    io->shared->counters.messages_in++;
    if (!peer->asked && io->decoded.type == MSG_join)
        keep_slot(peer);
    /* A renewal only moves the deadline of its terminal: not urgent. */
    if (io->decoded.type == MSG_renew)
        up_post_batched(io, up_new(io, UP_MESSAGE, peer->id, &io->decoded));
    else
        up_post(io, up_new(io, UP_MESSAGE, peer->id, &io->decoded));
    msg_wipe(&io->decoded);
    return 0;
}

static int on_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    struct peer *peer = container_of(tls, struct peer, tls);
    int r = frame_feed(&peer->reader, bytes, size, take_frame, peer, &tls->error);

    /* After a bad length the stream cannot be parsed any more: close. */
    if (r < 0 && tls->error.code != BERTH_E_TOO_MANY)
        io_thread_of(peer)->shared->counters.messages_bad++;
    return r;
}

/* ---- begin and end ---- */

static void joining_expired(struct berth_timer *timer)
{
    struct peer *peer = container_of(timer, struct peer, life);

    tls_close(&peer->tls, BERTH_E_TIMEOUT, "%s did not join in time", peer->source);
}

/* A joining connection is closed after joining_ms; each join_pending restarts that time. */
static void may_stay(struct peer *peer)
{
    struct io_thread *io = io_thread_of(peer);

    timer_start(&io->loop.timers, &peer->life, io->shared->joining_ms, joining_expired);
}

static bool on_open(struct tls_peer *tls)
{
    struct peer *peer = container_of(tls, struct peer, tls);
    struct io_thread *io = io_thread_of(peer);
    struct up_mail *mail = up_new(io, UP_OPENED, peer->id, NULL);

    io->shared->counters.opened++;
    mail->joining = peer->joining;
    copy_text(mail->address, tls->address);
    if (!peer->joining && !tls_peer_key(tls, mail->key_hash)) {
        up_free(mail);
        return false;
    }
    peer->known = true;
    peer->credit_at_ms = io->loop.timers.mono_ms;
    peer->credit_m = io->shared->messages_s * BURST_S * 1000;
    if (peer->joining) {
        io->shared->counters.joining++;
        may_stay(peer);
    } else {
        io->shared->counters.peers++;
        /* any client can complete a handshake to join; it is established after its first message */
        keep_slot(peer);
    }
    up_post(io, mail);
    return true;
}

static void report_closed(struct peer *peer, const struct berth_error *why)
{
    struct io_thread *io = io_thread_of(peer);
    struct up_mail *mail = up_new(io, UP_CLOSED, peer->id, NULL);

    mail->error = *why;
    mail->joining = peer->joining;
    if (peer->joining)
        io->shared->counters.joining--;
    else
        io->shared->counters.peers--;
    if (why->code == BERTH_E_BUSY && peer->asked)
        io->shared->counters.slow_readers++;
    up_post(io, mail);
}

static void on_closed(struct tls_peer *tls, const struct berth_error *why)
{
    struct peer *peer = container_of(tls, struct peer, tls);
    struct io_thread *io = io_thread_of(peer);
    /* A handshake that ends because the broker stops is not a failure. */
    bool innocent = peer->known || why->code == BERTH_E_CLOSING;

    admission_release(admission_of(peer), peer->slot, peer_penalty(why->code, innocent),
                      clock_mono_ms());
    if (peer->known)
        report_closed(peer, why);
    else if (!innocent)
        peer_note_failure(io, peer->source, why);
    timer_stop(&io->loop.timers, &peer->wait);
    timer_stop(&io->loop.timers, &peer->life);
    frame_reader_free(&peer->reader);
    (void)map_take_id(&io->peers, peer->id);
    list_remove(&tls->node);
    free(peer);
    io_thread_maybe_stop(io);
}

static const struct tls_events events = { .open = on_open, .bytes = on_bytes, .closed = on_closed };

void peer_begin(struct io_thread *io, enum listener_kind kind,
                const struct admission_candidate *candidate, struct admission_slot *slot)
{
    struct berth_error error = { 0 };
    struct peer *peer = berth_new(struct peer);
    int r;

    peer->id = candidate->id;
    peer->slot = slot;
    peer->joining = kind == LISTENER_JOINING;
    peer->tls.owner = io;
    copy_text(peer->source, candidate->source->name);
    frame_reader_init(&peer->reader, peer->joining ? FRAME_MAX_JOINING : FRAME_MAX);
    r = tls_accept(&io->loop, io->contexts[kind], candidate->descriptor, io->shared->handshake_ms,
                   &events, &peer->tls, &error);
    if (r < 0) {
        admission_release(admission_of(peer), slot, PENALTY_NONE, clock_mono_ms());
        peer_note_failure(io, peer->source, &error);
        free(peer);
        return;
    }
    list_append(&io->all, &peer->tls.node);
    map_put_id(&io->peers, peer->id, peer);
}

bool peer_drop(struct io_thread *io, uint64_t id)
{
    struct peer *peer = map_get_id(&io->peers, id);

    if (peer && !peer->asked)
        tls_close(&peer->tls, BERTH_E_BUSY,
                  "%s made no progress and was closed for a new connection", peer->source);
    return peer != NULL;
}

/* ---- messages out ---- */

void peer_tell(struct io_thread *io, uint64_t id, const struct msg *msg)
{
    struct peer *peer = map_get_id(&io->peers, id);
    unsigned char *frame;
    size_t size;
    char *text;

    if (!peer || peer->tls.closing)
        return;
    if (msg->type == MSG_join_pending)
        may_stay(peer);

    /* One buffer: header and payload in one TLS record. */
    text = msg_encode(msg, &size);
    frame = berth_alloc(FRAME_HEADER + size);
    frame_header(frame, size);
    memcpy(frame + FRAME_HEADER, text, size);
    berth_wipe_free(text, size);
    /* tls_write closes the peer on failure. */
    if (tls_write(&peer->tls, frame, FRAME_HEADER + size) == 0)
        io->shared->counters.messages_out++;
    berth_wipe_free(frame, FRAME_HEADER + size);
}

void peer_hang_up(struct io_thread *io, uint64_t id, int code, const char *why)
{
    struct peer *peer = map_get_id(&io->peers, id);

    if (peer)
        tls_close(&peer->tls, code, "%s", why);
}
