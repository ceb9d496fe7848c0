/* ca.h - the site's own certificate authority, as an asynchronous port.
 *
 * Module auth. Keys are P-256; the CA key never leaves this module. Signing happens on the hashing
 * pool.
 */
#ifndef BERTH_AUTH_CA_H
#define BERTH_AUTH_CA_H

#include "berth/op.h"

struct ca;

struct ca_certificate {
    char certificate[2048]; /* PEM */
    char authority[2048];   /* PEM */
    char key_hash[72];      /* SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal */
    int64_t not_after_ms;   /* wall clock */
};

/* Check a PKCS#10 request (PEM, self-signature, P-256) and tell the hash of its key. Blocking but
 * short (0.2 ms). Errors: CERTIFICATE with what is wrong.
 */
int ca_request_key(const char *request, char key_hash[72],
                   struct berth_error *reterr) berth_must_check;

/* Check old-key evidence: `certificate` was issued by this CA (its end may have passed),
 * `signature` is its key's over the request. Returns the hash of the old key and the end of the old
 * certificate.
 */
int ca_check_old_key(struct ca *ca, const char *request, const char *certificate,
                     const char *signature, char key_hash[72], int64_t *ret_not_after_ms,
                     struct berth_error *reterr) berth_must_check;

/* Sign a terminal's certificate: subject CN=terminal name, SAN URI berth:terminal:<id>, client
 * authentication. */
int ca_sign_begin(struct ca *ca, const char *request, const char *terminal, uint64_t terminal_id,
                  struct ca_certificate *ret, struct op *op) berth_must_check;

#endif
