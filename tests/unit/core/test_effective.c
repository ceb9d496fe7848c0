/* test_effective.c - the settings in force, and where each comes from. */
#include "core/effective.h"
#include "core/reference.h"

#include "small.h"

static uint64_t next = 100;

static void profile(struct small *s, const char *name, enum profile_level level,
                    const char *subject, int64_t priority, const char *settings)
{
    struct row_profile row = { .id = next++, .version = 1, .level = level, .priority = priority };

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    if (profile_subject_id(&row))
        *profile_subject_id(&row) = small_id(s, profile_subject(&row).kind, subject);
    else
        (void)snprintf(row.subject, sizeof(row.subject), "%s", subject);
    (void)snprintf(row.settings, sizeof(row.settings), "%s", settings);
    small_load(s, ENTITY_profile, &row);
}

static struct terminal *open_ward(struct small *s)
{
    const struct row_site site = { .id = 1, .version = 1, .name = "main" };
    const struct row_place place = {
        .id = 2, .version = 1, .name = "house-2/ward-3", .site_id = 1
    };
    const struct row_place above = { .id = 3, .version = 1, .name = "house-2", .site_id = 1 };
    struct terminal *terminal;

    small_open(s);
    next = 100;
    small_load(s, ENTITY_place, &above);
    small_load(s, ENTITY_site, &site);
    small_load(s, ENTITY_place, &place);
    terminal = small_terminal(s, 20, "t1", 2);
    (void)snprintf(terminal->row.tags, sizeof(terminal->row.tags), "window");
    return terminal;
}

static const struct effective_value *value(const struct effective *effective, const char *key)
{
    for (size_t i = 0; i < effective->count; i++)
        if (strcmp(effective->at[i].row->key, key) == 0)
            return &effective->at[i];
    fail_msg("no setting '%s'", key);
    return NULL;
}

TEST(effective, what_nobody_sets_has_its_default)
{
    struct small s;
    struct terminal *terminal = open_ward(&s);
    struct effective *effective = berth_new(struct effective);

    effective_settings(s.core, terminal, effective);
    EXPECT_STR(value(effective, "idle_lock_s")->value, "900");
    EXPECT_STR(value(effective, "idle_lock_s")->level, "default");
    EXPECT_STR(value(effective, "idle_lock_s")->profile, "");
    EXPECT_INT(effective->settings.idle_lock_s, 900);
    free(effective);
    small_close(&s);
}

TEST(effective, the_narrower_level_wins)
{
    struct small s;
    struct terminal *terminal = open_ward(&s);
    struct effective *effective = berth_new(struct effective);

    profile(&s, "mine", profile_level_TERMINAL, "t1", 0, "language = de\n");
    profile(&s, "windows", profile_level_TAG, "window", 1000, "idle_lock_s = 5\nlanguage = en\n");
    profile(&s, "ward", profile_level_PLACE, "house-2/ward-3", 0,
            "idle_lock_s = 4\ngreeting = Ward 3\n");
    profile(&s, "house", profile_level_PLACE, "house-2", 1000,
            "greeting = House 2\nnotice_s = 30\n");
    profile(&s, "site", profile_level_SITE, "main", 0, "notice_s = 20\noffline_lock_s = 1\n");
    profile(&s, "all", profile_level_EVERYWHERE, "", 0, "offline_lock_s = 2\nclipboard = no\n");
    effective_settings(s.core, terminal, effective);
    EXPECT_STR(value(effective, "language")->value, "de");
    EXPECT_STR(value(effective, "language")->level, "terminal t1");
    EXPECT_STR(value(effective, "language")->profile, "mine");
    EXPECT_INT(effective->settings.idle_lock_s, 5);
    EXPECT_STR(value(effective, "greeting")->value,
               "Ward 3"); /* the longer path, whatever the priority */
    EXPECT_INT(effective->settings.notice_s, 30);
    EXPECT_INT(effective->settings.offline_lock_s, 1);
    EXPECT(!effective->settings.clipboard);
    free(effective);
    small_close(&s);
}

TEST(effective, within_a_level_the_higher_priority_wins)
{
    struct small s;
    struct terminal *terminal = open_ward(&s);
    struct effective *effective = berth_new(struct effective);

    profile(&s, "a", profile_level_EVERYWHERE, "", 5, "language = de\n");
    profile(&s, "b", profile_level_EVERYWHERE, "", 4, "language = en\n");
    effective_settings(s.core, terminal, effective);
    EXPECT_STR(value(effective, "language")->value, "de");
    free(effective);
    small_close(&s);
}

TEST(effective, profiles_of_others_do_not_apply)
{
    struct small s;
    struct terminal *terminal = open_ward(&s);
    struct effective *effective = berth_new(struct effective);

    profile(&s, "a", profile_level_TERMINAL, "t2", 5, "language = de\n");
    profile(&s, "b", profile_level_PLACE, "house-2/ward-30", 4, "language = de\n");
    profile(&s, "c", profile_level_TAG, "door", 4, "language = de\n");
    profile(&s, "d", profile_level_SITE, "north", 4, "language = de\n");
    effective_settings(s.core, terminal, effective);
    EXPECT_STR(value(effective, "language")->value, "en");
    free(effective);
    small_close(&s);
}

TEST(effective, lines_are_checked_before_they_are_kept)
{
    struct berth_error error = { 0 };

    EXPECT_OK(effective_check("", &error));
    EXPECT_OK(effective_check("# a note\n\n  language =  de  \nidle_lock_s=0", &error));
    EXPECT_ERR(effective_check("language = de\nnonsense\n", &error), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "line 2");
    EXPECT_ERR(effective_check("colour = red\n", &error), BERTH_E_NOT_FOUND);
    EXPECT_ERR(effective_check("language = fr\n", &error), BERTH_E_INVALID);
    EXPECT_ERR(effective_check("= de\n", &error), BERTH_E_INVALID);
}

TEST_MAIN()
