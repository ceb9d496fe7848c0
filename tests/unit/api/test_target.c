/* test_target.c - paths and queries are parsed, and refused when they are not valid. */
#include "api/target.h"

#include "test.h"

static struct target target;
static struct berth_error error;

static int parse(const char *text)
{
    error = (struct berth_error){ 0 };
    return target_parse(text, &target, &error);
}

TEST(target, segments_are_decoded)
{
    EXPECT_OK(parse("/v1/places/house-2%2Fward-3"));
    EXPECT_INT(target.segments, 3);
    EXPECT_STR(target.segment[0], "v1");
    EXPECT_STR(target.segment[2], "house-2/ward-3");
    EXPECT_INT(target.pairs, 0);
}

TEST(target, query_has_names_and_values)
{
    EXPECT_OK(parse("/v1/pools?kind=floating&title=Ward+3%20b&dry_run&empty="));
    EXPECT_INT(target.pairs, 4);
    EXPECT_STR(target_value(&target, "kind"), "floating");
    EXPECT_STR(target_value(&target, "title"), "Ward 3 b");
    EXPECT_STR(target_value(&target, "dry_run"), "");
    EXPECT_STR(target_value(&target, "empty"), "");
    EXPECT(target_value(&target, "max") == NULL);
}

TEST(target, utf8_is_welcome_and_other_bytes_are_not)
{
    EXPECT_OK(parse("/v1/users/Zo%C3%AB"));
    EXPECT_STR(target.segment[2], "Zo\xC3\xAB");
    EXPECT_ERR(parse("/v1/users/%FF%FE"), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "UTF-8");
    EXPECT_ERR(parse("/v1/users/%ED%A0%80"), BERTH_E_INVALID); /* half of a surrogate pair */
}

TEST(target, nothing_that_a_terminal_or_log_would_obey)
{
    EXPECT_ERR(parse("/v1/users/a%00b"), BERTH_E_INVALID);
    EXPECT_ERR(parse("/v1/users/a%0d%0ab"), BERTH_E_INVALID);
    EXPECT_ERR(parse("/v1/users?name=%1b[2J"), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "control");
}

TEST(target, bad_escapes_are_refused)
{
    EXPECT_ERR(parse("/v1/%"), BERTH_E_INVALID);
    EXPECT_ERR(parse("/v1/%4"), BERTH_E_INVALID);
    EXPECT_ERR(parse("/v1/%zz"), BERTH_E_INVALID);
    EXPECT_ERR(parse("/v1?a=%4"), BERTH_E_INVALID);
}

TEST(target, a_name_is_given_once)
{
    EXPECT_ERR(parse("/v1/pools?kind=floating&kind=manual"), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "'kind' is given twice");
    EXPECT_ERR(parse("/v1/pools?=x"), BERTH_E_INVALID);
}

TEST(target, sizes_are_capped)
{
    char text[TARGET_MAX + 16];

    memset(text, 'a', sizeof(text));
    text[0] = '/';
    text[TARGET_MAX - 1] = '\0';
    EXPECT_OK(parse(text));
    text[TARGET_MAX - 1] = 'a';
    text[TARGET_MAX] = '\0';
    EXPECT_ERR(parse(text), BERTH_E_TOO_LARGE);
    EXPECT_ERR(parse("/1/2/3/4/5/6/7/8/9"), BERTH_E_TOO_LARGE);
    (void)snprintf(text, sizeof(text), "/v1?");
    for (int i = 0; i <= TARGET_PAIRS; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "p%d=1&", i);
    EXPECT_ERR(parse(text), BERTH_E_TOO_LARGE);
}

TEST(target, only_absolute_paths)
{
    EXPECT_ERR(parse("v1/pools"), BERTH_E_INVALID);
    EXPECT_ERR(parse("http://elsewhere/v1/pools"), BERTH_E_INVALID);
    EXPECT_ERR(parse("*"), BERTH_E_INVALID);
}

TEST_MAIN()
