/* viewer_session.h - a desktop on the screen: from the broker's show to the first picture, and
 * everything that ends it.
 *
 * Module flow of the agent. The flow: cover what was there and end an earlier viewer, start the
 * viewer, wait until it is connected, wait for the first picture. When it succeeds the viewer
 * simply runs; its end comes as an event, whenever.
 *
 * Order matters for a shared screen. Whatever ends a picture - a hide, a lock, another show -
 * changes the state first, which blanks the screen in the same breath, and only then the viewer is
 * ended and the broker told. The end of a viewer ends its connection, never the session.
 */
#ifndef BERTH_AGENT_FLOW_VIEWER_SESSION_H
#define BERTH_AGENT_FLOW_VIEWER_SESSION_H

#include "flow/agent_flow.h"

extern const struct flow_kind viewer_session_kind;

/* Ways in which the person in front of the screen leaves. */
enum session_leave {
    LEAVE_SIGN_OFF,   /* for good */
    LEAVE_DISCONNECT, /* the session stays */
};

/* Errors: STATE (no desktop is shown, or for a sign-off: the broker is away). reterr may be NULL.
 */
int viewer_session_leave(struct agent_flow *agent, enum session_leave how,
                         struct berth_error *reterr);

/* Blank at once and give the session back to the broker, with or without it. Also when nothing is
 * shown. */
void viewer_session_lock(struct agent_flow *agent, const char *why);

/* Nobody has touched anything for this long: lock if the rules say so. Works without the broker. */
void viewer_session_input_idle(struct agent_flow *agent, int64_t idle_ms);

/* A notice or a blank screen was answered by a key. */
void viewer_session_dismiss_notice(struct agent_flow *agent);

/* The greeter saw the viewer's first picture. */
void viewer_session_picture_seen(struct agent_flow *agent);

/* The agent stops: the viewer is told to end, nothing is reported any more. */
void viewer_session_stop(struct agent_flow *agent);

/* Messages. */
void viewer_session_show(struct agent_flow *agent, const struct msg *msg);
void viewer_session_hide(struct agent_flow *agent, const struct msg *msg);

/* For the viewer. */
void viewer_session_connected(void *owner);
void viewer_session_viewer_ended(void *owner, int exit_code, int signal);

#endif
