/* say.c - encodes and sends messages of the link. */
#include "lean/say.h"

#include <string.h>

#include "berth/frame.h"

unsigned char *lean_frame(const struct msg *msg, size_t *ret_size)
{
    size_t size;
    char *text = msg_encode(msg, &size);
    unsigned char *frame = berth_alloc(FRAME_HEADER + size);

    frame_header(frame, size);
    memcpy(frame + FRAME_HEADER, text, size);
    berth_wipe_free(text, size);
    *ret_size = FRAME_HEADER + size;
    return frame;
}

void lean_send(struct tls_peer *tls, const struct msg *msg)
{
    unsigned char *frame;
    size_t size;

    if (!tls->open)
        return;
    frame = lean_frame(msg, &size);
    (void)tls_write(tls, frame, size); /* its callback follows a failure */
    berth_wipe_free(frame, size);
}
