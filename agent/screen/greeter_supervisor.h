/* greeter_supervisor.h - the real screen: keeps a berth-greeter child alive and speaks lines with it.
 *
 * Module screen of the agent. A greeter that ends is started again, at once the first time and then more
 * slowly; one that does not confirm a page within five seconds hangs, and is ended: a blank page
 * must cover the screen, whatever happens.
 */
#ifndef BERTH_AGENT_SCREEN_GREETER_SUPERVISOR_H
#define BERTH_AGENT_SCREEN_GREETER_SUPERVISOR_H

#include "berth/loop.h"

#include "screen/screen.h"

struct screen_setup {
    const char *program;   /* path of berth-greeter, "" = none */
    const char *display;   /* "" = none: headless, nothing is started */
    const char *authority; /* X authority file, "" = the usual one */
};

/* No greeter yet: screen_begin starts it. */
struct screen *screen_new(struct berth_loop *loop, const struct screen_setup *setup);

/* Start the greeter, if there may be one. After screen_set_events. */
void screen_begin(struct screen *screen);

/* End it for good; screen_is_gone tells when its handles are closed and screen_free may be called.
 */
void screen_end(struct screen *screen);
bool screen_is_gone(const struct screen *screen);
void screen_free(struct screen *screen);

#endif
