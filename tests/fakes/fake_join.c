/* fake_join.c - the identity of a fake terminal: joining, and renewing its certificate. */
#include <stdio.h>
#include <string.h>

#include "fakes/fake_ports.h"
#include "fakes/fake_terminal_internal.h"

static void add_old_key(const struct fake_terminal *terminal, struct msg_join *join)
{
    struct msg_join_evidence *evidence = &join->evidence[join->evidence_count++];

    evidence->kind = join_evidence_kind_OLD_KEY;
    (void)snprintf(evidence->certificate, sizeof(evidence->certificate), "%.1500s",
                   terminal->old_certificate);
    fake_ca_signature(evidence->signature, sizeof(evidence->signature), terminal->old_key,
                      join->request);
}

#define JOIN_TIMEOUT_MS 20000 /* as in agent/flow/join_request.c */

static void join_unanswered(struct berth_timer *timer);

static void start_join_timeout(struct fake_terminal *terminal)
{
    timer_start(&environment_of(terminal)->timers, &terminal->join_timeout, JOIN_TIMEOUT_MS,
                join_unanswered);
}

void join_say(struct fake_terminal *terminal)
{
    struct msg msg = { .type = MSG_join, .ref = ++terminal->ref };
    struct msg_join *join = &msg.join;

    fake_ca_request(join->request, sizeof(join->request), terminal->key);
    (void)snprintf(join->serial, sizeof(join->serial), "%s", terminal->serial);
    (void)snprintf(join->model, sizeof(join->model), "paper");
    if (!secret_empty(&terminal->invitation)) {
        struct msg_join_evidence *evidence = &join->evidence[join->evidence_count++];

        evidence->kind = join_evidence_kind_INVITATION;
        evidence->value = terminal->invitation;
    }
    if (terminal->old_certificate[0])
        add_old_key(terminal, join);
    terminal->joins++;
    start_join_timeout(terminal);
    terminal_say(terminal, &msg);
    msg_wipe(&msg);
}

static void try_again(struct berth_timer *timer)
{
    struct fake_terminal *terminal = container_of(timer, struct fake_terminal, reconnect);

    terminal_power(terminal, true);
}

static void retry_in(struct fake_terminal *terminal, int64_t delay_ms)
{
    if (terminal->link)
        fake_connection_close(terminal->link, "it joined, or asks again later");
    terminal->link = NULL;
    terminal->open = false;
    terminal->on = false;
    timer_start(&environment_of(terminal)->timers, &terminal->reconnect, delay_ms, try_again);
}

static void join_unanswered(struct berth_timer *timer)
{
    retry_in(container_of(timer, struct fake_terminal, join_timeout), 1000);
}

void join_received(struct fake_terminal *terminal, const struct msg *msg)
{
    if (msg->type != MSG_refused || strcmp(msg->refused.about, "join") == 0)
        terminal_hear_ref(terminal, msg);
    if (msg->type == MSG_join_pending) {
        terminal->pendings++;
        start_join_timeout(terminal);
        return;
    }
    timer_stop(&environment_of(terminal)->timers, &terminal->join_timeout);
    if (msg->type == MSG_joined) {
        (void)snprintf(terminal->certificate, sizeof(terminal->certificate), "%s",
                       msg->joined.certificate);
        terminal->old_certificate[0] = '\0';
        terminal->code[0] = '\0';
        terminal_page(terminal, "", "");
        retry_in(terminal, 10);
    } else if (msg->type == MSG_join_wait) {
        (void)snprintf(terminal->code, sizeof(terminal->code), "%s", msg->join_wait.code);
        terminal_page(terminal, "waiting", msg->join_wait.code);
        retry_in(terminal, msg->join_wait.retry_after_ms);
    } else if (msg->type == MSG_refused) {
        terminal_page(terminal, msg->refused.code, msg->refused.text);
        terminal->refused_for_good = msg->refused.retry_after_ms == 0;
    }
}

void terminal_renew_key(struct fake_terminal *terminal)
{
    struct msg msg = { .type = MSG_renew_certificate, .ref = terminal->ref + 1 };

    if (terminal->next_key[0] || !terminal->open)
        return; /* an agent has one next key at a time */
    terminal->ref++;
    random_hex(&environment_of(terminal)->random, terminal->next_key, 12);
    fake_ca_request(msg.renew_certificate.request, sizeof(msg.renew_certificate.request),
                    terminal->next_key);
    terminal_say(terminal, &msg);
}

void join_take_certificate(struct fake_terminal *terminal, const struct msg_certificate *said)
{
    (void)snprintf(terminal->key, sizeof(terminal->key), "%s", terminal->next_key);
    terminal->next_key[0] = '\0';
    fake_digest(terminal->key, terminal->key_hash);
    (void)snprintf(terminal->certificate, sizeof(terminal->certificate), "%s", said->certificate);
    terminal_break(terminal); /* it connects anew with the new key */
}
