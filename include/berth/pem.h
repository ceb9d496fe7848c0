/* pem.h - keys, certificate requests and certificates of OpenSSL, from and to PEM text.
 *
 * Module shared, for the files of the library that use OpenSSL (tls.h, issuer.h). Any thread. Text
 * that is encrypted with a passphrase is refused; nobody is asked for one.
 */
#ifndef BERTH_PEM_H
#define BERTH_PEM_H

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "berth/error.h"

/* The first of its kind in the text, owned by the caller; NULL when there is none. */
EVP_PKEY *pem_read_key(const char *text);
X509_REQ *pem_read_request(const char *text);
X509 *pem_read_certificate(const char *text);

/* The text, with NUL; the caller frees it, that of a key with berth_wipe_free. NULL on failure. */
char *pem_write_key(EVP_PKEY *key);
char *pem_write_request(X509_REQ *request);
char *pem_write_certificate(X509 *certificate);

/* For BIO-level readers of several certificates: refuses every passphrase. */
pem_password_cb pem_no_passphrase;

/* Fail with the reason that OpenSSL gives, and clear its queue of errors. Returns code. */
int pem_fail(struct berth_error *reterr, int code, const char *what);

/* For berth_cleanup. */
void pem_key_freep(EVP_PKEY **key);
void pem_request_freep(X509_REQ **request);
void pem_certificate_freep(X509 **certificate);
void pem_bio_freep(BIO **bio);

#endif
