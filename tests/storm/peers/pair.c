/* pair.c - peers-pair: the CPU time of OpenSSL for a mutual handshake, without a network.
 *
 *     peers-pair PROVISIONED HANDSHAKES
 *
 * Both ends in one process, connected by memory, with the contexts that lib/tls.c makes for berthd
 * and its terminals. The CPU time of each end is measured separately. Then the same for one record
 * in each direction, of the size of a renewal and its answer. One JSON object goes to standard
 * output.
 */
#include <jansson.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/tls.h"

#include "watch.h"

#define RENEW_BYTES 140
#define GRANTED_BYTES 230
#define RECORDS 20000

/* Flights until both are done; TLS 1.3 needs three. */
#define TURNS_MAX 10

struct end {
    SSL *ssl;
    struct tls_peer peer; /* for the callbacks of lib/tls.c */
    int64_t cpu_us;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "peers-pair: %s\n", what);
    exit(1);
}

static char *slurp(const char *folder, const char *name, size_t limit)
{
    char path[512];
    char *text = berth_alloc(limit + 1);
    FILE *stream;
    size_t size;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    stream = fopen(path, "re");
    if (!stream)
        die(path);
    size = fread(text, 1, limit, stream);
    (void)fclose(stream);
    text[size] = '\0';
    return text;
}

static SSL_CTX *context_of(enum tls_side side, const char *certificate, const char *key,
                           const char *authority)
{
    struct berth_error error = { 0 };
    SSL_CTX *context = tls_context(&(struct tls_setup){ .side = side,
                                                        .certificate = certificate,
                                                        .key = key,
                                                        .authority = authority,
                                                        .alpn = "berth/1" },
                                   &error);

    if (!context)
        die(berth_error_text(&error));
    return context;
}

/* Read the first key and certificate of terminals.pem. */
static SSL_CTX *client_context(const char *folder, const char *authority)
{
    char *text = slurp(folder, "terminals.pem", 8192);
    char *certificate = strstr(text, "-----BEGIN CERTIFICATE");
    char *end = certificate ? strstr(certificate, "-----END CERTIFICATE") : NULL;
    char *key;
    SSL_CTX *context;

    if (!end)
        die("terminals.pem holds no terminal");
    end = strchr(end, '\n');
    if (end)
        end[1] = '\0';
    key = berth_strdup(text);
    key[certificate - text] = '\0';
    context = context_of(TLS_CLIENT, certificate, key, authority);
    free(key);
    free(text);
    return context;
}

static void begin(struct end *end, SSL_CTX *context, BIO *in, BIO *out, bool server)
{
    int64_t from_us = watch_thread_cpu_us();

    end->ssl = SSL_new(context);
    if (!end->ssl)
        die("no connection could be made");
    (void)BIO_up_ref(in);
    (void)BIO_up_ref(out);
    SSL_set_bio(end->ssl, in, out);
    (void)SSL_set_app_data(end->ssl, &end->peer);
    if (server)
        SSL_set_accept_state(end->ssl);
    else
        SSL_set_connect_state(end->ssl);
    end->cpu_us += watch_thread_cpu_us() - from_us;
}

static bool turn(struct end *end)
{
    int64_t from_us = watch_thread_cpu_us();
    int r = SSL_do_handshake(end->ssl);

    end->cpu_us += watch_thread_cpu_us() - from_us;
    if (r != 1 && SSL_get_error(end->ssl, r) != SSL_ERROR_WANT_READ)
        die("the handshake failed");
    return r == 1;
}

static void finish(struct end *end)
{
    int64_t from_us = watch_thread_cpu_us();

    SSL_free(end->ssl);
    end->ssl = NULL;
    end->cpu_us += watch_thread_cpu_us() - from_us;
}

static BIO *memory(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (!bio)
        die("no memory");
    (void)BIO_set_mem_eof_return(bio, -1);
    return bio;
}

static void shake(struct end *server, SSL_CTX *at_server, struct end *client, SSL_CTX *at_client)
{
    BIO *up = memory();
    BIO *down = memory();
    bool both = false;

    begin(client, at_client, down, up, false);
    begin(server, at_server, up, down, true);
    for (int i = 0; i < TURNS_MAX && !both; i++) {
        bool client_done = turn(client);

        both = turn(server) && client_done;
    }
    if (!both)
        die("the handshake did not end");
    BIO_free(up);
    BIO_free(down);
}

/* CPU of the server for a renewal and its answer: open one record, seal another. */
static double exchange(struct end *server, struct end *client)
{
    static char bytes[GRANTED_BYTES];
    int64_t spent_us = 0;

    for (int i = 0; i < RECORDS; i++) {
        char plain[512];
        int64_t from_us;

        if (SSL_write(client->ssl, bytes, RENEW_BYTES) <= 0)
            die("a record could not be written");
        from_us = watch_thread_cpu_us();
        if (SSL_read(server->ssl, plain, sizeof(plain)) != RENEW_BYTES ||
            SSL_write(server->ssl, bytes, GRANTED_BYTES) <= 0)
            die("a record could not be read");
        spent_us += watch_thread_cpu_us() - from_us;
        if (SSL_read(client->ssl, plain, sizeof(plain)) != GRANTED_BYTES)
            die("a record could not be read");
    }
    return (double)spent_us / RECORDS;
}

int main(int argc, char **argv)
{
    long handshakes = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    struct end server = { 0 };
    struct end client = { 0 };
    char *authority, *chain, *key;
    SSL_CTX *at_server, *at_client;
    json_t *result;
    double record_us = 0;

    if (handshakes < 1) {
        (void)fprintf(stderr, "usage: peers-pair PROVISIONED HANDSHAKES\n");
        return 2;
    }
    authority = slurp(argv[1], "ca.crt", 8192);
    chain = slurp(argv[1], "server.crt", 8192);
    key = slurp(argv[1], "server.key", 8192);
    at_server = context_of(TLS_SERVER, chain, key, authority);
    at_client = client_context(argv[1], authority);
    for (long i = 0; i < handshakes; i++) {
        shake(&server, at_server, &client, at_client);
        if (i == handshakes - 1)
            record_us = exchange(&server, &client);
        finish(&server);
        finish(&client);
    }
    result = json_pack("{s:I, s:f, s:f, s:f}", "handshakes", (json_int_t)handshakes, "server_us",
                       (double)server.cpu_us / (double)handshakes, "client_us",
                       (double)client.cpu_us / (double)handshakes, "records_us", record_us);
    (void)json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    (void)putchar('\n');
    json_decref(result);
    SSL_CTX_free(at_server);
    SSL_CTX_free(at_client);
    free(authority);
    free(chain);
    berth_wipe_free(key, strlen(key));
    return 0;
}
