/* request.c - a request from its first line to its last byte.
 *
 * The library calls request_begin with the first line, request_go_on with the headers, with each
 * piece of the body and at its end, then request_end. All checks that need no body are made at the
 * headers, before a body is read; the verb runs when the body is complete.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "berth/log.h"

#include "api/table/value.h"

#include "api_internal.h"

static void op_done(struct op *op, int result);

static void request_free(struct request *request)
{
    if (request->api)
        list_remove(&request->node);
    if (request->api && request->keyed)
        replay_end(request);
    if (request->params)
        record_wipe(request->verb->params, request->params);
    free(request->params);
    if (request->row)
        explicit_bzero(request->row, sizeof(*request->row));
    free(request->row);
    berth_wipe_free(request->body, request->body_size);
    berth_wipe_free(request->scratch, request->scratch_size);
    json_decref(request->records.items);
    free(request->rows.rows);
    answer_wipe(&request->answer);
    free(request->target);
    explicit_bzero(request, sizeof(*request));
    free(request);
}

void *request_begin(void *context, const char *target, struct MHD_Connection *connection)
{
    struct api *api = (struct api *)context;
    struct request *request = berth_new(struct request);

    request->api = api;
    request->connection = connection;
    request->client = (struct http_client *)MHD_get_connection_info(
                          connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
                          ->socket_context;
    request->client->request = request;
    request->client->receiving_ms = api->loop->timers.mono_ms;
    request->began_ms = api->loop->timers.mono_ms;
    request->target = berth_new(struct target);
    op_init(&request->op, &api->loop->timers, op_done);
    list_append(&api->requests, &request->node);
    if (target_parse(target, request->target, &request->refused) < 0)
        request->target->segments = 0;
    return request;
}

/* ---- checks at the headers ---- */

static bool method_of(const char *method, enum verb_method *ret, bool *ret_head)
{
    *ret_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (*ret_head)
        method = MHD_HTTP_METHOD_GET;
    for (int i = 0; verb_method_names[i]; i++) {
        if (strcmp(method, verb_method_names[i]) == 0) {
            *ret = (enum verb_method)i;
            return true;
        }
    }
    return false;
}

static int route(struct request *request, const char *method, struct berth_error *reterr)
{
    enum verb_method which = GET;
    bool known = method_of(method, &which, &request->head);

    request->verb = verb_route(which, request->target->segment, request->target->segments,
                               request->brace, &request->answer.allowed);
    if (!known)
        request->verb = NULL;
    if (request->verb)
        return 0;
    if (!request->answer.allowed) {
        (void)berth_fail(reterr, BERTH_E_NOT_FOUND, "unknown path");
        return BERTH_E_NOT_FOUND;
    }
    (void)berth_fail(reterr, BERTH_E_UNSUPPORTED, "this path does not support %.16s", method);
    return BERTH_E_UNSUPPORTED;
}

static const char *header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct framing {
    unsigned lengths, codings;
    bool odd; /* a header that contains a NUL */
};

static enum MHD_Result count_framing(void *context, enum MHD_ValueKind kind, const char *name,
                                     size_t name_size, const char *value, size_t value_size)
{
    struct framing *framing = (struct framing *)context;

    (void)kind;
    framing->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    framing->codings += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    if (strlen(name) != name_size || (value && strlen(value) != value_size) || strpbrk(name, " \t"))
        framing->odd = true;
    return MHD_YES;
}

/* The end of the body must be unambiguous, or a proxy and the broker may see different requests
 * (request smuggling). The library (0.9.75) accepts a Content-Length with a Transfer-Encoding, and
 * unknown codings; RFC 9112, section 6.1, requires to refuse the request and to close.
 */
static int check_framing(const struct request *request, struct berth_error *reterr)
{
    const char *coding = header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    struct framing framing = { 0 };

    (void)MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, count_framing,
                                      &framing);
    if (framing.odd)
        return berth_fail(reterr, BERTH_E_PROTOCOL, "malformed header");
    if (framing.lengths + framing.codings > 1)
        return berth_fail(reterr, BERTH_E_PROTOCOL, "conflicting body-length headers");
    if (coding && strcasecmp(coding, "chunked") != 0)
        return berth_fail(reterr, BERTH_E_PROTOCOL,
                          "only the transfer coding 'chunked' is supported");
    return 0;
}

/* Only JSON bodies of limited size are accepted. */
static int check_body(const struct request *request, struct berth_error *reterr)
{
    const char *length = header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const char *type = header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
    bool has_body =
        (length && strcmp(length, "0") != 0) || header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    uint64_t size = 0;

    if (length && (!value_is_number(length, &size) || size > BODY_MAX))
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "the body is larger than %d bytes", BODY_MAX);
    if (!has_body)
        return 0;
    if (request->verb->method == GET || request->verb->method == DELETE)
        return berth_fail(reterr, BERTH_E_INVALID, "%s takes no body",
                          verb_method_names[request->verb->method]);
    if (!type || strncasecmp(type, "application/json", 16) != 0 ||
        (type[16] != '\0' && type[16] != ';' && type[16] != ' '))
        return berth_fail(reterr, BERTH_E_INVALID, "a body must be application/json");
    return 0;
}

/* If-Match is the version from the ETag, `"3"`; with an Idempotency-Key a change may be repeated
 * safely.
 */
static int read_headers(struct request *request, struct berth_error *reterr)
{
    const char *match = header(request, MHD_HTTP_HEADER_IF_MATCH);
    const char *key = header(request, "Idempotency-Key");
    const char *dry = target_value(request->target, "dry_run");
    char version[24] = "";
    uint64_t number = 0;

    if (match) {
        if (sscanf(match, "\"%20[0-9]\"", version) != 1 || !value_is_number(version, &number))
            return berth_fail(reterr, BERTH_E_INVALID, "If-Match must be a version, such as \"3\"");
        request->if_version = (int64_t)number;
    }
    if (key) {
        size_t length = strlen(key);

        if (length == 0 || length >= sizeof(request->key))
            return berth_fail(reterr, BERTH_E_INVALID,
                              "Idempotency-Key must have 1 to 63 characters");
        for (size_t i = 0; i < length; i++)
            if (key[i] < 0x21 || key[i] > 0x7e)
                return berth_fail(reterr, BERTH_E_INVALID,
                                  "Idempotency-Key must be printable ASCII");
        memcpy(request->key, key, length + 1);
    }
    if (dry && strcmp(dry, "0") != 0) {
        if (!(request->verb->flags & VERB_DRY))
            return berth_fail(reterr, BERTH_E_INVALID, "'%s' has no dry run", request->verb->words);
        request->dry_run = true;
    }
    return 0;
}

static bool is_open_while_stopping(const struct request *request)
{
    return request->verb->id == VERB_healthz || request->verb->id == VERB_readyz ||
           request->verb->id == VERB_metrics;
}

/* Assign the connection to the owner of the token; verbs that need no identity do not change it. */
static int identify(struct request *request, struct berth_error *reterr)
{
    int r = caller_identify(request, reterr);

    if (!(request->verb->roles & ROLE_BIT(0)))
        http_client_identified(request->api, request->client,
                               r == 0 ? request->caller.admin_id : 0);
    return r;
}

static int admit(struct request *request, const char *method, struct berth_error *reterr)
{
    int r = request->refused.code;

    if (r < 0) {
        *reterr = request->refused;
        return r;
    }
    r = check_framing(request, reterr);
    if (r < 0)
        request->answer.close = true;
    if (r == 0)
        r = route(request, method, reterr);
    if (r == 0 && request->api->stopping && !is_open_while_stopping(request))
        r = berth_fail(reterr, BERTH_E_CLOSING, "the broker is stopping");
    if (r == 0)
        r = read_headers(request, reterr);
    if (r == 0)
        r = identify(request, reterr);
    if (r == 0)
        r = caller_may(request, reterr);
    if (r == 0)
        r = check_body(request, reterr);
    return r;
}

/* ---- running the verb ---- */

static verb_fn *const specials[VERB_SPECIALS] = {
/* clang-format off */
#define VERB(symbol, method, path, roles, flags, words, shape, view, sentence) [VERB_##symbol] = do_##symbol,
#include "api/verbs.def"
    /* clang-format on */
};

static const char *place_of(const struct request *request)
{
    return request->client && !request->client->local ? request->client->address : "socket";
}

static void fail(struct request *request, const struct berth_error *error)
{
    const char *verb = request->verb ? request->verb->symbol : "";
    const char *symbol = berth_error_row(error->code)->symbol;

    log_event(EV_API_REFUSED, "verb", verb, "who", request->caller.actor.name, "from",
              place_of(request), "error", symbol, "reason", berth_error_text(error));
    answer_failure(request, error);
}

/* The next step of the verb. One that ends sign-ins may end other requests with them. */
static int run_step(struct request *request, struct berth_error *reterr)
{
    int r = request->verb->plain ? plain_run(request, reterr)
                                 : specials[request->verb->id](request, reterr);

    if (request->api->rights_lost)
        request_end_lost(request->api);
    request->api->rights_lost = false;
    return r;
}

/* The caller was identified at the headers; check again, because the body may have taken long. */
static int check_still(const struct request *request, struct berth_error *reterr)
{
    if (caller_holds(request->api, &request->caller))
        return 0;
    return berth_fail(reterr, BERTH_E_CREDENTIALS,
                      "the sign-in or token expired before the request was complete");
}

static bool caller_still_holds(const void *asker)
{
    const struct request *request = asker;

    return caller_holds(request->api, &request->caller);
}

static void run(struct request *request)
{
    struct berth_error error = { 0 };
    int r = check_still(request, &error);

    request->caller.actor.holds = caller_still_holds;
    request->caller.actor.asker = request;
    request->whole = true;
    if (r == 0)
        r = replay_begin(request, &error);
    if (r == 0)
        r = input_read(request, &error);
    if (r == 0)
        r = run_step(request, &error);
    request->entity = NULL; /* a pointer into the core is not valid after this call */
    if (r < 0)
        fail(request, &error);
    if (request->answer.status)
        replay_end(request);
}

static void wake(struct request *request)
{
    if (!request->suspended)
        return;
    request->suspended = false;
    MHD_resume_connection(request->connection);
    http_server_schedule(request->api);
}

static void op_done(struct op *op, int result)
{
    struct request *request = container_of(op, struct request, op);
    struct berth_error error = { 0 };
    int r = result;

    if (!request->connection) { /* the client has disconnected; the decision stays */
        request_free(request);
        return;
    }
    if (r < 0) {
        error = op->error;
        error.code = r;
    } else if (request->verb->method == GET && check_still(request, &error) < 0) {
        /* The rights were lost meanwhile: do not show data that was read, but report a change that
         * was made. */
        r = error.code;
    } else {
        request->step++;
        r = run_step(request, &error);
    }
    if (r == REQUEST_WAITS)
        return;
    if (r < 0)
        fail(request, &error);
    replay_end(request);
    wake(request);
}

void request_abandon(struct request *request)
{
    if (request->answer.stream)
        events_end(request->answer.stream);
    else
        wake(request);
}

/* ---- the library's calls ---- */

static enum MHD_Result take_body(struct request *request, const char *upload, size_t *upload_size)
{
    size_t size = request->body_size + *upload_size;

    if (size > BODY_MAX)
        return MHD_NO; /* a chunked body that is too large can only be stopped by closing */
    request->body = (char *)berth_realloc(request->body, size);
    memcpy(request->body + request->body_size, upload, *upload_size);
    request->body_size = size;
    *upload_size = 0;
    return MHD_YES;
}

static enum MHD_Result finish(struct request *request)
{
    if (request->answer.status)
        return response_queue(request);
    MHD_suspend_connection(request->connection);
    request->suspended = true;
    return MHD_YES;
}

/* The headers were received. A refusal now is answered without reading the body, and the connection
 * is closed. */
static enum MHD_Result headers_received(struct request *request, const char *method)
{
    struct berth_error error = { 0 };

    request->api->asked++;
    if (admit(request, method, &error) == 0)
        return MHD_YES;
    fail(request, &error);
    return response_queue(request);
}

/* NOLINTNEXTLINE(readability-function-size): the library decides how many arguments there are */
enum MHD_Result request_go_on(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **slot)
{
    struct request *request = (struct request *)*slot;

    (void)context;
    (void)connection;
    (void)url;
    if (request->client->ended)
        return MHD_NO;
    if (!request->caller.see) {
        request->caller.see =
            SEE_MASK_ALL; /* until the answer is set; also marks that the headers were processed */
        if (strcmp(version, MHD_HTTP_VERSION_1_1) != 0 &&
            strcmp(version, MHD_HTTP_VERSION_1_0) != 0)
            return MHD_NO;
        return headers_received(request, method);
    }
    if (*upload_size)
        return take_body(request, upload, upload_size);
    request->client->receiving_ms = 0;
    if (!request->whole)
        run(request);
    return finish(request);
}

void request_end(void *context, struct MHD_Connection *connection, void **slot,
                 enum MHD_RequestTerminationCode code)
{
    struct request *request = (struct request *)*slot;

    (void)context;
    (void)connection;
    (void)code;
    if (!request)
        return;
    *slot = NULL;
    request->connection = NULL;
    if (request->client) {
        request->client->receiving_ms = 0;
        request->client->request = NULL;
    }
    request->client = NULL;
    if (request->answer.stream)
        events_leave(berth_take(request->answer.stream));
    if (request->op.in_flight && request->op.cancel)
        op_cancel(&request->op);
    if (!request->op.in_flight)
        request_free(request);
}

void request_end_lost(struct api *api)
{
    list_each (&api->requests, node) {
        struct request *request = list_entry(node, struct request, node);

        if (!request->connection || !(request->answer.stream || request->answer.file_size) ||
            caller_holds(api, &request->caller))
            continue;
        log_event(EV_API_REFUSED, "verb", request->verb->symbol, "who", request->caller.actor.name,
                  "from", place_of(request), "reason", "its sign-in or token expired");
        if (request->answer.stream)
            events_end(request->answer.stream);
        else
            (void)shutdown(request->client->descriptor, SHUT_RDWR);
    }
}

void request_drop_all(struct api *api)
{
    list_each (&api->requests, node) {
        struct request *request = list_entry(node, struct request, node);

        if (request->suspended)
            MHD_resume_connection(request->connection);
        request->suspended = false;
        request->api = NULL;
        list_remove(&request->node);
    }
}
