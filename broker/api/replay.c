/* replay.c - answer a repeated Idempotency-Key with the first answer, without doing anything again.
 *
 * The store stores keys as well, across restarts, and ensures that nothing is decided twice and
 * that a key is used for one request only; the answers here let a client whose connection broke
 * learn the result. Answers with secrets are not stored: the client has to repeat the operation
 * with another key. Failures are not stored either, because a repetition may succeed.
 *
 * A key belongs to one administrator, or to one uid at the Unix socket; the same key of another
 * caller is independent.
 */
#include <stdio.h>
#include <string.h>

#include "berth/tls.h"

#include "api_internal.h"

#define CACHED_ANSWERS_MAX 512
#define CACHED_ANSWER_SIZE 16384 /* largest answer that is stored */
#define CACHED_ANSWER_MS 3600000

struct cached_answer {
    struct list node; /* oldest first */
    uint64_t owner;
    char id[REQUEST_ID_SIZE];
    char fingerprint[REQUEST_ID_SIZE];
    int64_t at_ms;
    unsigned status; /* 0: the request is not finished */
    char etag[32];
    char location[96];
    char *text;
};

static void cached_answer_free(struct api *api, struct cached_answer *cached)
{
    list_remove(&cached->node);
    api->cached_answers_count--;
    free(cached->text);
    free(cached);
}

void replay_free_all(struct api *api)
{
    list_each (&api->cached_answers, node)
        cached_answer_free(api, list_entry(node, struct cached_answer, node));
}

/* Ids of administrators are unique; uids are mapped to the upper end of the range. */
static uint64_t owner_of(const struct request *request)
{
    uint64_t admin_id = request->caller.admin_id;

    return admin_id ? admin_id : UINT64_MAX - request->client->uid;
}

static void id_of(const struct request *request, char id[REQUEST_ID_SIZE])
{
    char text[128];
    int length = snprintf(text, sizeof(text), "%llu\n%s", (unsigned long long)owner_of(request),
                          request->key);

    tls_sha256_hex(text, (size_t)length, id);
}

static void add_line(char *text, size_t size, const char *line)
{
    size_t length = strlen(text);

    (void)snprintf(text + length, size - length, "%s\n", line ? line : "");
}

/* Role, verb, target and body, separated by line feeds: the target cannot contain any. */
static void fingerprint_of(const struct request *request, char fingerprint[REQUEST_ID_SIZE])
{
    const struct target *target = request->target;
    char text[2 * TARGET_MAX] = "";
    char body[72];

    tls_sha256_hex(request->body ? request->body : "", request->body_size, body);
    add_line(text, sizeof(text), role_names[request->caller.actor.role]);
    add_line(text, sizeof(text), request->verb->symbol);
    add_line(text, sizeof(text), body);
    explicit_bzero(body, sizeof(body));
    for (size_t i = 0; i < VERB_BRACES; i++)
        add_line(text, sizeof(text), request->brace[i]);
    for (size_t i = 0; i < target->pairs; i++) {
        if (strcmp(target->pair[i].name, "dry_run") == 0)
            continue; /* "dry_run=0" is the same as none */
        add_line(text, sizeof(text), target->pair[i].name);
        add_line(text, sizeof(text), target->pair[i].value);
    }
    auth_request_hash(request->api->context->auth, text, strlen(text), fingerprint);
    explicit_bzero(text, sizeof(text));
}

static struct cached_answer *cached_answer_find(struct api *api, const char *id)
{
    int64_t now_ms = api->loop->timers.mono_ms;
    struct cached_answer *found = NULL;

    list_each (&api->cached_answers, node) {
        struct cached_answer *cached = list_entry(node, struct cached_answer, node);

        if (cached->status && now_ms - cached->at_ms > CACHED_ANSWER_MS)
            cached_answer_free(api, cached);
        else if (strcmp(cached->id, id) == 0)
            found = cached;
    }
    return found;
}

static void answer_again(struct request *request, const struct cached_answer *cached)
{
    answer_text(request, cached->status, "application/json; charset=utf-8",
                berth_strdup(cached->text));
    memcpy(request->answer.etag, cached->etag, sizeof(cached->etag));
    memcpy(request->answer.location, cached->location, sizeof(cached->location));
}

static size_t count_of(const struct api *api, uint64_t owner)
{
    size_t count = 0;

    list_each (&api->cached_answers, node)
        count += list_entry(node, struct cached_answer, node)->owner == owner;
    return count;
}

/* Drop the oldest answer of the caller with the most, so that no caller displaces those of others.
 * False when no request is finished.
 */
static bool make_room(struct api *api)
{
    struct cached_answer *oldest = NULL;
    size_t most = 0;

    list_each (&api->cached_answers, node) {
        struct cached_answer *cached = list_entry(node, struct cached_answer, node);
        size_t count;

        if (!cached->status || (oldest && oldest->owner == cached->owner))
            continue;
        count = count_of(api, cached->owner);
        if (count > most) {
            most = count;
            oldest = cached;
        }
    }
    if (oldest)
        cached_answer_free(api, oldest);
    return oldest != NULL;
}

/* Without room the answer is not stored here: the store still has the key. */
static void remember(struct request *request)
{
    const struct admin_actor *actor = &request->caller.actor;
    struct api *api = request->api;
    struct cached_answer *cached;

    if (api->cached_answers_count == CACHED_ANSWERS_MAX && !make_room(api))
        return;
    cached = berth_new(struct cached_answer);
    cached->owner = owner_of(request);
    memcpy(cached->id, actor->request_id, sizeof(cached->id));
    memcpy(cached->fingerprint, actor->request_fingerprint, sizeof(cached->fingerprint));
    cached->at_ms = api->loop->timers.mono_ms;
    list_append(&api->cached_answers, &cached->node);
    api->cached_answers_count++;
    request->keyed = true;
}

int replay_begin(struct request *request, struct berth_error *reterr)
{
    struct admin_actor *actor = &request->caller.actor;
    struct cached_answer *cached;

    /* Nothing is stored for unauthenticated callers, which could displace the answers of others. */
    if (!request->key[0] || request->verb->method == GET || request->dry_run ||
        !request->caller.auth_method)
        return 0;
    id_of(request, actor->request_id);
    fingerprint_of(request, actor->request_fingerprint);
    cached = cached_answer_find(request->api, actor->request_id);
    if (!cached) {
        remember(request);
        return 0;
    }
    if (strcmp(cached->fingerprint, actor->request_fingerprint) != 0)
        return berth_fail(reterr, BERTH_E_CONFLICT,
                          "this Idempotency-Key was used for another request");
    if (!cached->status)
        return berth_fail(reterr, BERTH_E_BUSY,
                          "the request with this Idempotency-Key is not finished");
    answer_again(request, cached);
    return 1;
}

void replay_end(struct request *request)
{
    const struct answer *answer = &request->answer;
    struct cached_answer *cached;

    if (!request->keyed)
        return;
    request->keyed = false;
    cached = cached_answer_find(request->api, request->caller.actor.request_id);
    if (!cached)
        return;
    if (answer->status >= 300 || answer->secret || !answer->text ||
        answer->size > CACHED_ANSWER_SIZE) {
        cached_answer_free(request->api, cached);
        return;
    }
    cached->status = answer->status;
    cached->text = berth_strdup(answer->text);
    memcpy(cached->etag, answer->etag, sizeof(cached->etag));
    memcpy(cached->location, answer->location, sizeof(cached->location));
}
