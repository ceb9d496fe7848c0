/* base64.h - RFC 4648 text for the chunks of a blob.
 *
 * Room core of the agent: pure.
 */
#ifndef BERTH_AGENT_CORE_BASE64_H
#define BERTH_AGENT_CORE_BASE64_H

#include "berth/base.h"

/* Characters that `size` bytes become, without NUL. */
#define BASE64_LENGTH(size) (((size) + 2) / 3 * 4)

/* out: BASE64_LENGTH(size) + 1 bytes; NUL-terminated, padded. */
void base64_encode(const void *data, size_t size, char *out);

#endif
