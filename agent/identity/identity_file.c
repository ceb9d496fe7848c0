/* identity_file.c - identity.json and pending.pem: read, make requests, check and store answers. */
#include "identity/identity_file.h"

#include <stdio.h>
#include <string.h>

#include "berth/issuer.h"
#include "berth/json.h"
#include "berth/log.h"
#include "berth/tls.h"

#define IDENTITY "identity.json"
#define PENDING "pending.pem"

/* Subject of the requests; the CA puts the terminal's name into the certificate. */
#define COMMON_NAME "berth terminal"

struct agent_identity {
    struct state_dir *state_dir;
    struct agent_identity_facts facts;
    char *key;
    char *certificate;
    char *authority;
    char *pending;         /* key of the request without an answer */
    char pending_hash[72]; /* of its public half */
};

static void wipe(char **text)
{
    if (*text)
        berth_wipe_free(*text, strlen(*text));
    *text = NULL;
}

static char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text ? berth_strdup(text) : NULL;
}

/* Use the members of the document. */
static int load_document(struct agent_identity *identity, const json_t *json,
                         struct berth_error *reterr)
{
    char hash[72];
    char key_hash[72];
    int64_t authority_ends_ms;
    const char *terminal = json_string_value(json_object_get(json, "terminal"));

    identity->key = text_of(json, "key");
    identity->certificate = text_of(json, "certificate");
    identity->authority = text_of(json, "authority");
    if (!identity->key || !identity->certificate || !identity->authority || !terminal)
        return berth_fail(reterr, BERTH_E_INVALID,
                          IDENTITY
                          " is incomplete: key, certificate, authority and terminal are required");
    if (tls_certificate_info(identity->certificate, hash, key_hash, &identity->facts.not_after_ms,
                             reterr) < 0 ||
        tls_certificate_info(identity->authority, identity->facts.authority_hash, key_hash,
                             &authority_ends_ms, reterr) < 0)
        return berth_fail_in(reterr, IDENTITY);
    copy_text(identity->facts.terminal, terminal);
    identity->facts.accepted_ms = json_integer_value(json_object_get(json, "accepted_ms"));
    identity->facts.known = true;
    return 0;
}

/* 0 also when there is no document. */
static int read_identity(struct agent_identity *identity, struct berth_error *reterr)
{
    berth_cleanup(json_unrefp) json_t *json = NULL;
    struct berth_error error = { 0 };
    size_t size = 0;
    char *text = state_file_read(identity->state_dir, IDENTITY, &size, &error);

    if (!text && error.code == BERTH_E_NOT_FOUND)
        return 0;
    if (!text)
        return berth_fail(reterr, error.code, "%s", error.text);
    json = json_parse(text, size, 2, reterr);
    berth_wipe_free(text, size);
    if (!json)
        return berth_fail_in(reterr, IDENTITY);
    return load_document(identity, json, reterr);
}

int agent_identity_open(struct state_dir *state, struct agent_identity **ret,
                        struct berth_error *reterr)
{
    struct agent_identity *identity = berth_new(struct agent_identity);
    size_t size = 0;
    int r;

    identity->state_dir = state;
    r = read_identity(identity, reterr);
    if (r < 0) {
        agent_identity_close(identity);
        return r;
    }
    identity->pending = state_file_read(state, PENDING, &size, NULL);
    if (size == 0)
        wipe(&identity->pending);
    *ret = identity;
    return 0;
}

void agent_identity_close(struct agent_identity *identity)
{
    wipe(&identity->key);
    wipe(&identity->pending);
    free(identity->certificate);
    free(identity->authority);
    free(identity);
}

const struct agent_identity_facts *agent_identity_facts(const struct agent_identity *identity)
{
    return &identity->facts;
}

const char *agent_identity_certificate(const struct agent_identity *identity)
{
    return identity->certificate;
}

const char *agent_identity_key(const struct agent_identity *identity)
{
    return identity->key;
}

const char *agent_identity_authority(const struct agent_identity *identity)
{
    return identity->authority;
}

int agent_identity_trust(struct agent_identity *identity, const char *authority_hash,
                         struct berth_error *reterr)
{
    struct agent_identity_facts *facts = &identity->facts;

    if (strlen(authority_hash) != 64 || strspn(authority_hash, "0123456789abcdef") != 64)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "invalid hash of a CA; expected 64 hexadecimal digits");
    if (facts->known && strcmp(facts->authority_hash, authority_hash) != 0) {
        log_event(EV_AGENT_JOIN, "terminal", facts->terminal, "was_of", facts->authority_hash,
                  "now_trusts", authority_hash);
        facts->known = false;
        wipe(&identity->key);
        free(berth_take(identity->certificate));
        free(berth_take(identity->authority));
    }
    copy_text(facts->authority_hash, authority_hash);
    return 0;
}

/* Reuse the key of a request without an answer, or make a new one; stored before it is used. */
static int prepare_key(struct agent_identity *identity, bool again, struct berth_error *reterr)
{
    int r;

    if (again && identity->pending)
        return 0;
    wipe(&identity->pending);
    r = tls_make_key(&identity->pending, reterr);
    if (r < 0)
        return r;
    return state_file_write(identity->state_dir, PENDING, identity->pending,
                            strlen(identity->pending), reterr);
}

static int add_old_key(const struct agent_identity *identity, const char *request,
                       struct msg_join_evidence *ret, struct berth_error *reterr)
{
    char *signature = NULL;
    int r = tls_sign_request(identity->key, request, &signature, reterr);

    if (r < 0)
        return r;
    if (strlen(identity->certificate) >= sizeof(ret->certificate) ||
        strlen(signature) >= sizeof(ret->signature)) {
        free(signature);
        return berth_fail(reterr, BERTH_E_TOO_LARGE,
                          "the old certificate does not fit into the join message");
    }
    ret->kind = join_evidence_kind_OLD_KEY;
    copy_text(ret->certificate, identity->certificate);
    copy_text(ret->signature, signature);
    free(signature);
    return 0;
}

int agent_identity_request(struct agent_identity *identity, bool again, char request[1024],
                           struct msg_join_evidence *ret_old, struct berth_error *reterr)
{
    char *text = NULL;
    int r = prepare_key(identity, again, reterr);

    if (r < 0)
        return r;
    r = tls_make_request(identity->pending, COMMON_NAME, &text, reterr);
    if (r < 0)
        return r;
    r = issuer_check_request(text, identity->pending_hash, reterr);
    if (r == 0 && strlen(text) >= 1024)
        r = berth_fail(reterr, BERTH_E_TOO_LARGE,
                       "the certificate request does not fit into the message");
    if (r == 0)
        berth_copy_text(request, 1024, text);
    free(text);
    if (r == 0 && ret_old && identity->facts.known)
        r = add_old_key(identity, request, ret_old, reterr);
    return r;
}

/* Check that the certificate is for the requested key and the CA is the trusted one. */
static int check_answer(const struct agent_identity *identity, const char *certificate,
                        const char *authority, int64_t *ret_not_after_ms,
                        struct berth_error *reterr)
{
    char hash[72];
    char key_hash[72];
    char authority_hash[72];
    int64_t ends_ms;
    int r;

    r = tls_certificate_info(certificate, hash, key_hash, ret_not_after_ms, reterr);
    if (r < 0)
        return r;
    if (!identity->pending || strcmp(key_hash, identity->pending_hash) != 0)
        return berth_fail(reterr, BERTH_E_CERTIFICATE,
                          "the certificate is not for the key of the request");
    if (!authority)
        return berth_fail(reterr, BERTH_E_CERTIFICATE, "the answer names no CA and none is known");
    r = tls_certificate_info(authority, authority_hash, key_hash, &ends_ms, reterr);
    if (r < 0)
        return r;
    if (strcmp(authority_hash, identity->facts.authority_hash) != 0)
        return berth_fail(reterr, BERTH_E_CERTIFICATE, "the CA is not the pinned one");
    return 0;
}

static int save_identity(struct agent_identity *identity, const char *certificate,
                         const char *authority, const char *terminal, int64_t now_ms,
                         struct berth_error *reterr)
{
    berth_cleanup(json_unrefp) json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:I}", "terminal", terminal, "key", identity->pending, "certificate",
        certificate, "authority", authority, "accepted_ms", (json_int_t)now_ms);
    char *text;
    size_t size;
    int r;

    if (!json)
        return berth_fail(reterr, BERTH_E_INVALID, "the answer is not valid UTF-8");
    text = json_text(json);
    size = strlen(text);
    r = state_file_write(identity->state_dir, IDENTITY, text, size, reterr);
    berth_wipe_free(text, size);
    return r;
}

int agent_identity_accept(struct agent_identity *identity, const char *certificate,
                          const char *authority, const char *terminal, int64_t now_ms,
                          struct berth_error *reterr)
{
    struct agent_identity_facts *facts = &identity->facts;
    const char *ca = authority ? authority : identity->authority;
    const char *name = terminal ? terminal : facts->terminal;
    int64_t not_after_ms = 0;
    int r;

    r = check_answer(identity, certificate, ca, &not_after_ms, reterr);
    if (r < 0)
        return r;
    r = save_identity(identity, certificate, ca, name, now_ms, reterr);
    if (r < 0)
        return r;

    wipe(&identity->key);
    identity->key = berth_take(identity->pending);
    free(identity->certificate);
    identity->certificate = berth_strdup(certificate);
    if (authority) {
        free(identity->authority);
        identity->authority = berth_strdup(authority);
    }
    if (terminal)
        copy_text(facts->terminal, terminal);
    facts->accepted_ms = now_ms;
    facts->not_after_ms = not_after_ms;
    facts->known = true;
    /* An empty file means that no request is pending: its key now belongs to the identity. */
    return state_file_write(identity->state_dir, PENDING, "", 0, reterr);
}
