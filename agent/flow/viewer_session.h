/* viewer_session.h - a desktop on the screen: from the broker's show to the first picture, and
 * everything that ends it.
 *
 * Module flow of the agent. The flow: cover the screen and end an earlier viewer, start the viewer,
 * wait until it is connected, wait for its first picture. Then the flow is done; the viewer runs
 * on, and its end arrives as an event.
 *
 * Order matters on a shared screen. Whatever ends a picture - a hide, a lock, another show - first
 * changes the state, which covers the screen at once, and only then ends the viewer and informs the
 * broker. The end of a viewer ends its connection, never the session.
 */
#ifndef BERTH_AGENT_FLOW_VIEWER_SESSION_H
#define BERTH_AGENT_FLOW_VIEWER_SESSION_H

#include "flow/agent_flow.h"

extern const struct flow_kind viewer_session_kind;

/* What happens to the session when the person leaves. */
enum session_leave {
    LEAVE_SIGN_OFF,   /* the broker ends it */
    LEAVE_DISCONNECT, /* it goes on running */
};

/* Take the desktop off the screen, at the person's request. reterr may be NULL.
 * Errors: STATE (no desktop is shown; for a sign-off also: the broker is away).
 */
int viewer_session_leave(struct agent_flow *agent, enum session_leave how,
                         struct berth_error *reterr);

/* Blank the screen at once and disconnect the session, if one is shown; works without the broker.
 * why: for the log. */
void viewer_session_lock(struct agent_flow *agent, const char *why);

/* There was no input for idle_ms: lock when the idle limit is reached. Works without the broker. */
void viewer_session_input_idle(struct agent_flow *agent, int64_t idle_ms);

/* A key was pressed on a notice or a blank screen: back to the sign-on page. */
void viewer_session_dismiss_notice(struct agent_flow *agent);

/* The greeter detected the viewer's first picture. */
void viewer_session_picture_seen(struct agent_flow *agent);

/* The agent stops: end the viewer, without reports to the broker. */
void viewer_session_stop(struct agent_flow *agent);

/* Handlers of show and hide. */
void viewer_session_show(struct agent_flow *agent, const struct msg *msg);
void viewer_session_hide(struct agent_flow *agent, const struct msg *msg);

/* For the viewer. owner: struct agent_flow. */
void viewer_session_connected(void *owner);
void viewer_session_viewer_ended(void *owner, int exit_code, int signal);

#endif
