/* ca.h - the certificate authority of the site, which issues the certificates of terminals.
 *
 * Module auth. Thread: loop; signing happens on the thread pool. Keys are P-256; the CA key never
 * leaves this module.
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

/* Check a PKCS#10 request (PEM, self-signature, P-256) and return the hash of its key. Blocking
 * (0.2 ms). Errors: CERTIFICATE.
 */
int ca_request_key(const char *request, char key_hash[72],
                   struct berth_error *reterr) berth_must_check;

/* Check old-key evidence: this CA has issued `certificate` (which may have expired), and
 * `signature` is a signature of the request by its key. Returns the hash of the old key and the end
 * of the old certificate.
 */
int ca_check_old_key(struct ca *ca, const char *request, const char *certificate,
                     const char *signature, char key_hash[72], int64_t *ret_not_after_ms,
                     struct berth_error *reterr) berth_must_check;

/* Issue the certificate of a terminal: subject CN=terminal name, SAN URI berth:terminal:<id>,
 * client authentication. */
int ca_sign_begin(struct ca *ca, const char *request, const char *terminal, uint64_t terminal_id,
                  struct ca_certificate *ret, struct op *op) berth_must_check;

#endif
