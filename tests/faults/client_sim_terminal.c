/* client_sim_terminal.c - one terminal: how it joins, what it is told to do, what it reports. */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "client_sim.h"

#define JOIN_AGAIN_MS 1000

static struct terminal *terminal_of(struct lean_terminal *lean)
{
    return container_of(lean, struct terminal, lean);
}

static int64_t since_us(int64_t at_us)
{
    return lean_now_us() - at_us;
}

/* ---- reports ---- */

static void on_granted(struct lean_terminal *lean, const struct msg_granted *said, bool first)
{
    int64_t took_us = since_us(first ? lean->connect_us : lean->renew_us);

    client_sim_report(terminal_of(lean), first ? "granted" : "renewed",
                      json_pack("{s:I, s:I, s:I}", "took_us", (json_int_t)took_us, "incarnation",
                                (json_int_t)said->incarnation, "expires_in_ms",
                                (json_int_t)said->presence_expires_in_ms));
}

static void on_shown(struct lean_terminal *lean, const struct msg_show *said, bool answers)
{
    struct terminal *terminal = terminal_of(lean);

    (void)answers;
    client_sim_report(terminal, "show",
                      json_pack("{s:I, s:I, s:I, s:s, s:s, s:I, s:I}", "session_id",
                                (json_int_t)said->session_id, "epoch", (json_int_t)said->epoch,
                                "connection_id", (json_int_t)said->connection_id, "user",
                                said->user, "host", said->host, "port", (json_int_t)said->port,
                                "took_us", (json_int_t)since_us(terminal->asked_us)));
}

static void on_hidden(struct lean_terminal *lean, const struct msg_hide *said, bool ours)
{
    client_sim_report(terminal_of(lean), "hide",
                      json_pack("{s:I, s:I, s:s, s:b}", "session_id", (json_int_t)said->session_id,
                                "epoch", (json_int_t)said->epoch, "reason", said->reason, "ours",
                                ours));
}

static void on_heard(struct lean_terminal *lean, const struct msg *msg)
{
    const struct msg_row *row = msg_row(msg->type);
    const char *body = (const char *)msg + offsetof(struct msg, announce);

    client_sim_report(terminal_of(lean), row->name, record_encode(row->record, body, SEE_MASK_ALL));
}

static void on_lost(struct lean_terminal *lean, enum lean_link was, const struct berth_error *why)
{
    client_sim_report(
        terminal_of(lean), "lost",
        json_pack("{s:s, s:b}", "reason", berth_error_text(why), "open", was >= LEAN_OPEN));
}

const struct lean_events terminal_lean_events = { .granted = on_granted,
                                                  .shown = on_shown,
                                                  .hidden = on_hidden,
                                                  .heard = on_heard,
                                                  .lost = on_lost };

/* ---- joining ---- */

static void give_up(const struct berth_error *error)
{
    (void)fprintf(stderr, "berth-client-sim: %s\n", error->text);
    exit(1);
}

static void joined(struct lean_joiner *joiner, const struct msg_joined *said)
{
    struct terminal *terminal = container_of(joiner, struct terminal, joiner);
    struct berth_error error = { 0 };
    const struct tls_setup setup = { .side = TLS_CLIENT,
                                     .alpn = "berth/1",
                                     .certificate = said->certificate,
                                     .key = joiner->key,
                                     .authority = said->authority };

    terminal->lean.context = tls_context(&setup, &error);
    if (!terminal->lean.context)
        give_up(&error);
    terminal->key = berth_take(joiner->key);
    secret_wipe(&terminal->invite.token);
    client_sim_report(terminal, "joined", NULL);
    lean_connect(&terminal->lean);
}

static void refused(struct lean_joiner *joiner, const struct msg_refused *said)
{
    client_sim_report(
        container_of(joiner, struct terminal, joiner), "refused",
        json_pack("{s:s, s:s, s:s}", "about", said->about, "code", said->code, "text", said->text));
}

static void join_again(struct berth_timer *timer);

static void closed(struct lean_joiner *joiner, const struct berth_error *why)
{
    struct terminal *terminal = container_of(joiner, struct terminal, joiner);

    if (terminal->key)
        return;
    client_sim_report(terminal, "lost",
                      json_pack("{s:s, s:b}", "reason", berth_error_text(why), "open", 0));
    timer_start(&terminal->sim->loop.timers, &terminal->join_again, JOIN_AGAIN_MS, join_again);
}

static void join_again(struct berth_timer *timer)
{
    struct terminal *terminal = container_of(timer, struct terminal, join_again);
    const char *name = terminal->lean.name;
    struct berth_error error = { 0 };
    SSL_CTX *context = lean_join_context(&terminal->invite, &error);
    /* An invitation without a name makes t-SERIAL of it. */
    const char *serial = name + (strncmp(name, "t-", 2) == 0 ? 2 : 0);

    if (!context)
        give_up(&error);
    terminal->joiner =
        (struct lean_joiner){ .joined = joined, .refused = refused, .closed = closed };
    if (lean_join(&terminal->joiner, &terminal->sim->loop, context, &terminal->invite, name, serial,
                  NULL, &error) < 0)
        closed(&terminal->joiner, &error);
    SSL_CTX_free(context);
}

struct terminal *terminal_join(struct client_sim *sim, const char *name,
                               const struct invite *invite)
{
    struct terminal *terminal = berth_new(struct terminal);
    struct lean_terminal *lean = &terminal->lean;
    struct sockaddr_in scratch;

    terminal->sim = sim;
    terminal->invite = *invite;
    /* No DNS here: any name of the broker means this machine. */
    if (uv_ip4_addr(invite->host, 0, &scratch) != 0)
        (void)snprintf(terminal->invite.host, sizeof(terminal->invite.host), "127.0.0.1");
    lean->group = &sim->lean;
    (void)snprintf(lean->name, sizeof(lean->name), "%s", name);
    (void)snprintf(lean->address, sizeof(lean->address), "%.63s", terminal->invite.host);
    lean->port = invite->link_port;
    list_append(&sim->terminals, &terminal->node);
    join_again(&terminal->join_again);
    return terminal;
}

struct terminal *terminal_named(struct client_sim *sim, const char *name)
{
    list_each (&sim->terminals, node) {
        struct terminal *terminal = list_entry(node, struct terminal, node);

        if (strcmp(terminal->lean.name, name) == 0)
            return terminal;
    }
    return NULL;
}

/* ---- what people do ---- */

static void sign_on(struct terminal *terminal, enum evidence_kind kind, const char *user,
                    const char *password, const char *pool)
{
    struct msg msg = { .type = MSG_sign_on };
    struct msg_evidence *evidence = &msg.sign_on.evidence[0];

    msg.sign_on.evidence_count = 1;
    evidence->kind = kind;
    (void)snprintf(evidence->name, sizeof(evidence->name), "%s", user);
    if (!secret_set(&evidence->value, password, strlen(password)))
        client_sim_report(terminal, "not-sent",
                          json_pack("{s:s}", "reason", "the password is too long"));
    (void)snprintf(msg.sign_on.pool, sizeof(msg.sign_on.pool), "%s", pool);
    terminal->asked_us = lean_now_us();
    client_sim_report(
        terminal, "asked",
        json_pack("{s:s, s:b}", "user", user, "online", terminal->lean.link == LEAN_PRESENT));
    lean_ask(&terminal->lean, &msg, history_request_SIGN_ON, 0);
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
    struct lean_terminal *lean = &terminal->lean;
    uint64_t session_id = lean->shows ? lean->session_id : 0;
    struct msg msg = { .type = how };

    client_sim_report(terminal, "leaves", json_pack("{s:s}", "how", msg_row(how)->name));
    lean_blank(lean, history_screen_event_HIDES);
    if (how == MSG_sign_off) {
        msg.sign_off.session_id = session_id;
        msg.sign_off.epoch = lean->epoch;
        lean_ask(lean, &msg, history_request_SIGN_OFF, 0);
    } else {
        msg.disconnect.session_id = session_id;
        msg.disconnect.epoch = lean->epoch;
        lean_ask(lean, &msg, history_request_DISCONNECT, 0);
    }
}

void terminal_bye(struct terminal *terminal)
{
    struct lean_terminal *lean = &terminal->lean;
    struct msg msg = { .type = MSG_bye };

    (void)snprintf(msg.bye.presence_id, sizeof(msg.bye.presence_id), "%s", lean->presence_id);
    msg.bye.seq = ++lean->seq;
    lean_say(lean, &msg);
    lean->presence_id[0] = '\0';
    terminal_cut(terminal);
}

void terminal_cut(struct terminal *terminal)
{
    lean_cut(&terminal->lean);
    client_sim_report(terminal, "cut", NULL);
}

void terminal_off(struct terminal *terminal)
{
    lean_blank(&terminal->lean, history_screen_event_OFF);
    lean_cut(&terminal->lean);
    timer_stop(&terminal->sim->loop.timers, &terminal->join_again);
    if (terminal->key)
        berth_wipe_free(berth_take(terminal->key), strlen(terminal->key));
}
