/* seal.h - authenticated encryption of small texts and keyed hashes, with OpenSSL.
 *
 * Module shared. AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D); a key seals fewer than
 * 2^32 texts.
 */
#ifndef BERTH_SEAL_H
#define BERTH_SEAL_H

#include "berth/error.h"
#include "berth/random.h"

#define SEAL_KEY 32
/* Bytes that encryption adds: nonce and tag. */
#define SEAL_OVERHEAD 28

/* out: size + SEAL_OVERHEAD bytes. */
int seal_encrypt(const unsigned char key[SEAL_KEY], struct berth_random *random, const void *text,
                 size_t size, unsigned char *out, struct berth_error *reterr) berth_must_check;
/* out: size - SEAL_OVERHEAD bytes. Errors: DENIED (wrong key, or the bytes were changed). */
int seal_decrypt(const unsigned char key[SEAL_KEY], const unsigned char *sealed, size_t size,
                 void *out, struct berth_error *reterr) berth_must_check;

/* SHA-256 of `size` bytes; fast for many short inputs. */
void seal_sha256(const void *data, size_t size, unsigned char out[32]);

/* HMAC-SHA-256 as hex. */
void seal_hmac_hex(const unsigned char key[SEAL_KEY], const void *data, size_t size, char hex[72]);

#endif
