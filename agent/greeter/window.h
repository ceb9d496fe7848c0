/* window.h - the greeter's full-screen X window, painted from a cairo surface.
 *
 * Module greeter. The window bypasses the window manager, if there is one. It is above the viewer
 * while a page is shown, and unmapped while the viewer has the screen. Blanking takes a fill and a
 * flush, without layout, so that it is visible within a frame.
 */
#ifndef BERTH_AGENT_GREETER_WINDOW_H
#define BERTH_AGENT_GREETER_WINDOW_H

#include <cairo.h>
#include <xcb/xcb.h>

#include "berth/error.h"

struct window {
    xcb_connection_t *x;
    xcb_screen_t *screen;
    xcb_visualtype_t *visual;
    xcb_window_t id;
    uint16_t width, height; /* of the screen, in pixels */
    bool mapped;
    bool has_idle; /* the MIT-SCREEN-SAVER extension is present and reports the idle time */
};

/* Connect to $DISPLAY and create the window, unmapped. Errors: IO. */
int window_open(struct window *window, struct berth_error *reterr) berth_must_check;
void window_close(struct window *window);

/* Map above all windows and take the keyboard; or unmap, for the viewer. */
void window_cover(struct window *window);
void window_uncover(struct window *window);

/* Create a second, smaller window on the connection of `main_window`, unmapped, with pointer events
 * only; set its place and size in pixels. */
void window_open_small(struct window *window, const struct window *main_window);
void window_place(struct window *window, int16_t x, int16_t y, uint16_t width, uint16_t height);

/* Map above all windows without taking the keyboard; or unmap. */
void window_raise(struct window *window);
void window_hide(struct window *window);

/* Cover the screen in black, at once. */
void window_blank(struct window *window);

/* Create a surface of the window's size; copy it to the window and free it. */
cairo_surface_t *window_surface(struct window *window);
void window_present(struct window *window, cairo_surface_t *surface);

/* The screen was resized (another monitor, a nested X server): resize the window. */
void window_resized(struct window *window, uint16_t width, uint16_t height);

/* Milliseconds since the last input on this display, -1 when the server does not report it. */
int64_t window_idle_ms(struct window *window);

#endif
