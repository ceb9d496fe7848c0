/* tls_context.c - what all connections of a listener or a client share: certificates, ALPN, pinning. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "berth/pem.h"
#include "berth/tls.h"

#include "tls_internal.h"

/* Largest certificate message of a peer, which is not authenticated yet. */
#define CERTIFICATE_BYTES_MAX 16384L

#define ALPN_MAX 32

/* Data of ours that is attached to an SSL_CTX. */
struct context_extra {
    unsigned char alpn[ALPN_MAX]; /* as on the wire: length, then name */
    unsigned alpn_size;
    bool alpn_optional;
    char pin[72];
};

static uv_once_t once = UV_ONCE_INIT;
static int extra_index;

static void extra_free(berth_unused void *parent, void *extra, berth_unused CRYPTO_EX_DATA *data,
                       berth_unused int index, berth_unused long number, berth_unused void *pointer)
{
    free(extra);
}

static void prepare(void)
{
    extra_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, extra_free);
    if (extra_index < 0)
        berth_out_of_memory();
}

static int choose_alpn(berth_unused SSL *ssl, const unsigned char **out, unsigned char *out_size,
                       const unsigned char *offered, unsigned offered_size, void *argument)
{
    struct context_extra *extra = argument;

    if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_size, extra->alpn,
                              extra->alpn_size, offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

/* Trust exactly the CA certificate whose hash is in the invitation; the server sends it in its
 * chain. */
static int verify_pinned(X509_STORE_CTX *context, void *argument)
{
    struct context_extra *extra = argument;
    STACK_OF(X509) *shown = X509_STORE_CTX_get0_untrusted(context);
    STACK_OF(X509) *trusted = sk_X509_new_null();
    int r = 0;

    for (int i = 0; trusted && i < sk_X509_num(shown); i++) {
        X509 *certificate = sk_X509_value(shown, i);
        char hash[72];

        if (tls_certificate_hash(certificate, hash) && strcmp(hash, extra->pin) == 0)
            (void)sk_X509_push(trusted, certificate);
    }
    if (!trusted || sk_X509_num(trusted) == 0) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
    } else {
        X509_STORE_CTX_set0_trusted_stack(context, trusted);
        r = X509_verify_cert(context) == 1;
    }
    sk_X509_free(trusted);
    return r;
}

static bool use_chain(SSL_CTX *context, const char *pem)
{
    berth_cleanup(pem_bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate;
    int count = 0;
    bool ok = bio != NULL;

    while (ok && (certificate = PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL))) {
        ok = count++ == 0 ? SSL_CTX_use_certificate(context, certificate) == 1
                          : SSL_CTX_add1_chain_cert(context, certificate) == 1;
        X509_free(certificate);
    }
    ERR_clear_error(); /* the end of the text is reported as an error */
    return ok && count > 0;
}

static bool use_key(SSL_CTX *context, const char *pem)
{
    berth_cleanup(pem_key_freep) EVP_PKEY *key = pem_read_key(pem);

    return key && SSL_CTX_use_PrivateKey(context, key) == 1 &&
           SSL_CTX_check_private_key(context) == 1;
}

static bool use_authority(SSL_CTX *context, const char *pem)
{
    berth_cleanup(pem_certificate_freep) X509 *certificate = pem_read_certificate(pem);

    /* Threads share it: what OpenSSL derives from it at its first use is derived here. */
    return certificate && X509_check_purpose(certificate, -1, 0) == 1 &&
           X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1;
}

static SSL_CTX *context_fail(SSL_CTX *context, const char *what, struct berth_error *reterr)
{
    SSL_CTX_free(context);
    (void)pem_fail(reterr, BERTH_E_CERTIFICATE, what);
    return NULL;
}

static bool set_extra(SSL_CTX *context, const struct tls_setup *setup)
{
    struct context_extra *extra = berth_new(struct context_extra);
    size_t length = setup->alpn ? strlen(setup->alpn) : 0;

    if (SSL_CTX_set_ex_data(context, extra_index, extra) != 1) {
        free(extra);
        return false;
    }
    if (length + 1 > sizeof(extra->alpn))
        return false;
    extra->alpn_optional = setup->alpn_optional;
    if (setup->alpn) {
        extra->alpn[0] = (unsigned char)length;
        memcpy(extra->alpn + 1, setup->alpn, length);
        extra->alpn_size = (unsigned)length + 1;
        if (setup->side == TLS_SERVER)
            SSL_CTX_set_alpn_select_cb(context, choose_alpn, extra);
        else if (SSL_CTX_set_alpn_protos(context, extra->alpn, extra->alpn_size) != 0)
            return false;
    }
    if (setup->authority_hash) {
        copy_text(extra->pin, setup->authority_hash);
        SSL_CTX_set_cert_verify_callback(context, verify_pinned, extra);
    }
    return true;
}

static void note_message(int written, berth_unused int version, int type,
                         berth_unused const void *bytes, berth_unused size_t size, SSL *ssl,
                         berth_unused void *argument)
{
    struct tls_peer *peer = SSL_get_app_data(ssl);

    if (!written && type == SSL3_RT_HANDSHAKE && peer->open)
        peer->late_messages++;
}

/* Common to all contexts: TLS 1.3, modern groups, no resumption (the core checks revocation on
 * every connect), no buffers while idle. */
static bool set_common(SSL_CTX *context)
{
    char groups[] = "X25519:P-256"; /* OpenSSL's macro casts the const away */

    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, CERTIFICATE_BYTES_MAX);
    SSL_CTX_set_verify_depth(context, 2);
    SSL_CTX_set_msg_callback(context, note_message);
    return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(context, 0) == 1 &&
           SSL_CTX_set1_groups_list(context, groups) == 1;
}

SSL_CTX *tls_context(const struct tls_setup *setup, struct berth_error *reterr)
{
    bool client = setup->side == TLS_CLIENT;
    bool verify = client || setup->authority;
    SSL_CTX *context;

    uv_once(&once, prepare);
    if (client && !setup->authority && !setup->authority_hash) {
        (void)berth_fail(reterr, BERTH_E_INVALID,
                         "a TLS client needs a certificate authority or its hash");
        return NULL;
    }
    ERR_clear_error();
    context = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
    if (!context || !set_common(context) || !set_extra(context, setup))
        return context_fail(context, "cannot set up TLS", reterr);
    if (setup->certificate && !use_chain(context, setup->certificate))
        return context_fail(context, "our own certificate is not usable", reterr);
    if (setup->key && !use_key(context, setup->key))
        return context_fail(context, "our own key does not match the certificate", reterr);
    if (setup->authority && !use_authority(context, setup->authority))
        return context_fail(context, "the authority's certificate is not usable", reterr);

    if (setup->now_ms > 0)
        X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(context), (time_t)(setup->now_ms / 1000));
    SSL_CTX_set_verify(context,
                       verify ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE,
                       NULL);
    return context;
}

bool tls_alpn_agreed(SSL *ssl)
{
    struct context_extra *extra = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), extra_index);
    const unsigned char *chosen;
    unsigned size;

    if (extra->alpn_size == 0)
        return true;
    SSL_get0_alpn_selected(ssl, &chosen, &size);
    if (size == 0)
        return extra->alpn_optional;
    return size + 1 == extra->alpn_size && memcmp(chosen, extra->alpn + 1, size) == 0;
}
