/* replay.c - the same Idempotency-Key twice: the first answer again, and nothing done a second
 * time.
 *
 * The store remembers keys too, across restarts, and makes sure that nothing is decided twice; this
 * memory is what lets a client whose connection broke learn what came of its request. Answers with
 * secrets in them are not kept: whoever lost one makes a new one. Failures are not kept either: the
 * next try may succeed.
 */
#include <stdio.h>
#include <string.h>

#include "berth/tls.h"

#include "room.h"

#define KEPT_MAX 512
#define KEPT_SIZE 16384 /* of one answer */
#define KEPT_MS 3600000

struct kept {
    struct list node; /* oldest first */
    char scope[72];   /* whose key */
    char what[72];    /* for which request */
    int64_t at_ms;
    unsigned status; /* 0: still under way */
    char etag[32];
    char location[96];
    char *text;
};

static void kept_free(struct api *api, struct kept *kept)
{
    list_remove(&kept->node);
    api->kept_count--;
    free(kept->text);
    free(kept);
}

void replay_free_all(struct api *api)
{
    list_each (&api->kept, node)
        kept_free(api, list_entry(node, struct kept, node));
}

/* Nobody else's key means the same, not that of an administrator who has the name now either. */
static void scope_of(const struct request *request, char scope[72])
{
    const struct caller *caller = &request->caller;
    char text[256];
    int length =
        snprintf(text, sizeof(text), "%llu %s\n%s\n%s", (unsigned long long)caller->admin_id,
                 caller->admin_id ? "" : caller->actor.name, caller->way, caller->actor.request_id);

    tls_sha256_hex(text, (size_t)length, scope);
}

/* Verb, place and body: a key that is used for something else must not get this answer. */
static void what_of(const struct request *request, char what[72])
{
    char text[TARGET_MAX + 128] = "";
    char body[72] = "";
    size_t length;

    tls_sha256_hex(request->body ? request->body : "", request->body_size, body);
    length = (size_t)snprintf(text, sizeof(text), "%s\n%s", request->verb->symbol, body);
    for (size_t i = 0; i < VERB_BRACES && length < sizeof(text); i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "\n%s",
                                   request->brace[i] ? request->brace[i] : "");
    tls_sha256_hex(text, strlen(text), what);
}

static struct kept *kept_find(struct api *api, const char *scope)
{
    int64_t now_ms = api->loop->timers.mono_ms;
    struct kept *found = NULL;

    list_each (&api->kept, node) {
        struct kept *kept = list_entry(node, struct kept, node);

        if (kept->status && now_ms - kept->at_ms > KEPT_MS)
            kept_free(api, kept);
        else if (strcmp(kept->scope, scope) == 0)
            found = kept;
    }
    return found;
}

static void answer_again(struct request *request, const struct kept *kept)
{
    answer_text(request, kept->status, "application/json; charset=utf-8", berth_strdup(kept->text));
    memcpy(request->answer.etag, kept->etag, sizeof(kept->etag));
    memcpy(request->answer.location, kept->location, sizeof(kept->location));
}

static void remember(struct request *request, const char *scope, const char *what)
{
    struct api *api = request->api;
    struct kept *kept;

    if (api->kept_count == KEPT_MAX)
        kept_free(api, list_entry(api->kept.next, struct kept, node));
    kept = berth_new(struct kept);
    memcpy(kept->scope, scope, sizeof(kept->scope));
    memcpy(kept->what, what, sizeof(kept->what));
    kept->at_ms = api->loop->timers.mono_ms;
    list_append(&api->kept, &kept->node);
    api->kept_count++;
    request->keyed = true;
}

int replay_begin(struct request *request, struct berth_error *reterr)
{
    struct kept *kept;
    char scope[72];
    char what[72];

    /* Of somebody whom nobody knows nothing is kept: it would take the place of others' answers. */
    if (!request->caller.actor.request_id[0] || request->verb->method == GET || request->dry_run ||
        !request->caller.way)
        return 0;
    scope_of(request, scope);
    what_of(request, what);
    kept = kept_find(request->api, scope);
    if (!kept) {
        remember(request, scope, what);
        return 0;
    }
    if (strcmp(kept->what, what) != 0)
        return berth_fail(reterr, BERTH_E_CONFLICT,
                          "this Idempotency-Key was used for another request");
    if (!kept->status)
        return berth_fail(reterr, BERTH_E_BUSY,
                          "the request with this Idempotency-Key is still "
                          "under way");
    answer_again(request, kept);
    return 1;
}

void replay_end(struct request *request)
{
    const struct answer *answer = &request->answer;
    struct kept *kept;
    char scope[72];

    if (!request->keyed)
        return;
    request->keyed = false;
    scope_of(request, scope);
    kept = kept_find(request->api, scope);
    if (!kept)
        return;
    if (answer->status >= 300 || answer->secret || !answer->text || answer->size > KEPT_SIZE) {
        kept_free(request->api, kept);
        return;
    }
    kept->status = answer->status;
    kept->text = berth_strdup(answer->text);
    memcpy(kept->etag, answer->etag, sizeof(kept->etag));
    memcpy(kept->location, answer->location, sizeof(kept->location));
}
