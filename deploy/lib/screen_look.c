/* screen_look.c - what an X screen shows, for scripts that look many times: `import` and `convert`
 * take a hundred times as long.
 *
 * usage: screen-look share #RRGGBB     percent (0-100) of the screen that have this colour
 *        screen-look pixel X Y         the colour there, as RRGGBB
 *
 * RDP's compression changes colours a little, so near ones count for `share`. The screen is that of
 * DISPLAY, with 24 bits of colour. Exit codes: 0, or 1 when the answer cannot be written, 2 for all
 * else.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>

#define NEAR (256 * 5 / 100) /* each of red, green and blue */
#define ALL_PLANES UINT32_MAX

static void give_up(const char *what)
{
    (void)fprintf(stderr, "screen-look: %s\n", what);
    exit(2);
}

/* DISPLAY may name one of several: ":77.1". */
static int screen_number;

static const xcb_screen_t *screen_of(xcb_connection_t *x)
{
    xcb_screen_iterator_t screens = xcb_setup_roots_iterator(xcb_get_setup(x));

    for (int i = 0; i < screen_number && screens.rem > 1; i++)
        xcb_screen_next(&screens);
    return screens.data;
}

static xcb_get_image_reply_t *look(xcb_connection_t *x, int16_t left, int16_t top, uint16_t width,
                                   uint16_t height)
{
    xcb_window_t root = screen_of(x)->root;
    xcb_get_image_cookie_t asked =
        xcb_get_image(x, XCB_IMAGE_FORMAT_Z_PIXMAP, root, left, top, width, height, ALL_PLANES);
    xcb_get_image_reply_t *image = xcb_get_image_reply(x, asked, NULL);

    if (!image || xcb_get_image_data_length(image) != 4 * width * height)
        give_up("the screen cannot be read, or has no 24 bits of colour");
    return image;
}

static bool is_near(uint32_t pixel, uint32_t colour)
{
    for (int shift = 0; shift < 24; shift += 8)
        if (abs((int)(pixel >> shift & 0xff) - (int)(colour >> shift & 0xff)) > NEAR)
            return false;
    return true;
}

static uint32_t colour_of(const char *text)
{
    if (text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6 || text[7])
        give_up("a colour is written #RRGGBB");
    return (uint32_t)strtoul(text + 1, NULL, 16);
}

static int share(xcb_connection_t *x, const char *colour_text)
{
    const xcb_screen_t *screen = screen_of(x);
    int pixels = screen->width_in_pixels * screen->height_in_pixels;
    xcb_get_image_reply_t *image = look(x, 0, 0, screen->width_in_pixels, screen->height_in_pixels);
    const uint8_t *bytes = xcb_get_image_data(image);
    uint32_t colour = colour_of(colour_text);
    int64_t have = 0;

    for (int i = 0; i < pixels; i++) {
        uint32_t pixel;

        memcpy(&pixel, bytes + 4 * (size_t)i, sizeof(pixel));
        have += is_near(pixel, colour);
    }
    free(image);
    return printf("%lld\n", (long long)(100 * have / pixels)) < 0;
}

static int16_t place(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end || value < 0 || value > INT16_MAX)
        give_up("a place on the screen is two numbers");
    return (int16_t)value;
}

static int pixel(xcb_connection_t *x, const char *left, const char *top)
{
    xcb_get_image_reply_t *image = look(x, place(left), place(top), 1, 1);
    uint32_t colour;

    memcpy(&colour, xcb_get_image_data(image), sizeof(colour));
    free(image);
    return printf("%06x\n", colour & 0xffffff) < 0;
}

int main(int argc, char **argv)
{
    xcb_connection_t *x = xcb_connect(NULL, &screen_number);
    int r = 2;

    if (xcb_connection_has_error(x))
        give_up("no connection to the X server of DISPLAY");
    if (argc == 3 && strcmp(argv[1], "share") == 0)
        r = share(x, argv[2]);
    else if (argc == 4 && strcmp(argv[1], "pixel") == 0)
        r = pixel(x, argv[2], argv[3]);
    else
        (void)fputs("usage: screen-look share #RRGGBB | pixel X Y\n", stderr);
    xcb_disconnect(x);
    return r;
}
