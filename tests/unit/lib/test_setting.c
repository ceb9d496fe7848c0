/* test_setting.c - settings.def: the defaults are valid, and only permitted values are accepted. */
#include "berth/setting.h"

#include "test.h"

TEST(setting, every_default_is_allowed)
{
    size_t count = 0;
    const struct setting_row *rows = setting_rows(&count);

    EXPECT(count > 8);
    for (size_t i = 0; i < count; i++)
        EXPECT_OK(setting_check(rows[i].key, rows[i].default_value, NULL));
}

TEST(setting, values_become_members)
{
    struct settings settings;
    struct berth_error error = { 0 };

    settings_default(&settings);
    EXPECT_INT(settings.idle_lock_s, 900);
    EXPECT_STR(settings.language, "en");
    EXPECT(!settings.kiosk);
    EXPECT_OK(settings_set(&settings, "idle_lock_s", "180", &error));
    EXPECT_OK(settings_set(&settings, "language", "de", &error));
    EXPECT_OK(settings_set(&settings, "kiosk", "yes", &error));
    EXPECT_OK(settings_set(&settings, "greeting", "Klinikum Süd", &error));
    EXPECT_INT(settings.idle_lock_s, 180);
    EXPECT_STR(settings.language, "de");
    EXPECT(settings.kiosk);
    EXPECT_STR(settings.greeting, "Klinikum Süd");
}

TEST(setting, what_is_not_allowed_changes_nothing)
{
    struct settings settings;
    struct berth_error error = { 0 };

    settings_default(&settings);
    EXPECT_ERR(settings_set(&settings, "idle_lock_s", "86401", &error), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "0..86400 s");
    EXPECT_ERR(settings_set(&settings, "idle_lock_s", "-1", &error), BERTH_E_INVALID);
    EXPECT_ERR(settings_set(&settings, "idle_lock_s", "5 min", &error), BERTH_E_INVALID);
    EXPECT_ERR(settings_set(&settings, "idle_lock_s", "", &error), BERTH_E_INVALID);
    EXPECT_ERR(settings_set(&settings, "language", "fr", &error), BERTH_E_INVALID);
    EXPECT_ERR(settings_set(&settings, "language", "", &error), BERTH_E_INVALID);
    EXPECT_ERR(settings_set(&settings, "language", "en|de", &error), BERTH_E_INVALID);
    EXPECT_ERR(settings_set(&settings, "kiosk", "true", &error), BERTH_E_INVALID);
    EXPECT_ERR(settings_set(&settings, "greeting", "two\nlines", &error), BERTH_E_INVALID);
    EXPECT_ERR(settings_set(&settings, "idle_lock", "1", &error), BERTH_E_NOT_FOUND);
    EXPECT_INT(settings.idle_lock_s, 900);
    EXPECT_STR(settings.language, "en");
    EXPECT(!settings.kiosk);
    EXPECT_STR(settings.greeting, "");
}

TEST_MAIN()
