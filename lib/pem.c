/* pem.c - read and write PEM text through memory BIOs. */
#include "berth/pem.h"

#include <openssl/err.h>
#include <string.h>

void pem_key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

void pem_request_freep(X509_REQ **request)
{
    X509_REQ_free(*request);
}

void pem_certificate_freep(X509 **certificate)
{
    X509_free(*certificate);
}

void pem_bio_freep(BIO **bio)
{
    BIO_free(*bio);
}

int pem_fail(struct berth_error *reterr, int code, const char *what)
{
    unsigned long reason = ERR_peek_error();
    const char *text = reason ? ERR_reason_error_string(reason) : NULL;

    ERR_clear_error();
    return berth_fail(reterr, code, "%s%s%s", what, text ? ": " : "", text ? text : "");
}

int pem_no_passphrase(berth_unused char *buffer, berth_unused int size, berth_unused int writing,
                      berth_unused void *context)
{
    return 0;
}

EVP_PKEY *pem_read_key(const char *text)
{
    berth_cleanup(pem_bio_freep) BIO *bio = BIO_new_mem_buf(text, -1);

    return bio ? PEM_read_bio_PrivateKey(bio, NULL, pem_no_passphrase, NULL) : NULL;
}

X509_REQ *pem_read_request(const char *text)
{
    berth_cleanup(pem_bio_freep) BIO *bio = BIO_new_mem_buf(text, -1);

    return bio ? PEM_read_bio_X509_REQ(bio, NULL, pem_no_passphrase, NULL) : NULL;
}

X509 *pem_read_certificate(const char *text)
{
    berth_cleanup(pem_bio_freep) BIO *bio = BIO_new_mem_buf(text, -1);

    return bio ? PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL) : NULL;
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

char *pem_write_key(EVP_PKEY *key)
{
    /* The text is copied out at once, and OpenSSL wipes this BIO when it is freed. */
    berth_cleanup(pem_bio_freep) BIO *bio = BIO_new(BIO_s_secmem());

    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return NULL;
    return bio_text(bio);
}

char *pem_write_request(X509_REQ *request)
{
    berth_cleanup(pem_bio_freep) BIO *bio = BIO_new(BIO_s_mem());

    return bio && PEM_write_bio_X509_REQ(bio, request) == 1 ? bio_text(bio) : NULL;
}

char *pem_write_certificate(X509 *certificate)
{
    berth_cleanup(pem_bio_freep) BIO *bio = BIO_new(BIO_s_mem());

    return bio && PEM_write_bio_X509(bio, certificate) == 1 ? bio_text(bio) : NULL;
}
