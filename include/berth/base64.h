/* base64.h - bytes as text that survives JSON: RFC 4648, section 4, with padding.
 *
 * Module shared; pure. Used for the pieces of log uploads and for what a guest's agent sends.
 */
#ifndef BERTH_BASE64_H
#define BERTH_BASE64_H

#include "berth/base.h"

/* Characters that `size` bytes become, without NUL. */
#define BASE64_LENGTH(size) (((size) + 2) / 3 * 4)

/* out: BASE64_LENGTH(size) + 1 bytes; NUL-terminated, padded. */
void base64_encode(const void *data, size_t size, char *out);

/* Decode into `out`. Bytes written, or -1 when the text is not base64 as encode writes it (foreign
 * characters, missing padding, bits behind the last byte) or does not fit.
 */
int64_t base64_decode(const char *text, unsigned char *out, size_t capacity);

#endif
