/* base64.h - bytes that the guest agent sends (RFC 4648, section 4).
 *
 * Room virt (berth-virt). Pure.
 */
#ifndef BERTH_VIRT_BASE64_H
#define BERTH_VIRT_BASE64_H

#include "berth/base.h"

/* Decode into `out`. Bytes written, or -1 when the text is not base64 or does not fit. */
long base64_decode(const char *text, unsigned char *out, size_t size);

#endif
