/* fuzz_message.c - any bytes as a message, in both directions: refused with a reason, or a struct
 * whose text form means the same again. */
#include <string.h>

#include "berth/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct msg first, second;

static void check(const uint8_t *data, size_t size, enum msg_direction direction)
{
    struct berth_error error = { 0 };
    char *text;
    size_t length;

    if (msg_decode((const char *)data, size, direction, &first, &error) < 0) {
        if (error.code == 0 || error.text[0] == '\0')
            abort();
        return;
    }
    text = msg_encode(&first, &length);
    if (msg_decode(text, length, direction, &second, &error) < 0 || first.type != second.type ||
        first.ref != second.ref ||
        memcmp(&first.join, &second.join, msg_row(first.type)->record->size) != 0)
        abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size, UP);
    check(data, size, DOWN);
    return 0;
}
