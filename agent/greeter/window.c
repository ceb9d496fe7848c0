/* window.c - create, stack, paint and blank the greeter's X windows. */
#include "greeter/window.h"

#include <cairo-xcb.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/screensaver.h>

static const uint32_t black = 0x000000;

static xcb_screen_t *screen_at(xcb_connection_t *x, int number)
{
    xcb_screen_iterator_t at = xcb_setup_roots_iterator(xcb_get_setup(x));

    while (at.rem > 0 && number-- > 0)
        xcb_screen_next(&at);
    return at.rem > 0 ? at.data : NULL;
}

static xcb_visualtype_t *visual_of(xcb_screen_t *screen)
{
    xcb_depth_iterator_t depth = xcb_screen_allowed_depths_iterator(screen);

    for (; depth.rem > 0; xcb_depth_next(&depth)) {
        xcb_visualtype_iterator_t visual = xcb_depth_visuals_iterator(depth.data);

        for (; visual.rem > 0; xcb_visualtype_next(&visual)) {
            if (visual.data->visual_id == screen->root_visual)
                return visual.data;
        }
    }
    return NULL;
}

static void make_window(struct window *window)
{
    const uint32_t values[] = { black, 1 /* no window manager */,
                                XCB_EVENT_MASK_EXPOSURE | XCB_EVENT_MASK_KEY_PRESS |
                                    XCB_EVENT_MASK_BUTTON_PRESS |
                                    XCB_EVENT_MASK_VISIBILITY_CHANGE };
    const uint32_t root_events =
        XCB_EVENT_MASK_STRUCTURE_NOTIFY | XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY;
    static const char class_name[] = "berth-greeter\0berth-greeter";

    window->id = xcb_generate_id(window->x);
    (void)xcb_create_window(
        window->x, XCB_COPY_FROM_PARENT, window->id, window->screen->root, 0, 0, window->width,
        window->height, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, window->screen->root_visual,
        XCB_CW_BACK_PIXEL | XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
    (void)xcb_change_property(window->x, XCB_PROP_MODE_REPLACE, window->id, XCB_ATOM_WM_CLASS,
                              XCB_ATOM_STRING, 8, sizeof(class_name), class_name);
    (void)xcb_change_window_attributes(window->x, window->screen->root, XCB_CW_EVENT_MASK,
                                       &root_events);
}

int window_open(struct window *window, struct berth_error *reterr)
{
    const xcb_query_extension_reply_t *idle;
    int number;

    memset(window, 0, sizeof(*window));
    window->x = xcb_connect(NULL, &number);
    if (xcb_connection_has_error(window->x)) {
        xcb_disconnect(window->x);
        window->x = NULL;
        return berth_fail(reterr, BERTH_E_IO, "cannot connect to the X server at display '%s'",
                          getenv("DISPLAY") ? getenv("DISPLAY") : "");
    }
    window->screen = screen_at(window->x, number);
    window->visual = window->screen ? visual_of(window->screen) : NULL;
    if (!window->visual) {
        window_close(window);
        return berth_fail(reterr, BERTH_E_IO, "the X server has no usable screen");
    }
    window->width = window->screen->width_in_pixels;
    window->height = window->screen->height_in_pixels;
    idle = xcb_get_extension_data(window->x, &xcb_screensaver_id);
    window->has_idle = idle && idle->present;
    make_window(window);
    (void)xcb_flush(window->x);
    return 0;
}

void window_close(struct window *window)
{
    if (window->x)
        xcb_disconnect(window->x);
    window->x = NULL;
}

/* The viewer may have grabbed the keyboard; the grab ends when this window covers the viewer's. */
void window_cover(struct window *window)
{
    const uint32_t above = XCB_STACK_MODE_ABOVE;

    (void)xcb_configure_window(window->x, window->id, XCB_CONFIG_WINDOW_STACK_MODE, &above);
    (void)xcb_map_window(window->x, window->id);
    (void)xcb_set_input_focus(window->x, XCB_INPUT_FOCUS_POINTER_ROOT, window->id,
                              XCB_CURRENT_TIME);
    (void)xcb_flush(window->x);
    window->mapped = true;
}

void window_uncover(struct window *window)
{
    (void)xcb_unmap_window(window->x, window->id);
    (void)xcb_set_input_focus(window->x, XCB_INPUT_FOCUS_POINTER_ROOT, XCB_INPUT_FOCUS_POINTER_ROOT,
                              XCB_CURRENT_TIME);
    (void)xcb_flush(window->x);
    window->mapped = false;
}

void window_open_small(struct window *window, const struct window *main_window)
{
    const uint32_t values[] = { black, 1, XCB_EVENT_MASK_EXPOSURE | XCB_EVENT_MASK_BUTTON_PRESS };

    *window = *main_window;
    window->id = xcb_generate_id(window->x);
    window->width = 1;
    window->height = 1;
    window->mapped = false;
    (void)xcb_create_window(window->x, XCB_COPY_FROM_PARENT, window->id, window->screen->root, 0, 0,
                            1, 1, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, window->screen->root_visual,
                            XCB_CW_BACK_PIXEL | XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK,
                            values);
}

void window_place(struct window *window, int16_t x, int16_t y, uint16_t width, uint16_t height)
{
    const uint32_t where[] = { (uint32_t)x, (uint32_t)y, width, height };

    window->width = width;
    window->height = height;
    (void)xcb_configure_window(window->x, window->id,
                               XCB_CONFIG_WINDOW_X | XCB_CONFIG_WINDOW_Y | XCB_CONFIG_WINDOW_WIDTH |
                                   XCB_CONFIG_WINDOW_HEIGHT,
                               where);
}

void window_raise(struct window *window)
{
    const uint32_t above = XCB_STACK_MODE_ABOVE;

    (void)xcb_configure_window(window->x, window->id, XCB_CONFIG_WINDOW_STACK_MODE, &above);
    (void)xcb_map_window(window->x, window->id);
    (void)xcb_flush(window->x);
    window->mapped = true;
}

void window_hide(struct window *window)
{
    (void)xcb_unmap_window(window->x, window->id);
    (void)xcb_flush(window->x);
    window->mapped = false;
}

void window_blank(struct window *window)
{
    window_cover(window);
    (void)xcb_clear_area(window->x, 0, window->id, 0, 0, 0, 0);
    (void)xcb_flush(window->x);
}

cairo_surface_t *window_surface(struct window *window)
{
    return cairo_image_surface_create(CAIRO_FORMAT_RGB24, window->width, window->height);
}

void window_present(struct window *window, cairo_surface_t *surface)
{
    cairo_surface_t *target = cairo_xcb_surface_create(window->x, window->id, window->visual,
                                                       window->width, window->height);
    cairo_t *cairo = cairo_create(target);

    cairo_set_source_surface(cairo, surface, 0, 0);
    cairo_paint(cairo);
    cairo_destroy(cairo);
    cairo_surface_finish(target);
    cairo_surface_destroy(target);
    cairo_surface_destroy(surface);
    (void)xcb_flush(window->x);
}

void window_resized(struct window *window, uint16_t width, uint16_t height)
{
    const uint32_t size[] = { width, height };

    window->width = width;
    window->height = height;
    (void)xcb_configure_window(window->x, window->id,
                               XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, size);
    (void)xcb_flush(window->x);
}

int64_t window_idle_ms(struct window *window)
{
    xcb_screensaver_query_info_reply_t *reply;
    int64_t idle_ms;

    if (!window->has_idle)
        return -1;
    reply = xcb_screensaver_query_info_reply(
        window->x, xcb_screensaver_query_info(window->x, window->screen->root), NULL);
    if (!reply)
        return -1;
    idle_ms = reply->ms_since_user_input;
    free(reply);
    return idle_ms;
}
