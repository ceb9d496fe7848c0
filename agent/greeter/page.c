/* page.c - layout and painting of the greeter's pages. */
#include "greeter/page.h"

#include <math.h>
#include <pango/pangocairo.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/texts.h"

#define CARD_WIDTH 460
#define MARGIN 36
#define FIELD_HEIGHT 46
#define ROW_HEIGHT 54

enum weight { PLAIN, BOLD };

struct colour {
    double red, green, blue;
};

static const struct colour ink = { 0.07, 0.10, 0.14 };
static const struct colour faint = { 0.29, 0.34, 0.40 };
static const struct colour paper = { 0.98, 0.98, 0.97 };
static const struct colour line = { 0.62, 0.66, 0.71 };
static const struct colour accent = { 0.02, 0.36, 0.33 };
static const struct colour alert = { 0.62, 0.07, 0.09 };
static const struct colour background_top = { 0.09, 0.12, 0.16 };
static const struct colour background_bottom = { 0.13, 0.17, 0.22 };
static const struct colour on_background = { 0.90, 0.92, 0.94 };
static const struct colour good = { 0.45, 0.80, 0.58 };
static const struct colour bad = { 0.95, 0.62, 0.35 };

/* A page while it is painted. */
struct canvas {
    cairo_t *cairo;
    const struct greeter *greeter;
    struct page_layout layout;
    int width, height;
    double y; /* of the next line of the card */
};

bool box_contains(const struct box *box, double x, double y)
{
    return x >= box->x && y >= box->y && x < box->x + box->width && y < box->y + box->height;
}

/* ---- layout ---- */

static double card_height(const struct greeter *greeter)
{
    switch (greeter->page.kind) {
    case page_kind_SIGN_ON:
        return 420;
    case page_kind_CHOOSE:
        return 150 + ROW_HEIGHT * (double)greeter->page.choices_count;
    case page_kind_APPROVE:
        return 330;
    case page_kind_PROGRESS:
        return 360;
    case page_kind_NOTICE:
        return 320;
    case page_kind_NONE:
    case page_kind_BLANK:
    case page_kind_STATUS:
    case page_kind_DESKTOP:
    case page_kind_BANNER:
    case page_kind_END:
        break;
    }
    return 240;
}

double page_unit(int width, int height)
{
    return fmin((double)height / 800.0, (double)width / 640.0);
}

void page_layout(const struct greeter *greeter, int width, int height, struct page_layout *ret)
{
    double unit = page_unit(width, height);
    double card_width = CARD_WIDTH * unit;
    double inner = card_width - 2 * MARGIN * unit;
    double left;
    double bottom;

    memset(ret, 0, sizeof(*ret));
    ret->unit = unit;
    ret->card = (struct box){ (width - card_width) / 2, (height - card_height(greeter) * unit) / 2,
                              card_width, card_height(greeter) * unit };
    left = ret->card.x + MARGIN * unit;
    bottom = ret->card.y + ret->card.height;
    if (greeter->page.kind == page_kind_SIGN_ON) {
        ret->user = (struct box){ left, ret->card.y + 118 * unit, inner, FIELD_HEIGHT * unit };
        ret->password = (struct box){ left, ret->card.y + 206 * unit, inner, FIELD_HEIGHT * unit };
        ret->button = (struct box){ left, bottom - 92 * unit, inner, 52 * unit };
    } else if (greeter->page.kind == page_kind_NOTICE ||
               (greeter->page.kind == page_kind_PROGRESS && greeter->page.cancellable)) {
        ret->button = (struct box){ left, bottom - 84 * unit, inner, 48 * unit };
    } else if (greeter->page.kind == page_kind_CHOOSE) {
        for (size_t i = 0; i < greeter->page.choices_count; i++)
            ret->choices[i] =
                (struct box){ left, ret->card.y + (100 + ROW_HEIGHT * (double)i) * unit, inner,
                              (ROW_HEIGHT - 8) * unit };
    }
}

/* ---- drawing ---- */

static void set_colour(struct canvas *canvas, struct colour colour)
{
    cairo_set_source_rgb(canvas->cairo, colour.red, colour.green, colour.blue);
}

static void round_box(struct canvas *canvas, const struct box *box, double radius)
{
    cairo_t *cairo = canvas->cairo;
    double r = radius * canvas->layout.unit;

    cairo_new_sub_path(cairo);
    cairo_arc(cairo, box->x + box->width - r, box->y + r, r, -M_PI_2, 0);
    cairo_arc(cairo, box->x + box->width - r, box->y + box->height - r, r, 0, M_PI_2);
    cairo_arc(cairo, box->x + r, box->y + box->height - r, r, M_PI_2, M_PI);
    cairo_arc(cairo, box->x + r, box->y + r, r, M_PI, 3 * M_PI_2);
    cairo_close_path(cairo);
}

static PangoLayout *text_layout(struct canvas *canvas, const char *text, double size,
                                enum weight weight, double width)
{
    PangoLayout *layout = pango_cairo_create_layout(canvas->cairo);
    PangoFontDescription *font =
        pango_font_description_from_string("Noto Sans, DejaVu Sans, sans-serif");

    pango_font_description_set_absolute_size(font, size * canvas->layout.unit * PANGO_SCALE);
    pango_font_description_set_weight(font,
                                      weight == BOLD ? PANGO_WEIGHT_SEMIBOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_width(layout, width > 0 ? (int)(width * PANGO_SCALE) : -1);
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_text(layout, text, -1);
    return layout;
}

static double draw_layout(struct canvas *canvas, PangoLayout *layout, double x, double y)
{
    int width;
    int height;

    pango_layout_get_pixel_size(layout, &width, &height);
    cairo_move_to(canvas->cairo, x, y);
    pango_cairo_show_layout(canvas->cairo, layout);
    g_object_unref(layout);
    return height;
}

/* Write a paragraph on the card and move y below it. */
static void write_card(struct canvas *canvas, const char *text, double size, enum weight weight,
                       struct colour colour)
{
    double unit = canvas->layout.unit;
    double inner = canvas->layout.card.width - 2 * MARGIN * unit;
    PangoLayout *layout;

    if (!text[0])
        return;
    layout = text_layout(canvas, text, size, weight, inner);
    pango_layout_set_height(layout, -4); /* at most four lines */
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    set_colour(canvas, colour);
    canvas->y +=
        draw_layout(canvas, layout, canvas->layout.card.x + MARGIN * unit, canvas->y) + 10 * unit;
}

static void write_centred(struct canvas *canvas, const struct box *box, const char *text,
                          double size, struct colour colour)
{
    PangoLayout *layout = text_layout(canvas, text, size, BOLD, box->width);
    int height;

    pango_layout_set_alignment(layout, PANGO_ALIGN_CENTER);
    pango_layout_get_pixel_size(layout, NULL, &height);
    set_colour(canvas, colour);
    (void)draw_layout(canvas, layout, box->x, box->y + (box->height - height) / 2);
}

/* ---- parts of pages ---- */

static const char *translate(const struct canvas *canvas, enum text text)
{
    return text_in(canvas->greeter->page.language, text);
}

static void paint_background(struct canvas *canvas)
{
    cairo_pattern_t *gradient = cairo_pattern_create_linear(0, 0, 0, canvas->height);

    cairo_pattern_add_color_stop_rgb(gradient, 0, background_top.red, background_top.green,
                                     background_top.blue);
    cairo_pattern_add_color_stop_rgb(gradient, 1, background_bottom.red, background_bottom.green,
                                     background_bottom.blue);
    cairo_set_source(canvas->cairo, gradient);
    cairo_paint(canvas->cairo);
    cairo_pattern_destroy(gradient);
}

static void paint_clock(struct canvas *canvas, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    double unit = canvas->layout.unit;
    char text[16];
    PangoLayout *layout;
    struct tm local;
    int width;

    (void)localtime_r(&seconds, &local);
    (void)strftime(text, sizeof(text), "%H:%M", &local);
    layout = text_layout(canvas, text, 34, PLAIN, 0);
    pango_layout_get_pixel_size(layout, &width, NULL);
    set_colour(canvas, on_background);
    (void)draw_layout(canvas, layout, canvas->width - width - 40 * unit, 30 * unit);
}

static void paint_edges(struct canvas *canvas, int64_t wall_ms)
{
    const struct page *page = &canvas->greeter->page;
    double unit = canvas->layout.unit;
    double below = canvas->height - 56 * unit;

    set_colour(canvas, on_background);
    (void)draw_layout(canvas, text_layout(canvas, page->terminal, 22, BOLD, 0), 40 * unit,
                      36 * unit);
    paint_clock(canvas, wall_ms);
    set_colour(canvas, page->online ? good : bad);
    cairo_arc(canvas->cairo, 48 * unit, below + 12 * unit, 7 * unit, 0, 2 * M_PI);
    cairo_fill(canvas->cairo);
    set_colour(canvas, on_background);
    (void)draw_layout(
        canvas,
        text_layout(canvas,
                    translate(canvas, page->online ? TEXT_ONLINE_SHORT : TEXT_OFFLINE_SHORT), 16,
                    PLAIN, 0),
        64 * unit, below + 1 * unit);
}

static void paint_card(struct canvas *canvas)
{
    struct box shadow = canvas->layout.card;

    shadow.y += 5 * canvas->layout.unit;
    cairo_set_source_rgba(canvas->cairo, 0, 0, 0, 0.35);
    round_box(canvas, &shadow, 12);
    cairo_fill(canvas->cairo);
    set_colour(canvas, paper);
    round_box(canvas, &canvas->layout.card, 12);
    cairo_fill(canvas->cairo);
    canvas->y = canvas->layout.card.y + 32 * canvas->layout.unit;
}

static void paint_field(struct canvas *canvas, const struct box *box, const char *label,
                        const char *value, bool focused)
{
    double unit = canvas->layout.unit;
    PangoLayout *text = text_layout(canvas, value, 19, PLAIN, 0);
    PangoRectangle cursor;

    set_colour(canvas, faint);
    (void)draw_layout(canvas, text_layout(canvas, label, 15, PLAIN, 0), box->x, box->y - 23 * unit);
    cairo_set_source_rgb(canvas->cairo, 1, 1, 1);
    round_box(canvas, box, 6);
    cairo_fill_preserve(canvas->cairo);
    set_colour(canvas, focused ? accent : line);
    cairo_set_line_width(canvas->cairo, (focused ? 3 : 1.5) * unit);
    cairo_stroke(canvas->cairo);
    pango_layout_get_cursor_pos(text, (int)strlen(value), &cursor, NULL);
    cairo_save(canvas->cairo);
    cairo_rectangle(canvas->cairo, box->x + 4 * unit, box->y, box->width - 8 * unit, box->height);
    cairo_clip(canvas->cairo);
    set_colour(canvas, ink);
    (void)draw_layout(canvas, text, box->x + 14 * unit, box->y + 10 * unit);
    if (focused) {
        cairo_rectangle(canvas->cairo, box->x + 15 * unit + (double)cursor.x / PANGO_SCALE,
                        box->y + 11 * unit, 2 * unit, box->height - 22 * unit);
        cairo_fill(canvas->cairo);
    }
    cairo_restore(canvas->cairo);
}

static void paint_button(struct canvas *canvas, const struct box *box, const char *label,
                         bool strong, bool focused)
{
    set_colour(canvas, strong ? accent : line);
    round_box(canvas, box, 6);
    if (strong) {
        cairo_fill_preserve(canvas->cairo);
        set_colour(canvas, focused ? ink : accent);
    }
    cairo_set_line_width(canvas->cairo, (focused ? 3 : 1.5) * canvas->layout.unit);
    cairo_stroke(canvas->cairo);
    write_centred(canvas, box, label, 18, strong ? paper : ink);
}

/* ---- pages ---- */

/* One bullet per character: the length of a password may be seen. */
static void mask_password(const char *password, char *ret, size_t size)
{
    size_t used = 0;

    for (const char *c = password; *c && used + 4 < size; c++) {
        if (((unsigned char)*c & 0xc0) == 0x80)
            continue;
        memcpy(ret + used, "\xe2\x80\xa2", 3);
        used += 3;
    }
    ret[used] = '\0';
}

static void paint_sign_on(struct canvas *canvas)
{
    const struct greeter *greeter = canvas->greeter;
    char hidden[3 * GREETER_PASSWORD_MAX + 4];

    write_card(canvas,
               greeter->page.greeting[0] ? greeter->page.greeting : translate(canvas, TEXT_SIGN_ON),
               25, BOLD, ink);
    paint_field(canvas, &canvas->layout.user, translate(canvas, TEXT_USER), greeter->user,
                greeter->focus == FOCUS_USER);
    mask_password(greeter->password.text, hidden, sizeof(hidden));
    paint_field(canvas, &canvas->layout.password, translate(canvas, TEXT_PASSWORD), hidden,
                greeter->focus == FOCUS_PASSWORD);
    canvas->y =
        canvas->layout.password.y + canvas->layout.password.height + 10 * canvas->layout.unit;
    if (greeter->caps_lock)
        write_card(canvas, translate(canvas, TEXT_CAPS_LOCK), 15, BOLD, alert);
    else
        write_card(canvas, greeter->page.text, 15, PLAIN, greeter->page.alert ? alert : faint);
    paint_button(canvas, &canvas->layout.button, translate(canvas, TEXT_SIGN_ON), true,
                 greeter->focus == FOCUS_BUTTON);
}

/* Format a text of texts.def that has one %lld; snprintf needs a literal format (-Wformat=2). */
static void format_number(const char *sentence, int64_t number, char *ret, size_t size)
{
    const char *place = strstr(sentence, "%lld");
    int before = place ? (int)(place - sentence) : (int)strlen(sentence);

    if (place)
        (void)snprintf(ret, size, "%.*s%lld%s", before, sentence, (long long)number, place + 4);
    else
        berth_copy_text(ret, size, sentence);
}

static void format_estimate(const struct canvas *canvas, char *ret, size_t size)
{
    int64_t seconds = (canvas->greeter->page.estimate_ms + 999) / 1000;
    bool minutes = seconds >= 120;

    ret[0] = '\0';
    if (seconds > 0)
        format_number(translate(canvas, minutes ? TEXT_MINUTES : TEXT_SECONDS),
                      minutes ? (seconds + 59) / 60 : seconds, ret, size);
}

static void paint_progress(struct canvas *canvas)
{
    const struct page *page = &canvas->greeter->page;
    char line_text[96];

    write_card(canvas, page->title[0] ? page->title : translate(canvas, TEXT_PREPARING), 25, BOLD,
               ink);
    write_card(canvas, page->user, 17, PLAIN, faint);
    if (page->queue_place > 0) {
        format_number(translate(canvas, TEXT_QUEUE), page->queue_place, line_text,
                      sizeof(line_text));
        write_card(canvas, line_text, 20, BOLD, accent);
    }
    format_estimate(canvas, line_text, sizeof(line_text));
    write_card(canvas, line_text, 17, PLAIN, ink);
    write_card(canvas, page->text, 17, PLAIN, page->alert ? alert : ink);
    if (page->cancellable)
        paint_button(canvas, &canvas->layout.button, translate(canvas, TEXT_CANCEL), false, false);
}

static void paint_choose(struct canvas *canvas)
{
    const struct page *page = &canvas->greeter->page;

    write_card(canvas, page->title[0] ? page->title : translate(canvas, TEXT_CHOOSE), 25, BOLD,
               ink);
    for (size_t i = 0; i < page->choices_count; i++)
        paint_button(canvas, &canvas->layout.choices[i],
                     page->choices[i].title[0] ? page->choices[i].title : page->choices[i].pool,
                     i == canvas->greeter->selected, i == canvas->greeter->selected);
}

static void paint_notice(struct canvas *canvas)
{
    const struct page *page = &canvas->greeter->page;

    write_card(canvas, page->title[0] ? page->title : translate(canvas, TEXT_MESSAGE), 25, BOLD,
               ink);
    write_card(canvas, page->text, 18, PLAIN, page->alert ? alert : ink);
    paint_button(canvas, &canvas->layout.button, translate(canvas, TEXT_ANY_KEY), false, false);
}

static void paint_status(struct canvas *canvas)
{
    const struct page *page = &canvas->greeter->page;

    write_card(canvas, page->title[0] ? page->title : translate(canvas, TEXT_STARTING), 25, BOLD,
               ink);
    write_card(canvas, page->text, 17, PLAIN, page->alert ? alert : faint);
    if (page->kind == page_kind_APPROVE) {
        struct box code = canvas->layout.card;

        code.y = canvas->y;
        code.height = 90 * canvas->layout.unit;
        write_centred(canvas, &code, page->code, 52, accent);
    }
}

static void paint_content(struct canvas *canvas)
{
    switch (canvas->greeter->page.kind) {
    case page_kind_SIGN_ON:
        paint_sign_on(canvas);
        break;
    case page_kind_PROGRESS:
        paint_progress(canvas);
        break;
    case page_kind_CHOOSE:
        paint_choose(canvas);
        break;
    case page_kind_NOTICE:
        paint_notice(canvas);
        break;
    case page_kind_STATUS:
    case page_kind_APPROVE:
        paint_status(canvas);
        break;
    case page_kind_NONE:
    case page_kind_BLANK:
    case page_kind_DESKTOP:
    case page_kind_BANNER:
    case page_kind_END:
        break;
    }
}

void page_paint(const struct greeter *greeter, cairo_surface_t *surface, int width, int height,
                int64_t wall_ms)
{
    struct canvas canvas = {
        .cairo = cairo_create(surface), .greeter = greeter, .width = width, .height = height
    };

    page_layout(greeter, width, height, &canvas.layout);
    paint_background(&canvas);
    paint_edges(&canvas, wall_ms);
    paint_card(&canvas);
    paint_content(&canvas);
    cairo_destroy(canvas.cairo);
}

/* The banner is 190 units high (banner.c). */
void page_paint_banner(cairo_surface_t *surface, int width, int height, const char *title,
                       const char *text, const char *close)
{
    struct canvas canvas = { .cairo = cairo_create(surface), .width = width, .height = height };
    double unit = height / 190.0;
    struct box button = { width - 196 * unit, height - 64 * unit, 160 * unit, 40 * unit };

    canvas.layout = (struct page_layout){ .unit = unit, .card = { 0, 0, width, height } };
    canvas.y = 20 * unit;
    set_colour(&canvas, paper);
    cairo_paint(canvas.cairo);
    set_colour(&canvas, accent);
    cairo_rectangle(canvas.cairo, 0, 0, 8 * unit, height);
    cairo_fill(canvas.cairo);
    write_card(&canvas, title, 20, BOLD, accent);
    write_card(&canvas, text, 17, PLAIN, ink);
    paint_button(&canvas, &button, close, true, false);
    cairo_destroy(canvas.cairo);
}
