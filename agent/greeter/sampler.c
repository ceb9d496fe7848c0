/* sampler.c - sampling the root window for the first picture. */
#include "greeter/sampler.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES (SAMPLE_ROWS * SAMPLE_COLUMNS)
/* Minimum of pixels in another colour: a plain desktop with a panel has a few. */
#define OTHER_COLOUR_MIN 4
/* Minimum of changed pixels: neither the viewer's black window over a black root nor the greeter's
 * page under a new window is a picture. */
#define CHANGED_MIN (SAMPLES / 8)

void sampler_begin(struct sampler *sampler)
{
    *sampler = (struct sampler){ .watching = true };
}

void sampler_end(struct sampler *sampler)
{
    sampler->watching = false;
}

bool sample_is_picture(const uint32_t *now, const uint32_t *before, size_t count)
{
    size_t others = 0;
    size_t changed = 0;

    for (size_t i = 0; i < count; i++) {
        others += now[i] != now[0];
        changed += now[i] != before[i];
    }
    return others >= OTHER_COLOUR_MIN && changed >= CHANGED_MIN;
}

/* One row of the screen at a time: 24 bits or more a pixel, as the server sends them. */
static bool read_row(struct window *window, size_t row, uint32_t *ret)
{
    int16_t y = (int16_t)((2 * row + 1) * window->height / (2 * SAMPLE_ROWS));
    xcb_get_image_reply_t *reply =
        xcb_get_image_reply(window->x,
                            xcb_get_image(window->x, XCB_IMAGE_FORMAT_Z_PIXMAP,
                                          window->screen->root, 0, y, window->width, 1, UINT32_MAX),
                            NULL);
    const uint8_t *data;
    bool ok;

    if (!reply)
        return false;
    data = xcb_get_image_data(reply);
    ok = (size_t)xcb_get_image_data_length(reply) >= (size_t)window->width * 4;
    for (size_t column = 0; ok && column < SAMPLE_COLUMNS; column++) {
        size_t x = (2 * column + 1) * window->width / (2 * SAMPLE_COLUMNS);

        memcpy(&ret[column], data + x * 4, 4);
        ret[column] &= 0xffffff;
    }
    free(reply);
    return ok;
}

bool sampler_check(struct sampler *sampler, struct window *window)
{
    uint32_t now[SAMPLES];

    for (size_t row = 0; row < SAMPLE_ROWS; row++) {
        if (!read_row(window, row, &now[row * SAMPLE_COLUMNS]))
            return false;
    }
    if (!sampler->has_first) {
        memcpy(sampler->first, now, sizeof(now));
        sampler->has_first = true;
        return false;
    }
    if (!sample_is_picture(now, sampler->first, SAMPLES))
        return false;
    sampler_end(sampler);
    return true;
}
