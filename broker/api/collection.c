/* collection.c - list the rows of an entity in pages, with filters, or show one.
 *
 * Most kinds are completely in memory and listed in order of id, `after` a number. Of kinds that
 * keep ended rows (HAS_PAST) memory has only the open ones, the file has all. Their lists begin
 * with the newest and continue `before` a number; with `after` they are in ascending order.
 * `past=no` lists open rows, from memory; `past=yes` ended rows; without it both, from the file.
 */
#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "api/table/value.h"

#include "api_internal.h"

#define PAGE 100
#define PAGE_MAX 200 /* rows that the loop encodes in a few milliseconds */

/* A filter: a field of the row or of its runtime facts, and the value that it must have. */
struct filter {
    const struct field *field;
    bool runtime;
};

#define FILTERS_MAX ROW_FILTERS_MAX

struct list_query {
    const struct record *record, *runtime_record;
    union row *row; /* the values of the filters, at the same offsets */
    void *runtime;
    struct filter filter[FILTERS_MAX];
    size_t filters;
    bool open, past;   /* list open rows, ended rows */
    bool newest_first; /* rows before `from`, if that is not 0; else after it */
    uint64_t from;
    uint64_t limit;
};

static void list_query_free(struct list_query *query)
{
    free(query->row);
    free(query->runtime);
}

static int read_number(const char *name, const char *text, uint64_t most, uint64_t *ret,
                       struct berth_error *reterr)
{
    if (!value_is_number(text, ret) || *ret > most)
        return berth_fail(reterr, BERTH_E_INVALID, "%s: expected a whole number up to %llu", name,
                          (unsigned long long)most);
    return 0;
}

/* A filter on a hidden field would reveal it. */
static int add_filter(struct request *request, struct list_query *query,
                      const struct target_pair *pair, struct berth_error *reterr)
{
    bool runtime = strncmp(pair->name, "runtime.", 8) == 0 && query->runtime_record;
    const struct record *record = runtime ? query->runtime_record : query->record;
    const struct field *field = value_field(record, runtime ? pair->name + 8 : pair->name);
    void *values = runtime ? query->runtime : (void *)query->row;
    json_t *value = NULL;
    json_t *one;
    int r;

    if (!field || !(field->see & request->caller.see) || field->type == FIELD_LIST)
        return berth_fail(reterr, BERTH_E_INVALID, "%s: cannot filter by unknown field '%s'",
                          record->name, pair->name);
    if (query->filters == FILTERS_MAX)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "more than %d filters", FILTERS_MAX);
    r = value_from_text(field, pair->value, &value, reterr);
    if (r < 0)
        return r;
    one = json_object();
    (void)json_object_set_new(one, field->name, value);
    r = input_resolve(request->api->context->core, record, one, reterr);
    if (r == 0)
        r = record_merge(record, one, values, reterr);
    json_decref(one);
    if (r == 0)
        query->filter[query->filters++] = (struct filter){ .field = field, .runtime = runtime };
    return r;
}

static int read_past(const char *text, struct list_query *query, struct berth_error *reterr)
{
    bool past = false;
    int r = value_yes_no("past", text, &past, reterr);

    query->open = !past;
    query->past = past;
    return r;
}

static int read_pair(struct request *request, struct list_query *query,
                     const struct target_pair *pair, struct berth_error *reterr)
{
    bool has_past = core_keeps_history(request->verb->entity);

    if (strcmp(pair->name, "after") == 0 || (has_past && strcmp(pair->name, "before") == 0)) {
        query->newest_first = pair->name[0] == 'b';
        return read_number(pair->name, pair->value, INT64_MAX, &query->from, reterr);
    }
    if (strcmp(pair->name, "limit") == 0)
        return read_number("limit", pair->value, PAGE_MAX, &query->limit, reterr);
    if (has_past && strcmp(pair->name, "past") == 0)
        return read_past(pair->value, query, reterr);
    return add_filter(request, query, pair, reterr);
}

/* A filter on the state selects open or ended rows, and ended rows have no runtime facts: the
 * others need not be read. */
static void limit_to_states(enum entity_kind kind, struct list_query *query)
{
    for (size_t i = 0; core_keeps_history(kind) && i < query->filters; i++) {
        const struct filter *filter = &query->filter[i];
        bool state = !filter->runtime && strcmp(filter->field->name, "state") == 0;

        if (state && core_has_ended(kind, query->row))
            query->open = false;
        else if (state || filter->runtime)
            query->past = false;
    }
}

static int read_list_query(struct request *request, struct list_query *query,
                           struct berth_error *reterr)
{
    const struct target *target = request->target;
    enum entity_kind kind = request->verb->entity;
    int r = 0;

    *query = (struct list_query){ .record = entity_row(kind)->record,
                                  .runtime_record = collection_runtime(kind),
                                  .row = berth_new(union row),
                                  .open = true,
                                  .past = core_keeps_history(kind),
                                  .newest_first = core_keeps_history(kind),
                                  .limit = PAGE };
    query->runtime = berth_alloc(query->runtime_record ? query->runtime_record->size : 1);
    if (core_keeps_history(kind) && target_value(target, "after") && target_value(target, "before"))
        r = berth_fail(reterr, BERTH_E_INVALID, "give either 'after' or 'before', not both");
    for (size_t i = 0; r == 0 && i < target->pairs; i++)
        r = read_pair(request, query, &target->pair[i], reterr);
    if (query->limit == 0)
        query->limit = PAGE;
    limit_to_states(kind, query);
    return r;
}

static bool is_same(const struct field *field, const void *one, const void *other)
{
    const char *a = (const char *)one + field->offset;
    const char *b = (const char *)other + field->offset;

    if (field->type == FIELD_TEXT || field->type == FIELD_LINES)
        return strcmp(a, b) == 0;
    return memcmp(a, b, field->size) == 0;
}

/* Compare names as they are shown. */
static bool is_shown_as(struct core *core, struct entity *entity, const struct field *field,
                        const void *query)
{
    berth_cleanup(berth_freep) char *text =
        row_field_text(core, entity->kind, entity_row_of(entity), field);

    if (text)
        return strcmp(text, (const char *)query + field->offset) == 0;
    return is_same(field, entity_row_of(entity), query);
}

static bool matches_filters(struct core *core, const struct list_query *query,
                            struct entity *entity, void *runtime)
{
    bool filled = false;

    for (size_t i = 0; i < query->filters; i++) {
        const struct filter *filter = &query->filter[i];

        if (filter->runtime && !filled && query->runtime_record) {
            memset(runtime, 0, query->runtime_record->size);
            filled = row_runtime(core, entity, runtime);
        }
        if (filter->runtime ? !is_same(filter->field, runtime, query->runtime)
                            : !is_shown_as(core, entity, filter->field, query->row))
            return false;
    }
    return true;
}

/* Is this entity in the list? Ended rows are listed from the file. */
static bool is_listed(struct core *core, const struct list_query *query, struct entity *entity,
                      void *runtime)
{
    uint64_t id = ((const union row *)entity_row_of(entity))->id;

    if (query->newest_first ? query->from && id >= query->from : id <= query->from)
        return false;
    return !core_has_ended(entity->kind, entity_row_of(entity)) &&
           matches_filters(core, query, entity, runtime);
}

static void list_memory(struct request *request, const struct list_query *query)
{
    struct core *core = request->api->context->core;
    struct list *all = core_all(core, request->verb->entity); /* in order of id */
    struct list *node = query->newest_first ? all->prev : all->next;
    void *runtime = berth_alloc(query->runtime_record ? query->runtime_record->size : 1);
    json_t *items = json_array();
    uint64_t last = 0;
    bool more = false;

    for (; node != all && !more; node = query->newest_first ? node->prev : node->next) {
        struct entity *entity = entity_of(node);
        const union row *row = (const union row *)entity_row_of(entity);

        if (!is_listed(core, query, entity, runtime))
            continue;
        more = json_array_size(items) == query->limit;
        if (more)
            break;
        (void)json_array_append_new(items, row_json(core, entity->kind, row, request->caller.see));
        last = row->id;
    }
    answer_items(request, items, more ? (int64_t)last : 0);
    free(runtime);
}

/* The page is read asynchronously from the file. */
static int list_file(struct request *request, const struct list_query *query,
                     struct berth_error *reterr)
{
    struct rows_query rows = { .kind = request->verb->entity,
                               .newest_first = query->newest_first,
                               .from = query->from,
                               .past = !query->open,
                               .limit = (int)query->limit,
                               .filters = query->filters,
                               .row = *query->row };

    for (size_t i = 0; i < query->filters; i++)
        rows.filter[i] = query->filter[i].field;
    return past_list(request, &rows, reterr);
}

static int list(struct request *request, struct berth_error *reterr)
{
    struct list_query query;
    int r;

    if (request->step)
        return past_listed(request, reterr);
    r = read_list_query(request, &query, reterr);
    if (r == 0 && query.past)
        r = list_file(request, &query, reterr);
    else if (r == 0 && query.open)
        list_memory(request, &query);
    else if (r == 0)
        answer_items(request, json_array(), 0); /* open and ended are excluded: no row matches */
    list_query_free(&query);
    return r;
}

static int show(struct request *request, struct berth_error *reterr)
{
    const struct entity *entity = request->entity;

    if (request->step)
        return past_shown(request, reterr);
    if (!entity || core_has_ended(entity->kind, entity_row_of(request->entity)))
        return past_show(request, request->id, reterr);
    answer_row_json(request, MHD_HTTP_OK, entity->kind, entity_row_of(request->entity));
    return 0;
}

int plain_run(struct request *request, struct berth_error *reterr)
{
    switch (request->verb->plain) {
    case PLAIN_LIST:
        return list(request, reterr);
    case PLAIN_SHOW:
        return show(request, reterr);
    case PLAIN_ADD:
        return plain_add(request, reterr);
    case PLAIN_SET:
        return plain_set(request, reterr);
    case PLAIN_DELETE:
        return plain_delete(request, reterr);
    case PLAIN_NOT:
        break;
    }
    return berth_fail(reterr, BERTH_E_INTERNAL, "verb '%s' is not implemented",
                      request->verb->symbol);
}
