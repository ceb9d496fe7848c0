/* keyboard.h - translate key codes to text, by the keyboard layout of the X server.
 *
 * Module greeter.
 */
#ifndef BERTH_AGENT_GREETER_KEYBOARD_H
#define BERTH_AGENT_GREETER_KEYBOARD_H

#include <xcb/xcb.h>

#include "berth/error.h"

struct keyboard;

/* Read the layout of the core keyboard, and follow its changes. Errors: IO. */
int keyboard_open(xcb_connection_t *x, struct keyboard **ret,
                  struct berth_error *reterr) berth_must_check;
void keyboard_close(struct keyboard *keyboard);

struct key_press {
    uint32_t symbol; /* X keysym */
    char text[16];   /* UTF-8, "" for none; part of a password, wiped by the caller */
    bool shift;
    bool caps_lock;
};
void keyboard_press(struct keyboard *keyboard, const xcb_key_press_event_t *event,
                    struct key_press *ret);

/* Handle an event of the keyboard extension; false when it is another one. */
bool keyboard_event(struct keyboard *keyboard, const xcb_generic_event_t *event);

#endif
