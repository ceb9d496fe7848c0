/* screen.h - the terminal's screen, as a port: send pages, receive events.
 *
 * Module screen of the agent. Thread: loop. The real one (greeter_supervisor.c) runs a
 * berth-greeter child and speaks greeter_protocol.def with it. Without a display there is no
 * greeter, and pages are dropped.
 */
#ifndef BERTH_AGENT_SCREEN_SCREEN_H
#define BERTH_AGENT_SCREEN_SCREEN_H

#include "core/greeter_protocol.h"

struct screen;

/* The event may hold a password; it is wiped after the call. */
typedef void screen_event_fn(void *owner, const struct greeter_event *event);

/* Set the receiver of events. Once, before the greeter is started. */
void screen_set_events(struct screen *screen, screen_event_fn *event, void *owner);

/* Send this page to the greeter, at once. A restarted greeter reports `ready` and must be sent the
 * page again. Returns the page's serial, which the event `painted` repeats; 0 when no greeter runs.
 */
int64_t screen_show(struct screen *screen, const struct page *page);

/* Does a greeter run? */
bool screen_is_up(const struct screen *screen);

#endif
