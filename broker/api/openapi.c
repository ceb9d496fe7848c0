/* openapi.c - the OpenAPI 3.1 description of the API, made from the tables of verbs, entities and
 * views. */
#include <stdio.h>
#include <string.h>

#include "api/table/value.h"

#include "api_internal.h"

static json_t *reference(const char *name)
{
    char path[96];

    (void)snprintf(path, sizeof(path), "#/components/schemas/%s", name);
    return json_pack("{s:s}", "$ref", path);
}

/* ---- schemas of fields ---- */

static json_t *enum_schema(const struct field *field)
{
    json_t *words = json_array();

    for (size_t i = 1; field->names[i]; i++)
        (void)json_array_append_new(words, json_string(field->names[i]));
    return json_pack("{s:s, s:o}", "type", "string", "enum", words);
}

/* In answers an id or a time may be null. */
static json_t *number_schema(const struct field *field, bool answer)
{
    json_t *schema = json_object();
    bool nullable = answer && field->type != FIELD_INT;

    (void)json_object_set_new(
        schema, "type", nullable ? json_pack("[s, s]", "integer", "null") : json_string("integer"));
    (void)json_object_set_new(schema, "format", json_string("int64"));
    (void)json_object_set_new(schema, "minimum", json_integer(0));
    if (field->type == FIELD_INT && field->max < INT64_MAX)
        (void)json_object_set_new(schema, "maximum", json_integer(field->max));
    return schema;
}

/* In requests a reference is a number or a name. */
static json_t *reference_schema(void)
{
    return json_pack("{s:[{s:s, s:i}, {s:s}]}", "oneOf", "type", "integer", "minimum", 0, "type",
                     "string");
}

static json_t *field_schema(const struct field *field, bool answer)
{
    json_t *schema = NULL;
    char sentence[320];

    switch (field->type) {
    case FIELD_BOOL:
        schema = json_pack("{s:s}", "type", "boolean");
        break;
    case FIELD_ID:
        schema = answer || !field->refers[0] ? number_schema(field, answer) : reference_schema();
        break;
    case FIELD_INT:
    case FIELD_TIME:
        schema = number_schema(field, answer);
        break;
    case FIELD_TEXT:
    case FIELD_LINES:
        schema =
            json_pack("{s:s, s:I}", "type", "string", "maxLength", (json_int_t)field->size - 1);
        break;
    case FIELD_ENUM:
        schema = enum_schema(field);
        if (answer) /* not an enum of known values: later versions may add some */
            schema = json_pack("{s:[o, {s:s}]}", "oneOf", schema, "type", "null");
        break;
    case FIELD_SECRET:
        schema = json_pack("{s:s, s:s, s:i}", "type", "string", "format", "password", "maxLength",
                           SECRET_MAX - 1);
        break;
    case FIELD_LIST:
        schema = json_pack("{s:s, s:o}", "type", "array", "items", reference(field->sub->name));
        break;
    }
    (void)snprintf(sentence, sizeof(sentence), "%s%s%s", field->sentence,
                   field->unit[0] ? ", in " : "", field->unit);
    if (sentence[0])
        (void)json_object_set_new(schema, "description", json_string(sentence));
    return schema;
}

/* ---- schemas of records ---- */

static json_t *object_schema(const char *sentence, json_t *properties)
{
    return json_pack("{s:s, s:s, s:o}", "type", "object", "description", sentence, "properties",
                     properties);
}

static json_t *view_schema(const struct record *record)
{
    json_t *properties = json_object();

    for (size_t i = 0; i < record->count; i++)
        if (record->fields[i].see)
            (void)json_object_set_new(properties, record->fields[i].name,
                                      field_schema(&record->fields[i], true));
    return object_schema(record->sentence, properties);
}

static bool has_name(const char *refers)
{
    enum entity_kind kind = refers[0] ? entity_kind_of(refers) : ENTITY_NONE;

    return kind && record_field(entity_row(kind)->record, "name");
}

/* A row in an answer: its fields, the names of referenced entities, its runtime facts. */
static json_t *row_schema(enum entity_kind kind)
{
    const struct record *record = entity_row(kind)->record;
    const struct record *runtime = collection_runtime(kind);
    json_t *schema = view_schema(record);
    json_t *properties = json_object_get(schema, "properties");

    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        char shorter[48];

        if (field->type != FIELD_ID || !field->see || !has_name(field->refers))
            continue;
        value_short_name(field, shorter);
        (void)json_object_set_new(properties, shorter,
                                  json_pack("{s:[s, s], s:s}", "type", "string", "null",
                                            "description", "name of the referenced entity"));
    }
    if (runtime)
        (void)json_object_set_new(properties, "runtime", reference(runtime->name));
    return schema;
}

/* The body of add and set. */
static json_t *input_schema(enum entity_kind kind, bool add)
{
    const struct record *record = entity_row(kind)->record;
    json_t *properties = json_object();
    json_t *schema;

    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        char shorter[48];

        if (!entity_takes(kind, field))
            continue;
        value_short_name(field, shorter);
        (void)json_object_set_new(properties, field->name, field_schema(field, false));
        if (strcmp(shorter, field->name) != 0)
            (void)json_object_set_new(
                properties, shorter,
                json_pack("{s:s, s:s}", "type", "string", "description", "the same by name"));
    }
    if (!add)
        (void)json_object_set_new(properties, "version",
                                  json_pack("{s:s, s:i, s:s}", "type", "integer", "minimum", 1,
                                            "description",
                                            "refuse the change when the row has another version"));
    schema = object_schema(record->sentence, properties);
    (void)json_object_set_new(schema, "additionalProperties", json_false());
    if (add && record_field(record, "name"))
        (void)json_object_set_new(schema, "required", json_pack("[s]", "name"));
    return schema;
}

static json_t *problem_schema(void)
{
    return json_pack("{s:s, s:[s], s:{s:o}}", "type", "object", "required", "error", "properties",
                     "error", reference("problem"));
}

static json_t *schemas(void)
{
    json_t *all = json_object();
    char name[80];

    for (size_t i = 0; view_all[i]; i++)
        (void)json_object_set_new(all, view_all[i]->name, view_schema(view_all[i]));
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        const char *entity = entity_row((enum entity_kind)kind)->name;
        unsigned can = entity_row((enum entity_kind)kind)->can;

        (void)snprintf(name, sizeof(name), "row_%s", entity);
        (void)json_object_set_new(all, name, row_schema((enum entity_kind)kind));
        (void)snprintf(name, sizeof(name), "add_%s", entity);
        if (can & CAN_ADD)
            (void)json_object_set_new(all, name, input_schema((enum entity_kind)kind, true));
        (void)snprintf(name, sizeof(name), "set_%s", entity);
        if (can & CAN_SET)
            (void)json_object_set_new(all, name, input_schema((enum entity_kind)kind, false));
    }
    (void)json_object_set_new(all, "failure", problem_schema());
    return all;
}

/* ---- parameters ---- */

static json_t *parameter(const char *name, const char *in, bool needed, const char *sentence,
                         json_t *schema)
{
    return json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "in", in, "required", needed,
                     "description", sentence, "schema", schema);
}

static void add_special_parameters(const struct verb *verb, json_t *parameters)
{
    bool query = verb->method == GET || verb->method == DELETE;

    for (size_t i = 0; i < verb->params->count; i++) {
        const struct field *field = &verb->params->fields[i];
        bool path = verb_in_path(verb, field->name);

        if (path || query)
            (void)json_array_append_new(parameters,
                                        parameter(field->name, path ? "path" : "query",
                                                  path || verb_needs(verb, field->name),
                                                  field->sentence, field_schema(field, false)));
    }
}

static json_t *integer_schema(void)
{
    return json_pack("{s:s, s:i}", "type", "integer", "minimum", 0);
}

/* Every visible field and every runtime fact is a filter. */
static void add_filters(const struct record *record, const char *prefix, json_t *parameters)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        char name[64];

        if (!field->see || field->type == FIELD_LIST || field->type == FIELD_LINES)
            continue;
        (void)snprintf(name, sizeof(name), "%s%s", prefix, field->name);
        (void)json_array_append_new(parameters,
                                    parameter(name, "query", false, "only rows with this value",
                                              field_schema(field, false)));
    }
}

/* Parameters of lists that include ended rows. */
static void add_past(json_t *parameters)
{
    (void)json_array_append_new(
        parameters, parameter("before", "query", false,
                              "rows before this id, the newest first; without `after` and `before` "
                              "the list begins with the newest row",
                              integer_schema()));
    (void)json_array_append_new(
        parameters,
        parameter("past", "query", false,
                  "yes: only ended rows; no: only open rows; not given: both. A page of ended rows "
                  "may have fewer rows than `limit`, even none, although there is a next one",
                  json_pack("{s:s}", "type", "boolean")));
}

static void add_plain_parameters(const struct verb *verb, json_t *parameters)
{
    const struct record *runtime = collection_runtime(verb->entity);

    if (verb_in_path(verb, "id"))
        (void)json_array_append_new(
            parameters, parameter("id", "path", true, "number or name", reference_schema()));
    if (verb->plain == PLAIN_SET)
        (void)json_array_append_new(parameters,
                                    parameter("If-Match", "header", false,
                                              "version that the change is based on, from the ETag",
                                              json_pack("{s:s}", "type", "string")));
    if (verb->plain != PLAIN_LIST)
        return;
    (void)json_array_append_new(
        parameters,
        parameter("after", "query", false, "rows after this id, in order of id", integer_schema()));
    if (entity_row(verb->entity)->can & HAS_PAST)
        add_past(parameters);
    (void)json_array_append_new(
        parameters, parameter("limit", "query", false,
                              "number of rows at most, up to 200; default 100", integer_schema()));
    add_filters(entity_row(verb->entity)->record, "", parameters);
    if (runtime)
        add_filters(runtime, "runtime.", parameters);
}

static json_t *parameters_of(const struct verb *verb)
{
    json_t *parameters = json_array();

    if (verb->plain)
        add_plain_parameters(verb, parameters);
    else
        add_special_parameters(verb, parameters);
    if (verb->flags & VERB_DRY)
        (void)json_array_append_new(
            parameters,
            parameter("dry_run", "query", false, "1: only report what would happen",
                      json_pack("{s:s, s:[s, s]}", "type", "string", "enum", "0", "1")));
    if (verb->method != GET)
        (void)json_array_append_new(
            parameters, parameter("Idempotency-Key", "header", false,
                                  "the same key twice has the effect of one request; another "
                                  "request of the same administrator with it is refused",
                                  json_pack("{s:s, s:i}", "type", "string", "maxLength", 63)));
    if (verb->shape == STREAM)
        (void)json_array_append_new(parameters,
                                    parameter("Last-Event-ID", "header", false,
                                              "rev after which to resume", integer_schema()));
    return parameters;
}

/* ---- bodies and answers ---- */

static json_t *special_body(const struct verb *verb)
{
    json_t *properties = json_object();
    json_t *needs = json_array();
    json_t *schema;

    for (size_t i = 0; i < verb->params->count; i++) {
        const struct field *field = &verb->params->fields[i];

        if (verb_in_path(verb, field->name))
            continue;
        (void)json_object_set_new(properties, field->name, field_schema(field, false));
        if (verb_needs(verb, field->name))
            (void)json_array_append_new(needs, json_string(field->name));
    }
    schema = object_schema(verb->sentence, properties);
    (void)json_object_set_new(schema, "additionalProperties", json_false());
    if (json_array_size(needs))
        (void)json_object_set(schema, "required", needs);
    json_decref(needs);
    return schema;
}

static json_t *body_of(const struct verb *verb)
{
    char name[80];
    json_t *schema;
    bool needed = verb->needs[0] != '\0' || verb->plain;

    if (verb->plain) {
        (void)snprintf(name, sizeof(name), "%s_%s", verb->plain == PLAIN_ADD ? "add" : "set",
                       entity_row(verb->entity)->name);
        schema = reference(name);
    } else {
        schema = special_body(verb);
    }
    return json_pack("{s:b, s:{s:{s:o}}}", "required", needed, "content", "application/json",
                     "schema", schema);
}

static json_t *page_schema(json_t *item)
{
    return json_pack(
        "{s:s, s:{s:{s:s, s:o}, s:{s:[s, s], s:s}, s:{s:s, s:s}}}", "type", "object", "properties",
        "items", "type", "array", "items", item, "next", "type", "integer", "null", "description",
        "`after` of the next page, or `before` where the newest are first; null: the last", "rev",
        "type", "integer", "description", "present state");
}

static json_t *answer_schema(const struct verb *verb)
{
    char name[80];

    if (verb->shape == ROW || verb->shape == ROWS)
        (void)snprintf(name, sizeof(name), "row_%s", entity_row(verb->entity)->name);
    else if (verb->view)
        put(name, verb->view->name);
    switch (verb->shape) {
    case ONE:
    case ROW:
        if (verb->flags & VERB_DRY)
            return json_pack("{s:[o, o]}", "anyOf", reference(name), reference("plan"));
        return reference(name);
    case LIST:
    case ROWS:
        return page_schema(reference(name));
    case STREAM:
    case TEXT:
        break;
    }
    return json_pack("{s:s}", "type", "string");
}

static const char *answer_type(const struct verb *verb)
{
    if (verb->shape == STREAM)
        return "text/event-stream";
    if (verb->id == VERB_metrics || verb->id == VERB_command_logs)
        return "text/plain";
    return "application/json";
}

static bool is_created(const struct verb *verb)
{
    return verb->plain == PLAIN_ADD || verb->id == VERB_token_add || verb->id == VERB_badge_add ||
           verb->id == VERB_terminal_invite || verb->id == VERB_group_join ||
           verb->id == VERB_image_version_add;
}

static json_t *responses_of(const struct verb *verb)
{
    json_t *schema =
        verb->id == VERB_openapi ? json_pack("{s:s}", "type", "object") : answer_schema(verb);
    json_t *good = json_pack("{s:s, s:{s:{s:o}}}", "description", verb->sentence, "content",
                             answer_type(verb), "schema", schema);
    json_t *bad = json_pack("{s:s, s:{s:{s:o}}}", "description", "refused or failed, with a reason",
                            "content", "application/json", "schema", reference("failure"));

    return json_pack("{s:o, s:o}", is_created(verb) ? "201" : "200", good, "default", bad);
}

static json_t *roles_of(const struct verb *verb)
{
    json_t *roles = json_array();

    for (int role = 1; role < role_END; role++)
        if (verb->roles & ROLE_BIT(role))
            (void)json_array_append_new(roles, json_string(role_names[role]));
    return roles;
}

static json_t *operation(const struct verb *verb)
{
    char tag[48];
    json_t *json;

    (void)snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(verb->words, " "), verb->words);
    json = json_pack("{s:s, s:s, s:[s], s:o, s:o, s:o}", "operationId", verb->symbol, "summary",
                     verb->sentence, "tags", tag, "parameters", parameters_of(verb), "responses",
                     responses_of(verb), "x-roles", roles_of(verb));
    if (verb->method == POST || verb->method == PATCH)
        (void)json_object_set_new(json, "requestBody", body_of(verb));
    if (verb->roles & ROLE_BIT(0))
        (void)json_object_set_new(json, "security", json_array());
    return json;
}

static json_t *paths(void)
{
    static const char *const names[] = { "get", "post", "patch", "delete" };
    json_t *all = json_object();
    size_t count;
    const struct verb *verb = verb_table(&count);

    for (size_t i = 0; i < count; i++) {
        json_t *path = json_object_get(all, verb[i].path);

        if (!path) {
            path = json_object();
            (void)json_object_set_new(all, verb[i].path, path);
        }
        (void)json_object_set_new(path, names[verb[i].method], operation(&verb[i]));
    }
    return all;
}

char *openapi_text(void)
{
    json_t *document = json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s, s:s}], s:[{s:[]}], s:o, "
        "s:{s:o, s:{s:{s:s, s:s, s:s}}}}",
        "openapi", "3.1.0", "info", "title", "Berth", "version", BERTH_VERSION, "description",
        "The management API of the Berth session broker. On the Unix socket root, the broker's own "
        "user and one group need no token.",
        "license", "name", "Apache-2.0", "identifier", "Apache-2.0", "servers", "url", "/",
        "description", "this broker", "security", "bearer", "paths", paths(), "components",
        "schemas", schemas(), "securitySchemes", "bearer", "type", "http", "scheme", "bearer",
        "description", "a token for programs (berth_...) or of a sign-in (berths_...)");
    char *text = json_text(document);

    json_decref(document);
    return text;
}
