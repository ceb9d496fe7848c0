/* banner.h - a message in a small window at the top of the screen, above the page or the viewer.
 *
 * Module greeter. It stays until it is closed or the screen is blanked. It does not take the
 * keyboard and does not change the page below it.
 */
#ifndef BERTH_AGENT_GREETER_BANNER_H
#define BERTH_AGENT_GREETER_BANNER_H

#include "greeter/window.h"

struct page;

struct banner {
    struct window window; /* on the X connection of the main window */
    bool shown;
    char title[128];
    char text[1000];
    char close[64]; /* label of the button, in the page's language */
};

/* Create the window, unmapped, on the screen of `main_window`. */
void banner_open(struct banner *banner, const struct window *main_window);

/* Show this message in place of an earlier one. */
void banner_show(struct banner *banner, const struct page *page);
void banner_hide(struct banner *banner);

/* Raise and repaint the banner, after another window was raised or the screen was resized. No
 * effect while it is hidden. */
void banner_restack(struct banner *banner, const struct window *main_window);

/* Is this X window the banner's? */
bool banner_owns(const struct banner *banner, xcb_window_t id);

#endif
