/* showing.c - see showing.h. */
#include "flow/showing.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/texts.h"
#include "core/viewer_exit.h"
#include "flow/presence.h"
#include "flow/sign_on.h"

/* TERM, two seconds, KILL, and a little for a slow machine. */
#define GONE_MS 5000
/* xfreerdp3 itself gives up long before; a desktop that hangs in its logon does not hold the
 * terminal for ever. */
#define CONNECT_MS 60000
/* A desktop whose picture is all black cannot be told from none: after this long it counts as
 * shown. The first picture of an emulated guest on a busy machine takes more than 15 s. */
#define PICTURE_MS 45000
/* A kiosk whose desktop was up this long did not fail. */
#define WENT_WELL_MS 30000

static flow_step_fn clear, start, see, shown;
static flow_undo_fn unstart;

enum { CLEAR, START, SEE, SHOWN };

/* clang-format off */
static const struct flow_step showing_steps[] = {
    /*           name      step   undo     limit/ms              true when it is behind us              */
    [CLEAR] = { "clear",  clear, NULL,    GONE_MS },          /* no earlier viewer runs                 */
    [START] = { "start",  start, unstart, CONNECT_MS },       /* the viewer is connected                */
    [SEE]   = { "see",    see,   NULL,    2LL * PICTURE_MS },   /* its picture is there                   */
    [SHOWN] = { "shown",  shown, NULL,    0 },                /* the broker and the person know it      */
};
/* clang-format on */

static struct station *station_of(struct flow *flow)
{
    return container_of(flow, struct station, showing.flow);
}

static void report(struct station *station, const struct session_claim *claim, enum viewer_state state,
                   int exit_code, const char *reason)
{
    struct msg msg;

    if (claim->session_id == 0)
        return;
    log_event(EV_AGENT_VIEWER, "session", claim->session_id, "connection", claim->connection_id,
              "state", viewer_state_names[state], "exit", (int64_t)exit_code, "reason", reason);
    station_message(station, &msg, MSG_viewer);
    msg.viewer.session_id = claim->session_id;
    msg.viewer.epoch = claim->epoch;
    msg.viewer.connection_id = claim->connection_id;
    msg.viewer.state = state;
    msg.viewer.exit_code = exit_code > 0 ? exit_code : 0;
    (void)snprintf(msg.viewer.reason, sizeof(msg.viewer.reason), "%s", reason);
    msg.viewer.picture_ms = state == viewer_state_ACTIVE ? station->terminal.picture_ms : 0;
    (void)station_send(station, &msg);
}

/* Tell a running viewer to go; its end reports `reason` for the claim it had. */
static void end_viewer(struct station *station, const char *reason)
{
    if (!viewer_is_running(station->viewer))
        return;
    if (!station->showing.told_to_end)
        station->showing.told_to_end = reason;
    viewer_end(station->viewer);
}

static int clear(struct flow *flow)
{
    struct station *station = station_of(flow);

    if (!viewer_is_running(station->viewer))
        return START;
    end_viewer(station, "replaced");
    return flow_await(flow, awaited_begin(&station->showing.gone, &flow->op), START);
}

static int start(struct flow *flow)
{
    struct station *station = station_of(flow);
    struct showing *showing = &station->showing;
    struct berth_error error = { 0 };
    int r;

    r = viewer_start(station->viewer, &showing->next, &error);
    secret_wipe(&showing->next.password);
    if (r < 0)
        return flow_fail_with(flow, &error);
    showing->claim = station->terminal.shown;
    showing->told_to_end = NULL;
    report(station, &showing->claim, viewer_state_CONNECTING, 0, "");
    return flow_await(flow, awaited_begin(&showing->connected, &flow->op), SEE);
}

static void unstart(struct flow *flow)
{
    end_viewer(station_of(flow), "failed");
}

static void picture_overdue(struct berth_timer *timer)
{
    struct showing *showing = container_of(timer, struct showing, picture_limit);

    (void)awaited_end(&showing->picture, 0, NULL);
}

static int see(struct flow *flow)
{
    struct station *station = station_of(flow);
    int r;

    if (!screen_is_there(station->screen))
        return SHOWN;
    r = awaited_begin(&station->showing.picture, &flow->op);
    timer_start(station->timers, &station->showing.picture_limit, PICTURE_MS, picture_overdue);
    station->showing.seeing = true;
    station_paint(station); /* the greeter steps aside and watches */
    return flow_await(flow, r, SHOWN);
}

static int shown(struct flow *flow)
{
    struct station *station = station_of(flow);
    bool seen = station->terminal.picture_ms > 0 || !screen_is_there(station->screen);

    timer_stop(station->timers, &station->showing.picture_limit);
    station->showing.seeing = false;
    sign_on_resume_over(station);
    station_set_state(station, agent_ACTIVE,
                      seen ? "the picture is there" : "the viewer runs; its picture is black");
    report(station, &station->showing.claim, viewer_state_ACTIVE, 0, "");
    presence_renew_now(station);
    station_tell(station, STATION_SHOWN, NULL);
    return FLOW_DONE;
}

/* The desktop could not be shown. What the person reads was put there by whoever knew best; else it
 * is said here. */
static void showing_ended(struct flow *flow, const struct berth_error *error)
{
    struct station *station = station_of(flow);
    struct showing *showing = &station->showing;
    struct session_claim claim = station->terminal.shown;

    showing->running = false;
    showing->seeing = false;
    secret_wipe(&showing->next.password);
    timer_stop(station->timers, &showing->picture_limit);
    if (!error->code || station->stopping)
        return;
    log_failure(EV_AGENT_FLOW, error, "show");
    if (error->code == BERTH_E_SUPERSEDED || error->code == BERTH_E_CANCELLED)
        return; /* a hide, a lock or a later show decided, and has already changed the state */
    if (!viewer_is_running(station->viewer))
        report(station, &claim, viewer_state_ENDED, 0, "failed");
    terminal_status_clear(&station->terminal);
    sign_on_resume_over(station);
    sign_on_slow_down(station);
    station_say(station, terminal_status_fallback(&station->terminal), "the desktop could not be shown", NULL,
                text_in(station->settings.language, TEXT_ENDED_FAULT), true);
    station_tell(station, STATION_ENDED, error);
}

const struct flow_kind showing_kind = {
    .name = "show",
    .steps = showing_steps,
    .count = BERTH_COUNT(showing_steps),
    .ended = showing_ended,
};

/* Policy and profile must both allow. */
static void fill_request(const struct station *station, const struct msg_show *show,
                         struct viewer_request *ret)
{
    const struct settings *settings = &station->settings;

    *ret = (struct viewer_request){
        .port = (int)show->port,
        .password = show->password,
        .clipboard = show->clipboard && settings->clipboard,
        .drives = show->drives && settings->drives,
        .usb = show->usb && settings->usb,
        .sound = show->sound && settings->sound,
        .printers = show->printers && settings->printers,
    };
    (void)snprintf(ret->host, sizeof(ret->host), "%s", show->host);
    (void)snprintf(ret->account, sizeof(ret->account), "%s", show->account);
    (void)snprintf(ret->domain, sizeof(ret->domain), "%s", show->domain);
    (void)snprintf(ret->fingerprint, sizeof(ret->fingerprint), "%s", show->fingerprint);
}

/* The broker repeats itself after it was away: the very connection whose viewer runs. Its picture
 * must not flicker. */
static bool is_shown(const struct station *station, const struct session_claim *claim)
{
    const struct session_claim *has = &station->showing.claim;

    return terminal_status_shows_desktop(&station->terminal) && viewer_is_running(station->viewer) &&
           !station->showing.told_to_end && has->session_id == claim->session_id &&
           has->epoch == claim->epoch && has->connection_id == claim->connection_id;
}

static enum viewer_state shown_state(const struct station *station)
{
    return station->terminal.state == agent_ACTIVE ? viewer_state_ACTIVE : viewer_state_CONNECTING;
}

/* May this be shown: by its epoch, and by the question that it answers? One that answers none is
 * shown because the broker wants it. */
static int may_show(const struct station *station, const struct msg *msg,
                    const struct session_claim *claim, struct berth_error *reterr)
{
    int r = terminal_status_may_show(&station->terminal, claim, reterr);

    if (r < 0 || is_shown(station, claim) || !msg->ref || msg->ref == station->sign_on.answer.ref)
        return r;
    return berth_fail(reterr, BERTH_E_SUPERSEDED,
                      "session %llu: the sign-on that asked for it was called off",
                      (unsigned long long)claim->session_id);
}

void showing_show(struct station *station, const struct msg *msg)
{
    const struct msg_show *show = &msg->show;
    struct showing *showing = &station->showing;
    const struct session_claim claim = { .session_id = show->session_id,
                                      .epoch = show->epoch,
                                      .connection_id = show->connection_id };
    struct berth_error error = { 0 };

    if (may_show(station, msg, &claim, &error) < 0) {
        log_failure(EV_AGENT_REFUSED, &error, "show");
        report(station, &claim, viewer_state_ENDED, 0, "overtaken");
        return;
    }
    if (is_shown(station, &claim)) {
        report(station, &claim, shown_state(station), 0, "");
        return;
    }
    sign_on_shown(station);
    timer_stop(station->timers, &showing->notice);
    showing->seeing = false; /* from here on the greeter covers whatever the earlier viewer shows */
    terminal_status_show(&station->terminal, show, station->timers->mono_ms);
    if (!station->sign_on.resume.on)
        station->terminal.wanted_since_ms = station->timers->mono_ms;
    station_set_state(station, agent_CONNECTING, "the broker has a desktop");
    end_viewer(station, "replaced");
    if (showing->running)
        flow_cancel(&showing->flow, BERTH_E_SUPERSEDED, "a later show took its place");
    fill_request(station, show, &showing->next);
    showing->running = true;
    flow_start(&station->engine, &showing->flow, &showing_kind, show->user);
}

/* What a hide's reason means for the page. */
struct hide_page {
    const char *reason;
    enum agent_state state;
    enum text title, text;
};

static const struct hide_page hide_pages[] = {
    { "moved", agent_NOTICE, TEXT_MOVED, TEXT_NONE },
    { "signed-off", agent_NOTICE, TEXT_SIGNED_OFF, TEXT_NONE },
    { "disconnected", agent_NOTICE, TEXT_DISCONNECTED, TEXT_DISCONNECTED_LONG },
    { "locked", agent_LOCKED, TEXT_NONE, TEXT_NONE },
    { "revoked", agent_NOTICE, TEXT_CLOSED, TEXT_NONE },
    { "limit", agent_NOTICE, TEXT_LIMIT, TEXT_NONE },
    { "failed", agent_NOTICE, TEXT_FAILED, TEXT_NONE },
};

static const struct hide_page *hide_page(const char *reason)
{
    for (size_t i = 0; i < BERTH_COUNT(hide_pages); i++)
        if (strcmp(hide_pages[i].reason, reason) == 0)
            return &hide_pages[i];
    return &hide_pages[2]; /* a newer broker's reason: at least the picture is gone */
}

static void notice_over(struct berth_timer *timer)
{
    struct showing *showing = container_of(timer, struct showing, notice);

    showing_go_on(container_of(showing, struct station, showing));
}

/* Take the desktop off the screen: the page first, then the viewer. */
static void take_off(struct station *station, const struct hide_page *page, const char *words)
{
    const char *language = station->settings.language;
    struct showing *showing = &station->showing;

    terminal_status_clear(&station->terminal);
    sign_on_resume_over(station);
    station_say(station, page->state, page->reason, text_in(language, page->title),
                words && words[0] ? words : text_in(language, page->text), false);
    if (page->state == agent_NOTICE)
        timer_start(station->timers, &showing->notice, station->settings.notice_s * 1000,
                    notice_over);
    end_viewer(station, page->reason);
    if (showing->running)
        flow_cancel(&showing->flow, BERTH_E_CANCELLED, "%s", page->reason);
    presence_renew_now(station);
}

void showing_hide(struct station *station, const struct msg *msg)
{
    const struct msg_hide *hide = &msg->hide;
    struct berth_error why = { 0 };

    bool resumes = sign_on_resumes(station, hide->session_id, hide->epoch);

    if (!terminal_status_hide(&station->terminal, hide->session_id, hide->epoch) &&
        !(resumes && station->terminal.state == agent_SIGN_ON))
        return;
    take_off(station, hide_page(hide->reason), hide->text);
    (void)berth_fail(&why, BERTH_E_SUPERSEDED, "%s", hide->text[0] ? hide->text : hide->reason);
    if (resumes && station->sign_on.running)
        flow_cancel(&station->sign_on.flow, BERTH_E_SUPERSEDED, "%s", why.text);
    station_tell(station, STATION_ENDED, &why);
}

int showing_leave(struct station *station, enum showing_leave how, struct berth_error *reterr)
{
    struct session_claim claim = station->terminal.shown;
    struct msg msg;

    if (!terminal_status_shows_desktop(&station->terminal))
        return berth_fail(reterr, BERTH_E_STATE, "no desktop is shown");
    if (how == SHOWING_SIGN_OFF && !station->terminal.online)
        return berth_fail(reterr, BERTH_E_STATE,
                          "the broker is away; a session can only be ended through it");
    take_off(station, hide_page(how == SHOWING_SIGN_OFF ? "signed-off" : "disconnected"), NULL);
    if (how == SHOWING_SIGN_OFF) {
        station_message(station, &msg, MSG_sign_off);
        msg.sign_off.session_id = claim.session_id;
        msg.sign_off.epoch = claim.epoch;
    } else {
        station_message(station, &msg, MSG_disconnect);
        msg.disconnect.session_id = claim.session_id;
        msg.disconnect.epoch = claim.epoch;
    }
    /* Without the broker: its next announcement has no session, which says the same. */
    (void)station_send(station, &msg);
    return 0;
}

void showing_lock(struct station *station, const char *why)
{
    struct session_claim claim = station->terminal.shown;
    struct msg msg;

    if (!agent_state_may_change(station->terminal.state, agent_LOCKED))
        return;
    log_event(EV_AGENT_SCREEN, "lock", why);
    if (station->sign_on.running)
        sign_on_cancel(station);
    take_off(station, hide_page("locked"), NULL);
    if (claim.session_id == 0)
        return;
    station_message(station, &msg, MSG_disconnect);
    msg.disconnect.session_id = claim.session_id;
    msg.disconnect.epoch = claim.epoch;
    (void)station_send(station, &msg);
}

void showing_idle(struct station *station, int64_t idle_ms)
{
    int64_t limit_ms = terminal_status_idle_limit_ms(&station->terminal, &station->settings);
    int64_t shown_ms = station->timers->mono_ms - station->terminal.wanted_since_ms;

    /* A desktop that has just come up was wanted by somebody, however long the keys were still
     * before. */
    if (idle_ms > shown_ms)
        idle_ms = shown_ms;
    if (terminal_status_shows_desktop(&station->terminal) && limit_ms > 0 && idle_ms >= limit_ms)
        showing_lock(station, "nobody touched anything");
}

void showing_go_on(struct station *station)
{
    enum agent_state state = station->terminal.state;

    if (state != agent_NOTICE && state != agent_LOCKED)
        return;
    timer_stop(station->timers, &station->showing.notice);
    station_set_state(station, terminal_status_fallback(&station->terminal), "somebody is there");
}

void showing_picture(struct station *station)
{
    if (!awaited_is(&station->showing.picture))
        return;
    station->terminal.picture_ms = station->timers->mono_ms - station->terminal.shown_since_ms;
    (void)awaited_end(&station->showing.picture, 0, NULL);
}

void showing_stop(struct station *station)
{
    timer_stop(station->timers, &station->showing.notice);
    if (station->showing.running)
        flow_cancel(&station->showing.flow, BERTH_E_CANCELLED, "the agent stops");
    viewer_end(station->viewer);
}

void showing_connected(void *owner)
{
    struct station *station = owner;

    (void)awaited_end(&station->showing.connected, 0, NULL);
}

/* A picture that was there, or that was resumed, may come back: the broker is asked. */
static bool resumed(struct station *station, const struct session_claim *claim,
                    const struct viewer_exit *row)
{
    bool active = station->terminal.state == agent_ACTIVE;

    if (!row->retry || !(active || station->sign_on.resume.on) ||
        !sign_on_resume(station, claim, active))
        return false;
    terminal_status_clear(&station->terminal);
    if (station->showing.running)
        flow_cancel(&station->showing.flow, BERTH_E_CANCELLED, "the viewer ended: %s", row->word);
    presence_renew_now(station);
    return true;
}

/* It ended by itself while its picture was meant to be there: the session stays, and the person is
 * told unless the broker is asked for it. */
static void lost_picture(struct station *station, const struct session_claim *claim,
                         const struct viewer_exit *row)
{
    int64_t up_ms = station->timers->mono_ms - station->terminal.shown_since_ms;
    bool went_well = station->terminal.state == agent_ACTIVE && up_ms >= WENT_WELL_MS;
    bool gave_up = station->sign_on.resume.on && row->retry;
    struct berth_error why = { 0 };

    (void)berth_fail(&why, BERTH_E_DESKTOP, "%s (%s)", row->sentence, row->word);
    if (went_well)
        sign_on_went_well(station);
    if (resumed(station, claim, row))
        return;
    if (!went_well)
        sign_on_slow_down(station);
    terminal_status_clear(&station->terminal);
    sign_on_resume_over(station);
    station_say(station, terminal_status_fallback(&station->terminal), row->word, NULL,
                text_in(station->settings.language, gave_up ? TEXT_RESUME_OVER : row->text),
                row->text != TEXT_ENDED_OFF);
    if (station->showing.running)
        flow_cancel(&station->showing.flow, BERTH_E_CANCELLED, "the viewer ended: %s", row->word);
    presence_renew_now(station);
    station_tell(station, STATION_ENDED, &why);
}

void showing_viewer_ended(void *owner, int exit_code, int signal)
{
    struct station *station = owner;
    struct showing *showing = &station->showing;
    const struct viewer_exit *row = viewer_exit_row(exit_code, signal);
    const char *told = berth_take(showing->told_to_end);
    struct session_claim claim = showing->claim;

    showing->claim = (struct session_claim){ 0 };
    if (station->stopping)
        return;
    report(station, &claim, viewer_state_ENDED, exit_code, told ? told : row->word);
    if (awaited_end(&showing->gone, 0, NULL) || told)
        return;
    lost_picture(station, &claim, row);
}
