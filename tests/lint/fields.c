/* fields.c - a field that was added to the tables works end to end: tests/lint/fields.
 *
 * Built only in the copy that tests/lint/fields makes, where every entity that people may add or
 * change has the fields `remark` (may be given) and `mark` (may not).
 */
#include "ctl/ctl.h"
#include "flow/decide.h"
#include "unit/api/api_fixture.h"

/* One row of each kind, in an order in which each finds what it refers to. add: the body of its
 * plain add without the brace that ends it; NULL: it comes otherwise. */
static const struct example {
    enum entity_kind kind;
    const char *add;
} examples[] = {
    { ENTITY_site, "{\"name\":\"north\"" },
    { ENTITY_place, "{\"name\":\"ward\",\"site\":\"north\"" },
    { ENTITY_host, "{\"name\":\"kvm1\",\"uri\":\"test:///default\"" },
    { ENTITY_image, "{\"name\":\"debian\"" },
    { ENTITY_pool, "{\"name\":\"desks\",\"kind\":\"manual\"" },
    { ENTITY_desktop, "{\"name\":\"d1\",\"pool\":\"desks\",\"address\":\"10.0.0.1\"" },
    { ENTITY_terminal, NULL },
    { ENTITY_profile, "{\"name\":\"loud\"" },
    { ENTITY_user, "{\"name\":\"anna\"" },
    { ENTITY_badge, NULL },
    { ENTITY_group, "{\"name\":\"nurses\"" },
    { ENTITY_entitlement, "{\"subject_kind\":\"everyone\",\"pool\":\"desks\"" },
    { ENTITY_admin, "{\"name\":\"chief\",\"role\":\"auditor\"" },
};

static char path[BERTH_COUNT(examples)][96]; /* of each row */

static unsigned can(size_t i)
{
    return entity_row(examples[i].kind)->can;
}

static void add_terminal(void)
{
    struct row_terminal row = { .id = core_next_id(world.context.core),
                                .name = "t1",
                                .state = terminal_WAITING };
    struct changes *changes = changes_new("test", "broker", "terminal.join");

    (void)changes_add(changes, ENTITY_terminal, &row);
    EXPECT(decide_begin(&world.context, changes, NULL, NULL) >= 0);
    while (!terminal_find(world.context.core, row.id))
        loop_turn(&world.loop, 1);
}

static void add(size_t i)
{
    const char *table = entity_row(examples[i].kind)->table;
    char text[256];

    if (examples[i].kind == ENTITY_terminal) {
        add_terminal();
        (void)snprintf(path[i], sizeof(path[i]), "/v1/%s/t1", table);
        return;
    }
    (void)snprintf(text, sizeof(text), "/v1/%s", table);
    if (examples[i].add) {
        char body[256];

        (void)snprintf(body, sizeof(body), "%s,\"remark\":\"first\"}", examples[i].add);
        EXPECT_STATUS(ask("POST", text, body), 201);
        EXPECT_STR(text_at("remark"), "first");
    } else {
        EXPECT_STATUS(ask("POST", "/v1/users/anna/badges", "{\"uid\":\"04aabb\"}"), 201);
    }
    (void)snprintf(path[i], sizeof(path[i]), "/v1/%s/%lld", table, (long long)number_at("id"));
}

TEST(fields, every_kind_that_people_may_change_is_here)
{
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        size_t i = 0;

        while (i < BERTH_COUNT(examples) && examples[i].kind != (enum entity_kind)kind)
            i++;
        if ((entity_row((enum entity_kind)kind)->can & (CAN_ADD | CAN_SET)) != 0 &&
            i == BERTH_COUNT(examples))
            fail_msg("tests/lint/fields.c has no %s", entity_row((enum entity_kind)kind)->name);
    }
}

TEST(fields, a_new_field_is_given_with_a_new_row)
{
    world_start();
    for (size_t i = 0; i < BERTH_COUNT(examples); i++)
        add(i);
}

TEST(fields, a_new_field_is_changed_and_shown)
{
    for (size_t i = 0; i < BERTH_COUNT(examples); i++) {
        EXPECT(can(i) & CAN_SET);
        EXPECT_STATUS(ask("PATCH", path[i], "{\"remark\":\"second\"}"), 200);
        EXPECT_STR(text_at("remark"), "second");
        EXPECT_STATUS(ask("GET", path[i], NULL), 200);
        EXPECT_STR(text_at("remark"), "second");
    }
}

TEST(fields, a_change_of_another_field_leaves_it)
{
    EXPECT_STATUS(ask("PATCH", "/v1/terminals/t1", "{\"tags\":\"red\"}"), 200);
    EXPECT_STR(text_at("remark"), "second");
    EXPECT_STATUS(ask("PATCH", "/v1/users/anna", "{\"title\":\"Anna\"}"), 200);
    EXPECT_STR(text_at("remark"), "second");
    EXPECT_STATUS(ask("PATCH", "/v1/desktops/d1", "{\"port\":3390}"), 200);
    EXPECT_STR(text_at("remark"), "second");
}

TEST(fields, it_is_in_the_file)
{
    world_stop();
    world_serve();
    for (size_t i = 0; i < BERTH_COUNT(examples); i++) {
        EXPECT_STATUS(ask("GET", path[i], NULL), 200);
        EXPECT_STR(text_at("remark"), "second");
    }
}

TEST(fields, what_is_the_brokers_is_refused)
{
    for (size_t i = 0; i < BERTH_COUNT(examples); i++) {
        EXPECT_STATUS(ask("PATCH", path[i], "{\"mark\":7}"), 400);
        EXPECT(strstr(text_at("error.text"), "'mark' is read-only"));
        EXPECT_STATUS(ask("GET", path[i], NULL), 200);
        EXPECT(at("mark") != NULL);
        EXPECT_INT(number_at("mark"), 0);
    }
}

TEST(fields, help_and_openapi_offer_what_may_be_given)
{
    EXPECT_STATUS(ask("GET", "/v1/openapi.json", NULL), 200);
    for (size_t i = 0; i < BERTH_COUNT(examples); i++) {
        const char *name = entity_row(examples[i].kind)->name;
        char *help = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&help, &size);
        char word[64];
        char field[128];

        verb_name_for_cli(name, word);
        EXPECT(ctl_help_about(out, word));
        (void)fclose(out);
        EXPECT(strstr(help, "remark"));
        EXPECT(!strstr(help, " mark "));
        free(help);
        (void)snprintf(field, sizeof(field), "components.schemas.set_%s.properties.remark", name);
        EXPECT(at(field) != NULL);
        (void)snprintf(field, sizeof(field), "components.schemas.set_%s.properties.mark", name);
        EXPECT(at(field) == NULL);
        (void)snprintf(field, sizeof(field), "components.schemas.row_%s.properties.mark", name);
        EXPECT(at(field) != NULL);
    }
    world_end();
}

TEST_MAIN()
