/* client_sim_terminal.c - one lean terminal: its connections, its presence, and what it reports. */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "core/reconnect.h"

#include "client_sim.h"

#define HANDSHAKE_MS 10000
/* As berth-agent: a renewal that is not answered for this long ends the link. */
#define UNANSWERED_MS 7000

static void dial_due(struct berth_timer *timer);
static void renew_due(struct berth_timer *timer);

/* ---- connections ---- */

static void let_go(struct terminal *terminal)
{
    struct wire *wire = berth_take(terminal->wire);

    if (!wire)
        return;
    wire->terminal = NULL;
    tls_close(&wire->tls, BERTH_E_CANCELLED, "let go");
}

static void send_msg(struct terminal *terminal, struct msg *msg)
{
    size_t size;
    char *text;
    char *frame;

    if (!terminal->wire || !terminal->wire->tls.open)
        return;
    text = msg_encode(msg, &size);
    frame = berth_alloc(FRAME_HEADER + size);
    frame_header((unsigned char *)frame, size);
    memcpy(frame + FRAME_HEADER, text, size);
    berth_wipe_free(text, size);
    (void)tls_write(&terminal->wire->tls, frame, FRAME_HEADER + size); /* a failure closes it */
    berth_wipe_free(frame, FRAME_HEADER + size);
}

static struct msg *new_msg(enum msg_type type)
{
    static struct msg msg; /* one thread: used before the next is decoded */
    static uint64_t ref;

    memset(&msg, 0, sizeof(msg));
    msg.type = type;
    msg.ref = ++ref;
    return &msg;
}

static void dial_later(struct terminal *terminal)
{
    enum reconnect_urgency urgency = terminal->session_id ? RECONNECT_IN_SESSION : RECONNECT_IDLE;
    struct client_sim *sim = terminal->sim;

    timer_stop(&sim->loop.timers, &terminal->renew);
    timer_stop(&sim->loop.timers, &terminal->unanswered);
    terminal->told = false;
    if (terminal->wanted)
        timer_start(
            &sim->loop.timers, &terminal->again,
            reconnect_delay_ms(&sim->random, terminal->failures++, terminal->spread_ms, urgency),
            dial_due);
}

static void announce(struct terminal *terminal)
{
    struct msg *msg = new_msg(MSG_announce);

    (void)snprintf(msg->announce.boot_id, sizeof(msg->announce.boot_id), "client-sim");
    (void)snprintf(msg->announce.agent_version, sizeof(msg->announce.agent_version), BERTH_VERSION);
    (void)snprintf(msg->announce.resume_presence_id, sizeof(msg->announce.resume_presence_id), "%s",
                   terminal->presence_id);
    msg->announce.want_expires_in_ms = terminal->sim->want_ms;
    msg->announce.session_id = terminal->session_id;
    msg->announce.session_epoch = terminal->epoch;
    msg->announce.connection_id = terminal->connection_id;
    send_msg(terminal, msg);
}

static void ask_to_join(struct terminal *terminal)
{
    struct msg *msg = new_msg(MSG_join);
    struct berth_error error = { 0 };
    char *request = NULL;

    if (tls_make_key(&terminal->key, &error) < 0 ||
        tls_make_request(terminal->key, terminal->name, &request, &error) < 0) {
        (void)fprintf(stderr, "berth-client-sim: no key: %s\n", error.text);
        exit(1);
    }
    (void)snprintf(msg->join.request, sizeof(msg->join.request), "%s", request);
    free(request);
    /* An invitation without a name makes t-SERIAL of it. */
    (void)snprintf(msg->join.serial, sizeof(msg->join.serial), "%s",
                   terminal->name + (strncmp(terminal->name, "t-", 2) == 0 ? 2 : 0));
    (void)snprintf(msg->join.model, sizeof(msg->join.model), "client-sim");
    (void)snprintf(msg->join.agent_version, sizeof(msg->join.agent_version), BERTH_VERSION);
    msg->join.evidence[0].kind = join_evidence_kind_INVITATION;
    msg->join.evidence[0].value = terminal->invite.token;
    msg->join.evidence_count = 1;
    send_msg(terminal, msg);
    msg_wipe(msg);
}

static bool wire_open(struct tls_peer *tls)
{
    struct wire *wire = container_of(tls, struct wire, tls);

    if (!wire->terminal)
        return false;
    if (wire->joining)
        ask_to_join(wire->terminal);
    else
        announce(wire->terminal);
    return true;
}

static void handle_msg(struct terminal *terminal, struct msg *msg);

static int wire_frame(void *context, const char *frame, size_t size)
{
    static struct msg msg; /* large; one thread */
    struct wire *wire = context;
    int r;

    if (!wire->terminal)
        return BERTH_E_CANCELLED;
    r = msg_decode(frame, size, DOWN, &msg, &wire->tls.error);
    if (r < 0)
        return r;
    handle_msg(wire->terminal, &msg);
    msg_wipe(&msg);
    return wire->terminal ? 0 : BERTH_E_CANCELLED;
}

static int wire_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    struct wire *wire = container_of(tls, struct wire, tls);

    return frame_feed(&wire->reader, bytes, size, wire_frame, wire, &tls->error);
}

static void wire_closed(struct tls_peer *tls, const struct berth_error *why)
{
    struct wire *wire = container_of(tls, struct wire, tls);
    struct terminal *terminal = wire->terminal;

    if (terminal) {
        terminal->wire = NULL;
        client_sim_report(
            terminal, "lost",
            json_pack("{s:s, s:b}", "reason", berth_error_text(why), "open", tls->open));
        dial_later(terminal);
    }
    frame_reader_free(&wire->reader);
    free(wire);
}

static const struct tls_events wire_events = { .open = wire_open,
                                               .bytes = wire_bytes,
                                               .closed = wire_closed };

static SSL_CTX *context_of(struct terminal *terminal, bool joining)
{
    struct tls_setup setup = { .side = TLS_CLIENT, .alpn = "berth/1" };
    struct berth_error error = { 0 };
    SSL_CTX *context;

    if (joining) {
        setup.alpn = "berth-join/1";
        setup.authority_hash = terminal->invite.authority_hash;
    } else {
        setup.certificate = terminal->certificate;
        setup.key = terminal->key;
        setup.authority = terminal->authority;
    }
    context = tls_context(&setup, &error);
    if (!context) {
        (void)fprintf(stderr, "berth-client-sim: %s\n", error.text);
        exit(1);
    }
    return context;
}

static void dial(struct terminal *terminal, bool joining)
{
    struct wire *wire = berth_new(struct wire);
    struct berth_error error = { 0 };
    struct tls_target target = { .address = joining ? terminal->invite.host : terminal->host,
                                 .port = joining ? terminal->invite.join_port : terminal->port,
                                 .limit_ms = HANDSHAKE_MS };
    SSL_CTX *context;

    let_go(terminal);
    if (!joining && !terminal->context)
        terminal->context = context_of(terminal, false);
    context = joining ? context_of(terminal, true) : terminal->context;
    wire->terminal = terminal;
    wire->joining = joining;
    frame_reader_init(&wire->reader, FRAME_MAX);
    terminal->wire = wire;
    terminal->dialled_us = client_sim_now_us();
    if (tls_connect(&terminal->sim->loop, context, &target, &wire_events, &wire->tls, &error) < 0) {
        terminal->wire = NULL;
        free(wire);
        client_sim_report(terminal, "lost",
                          json_pack("{s:s, s:b}", "reason", error.text, "open", 0));
        dial_later(terminal);
    }
    if (joining)
        SSL_CTX_free(context);
}

static void dial_due(struct berth_timer *timer)
{
    struct terminal *terminal = container_of(timer, struct terminal, again);

    dial(terminal, !terminal->certificate[0]);
}

/* ---- presence ---- */

static void link_silent(struct berth_timer *timer)
{
    struct terminal *terminal = container_of(timer, struct terminal, unanswered);

    client_sim_report(terminal, "lost", json_pack("{s:s, s:b}", "reason", "unanswered", "open", 1));
    let_go(terminal);
    dial_later(terminal);
}

static void renew_due(struct berth_timer *timer)
{
    struct terminal *terminal = container_of(timer, struct terminal, renew);
    struct berth_timers *timers = &terminal->sim->loop.timers;
    struct msg *msg = new_msg(MSG_renew);

    (void)snprintf(msg->renew.presence_id, sizeof(msg->renew.presence_id), "%s",
                   terminal->presence_id);
    msg->renew.seq = ++terminal->seq;
    msg->renew.want_expires_in_ms = terminal->sim->want_ms;
    msg->renew.screen = terminal->session_id ? screen_state_DESKTOP : screen_state_SIGN_ON;
    if (!timer_armed(&terminal->unanswered)) {
        terminal->renewed_us = client_sim_now_us();
        timer_start(timers, &terminal->unanswered, UNANSWERED_MS, link_silent);
    }
    timer_start(timers, timer, terminal->renew_after_ms, renew_due);
    send_msg(terminal, msg);
}

static void granted(struct terminal *terminal, const struct msg_granted *msg)
{
    struct berth_timers *timers = &terminal->sim->loop.timers;
    bool first = !terminal->told;
    bool other = strcmp(terminal->presence_id, msg->presence_id) != 0;

    terminal->told = true;
    terminal->failures = 0;
    timer_stop(timers, &terminal->unanswered);
    (void)snprintf(terminal->presence_id, sizeof(terminal->presence_id), "%s", msg->presence_id);
    if (first && other)
        terminal->seq = 0;
    terminal->renew_after_ms = msg->renew_after_ms > 200 ? msg->renew_after_ms : 200;
    terminal->spread_ms = msg->reconnect_spread_ms;
    terminal->incarnation = msg->incarnation;
    timer_start(timers, &terminal->renew, terminal->renew_after_ms, renew_due);
    client_sim_report(terminal, first ? "granted" : "renewed",
                      json_pack("{s:I, s:I, s:I}", "took_us",
                                (json_int_t)(client_sim_now_us() -
                                             (first ? terminal->dialled_us : terminal->renewed_us)),
                                "incarnation", (json_int_t)msg->incarnation, "expires_in_ms",
                                (json_int_t)msg->presence_expires_in_ms));
}

/* ---- the history ---- */

static void note_screen(const struct terminal *terminal, enum history_screen_event event)
{
    struct history_line line = { .kind = HISTORY_screen, .at_us = client_sim_now_us() };

    if (!terminal->sim->history)
        return;
    (void)snprintf(line.screen.terminal, sizeof(line.screen.terminal), "%s", terminal->name);
    line.screen.event = event;
    line.screen.session_id = terminal->session_id;
    line.screen.epoch = terminal->epoch;
    terminal->sim->history->take(terminal->sim->history, &line);
}

static void note_invoke(struct terminal *terminal, enum history_request what)
{
    struct history_line line = { .kind = HISTORY_invoke, .at_us = client_sim_now_us() };

    terminal->op++;
    terminal->waiting = what == history_request_SIGN_ON;
    if (!terminal->sim->history)
        return;
    (void)snprintf(line.invoke.client, sizeof(line.invoke.client), "%.23s", terminal->name);
    (void)snprintf(line.invoke.terminal, sizeof(line.invoke.terminal), "%s", terminal->name);
    line.invoke.op = terminal->op;
    line.invoke.what = what;
    terminal->sim->history->take(terminal->sim->history, &line);
}

/* The result of the waiting sign-on: shown, or refused with a code. */
static void note_result(struct terminal *terminal, const char *code)
{
    struct history_line line = { .kind = HISTORY_result, .at_us = client_sim_now_us() };

    if (!terminal->waiting)
        return;
    terminal->waiting = false;
    if (!terminal->sim->history)
        return;
    (void)snprintf(line.result.client, sizeof(line.result.client), "%.23s", terminal->name);
    line.result.op = terminal->op;
    line.result.outcome = code ? history_outcome_FAIL : history_outcome_OK;
    (void)snprintf(line.result.code, sizeof(line.result.code), "%s", code ? code : "");
    line.result.session_id = code ? 0 : terminal->session_id;
    line.result.epoch = code ? 0 : terminal->epoch;
    terminal->sim->history->take(terminal->sim->history, &line);
}

static void note_profile(const struct terminal *terminal, const struct msg_profile *profile)
{
    struct history_line line = { .kind = HISTORY_profile, .at_us = client_sim_now_us() };

    if (!terminal->sim->history)
        return;
    (void)snprintf(line.profile.terminal, sizeof(line.profile.terminal), "%s", terminal->name);
    line.profile.version = profile->version;
    line.profile.sent = line.profile.applied = (int64_t)profile->settings_count;
    terminal->sim->history->take(terminal->sim->history, &line);
}

/* ---- messages from the broker ---- */

static void joined(struct terminal *terminal, const struct msg_joined *msg)
{
    (void)snprintf(terminal->certificate, sizeof(terminal->certificate), "%s", msg->certificate);
    (void)snprintf(terminal->authority, sizeof(terminal->authority), "%s", msg->authority);
    secret_wipe(&terminal->invite.token);
    client_sim_report(terminal, "joined", NULL);
    terminal->failures = 0;
    dial(terminal, false);
}

static void say_viewer(struct terminal *terminal, enum viewer_state state)
{
    struct msg *msg = new_msg(MSG_viewer);

    msg->viewer.session_id = terminal->session_id;
    msg->viewer.epoch = terminal->epoch;
    msg->viewer.connection_id = terminal->connection_id;
    msg->viewer.state = state;
    send_msg(terminal, msg);
}

static void show(struct terminal *terminal, const struct msg_show *msg)
{
    json_t *more =
        json_pack("{s:I, s:I, s:I, s:s, s:s, s:I, s:I}", "session_id", (json_int_t)msg->session_id,
                  "epoch", (json_int_t)msg->epoch, "connection_id", (json_int_t)msg->connection_id,
                  "user", msg->user, "host", msg->host, "port", (json_int_t)msg->port, "took_us",
                  (json_int_t)(client_sim_now_us() - terminal->asked_us));

    client_sim_report(terminal, "show", more);
    terminal->session_id = msg->session_id;
    terminal->connection_id = msg->connection_id;
    terminal->epoch = msg->epoch;
    note_result(terminal, NULL);
    note_screen(terminal, history_screen_event_SHOWS);
    say_viewer(terminal, viewer_state_CONNECTING);
    say_viewer(terminal, viewer_state_ACTIVE);
}

static void hide(struct terminal *terminal, const struct msg_hide *msg)
{
    bool ours = terminal->session_id == msg->session_id && terminal->epoch <= msg->epoch;

    client_sim_report(terminal, "hide",
                      json_pack("{s:I, s:I, s:s, s:b}", "session_id", (json_int_t)msg->session_id,
                                "epoch", (json_int_t)msg->epoch, "reason", msg->reason, "ours",
                                ours));
    if (!ours)
        return;
    say_viewer(terminal, viewer_state_ENDED);
    note_screen(terminal, history_screen_event_HIDES);
    terminal->session_id = 0;
}

static void obey(struct terminal *terminal, const struct msg_command *command)
{
    uint64_t id = command->command_id;

    for (int done = 0; done < 2; done++) {
        struct msg *msg = new_msg(MSG_command_state);

        msg->command_state.command_id = id;
        msg->command_state.state = done ? command_DONE : command_ACKED;
        send_msg(terminal, msg);
    }
}

static void tell_plain(const struct terminal *terminal, const struct msg *msg)
{
    const struct msg_row *row = msg_row(msg->type);
    const char *body = (const char *)msg + offsetof(struct msg, announce);

    client_sim_report(terminal, row->name, record_encode(row->record, body, SEE_MASK_ALL));
}

static void handle_msg(struct terminal *terminal, struct msg *msg)
{
    struct msg *answer;

    if (msg->type == MSG_joined) {
        joined(terminal, &msg->joined);
    } else if (msg->type == MSG_granted) {
        granted(terminal, &msg->granted);
    } else if (msg->type == MSG_presence_unknown) {
        client_sim_report(terminal, "presence_unknown", NULL);
        terminal->presence_id[0] = '\0';
        terminal->told = false;
        terminal->dialled_us = client_sim_now_us();
        announce(terminal);
    } else if (msg->type == MSG_show) {
        show(terminal, &msg->show);
    } else if (msg->type == MSG_hide) {
        hide(terminal, &msg->hide);
    } else if (msg->type == MSG_profile) {
        answer = new_msg(MSG_profile_applied);
        answer->profile_applied.version = msg->profile.version;
        note_profile(terminal, &msg->profile);
        send_msg(terminal, answer);
    } else if (msg->type == MSG_command) {
        obey(terminal, &msg->command);
    } else {
        if (msg->type == MSG_refused && strcmp(msg->refused.about, "sign_on") == 0)
            note_result(terminal, msg->refused.code);
        tell_plain(terminal, msg);
    }
}

/* ---- what people do ---- */

struct terminal *terminal_join(struct client_sim *sim, const char *name,
                               const struct invite *invite)
{
    struct terminal *terminal = berth_new(struct terminal);
    struct sockaddr_in scratch;

    terminal->sim = sim;
    (void)snprintf(terminal->name, sizeof(terminal->name), "%s", name);
    terminal->invite = *invite;
    /* No DNS here: any name of the broker means this machine. */
    if (uv_ip4_addr(invite->host, 0, &scratch) != 0)
        (void)snprintf(terminal->invite.host, sizeof(terminal->invite.host), "127.0.0.1");
    (void)snprintf(terminal->host, sizeof(terminal->host), "%.63s", terminal->invite.host);
    terminal->port = invite->link_port;
    terminal->wanted = true;
    list_append(&sim->terminals, &terminal->node);
    dial(terminal, true);
    return terminal;
}

struct terminal *terminal_named(struct client_sim *sim, const char *name)
{
    list_each (&sim->terminals, node) {
        struct terminal *terminal = list_entry(node, struct terminal, node);

        if (strcmp(terminal->name, name) == 0)
            return terminal;
    }
    return NULL;
}

void terminal_free(struct terminal *terminal)
{
    struct berth_timers *timers = &terminal->sim->loop.timers;

    note_screen(terminal, history_screen_event_OFF);
    let_go(terminal);
    timer_stop(timers, &terminal->again);
    timer_stop(timers, &terminal->renew);
    timer_stop(timers, &terminal->unanswered);
    list_remove(&terminal->node);
    SSL_CTX_free(terminal->context);
    if (terminal->key)
        berth_wipe_free(terminal->key, strlen(terminal->key));
    free(terminal);
}

static void sign_on(struct terminal *terminal, enum evidence_kind kind, const char *user,
                    const char *password, const char *pool)
{
    struct msg *msg = new_msg(MSG_sign_on);

    msg->sign_on.evidence[0].kind = kind;
    (void)snprintf(msg->sign_on.evidence[0].name, sizeof(msg->sign_on.evidence[0].name), "%s",
                   user);
    if (!secret_set(&msg->sign_on.evidence[0].value, password, strlen(password)))
        client_sim_report(terminal, "not-sent",
                          json_pack("{s:s}", "reason", "the password is too long"));
    msg->sign_on.evidence_count = 1;
    (void)snprintf(msg->sign_on.pool, sizeof(msg->sign_on.pool), "%s", pool);
    terminal->asked_us = client_sim_now_us();
    note_invoke(terminal, history_request_SIGN_ON);
    client_sim_report(terminal, "asked",
                      json_pack("{s:s, s:b}", "user", user, "online", terminal->told));
    send_msg(terminal, msg);
    msg_wipe(msg);
}

void terminal_sign_on(struct terminal *terminal, const char *user, const char *password,
                      const char *pool)
{
    sign_on(terminal, evidence_kind_PASSWORD, user, password, pool);
}

void terminal_kiosk(struct terminal *terminal)
{
    sign_on(terminal, evidence_kind_KIOSK, "", "", "");
}

void terminal_leave(struct terminal *terminal, enum msg_type how)
{
    struct msg *msg = new_msg(how);

    client_sim_report(terminal, "leaves", json_pack("{s:s}", "how", msg_row(how)->name));
    if (terminal->session_id)
        note_screen(terminal, history_screen_event_HIDES);
    note_invoke(terminal,
                how == MSG_sign_off ? history_request_SIGN_OFF : history_request_DISCONNECT);
    if (how == MSG_sign_off) {
        msg->sign_off.session_id = terminal->session_id;
        msg->sign_off.epoch = terminal->epoch;
    } else {
        msg->disconnect.session_id = terminal->session_id;
        msg->disconnect.epoch = terminal->epoch;
    }
    send_msg(terminal, msg);
    terminal->session_id = 0;
}

void terminal_bye(struct terminal *terminal)
{
    struct msg *msg = new_msg(MSG_bye);

    (void)snprintf(msg->bye.presence_id, sizeof(msg->bye.presence_id), "%s", terminal->presence_id);
    msg->bye.seq = ++terminal->seq;
    send_msg(terminal, msg);
    terminal->presence_id[0] = '\0';
    terminal_cut(terminal);
}

void terminal_cut(struct terminal *terminal)
{
    terminal->wanted = false;
    let_go(terminal);
    dial_later(terminal); /* which it does not, but it stops the timers */
    timer_stop(&terminal->sim->loop.timers, &terminal->again);
    client_sim_report(terminal, "cut", NULL);
}

void terminal_connect(struct terminal *terminal)
{
    terminal->wanted = true;
    terminal->failures = 0;
    timer_stop(&terminal->sim->loop.timers, &terminal->again);
    dial(terminal, !terminal->certificate[0]);
}
