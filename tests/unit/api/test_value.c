/* test_value.c - values as people write them. */
#include "api/table/value.h"
#include "core/rows.h"

#include "test.h"

static struct berth_error error;

static json_t *value(enum entity_kind kind, const char *name, const char *text)
{
    const struct field *field = value_field(entity_row(kind)->record, name);
    json_t *json = NULL;

    error = (struct berth_error){ 0 };
    EXPECT(field);
    return value_from_text(field, text, &json, &error) == 0 ? json : NULL;
}

TEST(value, references_have_a_short_name)
{
    const struct record *pool = entity_row(ENTITY_pool)->record;
    char shorter[48];

    EXPECT_STR(value_field(pool, "image")->name, "image_id");
    EXPECT_STR(value_field(pool, "image_id")->name, "image_id");
    EXPECT(value_field(pool, "imag") == NULL);
    value_short_name(value_field(pool, "image_id"), shorter);
    EXPECT_STR(shorter, "image");
    value_short_name(value_field(pool, "id"), shorter);
    EXPECT_STR(shorter, "id");
}

TEST(value, types_are_kept)
{
    json_t *json = value(ENTITY_pool, "max", "4");

    EXPECT_INT(json_integer_value(json), 4);
    json_decref(json);
    json = value(ENTITY_pool, "image", "debian");
    EXPECT_STR(json_string_value(json), "debian");
    json_decref(json);
    json = value(ENTITY_pool, "image", "7");
    EXPECT_INT(json_integer_value(json), 7);
    json_decref(json);
    json = value(ENTITY_user, "disabled", "Yes");
    EXPECT(json_is_true(json));
    json = value(ENTITY_user, "disabled", "off");
    EXPECT(json_is_false(json));
}

TEST(value, what_does_not_fit_is_refused_with_a_sentence)
{
    EXPECT(value(ENTITY_pool, "max", "four") == NULL);
    EXPECT_SAYS(error.text, "max: expected a whole number, not 'four'");
    EXPECT(value(ENTITY_pool, "max", "-1") == NULL);
    EXPECT(value(ENTITY_pool, "max", "") == NULL);
    EXPECT(value(ENTITY_user, "disabled", "maybe") == NULL);
    EXPECT_SAYS(error.text, "yes or no");
}

TEST(value, numbers_do_not_overflow)
{
    uint64_t number;

    EXPECT(value_is_number("9223372036854775807", &number));
    EXPECT_INT(number, INT64_MAX);
    EXPECT(!value_is_number("9223372036854775808", &number));
    EXPECT(!value_is_number("99999999999999999999999999", &number));
    EXPECT(!value_is_number("+1", &number));
    EXPECT(!value_is_number(" 1", &number));
}

TEST_MAIN()
