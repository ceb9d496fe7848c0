/* greeter.h - berth-greeter: an X11 program that shows the terminal's pages and reports input.
 *
 * Module greeter. A child of berth-agent, driven by lines on standard input and output
 * (core/greeter_protocol.def). One thread; one poll over X and standard input. It ends when
 * standard input closes, so it never outlives its agent. Pages are complete: nothing but the text
 * that a person is typing is kept from one page to the next.
 *
 *   standard input -> greeter.c (which page, what is typed) -> page.c (layout, painting)
 *                  -> window.c (X window); banner.c (messages above it)
 *   X events       -> keyboard.c (key codes to text) -> greeter.c -> standard output
 *   sampler.c         samples the screen until the viewer's first picture is there
 */
#ifndef BERTH_AGENT_GREETER_GREETER_H
#define BERTH_AGENT_GREETER_GREETER_H

#include "core/greeter_protocol.h"

struct banner;
struct keyboard;
struct sampler;
struct window;

#define GREETER_TYPED_MAX 80     /* bytes of a user name, NUL included */
#define GREETER_PASSWORD_MAX 200 /* bytes of a password */

enum greeter_focus { FOCUS_USER, FOCUS_PASSWORD, FOCUS_BUTTON };

/* The page on the screen and the text that is being typed. */
struct greeter {
    struct page page;
    bool covers; /* the window is mapped above everything */
    enum greeter_focus focus;
    char user[GREETER_TYPED_MAX];
    struct secret password;
    size_t selected; /* choose: the highlighted row */
    bool caps_lock;
    bool busy;               /* submitted; waits for the next page */
    int64_t clock_offset_ms; /* the broker's wall clock minus the local one */

    struct window *window;
    struct banner *banner;
    struct keyboard *keyboard;
    struct sampler *sampler;
    struct line_reader reader;
    int64_t idle_reported_ms; /* monotonic, when the idle time was last reported */
};

/* Serve until standard input closes (0) or X fails (IO). */
int greeter_run(struct greeter *greeter, struct berth_error *reterr) berth_must_check;

/* Show a page. */
void greeter_show_page(struct greeter *greeter, const struct page *page);

/* Handle a key press. symbol: X keysym; text: what it types (UTF-8), "" for none. */
void greeter_handle_key(struct greeter *greeter, uint32_t symbol, const char *text, bool shift);

/* Handle a pointer press, in pixels of the window. */
void greeter_handle_click(struct greeter *greeter, double x, double y);

/* Send an event to the agent, and wipe it. */
void greeter_send_event(struct greeter *greeter, struct greeter_event *event);

#endif
