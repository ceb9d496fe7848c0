/* input.c - parameters from the path, the query and the body, checked against the table of verbs.
 */
#include <stdio.h>
#include <string.h>

#include "api/table/value.h"
#include "core/index.h"

#include "api_internal.h"

/* ---- resolving names ---- */

/* A session has no name; a user's name is accepted if the user has exactly one session. */
static struct entity *session_of_name(struct core *core, const char *name)
{
    struct user *user = user_by_name(core, name);

    if (!user || index_count(core, SESSIONS_OF_USER, user->row.id) != 1)
        return NULL;
    return index_first(core, SESSIONS_OF_USER, user->row.id);
}

int input_find(struct core *core, enum entity_kind kind, const char *name, struct entity **ret,
               struct berth_error *reterr)
{
    uint64_t id;

    /* A number is always an id: names cannot be numbers (admin_check_name). */
    *ret = NULL;
    if (value_is_number(name, &id))
        *ret = core_find(core, kind, id);
    else if (kind == ENTITY_session)
        *ret = session_of_name(core, name);
    else if (record_field(entity_row(kind)->record, "name"))
        *ret = core_find_name(core, kind, name);
    if (!*ret) {
        char kind_name[48];

        verb_name_for_cli(entity_row(kind)->name, kind_name);
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "%s '%s' not found", kind_name, name);
    }
    return 0;
}

static uint64_t id_of(struct entity *entity)
{
    return ((const union row *)entity_row_of(entity))->id;
}

/* Resolve one reference in `input` to a number. A number of a kind with history may be that of a
 * row that is not in memory: the caller checks it. */
static int resolve_one(struct core *core, const struct field *field, json_t *input,
                       struct berth_error *reterr)
{
    json_t *value = json_object_get(input, field->name);
    enum entity_kind kind = entity_kind_of(field->refers);
    struct entity *entity;
    uint64_t id;
    int r;

    if (kind == ENTITY_NONE || !value)
        return 0;
    if (json_is_integer(value) && json_integer_value(value) > 0 && !core_keeps_history(kind) &&
        !core_find(core, kind, (uint64_t)json_integer_value(value)))
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "%s: %s %lld not found", field->name,
                          field->refers, (long long)json_integer_value(value));
    if (!json_is_string(value))
        return 0;
    if (json_string_length(value) == 0) {
        (void)json_object_set_new(input, field->name, json_integer(0));
        return 0;
    }
    r = input_find(core, kind, json_string_value(value), &entity, reterr);
    if (r == 0)
        id = id_of(entity);
    else if (!core_keeps_history(kind) || !value_is_number(json_string_value(value), &id))
        return r;
    (void)json_object_set_new(input, field->name, json_integer((json_int_t)id));
    return 0;
}

int input_resolve(struct core *core, const struct record *record, json_t *input,
                  struct berth_error *reterr)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        char shorter[48];
        int r;

        if (field->type != FIELD_ID)
            continue;
        value_short_name(field, shorter);
        if (strcmp(shorter, field->name) != 0 && json_object_get(input, shorter)) {
            if (json_object_get(input, field->name))
                return berth_fail(reterr, BERTH_E_INVALID,
                                  "'%s' and '%s' are the same field; give one of them", shorter,
                                  field->name);
            (void)json_object_set(input, field->name, json_object_get(input, shorter));
            (void)json_object_del(input, shorter);
        }
        r = resolve_one(core, field, input, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- collecting ---- */

static int put_text(const struct record *record, json_t *input, const char *name, const char *text,
                    struct berth_error *reterr)
{
    const struct field *field = value_field(record, name);
    json_t *value;
    int r;

    if (!field)
        return berth_fail(reterr, BERTH_E_INVALID, "%s: unknown parameter '%s'", record->name,
                          name);
    if (json_object_get(input, field->name))
        return berth_fail(reterr, BERTH_E_INVALID, "'%s' is given twice", name);
    r = value_from_text(field, text, &value, reterr);
    if (r < 0)
        return r;
    (void)json_object_set_new(input, field->name, value);
    return 0;
}

static int read_body(const struct request *request, json_t **ret, struct berth_error *reterr)
{
    json_t *json;

    if (!request->body_size) {
        *ret = json_object();
        return 0;
    }
    json = json_parse(request->body, request->body_size, BODY_DEPTH, reterr);
    if (!json)
        return reterr->code;
    if (!json_is_object(json)) {
        json_decref(json);
        return berth_fail(reterr, BERTH_E_INVALID, "the body must be a JSON object");
    }
    *ret = json;
    return 0;
}

static bool is_reserved(const struct request *request, const char *name)
{
    if (strcmp(name, "dry_run") == 0)
        return true;
    return request->verb->plain == PLAIN_LIST; /* filters are parsed by collection.c */
}

static int read_query(const struct request *request, const struct record *record, json_t *input,
                      struct berth_error *reterr)
{
    const struct target *target = request->target;

    for (size_t i = 0; i < target->pairs; i++) {
        const char *name = target->pair[i].name;
        int r;

        if (is_reserved(request, name))
            continue;
        if (request->verb->method == POST || request->verb->method == PATCH || !record)
            return berth_fail(reterr, BERTH_E_INVALID, "'%s' must be in the body, not in the URL",
                              name);
        r = put_text(record, input, name, target->pair[i].value, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_needs(const struct verb *verb, const json_t *input, struct berth_error *reterr)
{
    for (size_t i = 0; i < verb->params->count; i++) {
        const char *name = verb->params->fields[i].name;

        if (verb_needs(verb, name) && !json_object_get(input, name))
            return berth_fail(reterr, BERTH_E_INVALID, "'%s' is missing: %s", name,
                              verb->params->fields[i].sentence);
    }
    return 0;
}

static int read_special(struct request *request, json_t *input, struct berth_error *reterr)
{
    const struct verb *verb = request->verb;
    char name[48];
    int r = 0;

    for (size_t i = 0; r == 0 && verb_brace(verb->path, i, name); i++)
        r = put_text(verb->params, input, name, request->brace[i], reterr);
    if (r == 0)
        r = read_query(request, verb->params, input, reterr);
    if (r == 0)
        r = input_resolve(request->api->context->core, verb->params, input, reterr);
    if (r == 0)
        r = check_needs(verb, input, reterr);
    if (r < 0)
        return r;
    request->params = berth_alloc(verb->params->size);
    return record_merge(verb->params, input, request->params, reterr);
}

/* ---- plain verbs ---- */

/* Only the fields that entities.def says people may give. */
static int check_fields(enum entity_kind kind, json_t *input, struct berth_error *reterr)
{
    const char *name;
    json_t *value;

    json_object_foreach(input, name, value)
    {
        const struct field *field = record_field(entity_row(kind)->record, name);

        if (!field)
            return berth_fail(reterr, BERTH_E_INVALID, "%s: unknown field '%s'",
                              entity_row(kind)->name, name);
        if (!entity_takes(kind, field))
            return berth_fail(reterr, BERTH_E_INVALID, "%s: '%s' is read-only",
                              entity_row(kind)->name, name);
    }
    return 0;
}

/* The version that a change is based on may be in the body, as in the row, or in If-Match. */
static int take_version(struct request *request, json_t *input, struct berth_error *reterr)
{
    const json_t *version = json_object_get(input, "version");

    if (!version)
        return 0;
    if (!json_is_integer(version) || json_integer_value(version) < 1)
        return berth_fail(reterr, BERTH_E_INVALID, "version: expected a whole number from 1");
    if (request->if_version && request->if_version != json_integer_value(version))
        return berth_fail(reterr, BERTH_E_INVALID, "If-Match and version differ");
    request->if_version = json_integer_value(version);
    (void)json_object_del(input, "version");
    return 0;
}

/* A number may be that of an ended row: past.c reads it from the file. */
static int find_plain(struct request *request, struct berth_error *reterr)
{
    struct core *core = request->api->context->core;
    enum entity_kind kind = request->verb->entity;

    if (request->verb->plain == PLAIN_SHOW && core_keeps_history(kind) &&
        value_is_number(request->brace[0], &request->id)) {
        request->entity = core_find(core, kind, request->id);
        return 0;
    }
    return input_find(core, kind, request->brace[0], &request->entity, reterr);
}

static int read_plain(struct request *request, json_t *input, struct berth_error *reterr)
{
    struct core *core = request->api->context->core;
    const struct verb *verb = request->verb;
    const struct record *record = entity_row(verb->entity)->record;
    int r = read_query(request, NULL, input, reterr);

    if (r == 0 && verb_in_path(verb, "id"))
        r = find_plain(request, reterr);
    if (r < 0 || (verb->plain != PLAIN_ADD && verb->plain != PLAIN_SET))
        return r;

    if (verb->plain == PLAIN_SET)
        r = take_version(request, input, reterr);
    if (r == 0)
        r = input_resolve(core, record, input, reterr);
    if (r == 0)
        r = check_fields(verb->entity, input, reterr);
    if (r < 0)
        return r;
    request->row = berth_new(union row);
    if (request->entity)
        memcpy(request->row, entity_row_of(request->entity), record->size);
    return record_merge(record, input, request->row, reterr);
}

int input_read(struct request *request, struct berth_error *reterr)
{
    json_t *input = NULL;
    int r = read_body(request, &input, reterr);

    if (r < 0)
        return r;
    r = request->verb->plain ? read_plain(request, input, reterr)
                             : read_special(request, input, reterr);
    json_decref(input);
    return r;
}
