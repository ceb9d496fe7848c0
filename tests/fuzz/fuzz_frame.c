/* fuzz_frame.c - a byte stream, cut anywhere: gives the same frames as in one piece, and never uses
 * more memory than was sent.
 *
 * The first byte of the input chooses the size of the pieces.
 */
#include <string.h>

#include "berth/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t frames;
    uint64_t sum; /* over lengths and bytes, in order */
};

static int each(void *context, const char *frame, size_t size)
{
    struct seen *seen = context;

    seen->frames++;
    seen->sum = seen->sum * 31 + size;
    for (size_t i = 0; i < size; i++)
        seen->sum = seen->sum * 31 + (unsigned char)frame[i];
    return 0;
}

static int feed(const uint8_t *data, size_t size, size_t piece, struct seen *seen)
{
    struct frame_reader reader;
    struct berth_error error = { 0 };
    int r = 0;

    frame_reader_init(&reader, FRAME_MAX_JOINING);
    for (size_t at = 0; at < size && r == 0; at += piece) {
        size_t some = size - at < piece ? size - at : piece;

        r = frame_feed(&reader, data + at, some, each, seen, &error);
        if (reader.capacity > 4 * size + 1024)
            abort();
    }
    frame_reader_free(&reader);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole = { 0 };
    struct seen pieces = { 0 };
    int a, b;

    if (size < 2)
        return 0;
    a = feed(data + 1, size - 1, size, &whole);
    b = feed(data + 1, size - 1, (size_t)data[0] + 1, &pieces);
    if (a != b || whole.frames != pieces.frames || whole.sum != pieces.sum)
        abort();
    return 0;
}
