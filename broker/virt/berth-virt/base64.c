/* base64.c - bytes that the guest agent sends. */
#include "base64.h"

#include <string.h>

static int digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

long base64_decode(const char *text, unsigned char *out, size_t size)
{
    size_t length = strlen(text);
    size_t done = 0;
    unsigned bits = 0;
    unsigned have = 0;

    if (length % 4 != 0)
        return -1;
    while (length > 0 && text[length - 1] == '=' && strlen(text) - length < 2)
        length--;
    for (size_t i = 0; i < length; i++) {
        int value = digit(text[i]);

        if (value < 0)
            return -1;
        bits = (bits << 6 | (unsigned)value) & 0xffffff;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (done == size)
            return -1;
        out[done++] = (unsigned char)(bits >> have);
    }
    return (long)done;
}
