/* terminal.c - the person at a terminal, and what is measured there. */
#include "terminal.h"

#include <stdio.h>
#include <string.h>

#include "storm.h"

static struct terminal *terminal_of(struct lean_terminal *lean)
{
    return container_of(lean, struct terminal, lean);
}

static struct storm *storm_of(const struct terminal *terminal)
{
    return terminal->population->storm;
}

static struct berth_timers *timers_of(const struct terminal *terminal)
{
    return &storm_of(terminal)->loop.timers;
}

void terminal_name(size_t number, char out[64])
{
    (void)snprintf(out, 64, "t-storm-%05zu", number + 1);
}

/* ---- requests ---- */

static void fill_evidence(const struct terminal *terminal, struct msg_sign_on *sign_on)
{
    struct msg_evidence *evidence = &sign_on->evidence[0];

    sign_on->evidence_count = 1;
    evidence->kind = terminal->request.kind;
    if (evidence->kind == evidence_kind_PASSWORD) {
        (void)snprintf(evidence->name, sizeof(evidence->name), "person-%05zu",
                       terminal->request.person + 1);
        (void)snprintf(evidence->value.text, sizeof(evidence->value.text), PEOPLE_PASSWORD);
    } else if (evidence->kind == evidence_kind_BADGE) {
        (void)snprintf(evidence->name, sizeof(evidence->name), "badge-%05zu",
                       terminal->request.person + 1);
    }
}

static void ask(struct terminal *terminal)
{
    struct msg msg = { .type = MSG_sign_on };

    if (!terminal->request.counted)
        storm_of(terminal)->figures.offered++;
    terminal->request.counted = true;
    fill_evidence(terminal, &msg.sign_on);
    lean_ask(&terminal->lean, &msg, history_request_SIGN_ON, terminal->request.user_id);
}

static void close_request(struct terminal *terminal)
{
    if (!terminal->request.open)
        return;
    timer_stop(timers_of(terminal), &terminal->retry);
    terminal->population->requests--;
    terminal->request.open = false;
    terminal->lean.person_waits = false;
}

void terminal_request(struct terminal *terminal, const struct request *request)
{
    struct figures *figures = &storm_of(terminal)->figures;

    if (terminal->request.open) { /* the earlier person gave up without an answer */
        figures->failed++;
        figures_reason(figures, "given-up");
        close_request(terminal);
    }
    terminal->request = *request;
    terminal->request.open = true;
    terminal->request.since_us = storm_now_us();
    terminal->lean.person_waits = true;
    terminal->population->requests++;
    if (terminal->lean.link == LEAN_PRESENT)
        ask(terminal);
}

static void ask_again(struct berth_timer *timer)
{
    struct terminal *terminal = container_of(timer, struct terminal, retry);

    if (terminal->request.open && terminal->lean.link == LEAN_PRESENT)
        ask(terminal);
}

static void on_refused(struct terminal *terminal, const struct msg_refused *said)
{
    struct figures *figures = &storm_of(terminal)->figures;

    figures_reason(figures, said->code);
    if (strcmp(said->about, "sign_on") != 0 || !terminal->request.open || !terminal->lean.asked)
        return;
    if (said->retry_after_ms > 0) {
        timer_start(timers_of(terminal), &terminal->retry, said->retry_after_ms, ask_again);
        return;
    }
    figures->failed++;
    close_request(terminal);
}

static void on_progress(struct terminal *terminal, const struct msg_progress *said)
{
    if (!terminal->request.open || terminal->request.estimate_us || said->estimate_ms == 0)
        return;
    terminal->request.estimate_us = said->estimate_ms * 1000;
    terminal->request.estimated_us = storm_now_us();
}

/* An estimate is good when it was within a fifth of what came, or within a second. */
static void judge_estimate(struct terminal *terminal)
{
    struct figures *figures = &storm_of(terminal)->figures;
    const struct request *request = &terminal->request;
    int64_t truth_us = storm_now_us() - request->estimated_us;
    int64_t off_us = truth_us - request->estimate_us;

    if (!request->estimate_us)
        return;
    off_us = off_us < 0 ? -off_us : off_us;
    figures->estimates++;
    figures->estimates_good += off_us <= truth_us / 5 || off_us <= 1000000;
}

void terminal_leave(struct terminal *terminal)
{
    struct msg msg = { .type = MSG_disconnect };

    if (!terminal->lean.shows || terminal->lean.link != LEAN_PRESENT)
        return;
    msg.disconnect.session_id = terminal->lean.session_id;
    msg.disconnect.epoch = terminal->lean.epoch;
    terminal->leave_us = storm_now_us();
    lean_say(&terminal->lean, &msg);
}

/* ---- what the lean terminal reports ---- */

static bool on_dials(struct lean_terminal *lean)
{
    struct terminal *terminal = terminal_of(lean);

    terminal->population->connecting++;
    return keyring_use(&terminal->population->keyring, terminal->number, lean->tls.ssl);
}

static void on_connected(struct lean_terminal *lean)
{
    struct terminal *terminal = terminal_of(lean);

    terminal->population->connecting--;
    terminal->population->connected++;
    figures_add(&storm_of(terminal)->figures, PHASE_connected, storm_now_us() - lean->connect_us);
}

static void on_granted(struct lean_terminal *lean, const struct msg_granted *said, bool first)
{
    struct terminal *terminal = terminal_of(lean);
    struct population *population = terminal->population;
    struct figures *figures = &storm_of(terminal)->figures;
    int64_t now_us = storm_now_us();

    (void)said;
    if (!first) {
        if (lean->renew_us)
            figures_add(figures, PHASE_renewed, now_us - lean->renew_us);
        return;
    }
    population->present++;
    figures_add(figures, PHASE_present, now_us - lean->connect_us);
    if (population->events.present)
        population->events.present(terminal);
    if (terminal->request.open && !lean->asked)
        ask(terminal);
}

static void on_shown(struct lean_terminal *lean, const struct msg_show *said, bool answers)
{
    struct terminal *terminal = terminal_of(lean);
    struct population *population = terminal->population;
    struct figures *figures = &storm_of(terminal)->figures;

    (void)said;
    population->showing++;
    if (terminal->request.open && answers) {
        figures->served++;
        figures_add(figures, PHASE_shown, storm_now_us() - terminal->request.since_us);
        judge_estimate(terminal);
    }
    close_request(terminal);
    if (population->events.shown)
        population->events.shown(terminal);
}

static void on_hidden(struct lean_terminal *lean, const struct msg_hide *said, bool ours)
{
    struct terminal *terminal = terminal_of(lean);

    (void)said;
    if (!ours)
        return;
    if (terminal->population->events.hidden)
        terminal->population->events.hidden(terminal);
    terminal->leave_us = 0;
}

static void on_dark(struct lean_terminal *lean)
{
    terminal_of(lean)->population->showing--;
}

static void on_heard(struct lean_terminal *lean, const struct msg *msg)
{
    struct terminal *terminal = terminal_of(lean);
    struct figures *figures = &storm_of(terminal)->figures;

    if (msg->type == MSG_refused) {
        on_refused(terminal, &msg->refused);
    } else if (msg->type == MSG_progress) {
        on_progress(terminal, &msg->progress);
    } else if (msg->type == MSG_show) {
        figures_reason(figures, "old-epoch");
    } else if (msg->type == MSG_presence_unknown) {
        figures_reason(figures, "presence-unknown");
        terminal->population->present -= lean->link == LEAN_PRESENT;
        timer_stop(timers_of(terminal), &terminal->retry);
    }
}

static void on_lost(struct lean_terminal *lean, enum lean_link was, const struct berth_error *why)
{
    struct terminal *terminal = terminal_of(lean);
    struct population *population = terminal->population;
    struct figures *figures = &storm_of(terminal)->figures;

    if (was == LEAN_DOWN) {
        figures_reason(figures, "no-socket");
    } else if (was == LEAN_CONNECTING) {
        population->connecting--;
        if (lean->on)
            figures_reason(figures, why->code ? berth_error_row(why->code)->symbol : "closed");
    } else {
        population->present -= was == LEAN_PRESENT;
        population->connected--;
        population->disconnects++;
        timer_stop(timers_of(terminal), &terminal->retry);
        if (population->events.lost)
            population->events.lost(terminal);
    }
}

const struct lean_events terminal_lean_events = { .dials = on_dials,
                                                  .connected = on_connected,
                                                  .granted = on_granted,
                                                  .shown = on_shown,
                                                  .hidden = on_hidden,
                                                  .dark = on_dark,
                                                  .heard = on_heard,
                                                  .lost = on_lost };

/* ---- power ---- */

void terminal_on(struct terminal *terminal)
{
    struct storm *storm = storm_of(terminal);

    if (terminal->lean.on)
        return;
    terminal->lean.context = terminal->population->context;
    terminal->lean.port = storm->site.link_port;
    (void)snprintf(terminal->lean.address, sizeof(terminal->lean.address), "%s",
                   storm->site.address);
    lean_connect(&terminal->lean);
}

void terminal_off(struct terminal *terminal)
{
    timer_stop(timers_of(terminal), &terminal->stay);
    close_request(terminal);
    lean_blank(&terminal->lean, history_screen_event_OFF);
    lean_cut(&terminal->lean);
}
