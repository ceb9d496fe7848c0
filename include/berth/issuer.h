/* issuer.h - making and checking certificates: what a certificate authority does, without its
 * policy.
 *
 * Module shared (with tls.h the only place of <openssl/...>). Any thread: a struct issuer is only
 * read after issuer_open. All keys are P-256, all signatures ECDSA with SHA-256; texts are PEM.
 * Nothing here reads a clock or a random source of its own but OpenSSL's for keys and nonces.
 */
#ifndef BERTH_ISSUER_H
#define BERTH_ISSUER_H

#include "berth/error.h"

struct issuer;

#define ISSUER_PEM_MAX 2048
#define ISSUER_SERIAL 16

/* Make an authority's key and self-signed certificate, both to be freed; the key by
 * berth_wipe_free. now_ms: wall clock. The certificate is valid from a day before (clocks differ)
 * for `days`.
 */
int issuer_make(const char *name, int64_t now_ms, int days,
                const unsigned char serial[ISSUER_SERIAL], char **ret_key, char **ret_certificate,
                struct berth_error *reterr) berth_must_check;

/* Take an authority into use. Fails with CERTIFICATE when the texts are not a key and a self-signed
 * CA certificate, or do not belong together. Its end is not looked at: see issuer_ends_ms.
 */
int issuer_open(const char *key, const char *certificate, struct issuer **ret,
                struct berth_error *reterr) berth_must_check;
void issuer_free(struct issuer *issuer);

const char *issuer_certificate(const struct issuer *issuer); /* PEM */
const char *issuer_hash(const struct issuer *issuer);        /* SHA-256 of its DER, hex */
int64_t issuer_begins_ms(const struct issuer *issuer);
int64_t issuer_ends_ms(const struct issuer *issuer);

struct certificate_params {
    /* PKCS#10 as PEM; only its key is used, never the names that it asks for */
    const char *request;
    const char *common_name;    /* subject */
    const char *uri;            /* SAN URI, NULL: none */
    const char *hosts;          /* SAN DNS names and addresses, separated by spaces; NULL: none */
    bool server;                /* server authentication, else client authentication */
    int64_t begins_ms, ends_ms; /* wall clock; the end is cut at the authority's own */
    unsigned char serial[ISSUER_SERIAL];
};

/* Sign. out: PEM text; *ret_ends_ms: the end that was written. */
int issuer_sign(const struct issuer *issuer, const struct certificate_params *params,
                char out[ISSUER_PEM_MAX], int64_t *ret_ends_ms,
                struct berth_error *reterr) berth_must_check;

/* A request's self-signature holds and its key is P-256: tell the SHA-256 of the key (SPKI). */
int issuer_check_request(const char *request, char key_hash[72],
                         struct berth_error *reterr) berth_must_check;

/* Was `certificate` signed by this authority? Its dates are not looked at. Tells hash of key and
 * end. */
int issuer_check_issued(const struct issuer *issuer, const char *certificate, char key_hash[72],
                        int64_t *ret_ends_ms, struct berth_error *reterr) berth_must_check;

/* Is `signature` (hex) the ECDSA-SHA256 of the request's DER by the key of `certificate`? */
int issuer_check_signature(const char *certificate, const char *request, const char *signature,
                           struct berth_error *reterr) berth_must_check;

#endif
