/* terminal.c - one terminal: its link, presence, requests, and what it shows. */
#include "terminal.h"

#include <stdio.h>
#include <string.h>

#include "berth/message.h"

#include "core/reconnect.h"

#include "storm.h"

#define HANDSHAKE_LIMIT_MS 30000
#define WANT_DEFAULT 0

static void connect_later(struct terminal *terminal);

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

/* ---- the history ---- */

/* Every line names its terminal, in a field that depends on its kind. */
static void note(struct terminal *terminal, struct history_line *line)
{
    struct history *history = storm_of(terminal)->history;
    char name[64];

    if (!history)
        return;
    terminal_name(terminal->number, name);
    line->at_us = history_now_us();
    if (line->kind == HISTORY_invoke) {
        (void)snprintf(line->invoke.client, sizeof(line->invoke.client), "%s", name);
        (void)snprintf(line->invoke.terminal, sizeof(line->invoke.terminal), "%s", name);
    } else if (line->kind == HISTORY_result) {
        (void)snprintf(line->result.client, sizeof(line->result.client), "%s", name);
    } else if (line->kind == HISTORY_screen) {
        (void)snprintf(line->screen.terminal, sizeof(line->screen.terminal), "%s", name);
    }
    history->take(history, line);
}

static void note_invoke(struct terminal *terminal)
{
    note(terminal, &(struct history_line){ .kind = HISTORY_invoke,
                                           .invoke = { .op = terminal->request.op,
                                                       .what = history_request_SIGN_ON,
                                                       .user_id = terminal->request.user_id } });
}

static void note_result(struct terminal *terminal, enum history_outcome outcome, const char *code)
{
    struct history_line line = { .kind = HISTORY_result,
                                 .result = { .op = terminal->request.op, .outcome = outcome } };

    if (outcome == history_outcome_OK) {
        line.result.session_id = terminal->session_id;
        line.result.epoch = terminal->epoch;
    }
    (void)snprintf(line.result.code, sizeof(line.result.code), "%s", code);
    note(terminal, &line);
}

static void note_screen(struct terminal *terminal, enum history_screen_event event)
{
    note(terminal, &(struct history_line){ .kind = HISTORY_screen,
                                           .screen = { .event = event,
                                                       .session_id = terminal->session_id,
                                                       .epoch = terminal->epoch } });
}

/* ---- sending ---- */

static void say(struct terminal *terminal, struct msg *msg)
{
    unsigned char *frame;
    size_t size;
    char *text;

    msg->ref = ++terminal->ref;
    text = msg_encode(msg, &size);
    frame = berth_alloc(FRAME_HEADER + size);
    frame_header(frame, size);
    memcpy(frame + FRAME_HEADER, text, size);
    free(text);
    /* A failure closes the connection; its callback follows. */
    (void)tls_write(&terminal->tls, frame, FRAME_HEADER + size);
    free(frame);
}

static void announce(struct terminal *terminal)
{
    struct msg msg = { .type = MSG_announce };

    (void)snprintf(msg.announce.boot_id, sizeof(msg.announce.boot_id), "storm-%zu",
                   terminal->number);
    (void)snprintf(msg.announce.agent_version, sizeof(msg.announce.agent_version), "%s",
                   BERTH_VERSION);
    (void)snprintf(msg.announce.resume_presence_id, sizeof(msg.announce.resume_presence_id), "%s",
                   terminal->presence_id);
    msg.announce.want_expires_in_ms = WANT_DEFAULT;
    msg.announce.profile_version = terminal->profile_version;
    msg.announce.user_waiting = terminal->request.open;
    if (terminal->shows) {
        msg.announce.session_id = terminal->session_id;
        msg.announce.session_epoch = terminal->epoch;
        msg.announce.connection_id = terminal->connection_id;
    }
    say(terminal, &msg);
}

static void renew(struct berth_timer *timer)
{
    struct terminal *terminal = container_of(timer, struct terminal, renew);
    struct msg msg = { .type = MSG_renew };

    if (terminal->link != LINK_PRESENT)
        return;
    (void)snprintf(msg.renew.presence_id, sizeof(msg.renew.presence_id), "%s",
                   terminal->presence_id);
    msg.renew.seq = ++terminal->seq;
    msg.renew.screen = terminal->shows ? screen_state_DESKTOP : screen_state_SIGN_ON;
    terminal->renew_us = storm_now_us();
    say(terminal, &msg);
}

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
    struct figures *figures = &storm_of(terminal)->figures;
    struct msg msg = { .type = MSG_sign_on };

    if (!terminal->request.counted)
        figures->offered++;
    terminal->request.counted = true;
    terminal->request.told = true;
    terminal->request.op = ++terminal->ops;
    note_invoke(terminal);
    fill_evidence(terminal, &msg.sign_on);
    say(terminal, &msg);
    msg_wipe(&msg);
}

static void say_viewer(struct terminal *terminal, enum viewer_state state)
{
    struct msg msg = { .type = MSG_viewer };

    msg.viewer.session_id = terminal->session_id;
    msg.viewer.epoch = terminal->epoch;
    msg.viewer.connection_id = terminal->connection_id;
    msg.viewer.state = state;
    msg.viewer.picture_ms = state == viewer_state_ACTIVE ? 1 : 0;
    if (state == viewer_state_ENDED)
        (void)snprintf(msg.viewer.reason, sizeof(msg.viewer.reason), "hidden");
    say(terminal, &msg);
}

/* ---- requests ---- */

static void close_request(struct terminal *terminal)
{
    if (!terminal->request.open)
        return;
    timer_stop(timers_of(terminal), &terminal->retry);
    terminal->population->requests--;
    terminal->request.open = false;
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
    terminal->population->requests++;
    if (terminal->link == LINK_PRESENT)
        ask(terminal);
}

static void ask_again(struct berth_timer *timer)
{
    struct terminal *terminal = container_of(timer, struct terminal, retry);

    if (terminal->request.open && terminal->link == LINK_PRESENT)
        ask(terminal);
}

static void on_refused(struct terminal *terminal, const struct msg_refused *said)
{
    struct figures *figures = &storm_of(terminal)->figures;

    figures_reason(figures, said->code);
    if (strcmp(said->about, "sign_on") != 0 || !terminal->request.open || !terminal->request.told)
        return;
    note_result(terminal, history_outcome_FAIL, said->code);
    terminal->request.told = false;
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

/* ---- the screen ---- */

static void blank(struct terminal *terminal)
{
    if (!terminal->shows)
        return;
    note_screen(terminal, history_screen_event_HIDES);
    terminal->shows = false;
    terminal->population->showing--;
}

static void on_show(struct terminal *terminal, const struct msg_show *said)
{
    struct population *population = terminal->population;
    struct figures *figures = &storm_of(terminal)->figures;

    if (said->session_id == terminal->session_id && said->epoch <= terminal->epoch) {
        figures_reason(figures, "old-epoch");
        return;
    }
    blank(terminal);
    terminal->session_id = said->session_id;
    terminal->epoch = said->epoch;
    terminal->connection_id = said->connection_id;
    terminal->shows = true;
    population->showing++;
    if (terminal->request.open && terminal->request.told) {
        note_result(terminal, history_outcome_OK, "");
        figures->served++;
        figures_add(figures, PHASE_shown, storm_now_us() - terminal->request.since_us);
        judge_estimate(terminal);
    }
    note_screen(terminal, history_screen_event_SHOWS);
    say_viewer(terminal, viewer_state_CONNECTING);
    say_viewer(terminal, viewer_state_ACTIVE);
    close_request(terminal);
    if (population->events.shown)
        population->events.shown(terminal);
}

static void on_hide(struct terminal *terminal, const struct msg_hide *said)
{
    struct population *population = terminal->population;

    if (said->session_id != terminal->session_id || said->epoch < terminal->epoch)
        return;
    terminal->epoch = said->epoch; /* shows up to this epoch are void */
    if (!terminal->shows)
        return;
    blank(terminal);
    say_viewer(terminal, viewer_state_ENDED);
    if (population->events.hidden)
        population->events.hidden(terminal);
    terminal->leave_us = 0;
}

void terminal_leave(struct terminal *terminal)
{
    struct msg msg = { .type = MSG_disconnect };

    if (!terminal->shows || terminal->link != LINK_PRESENT)
        return;
    msg.disconnect.session_id = terminal->session_id;
    msg.disconnect.epoch = terminal->epoch;
    terminal->leave_us = storm_now_us();
    say(terminal, &msg);
}

/* ---- receiving ---- */

static void on_granted(struct terminal *terminal, const struct msg_granted *said)
{
    struct population *population = terminal->population;
    struct figures *figures = &storm_of(terminal)->figures;
    int64_t now_us = storm_now_us();
    bool came = terminal->link != LINK_PRESENT;

    (void)snprintf(terminal->presence_id, sizeof(terminal->presence_id), "%s", said->presence_id);
    terminal->renew_after_ms = said->renew_after_ms;
    terminal->spread_ms = said->reconnect_spread_ms;
    timer_start(timers_of(terminal), &terminal->renew,
                reconnect_jitter_ms(&storm_of(terminal)->random, said->renew_after_ms), renew);
    if (!came) {
        if (terminal->renew_us)
            figures_add(figures, PHASE_renewed, now_us - terminal->renew_us);
        terminal->renew_us = 0;
        return;
    }
    terminal->link = LINK_PRESENT;
    terminal->failures = 0;
    population->present++;
    figures_add(figures, PHASE_present, now_us - terminal->connect_us);
    if (population->events.present)
        population->events.present(terminal);
    if (terminal->request.open && !terminal->request.told)
        ask(terminal);
}

static void leave_presence(struct terminal *terminal)
{
    if (terminal->link == LINK_PRESENT)
        terminal->population->present--;
    timer_stop(timers_of(terminal), &terminal->renew);
    timer_stop(timers_of(terminal), &terminal->retry);
}

static void on_unknown(struct terminal *terminal)
{
    leave_presence(terminal);
    terminal->link = LINK_OPEN;
    terminal->presence_id[0] = '\0';
    figures_reason(&storm_of(terminal)->figures, "presence-unknown");
    announce(terminal);
}

static void on_command(struct terminal *terminal, const struct msg_command *said)
{
    struct msg msg = { .type = MSG_command_state };

    msg.command_state.command_id = said->command_id;
    msg.command_state.state = command_DONE;
    say(terminal, &msg);
}

static void on_profile(struct terminal *terminal, const struct msg_profile *said)
{
    struct msg msg = { .type = MSG_profile_applied };

    terminal->profile_version = said->version;
    msg.profile_applied.version = said->version;
    say(terminal, &msg);
}

static void hear(struct terminal *terminal, const struct msg *msg)
{
    /* Other messages to an agent are ignored. */
    if (msg->type == MSG_granted)
        on_granted(terminal, &msg->granted);
    else if (msg->type == MSG_show)
        on_show(terminal, &msg->show);
    else if (msg->type == MSG_hide)
        on_hide(terminal, &msg->hide);
    else if (msg->type == MSG_refused)
        on_refused(terminal, &msg->refused);
    else if (msg->type == MSG_progress)
        on_progress(terminal, &msg->progress);
    else if (msg->type == MSG_presence_unknown)
        on_unknown(terminal);
    else if (msg->type == MSG_profile)
        on_profile(terminal, &msg->profile);
    else if (msg->type == MSG_command)
        on_command(terminal, &msg->command);
}

static int take_frame(void *context, const char *frame, size_t size)
{
    static struct msg msg; /* one loop, one thread; too large for every stack */
    struct terminal *terminal = context;
    int r = msg_decode(frame, size, DOWN, &msg, &terminal->tls.error);

    if (r < 0)
        return r;
    hear(terminal, &msg);
    msg_wipe(&msg);
    return 0;
}

/* ---- the link ---- */

static bool on_open(struct tls_peer *tls)
{
    struct terminal *terminal = container_of(tls, struct terminal, tls);

    terminal->link = LINK_OPEN;
    terminal->population->connecting--;
    terminal->population->connected++;
    figures_add(&storm_of(terminal)->figures, PHASE_connected,
                storm_now_us() - terminal->connect_us);
    announce(terminal);
    return true;
}

static int on_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    struct terminal *terminal = container_of(tls, struct terminal, tls);

    return frame_feed(&terminal->reader, bytes, size, take_frame, terminal, &tls->error);
}

/* A request that was sent and not answered has an unknown outcome; ask again, as a person would. */
static void lose_link(struct terminal *terminal)
{
    struct population *population = terminal->population;

    leave_presence(terminal);
    terminal->lost_us = storm_now_us();
    population->connected--;
    population->disconnects++;
    terminal->failures = 0;
    if (terminal->request.open && terminal->request.told) {
        note_result(terminal, history_outcome_UNKNOWN, "");
        terminal->request.told = false;
    }
    if (population->events.lost)
        population->events.lost(terminal);
}

static void on_closed(struct tls_peer *tls, const struct berth_error *why)
{
    struct terminal *terminal = container_of(tls, struct terminal, tls);
    struct figures *figures = &storm_of(terminal)->figures;

    if (terminal->link == LINK_CONNECTING) {
        terminal->population->connecting--;
        terminal->failures++;
        if (terminal->on)
            figures_reason(figures, why->code ? berth_error_row(why->code)->symbol : "closed");
    } else {
        lose_link(terminal);
    }
    terminal->link = LINK_DOWN;
    terminal->tls_used = false;
    frame_reader_free(&terminal->reader);
    if (terminal->on)
        connect_later(terminal);
}

static const struct tls_events events = { .open = on_open, .bytes = on_bytes, .closed = on_closed };

static void connect_now(struct berth_timer *timer)
{
    struct terminal *terminal = container_of(timer, struct terminal, reconnect);
    struct storm *storm = storm_of(terminal);
    struct berth_error error = { 0 };
    char source[32];
    struct tls_target target = { .address = storm->site.address,
                                 .port = storm->site.link_port,
                                 .limit_ms = HANDSHAKE_LIMIT_MS,
                                 .source = source };

    population_address(terminal->number, source);
    terminal->tls = (struct tls_peer){ 0 };
    frame_reader_init(&terminal->reader, FRAME_MAX);
    terminal->connect_us = storm_now_us();
    if (tls_connect(&storm->loop, terminal->population->context, &target, &events, &terminal->tls,
                    &error) < 0) {
        figures_reason(&storm->figures, "no-socket");
        terminal->failures++;
        connect_later(terminal);
        return;
    }
    terminal->tls_used = true;
    terminal->link = LINK_CONNECTING;
    terminal->population->connecting++;
    if (!keyring_use(&terminal->population->keyring, terminal->number, terminal->tls.ssl))
        tls_close(&terminal->tls, BERTH_E_CERTIFICATE, "no usable certificate");
}

static void connect_later(struct terminal *terminal)
{
    enum reconnect_urgency urgency = terminal->request.open ? RECONNECT_WAITING
                                     : terminal->shows      ? RECONNECT_IN_SESSION
                                                            : RECONNECT_IDLE;
    int64_t delay_ms = reconnect_delay_ms(&storm_of(terminal)->random, terminal->failures,
                                          terminal->spread_ms, urgency);

    timer_start(timers_of(terminal), &terminal->reconnect, delay_ms, connect_now);
}

void terminal_on(struct terminal *terminal)
{
    if (terminal->on)
        return;
    terminal->on = true;
    if (!terminal->tls_used)
        timer_start(timers_of(terminal), &terminal->reconnect, 0, connect_now);
}

void terminal_off(struct terminal *terminal)
{
    terminal->on = false;
    timer_stop(timers_of(terminal), &terminal->reconnect);
    timer_stop(timers_of(terminal), &terminal->stay);
    close_request(terminal);
    if (terminal->shows) {
        note_screen(terminal, history_screen_event_OFF);
        terminal->shows = false;
        terminal->population->showing--;
    }
    if (terminal->tls_used)
        tls_close(&terminal->tls, BERTH_OK, "switched off");
}
