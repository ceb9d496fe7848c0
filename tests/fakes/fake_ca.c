/* fake_ca.c - the port ca: an authority whose certificates are plain text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fakes/fake_ports.h"

#define LIFE_MS (INT64_C(7) * 24 * 3600 * 1000)
#define SIGNING_MS 5

struct ca {
    struct environment *environment;
    struct berth_timers *timers;
    struct list jobs;
    int64_t life_ms, signing_ms;
};

struct signing {
    struct list node;
    struct ca *ca;
    struct berth_timer timer;
    struct op *op;
    struct ca_certificate *ret;
    char key_hash[72];
    char terminal[64];
};

struct ca *fake_ca_new(struct environment *environment, struct berth_timers *timers)
{
    struct ca *ca = berth_new(struct ca);

    ca->environment = environment;
    ca->timers = timers;
    ca->life_ms = LIFE_MS;
    ca->signing_ms = SIGNING_MS;
    list_init(&ca->jobs);
    return ca;
}

static void signing_free(struct signing *signing)
{
    timer_stop(signing->ca->timers, &signing->timer);
    list_remove(&signing->node);
    free(signing);
}

void fake_ca_free(struct ca *ca)
{
    list_each (&ca->jobs, node) {
        struct signing *signing = list_entry(node, struct signing, node);

        signing->op->in_flight = false;
        signing_free(signing);
    }
    free(ca);
}

void fake_ca_set_life(struct ca *ca, int64_t life_ms)
{
    ca->life_ms = life_ms;
}

void fake_ca_set_signing(struct ca *ca, int64_t signing_ms)
{
    ca->signing_ms = signing_ms;
}

void fake_ca_request(char *out, size_t size, const char *key)
{
    (void)snprintf(out, size, "request %s", key);
}

void fake_ca_signature(char *out, size_t size, const char *key, const char *request)
{
    char text[256];
    char hex[72];

    (void)snprintf(text, sizeof(text), "signed %s %s", key, request);
    fake_digest(text, hex);
    (void)snprintf(out, size, "%s %s", hex, key);
}

/* ---- the port ---- */

int ca_request_key(const char *request, char key_hash[72], struct berth_error *reterr)
{
    if (strncmp(request, "request ", 8) != 0 || !request[8])
        return berth_fail(reterr, BERTH_E_CERTIFICATE, "this is not a certificate request");
    fake_digest(request + 8, key_hash);
    return 0;
}

/* The signature names its key, which only its owner knows. */
int ca_check_old_key(struct ca *ca, const char *request, const char *certificate,
                     const char *signature, char key_hash[72], int64_t *ret_not_after_ms,
                     struct berth_error *reterr)
{
    const char *key = strchr(signature, ' ');
    char certified[72];
    char expected[256];
    char of_key[72];
    char name[64];

    (void)ca;
    if (sscanf(certificate, "certificate %63s %71s %" SCNd64, name, certified, ret_not_after_ms) !=
        3)
        return berth_fail(reterr, BERTH_E_CERTIFICATE, "this certificate is not of our authority");
    if (!key)
        return berth_fail(reterr, BERTH_E_CERTIFICATE, "this is not a signature");
    fake_ca_signature(expected, sizeof(expected), key + 1, request);
    fake_digest(key + 1, of_key);
    if (strcmp(expected, signature) != 0 || strcmp(of_key, certified) != 0)
        return berth_fail(reterr, BERTH_E_CERTIFICATE, "the signature is not by the earlier key");
    (void)snprintf(key_hash, 72, "%s", certified);
    return 0;
}

static void signed_now(struct berth_timer *timer)
{
    struct signing *signing = container_of(timer, struct signing, timer);
    struct ca_certificate *ret = signing->ret;
    struct op *op = signing->op;

    ret->not_after_ms = signing->ca->timers->wall_ms + signing->ca->life_ms;
    (void)snprintf(ret->key_hash, sizeof(ret->key_hash), "%s", signing->key_hash);
    (void)snprintf(ret->certificate, sizeof(ret->certificate), "certificate %s %s %" PRId64,
                   signing->terminal, signing->key_hash, ret->not_after_ms);
    (void)snprintf(ret->authority, sizeof(ret->authority), "authority of the stories");
    signing_free(signing);
    op_complete(op, 0, NULL);
}

static void cancel(struct op *op)
{
    signing_free(op->handle);
}

int ca_sign_begin(struct ca *ca, const char *request, const char *terminal, uint64_t terminal_id,
                  struct ca_certificate *ret, struct op *op)
{
    struct signing *signing = berth_new(struct signing);

    (void)terminal_id; /* the real one writes it into the certificate; here the name is enough */
    signing->ca = ca;
    signing->op = op;
    signing->ret = ret;
    list_append(&ca->jobs, &signing->node);
    (void)snprintf(signing->terminal, sizeof(signing->terminal), "%s", terminal);
    if (ca_request_key(request, signing->key_hash, &op->error) < 0) {
        signing_free(signing);
        return BERTH_E_CERTIFICATE;
    }
    timer_start(ca->timers, &signing->timer, ca->signing_ms, signed_now);
    return op_begun(op, cancel, signing);
}
