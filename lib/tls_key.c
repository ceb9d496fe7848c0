/* tls_key.c - keys, certificate requests and hashes of both. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "berth/tls.h"

static void key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void request_freep(X509_REQ **request)
{
    X509_REQ_free(*request);
}

static void certificate_freep(X509 **certificate)
{
    X509_free(*certificate);
}

static void context_freep(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void bio_freep(BIO **bio)
{
    BIO_free(*bio);
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

/* Fail with the reason that OpenSSL gives, and clear its error queue. */
static int fail(struct berth_error *reterr, int code, const char *what)
{
    unsigned long reason = ERR_peek_error();
    const char *text = reason ? ERR_reason_error_string(reason) : NULL;

    ERR_clear_error();
    return berth_fail(reterr, code, "%s%s%s", what, text ? ": " : "", text ? text : "");
}

/* Copy of the text in a memory BIO, with NUL; NULL when it is empty. */
static char *bio_text(BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *text;

    if (size <= 0)
        return NULL;
    text = berth_alloc((size_t)size + 1);
    memcpy(text, data, (size_t)size);
    return text;
}

static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return 0;
}

static EVP_PKEY *read_key(const char *pem)
{
    berth_cleanup(bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);

    return bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
}

static X509_REQ *read_request(const char *pem)
{
    berth_cleanup(bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);

    return bio ? PEM_read_bio_X509_REQ(bio, NULL, no_passphrase, NULL) : NULL;
}

int tls_make_key(char **ret_key, struct berth_error *reterr)
{
    berth_cleanup(key_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    /* Not BIO_s_secmem(): the text is copied out at once, and OpenSSL wipes the BIO when it is
     * freed. */
    berth_cleanup(bio_freep) BIO *bio = BIO_new(BIO_s_secmem());
    char *text;

    if (!key || !bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return fail(reterr, BERTH_E_INTERNAL, "cannot create a key");

    text = bio_text(bio);
    if (!text)
        return fail(reterr, BERTH_E_INTERNAL, "cannot create a key");
    *ret_key = text;
    return 0;
}

int tls_make_request(const char *key, const char *common_name, char **ret_request,
                     struct berth_error *reterr)
{
    berth_cleanup(key_freep) EVP_PKEY *own = read_key(key);
    berth_cleanup(request_freep) X509_REQ *request = X509_REQ_new();
    berth_cleanup(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME *name;

    if (!own || !request || !bio)
        return fail(reterr, BERTH_E_INVALID, "the key is not usable");

    name = X509_REQ_get_subject_name(request);
    if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                   -1, -1, 0) != 1 ||
        X509_REQ_set_pubkey(request, own) != 1 || X509_REQ_sign(request, own, EVP_sha256()) <= 0 ||
        PEM_write_bio_X509_REQ(bio, request) != 1)
        return fail(reterr, BERTH_E_INVALID, "cannot create the certificate request");

    *ret_request = bio_text(bio);
    return 0;
}

int tls_sign_request(const char *key, const char *request, char **ret_hex,
                     struct berth_error *reterr)
{
    berth_cleanup(key_freep) EVP_PKEY *own = read_key(key);
    berth_cleanup(request_freep) X509_REQ *parsed = read_request(request);
    berth_cleanup(context_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[128];
    size_t size = sizeof(signature);
    unsigned char *der = NULL;
    int length = parsed ? i2d_X509_REQ(parsed, &der) : -1;
    bool ok;

    if (!own || length <= 0 || !context)
        return fail(reterr, BERTH_E_INVALID, "the key or the request is not usable");

    ok = EVP_PKEY_get_size(own) <= (int)sizeof(signature) &&
         EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, own) == 1 &&
         EVP_DigestSign(context, signature, &size, der, (size_t)length) == 1;
    OPENSSL_free(der);
    if (!ok)
        return fail(reterr, BERTH_E_INVALID, "cannot sign the certificate request");

    *ret_hex = berth_alloc(2 * size + 1);
    to_hex(signature, size, *ret_hex);
    return 0;
}

static bool certificate_hash_of(X509 *certificate, char hash[72])
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);

    if (size <= 0)
        return false;
    tls_sha256_hex(der, (size_t)size, hash);
    OPENSSL_free(der);
    return true;
}

static bool key_hash_of(X509 *certificate, char hash[72])
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);

    if (size <= 0)
        return false;
    tls_sha256_hex(der, (size_t)size, hash);
    OPENSSL_free(der);
    return true;
}

bool tls_peer_key(struct tls_peer *peer, char key_hash[72])
{
    X509 *certificate = peer->ssl ? SSL_get0_peer_certificate(peer->ssl) : NULL;

    return certificate && key_hash_of(certificate, key_hash);
}

bool tls_peer_certificate(struct tls_peer *peer, char certificate_hash[72])
{
    X509 *certificate = peer->ssl ? SSL_get0_peer_certificate(peer->ssl) : NULL;

    return certificate && certificate_hash_of(certificate, certificate_hash);
}

int tls_certificate_info(const char *pem, char hash[72], char key_hash[72],
                         int64_t *ret_not_after_ms, struct berth_error *reterr)
{
    berth_cleanup(bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);
    berth_cleanup(certificate_freep) X509 *certificate =
        bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    struct tm end;

    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1 ||
        !certificate_hash_of(certificate, hash) || !key_hash_of(certificate, key_hash))
        return fail(reterr, BERTH_E_CERTIFICATE, "the text is not a certificate");

    *ret_not_after_ms = (int64_t)timegm(&end) * 1000;
    return 0;
}
