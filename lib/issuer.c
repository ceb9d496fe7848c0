/* issuer.c - X.509 for the certificate authority of a site, with OpenSSL. */
#include "berth/issuer.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "berth/pem.h"
#include "berth/tls.h"

#define DAY_MS INT64_C(86400000)
#define HOSTS_MAX 32

struct issuer {
    EVP_PKEY *key;
    X509 *certificate;
    char *text;
    char hash[72];
    int64_t begins_ms, ends_ms;
};

static void context_freep(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void names_freep(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

static int fail(struct berth_error *reterr, const char *what)
{
    return pem_fail(reterr, BERTH_E_CERTIFICATE, what);
}

static bool is_p256(EVP_PKEY *key)
{
    char group[64] = "";

    return key && EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool time_ms(const ASN1_TIME *time, int64_t *ret_ms)
{
    struct tm parts;

    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return false;
    *ret_ms = (int64_t)timegm(&parts) * 1000;
    return true;
}

/* ---- creating an authority ---- */

static bool set_serial(X509 *certificate, const unsigned char serial[ISSUER_SERIAL])
{
    unsigned char positive[ISSUER_SERIAL];
    BIGNUM *number;
    bool ok;

    /* RFC 5280 4.1.2.2: positive and never zero. */
    memcpy(positive, serial, sizeof(positive));
    positive[0] = (unsigned char)((positive[0] & 0x7f) | 0x40);
    number = BN_bin2bn(positive, sizeof(positive), NULL);
    ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return ok;
}

static bool set_span(X509 *certificate, int64_t begins_ms, int64_t ends_ms)
{
    return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(begins_ms / 1000)) &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(ends_ms / 1000));
}

static bool set_name(X509_NAME *name, const char *common_name)
{
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1;
}

/* Add one extension in OpenSSL's configuration syntax; never called with text from outside. */
static bool add_extension(X509 *certificate, X509 *authority, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool ok;

    X509V3_set_ctx(&context, authority, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ok = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool fill_authority(X509 *certificate, EVP_PKEY *key, const char *name)
{
    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           X509_set_pubkey(certificate, key) == 1 &&
           set_name(X509_get_subject_name(certificate), name) &&
           X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
           add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, certificate, NID_authority_key_identifier, "keyid:always") &&
           add_extension(certificate, certificate, NID_basic_constraints,
                         "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

int issuer_make(const char *name, int64_t now_ms, int days,
                const unsigned char serial[ISSUER_SERIAL], char **ret_key, char **ret_certificate,
                struct berth_error *reterr)
{
    berth_cleanup(pem_certificate_freep) X509 *certificate = X509_new();
    berth_cleanup(pem_key_freep) EVP_PKEY *key = NULL;
    char *key_text = NULL;
    int r = tls_make_key(&key_text, reterr);

    if (r < 0)
        return r;

    key = pem_read_key(key_text);
    if (!key || !certificate || !set_serial(certificate, serial) ||
        !set_span(certificate, now_ms - DAY_MS, now_ms + days * DAY_MS) ||
        !fill_authority(certificate, key, name)) {
        berth_wipe_free(key_text, strlen(key_text));
        return fail(reterr, "cannot create the certificate authority");
    }
    *ret_key = key_text;
    *ret_certificate = pem_write_certificate(certificate);
    return 0;
}

/* ---- opening an authority ---- */

static int check_authority(struct issuer *issuer, struct berth_error *reterr)
{
    if (!is_p256(issuer->key))
        return fail(reterr, "the authority's key is not a P-256 key");
    if (X509_check_private_key(issuer->certificate, issuer->key) != 1)
        return fail(reterr, "the authority's key does not belong to its certificate");
    if (X509_check_ca(issuer->certificate) != 1)
        return fail(reterr, "the authority's certificate is not a CA certificate");
    if (X509_verify(issuer->certificate, issuer->key) != 1)
        return fail(reterr, "the authority's certificate is not self-signed");
    return 0;
}

int issuer_open(const char *key, const char *certificate, struct issuer **ret,
                struct berth_error *reterr)
{
    struct issuer *issuer = berth_new(struct issuer);
    int r;

    issuer->key = pem_read_key(key);
    issuer->certificate = pem_read_certificate(certificate);
    if (!issuer->key || !issuer->certificate) {
        r = fail(reterr, issuer->key ? "the authority's certificate cannot be read"
                                     : "the authority's key cannot be read");
        issuer_free(issuer);
        return r;
    }
    r = check_authority(issuer, reterr);
    issuer->text = pem_write_certificate(issuer->certificate);
    if (r == 0 && (!issuer->text || !tls_certificate_hash(issuer->certificate, issuer->hash) ||
                   !time_ms(X509_get0_notBefore(issuer->certificate), &issuer->begins_ms) ||
                   !time_ms(X509_get0_notAfter(issuer->certificate), &issuer->ends_ms)))
        r = fail(reterr, "the authority's certificate cannot be read");
    if (r < 0) {
        issuer_free(issuer);
        return r;
    }
    *ret = issuer;
    return 0;
}

void issuer_free(struct issuer *issuer)
{
    if (!issuer)
        return;
    EVP_PKEY_free(issuer->key);
    X509_free(issuer->certificate);
    free(issuer->text);
    free(issuer);
}

const char *issuer_certificate(const struct issuer *issuer)
{
    return issuer->text;
}

const char *issuer_hash(const struct issuer *issuer)
{
    return issuer->hash;
}

int64_t issuer_begins_ms(const struct issuer *issuer)
{
    return issuer->begins_ms;
}

int64_t issuer_ends_ms(const struct issuer *issuer)
{
    return issuer->ends_ms;
}

/* ---- signing ---- */

/* Names are added as typed values, never through OpenSSL's configuration syntax. */
static bool add_name(GENERAL_NAMES *names, int type, const char *text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();

    if (!name || !value || ASN1_STRING_set(value, text, -1) != 1) {
        GENERAL_NAME_free(name);
        ASN1_IA5STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, value);
    return sk_GENERAL_NAME_push(names, name) > 0;
}

static bool add_address(GENERAL_NAMES *names, const unsigned char *bytes, int size)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

    if (!name || !value || ASN1_OCTET_STRING_set(value, bytes, size) != 1) {
        GENERAL_NAME_free(name);
        ASN1_OCTET_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, GEN_IPADD, value);
    return sk_GENERAL_NAME_push(names, name) > 0;
}

static bool add_host(GENERAL_NAMES *names, const char *host)
{
    unsigned char bytes[16];

    if (inet_pton(AF_INET, host, bytes) == 1)
        return add_address(names, bytes, 4);
    if (inet_pton(AF_INET6, host, bytes) == 1)
        return add_address(names, bytes, 16);
    return add_name(names, GEN_DNS, host);
}

static bool add_hosts(GENERAL_NAMES *names, const char *hosts)
{
    berth_cleanup(berth_freep) char *copy = berth_strdup(hosts);
    char *rest = copy;
    char *host;
    int count = 0;

    while ((host = strtok_r(rest, " \t,", &rest)))
        if (++count > HOSTS_MAX || !add_host(names, host))
            return false;
    return true;
}

static bool add_alternatives(X509 *certificate, const struct certificate_params *params)
{
    berth_cleanup(names_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();

    if (!names || (params->uri && !add_name(names, GEN_URI, params->uri)) ||
        (params->hosts && !add_hosts(names, params->hosts)))
        return false;
    if (sk_GENERAL_NAME_num(names) == 0)
        return true;
    return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
}

static bool fill_issued(const struct issuer *issuer, const struct certificate_params *params,
                        X509 *certificate)
{
    X509 *authority = issuer->certificate;

    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           set_serial(certificate, params->serial) &&
           set_name(X509_get_subject_name(certificate), params->common_name) &&
           X509_set_issuer_name(certificate, X509_get_subject_name(authority)) == 1 &&
           add_extension(certificate, authority, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, authority, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, authority, NID_ext_key_usage,
                         params->server ? "serverAuth" : "clientAuth") &&
           add_extension(certificate, authority, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, authority, NID_authority_key_identifier, "keyid:always") &&
           add_alternatives(certificate, params);
}

int issuer_sign(const struct issuer *issuer, const struct certificate_params *params,
                char out[ISSUER_PEM_MAX], int64_t *ret_ends_ms, struct berth_error *reterr)
{
    berth_cleanup(pem_request_freep) X509_REQ *request = pem_read_request(params->request);
    berth_cleanup(pem_certificate_freep) X509 *certificate = X509_new();
    berth_cleanup(berth_freep) char *text = NULL;
    int64_t ends_ms = params->ends_ms < issuer->ends_ms ? params->ends_ms : issuer->ends_ms;

    if (!request || !certificate)
        return fail(reterr, "the request cannot be read");
    if (X509_set_pubkey(certificate, X509_REQ_get0_pubkey(request)) != 1 ||
        !set_span(certificate, params->begins_ms, ends_ms) ||
        !fill_issued(issuer, params, certificate) ||
        X509_sign(certificate, issuer->key, EVP_sha256()) <= 0)
        return fail(reterr, "cannot create the certificate");

    text = pem_write_certificate(certificate);
    if (!text || strlen(text) >= ISSUER_PEM_MAX)
        return fail(reterr, "the certificate is too large");
    memcpy(out, text, strlen(text) + 1);
    *ret_ends_ms = ends_ms / 1000 * 1000;
    return 0;
}

/* ---- checking ---- */

int issuer_check_request(const char *request, char key_hash[72], struct berth_error *reterr)
{
    berth_cleanup(pem_request_freep) X509_REQ *parsed = pem_read_request(request);
    EVP_PKEY *key = parsed ? X509_REQ_get0_pubkey(parsed) : NULL;

    if (!parsed)
        return fail(reterr, "the request is not PKCS#10");
    if (!is_p256(key))
        return fail(reterr, "the request's key is not P-256");
    if (X509_REQ_verify(parsed, key) != 1)
        return fail(reterr, "the request is not signed by its own key");
    if (!tls_key_hash(X509_REQ_get_X509_PUBKEY(parsed), key_hash))
        return fail(reterr, "the request's key cannot be read");
    return 0;
}

int issuer_check_issued(const struct issuer *issuer, const char *certificate, char key_hash[72],
                        int64_t *ret_ends_ms, struct berth_error *reterr)
{
    berth_cleanup(pem_certificate_freep) X509 *parsed = pem_read_certificate(certificate);

    if (!parsed)
        return fail(reterr, "the text is not a certificate");
    if (!is_p256(X509_get0_pubkey(parsed)) || X509_verify(parsed, issuer->key) != 1)
        return fail(reterr, "the certificate was issued by another authority");
    if (!tls_key_hash(X509_get_X509_PUBKEY(parsed), key_hash) ||
        !time_ms(X509_get0_notAfter(parsed), ret_ends_ms))
        return fail(reterr, "the certificate cannot be read");
    return 0;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

/* Number of bytes, or -1 when the text is not hexadecimal or does not fit. */
static int from_hex(const char *hex, unsigned char *out, size_t capacity)
{
    size_t length = strlen(hex);

    if (length % 2 != 0 || length / 2 > capacity)
        return -1;
    for (size_t i = 0; i < length / 2; i++) {
        int high = hex_value(hex[2 * i]);
        int low = hex_value(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return -1;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return (int)(length / 2);
}

int issuer_check_signature(const char *certificate, const char *request, const char *signature,
                           struct berth_error *reterr)
{
    berth_cleanup(pem_certificate_freep) X509 *parsed = pem_read_certificate(certificate);
    berth_cleanup(pem_request_freep) X509_REQ *asked = pem_read_request(request);
    berth_cleanup(context_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char bytes[128];
    unsigned char *der = NULL;
    int size = from_hex(signature, bytes, sizeof(bytes));
    int length = asked ? i2d_X509_REQ(asked, &der) : -1;
    bool holds =
        parsed && context && size > 0 && length > 0 &&
        EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, X509_get0_pubkey(parsed)) == 1 &&
        EVP_DigestVerify(context, bytes, (size_t)size, der, (size_t)length) == 1;

    OPENSSL_free(der);
    if (!holds)
        return fail(reterr, "the signature by the old key is wrong");
    return 0;
}
