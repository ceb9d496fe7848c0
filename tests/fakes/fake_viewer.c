/* fake_viewer.c - the picture of a fake terminal: what may be shown, and what its viewer does. */
#include <stdio.h>
#include <string.h>

#include "core/terminal_status.h"
#include "fakes/fake_terminal_internal.h"

#define CONNECT_LEAST_MS 200
#define CONNECT_MOST_MS 800

static void report(struct fake_terminal *terminal, const struct msg_show *show,
                   enum viewer_state state, int exit_code, const char *reason)
{
    struct msg msg = { .type = MSG_viewer };

    msg.viewer.session_id = show->session_id;
    msg.viewer.epoch = show->epoch;
    msg.viewer.connection_id = show->connection_id;
    msg.viewer.state = state;
    msg.viewer.exit_code = exit_code;
    (void)snprintf(msg.viewer.reason, sizeof(msg.viewer.reason), "%s", reason);
    if (state == viewer_state_ACTIVE)
        msg.viewer.picture_ms = environment_of(terminal)->timers.mono_ms - terminal->show_since_ms;
    terminal_say(terminal, &msg);
}

void viewer_off(struct fake_terminal *terminal, int exit_code, const char *reason)
{
    struct msg_show show = terminal->show;

    if (terminal->viewer == VIEWER_NONE)
        return;
    timer_stop(&environment_of(terminal)->timers, &terminal->viewing);
    picture_close(&terminal->picture);
    terminal_status_clear(terminal->status);
    terminal->viewer = VIEWER_NONE;
    explicit_bzero(&terminal->show, sizeof(terminal->show));
    if (*reason)
        report(terminal, &show, viewer_state_ENDED, exit_code, reason);
    secret_wipe(&show.password);
}

/* The viewer ended by itself: the connection ends, and the screen says why. */
static void viewer_failed(struct fake_terminal *terminal, int exit_code, const char *word)
{
    environment_note(environment_of(terminal), "%s: the viewer ended: %s", terminal->name, word);
    viewer_off(terminal, exit_code, word);
    terminal_page(terminal, "ended", word);
}

void viewer_ended_by_machine(struct picture *picture, int exit_code, const char *word)
{
    viewer_failed(container_of(picture, struct fake_terminal, picture), exit_code, word);
}

/* ---- showing ---- */

static void viewer_connects(struct berth_timer *timer)
{
    struct fake_terminal *terminal = container_of(timer, struct fake_terminal, viewing);
    const struct msg_show *show = &terminal->show;
    const char *word = "";
    int exit_code = picture_open(&terminal->picture, terminal->hypervisors, show, &word);

    if (exit_code) {
        viewer_failed(terminal, exit_code, word);
        return;
    }
    terminal->viewer = VIEWER_ACTIVE;
    environment_note(environment_of(terminal), "%s: shows %s to %s, epoch %lld", terminal->name,
                     terminal->picture.machine->name, show->user, (long long)show->epoch);
    report(terminal, show, viewer_state_ACTIVE, 0, "");
}

void viewer_show(struct fake_terminal *terminal, const struct msg_show *show)
{
    const struct session_claim claim = { .session_id = show->session_id, .epoch = show->epoch };
    struct environment *environment = environment_of(terminal);
    struct berth_error error = { 0 };

    terminal->shows++;
    if (terminal_status_may_show(terminal->status, &claim, &error) < 0) {
        environment_note(environment, "%s: %s", terminal->name, error.text);
        report(terminal, show, viewer_state_ENDED, 0, "overtaken");
        return;
    }
    if (shows_desktop(terminal) && terminal->show.session_id == show->session_id &&
        terminal->show.epoch == show->epoch &&
        terminal->show.connection_id == show->connection_id) {
        report(terminal, show,
               terminal->viewer == VIEWER_ACTIVE ? viewer_state_ACTIVE : viewer_state_CONNECTING, 0,
               "");
        return;
    }
    viewer_off(terminal, 0, "replaced");
    terminal->show = *show;
    terminal->viewer = VIEWER_CONNECTING;
    terminal->show_since_ms = environment->timers.mono_ms;
    terminal->signing_on = false;
    terminal_page(terminal, "", "");
    terminal_status_show(terminal->status, show, terminal->show_since_ms);
    report(terminal, show, viewer_state_CONNECTING, 0, "");
    timer_start(&environment->timers, &terminal->viewing,
                environment_draw_ms(environment, CONNECT_LEAST_MS, CONNECT_MOST_MS),
                viewer_connects);
}

void viewer_hide(struct fake_terminal *terminal, const struct msg_hide *hide)
{
    if (!terminal_status_hide(terminal->status, hide->session_id, hide->epoch))
        return;
    viewer_off(terminal, 145, hide->reason);
    terminal_page(terminal, hide->reason, hide->text);
}
