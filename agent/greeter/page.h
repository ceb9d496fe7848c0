/* page.h - what stands where on a page, and painting it.
 *
 * Module greeter. Sizes are in units of a screen of 800 lines and grow with the screen, so that a page
 * reads the same from the same distance. Text is laid out by pango; colours keep a contrast of at
 * least 7 to 1 (WCAG 2.2, 1.4.6).
 */
#ifndef BERTH_AGENT_GREETER_PAGE_H
#define BERTH_AGENT_GREETER_PAGE_H

#include <cairo.h>

#include "greeter/greeter.h"

struct box {
    double x, y, width, height;
};

/* Places that can be touched; an empty box is not there. */
struct page_layout {
    double unit; /* pixels of one unit */
    struct box card;
    struct box user, password, button;
    struct box choices[12];
};

/* Where everything stands for this page on a screen of this size. */
void page_layout(const struct greeter *greeter, int width, int height, struct page_layout *ret);

/* Pixels of one unit on a screen of this size. */
double page_unit(int width, int height);

/* Paint a message into a small window of its own. */
void page_paint_banner(cairo_surface_t *surface, int width, int height, const char *title,
                       const char *text, const char *close);

/* Paint the whole page. wall_ms: for the clock. */
void page_paint(const struct greeter *greeter, cairo_surface_t *surface, int width, int height,
                int64_t wall_ms);

/* Is this point inside? An empty box holds nothing. */
bool box_contains(const struct box *box, double x, double y);

#endif
