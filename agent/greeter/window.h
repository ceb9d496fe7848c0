/* window.h - one full-screen X window, painted whole from a cairo surface.
 *
 * Module greeter. The window bypasses the window manager (there may be none), lies above the viewer
 * while a page covers the screen and is unmapped while the viewer has it. Blanking is a fill and a
 * flush, no layout: it is on the screen within a frame.
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
    bool has_idle; /* the MIT-SCREEN-SAVER extension tells how long nobody touched anything */
};

/* Connect to $DISPLAY and make the window, unmapped. */
int window_open(struct window *window, struct berth_error *reterr) berth_must_check;
void window_close(struct window *window);

/* Over everything, with the keyboard; or out of the way, for the viewer. */
void window_cover(struct window *window);
void window_uncover(struct window *window);

/* A second, smaller window on the connection of `main_window`: unmapped, with pointer events only. */
void window_open_small(struct window *window, const struct window *main_window);
void window_place(struct window *window, int16_t x, int16_t y, uint16_t width, uint16_t height);

/* Above everything, without the keyboard; or away. */
void window_raise(struct window *window);
void window_hide(struct window *window);

/* Black at once. */
void window_blank(struct window *window);

/* Paint: draw into the surface, then hand it back. The surface has the size of the screen. */
cairo_surface_t *window_surface(struct window *window);
void window_present(struct window *window, cairo_surface_t *surface);

/* The screen was resized (a docking agent, a nested server's window). */
void window_resized(struct window *window, uint16_t width, uint16_t height);

/* Milliseconds since the last key or pointer movement on this display, -1 when the server does not
 * tell. */
int64_t window_idle_ms(struct window *window);

#endif
