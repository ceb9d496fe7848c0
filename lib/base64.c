/* base64.c - base64 encoding and strict decoding. */
#include "berth/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t size, char *out)
{
    const unsigned char *in = data;

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t three = (uint32_t)in[i] << 16;

        if (left > 1)
            three |= (uint32_t)in[i + 1] << 8;
        if (left > 2)
            three |= in[i + 2];
        *out++ = alphabet[three >> 18];
        *out++ = alphabet[three >> 12 & 63];
        *out++ = left > 1 ? alphabet[three >> 6 & 63] : '=';
        *out++ = left > 2 ? alphabet[three & 63] : '=';
    }
    *out = '\0';
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Decode four characters to one, two or three bytes; -1 when they are not base64. last: padding is
 * permitted. */
static int decode_quad(const char *quad, bool last, unsigned char out[3])
{
    int pad = last && quad[3] == '=' ? (quad[2] == '=' ? 2 : 1) : 0;
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        int bits = i >= 4 - pad ? 0 : sextet(quad[i]);

        if (bits < 0)
            return -1;
        value = value << 6 | (unsigned)bits;
    }
    out[0] = (unsigned char)(value >> 16);
    out[1] = (unsigned char)(value >> 8);
    out[2] = (unsigned char)value;
    /* Bits after the last byte must be zero, so that each value has exactly one encoding. */
    if ((pad == 1 && out[2] != 0) || (pad == 2 && (out[1] != 0 || out[2] != 0)))
        return -1;
    return 3 - pad;
}

int64_t base64_decode(const char *text, unsigned char *out, size_t capacity)
{
    size_t length = strlen(text);
    size_t have = 0;

    if (length % 4 != 0)
        return -1;
    for (size_t at = 0; at < length; at += 4) {
        unsigned char bytes[3];
        int count = decode_quad(text + at, at + 4 == length, bytes);

        if (count < 0 || have + (size_t)count > capacity)
            return -1;
        memcpy(out + have, bytes, (size_t)count);
        have += (size_t)count;
    }
    return (int64_t)have;
}
