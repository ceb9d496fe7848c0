/* keyboard.c - the X server's keyboard layout, by libxkbcommon. */
#include "greeter/keyboard.h"

#include <stdlib.h>
#include <xkbcommon/xkbcommon-x11.h>
/* This header has a member named `explicit`: it is not valid C++. */
#include <xcb/xkb.h>

struct keyboard {
    xcb_connection_t *x;
    struct xkb_context *context;
    struct xkb_keymap *map;
    struct xkb_state *state;
    int32_t device;
    uint8_t first_event;
};

static bool read_layout(struct keyboard *keyboard)
{
    struct xkb_keymap *map = xkb_x11_keymap_new_from_device(
        keyboard->context, keyboard->x, keyboard->device, XKB_KEYMAP_COMPILE_NO_FLAGS);
    struct xkb_state *state =
        map ? xkb_x11_state_new_from_device(map, keyboard->x, keyboard->device) : NULL;

    if (!state) {
        xkb_keymap_unref(map);
        return false;
    }
    xkb_state_unref(keyboard->state);
    xkb_keymap_unref(keyboard->map);
    keyboard->map = map;
    keyboard->state = state;
    return true;
}

static void follow_changes(struct keyboard *keyboard)
{
    const uint16_t events = XCB_XKB_EVENT_TYPE_NEW_KEYBOARD_NOTIFY | XCB_XKB_EVENT_TYPE_MAP_NOTIFY |
                            XCB_XKB_EVENT_TYPE_STATE_NOTIFY;
    const uint16_t parts =
        XCB_XKB_MAP_PART_KEY_TYPES | XCB_XKB_MAP_PART_KEY_SYMS | XCB_XKB_MAP_PART_MODIFIER_MAP;

    (void)xcb_xkb_select_events(keyboard->x, (xcb_xkb_device_spec_t)keyboard->device, events, 0,
                                events, parts, parts, NULL);
}

int keyboard_open(xcb_connection_t *x, struct keyboard **ret, struct berth_error *reterr)
{
    struct keyboard *keyboard = berth_new(struct keyboard);
    bool ok;

    keyboard->x = x;
    keyboard->context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
    ok = keyboard->context && xkb_x11_setup_xkb_extension(x, XKB_X11_MIN_MAJOR_XKB_VERSION,
                                                          XKB_X11_MIN_MINOR_XKB_VERSION,
                                                          XKB_X11_SETUP_XKB_EXTENSION_NO_FLAGS,
                                                          NULL, NULL, &keyboard->first_event, NULL);
    if (ok) {
        keyboard->device = xkb_x11_get_core_keyboard_device_id(x);
        ok = keyboard->device >= 0 && read_layout(keyboard);
    }
    if (!ok) {
        keyboard_close(keyboard);
        return berth_fail(reterr, BERTH_E_IO,
                          "cannot read the keyboard layout of the X server (XKB extension)");
    }
    follow_changes(keyboard);
    *ret = keyboard;
    return 0;
}

void keyboard_close(struct keyboard *keyboard)
{
    xkb_state_unref(keyboard->state);
    xkb_keymap_unref(keyboard->map);
    xkb_context_unref(keyboard->context);
    free(keyboard);
}

void keyboard_press(struct keyboard *keyboard, const xcb_key_press_event_t *event,
                    struct key_press *ret)
{
    *ret =
        (struct key_press){ .symbol = xkb_state_key_get_one_sym(keyboard->state, event->detail) };
    (void)xkb_state_key_get_utf8(keyboard->state, event->detail, ret->text, sizeof(ret->text));
    if ((unsigned char)ret->text[0] < 0x20 || ret->text[0] == 0x7f)
        ret->text[0] = '\0';
    ret->shift = xkb_state_mod_name_is_active(keyboard->state, XKB_MOD_NAME_SHIFT,
                                              XKB_STATE_MODS_EFFECTIVE) > 0;
    ret->caps_lock =
        xkb_state_mod_name_is_active(keyboard->state, XKB_MOD_NAME_CAPS, XKB_STATE_MODS_LOCKED) > 0;
}

bool keyboard_event(struct keyboard *keyboard, const xcb_generic_event_t *event)
{
    const xcb_xkb_state_notify_event_t *state = (const void *)event;

    if ((event->response_type & 0x7f) != keyboard->first_event)
        return false;
    if (state->xkbType == XCB_XKB_STATE_NOTIFY) {
        (void)xkb_state_update_mask(keyboard->state, state->baseMods, state->latchedMods,
                                    state->lockedMods, (xkb_layout_index_t)state->baseGroup,
                                    (xkb_layout_index_t)state->latchedGroup, state->lockedGroup);
        return true;
    }
    (void)read_layout(keyboard); /* on failure the previous layout stays in use */
    return true;
}
