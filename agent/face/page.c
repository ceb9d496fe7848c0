/* page.c - layout and painting of the face's pages. */
#include "face/page.h"

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
static const struct colour ground_top = { 0.09, 0.12, 0.16 };
static const struct colour ground_bottom = { 0.13, 0.17, 0.22 };
static const struct colour on_ground = { 0.90, 0.92, 0.94 };
static const struct colour good = { 0.45, 0.80, 0.58 };
static const struct colour bad = { 0.95, 0.62, 0.35 };

/* One page on its way to the surface. */
struct brush {
    cairo_t *cairo;
    const struct face *face;
    struct page_places places;
    int width, height;
    double y; /* where the next line of the card goes */
};

bool box_holds(const struct box *box, double x, double y)
{
    return x >= box->x && y >= box->y && x < box->x + box->width && y < box->y + box->height;
}

/* ---- layout ---- */

static double card_height(const struct face *face)
{
    switch (face->page.kind) {
    case page_kind_SIGN_ON:
        return 420;
    case page_kind_CHOOSE:
        return 150 + ROW_HEIGHT * (double)face->page.choices_count;
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

void page_places(const struct face *face, int width, int height, struct page_places *ret)
{
    double unit = page_unit(width, height);
    double card_width = CARD_WIDTH * unit;
    double inner = card_width - 2 * MARGIN * unit;
    double left;
    double bottom;

    memset(ret, 0, sizeof(*ret));
    ret->unit = unit;
    ret->card = (struct box){ (width - card_width) / 2, (height - card_height(face) * unit) / 2,
                              card_width, card_height(face) * unit };
    left = ret->card.x + MARGIN * unit;
    bottom = ret->card.y + ret->card.height;
    if (face->page.kind == page_kind_SIGN_ON) {
        ret->user = (struct box){ left, ret->card.y + 118 * unit, inner, FIELD_HEIGHT * unit };
        ret->password = (struct box){ left, ret->card.y + 206 * unit, inner, FIELD_HEIGHT * unit };
        ret->button = (struct box){ left, bottom - 92 * unit, inner, 52 * unit };
    } else if (face->page.kind == page_kind_NOTICE ||
               (face->page.kind == page_kind_PROGRESS && face->page.cancellable)) {
        ret->button = (struct box){ left, bottom - 84 * unit, inner, 48 * unit };
    } else if (face->page.kind == page_kind_CHOOSE) {
        for (size_t i = 0; i < face->page.choices_count; i++)
            ret->choices[i] =
                (struct box){ left, ret->card.y + (100 + ROW_HEIGHT * (double)i) * unit, inner,
                              (ROW_HEIGHT - 8) * unit };
    }
}

/* ---- strokes ---- */

static void use(struct brush *brush, struct colour colour)
{
    cairo_set_source_rgb(brush->cairo, colour.red, colour.green, colour.blue);
}

static void round_box(struct brush *brush, const struct box *box, double radius)
{
    cairo_t *cairo = brush->cairo;
    double r = radius * brush->places.unit;

    cairo_new_sub_path(cairo);
    cairo_arc(cairo, box->x + box->width - r, box->y + r, r, -M_PI_2, 0);
    cairo_arc(cairo, box->x + box->width - r, box->y + box->height - r, r, 0, M_PI_2);
    cairo_arc(cairo, box->x + r, box->y + box->height - r, r, M_PI_2, M_PI);
    cairo_arc(cairo, box->x + r, box->y + r, r, M_PI, 3 * M_PI_2);
    cairo_close_path(cairo);
}

static PangoLayout *layout_of(struct brush *brush, const char *text, double size,
                              enum weight weight, double width)
{
    PangoLayout *layout = pango_cairo_create_layout(brush->cairo);
    PangoFontDescription *font =
        pango_font_description_from_string("Noto Sans, DejaVu Sans, sans-serif");

    pango_font_description_set_absolute_size(font, size * brush->places.unit * PANGO_SCALE);
    pango_font_description_set_weight(font,
                                      weight == BOLD ? PANGO_WEIGHT_SEMIBOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_width(layout, width > 0 ? (int)(width * PANGO_SCALE) : -1);
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_text(layout, text, -1);
    return layout;
}

static double put_layout(struct brush *brush, PangoLayout *layout, double x, double y)
{
    int width;
    int height;

    pango_layout_get_pixel_size(layout, &width, &height);
    cairo_move_to(brush->cairo, x, y);
    pango_cairo_show_layout(brush->cairo, layout);
    g_object_unref(layout);
    return height;
}

/* A line or paragraph of the card; moves down. */
static void write_card(struct brush *brush, const char *text, double size, enum weight weight,
                       struct colour colour)
{
    double unit = brush->places.unit;
    double inner = brush->places.card.width - 2 * MARGIN * unit;
    PangoLayout *layout;

    if (!text[0])
        return;
    layout = layout_of(brush, text, size, weight, inner);
    pango_layout_set_height(layout, -4); /* at most four lines */
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    use(brush, colour);
    brush->y +=
        put_layout(brush, layout, brush->places.card.x + MARGIN * unit, brush->y) + 10 * unit;
}

static void write_centred(struct brush *brush, const struct box *box, const char *text, double size,
                          struct colour colour)
{
    PangoLayout *layout = layout_of(brush, text, size, BOLD, box->width);
    int height;

    pango_layout_set_alignment(layout, PANGO_ALIGN_CENTER);
    pango_layout_get_pixel_size(layout, NULL, &height);
    use(brush, colour);
    (void)put_layout(brush, layout, box->x, box->y + (box->height - height) / 2);
}

/* ---- pieces of pages ---- */

static const char *word(const struct brush *brush, enum text text)
{
    return text_in(brush->face->page.language, text);
}

static void paint_ground(struct brush *brush)
{
    cairo_pattern_t *ground = cairo_pattern_create_linear(0, 0, 0, brush->height);

    cairo_pattern_add_color_stop_rgb(ground, 0, ground_top.red, ground_top.green, ground_top.blue);
    cairo_pattern_add_color_stop_rgb(ground, 1, ground_bottom.red, ground_bottom.green,
                                     ground_bottom.blue);
    cairo_set_source(brush->cairo, ground);
    cairo_paint(brush->cairo);
    cairo_pattern_destroy(ground);
}

static void paint_clock(struct brush *brush, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    double unit = brush->places.unit;
    char text[16];
    PangoLayout *layout;
    struct tm local;
    int width;

    (void)localtime_r(&seconds, &local);
    (void)strftime(text, sizeof(text), "%H:%M", &local);
    layout = layout_of(brush, text, 34, PLAIN, 0);
    pango_layout_get_pixel_size(layout, &width, NULL);
    use(brush, on_ground);
    (void)put_layout(brush, layout, brush->width - width - 40 * unit, 30 * unit);
}

static void paint_edges(struct brush *brush, int64_t wall_ms)
{
    const struct page *page = &brush->face->page;
    double unit = brush->places.unit;
    double below = brush->height - 56 * unit;

    use(brush, on_ground);
    (void)put_layout(brush, layout_of(brush, page->terminal, 22, BOLD, 0), 40 * unit, 36 * unit);
    paint_clock(brush, wall_ms);
    use(brush, page->online ? good : bad);
    cairo_arc(brush->cairo, 48 * unit, below + 12 * unit, 7 * unit, 0, 2 * M_PI);
    cairo_fill(brush->cairo);
    use(brush, on_ground);
    (void)put_layout(brush,
                     layout_of(brush,
                               word(brush, page->online ? TEXT_ONLINE_SHORT : TEXT_OFFLINE_SHORT),
                               16, PLAIN, 0),
                     64 * unit, below + 1 * unit);
}

static void paint_card(struct brush *brush)
{
    struct box shadow = brush->places.card;

    shadow.y += 5 * brush->places.unit;
    cairo_set_source_rgba(brush->cairo, 0, 0, 0, 0.35);
    round_box(brush, &shadow, 12);
    cairo_fill(brush->cairo);
    use(brush, paper);
    round_box(brush, &brush->places.card, 12);
    cairo_fill(brush->cairo);
    brush->y = brush->places.card.y + 32 * brush->places.unit;
}

static void paint_field(struct brush *brush, const struct box *box, const char *label,
                        const char *value, bool focused)
{
    double unit = brush->places.unit;
    PangoLayout *text = layout_of(brush, value, 19, PLAIN, 0);
    PangoRectangle cursor;

    use(brush, faint);
    (void)put_layout(brush, layout_of(brush, label, 15, PLAIN, 0), box->x, box->y - 23 * unit);
    cairo_set_source_rgb(brush->cairo, 1, 1, 1);
    round_box(brush, box, 6);
    cairo_fill_preserve(brush->cairo);
    use(brush, focused ? accent : line);
    cairo_set_line_width(brush->cairo, (focused ? 3 : 1.5) * unit);
    cairo_stroke(brush->cairo);
    pango_layout_get_cursor_pos(text, (int)strlen(value), &cursor, NULL);
    cairo_save(brush->cairo);
    cairo_rectangle(brush->cairo, box->x + 4 * unit, box->y, box->width - 8 * unit, box->height);
    cairo_clip(brush->cairo);
    use(brush, ink);
    (void)put_layout(brush, text, box->x + 14 * unit, box->y + 10 * unit);
    if (focused) {
        cairo_rectangle(brush->cairo, box->x + 15 * unit + (double)cursor.x / PANGO_SCALE,
                        box->y + 11 * unit, 2 * unit, box->height - 22 * unit);
        cairo_fill(brush->cairo);
    }
    cairo_restore(brush->cairo);
}

static void paint_button(struct brush *brush, const struct box *box, const char *label, bool strong,
                         bool focused)
{
    use(brush, strong ? accent : line);
    round_box(brush, box, 6);
    if (strong) {
        cairo_fill_preserve(brush->cairo);
        use(brush, focused ? ink : accent);
    }
    cairo_set_line_width(brush->cairo, (focused ? 3 : 1.5) * brush->places.unit);
    cairo_stroke(brush->cairo);
    write_centred(brush, box, label, 18, strong ? paper : ink);
}

/* ---- pages ---- */

/* One bullet a character; its length tells no more than the keys that were heard. */
static void bullets(const char *password, char *ret, size_t size)
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

static void paint_sign_on(struct brush *brush)
{
    const struct face *face = brush->face;
    char hidden[3 * FACE_PASSWORD_MAX + 4];

    write_card(brush, face->page.greeting[0] ? face->page.greeting : word(brush, TEXT_SIGN_ON), 25,
               BOLD, ink);
    paint_field(brush, &brush->places.user, word(brush, TEXT_USER), face->user,
                face->focus == FOCUS_USER);
    bullets(face->password.text, hidden, sizeof(hidden));
    paint_field(brush, &brush->places.password, word(brush, TEXT_PASSWORD), hidden,
                face->focus == FOCUS_PASSWORD);
    brush->y = brush->places.password.y + brush->places.password.height + 10 * brush->places.unit;
    if (face->caps_lock)
        write_card(brush, word(brush, TEXT_CAPS_LOCK), 15, BOLD, alert);
    else
        write_card(brush, face->page.text, 15, PLAIN, face->page.alert ? alert : faint);
    paint_button(brush, &brush->places.button, word(brush, TEXT_SIGN_ON), true,
                 face->focus == FOCUS_BUTTON);
}

/* A sentence of texts.def with its number put in; the table holds formats, the compiler wants
 * literals. */
static void with_number(const char *sentence, int64_t number, char *ret, size_t size)
{
    const char *place = strstr(sentence, "%lld");
    int before = place ? (int)(place - sentence) : (int)strlen(sentence);

    if (place)
        (void)snprintf(ret, size, "%.*s%lld%s", before, sentence, (long long)number, place + 4);
    else
        (void)snprintf(ret, size, "%s", sentence);
}

static void estimate_words(const struct brush *brush, char *ret, size_t size)
{
    int64_t seconds = (brush->face->page.estimate_ms + 999) / 1000;
    bool minutes = seconds >= 120;

    ret[0] = '\0';
    if (seconds > 0)
        with_number(word(brush, minutes ? TEXT_MINUTES : TEXT_SECONDS),
                    minutes ? (seconds + 59) / 60 : seconds, ret, size);
}

static void paint_progress(struct brush *brush)
{
    const struct page *page = &brush->face->page;
    char line_text[96];

    write_card(brush, page->title[0] ? page->title : word(brush, TEXT_PREPARING), 25, BOLD, ink);
    write_card(brush, page->user, 17, PLAIN, faint);
    if (page->queue_place > 0) {
        with_number(word(brush, TEXT_QUEUE), page->queue_place, line_text, sizeof(line_text));
        write_card(brush, line_text, 20, BOLD, accent);
    }
    estimate_words(brush, line_text, sizeof(line_text));
    write_card(brush, line_text, 17, PLAIN, ink);
    write_card(brush, page->text, 17, PLAIN, page->alert ? alert : ink);
    if (page->cancellable)
        paint_button(brush, &brush->places.button, word(brush, TEXT_CANCEL), false, false);
}

static void paint_choose(struct brush *brush)
{
    const struct page *page = &brush->face->page;

    write_card(brush, page->title[0] ? page->title : word(brush, TEXT_CHOOSE), 25, BOLD, ink);
    for (size_t i = 0; i < page->choices_count; i++)
        paint_button(brush, &brush->places.choices[i],
                     page->choices[i].title[0] ? page->choices[i].title : page->choices[i].pool,
                     i == brush->face->picked, i == brush->face->picked);
}

static void paint_notice(struct brush *brush)
{
    const struct page *page = &brush->face->page;

    write_card(brush, page->title[0] ? page->title : word(brush, TEXT_MESSAGE), 25, BOLD, ink);
    write_card(brush, page->text, 18, PLAIN, page->alert ? alert : ink);
    paint_button(brush, &brush->places.button, word(brush, TEXT_ANY_KEY), false, false);
}

static void paint_status(struct brush *brush)
{
    const struct page *page = &brush->face->page;

    write_card(brush, page->title[0] ? page->title : word(brush, TEXT_STARTING), 25, BOLD, ink);
    write_card(brush, page->text, 17, PLAIN, page->alert ? alert : faint);
    if (page->kind == page_kind_APPROVE) {
        struct box code = brush->places.card;

        code.y = brush->y;
        code.height = 90 * brush->places.unit;
        write_centred(brush, &code, page->code, 52, accent);
    }
}

static void paint_content(struct brush *brush)
{
    switch (brush->face->page.kind) {
    case page_kind_SIGN_ON:
        paint_sign_on(brush);
        break;
    case page_kind_PROGRESS:
        paint_progress(brush);
        break;
    case page_kind_CHOOSE:
        paint_choose(brush);
        break;
    case page_kind_NOTICE:
        paint_notice(brush);
        break;
    case page_kind_STATUS:
    case page_kind_APPROVE:
        paint_status(brush);
        break;
    case page_kind_NONE:
    case page_kind_BLANK:
    case page_kind_DESKTOP:
    case page_kind_BANNER:
    case page_kind_END:
        break;
    }
}

void page_paint(const struct face *face, cairo_surface_t *surface, int width, int height,
                int64_t wall_ms)
{
    struct brush brush = {
        .cairo = cairo_create(surface), .face = face, .width = width, .height = height
    };

    page_places(face, width, height, &brush.places);
    paint_ground(&brush);
    paint_edges(&brush, wall_ms);
    paint_card(&brush);
    paint_content(&brush);
    cairo_destroy(brush.cairo);
}

/* The small window is as high as 190 units; its button stands at the lower right. */
void page_paint_banner(cairo_surface_t *surface, int width, int height, const char *title,
                       const char *text, const char *close)
{
    struct brush brush = { .cairo = cairo_create(surface), .width = width, .height = height };
    double unit = height / 190.0;
    struct box button = { width - 196 * unit, height - 64 * unit, 160 * unit, 40 * unit };

    brush.places = (struct page_places){ .unit = unit, .card = { 0, 0, width, height } };
    brush.y = 20 * unit;
    use(&brush, paper);
    cairo_paint(brush.cairo);
    use(&brush, accent);
    cairo_rectangle(brush.cairo, 0, 0, 8 * unit, height);
    cairo_fill(brush.cairo);
    write_card(&brush, title, 20, BOLD, accent);
    write_card(&brush, text, 17, PLAIN, ink);
    paint_button(&brush, &button, close, true, false);
    cairo_destroy(brush.cairo);
}
