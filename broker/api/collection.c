/* collection.c - rows of an entity, listed in pages and filtered, or shown one by one. */
#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "api/table/value.h"

#include "room.h"

#define PAGE 100
#define PAGE_MAX 200 /* what the loop encodes in a few milliseconds */

/* One filter: a field of the row or of its live facts must have this value. */
struct filter {
    const struct field *field;
    bool live;
};

#define FILTERS_MAX 8

struct wanted {
    const struct record *record, *live_record;
    union row *row; /* the values wanted, in the same places */
    void *live;
    struct filter filter[FILTERS_MAX];
    size_t filters;
    uint64_t after;
    uint64_t limit;
};

static void wanted_free(struct wanted *wanted)
{
    free(wanted->row);
    free(wanted->live);
}

static int read_number(const char *name, const char *text, uint64_t most, uint64_t *ret,
                       struct berth_error *reterr)
{
    if (!value_is_number(text, ret) || *ret > most)
        return berth_fail(reterr, BERTH_E_INVALID, "%s: expected a whole number up to %llu", name,
                          (unsigned long long)most);
    return 0;
}

/* A filter on a field that one may not see would tell it. */
static int add_filter(struct request *request, struct wanted *wanted,
                      const struct target_pair *pair, struct berth_error *reterr)
{
    bool live = strncmp(pair->name, "live.", 5) == 0 && wanted->live_record;
    const struct record *record = live ? wanted->live_record : wanted->record;
    const struct field *field = value_field(record, live ? pair->name + 5 : pair->name);
    void *values = live ? wanted->live : (void *)wanted->row;
    json_t *value = NULL;
    json_t *one;
    int r;

    if (!field || !(field->see & request->caller.see) || field->type == FIELD_LIST)
        return berth_fail(reterr, BERTH_E_INVALID, "%s: there is no field '%s' to filter by",
                          record->name, pair->name);
    if (wanted->filters == FILTERS_MAX)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "at most %d filters", FILTERS_MAX);
    r = value_from_text(field, pair->value, &value, reterr);
    if (r < 0)
        return r;
    one = json_object();
    (void)json_object_set_new(one, field->name, value);
    r = input_resolve(request->api->rooms->core, record, one, reterr);
    if (r == 0)
        r = record_merge(record, one, values, reterr);
    json_decref(one);
    if (r == 0)
        wanted->filter[wanted->filters++] = (struct filter){ .field = field, .live = live };
    return r;
}

static int read_wanted(struct request *request, struct wanted *wanted, struct berth_error *reterr)
{
    const struct target *target = request->target;
    int r = 0;

    *wanted = (struct wanted){ .record = entity_row(request->verb->entity)->record,
                               .live_record = collection_live(request->verb->entity),
                               .row = berth_new(union row),
                               .limit = PAGE };
    wanted->live = berth_alloc(wanted->live_record ? wanted->live_record->size : 1);
    for (size_t i = 0; r == 0 && i < target->pairs; i++) {
        const struct target_pair *pair = &target->pair[i];

        if (strcmp(pair->name, "after") == 0)
            r = read_number("after", pair->value, INT64_MAX, &wanted->after, reterr);
        else if (strcmp(pair->name, "limit") == 0)
            r = read_number("limit", pair->value, PAGE_MAX, &wanted->limit, reterr);
        else
            r = add_filter(request, wanted, pair, reterr);
    }
    if (wanted->limit == 0)
        wanted->limit = PAGE;
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

/* Names are filtered as they are shown. */
static bool is_shown_so(struct core *core, struct entity *entity, const struct field *field,
                        const void *wanted)
{
    berth_cleanup(berth_freep) char *text = facts_text(core, entity, field);

    if (text)
        return strcmp(text, (const char *)wanted + field->offset) == 0;
    return is_same(field, entity_row_of(entity), wanted);
}

static bool fits(struct core *core, const struct wanted *wanted, struct entity *entity, void *live)
{
    bool filled = false;

    for (size_t i = 0; i < wanted->filters; i++) {
        const struct filter *filter = &wanted->filter[i];

        if (filter->live && !filled && wanted->live_record) {
            memset(live, 0, wanted->live_record->size);
            filled = facts_fill(core, entity, live);
        }
        if (filter->live ? !is_same(filter->field, live, wanted->live)
                         : !is_shown_so(core, entity, filter->field, wanted->row))
            return false;
    }
    return true;
}

static int list(struct request *request, struct berth_error *reterr)
{
    struct core *core = request->api->rooms->core;
    struct wanted wanted;
    json_t *items = json_array();
    uint64_t last = 0;
    bool more = false;
    void *live;
    int r = read_wanted(request, &wanted, reterr);

    live = berth_alloc(wanted.live_record ? wanted.live_record->size : 1);
    if (r == 0) {
        list_each (core_all(core, request->verb->entity), node) {
            struct entity *entity = entity_of(node);
            uint64_t id = ((const union row *)entity_row_of(entity))->id;

            if (id <= wanted.after || !fits(core, &wanted, entity, live))
                continue;
            if (json_array_size(items) == wanted.limit) {
                more = true;
                break;
            }
            (void)json_array_append_new(items, facts_row(core, entity, request->caller.see));
            last = id;
        }
        answer_items(request, json_incref(items), more ? (int64_t)last : 0);
    }
    free(live);
    wanted_free(&wanted);
    json_decref(items);
    return r;
}

static int show(struct request *request, struct berth_error *reterr)
{
    const union row *row = (const union row *)entity_row_of(request->entity);

    return answer_row(request, MHD_HTTP_OK, request->entity->kind, row->id, reterr);
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
    return berth_fail(reterr, BERTH_E_INTERNAL, "verb '%s' has no body", request->verb->symbol);
}
