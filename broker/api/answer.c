/* answer.c - set answers: JSON bodies and errors; or wait before there is one. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api_internal.h"

static const char content_json[] = "application/json; charset=utf-8";

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

int answer_view(struct request *request, const struct record *record, const void *view)
{
    answer_json(request, MHD_HTTP_OK, record_encode(record, view, request->caller.see));
    return 0;
}

int answer_once(struct request *request, unsigned status, const struct record *record,
                const void *view)
{
    json_t *json = record_encode(record, view, SEE_MASK_WIRE);

    answer_json(request, status, json);
    request->answer.secret = true;
    return 0;
}

int answer_result(struct request *request, const char *format, ...)
{
    struct view_result result = { .rev = (int64_t)request->api->context->core->rev };
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(result.text, sizeof(result.text), format, arguments);
    va_end(arguments);
    return answer_view(request, &view_result_record, &result);
}

int answer_items(struct request *request, json_t *items, int64_t next)
{
    json_t *page = json_object();

    (void)json_object_set_new(page, "items", items);
    (void)json_object_set_new(page, "next", next ? json_integer(next) : json_null());
    (void)json_object_set_new(page, "rev",
                              json_integer((json_int_t)request->api->context->core->rev));
    answer_json(request, MHD_HTTP_OK, page);
    return 0;
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

    put(problem.code, row->symbol);
    put(problem.text, berth_error_text(error));
    (void)json_object_set_new(json, "error",
                              record_encode(&view_problem_record, &problem, SEE_MASK_ALL));
    if (request->api) {
        request->api->refused += status < 500;
        request->api->failed += status >= 500;
    }
    answer_json(request, status, json);
}

void answer_wipe(struct answer *answer)
{
    berth_wipe_free(answer->text, answer->size);
    answer->text = NULL;
    answer->size = 0;
    if (answer->file)
        (void)close(answer->file);
    answer->file = 0;
}

/* ---- a verb that waits ---- */

int request_wait(struct request *request, int begun, struct berth_error *reterr)
{
    if (begun < 0) {
        *reterr = request->op.error;
        if (reterr->code == 0)
            reterr->code = begun;
        return begun;
    }
    return REQUEST_WAITS;
}

void *request_scratch(struct request *request, size_t size)
{
    if (!request->scratch) {
        request->scratch = berth_alloc(size);
        request->scratch_size = size;
    }
    return request->scratch;
}
