/* keys.h - from key codes to what they type, by the keyboard layout of the X server.
 *
 * Module face.
 */
#ifndef BERTH_AGENT_FACE_KEYS_H
#define BERTH_AGENT_FACE_KEYS_H

#include <xcb/xcb.h>

#include "berth/error.h"

struct keys;

/* Learn the layout of the core keyboard, and follow its changes. */
int keys_open(xcb_connection_t *x, struct keys **ret, struct berth_error *reterr) berth_must_check;
void keys_close(struct keys *keys);

struct key_press {
    uint32_t symbol; /* X keysym */
    char text[16];   /* what it types; "" for keys that type nothing. Wiped by the caller: it may be
                        of a password. */
    bool shift;
    bool caps_lock;
};
void keys_press(struct keys *keys, const xcb_key_press_event_t *event, struct key_press *ret);

/* An event that may concern the keyboard; true when it did. */
bool keys_event(struct keys *keys, const xcb_generic_event_t *event);

#endif
