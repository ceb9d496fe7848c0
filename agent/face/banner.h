/* banner.h - a message above whatever is shown: a small window of its own at the top of the screen.
 *
 * Module face. It stays until somebody closes it or the screen is blanked, takes no keyboard, and
 * leaves the page below (or the viewer) as it is.
 */
#ifndef BERTH_AGENT_FACE_BANNER_H
#define BERTH_AGENT_FACE_BANNER_H

#include "face/window.h"

struct page;

struct banner {
    struct window window; /* shares the connection of the face's own */
    bool shown;
    char title[128];
    char text[1000];
    char close[64]; /* label of the button, in the page's language */
};

/* Make the window, unmapped, for the screen of `face`. */
void banner_open(struct banner *banner, const struct window *face);

/* Show this message instead of an earlier one. */
void banner_show(struct banner *banner, const struct page *page);
void banner_hide(struct banner *banner);

/* Something else came up or the screen changed: be above it again, painted. No effect when nothing
 * is shown. */
void banner_stay(struct banner *banner, const struct window *face);

/* Is this X window ours? */
bool banner_owns(const struct banner *banner, xcb_window_t id);

#endif
