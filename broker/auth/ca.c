/* ca.c - the certificate authority of the site: its files, its policy, and signing on the thread
 * pool. */
#include "auth/ca.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "berth/issuer.h"
#include "berth/log.h"
#include "berth/tls.h"

#include "auth/auth_setup.h"

#include "keyfile.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

#define AUTHORITY_DAYS 3650
#define SERVER_DAYS 30

/* Certificates begin in the past: the clock of a terminal may be that of its image until it is set
 * from the broker. */
#define BACKDATE_MS DAY_MS

struct ca {
    struct issuer *issuer;
    struct offload *signing;
    struct berth_timers *timers;
    struct berth_random *random;
    int64_t certificate_h;
};

struct ca_files {
    char folder[KEYFILE_PATH];
    char key[KEYFILE_PATH];
    char certificate[KEYFILE_PATH];
    char hash[KEYFILE_PATH];
};

/* ---- the files ---- */

static int name_files(const char *folder, struct ca_files *files, struct berth_error *reterr)
{
    int r = keyfile_path(folder, "ca", files->folder, reterr);

    if (r == 0)
        r = keyfile_path(folder, "ca/ca.key", files->key, reterr);
    if (r == 0)
        r = keyfile_path(folder, "ca/ca.crt", files->certificate, reterr);
    if (r == 0)
        r = keyfile_path(folder, "ca/ca.sha256", files->hash, reterr);
    return r;
}

/* The hash is written last: without it nothing was signed yet, so an interrupted first start is
 * repeated. */
static int make_authority(const struct ca_setup *setup, const struct ca_files *files,
                          struct berth_error *reterr)
{
    unsigned char serial[ISSUER_SERIAL];
    char *key = NULL;
    char *certificate = NULL;
    int r;

    if (mkdir(files->folder, 0700) < 0 && errno != EEXIST)
        return berth_fail(reterr, BERTH_E_IO, "%s: %s", files->folder, strerror(errno));

    random_fill(setup->random, serial, sizeof(serial));
    r = issuer_make(setup->site, setup->timers->wall_ms, AUTHORITY_DAYS, serial, &key, &certificate,
                    reterr);
    if (r < 0)
        return r;

    r = keyfile_write(files->key, 0600, key, strlen(key), reterr);
    if (r == 0)
        r = keyfile_write(files->certificate, 0644, certificate, strlen(certificate), reterr);
    berth_wipe_free(key, strlen(key));
    free(certificate);
    return r;
}

static int read_authority(const struct ca_files *files, struct issuer **ret,
                          struct berth_error *reterr)
{
    char *key = NULL;
    char *certificate = NULL;
    size_t key_size = 0;
    size_t size = 0;
    int r = keyfile_read(files->key, true, &key, &key_size, reterr);

    if (r == 0)
        r = keyfile_read(files->certificate, false, &certificate, &size, reterr);
    if (r == 0)
        r = issuer_open(key, certificate, ret, reterr);
    if (key)
        berth_wipe_free(key, key_size);
    free(certificate);
    /* Any fault of these files is a CERTIFICATE error: the broker does not start. */
    if (r < 0 && reterr)
        reterr->code = BERTH_E_CERTIFICATE;
    return r < 0 ? BERTH_E_CERTIFICATE : 0;
}

/* The hash recorded when the authority was created; "" when there is none. */
static int read_hash(const struct ca_files *files, char hash[72], struct berth_error *reterr)
{
    char *text = NULL;
    size_t size = 0;
    int r;

    hash[0] = '\0';
    if (!keyfile_exists(files->hash))
        return 0;
    r = keyfile_read(files->hash, false, &text, &size, reterr);
    if (r < 0)
        return r;

    (void)snprintf(hash, 72, "%.*s", (int)strcspn(text, "\n"), text);
    free(text);
    return 0;
}

static int check_span(const struct issuer *issuer, int64_t now_ms, struct berth_error *reterr)
{
    if (now_ms >= issuer_ends_ms(issuer))
        return berth_fail(reterr, BERTH_E_CERTIFICATE,
                          "the certificate authority expired %lld days ago; create a new one and "
                          "let all terminals join again",
                          (long long)((now_ms - issuer_ends_ms(issuer)) / DAY_MS));
    if (now_ms < issuer_begins_ms(issuer))
        return berth_fail(
            reterr, BERTH_E_CERTIFICATE,
            "the certificate authority is not valid yet; check the clock of this machine");
    return 0;
}

/* Is it the authority of the recorded hash and of the database? `recorded` and `expected` may be
 * empty. */
static int check_same(const struct issuer *issuer, const char *recorded, const char *expected,
                      struct berth_error *reterr)
{
    const char *hash = issuer_hash(issuer);

    if (*recorded && strcmp(recorded, hash) != 0)
        return berth_fail(reterr, BERTH_E_CERTIFICATE,
                          "wrong authority: ca.crt is %.16s..., but ca.sha256 has %.16s...; "
                          "restore the old files",
                          hash, recorded);
    if (expected && *expected && strcmp(expected, hash) != 0)
        return berth_fail(reterr, BERTH_E_CERTIFICATE,
                          "wrong authority: ca.crt is %.16s..., but the database belongs to "
                          "%.16s...; restore the old files",
                          hash, expected);
    return 0;
}

static int record_hash(const struct ca_files *files, const struct issuer *issuer,
                       struct berth_error *reterr)
{
    char line[80];

    (void)snprintf(line, sizeof(line), "%s\n", issuer_hash(issuer));
    return keyfile_write(files->hash, 0644, line, strlen(line), reterr);
}

static int open_authority(const struct ca_setup *setup, const struct ca_files *files,
                          struct issuer **ret, struct berth_error *reterr)
{
    bool known_before = setup->expected_hash && *setup->expected_hash;
    bool created = false;
    char recorded[72];
    int r = read_hash(files, recorded, reterr);

    if (r < 0)
        return r;
    if (!keyfile_exists(files->key) || !keyfile_exists(files->certificate)) {
        if (known_before || *recorded)
            return berth_fail(reterr, BERTH_E_CERTIFICATE,
                              "the files ca/ca.key and ca/ca.crt of the authority are missing; "
                              "restore them from a backup");
        r = make_authority(setup, files, reterr);
        if (r < 0)
            return r;
        created = true;
    }

    r = read_authority(files, ret, reterr);
    if (r == 0)
        r = check_same(*ret, recorded, setup->expected_hash, reterr);
    if (r == 0)
        r = check_span(*ret, setup->timers->wall_ms, reterr);
    if (r == 0 && !*recorded)
        r = record_hash(files, *ret, reterr);
    if (r == 0 && created)
        log_event(EV_CA_CREATED, "site", setup->site, "sha256", issuer_hash(*ret));
    return r;
}

int ca_open(const struct ca_setup *setup, struct ca **ret, struct berth_error *reterr)
{
    struct issuer *issuer = NULL;
    struct ca_files files;
    struct ca *ca;
    int r = name_files(setup->folder, &files, reterr);

    if (r == 0)
        r = open_authority(setup, &files, &issuer, reterr);
    if (r < 0) {
        issuer_free(issuer);
        return r;
    }

    ca = berth_new(struct ca);
    *ca = (struct ca){ .issuer = issuer,
                       .signing = setup->signing,
                       .timers = setup->timers,
                       .random = setup->random,
                       .certificate_h = setup->certificate_h };
    *ret = ca;
    return 0;
}

void ca_free(struct ca *ca)
{
    if (!ca)
        return;
    issuer_free(ca->issuer);
    free(ca);
}

const char *ca_certificate(const struct ca *ca)
{
    return issuer_certificate(ca->issuer);
}

void ca_set_certificate_h(struct ca *ca, int64_t hours)
{
    ca->certificate_h = hours;
}

/* ---- the broker's own certificate ---- */

int ca_server_certificate(struct ca *ca, const char *names, struct ca_server *ret,
                          struct berth_error *reterr)
{
    char hosts[1024];
    char certificate[ISSUER_PEM_MAX];
    char *key = NULL;
    char *request = NULL;
    int64_t now_ms = ca->timers->wall_ms;
    struct certificate_params params = { .common_name = "Berth broker",
                                         .hosts = hosts,
                                         .server = true,
                                         .begins_ms = now_ms - BACKDATE_MS,
                                         .ends_ms = now_ms + SERVER_DAYS * DAY_MS };
    int r;

    if (snprintf(hosts, sizeof(hosts), "localhost 127.0.0.1 ::1 %s", names ? names : "") >=
        (int)sizeof(hosts))
        return berth_fail(reterr, BERTH_E_CONFIG, "too many names for the broker's certificate");

    random_fill(ca->random, params.serial, sizeof(params.serial));
    r = tls_make_key(&key, reterr);
    if (r == 0)
        r = tls_make_request(key, params.common_name, &request, reterr);
    if (r == 0) {
        params.request = request;
        r = issuer_sign(ca->issuer, &params, certificate, &ret->ends_ms, reterr);
    }
    if (r == 0) {
        ret->begins_ms = now_ms;
        (void)snprintf(ret->chain, sizeof(ret->chain), "%s%s", certificate, ca_certificate(ca));
        copy_text(ret->key, key);
    }
    if (key)
        berth_wipe_free(key, strlen(key));
    free(request);
    return r;
}

/* ---- terminals ---- */

int ca_request_key(const char *request, char key_hash[72], struct berth_error *reterr)
{
    return issuer_check_request(request, key_hash, reterr);
}

int ca_check_old_key(struct ca *ca, const char *request, const char *certificate,
                     const char *signature, char key_hash[72], int64_t *ret_not_after_ms,
                     struct berth_error *reterr)
{
    int r = issuer_check_issued(ca->issuer, certificate, key_hash, ret_not_after_ms, reterr);

    if (r < 0)
        return r;
    return issuer_check_signature(certificate, request, signature, reterr);
}

struct signing_job {
    struct offload_job job;
    const struct issuer *issuer;
    char request[2048];
    char name[128];
    char uri[64];
    struct certificate_params params;
    struct ca_certificate result;
    struct ca_certificate *ret;
};

/* On the pool. */
static int sign(struct offload_job *job, struct berth_error *error)
{
    struct signing_job *at = container_of(job, struct signing_job, job);
    int r = issuer_check_request(at->request, at->result.key_hash, error);

    if (r < 0)
        return r;
    return issuer_sign(at->issuer, &at->params, at->result.certificate, &at->result.not_after_ms,
                       error);
}

static void deliver_certificate(struct offload_job *job, int result)
{
    struct signing_job *at = container_of(job, struct signing_job, job);

    if (result < 0)
        return;
    copy_text(at->result.authority, issuer_certificate(at->issuer));
    *at->ret = at->result;
}

static void release_signing_job(struct offload_job *job)
{
    free(container_of(job, struct signing_job, job));
}

int ca_sign_begin(struct ca *ca, const char *request, const char *terminal, uint64_t terminal_id,
                  struct ca_certificate *ret, struct op *op)
{
    struct signing_job *at;
    int64_t now_ms = ca->timers->wall_ms;
    int r;

    if (strlen(request) >= sizeof(at->request) || strlen(terminal) >= sizeof(at->name))
        return berth_fail(&op->error, BERTH_E_TOO_LARGE, "the certificate request is too large");

    at = berth_new(struct signing_job);
    at->issuer = ca->issuer;
    at->ret = ret;
    copy_text(at->request, request);
    copy_text(at->name, terminal);
    (void)snprintf(at->uri, sizeof(at->uri), "berth:terminal:%llu",
                   (unsigned long long)terminal_id);
    at->params = (struct certificate_params){ .request = at->request,
                                              .common_name = at->name,
                                              .uri = at->uri,
                                              .begins_ms = now_ms - BACKDATE_MS,
                                              .ends_ms = now_ms + ca->certificate_h * HOUR_MS };
    random_fill(ca->random, at->params.serial, sizeof(at->params.serial));
    at->job.work = sign;
    at->job.deliver = deliver_certificate;
    at->job.release = release_signing_job;
    r = offload_begin(ca->signing, &at->job, op);
    if (r < 0)
        free(at);
    return r;
}
