/* calls.c - requests and their results: ok binds (I2), a refusal has no effect (I3), a repeated
 * request has one effect (I4), and nothing is promised while the store is full (I26). */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "history/judge_internal.h"

static struct operation *find(struct judge *judge, const char *client, int64_t op, char key[56])
{
    (void)snprintf(key, 56, "%s %lld", client, (long long)op);
    return map_get_text(&judge->calls, key);
}

static void forget(struct judge *judge, struct operation *operation)
{
    (void)map_take_text(&judge->calls, operation->key);
    list_remove(&operation->node);
    judge_drop(operation);
}

/* The row that an operation concerns, when it is in the history. Ids are unique over all kinds. */
static struct fact *fact_of(struct judge *judge, enum history_request what, uint64_t id)
{
    static const enum history_entity any[] = { history_entity_USER,    history_entity_BADGE,
                                               history_entity_POOL,    history_entity_TERMINAL,
                                               history_entity_DESKTOP, history_entity_COMMAND,
                                               history_entity_OTHER };
    struct fact *fact = NULL;

    if (!id)
        return NULL;
    if (what == history_request_REVOKE || what == history_request_JOIN)
        return fact_make(judge, history_entity_TERMINAL, id);
    if (what == history_request_COMMAND)
        return fact_make(judge, history_entity_COMMAND, id);
    if (what != history_request_DISABLE && what != history_request_CHANGE)
        return NULL;
    for (size_t i = 0; i < BERTH_COUNT(any) && !fact; i++)
        fact = fact_find(judge, any[i], id);
    return fact;
}

static bool is_out(struct judge *judge, uint64_t user_id)
{
    const struct user *user = user_id ? map_get_id(&judge->users, user_id) : NULL;

    return user && user->out_us && judge->now_us > user->out_us + SECOND_US;
}

/* A sign-on has the id of its badge. */
static bool is_badge_out(struct judge *judge, uint64_t badge_id)
{
    const struct fact *badge = fact_find(judge, history_entity_BADGE, badge_id);

    return badge && badge->over && judge->now_us > badge->at_us + SECOND_US;
}

void calls_invoke(struct judge *judge, const struct history_invoke *invoke)
{
    char key[56];
    struct operation *operation = find(judge, invoke->client, invoke->op, key);

    if (operation) /* repeated under its number: a new try */
        forget(judge, operation);
    operation = judge_make(judge, sizeof(*operation));
    memcpy(operation->key, key, sizeof(key));
    operation->what = invoke->what;
    operation->user_id = invoke->user_id;
    operation->id = invoke->id;
    operation->at_us = judge->now_us;
    operation->line = judge->number;
    operation->degraded = judge->life.degraded;
    operation->life = judge->life.number;
    operation->disabled = is_out(judge, invoke->user_id);
    operation->badge_out = is_badge_out(judge, invoke->id);
    operation->root = strcmp(invoke->client, "root") == 0;
    operation->records = judge->trail.administrator;
    (void)snprintf(operation->request, sizeof(operation->request), "%s", invoke->request);
    operation->fact = fact_of(judge, invoke->what, invoke->id);
    if (operation->fact) {
        operation->version = operation->fact->version;
        operation->nth = ++operation->fact->calls;
        operation->fact->open_calls++;
    }
    if (invoke->terminal[0])
        terminal_named(judge, invoke->terminal)->asked_us = judge->now_us;
    list_append(&judge->operations, &operation->node);
    map_put_text(&judge->calls, operation->key, operation);
}

/* ---- I2: what was answered with ok ---- */

static void bind_answer(struct judge *judge, struct fact *fact, int64_t version, int64_t epoch)
{
    if (!fact)
        return;
    judge_check(judge, 2);
    if (fact->known && (fact->version < version || (!fact->over && fact->epoch < epoch)))
        judge_broken(judge, 2,
                     "%s %llu is answered with version %lld, epoch %lld, but stands at version "
                     "%lld, epoch %lld (line %llu)",
                     history_entity_names[fact->kind], (unsigned long long)fact->id,
                     (long long)version, (long long)epoch, (long long)fact->version,
                     (long long)fact->epoch, (unsigned long long)fact->line);
    if (version > fact->acked_version)
        fact->acked_version = version;
    if (epoch > fact->acked_epoch)
        fact->acked_epoch = epoch;
    fact->acked_line = judge->number;
}

static void bound(struct judge *judge, const struct operation *operation,
                  const struct history_result *result)
{
    if (operation->what == history_request_SIGN_ON && result->session_id)
        bind_answer(judge, fact_make(judge, history_entity_SESSION, result->session_id), 0,
                    result->epoch);
    else if (result->id && result->version)
        bind_answer(judge, fact_of(judge, operation->what, result->id), result->version, 0);
}

/* ---- I3: what was refused ---- */

/* Only administrators change rows of these kinds; flows do not. */
static bool is_managed(enum history_entity kind)
{
    return kind == history_entity_USER || kind == history_entity_BADGE ||
           kind == history_entity_POOL;
}

static void refused(struct judge *judge, const struct operation *operation)
{
    const struct fact *fact = operation->fact;

    if (!fact || !judge->clients_recorded || !is_managed(fact->kind))
        return;
    if (fact->open_calls > 1 || fact->calls != operation->nth)
        return; /* another request may have done it */
    judge_check(judge, 3);
    if (fact->version > operation->version)
        judge_broken(judge, 3, "%s %llu was changed to version %lld by a request that was refused",
                     history_entity_names[fact->kind], (unsigned long long)fact->id,
                     (long long)fact->version);
}

/* ---- I4: the same request again ---- */

struct request {
    char id[64];
    uint64_t session_id, row_id;
    int64_t epoch, version;
    uint64_t line;
};

static void agreed(struct judge *judge, const struct request *first,
                   const struct history_result *result)
{
    judge_check(judge, 4);
    if (result->outcome == history_outcome_FAIL) {
        if (strcasecmp(result->code, "CONFLICT") == 0 || strcasecmp(result->code, "EXISTS") == 0)
            judge_broken(judge, 4, "request '%s' is refused as %s, but had its effect (line %llu)",
                         first->id, result->code, (unsigned long long)first->line);
        return;
    }
    if (result->session_id != first->session_id || result->id != first->row_id ||
        result->epoch != first->epoch || result->version != first->version)
        judge_broken(judge, 4,
                     "request '%s' had its effect twice: %llu at %lld, then %llu at %lld "
                     "(first answer: line %llu)",
                     first->id,
                     (unsigned long long)(first->session_id ? first->session_id : first->row_id),
                     (long long)(first->session_id ? first->epoch : first->version),
                     (unsigned long long)(result->session_id ? result->session_id : result->id),
                     (long long)(result->session_id ? result->epoch : result->version),
                     (unsigned long long)first->line);
}

static void answered(struct judge *judge, const struct operation *operation,
                     const struct history_result *result)
{
    struct request *request;

    if (!operation->request[0] || result->outcome == history_outcome_UNKNOWN)
        return;
    request = map_get_text(&judge->requests, operation->request);
    if (request) {
        agreed(judge, request, result);
        return;
    }
    if (result->outcome != history_outcome_OK)
        return;
    request = judge_make(judge, sizeof(*request));
    (void)snprintf(request->id, sizeof(request->id), "%s", operation->request);
    request->session_id = result->session_id;
    request->row_id = result->id;
    request->epoch = result->epoch;
    request->version = result->version;
    request->line = judge->number;
    map_put_text(&judge->requests, request->id, request);
}

/* ---- I26 and I16: what must not be answered with ok ---- */

static void permitted(struct judge *judge, const struct operation *operation)
{
    bool still = operation->degraded && judge->life.degraded &&
                 operation->life == judge->life.number &&
                 operation->at_us >= judge->life.degraded_us;

    if (operation->degraded) {
        judge_check(judge, 26);
        if (still)
            judge_broken(judge, 26,
                         "%s is answered with ok although the broker cannot commit "
                         "(asked in line %llu)",
                         history_request_names[operation->what],
                         (unsigned long long)operation->line);
    }
    if (operation->what != history_request_SIGN_ON)
        return;
    judge_check(judge, 16);
    if (operation->disabled && is_out(judge, operation->user_id))
        judge_broken(judge, 16, "user %llu signs on (asked in line %llu), but is disabled",
                     (unsigned long long)operation->user_id, (unsigned long long)operation->line);
    if (operation->badge_out && is_badge_out(judge, operation->id))
        judge_broken(judge, 16, "badge %llu opens a session (asked in line %llu), but is disabled",
                     (unsigned long long)operation->id, (unsigned long long)operation->line);
}

/* ---- I28: the local administrator ----
 *
 * Emergency access: root at the broker's own socket is an administrator without directory, password
 * or token, and its changes are audited in the role administrator. So the client "root" is never
 * refused as a person, and each of its changes that is answered with ok has such a record between
 * request and answer. The alert is judged in trail.c.
 */
static void heard(struct judge *judge, const struct operation *operation,
                  const struct history_result *result)
{
    if (!operation->root)
        return;
    judge_check(judge, 28);
    if (result->outcome == history_outcome_FAIL &&
        (strcasecmp(result->code, "CREDENTIALS") == 0 || strcasecmp(result->code, "DENIED") == 0))
        judge_broken(judge, 28, "the local administrator is refused: %s", result->code);
    if (result->outcome == history_outcome_OK && judge->trail.seq &&
        judge->trail.administrator == operation->records)
        judge_broken(judge, 28,
                     "what the local administrator did (asked in line %llu) left no audit "
                     "record",
                     (unsigned long long)operation->line);
}

void calls_result(struct judge *judge, const struct history_result *result)
{
    char key[56];
    struct operation *operation = find(judge, result->client, result->op, key);

    if (!operation)
        return; /* the history begins between request and answer */
    answered(judge, operation, result);
    heard(judge, operation, result);
    switch (result->outcome) {
    case history_outcome_OK:
        permitted(judge, operation);
        bound(judge, operation, result);
        break;
    case history_outcome_FAIL:
        refused(judge, operation);
        break;
    case history_outcome_UNKNOWN:
    case history_outcome_NONE:
    case history_outcome_END:
        break;
    }
    /* An operation without a known outcome stays open: it may still have its effect. */
    if (result->outcome != history_outcome_UNKNOWN && operation->fact)
        operation->fact->open_calls--;
    forget(judge, operation);
}
