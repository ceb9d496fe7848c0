/* tls_internal.h - between tls_context.c and tls.c.
 *
 * Module shared, internal header of the library.
 */
#ifndef BERTH_LIB_TLS_INTERNAL_H
#define BERTH_LIB_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* After the handshake: did both ends agree on the protocol that the context requires? */
bool tls_alpn_agreed(SSL *ssl);

#endif
