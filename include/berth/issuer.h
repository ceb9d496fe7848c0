/* issuer.h - issue and check certificates: the mechanism of a certificate authority, without
 * policy.
 *
 * Module shared (with tls.h the only user of <openssl/...>). Any thread: a struct issuer is only
 * read after issuer_open. All keys are P-256, all signatures ECDSA with SHA-256; texts are PEM. The
 * caller passes the time; random numbers for keys and nonces come from OpenSSL.
 */
#ifndef BERTH_ISSUER_H
#define BERTH_ISSUER_H

#include "berth/error.h"

struct issuer;

#define ISSUER_PEM_MAX 2048
#define ISSUER_SERIAL 16

/* Create the key and the self-signed certificate of an authority. The caller frees the certificate
 * with free() and the key with berth_wipe_free(). now_ms: wall clock. The certificate is valid for
 * `days`, from a day before now_ms, because clocks differ.
 */
int issuer_make(const char *name, int64_t now_ms, int days,
                const unsigned char serial[ISSUER_SERIAL], char **ret_key, char **ret_certificate,
                struct berth_error *reterr) berth_must_check;

/* Open an authority. Errors: CERTIFICATE when the texts are not a key and a self-signed CA
 * certificate, or do not belong together. The end of its validity is not checked: see
 * issuer_ends_ms.
 */
int issuer_open(const char *key, const char *certificate, struct issuer **ret,
                struct berth_error *reterr) berth_must_check;
void issuer_free(struct issuer *issuer);

const char *issuer_certificate(const struct issuer *issuer); /* PEM */
const char *issuer_hash(const struct issuer *issuer);        /* SHA-256 of its DER, hex */
int64_t issuer_begins_ms(const struct issuer *issuer);
int64_t issuer_ends_ms(const struct issuer *issuer);

struct certificate_params {
    /* PKCS#10 as PEM; only its key is used, its names are ignored */
    const char *request;
    const char *common_name;    /* subject */
    const char *uri;            /* SAN URI, NULL: none */
    const char *hosts;          /* SAN DNS names and addresses, separated by spaces; NULL: none */
    bool server;                /* server authentication, else client authentication */
    int64_t begins_ms, ends_ms; /* wall clock; an end after the authority's own is moved there */
    unsigned char serial[ISSUER_SERIAL];
};

/* Sign. out: PEM text; *ret_ends_ms: the end in the certificate. */
int issuer_sign(const struct issuer *issuer, const struct certificate_params *params,
                char out[ISSUER_PEM_MAX], int64_t *ret_ends_ms,
                struct berth_error *reterr) berth_must_check;

/* Check that the request is signed by its own key and that the key is P-256. key_hash: SHA-256 of
 * the key (SPKI) in hex. Errors: CERTIFICATE. */
int issuer_check_request(const char *request, char key_hash[72],
                         struct berth_error *reterr) berth_must_check;

/* Check that this authority issued `certificate`; its dates are not checked. Returns the hash of
 * its key and the end of its validity. Errors: CERTIFICATE. */
int issuer_check_issued(const struct issuer *issuer, const char *certificate, char key_hash[72],
                        int64_t *ret_ends_ms, struct berth_error *reterr) berth_must_check;

/* Check that `signature` (hex) is the ECDSA-SHA256 of the DER of `request` by the key of
 * `certificate`. Errors: CERTIFICATE. */
int issuer_check_signature(const char *certificate, const char *request, const char *signature,
                           struct berth_error *reterr) berth_must_check;

#endif
