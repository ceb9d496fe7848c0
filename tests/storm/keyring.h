/* keyring.h - the terminals' keys and certificates, in order, and the authority they trust.
 *
 * They are in one file of PEM texts (key, certificate, key, certificate ...) beside the prepared
 * state of the broker that issued them, so that ten thousand terminals need not join in every run.
 */
#ifndef BERTH_STORM_KEYRING_H
#define BERTH_STORM_KEYRING_H

#include <openssl/ssl.h>

#include "berth/error.h"

struct keyring {
    size_t count;
    EVP_PKEY **keys;
    X509 **certificates; /* NULL: not joined yet */
    char *authority;     /* PEM; NULL: not known yet */
};

void keyring_init(struct keyring *keyring, size_t count);
void keyring_free(struct keyring *keyring);

/* Store key and certificate of terminal `i`; key: its PEM, wiped by the caller. */
int keyring_put(struct keyring *keyring, size_t i, const char *key, const char *certificate,
                struct berth_error *reterr) berth_must_check;

int keyring_save(const struct keyring *keyring, const char *folder,
                 struct berth_error *reterr) berth_must_check;

/* Fails with NOT_FOUND when there is no such file or it holds too few. */
int keyring_load(struct keyring *keyring, const char *folder,
                 struct berth_error *reterr) berth_must_check;

/* Use terminal `i`'s key and certificate on this connection. */
bool keyring_use(const struct keyring *keyring, size_t i, SSL *ssl);

#endif
