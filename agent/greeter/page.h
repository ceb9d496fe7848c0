/* page.h - layout and painting of pages.
 *
 * Module greeter. Sizes are in units of 1/800 of the screen's height (on a narrow screen 1/640 of
 * its width), so that pages are equally readable on every screen. Text is laid out by pango;
 * colours have a contrast of at least 7 to 1 (WCAG 2.2, 1.4.6).
 */
#ifndef BERTH_AGENT_GREETER_PAGE_H
#define BERTH_AGENT_GREETER_PAGE_H

#include <cairo.h>

#include "greeter/greeter.h"

struct box {
    double x, y, width, height;
};

/* Boxes that react to the pointer, in pixels; one that the page does not have is empty. */
struct page_layout {
    double unit; /* pixels of one unit */
    struct box card;
    struct box user, password, button;
    struct box choices[12];
};

/* Lay out the present page for a screen of this size in pixels. */
void page_layout(const struct greeter *greeter, int width, int height, struct page_layout *ret);

/* Pixels of one unit on a screen of this size. */
double page_unit(int width, int height);

/* Paint a banner into a surface of this size in pixels. */
void page_paint_banner(cairo_surface_t *surface, int width, int height, const char *title,
                       const char *text, const char *close);

/* Paint the whole page. wall_ms: for the clock. */
void page_paint(const struct greeter *greeter, cairo_surface_t *surface, int width, int height,
                int64_t wall_ms);

/* Is this point inside the box? */
bool box_contains(const struct box *box, double x, double y);

#endif
