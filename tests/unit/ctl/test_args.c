/* test_args.c - command lines against the table of verbs. */
#include "ctl/ctl.h"

#include "test.h"

static struct ctl ctl;
static struct berth_error error;

static const struct verb *parse(json_t **ret_params, const char *line)
{
    static char copy[512];
    static char program[] = "berthctl";
    char *argv[32] = { program };
    char *rest = copy;
    int argc = 1;
    size_t words;
    const struct verb *verb;

    ctl_clear(&ctl);
    ctl = (struct ctl){ 0 };
    error = (struct berth_error){ 0 };
    *ret_params = NULL;
    (void)snprintf(copy, sizeof(copy), "%s", line);
    while ((argv[argc] = strsep(&rest, "|")))
        argc++;
    if (ctl_options(&ctl, argc, argv, &error) < 0)
        return NULL;
    verb = ctl_verb(&ctl, &words);
    if (!verb || ctl_params(&ctl, verb, words, ret_params, &error) < 0)
        return NULL;
    return verb;
}

static const char *text(const json_t *params, const char *name)
{
    const char *value = json_string_value(json_object_get(params, name));

    return value ? value : "(none)";
}

TEST(args, a_pool_is_added_in_one_line)
{
    json_t *params;
    const struct verb *verb =
        parse(&params, "pool|add|ward-3|kind=floating|image=debian|max=4|--spare|1");

    EXPECT(verb);
    EXPECT_STR(verb->symbol, "pool_add");
    EXPECT_STR(text(params, "name"), "ward-3");
    EXPECT_STR(text(params, "kind"), "floating");
    EXPECT_STR(text(params, "image_id"), "debian");
    EXPECT_INT(json_integer_value(json_object_get(params, "max")), 4);
    EXPECT_INT(json_integer_value(json_object_get(params, "spare")), 1);
    json_decref(params);
}

TEST(args, special_verbs_come_before_plain_ones)
{
    json_t *params;

    EXPECT_STR(parse(&params, "terminal|show|t1")->symbol, "terminal_show");
    EXPECT_STR(text(params, "terminal"), "t1");
    json_decref(params);
    EXPECT_STR(parse(&params, "pool|show|ward-3")->symbol, "pool_show");
    EXPECT_STR(text(params, "id"), "ward-3");
    json_decref(params);
}

TEST(args, options_are_parameters_too)
{
    json_t *params;

    EXPECT_STR(parse(&params, "explain|eve|--terminal|t1")->symbol, "explain");
    EXPECT_STR(text(params, "user"), "eve");
    EXPECT_STR(text(params, "terminal"), "t1");
    json_decref(params);
    EXPECT_STR(parse(&params, "explain|eve|--terminal=t1|--json")->symbol, "explain");
    EXPECT(ctl.json);
    json_decref(params);
}

TEST(args, optional_arguments_are_left_out_from_the_left)
{
    json_t *params;

    EXPECT(parse(&params, "terminal|message|tag=icu|fire drill"));
    EXPECT_STR(text(params, "text"), "fire drill");
    EXPECT_STR(text(params, "tag"), "icu");
    EXPECT(json_object_get(params, "terminal") == NULL);
    json_decref(params);
    EXPECT(parse(&params, "terminal|message|t1|a=b is fine"));
    EXPECT_STR(text(params, "terminal"), "t1");
    EXPECT_STR(text(params, "text"), "a=b is fine");
    json_decref(params);
}

TEST(args, a_password_never_stands_there)
{
    json_t *params;

    EXPECT(parse(&params, "user|password|eve|password=secret123") == NULL);
    EXPECT_SAYS(error.text, "must not be given on the command line");
    EXPECT(strstr(error.text, "secret123") == NULL);
}

TEST(args, mistakes_are_told)
{
    json_t *params;

    EXPECT(parse(&params, "pool|delete") == NULL);
    EXPECT_SAYS(error.text, "an argument is missing");
    EXPECT(parse(&params, "pool|set|ward-3|version=1|max=x") == NULL);
    EXPECT_SAYS(error.text, "max: expected a whole number");
    EXPECT(parse(&params, "pool|add|a|b") == NULL);
    EXPECT_SAYS(error.text, "unexpected argument 'b'");
    EXPECT(parse(&params, "pool|set|ward-3|id=9") == NULL);
    EXPECT(parse(&params, "pool|set|ward-3|max=1|max=2") == NULL);
    EXPECT_SAYS(error.text, "given twice");
    EXPECT(parse(&params, "token|add|root") == NULL);
    EXPECT_SAYS(error.text, "'label' is missing");
    EXPECT(parse(&params, "--url") == NULL);
    EXPECT_SAYS(error.text, "--url needs a value");
    EXPECT(parse(&params, "pool|list|-x") == NULL);
}

TEST(args, lists_take_filters)
{
    json_t *params;

    EXPECT_STR(parse(&params, "desktop|list|pool=ward-3|runtime.state=ready|limit=5")->symbol,
               "desktop_list");
    EXPECT_STR(text(params, "pool_id"), "ward-3");
    EXPECT_STR(text(params, "runtime.state"), "ready");
    EXPECT_STR(text(params, "limit"), "5");
    json_decref(params);
}

TEST(args, lists_of_what_is_kept_take_past_and_before)
{
    json_t *params;

    EXPECT(parse(&params, "session|list|past=Yes|--before|77"));
    EXPECT_STR(text(params, "past"), "yes");
    EXPECT_STR(text(params, "before"), "77");
    json_decref(params);
    EXPECT(!parse(&params, "session|list|past=perhaps"));
    EXPECT_STR(error.text, "past: expected yes or no, not 'perhaps'");
    EXPECT(!parse(&params, "session|list|past=yes|past=no"));
    EXPECT_STR(error.text, "'past' is given twice");
    EXPECT(!parse(&params, "user|list|past=yes"));
    EXPECT(!parse(&params, "user|list|before=7"));
}

static struct ctl_pages pages_of(const char *line, char past[8])
{
    json_t *params;
    const struct verb *verb = parse(&params, line);
    struct ctl_pages pages;

    EXPECT(verb);
    pages = ctl_pages_begin(verb, params);
    (void)snprintf(past, 8, "%s", text(params, "past"));
    json_decref(params);
    return pages;
}

TEST(args, what_only_grows_is_shown_one_page_at_a_time)
{
    static const struct {
        const char *line, *cursor, *past;
        int mode;
    } rows[] = {
        { "user|list", "after", "(none)", PAGES_ALL },
        { "user|list|limit=3", "after", "(none)", PAGES_ONE },
        { "user|show|x", "after", "(none)", PAGES_NONE },
        { "session|list", "before", "no", PAGES_OPEN_THEN_PAST },
        { "session|list|state=active", "before", "no", PAGES_OPEN_THEN_PAST },
        { "session|list|past=no", "before", "no", PAGES_ALL },
        { "session|list|past=no|limit=3", "before", "no", PAGES_ONE },
        { "session|list|past=no|after=3", "after", "no", PAGES_ALL },
        { "session|list|past=yes", "before", "yes", PAGES_ONE },
        { "session|list|before=9", "before", "(none)", PAGES_ONE },
        { "session|list|after=0", "after", "(none)", PAGES_ONE },
        { "session|list|limit=3", "before", "(none)", PAGES_ONE },
        { "audit|list", "before", "(none)", PAGES_ONE },
        { "audit|list|after=5", "after", "(none)", PAGES_ALL },
        { "audit|list|after=5|limit=3", "after", "(none)", PAGES_ONE },
    };

    for (size_t i = 0; i < BERTH_COUNT(rows); i++) {
        char past[8];
        struct ctl_pages pages = pages_of(rows[i].line, past);

        if ((int)pages.mode != rows[i].mode || strcmp(past, rows[i].past) != 0 ||
            (pages.mode != PAGES_NONE && strcmp(pages.cursor, rows[i].cursor) != 0))
            fail_msg("%s: %d %s past=%s", rows[i].line, (int)pages.mode, pages.cursor, past);
    }
}

TEST(args, two_dashes_end_the_options)
{
    json_t *params;

    EXPECT(parse(&params, "terminal|message|t1|--|--not an option"));
    EXPECT_STR(text(params, "text"), "--not an option");
    json_decref(params);
}

TEST(args, nothing_is_left)
{
    ctl_clear(&ctl);
    EXPECT_INT(ctl.expanded_count, 0);
}

TEST_MAIN()
