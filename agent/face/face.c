/* face.c - which page stands on the screen, what is typed into it, and the poll that drives both.
 */
#include "face/face.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xkbcommon/xkbcommon-keysyms.h>

#include "face/banner.h"
#include "face/keys.h"
#include "face/page.h"
#include "face/sample.h"
#include "face/window.h"

#define IDLE_EVERY_MS 1000

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- up the pipe ---- */

/* The agent is the only reader; when it is gone the next read ends the program. */
void face_say(struct face *face, struct face_event *event)
{
    size_t size;
    char *line = line_of_event(event, &size);
    size_t sent = 0;

    (void)face;
    while (sent < size) {
        ssize_t some = write(STDOUT_FILENO, line + sent, size - sent);

        if (some < 0 && errno != EINTR)
            break;
        sent += some > 0 ? (size_t)some : 0;
    }
    berth_wipe_free(line, size);
    face_event_wipe(event);
}

static void say(struct face *face, enum face_event_kind kind)
{
    struct face_event event = { .kind = kind };

    face_say(face, &event);
}

/* ---- pages ---- */

static void paint(struct face *face)
{
    cairo_surface_t *surface;

    if (!face->covers || face->page.kind == page_kind_BLANK)
        return;
    surface = window_surface(face->window);
    page_paint(face, surface, face->window->width, face->window->height,
               clock_ms(CLOCK_REALTIME) + face->clock_offset_ms);
    window_present(face->window, surface);
}

static void forget_typing(struct face *face)
{
    secret_wipe(&face->password);
    explicit_bzero(face->user, sizeof(face->user));
    face->focus = FOCUS_USER;
}

/* The name stays when only the password was wrong; nothing stays when another page comes between.
 */
static void prepare(struct face *face, const struct page *page)
{
    bool again = page->kind == page_kind_SIGN_ON && face->page.kind == page_kind_SIGN_ON;

    face->busy = false;
    if (again && !page->alert)
        return; /* a clock, a greeting: do not disturb who types */
    secret_wipe(&face->password);
    if (page->kind == page_kind_SIGN_ON && page->user[0])
        (void)memcpy(face->user, page->user, sizeof(page->user));
    else if (!again)
        forget_typing(face);
    face->focus = face->user[0] ? FOCUS_PASSWORD : FOCUS_USER;
    face->picked = 0;
}

static void show_desktop(struct face *face)
{
    if (face->page.watch) {
        sampler_begin(face->sampler);
        (void)sampler_look(face->sampler,
                           face->window); /* what the screen is before the viewer paints */
    }
    face->covers = false;
    window_uncover(face->window);
}

void face_show(struct face *face, const struct page *page)
{
    struct face_event painted = { .kind = face_event_kind_PAINTED, .serial = page->serial };

    if (page->kind == page_kind_BANNER) { /* the page below stays what it is */
        banner_show(face->banner, page);
        face_say(face, &painted);
        return;
    }
    if (page->kind == page_kind_BLANK) { /* before anything else */
        window_blank(face->window);
        banner_hide(face->banner);
    }
    prepare(face, page);
    face->page = *page;
    face->clock_offset_ms = page->now_ms ? page->now_ms - clock_ms(CLOCK_REALTIME) : 0;
    sampler_end(face->sampler);
    if (page->kind == page_kind_DESKTOP) {
        show_desktop(face);
    } else {
        face->covers = true;
        if (page->kind != page_kind_BLANK) {
            paint(face);
            window_cover(face->window);
            paint(face); /* what was painted before the window was mapped is lost */
        }
    }
    banner_stay(face->banner, face->window);
    face_say(face, &painted);
}

/* ---- typing ---- */

static void append(char *text, size_t size, const char *typed)
{
    size_t used = strlen(text);

    if (used + strlen(typed) < size)
        memcpy(text + used, typed, strlen(typed) + 1);
}

/* Take the last whole character away. */
static void backspace(char *text)
{
    size_t used = strlen(text);

    while (used > 0 && ((unsigned char)text[used - 1] & 0xc0) == 0x80)
        text[--used] = '\0';
    if (used > 0)
        text[used - 1] = '\0';
}

static void submit(struct face *face)
{
    struct face_event event = { .kind = face_event_kind_SUBMIT };

    if (face->busy || !face->user[0])
        return;
    face->busy = true;
    memcpy(event.user, face->user, sizeof(face->user));
    event.password = face->password;
    secret_wipe(&face->password);
    face_say(face, &event);
}

static void type_sign_on(struct face *face, uint32_t symbol, const char *text, bool shift)
{
    char *field = face->focus == FOCUS_USER ? face->user : face->password.text;
    size_t size = face->focus == FOCUS_USER ? sizeof(face->user) : FACE_PASSWORD_MAX;

    if (symbol == XKB_KEY_Return || symbol == XKB_KEY_KP_Enter) {
        if (face->focus == FOCUS_USER)
            face->focus = FOCUS_PASSWORD;
        else
            submit(face);
    } else if (symbol == XKB_KEY_Tab || symbol == XKB_KEY_ISO_Left_Tab || symbol == XKB_KEY_Down ||
               symbol == XKB_KEY_Up) {
        bool back = shift || symbol == XKB_KEY_Up || symbol == XKB_KEY_ISO_Left_Tab;

        face->focus = (enum face_focus)(((int)face->focus + (back ? 2 : 1)) % 3);
    } else if (symbol == XKB_KEY_Escape) {
        forget_typing(face);
    } else if (face->focus == FOCUS_BUTTON) {
        if (symbol == XKB_KEY_space)
            submit(face);
    } else if (symbol == XKB_KEY_BackSpace) {
        backspace(field);
    } else if (text[0]) {
        append(field, size, text);
    }
}

static void pick(struct face *face, size_t row)
{
    struct face_event event = { .kind = face_event_kind_PICK };

    if (row >= face->page.choices_count)
        return;
    memcpy(event.pool, face->page.choices[row].pool, sizeof(event.pool));
    face_say(face, &event);
}

static void type_choose(struct face *face, uint32_t symbol, bool shift)
{
    size_t count = face->page.choices_count;

    if (symbol == XKB_KEY_Return || symbol == XKB_KEY_KP_Enter)
        pick(face, face->picked);
    else if (symbol == XKB_KEY_Escape)
        say(face, face_event_kind_CANCEL);
    else if (symbol == XKB_KEY_Up || (symbol == XKB_KEY_ISO_Left_Tab && shift))
        face->picked = (face->picked + count - 1) % count;
    else if (symbol == XKB_KEY_Down || symbol == XKB_KEY_Tab)
        face->picked = (face->picked + 1) % count;
}

void face_key(struct face *face, uint32_t symbol, const char *text, bool shift)
{
    if (symbol == XKB_KEY_Escape && face->banner->shown) {
        banner_hide(face->banner);
        return;
    }
    switch (face->page.kind) {
    case page_kind_SIGN_ON:
        type_sign_on(face, symbol, text, shift);
        break;
    case page_kind_CHOOSE:
        if (face->page.choices_count > 0)
            type_choose(face, symbol, shift);
        break;
    case page_kind_PROGRESS:
        if (symbol == XKB_KEY_Escape && face->page.cancellable)
            say(face, face_event_kind_CANCEL);
        break;
    case page_kind_BLANK:
    case page_kind_NOTICE:
        say(face, face_event_kind_GO_ON);
        break;
    case page_kind_NONE:
    case page_kind_STATUS:
    case page_kind_APPROVE:
    case page_kind_DESKTOP:
    case page_kind_BANNER:
    case page_kind_END:
        break;
    }
    paint(face);
}

void face_click(struct face *face, double x, double y)
{
    struct page_places places;

    page_places(face, face->window->width, face->window->height, &places);
    if (face->page.kind == page_kind_BLANK) {
        say(face, face_event_kind_GO_ON);
    } else if (box_holds(&places.user, x, y)) {
        face->focus = FOCUS_USER;
    } else if (box_holds(&places.password, x, y)) {
        face->focus = FOCUS_PASSWORD;
    } else if (box_holds(&places.button, x, y)) {
        if (face->page.kind == page_kind_SIGN_ON)
            submit(face);
        else
            say(face, face->page.kind == page_kind_PROGRESS ? face_event_kind_CANCEL
                                                            : face_event_kind_GO_ON);
    }
    for (size_t i = 0; i < face->page.choices_count; i++) {
        if (box_holds(&places.choices[i], x, y))
            pick(face, i);
    }
    paint(face);
}

/* ---- X events ---- */

static void take_key(struct face *face, const xcb_key_press_event_t *event)
{
    struct key_press press;

    keys_press(face->keys, event, &press);
    face->caps_lock = press.caps_lock;
    face_key(face, press.symbol, press.text, press.shift);
    explicit_bzero(&press, sizeof(press));
}

/* A window of somebody else's came up while a page covers the screen: back to the top. */
static void stay_above(struct face *face, const xcb_map_notify_event_t *event)
{
    if (banner_owns(face->banner, event->window))
        return;
    if (face->covers && event->window != face->window->id) {
        if (face->page.kind == page_kind_BLANK)
            window_blank(face->window);
        else
            window_cover(face->window);
        paint(face);
    }
    banner_stay(face->banner, face->window);
}

static void take_event(struct face *face, const xcb_generic_event_t *event)
{
    const xcb_button_press_event_t *button = (const void *)event;
    const xcb_configure_notify_event_t *changed = (const void *)event;

    if (keys_event(face->keys, event))
        return;
    switch (event->response_type & 0x7f) {
    case XCB_EXPOSE:
        paint(face);
        banner_stay(face->banner, face->window);
        break;
    case XCB_KEY_PRESS:
        take_key(face, (const void *)event);
        break;
    case XCB_BUTTON_PRESS:
        if (banner_owns(face->banner, button->event))
            banner_hide(face->banner);
        else
            face_click(face, button->event_x, button->event_y);
        break;
    case XCB_MAP_NOTIFY:
        stay_above(face, (const void *)event);
        break;
    case XCB_CONFIGURE_NOTIFY:
        if (changed->window == face->window->screen->root) {
            window_resized(face->window, changed->width, changed->height);
            paint(face);
            banner_stay(face->banner, face->window);
        }
        break;
    default:
        break;
    }
}

static int take_events(struct face *face, struct berth_error *reterr)
{
    xcb_generic_event_t *event;

    while ((event = xcb_poll_for_event(face->window->x))) {
        take_event(face, event);
        free(event);
    }
    if (xcb_connection_has_error(face->window->x))
        return berth_fail(reterr, BERTH_E_IO, "the X server is gone");
    return 0;
}

/* ---- the poll ---- */

static int take_line(void *context, const char *line, size_t size)
{
    struct face *face = context;
    struct berth_error error = { 0 };
    struct page page;
    int r;

    r = line_to_page(line, size, &page, &error);
    if (r >= 0)
        face_show(face, &page);
    return r;
}

/* 0 at the end of the input: the agent is gone, and so are we. */
static int take_input(struct face *face, struct berth_error *reterr)
{
    char bytes[4096];
    ssize_t size = read(STDIN_FILENO, bytes, sizeof(bytes));
    int r;

    if (size < 0 && errno == EINTR)
        return 1;
    if (size <= 0)
        return 0;
    r = line_feed(&face->reader, bytes, (size_t)size, take_line, face, reterr);
    return r < 0 ? r : 1;
}

static void tell_idle(struct face *face, int64_t now_ms)
{
    struct face_event event = { .kind = face_event_kind_IDLE };

    event.idle_ms = window_idle_ms(face->window);
    face->idle_told_ms = now_ms;
    if (event.idle_ms >= 0)
        face_say(face, &event);
}

/* What happens by the clock: sampling, the idle time, the minute on the page. Returns how long to
 * wait. */
static int by_the_clock(struct face *face)
{
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);

    if (face->sampler->watching && sampler_look(face->sampler, face->window))
        say(face, face_event_kind_PICTURE);
    if (now_ms - face->idle_told_ms >= IDLE_EVERY_MS) {
        tell_idle(face, now_ms);
        paint(face);
    }
    return face->sampler->watching ? SAMPLE_EVERY_MS : IDLE_EVERY_MS;
}

int face_run(struct face *face, struct berth_error *reterr)
{
    struct pollfd sources[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
    int r = 1;

    sources[1].fd = xcb_get_file_descriptor(face->window->x);
    say(face, face_event_kind_READY);
    while (r > 0) {
        int wait_ms = by_the_clock(face);

        /* Replies that were awaited may have left events in the queue, where poll does not see
         * them. */
        r = take_events(face, reterr);
        if (r < 0)
            return r;
        (void)poll(sources, BERTH_COUNT(sources), wait_ms);
        r = sources[0].revents ? take_input(face, reterr) : 1;
    }
    forget_typing(face);
    return r;
}
