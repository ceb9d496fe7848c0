/* keyring.c - keeps the keys and certificates of terminals in memory and in a file. */
#include "keyring.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 512
#define AUTHORITY_MAX 8192

void keyring_init(struct keyring *keyring, size_t count)
{
    *keyring = (struct keyring){ .count = count };
    keyring->keys = berth_new_array(EVP_PKEY *, count);
    keyring->certificates = berth_new_array(X509 *, count);
}

void keyring_free(struct keyring *keyring)
{
    for (size_t i = 0; i < keyring->count; i++) {
        EVP_PKEY_free(keyring->keys[i]);
        X509_free(keyring->certificates[i]);
    }
    free(keyring->keys);
    free(keyring->certificates);
    free(keyring->authority);
    *keyring = (struct keyring){ 0 };
}

static int ask_nobody(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return 0;
}

int keyring_put(struct keyring *keyring, size_t i, const char *key, const char *certificate,
                struct berth_error *reterr)
{
    BIO *key_text = BIO_new_mem_buf(key, -1);
    BIO *certificate_text = BIO_new_mem_buf(certificate, -1);

    keyring->keys[i] = PEM_read_bio_PrivateKey(key_text, NULL, ask_nobody, NULL);
    keyring->certificates[i] = PEM_read_bio_X509(certificate_text, NULL, ask_nobody, NULL);
    BIO_free(key_text);
    BIO_free(certificate_text);
    if (keyring->keys[i] && keyring->certificates[i])
        return 0;
    return berth_fail(reterr, BERTH_E_CERTIFICATE, "terminal %zu got no usable certificate", i + 1);
}

bool keyring_use(const struct keyring *keyring, size_t i, SSL *ssl)
{
    return keyring->certificates[i] && SSL_use_certificate(ssl, keyring->certificates[i]) == 1 &&
           SSL_use_PrivateKey(ssl, keyring->keys[i]) == 1;
}

/* ---- the files ---- */

static FILE *open_file(const char *folder, const char *name, const char *mode,
                       struct berth_error *reterr)
{
    char path[PATH_SIZE];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, mode);
    if (!file)
        (void)berth_fail(reterr, errno == ENOENT ? BERTH_E_NOT_FOUND : BERTH_E_IO, "%s: %s", path,
                         strerror(errno));
    return file;
}

int keyring_save(const struct keyring *keyring, const char *folder, struct berth_error *reterr)
{
    FILE *file = open_file(folder, "terminals.pem", "we", reterr);
    bool ok = file != NULL;

    for (size_t i = 0; ok && i < keyring->count; i++)
        ok = PEM_write_PrivateKey(file, keyring->keys[i], NULL, NULL, 0, NULL, NULL) == 1 &&
             PEM_write_X509(file, keyring->certificates[i]) == 1;
    if (file && fclose(file) != 0)
        ok = false;
    file = ok ? open_file(folder, "authority.pem", "we", reterr) : NULL;
    ok = file && fputs(keyring->authority, file) >= 0;
    if (file && fclose(file) != 0)
        ok = false;
    return ok ? 0 : berth_fail(reterr, BERTH_E_IO, "%s: the keys were not written", folder);
}

static int load_authority(struct keyring *keyring, const char *folder, struct berth_error *reterr)
{
    FILE *file = open_file(folder, "authority.pem", "re", reterr);
    size_t size;

    if (!file)
        return reterr->code;
    free(keyring->authority);
    keyring->authority = berth_alloc(AUTHORITY_MAX);
    size = fread(keyring->authority, 1, AUTHORITY_MAX - 1, file);
    (void)fclose(file);
    return size > 0 ? 0 : berth_fail(reterr, BERTH_E_NOT_FOUND, "%s: no authority", folder);
}

int keyring_load(struct keyring *keyring, const char *folder, struct berth_error *reterr)
{
    FILE *file = open_file(folder, "terminals.pem", "re", reterr);
    bool ok = true;
    BIO *bio;

    if (!file)
        return reterr->code;
    bio = BIO_new_fp(file, BIO_CLOSE);
    for (size_t i = 0; ok && i < keyring->count; i++) {
        keyring->keys[i] = PEM_read_bio_PrivateKey(bio, NULL, ask_nobody, NULL);
        keyring->certificates[i] = PEM_read_bio_X509(bio, NULL, ask_nobody, NULL);
        ok = keyring->keys[i] && keyring->certificates[i];
    }
    BIO_free(bio);
    ERR_clear_error();
    if (!ok)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "%s: too few terminals", folder);
    return load_authority(keyring, folder, reterr);
}
