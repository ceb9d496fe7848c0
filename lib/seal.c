/* seal.c - AES-256-GCM and HMAC-SHA-256. A sealed text is nonce (12), cipher text, tag (16). */
#include "berth/seal.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>

#define NONCE 12
#define TAG 16

_Static_assert(NONCE + TAG == SEAL_OVERHEAD, "nonce and tag");

static void context_freep(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

int seal_encrypt(const unsigned char key[SEAL_KEY], struct berth_random *random, const void *text,
                 size_t size, unsigned char *out, struct berth_error *reterr)
{
    berth_cleanup(context_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int length = 0;
    int tail = 0;

    if (size > INT32_MAX - SEAL_OVERHEAD)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "too large to encrypt");

    random_fill(random, out, NONCE);
    if (!context || EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, out) != 1 ||
        EVP_EncryptUpdate(context, out + NONCE, &length, text, (int)size) != 1 ||
        EVP_EncryptFinal_ex(context, out + NONCE + length, &tail) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG, out + NONCE + size) != 1)
        return berth_fail(reterr, BERTH_E_INTERNAL, "encryption failed");
    return 0;
}

int seal_decrypt(const unsigned char key[SEAL_KEY], const unsigned char *sealed, size_t size,
                 void *out, struct berth_error *reterr)
{
    berth_cleanup(context_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    unsigned char tag[TAG];
    unsigned char *plain = out;
    int length = 0;
    int tail = 0;

    if (size < SEAL_OVERHEAD || size > INT32_MAX)
        return berth_fail(reterr, BERTH_E_DENIED, "too short for an encrypted text");

    memcpy(tag, sealed + size - TAG, TAG);
    if (!context || EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, sealed) != 1 ||
        EVP_DecryptUpdate(context, plain, &length, sealed + NONCE, (int)(size - SEAL_OVERHEAD)) !=
            1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG, tag) != 1 ||
        EVP_DecryptFinal_ex(context, plain + length, &tail) != 1) {
        /* Do not hand out text that failed authentication. */
        explicit_bzero(out, size - SEAL_OVERHEAD);
        return berth_fail(reterr, BERTH_E_DENIED, "authentication tag mismatch");
    }
    return 0;
}

static EVP_MD *sha256;

/* Fetched once and never freed: looking up the algorithm costs more than hashing a short text. */
static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256)
        berth_out_of_memory();
}

void seal_sha256(const void *data, size_t size, unsigned char out[32])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, fetch_sha256);
    if (EVP_Digest(data, size, out, NULL, sha256, NULL) != 1)
        berth_out_of_memory();
}

void seal_hmac_hex(const unsigned char key[SEAL_KEY], const void *data, size_t size, char hex[72])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[32];
    unsigned length = 0;

    if (!HMAC(EVP_sha256(), key, SEAL_KEY, data, size, digest, &length))
        berth_out_of_memory();
    for (size_t i = 0; i < sizeof(digest); i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = '\0';
}
