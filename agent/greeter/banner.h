/* banner.h - a message above whatever is shown: a small window of its own at the top of the screen.
 *
 * Module greeter. It stays until somebody closes it or the screen is blanked, takes no keyboard, and
 * leaves the page below (or the viewer) as it is.
 */
#ifndef BERTH_AGENT_GREETER_BANNER_H
#define BERTH_AGENT_GREETER_BANNER_H

#include "greeter/window.h"

struct page;

struct banner {
    struct window window; /* shares the connection of the greeter's own */
    bool shown;
    char title[128];
    char text[1000];
    char close[64]; /* label of the button, in the page's language */
};

/* Make the window, unmapped, for the screen of `main_window`. */
void banner_open(struct banner *banner, const struct window *main_window);

/* Show this message instead of an earlier one. */
void banner_show(struct banner *banner, const struct page *page);
void banner_hide(struct banner *banner);

/* Something else came up or the screen changed: be above it again, painted. No effect when nothing
 * is shown. */
void banner_restack(struct banner *banner, const struct window *main_window);

/* Is this X window ours? */
bool banner_owns(const struct banner *banner, xcb_window_t id);

#endif
