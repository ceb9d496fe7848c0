/* past.c - list and show ended rows, from the file.
 *
 * The reader's thread reads a page (rows_page.h limits the work), the loop encodes at most PAGE_MAX
 * rows. When the client disconnects, request_end cancels the operation.
 */
#include <stdio.h>

#include "api_internal.h"

static int begin(struct request *request, const struct rows_query *query,
                 struct berth_error *reterr)
{
    return request_wait(
        request,
        store_rows_begin(request->api->context->store, query, &request->rows, &request->op),
        reterr);
}

int past_listed(struct request *request, struct berth_error *reterr)
{
    const struct rows_page *page = &request->rows;
    enum entity_kind kind = request->verb->entity;
    size_t size = entity_row(kind)->record->size;
    json_t *items = json_array();

    (void)reterr;
    for (size_t i = 0; i < page->count; i++)
        (void)json_array_append_new(items, row_json(request->api->context->core, kind,
                                                    page->rows + i * size, request->caller.see));
    return answer_items(request, items, (int64_t)page->next);
}

int past_list(struct request *request, const struct rows_query *query, struct berth_error *reterr)
{
    return begin(request, query, reterr);
}

static int is_missing(const struct request *request, struct berth_error *reterr)
{
    char kind_name[48];

    verb_name_for_cli(entity_row(request->verb->entity)->name, kind_name);
    return berth_fail(reterr, BERTH_E_NOT_FOUND, "%s '%llu' not found", kind_name,
                      (unsigned long long)request->id);
}

int past_shown(struct request *request, struct berth_error *reterr)
{
    const struct rows_page *page = &request->rows;

    if (!page->count)
        return is_missing(request, reterr);
    answer_row_json(request, MHD_HTTP_OK, request->verb->entity, page->rows);
    return 0;
}

int past_show(struct request *request, uint64_t id, struct berth_error *reterr)
{
    enum entity_kind kind = request->verb->entity;
    struct rows_query query = { .kind = kind,
                                .limit = 1,
                                .filter = { record_field(entity_row(kind)->record, "id") },
                                .filters = 1,
                                .row = { .id = id } };

    request->id = id;
    if (!id)
        return is_missing(request, reterr);
    return begin(request, &query, reterr);
}
