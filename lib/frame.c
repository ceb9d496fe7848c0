/* frame.c - split a stream of bytes into frames without trusting its length fields. */
#include "berth/frame.h"

#include <string.h>

void frame_reader_init(struct frame_reader *reader, size_t max)
{
    *reader = (struct frame_reader){ .max = max };
}

void frame_reader_free(struct frame_reader *reader)
{
    berth_wipe_free(reader->data, reader->capacity);
    frame_reader_init(reader, reader->max);
}

void frame_header(unsigned char header[FRAME_HEADER], size_t size)
{
    header[0] = (unsigned char)(size >> 24);
    header[1] = (unsigned char)(size >> 16);
    header[2] = (unsigned char)(size >> 8);
    header[3] = (unsigned char)size;
}

static size_t header_size(const unsigned char *header)
{
    return (size_t)header[0] << 24 | (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
}

static int check_size(const struct frame_reader *reader, size_t size, struct berth_error *reterr)
{
    if (size == 0)
        return berth_fail(reterr, BERTH_E_PROTOCOL, "a frame of 0 bytes");
    if (size > reader->max) {
        return berth_fail(reterr, BERTH_E_TOO_LARGE,
                          "a frame of %zu bytes exceeds the limit of %zu", size, reader->max);
    }
    return 0;
}

/* Keep the bytes of an incomplete frame; the buffer grows with the bytes received, not with the
 * length announced. */
static void buffer_bytes(struct frame_reader *reader, const unsigned char *bytes, size_t size)
{
    size_t needed = reader->have + size;

    if (needed > reader->capacity) {
        size_t capacity = needed < 512 ? 512 : needed * 2;
        unsigned char *data = berth_alloc(capacity);

        if (reader->have)
            memcpy(data, reader->data, reader->have);
        berth_wipe_free(reader->data, reader->capacity);
        reader->data = data;
        reader->capacity = capacity;
    }
    memcpy(reader->data + reader->have, bytes, size);
    reader->have = needed;
}

/* Bytes that are missing: to complete the header first, then the frame. */
static size_t missing(const struct frame_reader *reader)
{
    if (reader->have < FRAME_HEADER)
        return FRAME_HEADER - reader->have;
    return FRAME_HEADER + header_size(reader->data) - reader->have;
}

static int feed_kept(struct frame_reader *reader, const unsigned char **at, size_t *left,
                     int (*each)(void *, const char *, size_t), void *context,
                     struct berth_error *reterr)
{
    while (reader->have > 0 && *left > 0) {
        size_t some = missing(reader) < *left ? missing(reader) : *left;
        int r;

        buffer_bytes(reader, *at, some);
        *at += some;
        *left -= some;
        if (reader->have == FRAME_HEADER) {
            r = check_size(reader, header_size(reader->data), reterr);
            if (r < 0)
                return r;
        }
        if (reader->have > FRAME_HEADER && missing(reader) == 0) {
            r = each(context, (const char *)reader->data + FRAME_HEADER,
                     reader->have - FRAME_HEADER);
            frame_reader_free(reader);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int frame_feed(struct frame_reader *reader, const void *bytes, size_t size,
               int (*each)(void *context, const char *frame, size_t size), void *context,
               struct berth_error *reterr)
{
    const unsigned char *at = bytes;
    size_t left = size;
    int r;

    r = feed_kept(reader, &at, &left, each, context, reterr);
    if (r < 0)
        return r;
    while (left >= FRAME_HEADER) {
        size_t payload = header_size(at);

        r = check_size(reader, payload, reterr);
        if (r < 0)
            return r;
        if (left - FRAME_HEADER < payload)
            break;
        r = each(context, (const char *)at + FRAME_HEADER, payload);
        if (r < 0)
            return r;
        at += FRAME_HEADER + payload;
        left -= FRAME_HEADER + payload;
    }
    if (left > 0)
        buffer_bytes(reader, at, left);
    return 0;
}
