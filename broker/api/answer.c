/* answer.c - answers: JSON bodies, headers, and errors. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api_internal.h"

static const char content_json[] = "application/json; charset=utf-8";

/* No answer is a web page: no scripts, frames, type sniffing or caching. */
static const char *const security[][2] = {
    { "X-Content-Type-Options", "nosniff" },
    { "X-Frame-Options", "DENY" },
    { "Referrer-Policy", "no-referrer" },
    { "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Cache-Control", "no-store" },
};

void answer_text(struct request *request, unsigned status, const char *type, char *text)
{
    answer_wipe(&request->answer);
    request->answer.status = status;
    request->answer.type = type;
    request->answer.text = text;
    request->answer.size = strlen(text);
}

int answer_file(struct request *request, const char *type, int descriptor,
                struct berth_error *reterr)
{
    struct stat facts;

    if (fstat(descriptor, &facts) < 0 || !S_ISREG(facts.st_mode)) {
        (void)close(descriptor);
        return berth_fail(reterr, BERTH_E_IO, "it is not a readable file");
    }
    answer_wipe(&request->answer);
    request->answer.status = MHD_HTTP_OK;
    request->answer.type = type;
    request->answer.file = descriptor;
    request->answer.file_size = (uint64_t)facts.st_size;
    return 0;
}

void answer_json(struct request *request, unsigned status, json_t *json)
{
    char *text = json_text(json);

    json_decref(json);
    answer_text(request, status, content_json, text);
}

void answer_view(struct request *request, const struct record *record, const void *view)
{
    answer_json(request, MHD_HTTP_OK, record_encode(record, view, request->caller.see));
}

void answer_once(struct request *request, unsigned status, const struct record *record,
                 const void *view)
{
    json_t *json = record_encode(record, view, SEE_MASK_WIRE);

    answer_json(request, status, json);
    request->answer.secret = true;
}

void answer_result(struct request *request, const char *format, ...)
{
    struct view_result result = { .rev = (int64_t)request->api->context->core->rev };
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(result.text, sizeof(result.text), format, arguments);
    va_end(arguments);
    answer_view(request, &view_result_record, &result);
}

void answer_items(struct request *request, json_t *items, int64_t next)
{
    json_t *page = json_object();

    (void)json_object_set_new(page, "items", items);
    (void)json_object_set_new(page, "next", next ? json_integer(next) : json_null());
    (void)json_object_set_new(page, "rev",
                              json_integer((json_int_t)request->api->context->core->rev));
    answer_json(request, MHD_HTTP_OK, page);
}

void answer_row_json(struct request *request, unsigned status, enum entity_kind kind,
                     const void *row)
{
    (void)snprintf(request->answer.etag, sizeof(request->answer.etag), "\"%lld\"",
                   (long long)((const union row *)row)->version);
    answer_json(request, status,
                row_json(request->api->context->core, kind, row, request->caller.see));
}

int answer_row(struct request *request, unsigned status, enum entity_kind kind, uint64_t id,
               struct berth_error *reterr)
{
    struct entity *entity = core_find(request->api->context->core, kind, id);

    if (!entity)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "it was deleted meanwhile");
    answer_row_json(request, status, kind, entity_row_of(entity));
    return 0;
}

/* A wrong method is status 405, and not that of UNSUPPORTED. */
static unsigned status_of(const struct request *request, const struct berth_error *error)
{
    if (!request->verb && error->code == BERTH_E_UNSUPPORTED)
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    return (unsigned)berth_error_row(error->code)->http;
}

void answer_failure(struct request *request, const struct berth_error *error)
{
    const struct berth_error_row *row = berth_error_row(error->code);
    struct view_problem problem = { .retry = row->retry };
    unsigned status = status_of(request, error);
    json_t *json = json_object();

    (void)snprintf(problem.code, sizeof(problem.code), "%s", row->symbol);
    (void)snprintf(problem.text, sizeof(problem.text), "%s", berth_error_text(error));
    (void)json_object_set_new(json, "error",
                              record_encode(&view_problem_record, &problem, SEE_MASK_ALL));
    if (request->api) {
        request->api->refused += status < 500;
        request->api->failed += status >= 500;
    }
    answer_json(request, status, json);
}

static int take_file(struct answer *answer)
{
    int descriptor = answer->file;

    answer->file = 0;
    return descriptor;
}

void answer_wipe(struct answer *answer)
{
    berth_wipe_free(answer->text, answer->size);
    answer->text = NULL;
    answer->size = 0;
    if (answer->file)
        (void)close(take_file(answer));
}

/* ---- passing the answer to the library ---- */

struct sent_text {
    char *text;
    size_t size;
};

/* An answer may contain a token: wipe it. */
static void text_sent(void *context)
{
    struct sent_text *sent = (struct sent_text *)context;

    berth_wipe_free(sent->text, sent->size);
    free(sent);
}

/* The library sends the file as the client reads it (sendfile), and closes it. */
static struct MHD_Response *response_of_file(struct answer *answer)
{
    int descriptor = take_file(answer);
    struct MHD_Response *response = MHD_create_response_from_fd64(answer->file_size, descriptor);

    if (!response)
        (void)close(descriptor);
    return response;
}

static struct MHD_Response *response_of(struct answer *answer)
{
    struct sent_text *sent = berth_new(struct sent_text);
    struct MHD_Response *response;

    *sent = (struct sent_text){ .text = answer->text, .size = answer->size };
    response = MHD_create_response_from_buffer_with_free_callback_cls(sent->size, sent->text,
                                                                      text_sent, sent);
    if (!response) {
        free(sent);
        return NULL;
    }
    answer->text = NULL;
    answer->size = 0;
    return response;
}

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    if (value[0])
        (void)MHD_add_response_header(response, name, value);
}

static void add_allowed(struct MHD_Response *response, unsigned allowed)
{
    char text[64] = "";
    size_t length = 0;

    for (int i = 0; verb_method_names[i]; i++)
        if (allowed & (1u << i))
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
                                       length ? ", " : "", verb_method_names[i]);
    add(response, MHD_HTTP_HEADER_ALLOW, text);
}

static void add_headers(const struct request *request, struct MHD_Response *response)
{
    const struct answer *answer = &request->answer;

    for (size_t i = 0; i < BERTH_COUNT(security); i++)
        add(response, security[i][0], security[i][1]);
    add(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    add(response, MHD_HTTP_HEADER_ETAG, answer->etag);
    add(response, MHD_HTTP_HEADER_LOCATION, answer->location);
    if (request->client && !request->client->local)
        add(response, "Strict-Transport-Security", "max-age=31536000");
    if (answer->status == MHD_HTTP_UNAUTHORIZED)
        add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"berth\"");
    if (answer->close)
        add(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        add_allowed(response, answer->allowed);
    if (answer->status == MHD_HTTP_TOO_MANY_REQUESTS ||
        answer->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        add(response, MHD_HTTP_HEADER_RETRY_AFTER, "5");
}

enum MHD_Result answer_queue(struct request *request)
{
    struct answer *answer = &request->answer;
    struct MHD_Response *response;
    enum MHD_Result r;

    if (answer->stream)
        response = events_response(answer->stream);
    else
        response = answer->file ? response_of_file(answer) : response_of(answer);
    if (!response)
        return MHD_NO;
    add_headers(request, response);
    request->api->answered[answer->status / 100 < 6 ? answer->status / 100 : 0]++;
    r = MHD_queue_response(request->connection, answer->status, response);
    MHD_destroy_response(response);
    return r;
}
