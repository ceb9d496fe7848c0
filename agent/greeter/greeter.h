/* greeter.h - berth-greeter: the terminal's own screen, a small X11 program driven by lines
 * (core/lines.def).
 *
 * Module greeter. One thread, one poll over X and standard input; it ends when standard input closes, so
 * it never outlives its agent. A page is whole, so nothing is remembered between pages but what a
 * person is typing.
 *
 *     lines in -> wire.c -> greeter.c (which page, what is typed) -> page.c (what stands where) ->
 * window.c (X) X events -> window.c -> keyboard.c -> greeter.c -> lines out sampler.c looks at the screen
 * until the viewer's first picture is there
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

/* What stands on the screen, and what somebody is typing. */
struct greeter {
    struct page page;
    bool covers; /* the window is mapped above everything */
    enum greeter_focus focus;
    char user[GREETER_TYPED_MAX];
    struct secret password;
    size_t selected; /* choose: the highlighted row */
    bool caps_lock;
    bool busy;               /* submitted; waits for the next page */
    int64_t clock_offset_ms; /* the broker's wall clock minus ours */

    struct window *window;
    struct banner *banner;
    struct keyboard *keyboard;
    struct sampler *sampler;
    struct line_reader reader;
    int64_t idle_reported_ms; /* when the idle time was last said, monotonic */
};

/* Serve until standard input closes or X ends. Exit code of the program. */
int greeter_run(struct greeter *greeter, struct berth_error *reterr) berth_must_check;

/* A page came. */
void greeter_show_page(struct greeter *greeter, const struct page *page);

/* A key was pressed: `symbol` is an X keysym, `text` what it types (UTF-8, may be empty). */
void greeter_handle_key(struct greeter *greeter, uint32_t symbol, const char *text, bool shift);

/* The pointer was pressed at this place of the window. */
void greeter_handle_click(struct greeter *greeter, double x, double y);

/* Up the pipe; wiped afterwards. */
void greeter_send_event(struct greeter *greeter, struct greeter_event *event);

#endif
