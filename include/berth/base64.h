/* base64.h - base64 with padding (RFC 4648, section 4).
 *
 * Module shared; pure. Used for the chunks of log uploads and for files read through the guest
 * agent.
 */
#ifndef BERTH_BASE64_H
#define BERTH_BASE64_H

#include "berth/base.h"

/* Length of the encoding of `size` bytes, without NUL. */
#define BASE64_LENGTH(size) (((size) + 2) / 3 * 4)

/* out: BASE64_LENGTH(size) + 1 bytes; NUL-terminated, padded. */
void base64_encode(const void *data, size_t size, char *out);

/* Decode into `out`. Bytes written, or -1 when the text is not base64 as encode writes it (other
 * characters, missing padding, non-zero bits after the last byte) or does not fit.
 */
int64_t base64_decode(const char *text, unsigned char *out, size_t capacity);

#endif
