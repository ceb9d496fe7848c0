/* test_ca.c - the CA is made once, kept, and refused when it is not the same any more. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/tls.h"

#include "auth/auth_setup.h"

#include "pki.h"
#include "test.h"

#define YEAR_MS (INT64_C(365) * 86400000)

static struct berth_loop loop;
static struct berth_random system_random;
static struct offload *pool;
static char folder[32];

static void begin(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/ca-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    EXPECT_OK(loop_init(&loop, NULL));
    random_system(&system_random);
    pool = offload_new(&loop, 1, 8);
}

static void path_of(const char *name, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/ca/%s", folder, name);
}

static void finish(void)
{
    static const char *const names[] = { "ca.key", "ca.crt", "ca.sha256" };
    char path[128];

    offload_free(pool);
    loop_close(&loop);
    for (size_t i = 0; i < BERTH_COUNT(names); i++) {
        path_of(names[i], path, sizeof(path));
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof(path), "%s/ca", folder);
    (void)rmdir(path);
    EXPECT_OK(rmdir(folder));
}

static int open_ca(const char *expected, struct ca **ret, struct berth_error *error)
{
    struct ca_setup setup = { .folder = folder,
                              .site = "St. Anna",
                              .expected_hash = expected,
                              .certificate_h = 24,
                              .signing = pool,
                              .timers = &loop.timers,
                              .random = &system_random };

    *error = (struct berth_error){ 0 };
    return ca_open(&setup, ret, error);
}

static void write_text(const char *name, const char *text)
{
    char path[128];
    FILE *stream;

    path_of(name, path, sizeof(path));
    stream = fopen(path, "we");
    assert_non_null(stream);
    (void)fputs(text, stream);
    (void)fclose(stream);
}

TEST(ca, is_made_once_and_found_again)
{
    struct berth_error error;
    struct ca *ca = NULL;
    struct stat facts;
    char hash[72], again[72], key[72];
    int64_t ends_ms;
    char path[128];

    begin();
    EXPECT_OK(open_ca(NULL, &ca, &error));
    EXPECT_OK(tls_certificate_info(ca_certificate(ca), hash, key, &ends_ms, &error));
    EXPECT(ends_ms > clock_wall_ms() + 9 * YEAR_MS);
    ca_free(ca);
    path_of("ca.key", path, sizeof(path));
    EXPECT_OK(stat(path, &facts));
    EXPECT_INT(facts.st_mode & 0777, 0600);
    EXPECT_OK(open_ca(hash, &ca, &error));
    EXPECT_OK(tls_certificate_info(ca_certificate(ca), again, key, &ends_ms, &error));
    EXPECT_STR(again, hash);
    ca_free(ca);
    finish();
}

TEST(ca, that_expired_or_is_not_valid_yet_is_refused)
{
    struct berth_error error;
    struct ca *ca = NULL;
    int64_t now_ms;

    begin();
    now_ms = loop.timers.wall_ms;
    EXPECT_OK(open_ca(NULL, &ca, &error));
    ca_free(ca);
    loop.timers.wall_ms = now_ms + 11 * YEAR_MS;
    EXPECT_ERR(open_ca(NULL, &ca, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "the certificate authority expired 36");
    loop.timers.wall_ms = now_ms - YEAR_MS;
    EXPECT_ERR(open_ca(NULL, &ca, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "check the clock of this machine");
    finish();
}

TEST(ca, that_is_not_the_recorded_one_is_refused)
{
    struct berth_error error;
    struct ca *ca = NULL;
    unsigned char serial[ISSUER_SERIAL] = { 9 };
    char *key = NULL;
    char *certificate = NULL;
    char path[128];

    begin();
    EXPECT_OK(open_ca(NULL, &ca, &error));
    ca_free(ca);
    EXPECT_OK(issuer_make("Other", clock_wall_ms(), 10, serial, &key, &certificate, NULL));
    write_text("ca.crt", certificate);
    EXPECT_ERR(open_ca(NULL, &ca, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "the authority's key does not belong to its certificate");
    write_text("ca.key", key);
    EXPECT_ERR(open_ca(NULL, &ca, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "wrong authority");
    path_of("ca.sha256", path, sizeof(path));
    EXPECT_OK(unlink(path));
    EXPECT_ERR(open_ca("0123456789abcdef0123456789abcdef", &ca, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "but the database belongs to 0123456789abcdef...");
    /* An authority that an administrator brings along before the first start is theirs to bring. */
    EXPECT_OK(open_ca(NULL, &ca, &error));
    ca_free(ca);
    free(key);
    free(certificate);
    finish();
}

TEST(ca, whose_files_are_gone_is_not_made_anew)
{
    struct berth_error error;
    struct ca *ca = NULL;
    char path[128];

    begin();
    EXPECT_OK(open_ca(NULL, &ca, &error));
    ca_free(ca);
    path_of("ca.key", path, sizeof(path));
    EXPECT_OK(unlink(path));
    EXPECT_ERR(open_ca(NULL, &ca, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "are missing; restore them");
    path_of("ca.sha256", path, sizeof(path));
    EXPECT_OK(unlink(path));
    EXPECT_ERR(open_ca("abc", &ca, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "are missing; restore them");
    finish();
}

TEST(ca, whose_key_others_can_read_is_refused)
{
    struct berth_error error;
    struct ca *ca = NULL;
    char path[128];

    begin();
    EXPECT_OK(open_ca(NULL, &ca, &error));
    ca_free(ca);
    path_of("ca.key", path, sizeof(path));
    EXPECT_OK(chmod(path, 0640));
    EXPECT_ERR(open_ca(NULL, &ca, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "can be read by others (mode 640)");
    finish();
}

struct asked {
    struct op op;
    int done, result;
};

static void asked_done(struct op *op, int result)
{
    struct asked *asked = container_of(op, struct asked, op);

    asked->done++;
    asked->result = result;
}

TEST(ca, signs_a_terminals_certificate)
{
    struct berth_error error;
    struct ca *ca = NULL;
    struct asked asked = { 0 };
    struct ca_certificate got;
    char *key = NULL;
    char *request = NULL;
    char hash[72], key_hash[72], asked_key[72];
    int64_t ends_ms;
    X509 *certificate;
    BIO *bio;
    char name[128];

    begin();
    EXPECT_OK(open_ca(NULL, &ca, &error));
    EXPECT_OK(tls_make_key(&key, NULL));
    EXPECT_OK(tls_make_request(key, "I would like to be root", &request, NULL));
    op_init(&asked.op, &loop.timers, asked_done);
    EXPECT_OK(ca_sign_begin(ca, request, "icu-07", 42, &got, &asked.op));
    EXPECT_INT(asked.done, 0);
    (void)UNTIL(asked.done, loop_turn(&loop, 100));
    EXPECT_INT(asked.result, 0);
    EXPECT_OK(ca_request_key(request, asked_key, NULL));
    EXPECT_STR(got.key_hash, asked_key);
    EXPECT_STR(got.authority, ca_certificate(ca));
    EXPECT_OK(tls_certificate_info(got.certificate, hash, key_hash, &ends_ms, NULL));
    EXPECT_STR(key_hash, asked_key);
    EXPECT_INT(ends_ms, got.not_after_ms);
    EXPECT(ends_ms > clock_wall_ms() + 23 * 3600000 && ends_ms <= clock_wall_ms() + 24 * 3600000);

    /* The names are ours, whatever the request asked for. */
    bio = BIO_new_mem_buf(got.certificate, -1);
    certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    (void)X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof(name));
    EXPECT_STR(name, "/CN=icu-07");
    EXPECT_INT(X509_get_extended_key_usage(certificate), XKU_SSL_CLIENT);
    X509_free(certificate);
    BIO_free(bio);
    free(key);
    free(request);
    ca_free(ca);
    finish();
}

TEST(ca, refuses_requests_that_are_none)
{
    struct berth_error error = { 0 };
    char hash[72];
    char *key = NULL;
    char *request = NULL;
    char *other = NULL;

    EXPECT_ERR(ca_request_key("nonsense", hash, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "not PKCS#10");
    EXPECT_OK(tls_make_key(&key, NULL));
    EXPECT_OK(tls_make_request(key, "a", &request, NULL));
    /* One bit of the signature: the text before last, in the middle of its line. */
    other = strstr(request, "-----END");
    other[-20] = other[-20] == 'A' ? 'B' : 'A';
    EXPECT_ERR(ca_request_key(request, hash, &error), BERTH_E_CERTIFICATE);
    free(key);
    free(request);
}

static const char rsa_request[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIICUzCCATsCAQAwDjEMMAoGA1UEAwwDcnNhMIIBIjANBgkqhkiG9w0BAQEFAAOC\n"
    "AQ8AMIIBCgKCAQEA2B3hDo36SszZvW8YPX0FsW9YM1/fLAZlRhLWnkgBo1alENF1\n"
    "lSLj4tlaxLHIZIFnjAE/BI4vNHvybyXZKQUxrCOd42XDV6Qk1635yOIMesIRlJ1K\n"
    "/JAwAJIJ/ml5yi6EkQVR4OF5SMWNx6v4B4gRaaD5tYsOwLLkcxBFYo4HViZEIH67\n"
    "8rJWxTbjOcHs2jCIuljDqyB/dAIY9Rzz/not74Kw6/0xjGtHIPdBozbn48lRFSzf\n"
    "6tOVhAjNJKwMWKXNfDnmpkyGmDcvNkCR+iRHtFQUF1y/Ktn05MNSt5IYXoGwX8LO\n"
    "vQom0pqR3lagK5FpZBuokMYv3V9Bhd/K2qV/eQIDAQABoAAwDQYJKoZIhvcNAQEL\n"
    "BQADggEBAKOtbAvwn8rvGJC5ojc6vDh52jZAjKLIr4qCQOrBl6osgmch6T8bXFES\n"
    "mfNldHtoxPzQr7ikh957YwqZRCDkfsKEcYUiumgFaTN+06hCXPb0qa/eRpJFP3wz\n"
    "M6xxZChbGeiLnFvEOnMm8BvJzoSI368JkY1cMmUJc52xztxmkK6rCJtBwxgd6TA4\n"
    "HnQhwAGC05ynh6GM+PtdPA+q2Jf5BhIR5DDqsepEIrYC5YgJNIpftsQ4D5ExhYKn\n"
    "XDH5VgX/K1HvE/MUSXNdrNdFwdsiulbwbDlEUsfDr1ugG9aziL88CGmHrhc94NKL\n"
    "wg+tuPKrSeaReB507Ag93la3ph5MDxU=\n"
    "-----END CERTIFICATE REQUEST-----\n";

TEST(ca, refuses_other_kinds_of_keys)
{
    struct berth_error error = { 0 };
    char hash[72];

    EXPECT_ERR(ca_request_key(rsa_request, hash, &error), BERTH_E_CERTIFICATE);
    EXPECT_STR(error.text, "the request's key is not P-256");
}

TEST(ca, gives_the_broker_a_certificate_that_clients_accept)
{
    struct berth_error error;
    struct ca *ca = NULL;
    struct ca_server server;
    struct tls_setup setup = { .side = TLS_SERVER };
    SSL_CTX *context;
    X509 *certificate;
    BIO *bio;

    begin();
    EXPECT_OK(open_ca(NULL, &ca, &error));
    EXPECT_OK(ca_server_certificate(ca, "berth.example 192.0.2.7", &server, &error));
    setup.certificate = server.chain;
    setup.key = server.key;
    context = tls_context(&setup, &error);
    assert_non_null(context);
    bio = BIO_new_mem_buf(server.chain, -1);
    certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    EXPECT_INT(X509_check_host(certificate, "berth.example", 0, 0, NULL), 1);
    EXPECT_INT(X509_check_host(certificate, "localhost", 0, 0, NULL), 1);
    EXPECT_INT(X509_check_ip_asc(certificate, "192.0.2.7", 0), 1);
    EXPECT_INT(X509_check_ip_asc(certificate, "::1", 0), 1);
    EXPECT_INT(X509_check_host(certificate, "elsewhere.example", 0, 0, NULL), 0);
    EXPECT(server.ends_ms > clock_wall_ms() + INT64_C(29) * 86400000);
    X509_free(certificate);
    BIO_free(bio);
    SSL_CTX_free(context);
    ca_free(ca);
    finish();
}

TEST_MAIN()
