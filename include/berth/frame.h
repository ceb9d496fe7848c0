/* frame.h - length-prefixed frames: 4 bytes big-endian, then that many bytes.
 *
 * Module shared; no I/O. Used on the link to terminals (JSON, at most FRAME_MAX bytes,
 * FRAME_MAX_JOINING on the join listener) and on the socket pair to berth-virt. No memory is held
 * between frames.
 */
#ifndef BERTH_FRAME_H
#define BERTH_FRAME_H

#include "berth/error.h"

#define FRAME_MAX 65536
#define FRAME_MAX_JOINING 4096
#define FRAME_HEADER 4

struct frame_reader {
    size_t max;
    size_t have;
    size_t capacity;
    unsigned char *data; /* partial frame; NULL while idle */
};

void frame_reader_init(struct frame_reader *reader, size_t max);
void frame_reader_free(struct frame_reader *reader); /* wipes: frames may hold secrets */

/* Feed bytes. `each` gets every complete frame (without header, not NUL-terminated, valid during
 * the call only); its first negative return value ends the call and is returned. A length over max
 * fails with TOO_LARGE, a length of 0 with PROTOCOL, before anything is allocated.
 */
int frame_feed(struct frame_reader *reader, const void *bytes, size_t size,
               int (*each)(void *context, const char *frame, size_t size), void *context,
               struct berth_error *reterr) berth_must_check;

/* Write the header for a payload of `size` bytes. */
void frame_header(unsigned char header[FRAME_HEADER], size_t size);

#endif
