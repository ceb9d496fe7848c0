/* greeter.c - the page on the screen, the text typed into it, and the poll loop. */
#include "greeter/greeter.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xkbcommon/xkbcommon-keysyms.h>

#include "greeter/banner.h"
#include "greeter/keyboard.h"
#include "greeter/page.h"
#include "greeter/sampler.h"
#include "greeter/window.h"

#define IDLE_REPORT_INTERVAL_MS 1000

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- events to the agent ---- */

/* Errors are ignored: when the agent has ended, the next read ends this program. */
void greeter_send_event(berth_unused struct greeter *greeter, struct greeter_event *event)
{
    size_t size;
    char *line = greeter_event_encode(event, &size);
    size_t sent = 0;

    while (sent < size) {
        ssize_t some = write(STDOUT_FILENO, line + sent, size - sent);

        if (some < 0 && errno != EINTR)
            break;
        sent += some > 0 ? (size_t)some : 0;
    }
    berth_wipe_free(line, size);
    greeter_event_wipe(event);
}

static void send_event(struct greeter *greeter, enum greeter_event_kind kind)
{
    struct greeter_event event = { .kind = kind };

    greeter_send_event(greeter, &event);
}

/* ---- pages ---- */

static void paint(struct greeter *greeter)
{
    cairo_surface_t *surface;

    if (!greeter->covers || greeter->page.kind == page_kind_BLANK)
        return;
    surface = window_surface(greeter->window);
    page_paint(greeter, surface, greeter->window->width, greeter->window->height,
               clock_ms(CLOCK_REALTIME) + greeter->clock_offset_ms);
    window_present(greeter->window, surface);
}

static void clear_input(struct greeter *greeter)
{
    secret_wipe(&greeter->password);
    explicit_bzero(greeter->user, sizeof(greeter->user));
    greeter->focus = FOCUS_USER;
}

/* A sign-on page with an alert (wrong password) keeps the user name of the previous one and drops
 * the password; after any other page both are cleared. */
static void prepare_form(struct greeter *greeter, const struct page *page)
{
    bool again = page->kind == page_kind_SIGN_ON && greeter->page.kind == page_kind_SIGN_ON;

    greeter->busy = false;
    if (again && !page->alert)
        return; /* only clock or greeting changed: keep what is being typed */
    secret_wipe(&greeter->password);
    if (page->kind == page_kind_SIGN_ON && page->user[0])
        (void)memcpy(greeter->user, page->user, sizeof(page->user));
    else if (!again)
        clear_input(greeter);
    greeter->focus = greeter->user[0] ? FOCUS_PASSWORD : FOCUS_USER;
    greeter->selected = 0;
}

static void show_desktop(struct greeter *greeter)
{
    if (greeter->page.watch) {
        sampler_begin(greeter->sampler);
        (void)sampler_check(greeter->sampler,
                            greeter->window); /* the reference, before the viewer paints */
    }
    greeter->covers = false;
    window_uncover(greeter->window);
}

void greeter_show_page(struct greeter *greeter, const struct page *page)
{
    struct greeter_event painted = { .kind = greeter_event_kind_PAINTED, .serial = page->serial };

    if (page->kind == page_kind_BANNER) { /* the page below does not change */
        banner_show(greeter->banner, page);
        greeter_send_event(greeter, &painted);
        return;
    }
    if (page->kind == page_kind_BLANK) { /* before anything else */
        window_blank(greeter->window);
        banner_hide(greeter->banner);
    }
    prepare_form(greeter, page);
    greeter->page = *page;
    greeter->clock_offset_ms = page->now_ms ? page->now_ms - clock_ms(CLOCK_REALTIME) : 0;
    sampler_end(greeter->sampler);
    if (page->kind == page_kind_DESKTOP) {
        show_desktop(greeter);
    } else {
        greeter->covers = true;
        if (page->kind != page_kind_BLANK) {
            paint(greeter);
            window_cover(greeter->window);
            paint(greeter); /* X discards what is painted into an unmapped window */
        }
    }
    banner_restack(greeter->banner, greeter->window);
    greeter_send_event(greeter, &painted);
}

/* ---- typing ---- */

static void append(char *text, size_t size, const char *typed)
{
    size_t used = strlen(text);

    if (used + strlen(typed) < size)
        memcpy(text + used, typed, strlen(typed) + 1);
}

/* Remove the last UTF-8 character. */
static void backspace(char *text)
{
    size_t used = strlen(text);

    while (used > 0 && ((unsigned char)text[used - 1] & 0xc0) == 0x80)
        text[--used] = '\0';
    if (used > 0)
        text[used - 1] = '\0';
}

static void submit(struct greeter *greeter)
{
    struct greeter_event event = { .kind = greeter_event_kind_SUBMIT };

    if (greeter->busy || !greeter->user[0])
        return;
    greeter->busy = true;
    memcpy(event.user, greeter->user, sizeof(greeter->user));
    event.password = greeter->password;
    secret_wipe(&greeter->password);
    greeter_send_event(greeter, &event);
}

static void handle_sign_on_key(struct greeter *greeter, uint32_t symbol, const char *text,
                               bool shift)
{
    char *field = greeter->focus == FOCUS_USER ? greeter->user : greeter->password.text;
    size_t size = greeter->focus == FOCUS_USER ? sizeof(greeter->user) : GREETER_PASSWORD_MAX;

    if (symbol == XKB_KEY_Return || symbol == XKB_KEY_KP_Enter) {
        if (greeter->focus == FOCUS_USER)
            greeter->focus = FOCUS_PASSWORD;
        else
            submit(greeter);
    } else if (symbol == XKB_KEY_Tab || symbol == XKB_KEY_ISO_Left_Tab || symbol == XKB_KEY_Down ||
               symbol == XKB_KEY_Up) {
        bool back = shift || symbol == XKB_KEY_Up || symbol == XKB_KEY_ISO_Left_Tab;

        greeter->focus = (enum greeter_focus)(((int)greeter->focus + (back ? 2 : 1)) % 3);
    } else if (symbol == XKB_KEY_Escape) {
        clear_input(greeter);
    } else if (greeter->focus == FOCUS_BUTTON) {
        if (symbol == XKB_KEY_space)
            submit(greeter);
    } else if (symbol == XKB_KEY_BackSpace) {
        backspace(field);
    } else if (text[0]) {
        append(field, size, text);
    }
}

static void pick(struct greeter *greeter, size_t row)
{
    struct greeter_event event = { .kind = greeter_event_kind_PICK };

    if (row >= greeter->page.choices_count)
        return;
    memcpy(event.pool, greeter->page.choices[row].pool, sizeof(event.pool));
    greeter_send_event(greeter, &event);
}

static void handle_choose_key(struct greeter *greeter, uint32_t symbol, bool shift)
{
    size_t count = greeter->page.choices_count;

    if (symbol == XKB_KEY_Return || symbol == XKB_KEY_KP_Enter)
        pick(greeter, greeter->selected);
    else if (symbol == XKB_KEY_Escape)
        send_event(greeter, greeter_event_kind_CANCEL);
    else if (symbol == XKB_KEY_Up || (symbol == XKB_KEY_ISO_Left_Tab && shift))
        greeter->selected = (greeter->selected + count - 1) % count;
    else if (symbol == XKB_KEY_Down || symbol == XKB_KEY_Tab)
        greeter->selected = (greeter->selected + 1) % count;
}

void greeter_handle_key(struct greeter *greeter, uint32_t symbol, const char *text, bool shift)
{
    if (symbol == XKB_KEY_Escape && greeter->banner->shown) {
        banner_hide(greeter->banner);
        return;
    }
    switch (greeter->page.kind) {
    case page_kind_SIGN_ON:
        handle_sign_on_key(greeter, symbol, text, shift);
        break;
    case page_kind_CHOOSE:
        if (greeter->page.choices_count > 0)
            handle_choose_key(greeter, symbol, shift);
        break;
    case page_kind_PROGRESS:
        if (symbol == XKB_KEY_Escape && greeter->page.cancellable)
            send_event(greeter, greeter_event_kind_CANCEL);
        break;
    case page_kind_BLANK:
    case page_kind_NOTICE:
        send_event(greeter, greeter_event_kind_DISMISS);
        break;
    case page_kind_NONE:
    case page_kind_STATUS:
    case page_kind_APPROVE:
    case page_kind_DESKTOP:
    case page_kind_BANNER:
    case page_kind_END:
        break;
    }
    paint(greeter);
}

void greeter_handle_click(struct greeter *greeter, double x, double y)
{
    struct page_layout layout;

    page_layout(greeter, greeter->window->width, greeter->window->height, &layout);
    if (greeter->page.kind == page_kind_BLANK) {
        send_event(greeter, greeter_event_kind_DISMISS);
    } else if (box_contains(&layout.user, x, y)) {
        greeter->focus = FOCUS_USER;
    } else if (box_contains(&layout.password, x, y)) {
        greeter->focus = FOCUS_PASSWORD;
    } else if (box_contains(&layout.button, x, y)) {
        if (greeter->page.kind == page_kind_SIGN_ON)
            submit(greeter);
        else
            send_event(greeter, greeter->page.kind == page_kind_PROGRESS
                                    ? greeter_event_kind_CANCEL
                                    : greeter_event_kind_DISMISS);
    }
    for (size_t i = 0; i < greeter->page.choices_count; i++) {
        if (box_contains(&layout.choices[i], x, y))
            pick(greeter, i);
    }
    paint(greeter);
}

/* ---- X events ---- */

static void translate_key(struct greeter *greeter, const xcb_key_press_event_t *event)
{
    struct key_press press;

    keyboard_press(greeter->keyboard, event, &press);
    greeter->caps_lock = press.caps_lock;
    greeter_handle_key(greeter, press.symbol, press.text, press.shift);
    explicit_bzero(&press, sizeof(press));
}

/* Another program mapped a window while a page covers the screen: raise ours again. */
static void keep_on_top(struct greeter *greeter, const xcb_map_notify_event_t *event)
{
    if (banner_owns(greeter->banner, event->window))
        return;
    if (greeter->covers && event->window != greeter->window->id) {
        if (greeter->page.kind == page_kind_BLANK)
            window_blank(greeter->window);
        else
            window_cover(greeter->window);
        paint(greeter);
    }
    banner_restack(greeter->banner, greeter->window);
}

static void handle_x_event(struct greeter *greeter, const xcb_generic_event_t *event)
{
    const xcb_button_press_event_t *button = (const void *)event;
    const xcb_configure_notify_event_t *changed = (const void *)event;

    if (keyboard_event(greeter->keyboard, event))
        return;
    switch (event->response_type & 0x7f) {
    case XCB_EXPOSE:
        paint(greeter);
        banner_restack(greeter->banner, greeter->window);
        break;
    case XCB_KEY_PRESS:
        translate_key(greeter, (const void *)event);
        break;
    case XCB_BUTTON_PRESS:
        if (banner_owns(greeter->banner, button->event))
            banner_hide(greeter->banner);
        else
            greeter_handle_click(greeter, button->event_x, button->event_y);
        break;
    case XCB_MAP_NOTIFY:
        keep_on_top(greeter, (const void *)event);
        break;
    case XCB_CONFIGURE_NOTIFY:
        if (changed->window == greeter->window->screen->root) {
            window_resized(greeter->window, changed->width, changed->height);
            paint(greeter);
            banner_restack(greeter->banner, greeter->window);
        }
        break;
    default:
        break;
    }
}

static int handle_x_events(struct greeter *greeter, struct berth_error *reterr)
{
    xcb_generic_event_t *event;

    while ((event = xcb_poll_for_event(greeter->window->x))) {
        handle_x_event(greeter, event);
        free(event);
    }
    if (xcb_connection_has_error(greeter->window->x))
        return berth_fail(reterr, BERTH_E_IO, "lost the connection to the X server");
    return 0;
}

/* ---- the poll ---- */

static int handle_line(void *context, const char *line, size_t size)
{
    struct greeter *greeter = context;
    struct berth_error error = { 0 };
    struct page page;
    int r;

    r = page_decode(line, size, &page, &error);
    if (r >= 0)
        greeter_show_page(greeter, &page);
    return r;
}

/* 0 at the end of the input, when the agent has ended. */
static int read_input(struct greeter *greeter, struct berth_error *reterr)
{
    char bytes[4096];
    ssize_t size = read(STDIN_FILENO, bytes, sizeof(bytes));
    int r;

    if (size < 0 && errno == EINTR)
        return 1;
    if (size <= 0)
        return 0;
    r = line_reader_feed(&greeter->reader, bytes, (size_t)size, handle_line, greeter, reterr);
    return r < 0 ? r : 1;
}

static void report_idle(struct greeter *greeter, int64_t now_ms)
{
    struct greeter_event event = { .kind = greeter_event_kind_IDLE };

    event.idle_ms = window_idle_ms(greeter->window);
    greeter->idle_reported_ms = now_ms;
    if (event.idle_ms >= 0)
        greeter_send_event(greeter, &event);
}

/* Sample the screen, report the idle time and repaint the clock when due. Returns the time until
 * the next call, in ms. */
static int run_timers(struct greeter *greeter)
{
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);

    if (greeter->sampler->watching && sampler_check(greeter->sampler, greeter->window))
        send_event(greeter, greeter_event_kind_PICTURE);
    if (now_ms - greeter->idle_reported_ms >= IDLE_REPORT_INTERVAL_MS) {
        report_idle(greeter, now_ms);
        paint(greeter);
    }
    return greeter->sampler->watching ? SAMPLE_INTERVAL_MS : IDLE_REPORT_INTERVAL_MS;
}

int greeter_run(struct greeter *greeter, struct berth_error *reterr)
{
    struct pollfd sources[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
    int r = 1;

    sources[1].fd = xcb_get_file_descriptor(greeter->window->x);
    send_event(greeter, greeter_event_kind_READY);
    while (r > 0) {
        int wait_ms = run_timers(greeter);

        /* Waiting for a reply may have moved events into xcb's queue, which poll does not see. */
        r = handle_x_events(greeter, reterr);
        if (r < 0)
            return r;
        (void)poll(sources, BERTH_COUNT(sources), wait_ms);
        r = sources[0].revents ? read_input(greeter, reterr) : 1;
    }
    clear_input(greeter);
    return r;
}
