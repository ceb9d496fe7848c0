/* viewer_session.c - show, hide, leave, lock; the viewer's start, first picture and end. */
#include "flow/viewer_session.h"

#include <stdio.h>

#include "berth/log.h"
#include "berth/state.h"

#include "core/texts.h"
#include "core/viewer_exit.h"
#include "flow/presence.h"
#include "flow/sign_on_request.h"

/* SIGTERM, two seconds, SIGKILL, and some time for a slow machine. */
#define VIEWER_END_MS 5000
/* For a desktop that accepts the connection and then hangs; xfreerdp3 limits connecting itself. */
#define CONNECT_MS 60000
/* An all-black desktop cannot be distinguished from no picture: after this time it counts as shown.
 * The first picture of an emulated guest on a busy machine can take more than 15 s.
 */
#define PICTURE_MS 45000
/* A picture that stayed this long resets the kiosk's and the resume's back-off. */
#define STEADY_MS 30000

static flow_begin_fn stop_earlier, start_viewer, await_picture, report_shown;
static flow_undo_fn undo_start;

enum { CLEAR, START, PICTURE, SHOWN };

/* clang-format off */
static const struct flow_step viewer_session_steps[] = {
    /*            name       begin          finish undo        limit/ms               true when it is behind us           */
    [CLEAR]   = { "clear",   stop_earlier,  NULL,  NULL,       VIEWER_END_MS },    /* no earlier viewer runs              */
    [START]   = { "start",   start_viewer,  NULL,  undo_start, CONNECT_MS },       /* the viewer is connected             */
    [PICTURE] = { "picture", await_picture, NULL,  NULL,       2LL * PICTURE_MS }, /* its picture was seen, or is overdue */
    [SHOWN]   = { "shown",   report_shown,  NULL,  NULL,       0 },                /* the state is ACTIVE, and reported   */
};
/* clang-format on */

static struct agent_flow *agent_of(struct flow *flow)
{
    return container_of(flow, struct agent_flow, viewer_session.flow);
}

static void report_viewer(struct agent_flow *agent, const struct session_claim *claim,
                          enum viewer_state state, int exit_code, const char *reason)
{
    struct msg msg;

    if (claim->session_id == 0)
        return;
    log_event(EV_AGENT_VIEWER, "session", claim->session_id, "connection", claim->connection_id,
              "state", viewer_state_names[state], "exit", (int64_t)exit_code, "reason", reason);
    agent_flow_init_message(agent, &msg, MSG_viewer);
    msg.viewer.session_id = claim->session_id;
    msg.viewer.epoch = claim->epoch;
    msg.viewer.connection_id = claim->connection_id;
    msg.viewer.state = state;
    msg.viewer.exit_code = exit_code > 0 ? exit_code : 0;
    copy_text(msg.viewer.reason, reason);
    msg.viewer.picture_ms = state == viewer_state_ACTIVE ? agent->terminal.picture_ms : 0;
    (void)agent_flow_send(agent, &msg);
}

/* End a running viewer; when it has ended, `reason` is reported for its claim. */
static void end_viewer(struct agent_flow *agent, const char *reason)
{
    if (!viewer_is_running(agent->viewer))
        return;
    if (!agent->viewer_session.end_reason)
        agent->viewer_session.end_reason = reason;
    viewer_end(agent->viewer);
}

static int stop_earlier(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);

    if (!viewer_is_running(agent->viewer))
        return START;
    end_viewer(agent, "replaced");
    return flow_await(flow, event_wait_begin(&agent->viewer_session.earlier_ended, &flow->op));
}

static int start_viewer(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    struct viewer_session *session = &agent->viewer_session;
    struct berth_error error = { 0 };
    int r;

    r = viewer_start(agent->viewer, &session->request, &error);
    secret_wipe(&session->request.password);
    if (r < 0)
        return flow_fail_with(flow, &error);
    session->claim = agent->terminal.shown;
    session->end_reason = NULL;
    report_viewer(agent, &session->claim, viewer_state_CONNECTING, 0, "");
    return flow_await(flow, event_wait_begin(&session->connected, &flow->op));
}

static void undo_start(struct flow *flow)
{
    end_viewer(agent_of(flow), "failed");
}

static void picture_overdue(struct berth_timer *timer)
{
    struct viewer_session *session = container_of(timer, struct viewer_session, picture_limit);

    (void)event_wait_end(&session->picture, 0, NULL);
}

static int await_picture(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    int r;

    if (!screen_is_up(agent->screen))
        return SHOWN;
    r = event_wait_begin(&agent->viewer_session.picture, &flow->op);
    timer_start(agent->timers, &agent->viewer_session.picture_limit, PICTURE_MS, picture_overdue);
    agent->viewer_session.awaiting_picture = true;
    agent_flow_show_page(agent); /* the greeter unmaps its window and samples the screen */
    return flow_await(flow, r);
}

static int report_shown(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    bool seen = agent->terminal.picture_ms > 0 || !screen_is_up(agent->screen);

    timer_stop(agent->timers, &agent->viewer_session.picture_limit);
    agent->viewer_session.awaiting_picture = false;
    sign_on_request_end_resume(agent);
    agent_flow_set_state(agent, agent_ACTIVE,
                         seen ? "the picture is there" : "the viewer runs; its picture is black");
    report_viewer(agent, &agent->viewer_session.claim, viewer_state_ACTIVE, 0, "");
    presence_renew_now(agent);
    agent_flow_notify(agent, AGENT_EVENT_SHOWN, NULL);
    return FLOW_DONE;
}

/* The flow ended. When it was cancelled, the canceller has already changed the state and text;
 * any other failure is shown here. */
static void viewer_session_ended(struct flow *flow, const struct berth_error *error)
{
    struct agent_flow *agent = agent_of(flow);
    struct viewer_session *session = &agent->viewer_session;
    struct session_claim claim = agent->terminal.shown;

    session->running = false;
    session->awaiting_picture = false;
    secret_wipe(&session->request.password);
    timer_stop(agent->timers, &session->picture_limit);
    if (!error->code || agent->stopping)
        return;
    log_failure(EV_AGENT_FLOW, error, "show");
    if (error->code == BERTH_E_SUPERSEDED || error->code == BERTH_E_CANCELLED)
        return; /* by a hide, a lock, a later show or the end of the viewer */
    if (!viewer_is_running(agent->viewer))
        report_viewer(agent, &claim, viewer_state_ENDED, 0, "failed");
    terminal_status_clear(&agent->terminal);
    sign_on_request_end_resume(agent);
    sign_on_request_kiosk_back_off(agent);
    agent_flow_set_state_text(agent, terminal_status_fallback(&agent->terminal),
                              "the desktop could not be shown", NULL,
                              text_in(agent->settings.language, TEXT_ENDED_FAULT), true);
    agent_flow_notify(agent, AGENT_EVENT_ENDED, error);
}

const struct flow_kind viewer_session_kind = {
    .name = "show",
    .steps = viewer_session_steps,
    .count = BERTH_COUNT(viewer_session_steps),
    .ended = viewer_session_ended,
};

/* A redirection is on only when both the pool's policy and the profile allow it. */
static void fill_request(const struct agent_flow *agent, const struct msg_show *show,
                         struct viewer_request *ret)
{
    const struct settings *settings = &agent->settings;

    *ret = (struct viewer_request){
        .port = (int)show->port,
        .password = show->password,
        .clipboard = show->clipboard && settings->clipboard,
        .drives = show->drives && settings->drives,
        .usb = show->usb && settings->usb,
        .sound = show->sound && settings->sound,
        .printers = show->printers && settings->printers,
    };
    copy_text(ret->host, show->host);
    copy_text(ret->account, show->account);
    copy_text(ret->domain, show->domain);
    copy_text(ret->fingerprint, show->fingerprint);
}

/* Does the running viewer already show this very connection? A restarted broker repeats its show,
 * and the picture must not flicker.
 */
static bool is_shown(const struct agent_flow *agent, const struct session_claim *claim)
{
    const struct session_claim *has = &agent->viewer_session.claim;

    return terminal_status_shows_desktop(&agent->terminal) && viewer_is_running(agent->viewer) &&
           !agent->viewer_session.end_reason && has->session_id == claim->session_id &&
           has->epoch == claim->epoch && has->connection_id == claim->connection_id;
}

static enum viewer_state shown_state(const struct agent_flow *agent)
{
    return agent->terminal.state == agent_ACTIVE ? viewer_state_ACTIVE : viewer_state_CONNECTING;
}

/* Check the epoch, and that a show which answers a sign-on answers the present one. A show without
 * a ref was initiated by the broker.
 */
static int may_show(const struct agent_flow *agent, const struct msg *msg,
                    const struct session_claim *claim, struct berth_error *reterr)
{
    int r = terminal_status_may_show(&agent->terminal, claim, reterr);

    if (r < 0 || is_shown(agent, claim) || !msg->ref || msg->ref == agent->sign_on.answer.ref)
        return r;
    return berth_fail(reterr, BERTH_E_SUPERSEDED, "session %llu: its sign-on was cancelled",
                      (unsigned long long)claim->session_id);
}

void viewer_session_show(struct agent_flow *agent, const struct msg *msg)
{
    const struct msg_show *show = &msg->show;
    struct viewer_session *session = &agent->viewer_session;
    const struct session_claim claim = { .session_id = show->session_id,
                                         .epoch = show->epoch,
                                         .connection_id = show->connection_id };
    struct berth_error error = { 0 };

    if (may_show(agent, msg, &claim, &error) < 0) {
        log_failure(EV_AGENT_REFUSED, &error, "show");
        report_viewer(agent, &claim, viewer_state_ENDED, 0, "overtaken");
        return;
    }
    if (is_shown(agent, &claim)) {
        report_viewer(agent, &claim, shown_state(agent), 0, "");
        return;
    }
    sign_on_request_shown(agent);
    timer_stop(agent->timers, &session->notice);
    session->awaiting_picture = false; /* the greeter's page covers the earlier viewer now */
    terminal_status_show(&agent->terminal, show, agent->timers->mono_ms);
    if (!agent->sign_on.resume.on)
        agent->terminal.wanted_since_ms = agent->timers->mono_ms;
    agent_flow_set_state(agent, agent_CONNECTING, "the broker sent a show");
    end_viewer(agent, "replaced");
    if (session->running)
        flow_cancel(&session->flow, BERTH_E_SUPERSEDED, "superseded by a later show");
    fill_request(agent, show, &session->request);
    session->running = true;
    flow_start(&agent->engine, &session->flow, &viewer_session_kind, show->user);
}

/* The page for each reason of a hide. */
static const struct {
    enum agent_state state;
    enum text title, text;
} hide_pages[] = {
    [hide_reason_MOVED] = { agent_NOTICE, TEXT_MOVED, TEXT_NONE },
    [hide_reason_SIGNED_OFF] = { agent_NOTICE, TEXT_SIGNED_OFF, TEXT_NONE },
    [hide_reason_DISCONNECTED] = { agent_NOTICE, TEXT_DISCONNECTED, TEXT_DISCONNECTED_LONG },
    [hide_reason_LOCKED] = { agent_LOCKED, TEXT_NONE, TEXT_NONE },
    [hide_reason_REVOKED] = { agent_NOTICE, TEXT_CLOSED, TEXT_NONE },
    [hide_reason_LIMIT] = { agent_NOTICE, TEXT_LIMIT, TEXT_NONE },
    [hide_reason_FAILED] = { agent_NOTICE, TEXT_FAILED, TEXT_NONE },
};

/* A text in the message, so that a newer broker may send others: those count as "disconnected". */
static enum hide_reason hide_reason_of(const char *word)
{
    int reason = name_value(hide_reason_names, word);

    return reason > 0 ? (enum hide_reason)reason : hide_reason_DISCONNECTED;
}

static void notice_expired(struct berth_timer *timer)
{
    struct viewer_session *session = container_of(timer, struct viewer_session, notice);

    viewer_session_dismiss_notice(container_of(session, struct agent_flow, viewer_session));
}

/* Take the desktop off the screen: first cover it by the page, then end the viewer. words: those of
 * the broker; NULL or "" = the page's own.
 */
static void remove_desktop(struct agent_flow *agent, enum hide_reason reason, const char *words)
{
    const char *language = agent->settings.language;
    const char *name = hide_reason_names[reason];
    struct viewer_session *session = &agent->viewer_session;

    if (!words || !words[0])
        words = text_in(language, hide_pages[reason].text);
    terminal_status_clear(&agent->terminal);
    sign_on_request_end_resume(agent);
    agent_flow_set_state_text(agent, hide_pages[reason].state, name,
                              text_in(language, hide_pages[reason].title), words, false);
    if (hide_pages[reason].state == agent_NOTICE)
        timer_start(agent->timers, &session->notice, agent->settings.notice_s * 1000,
                    notice_expired);
    end_viewer(agent, name);
    if (session->running)
        flow_cancel(&session->flow, BERTH_E_CANCELLED, "%s", name);
    presence_renew_now(agent);
}

void viewer_session_hide(struct agent_flow *agent, const struct msg *msg)
{
    const struct msg_hide *hide = &msg->hide;
    struct berth_error why = { 0 };

    bool resumes = sign_on_request_is_resuming(agent, hide->session_id, hide->epoch);

    if (!terminal_status_hide(&agent->terminal, hide->session_id, hide->epoch) &&
        !(resumes && agent->terminal.state == agent_SIGN_ON))
        return;
    remove_desktop(agent, hide_reason_of(hide->reason), hide->text);
    (void)berth_fail(&why, BERTH_E_SUPERSEDED, "%s", hide->text[0] ? hide->text : hide->reason);
    if (resumes && agent->sign_on.running)
        flow_cancel(&agent->sign_on.flow, BERTH_E_SUPERSEDED, "%s", why.text);
    agent_flow_notify(agent, AGENT_EVENT_ENDED, &why);
}

int viewer_session_leave(struct agent_flow *agent, enum session_leave how,
                         struct berth_error *reterr)
{
    struct session_claim claim = agent->terminal.shown;
    struct msg msg;

    if (!terminal_status_shows_desktop(&agent->terminal))
        return berth_fail(reterr, BERTH_E_STATE, "no desktop is shown");
    if (how == LEAVE_SIGN_OFF && !agent->terminal.online)
        return berth_fail(
            reterr, BERTH_E_STATE,
            "the broker cannot be reached, and only it can end a session; try again later");
    remove_desktop(agent, how == LEAVE_SIGN_OFF ? hide_reason_SIGNED_OFF : hide_reason_DISCONNECTED,
                   NULL);
    if (how == LEAVE_SIGN_OFF) {
        agent_flow_init_message(agent, &msg, MSG_sign_off);
        msg.sign_off.session_id = claim.session_id;
        msg.sign_off.epoch = claim.epoch;
    } else {
        agent_flow_init_message(agent, &msg, MSG_disconnect);
        msg.disconnect.session_id = claim.session_id;
        msg.disconnect.epoch = claim.epoch;
    }
    /* Without a link the next announcement, which names no session, has the same effect. */
    (void)agent_flow_send(agent, &msg);
    return 0;
}

void viewer_session_lock(struct agent_flow *agent, const char *why)
{
    struct session_claim claim = agent->terminal.shown;
    struct msg msg;

    if (!agent_may_transition(agent->terminal.state, agent_LOCKED))
        return;
    log_event(EV_AGENT_SCREEN, "lock", why);
    if (agent->sign_on.running)
        sign_on_request_cancel(agent);
    remove_desktop(agent, hide_reason_LOCKED, NULL);
    if (claim.session_id == 0)
        return;
    agent_flow_init_message(agent, &msg, MSG_disconnect);
    msg.disconnect.session_id = claim.session_id;
    msg.disconnect.epoch = claim.epoch;
    (void)agent_flow_send(agent, &msg);
}

void viewer_session_input_idle(struct agent_flow *agent, int64_t idle_ms)
{
    int64_t limit_ms = terminal_status_idle_limit_ms(&agent->terminal, &agent->settings);
    int64_t shown_ms = agent->timers->mono_ms - agent->terminal.wanted_since_ms;

    /* The request for the desktop counts as input: it must not be locked at once because no key
     * was pressed before.
     */
    if (idle_ms > shown_ms)
        idle_ms = shown_ms;
    if (terminal_status_shows_desktop(&agent->terminal) && limit_ms > 0 && idle_ms >= limit_ms)
        viewer_session_lock(agent, "idle limit reached");
}

void viewer_session_dismiss_notice(struct agent_flow *agent)
{
    enum agent_state state = agent->terminal.state;

    if (state != agent_NOTICE && state != agent_LOCKED)
        return;
    timer_stop(agent->timers, &agent->viewer_session.notice);
    agent_flow_set_state(agent, terminal_status_fallback(&agent->terminal), "dismissed");
}

void viewer_session_picture_seen(struct agent_flow *agent)
{
    if (!event_wait_active(&agent->viewer_session.picture))
        return;
    agent->terminal.picture_ms = agent->timers->mono_ms - agent->terminal.shown_since_ms;
    (void)event_wait_end(&agent->viewer_session.picture, 0, NULL);
}

void viewer_session_stop(struct agent_flow *agent)
{
    timer_stop(agent->timers, &agent->viewer_session.notice);
    if (agent->viewer_session.running)
        flow_cancel(&agent->viewer_session.flow, BERTH_E_CANCELLED, "the agent stops");
    viewer_end(agent->viewer);
}

void viewer_session_connected(void *owner)
{
    struct agent_flow *agent = owner;

    (void)event_wait_end(&agent->viewer_session.connected, 0, NULL);
}

/* Begin to resume a picture that was on the screen, or that was already being resumed. */
static bool try_resume(struct agent_flow *agent, const struct session_claim *claim,
                       const struct viewer_exit *row)
{
    bool active = agent->terminal.state == agent_ACTIVE;

    if (!row->retry || !(active || agent->sign_on.resume.on) ||
        !sign_on_request_resume(agent, claim, active))
        return false;
    terminal_status_clear(&agent->terminal);
    if (agent->viewer_session.running)
        flow_cancel(&agent->viewer_session.flow, BERTH_E_CANCELLED, "the viewer ended: %s",
                    row->word);
    presence_renew_now(agent);
    return true;
}

/* The viewer ended by itself. The session goes on; the picture is resumed, or the person is told
 * why it is gone.
 */
static void handle_lost_picture(struct agent_flow *agent, const struct session_claim *claim,
                                const struct viewer_exit *row)
{
    int64_t up_ms = agent->timers->mono_ms - agent->terminal.shown_since_ms;
    bool steady = agent->terminal.state == agent_ACTIVE && up_ms >= STEADY_MS;
    bool gave_up = agent->sign_on.resume.on && row->retry;
    struct berth_error why = { 0 };

    (void)berth_fail(&why, BERTH_E_DESKTOP, "%s (%s)", row->sentence, row->word);
    if (steady)
        sign_on_request_reset_back_off(agent);
    if (try_resume(agent, claim, row))
        return;
    if (!steady)
        sign_on_request_kiosk_back_off(agent);
    terminal_status_clear(&agent->terminal);
    sign_on_request_end_resume(agent);
    agent_flow_set_state_text(
        agent, terminal_status_fallback(&agent->terminal), row->word, NULL,
        text_in(agent->settings.language, gave_up ? TEXT_RESUME_OVER : row->text),
        row->text != TEXT_ENDED_OFF);
    if (agent->viewer_session.running)
        flow_cancel(&agent->viewer_session.flow, BERTH_E_CANCELLED, "the viewer ended: %s",
                    row->word);
    presence_renew_now(agent);
    agent_flow_notify(agent, AGENT_EVENT_ENDED, &why);
}

void viewer_session_viewer_ended(void *owner, int exit_code, int signal)
{
    struct agent_flow *agent = owner;
    struct viewer_session *session = &agent->viewer_session;
    const struct viewer_exit *row = viewer_exit_row(exit_code, signal);
    const char *reason = berth_take(session->end_reason);
    struct session_claim claim = session->claim;

    session->claim = (struct session_claim){ 0 };
    if (agent->stopping)
        return;
    report_viewer(agent, &claim, viewer_state_ENDED, exit_code, reason ? reason : row->word);
    if (event_wait_end(&session->earlier_ended, 0, NULL) || reason)
        return;
    handle_lost_picture(agent, &claim, row);
}
