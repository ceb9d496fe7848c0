/* banner.c - place, paint, raise and hide the banner's window. */
#include "greeter/banner.h"

#include <stdio.h>

#include "core/greeter_protocol.h"
#include "core/texts.h"
#include "greeter/page.h"

/* In units of page.h: a screen of 800 lines. */
#define WIDTH 640
#define HEIGHT 190
#define TOP 24

static void place(struct banner *banner, const struct window *main_window)
{
    double unit = page_unit(main_window->width, main_window->height);
    uint16_t width = (uint16_t)(WIDTH * unit);
    uint16_t height = (uint16_t)(HEIGHT * unit);

    if (width > main_window->width)
        width = main_window->width;
    window_place(&banner->window, (int16_t)((main_window->width - width) / 2),
                 (int16_t)(TOP * unit), width, height);
}

void banner_open(struct banner *banner, const struct window *main_window)
{
    window_open_small(&banner->window, main_window);
    place(banner, main_window);
}

static void paint(struct banner *banner)
{
    cairo_surface_t *surface = window_surface(&banner->window);

    page_paint_banner(surface, banner->window.width, banner->window.height, banner->title,
                      banner->text, banner->close);
    window_present(&banner->window, surface);
}

void banner_show(struct banner *banner, const struct page *page)
{
    copy_text(banner->title, page->title);
    copy_text(banner->text, page->text);
    copy_text(banner->close, text_in(page->language, TEXT_CLOSE));
    banner->shown = true;
    window_raise(&banner->window);
    paint(banner);
}

void banner_hide(struct banner *banner)
{
    if (!banner->shown)
        return;
    banner->shown = false;
    window_hide(&banner->window);
}

void banner_restack(struct banner *banner, const struct window *main_window)
{
    if (!banner->shown)
        return;
    place(banner, main_window);
    window_raise(&banner->window);
    paint(banner);
}

bool banner_owns(const struct banner *banner, xcb_window_t id)
{
    return banner->window.id == id;
}
