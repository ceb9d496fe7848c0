/* wire.c - frames between berthd and berth-virt. */
#include "virt/wire.h"

#include <string.h>

#include "berth/frame.h"

enum virt_lane virt_lane_of(enum virt_call call, const struct virt_args *args)
{
    if (call == VIRT_address && args->address == pool_address_AGENT)
        return LANE_AGENT;
    return virt_call_row(call)->lane;
}

enum virt_call virt_call_named(const char *name)
{
    int call = 0;

    while (call < VIRT_CALLS && strcmp(virt_call_row((enum virt_call)call)->name, name) != 0)
        call++;
    return (enum virt_call)call;
}

unsigned char *wire_frame(const json_t *json, size_t *ret_size)
{
    size_t size = json_dumpb(json, NULL, 0, JSON_COMPACT);
    unsigned char *frame;

    if (size == 0 || size > FRAME_MAX)
        return NULL;
    frame = berth_alloc(FRAME_HEADER + size);
    frame_header(frame, size);
    (void)json_dumpb(json, (char *)frame + FRAME_HEADER, size, JSON_COMPACT);
    *ret_size = FRAME_HEADER + size;
    return frame;
}

void wire_wipe_secret(json_t *args)
{
    json_t *secret = json_object_get(args, "secret");
    size_t length = json_string_length(secret);
    char *text;

    if (length == 0)
        return;
    /* jansson returns its strings as const; this one is about to be freed and not shared. */
    memcpy(&text, &(const char *){ json_string_value(secret) }, sizeof(text));
    explicit_bzero(text, length);
}
