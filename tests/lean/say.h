/* say.h - messages of the link as bytes.
 *
 * Module tests.
 */
#ifndef BERTH_TESTS_LEAN_SAY_H
#define BERTH_TESTS_LEAN_SAY_H

#include "berth/message.h"
#include "berth/tls.h"

/* The message as a frame of *ret_size bytes; free it with berth_wipe_free. */
unsigned char *lean_frame(const struct msg *msg, size_t *ret_size);

/* Send it, where the connection is open. A failure closes the connection. */
void lean_send(struct tls_peer *tls, const struct msg *msg);

#endif
