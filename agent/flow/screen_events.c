/* screen_events.c - one case for each event of the greeter. */
#include "flow/screen_events.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "flow/dial.h"
#include "flow/presence.h"
#include "flow/sign_on_request.h"
#include "flow/viewer_session.h"

static void submitted(struct agent_flow *agent, const struct greeter_event *event)
{
    struct msg_evidence evidence = { .kind = evidence_kind_PASSWORD };
    struct berth_error error = { 0 };

    copy_text(evidence.name, event->user);
    evidence.value = event->password;
    if (sign_on_request_begin(agent, &evidence, "", &error) < 0) {
        log_failure(EV_AGENT_FLOW, &error, "sign-on");
        if (agent->terminal.state == agent_IDLE)
            agent_flow_set_state_text(agent, agent_IDLE, "sign-on not started", NULL, error.text,
                                      true);
    }
    explicit_bzero(&evidence, sizeof(evidence));
}

static void cancelled(struct agent_flow *agent)
{
    if (terminal_status_shows_desktop(&agent->terminal))
        (void)viewer_session_leave(agent, LEAVE_DISCONNECT, NULL);
    else
        sign_on_request_cancel(agent);
}

void screen_events_handle(void *owner, const struct greeter_event *event)
{
    struct agent_flow *agent = owner;

    switch (event->kind) {
    case greeter_event_kind_READY:
        agent_flow_show_page(agent);
        return;
    case greeter_event_kind_SUBMIT:
        submitted(agent, event);
        return;
    case greeter_event_kind_CANCEL:
        cancelled(agent);
        return;
    case greeter_event_kind_PICK:
        sign_on_request_pick(agent, event->pool);
        return;
    case greeter_event_kind_DISMISS:
        viewer_session_dismiss_notice(agent);
        if (!agent->terminal.online)
            dial_now(agent);
        return;
    case greeter_event_kind_PICTURE:
        viewer_session_picture_seen(agent);
        return;
    case greeter_event_kind_IDLE:
        presence_set_input_idle(agent, event->idle_ms);
        viewer_session_input_idle(agent, event->idle_ms);
        return;
    case greeter_event_kind_PAINTED:
    case greeter_event_kind_NONE:
    case greeter_event_kind_END:
        return;
    }
}
