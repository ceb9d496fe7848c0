/* screen.h - what people see of the agent, as a port: pages down, events up.
 *
 * Module screen of the agent. The real one keeps a berth-greeter child alive and speaks greeter_protocol.def with
 * it; without a display there is none and pages go nowhere.
 */
#ifndef BERTH_AGENT_SCREEN_SCREEN_H
#define BERTH_AGENT_SCREEN_SCREEN_H

#include "core/greeter_protocol.h"

struct screen;

/* The event may hold a password; it is wiped after the call. */
typedef void screen_event_fn(void *owner, const struct greeter_event *event);

/* Whom to tell. Once, before the greeter is started. */
void screen_set_events(struct screen *screen, screen_event_fn *event, void *owner);

/* Show this page from now on; written at once. A greeter that is started anew says `ready` and wants
 * the page again. Returns the page's serial, which the event `painted` repeats; 0 when there is no
 * greeter.
 */
int64_t screen_show(struct screen *screen, const struct page *page);

/* A greeter is up and will paint. */
bool screen_is_up(const struct screen *screen);

#endif
