/* face.h - berth-face: the terminal's own screen, a small X11 program driven by lines
 * (core/lines.def).
 *
 * Module face. One thread, one poll over X and standard input; it ends when standard input closes, so
 * it never outlives its agent. A page is whole, so nothing is remembered between pages but what a
 * person is typing.
 *
 *     lines in -> wire.c -> face.c (which page, what is typed) -> page.c (what stands where) ->
 * window.c (X) X events -> window.c -> keys.c -> face.c -> lines out sample.c looks at the screen
 * until the viewer's first picture is there
 */
#ifndef BERTH_AGENT_FACE_FACE_H
#define BERTH_AGENT_FACE_FACE_H

#include "core/lines.h"

struct banner;
struct keys;
struct sampler;
struct window;

#define FACE_TYPED_MAX 80     /* bytes of a user name, NUL included */
#define FACE_PASSWORD_MAX 200 /* bytes of a password */

enum face_focus { FOCUS_USER, FOCUS_PASSWORD, FOCUS_BUTTON };

/* What stands on the screen, and what somebody is typing. */
struct face {
    struct page page;
    bool covers; /* the window is mapped above everything */
    enum face_focus focus;
    char user[FACE_TYPED_MAX];
    struct secret password;
    size_t picked; /* choose: the highlighted row */
    bool caps_lock;
    bool busy;               /* submitted; waits for the next page */
    int64_t clock_offset_ms; /* the broker's wall clock minus ours */

    struct window *window;
    struct banner *banner;
    struct keys *keys;
    struct sampler *sampler;
    struct line_reader reader;
    int64_t idle_told_ms; /* when the idle time was last said, monotonic */
};

/* Serve until standard input closes or X ends. Exit code of the program. */
int face_run(struct face *face, struct berth_error *reterr) berth_must_check;

/* A page came. */
void face_show(struct face *face, const struct page *page);

/* A key was pressed: `symbol` is an X keysym, `text` what it types (UTF-8, may be empty). */
void face_key(struct face *face, uint32_t symbol, const char *text, bool shift);

/* The pointer was pressed at this place of the window. */
void face_click(struct face *face, double x, double y);

/* Up the pipe; wiped afterwards. */
void face_say(struct face *face, struct face_event *event);

#endif
