/* tls_key.c - keys, certificate requests and hashes of both. */
#include "berth/pem.h"
#include "berth/tls.h"

static void context_freep(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void to_hex(const unsigned char *bytes, size_t size, char *hex)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * size] = '\0';
}

void tls_sha256_hex(const void *data, size_t size, char hex[72])
{
    unsigned char digest[32];

    /* Fails only without memory or without OpenSSL's default provider; then TLS does not work
     * either.
     */
    if (EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) != 1)
        berth_out_of_memory();
    to_hex(digest, sizeof(digest), hex);
}

int tls_make_key(char **ret_key, struct berth_error *reterr)
{
    berth_cleanup(pem_key_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    char *text = key ? pem_write_key(key) : NULL;

    if (!text)
        return pem_fail(reterr, BERTH_E_INTERNAL, "cannot create a key");
    *ret_key = text;
    return 0;
}

int tls_make_request(const char *key, const char *common_name, char **ret_request,
                     struct berth_error *reterr)
{
    berth_cleanup(pem_key_freep) EVP_PKEY *own = pem_read_key(key);
    berth_cleanup(pem_request_freep) X509_REQ *request = X509_REQ_new();
    X509_NAME *name;
    char *text;

    if (!own || !request)
        return pem_fail(reterr, BERTH_E_INVALID, "the key is not usable");

    name = X509_REQ_get_subject_name(request);
    if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                   -1, -1, 0) != 1 ||
        X509_REQ_set_pubkey(request, own) != 1 || X509_REQ_sign(request, own, EVP_sha256()) <= 0 ||
        !(text = pem_write_request(request)))
        return pem_fail(reterr, BERTH_E_INVALID, "cannot create the certificate request");

    *ret_request = text;
    return 0;
}

int tls_sign_request(const char *key, const char *request, char **ret_hex,
                     struct berth_error *reterr)
{
    berth_cleanup(pem_key_freep) EVP_PKEY *own = pem_read_key(key);
    berth_cleanup(pem_request_freep) X509_REQ *parsed = pem_read_request(request);
    berth_cleanup(context_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[128];
    size_t size = sizeof(signature);
    unsigned char *der = NULL;
    int length = parsed ? i2d_X509_REQ(parsed, &der) : -1;
    bool ok;

    if (!own || length <= 0 || !context)
        return pem_fail(reterr, BERTH_E_INVALID, "the key or the request is not usable");

    ok = EVP_PKEY_get_size(own) <= (int)sizeof(signature) &&
         EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, own) == 1 &&
         EVP_DigestSign(context, signature, &size, der, (size_t)length) == 1;
    OPENSSL_free(der);
    if (!ok)
        return pem_fail(reterr, BERTH_E_INVALID, "cannot sign the certificate request");

    *ret_hex = berth_alloc(2 * size + 1);
    to_hex(signature, size, *ret_hex);
    return 0;
}

bool tls_certificate_hash(X509 *certificate, char hash[72])
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);

    if (size <= 0)
        return false;
    tls_sha256_hex(der, (size_t)size, hash);
    OPENSSL_free(der);
    return true;
}

bool tls_key_hash(X509_PUBKEY *key, char hash[72])
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(key, &der);

    if (size <= 0)
        return false;
    tls_sha256_hex(der, (size_t)size, hash);
    OPENSSL_free(der);
    return true;
}

bool tls_peer_key(struct tls_peer *peer, char key_hash[72])
{
    X509 *certificate = peer->ssl ? SSL_get0_peer_certificate(peer->ssl) : NULL;

    return certificate && tls_key_hash(X509_get_X509_PUBKEY(certificate), key_hash);
}

bool tls_peer_certificate(struct tls_peer *peer, char certificate_hash[72])
{
    X509 *certificate = peer->ssl ? SSL_get0_peer_certificate(peer->ssl) : NULL;

    return certificate && tls_certificate_hash(certificate, certificate_hash);
}

int tls_certificate_info(const char *pem, char hash[72], char key_hash[72],
                         int64_t *ret_not_after_ms, struct berth_error *reterr)
{
    berth_cleanup(pem_certificate_freep) X509 *certificate = pem_read_certificate(pem);
    struct tm end;

    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1 ||
        !tls_certificate_hash(certificate, hash) ||
        !tls_key_hash(X509_get_X509_PUBKEY(certificate), key_hash))
        return pem_fail(reterr, BERTH_E_CERTIFICATE, "the text is not a certificate");

    *ret_not_after_ms = (int64_t)timegm(&end) * 1000;
    return 0;
}
