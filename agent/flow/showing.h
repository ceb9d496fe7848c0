/* showing.h - a desktop on the screen: from the broker's show to the first picture, and everything
 * that ends it.
 *
 * Module flow of the agent. The flow: cover what was there and end an earlier viewer, start the
 * viewer, wait until it is connected, wait for the first picture. When it succeeds the viewer
 * simply runs; its end comes as an event, whenever.
 *
 * Order matters for a shared screen. Whatever ends a picture - a hide, a lock, another show -
 * changes the state first, which blanks the screen in the same breath, and only then the viewer is
 * ended and the broker told. The end of a viewer ends its connection, never the session.
 */
#ifndef BERTH_AGENT_FLOW_SHOWING_H
#define BERTH_AGENT_FLOW_SHOWING_H

#include "flow/station.h"

extern const struct flow_kind showing_kind;

/* Ways in which the person in front of the screen leaves. */
enum showing_leave {
    SHOWING_SIGN_OFF,   /* for good */
    SHOWING_DISCONNECT, /* the session stays */
};

/* Errors: STATE (no desktop is shown, or for a sign-off: the broker is away). reterr may be NULL.
 */
int showing_leave(struct station *station, enum showing_leave how, struct berth_error *reterr);

/* Blank at once and give the session back to the broker, with or without it. Also when nothing is
 * shown. */
void showing_lock(struct station *station, const char *why);

/* Nobody has touched anything for this long: lock if the rules say so. Works without the broker. */
void showing_idle(struct station *station, int64_t idle_ms);

/* A notice or a blank screen was answered by a key. */
void showing_go_on(struct station *station);

/* The greeter saw the viewer's first picture. */
void showing_picture(struct station *station);

/* The agent stops: the viewer is told to end, nothing is reported any more. */
void showing_stop(struct station *station);

/* Messages. */
void showing_show(struct station *station, const struct msg *msg);
void showing_hide(struct station *station, const struct msg *msg);

/* For the viewer. */
void showing_connected(void *owner);
void showing_viewer_ended(void *owner, int exit_code, int signal);

#endif
