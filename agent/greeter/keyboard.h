/* keyboard.h - from key codes to what they type, by the keyboard layout of the X server.
 *
 * Module greeter.
 */
#ifndef BERTH_AGENT_GREETER_KEYBOARD_H
#define BERTH_AGENT_GREETER_KEYBOARD_H

#include <xcb/xcb.h>

#include "berth/error.h"

struct keyboard;

/* Learn the layout of the core keyboard, and follow its changes. */
int keyboard_open(xcb_connection_t *x, struct keyboard **ret,
                  struct berth_error *reterr) berth_must_check;
void keyboard_close(struct keyboard *keyboard);

struct key_press {
    uint32_t symbol; /* X keysym */
    char text[16];   /* what it types; "" for keys that type nothing. Wiped by the caller: it may be
                        of a password. */
    bool shift;
    bool caps_lock;
};
void keyboard_press(struct keyboard *keyboard, const xcb_key_press_event_t *event,
                    struct key_press *ret);

/* An event that may concern the keyboard; true when it did. */
bool keyboard_event(struct keyboard *keyboard, const xcb_generic_event_t *event);

#endif
