/* test_verb.c - the table of verbs: every row is whole, and routes lead where they should. */
#include "api/api_internal.h"
#include "api/table/value.h"
#include "api/table/verb.h"

#include "test.h"

static const struct verb *route(enum verb_method method, const char *path, unsigned *ret_allowed)
{
    static struct target target;
    static const char *values[VERB_BRACES];

    EXPECT_OK(target_parse(path, &target, NULL));
    return verb_route(method, target.segment, target.segments, values, ret_allowed);
}

TEST(verb, every_brace_is_a_parameter)
{
    size_t count;
    const struct verb *verb = verb_table(&count);
    char name[48];

    EXPECT(count > 100);
    for (size_t i = 0; i < count; i++) {
        const struct record *record =
            verb[i].plain ? entity_row(verb[i].entity)->record : verb[i].params;

        for (size_t b = 0; verb_brace(verb[i].path, b, name); b++)
            EXPECT(record_field(record, name));
        for (size_t b = 0; verb_brace(verb[i].words, b, name); b++)
            EXPECT(record_field(record, name));
        EXPECT(verb[i].sentence[0]);
        EXPECT_INT(verb[i].id, i);
    }
}

TEST(verb, no_get_is_for_nobody_and_no_secret_is_in_an_address)
{
    size_t count;
    const struct verb *verb = verb_table(&count);

    for (size_t i = 0; i < count; i++) {
        EXPECT(verb[i].roles & FOR_ADMIN);
        if (verb[i].plain || verb[i].method == POST)
            continue;
        for (size_t f = 0; f < verb[i].params->count; f++)
            EXPECT(verb[i].params->fields[f].type != FIELD_SECRET);
    }
}

TEST(verb, columns_and_fields_of_collections_exist)
{
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        const struct record *record = entity_row((enum entity_kind)kind)->record;
        const struct record *runtime = collection_runtime((enum entity_kind)kind);
        char words[512];
        char *rest = words;
        char *word;

        (void)snprintf(words, sizeof(words), "%s", collection_columns((enum entity_kind)kind));
        EXPECT(words[0]);
        while ((word = strsep(&rest, " "))) {
            if (!*word)
                continue;
            if (strncmp(word, "runtime.", 8) == 0)
                EXPECT(runtime && record_field(runtime, word + 8));
            else
                EXPECT(value_field(record, word));
        }
        for (size_t i = 0; i < record->count; i++)
            EXPECT(!entity_takes((enum entity_kind)kind, &record->fields[i]) ||
                   record->fields[i].see != SEE_NOBODY);
    }
}

TEST(verb, routes_lead_to_their_verbs)
{
    unsigned allowed;

    EXPECT_STR(route(GET, "/v1/pools", &allowed)->symbol, "pool_list");
    EXPECT_INT(allowed, 1u << GET | 1u << POST);
    EXPECT_STR(route(PATCH, "/v1/pools/ward-3", &allowed)->symbol, "pool_set");
    EXPECT_STR(route(GET, "/v1/pools/ward-3/status", &allowed)->symbol, "pool_status");
    EXPECT_STR(route(POST, "/v1/terminals/t1/revoke", &allowed)->symbol, "terminal_revoke");
    EXPECT_STR(route(DELETE, "/v1/groups/nurses/members/eve", &allowed)->symbol, "group_leave");
    EXPECT_STR(route(GET, "/metrics", &allowed)->symbol, "metrics");
    EXPECT(route(POST, "/v1/slots", &allowed) == NULL);
    EXPECT_INT(allowed, 1u << GET);
    EXPECT(route(GET, "/v1/nothing", &allowed) == NULL);
    EXPECT_INT(allowed, 0);
    EXPECT(route(GET, "/", &allowed) == NULL);
    EXPECT(route(GET, "/v1/pools/", &allowed) == NULL);
    EXPECT_INT(allowed, 0);
    EXPECT(route(GET, "/v1/pools/a/status/b", &allowed) == NULL);
}

TEST(verb, keys_are_not_for_everybody)
{
    unsigned allowed;

    EXPECT_INT(route(GET, "/v1/tokens", &allowed)->roles, FOR_AUDIT);
    EXPECT_INT(route(GET, "/v1/admins", &allowed)->roles, FOR_AUDIT);
    EXPECT_INT(route(GET, "/v1/users", &allowed)->roles, FOR_EVERYBODY);
    EXPECT_INT(route(POST, "/v1/users", &allowed)->roles, FOR_ADMIN);
    EXPECT_INT(route(POST, "/v1/pools", &allowed)->roles, FOR_OPERATOR);
}

static bool takes(enum entity_kind kind, const char *name)
{
    return entity_takes(kind, record_field(entity_row(kind)->record, name));
}

TEST(verb, what_is_the_brokers_own_is_not_taken)
{
    EXPECT(takes(ENTITY_pool, "max"));
    EXPECT(!takes(ENTITY_pool, "id"));
    EXPECT(!takes(ENTITY_pool, "version"));
    EXPECT(!takes(ENTITY_terminal, "state"));
    EXPECT(!takes(ENTITY_user, "password_hash"));
}

TEST(verb, the_document_names_every_path)
{
    char *text = openapi_text();
    json_t *document = json_loads(text, 0, NULL);
    size_t count;
    const struct verb *verb = verb_table(&count);

    EXPECT(document);
    EXPECT_STR(json_string_value(json_object_get(document, "openapi")), "3.1.0");
    for (size_t i = 0; i < count; i++)
        EXPECT(json_object_get(json_object_get(document, "paths"), verb[i].path));
    EXPECT(strstr(text, "password_hash") == NULL);
    EXPECT(strstr(text, "token_hash") == NULL);
    json_decref(document);
    free(text);
}

TEST_MAIN()
