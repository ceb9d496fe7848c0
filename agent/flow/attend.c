/* attend.c - see attend.h. */
#include "flow/attend.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "flow/presence.h"
#include "flow/reach.h"
#include "flow/showing.h"
#include "flow/sign_on.h"

static void submitted(struct station *station, const struct greeter_event *event)
{
    struct msg_evidence evidence = { .kind = evidence_kind_PASSWORD };
    struct berth_error error = { 0 };

    (void)snprintf(evidence.name, sizeof(evidence.name), "%s", event->user);
    evidence.value = event->password;
    if (sign_on_begin(station, &evidence, "", &error) < 0) {
        log_failure(EV_AGENT_FLOW, &error, "sign-on");
        if (station->terminal.state == agent_IDLE)
            station_say(station, agent_IDLE, "not begun", NULL, error.text, true);
    }
    explicit_bzero(&evidence, sizeof(evidence));
}

void attend_event(void *owner, const struct greeter_event *event)
{
    struct station *station = owner;

    switch (event->kind) {
    case greeter_event_kind_READY:
        station_paint(station);
        return;
    case greeter_event_kind_SUBMIT:
        submitted(station, event);
        return;
    case greeter_event_kind_CANCEL:
        sign_on_cancel(station);
        return;
    case greeter_event_kind_PICK:
        sign_on_pick(station, event->pool);
        return;
    case greeter_event_kind_DISMISS:
        showing_go_on(station);
        if (!station->terminal.online)
            reach_hurry(station);
        return;
    case greeter_event_kind_PICTURE:
        showing_picture(station);
        return;
    case greeter_event_kind_IDLE:
        presence_input(station, event->idle_ms);
        showing_idle(station, event->idle_ms);
        return;
    case greeter_event_kind_PAINTED:
    case greeter_event_kind_NONE:
    case greeter_event_kind_END:
        return;
    }
}
