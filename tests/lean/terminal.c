/* terminal.c - one lean terminal: its link, its presence, and what it shows. */
#include "lean/terminal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/reconnect.h"

#define RENEW_LEAST_MS 200

static void connect_later(struct lean_terminal *terminal);

static struct berth_timers *timers_of(const struct lean_terminal *terminal)
{
    return &terminal->group->loop->timers;
}

int64_t lean_now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- the history ---- */

static void note(const struct lean_terminal *terminal, struct history_line *line)
{
    struct history *history = terminal->group->history;

    if (!history)
        return;
    line->at_us = lean_now_us();
    history->take(history, line);
}

static void note_invoke(const struct lean_terminal *terminal, enum history_request what,
                        uint64_t user_id)
{
    struct history_line line = {
        .kind = HISTORY_invoke, .invoke = { .op = terminal->op, .what = what, .user_id = user_id }
    };

    (void)snprintf(line.invoke.client, sizeof(line.invoke.client), "%s", terminal->name);
    (void)snprintf(line.invoke.terminal, sizeof(line.invoke.terminal), "%s", terminal->name);
    note(terminal, &line);
}

/* The outcome of the sign-on that is not answered yet. */
static void note_result(struct lean_terminal *terminal, enum history_outcome outcome,
                        const char *code)
{
    struct history_line line = { .kind = HISTORY_result,
                                 .result = { .op = terminal->op, .outcome = outcome } };

    if (outcome == history_outcome_OK) {
        line.result.session_id = terminal->session_id;
        line.result.epoch = terminal->epoch;
    }
    (void)snprintf(line.result.client, sizeof(line.result.client), "%s", terminal->name);
    (void)snprintf(line.result.code, sizeof(line.result.code), "%s", code);
    note(terminal, &line);
}

static void note_screen(const struct lean_terminal *terminal, enum history_screen_event event)
{
    struct history_line line = {
        .kind = HISTORY_screen,
        .screen = { .event = event, .session_id = terminal->session_id, .epoch = terminal->epoch }
    };

    (void)snprintf(line.screen.terminal, sizeof(line.screen.terminal), "%s", terminal->name);
    note(terminal, &line);
}

static void note_profile(const struct lean_terminal *terminal, const struct msg_profile *said)
{
    struct history_line line = { .kind = HISTORY_profile,
                                 .profile = { .version = said->version,
                                              .sent = (int64_t)said->settings_count,
                                              .applied = (int64_t)said->settings_count } };

    (void)snprintf(line.profile.terminal, sizeof(line.profile.terminal), "%s", terminal->name);
    note(terminal, &line);
}

/* ---- sending ---- */

void lean_say(struct lean_terminal *terminal, struct msg *msg)
{
    if (!terminal->tls_used)
        return;
    msg->ref = ++terminal->ref;
    lean_send(&terminal->tls, msg);
}

void lean_ask(struct lean_terminal *terminal, struct msg *msg, enum history_request what,
              uint64_t user_id)
{
    terminal->op++;
    terminal->asked = what == history_request_SIGN_ON;
    note_invoke(terminal, what, user_id);
    lean_say(terminal, msg);
    msg_wipe(msg);
}

static void announce(struct lean_terminal *terminal)
{
    struct msg msg = { .type = MSG_announce };
    struct msg_announce *said = &msg.announce;

    (void)snprintf(said->boot_id, sizeof(said->boot_id), "%s", terminal->name);
    (void)snprintf(said->agent_version, sizeof(said->agent_version), "%s", BERTH_VERSION);
    (void)snprintf(said->resume_presence_id, sizeof(said->resume_presence_id), "%s",
                   terminal->presence_id);
    said->want_expires_in_ms = terminal->group->want_ms;
    said->profile_version = terminal->profile_version;
    said->user_waiting = terminal->person_waits;
    if (terminal->shows) {
        said->session_id = terminal->session_id;
        said->session_epoch = terminal->epoch;
        said->connection_id = terminal->connection_id;
    }
    lean_say(terminal, &msg);
}

static void link_silent(struct berth_timer *timer)
{
    struct lean_terminal *terminal = container_of(timer, struct lean_terminal, unanswered);

    tls_close(&terminal->tls, BERTH_E_TIMEOUT, "unanswered");
}

static void renew(struct berth_timer *timer)
{
    struct lean_terminal *terminal = container_of(timer, struct lean_terminal, renew);
    const struct lean_group *group = terminal->group;
    struct msg msg = { .type = MSG_renew };

    (void)snprintf(msg.renew.presence_id, sizeof(msg.renew.presence_id), "%s",
                   terminal->presence_id);
    msg.renew.seq = ++terminal->seq;
    msg.renew.want_expires_in_ms = group->want_ms;
    msg.renew.screen = terminal->shows ? screen_state_DESKTOP : screen_state_SIGN_ON;
    if (!terminal->renew_us)
        terminal->renew_us = lean_now_us();
    if (group->unanswered_ms && !timer_armed(&terminal->unanswered))
        timer_start(timers_of(terminal), &terminal->unanswered, group->unanswered_ms, link_silent);
    timer_start(timers_of(terminal), timer, terminal->renew_after_ms, renew);
    lean_say(terminal, &msg);
}

static void stop_renewing(struct lean_terminal *terminal)
{
    timer_stop(timers_of(terminal), &terminal->renew);
    timer_stop(timers_of(terminal), &terminal->unanswered);
    terminal->renew_us = 0;
}

static void say_viewer(struct lean_terminal *terminal, enum viewer_state state)
{
    struct msg msg = { .type = MSG_viewer };

    msg.viewer.session_id = terminal->session_id;
    msg.viewer.epoch = terminal->epoch;
    msg.viewer.connection_id = terminal->connection_id;
    msg.viewer.state = state;
    msg.viewer.picture_ms = state == viewer_state_ACTIVE ? 1 : 0;
    if (state == viewer_state_ENDED)
        (void)snprintf(msg.viewer.reason, sizeof(msg.viewer.reason), "hidden");
    lean_say(terminal, &msg);
}

/* ---- the screen ---- */

void lean_blank(struct lean_terminal *terminal, enum history_screen_event event)
{
    if (!terminal->shows)
        return;
    note_screen(terminal, event);
    terminal->shows = false;
    if (terminal->group->events->dark)
        terminal->group->events->dark(terminal);
}

static void on_show(struct lean_terminal *terminal, const struct msg *msg)
{
    const struct lean_events *events = terminal->group->events;
    const struct msg_show *said = &msg->show;
    bool answers = terminal->asked;

    if (said->session_id == terminal->session_id && said->epoch <= terminal->epoch) {
        if (events->heard)
            events->heard(terminal, msg);
        return;
    }
    lean_blank(terminal, history_screen_event_HIDES);
    terminal->session_id = said->session_id;
    terminal->epoch = said->epoch;
    terminal->connection_id = said->connection_id;
    terminal->shows = true;
    terminal->asked = false;
    if (answers)
        note_result(terminal, history_outcome_OK, "");
    note_screen(terminal, history_screen_event_SHOWS);
    say_viewer(terminal, viewer_state_CONNECTING);
    say_viewer(terminal, viewer_state_ACTIVE);
    if (events->shown)
        events->shown(terminal, said, answers);
}

static void on_hide(struct lean_terminal *terminal, const struct msg_hide *said)
{
    const struct lean_events *events = terminal->group->events;
    bool counts = said->session_id == terminal->session_id && said->epoch >= terminal->epoch;
    bool ours = counts && terminal->shows;

    if (counts)
        terminal->epoch = said->epoch; /* shows up to this epoch are void */
    if (ours) {
        lean_blank(terminal, history_screen_event_HIDES);
        say_viewer(terminal, viewer_state_ENDED);
    }
    if (events->hidden)
        events->hidden(terminal, said, ours);
}

/* ---- receiving ---- */

static void on_granted(struct lean_terminal *terminal, const struct msg_granted *said)
{
    const struct lean_group *group = terminal->group;
    bool first = terminal->link != LEAN_PRESENT;

    (void)snprintf(terminal->presence_id, sizeof(terminal->presence_id), "%s", said->presence_id);
    terminal->renew_after_ms =
        said->renew_after_ms > RENEW_LEAST_MS ? said->renew_after_ms : RENEW_LEAST_MS;
    terminal->spread_ms = said->reconnect_spread_ms;
    terminal->incarnation = said->incarnation;
    terminal->link = LEAN_PRESENT;
    terminal->failures = 0;
    timer_stop(timers_of(terminal), &terminal->unanswered);
    timer_start(timers_of(terminal), &terminal->renew,
                reconnect_jitter_ms(group->random, terminal->renew_after_ms), renew);
    if (group->events->granted)
        group->events->granted(terminal, said, first);
    terminal->renew_us = 0;
}

static void on_unknown(struct lean_terminal *terminal)
{
    stop_renewing(terminal);
    terminal->link = LEAN_OPEN;
    terminal->presence_id[0] = '\0';
    terminal->connect_us = lean_now_us();
    announce(terminal);
}

static void on_command(struct lean_terminal *terminal, const struct msg_command *said)
{
    static const enum command_state states[] = { command_ACKED, command_DONE };

    for (size_t i = 0; i < BERTH_COUNT(states); i++) {
        struct msg msg = { .type = MSG_command_state };

        msg.command_state.command_id = said->command_id;
        msg.command_state.state = states[i];
        lean_say(terminal, &msg);
    }
}

static void on_profile(struct lean_terminal *terminal, const struct msg_profile *said)
{
    struct msg msg = { .type = MSG_profile_applied };

    terminal->profile_version = said->version;
    msg.profile_applied.version = said->version;
    note_profile(terminal, said);
    lean_say(terminal, &msg);
}

static void on_refused(struct lean_terminal *terminal, const struct msg_refused *said)
{
    if (!terminal->asked || strcmp(said->about, "sign_on") != 0)
        return;
    note_result(terminal, history_outcome_FAIL, said->code);
    terminal->asked = false;
}

static void hear(struct lean_terminal *terminal, const struct msg *msg)
{
    const struct lean_events *events = terminal->group->events;

    if (msg->type == MSG_granted) {
        on_granted(terminal, &msg->granted);
    } else if (msg->type == MSG_show) {
        on_show(terminal, msg);
    } else if (msg->type == MSG_hide) {
        on_hide(terminal, &msg->hide);
    } else {
        if (events->heard)
            events->heard(terminal, msg);
        if (msg->type == MSG_presence_unknown)
            on_unknown(terminal);
        else if (msg->type == MSG_profile)
            on_profile(terminal, &msg->profile);
        else if (msg->type == MSG_command)
            on_command(terminal, &msg->command);
        else if (msg->type == MSG_refused)
            on_refused(terminal, &msg->refused);
    }
}

static int take_frame(void *context, const char *frame, size_t size)
{
    static struct msg msg; /* one loop, one thread; too large for every stack */
    struct lean_terminal *terminal = context;
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
    struct lean_terminal *terminal = container_of(tls, struct lean_terminal, tls);

    terminal->link = LEAN_OPEN;
    if (terminal->group->events->connected)
        terminal->group->events->connected(terminal);
    announce(terminal);
    return true;
}

static int on_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    struct lean_terminal *terminal = container_of(tls, struct lean_terminal, tls);

    return frame_feed(&terminal->reader, bytes, size, take_frame, terminal, &tls->error);
}

/* A sign-on that was sent and not answered has an unknown outcome. */
static void on_closed(struct tls_peer *tls, const struct berth_error *why)
{
    struct lean_terminal *terminal = container_of(tls, struct lean_terminal, tls);
    enum lean_link was = terminal->link;

    stop_renewing(terminal);
    terminal->link = LEAN_DOWN;
    terminal->tls_used = false;
    frame_reader_free(&terminal->reader);
    terminal->failures = was == LEAN_CONNECTING ? terminal->failures + 1 : 0;
    if (was != LEAN_CONNECTING && terminal->asked) {
        note_result(terminal, history_outcome_UNKNOWN, "");
        terminal->asked = false;
    }
    if (terminal->group->events->lost)
        terminal->group->events->lost(terminal, was, why);
    if (terminal->on)
        connect_later(terminal);
}

static const struct tls_events tls_events = { .open = on_open,
                                              .bytes = on_bytes,
                                              .closed = on_closed };

static void connect_now(struct berth_timer *timer)
{
    struct lean_terminal *terminal = container_of(timer, struct lean_terminal, reconnect);
    const struct lean_group *group = terminal->group;
    struct berth_error error = { 0 };
    struct tls_target target = { .address = terminal->address,
                                 .port = terminal->port,
                                 .limit_ms = group->handshake_ms,
                                 .source = *terminal->source ? terminal->source : NULL };

    terminal->tls = (struct tls_peer){ 0 };
    terminal->connect_us = lean_now_us();
    if (tls_connect(group->loop, terminal->context, &target, &tls_events, &terminal->tls, &error) <
        0) {
        terminal->failures++;
        if (group->events->lost)
            group->events->lost(terminal, LEAN_DOWN, &error);
        connect_later(terminal);
        return;
    }
    frame_reader_init(&terminal->reader, FRAME_MAX);
    terminal->tls_used = true;
    terminal->link = LEAN_CONNECTING;
    if (group->events->dials && !group->events->dials(terminal))
        tls_close(&terminal->tls, BERTH_E_CERTIFICATE, "no usable certificate");
}

static void connect_later(struct lean_terminal *terminal)
{
    enum reconnect_urgency urgency = terminal->person_waits ? RECONNECT_WAITING
                                     : terminal->shows      ? RECONNECT_IN_SESSION
                                                            : RECONNECT_IDLE;
    int64_t delay_ms = reconnect_delay_ms(terminal->group->random, terminal->failures,
                                          terminal->spread_ms, urgency);

    timer_start(timers_of(terminal), &terminal->reconnect, terminal->at_once ? 0 : delay_ms,
                connect_now);
    terminal->at_once = false;
}

void lean_connect(struct lean_terminal *terminal)
{
    terminal->on = true;
    terminal->failures = 0;
    terminal->at_once = terminal->tls_used;
    if (terminal->tls_used)
        tls_close(&terminal->tls, BERTH_E_CANCELLED, "it connects anew");
    else
        timer_start(timers_of(terminal), &terminal->reconnect, 0, connect_now);
}

void lean_cut(struct lean_terminal *terminal)
{
    terminal->on = false;
    terminal->at_once = false;
    timer_stop(timers_of(terminal), &terminal->reconnect);
    if (terminal->tls_used)
        tls_close(&terminal->tls, BERTH_OK, "switched off");
}
