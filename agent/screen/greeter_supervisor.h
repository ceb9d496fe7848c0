/* greeter_supervisor.h - the screen of berth-agent: runs, watches and restarts a berth-greeter
 * child.
 *
 * Module screen of the agent. A greeter that ends is restarted, at once the first time and then
 * with growing delays. One that does not confirm a page within five seconds is killed and
 * restarted, because a blank page must cover the screen in any case.
 */
#ifndef BERTH_AGENT_SCREEN_GREETER_SUPERVISOR_H
#define BERTH_AGENT_SCREEN_GREETER_SUPERVISOR_H

#include "berth/loop.h"

#include "screen/screen.h"

struct screen_setup {
    const char *program;   /* path of berth-greeter, "" = none */
    const char *display;   /* "" = none: headless, nothing is started */
    const char *authority; /* X authority file, "" = the X library's default */
};

/* Create it, without a greeter yet. Texts are copied. */
struct screen *screen_new(struct berth_loop *loop, const struct screen_setup *setup);

/* Start the greeter, if a program and a display are set. After screen_set_events. */
void screen_begin(struct screen *screen);

/* End the greeter and do not restart it. screen_is_closed: its handles are closed, and screen_free
 * may be called.
 */
void screen_end(struct screen *screen);
bool screen_is_closed(const struct screen *screen);
void screen_free(struct screen *screen);

#endif
