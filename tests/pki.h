/* pki.h - a small authority for tests: valid and expired certificates, and those of another
 * authority. */
#ifndef BERTH_TESTS_PKI_H
#define BERTH_TESTS_PKI_H

#include <string.h>

#include "berth/issuer.h"
#include "berth/loop.h"
#include "berth/tls.h"

#define PKI_DAY_MS INT64_C(86400000)

struct pki_identity {
    char *key;
    char *request;
    char certificate[ISSUER_PEM_MAX];
    char chain[2 * ISSUER_PEM_MAX]; /* with the authority's */
};

__attribute__((unused)) static void pki_authority(const char *name, struct issuer **ret)
{
    static unsigned char serial[ISSUER_SERIAL];
    char *key = NULL;
    char *certificate = NULL;

    serial[0]++;
    if (issuer_make(name, clock_wall_ms(), 10, serial, &key, &certificate, NULL) < 0 ||
        issuer_open(key, certificate, ret, NULL) < 0)
        abort();
    berth_wipe_free(key, strlen(key));
    free(certificate);
}

/* ends_ms: from now, negative: it has ended. */
__attribute__((unused)) static void pki_identity(struct issuer *issuer, const char *name,
                                                 bool server, int64_t ends_ms,
                                                 struct pki_identity *ret)
{
    int64_t now_ms = clock_wall_ms();
    struct certificate_params params = { .common_name = name,
                                         .hosts = server ? "localhost 127.0.0.1" : NULL,
                                         .uri = server ? NULL : "berth:terminal:1",
                                         .server = server,
                                         .begins_ms = now_ms - PKI_DAY_MS,
                                         .ends_ms = now_ms + ends_ms,
                                         .serial = { 1, 2, 3 } };
    int64_t written;

    *ret = (struct pki_identity){ 0 };
    if (tls_make_key(&ret->key, NULL) < 0 ||
        tls_make_request(ret->key, name, &ret->request, NULL) < 0)
        abort();
    params.request = ret->request;
    if (issuer_sign(issuer, &params, ret->certificate, &written, NULL) < 0)
        abort();
    (void)snprintf(ret->chain, sizeof(ret->chain), "%s%s", ret->certificate,
                   issuer_certificate(issuer));
}

__attribute__((unused)) static void pki_identity_free(struct pki_identity *identity)
{
    free(identity->key);
    free(identity->request);
}

#endif
