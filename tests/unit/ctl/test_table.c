/* test_table.c - tables are aligned by the width that a terminal shows, and contain no control
 * characters. */
#include <locale.h>

#include "ctl/ctl.h"

#include "test.h"

static char printed[1024];

static void capture_table(size_t columns, size_t rows, const char *const *cells)
{
    FILE *out = fmemopen(printed, sizeof(printed), "w");

    ctl_table(out, columns, rows, cells, NULL);
    (void)fclose(out);
}

TEST(table, width_is_what_a_terminal_shows)
{
    EXPECT(setlocale(LC_CTYPE, "C.UTF-8"));
    EXPECT_INT(ctl_width("ward"), 4);
    EXPECT_INT(ctl_width("Zo\xC3\xAB"), 3);
    EXPECT_INT(ctl_width("\xE7\x97\x85\xE6\xA3\x9F"), 4); /* two wide characters */
    EXPECT_INT(ctl_width("e\xCC\x81"), 1);                /* e and a combining acute */
    EXPECT_INT(ctl_width("\xFF\xFE"), 2);
}

TEST(table, columns_are_aligned)
{
    const char *const cells[] = { "NAME", "STATE", "Zo\xC3\xAB", "x", "\xE7\x97\x85", "ready" };

    EXPECT(setlocale(LC_CTYPE, "C.UTF-8"));
    capture_table(2, 3, cells);
    EXPECT_STR(printed, "NAME  STATE\nZo\xC3\xAB   x\n\xE7\x97\x85    ready\n");
}

TEST(table, foreign_text_cannot_speak_to_the_terminal)
{
    const char *const cells[] = { "a\033[2Jb", "c\nd",
                                  ("\xC2\x9B"
                                   "31m"),
                                  "e" };

    capture_table(2, 2, cells);
    EXPECT(strchr(printed, '\033') == NULL);
    EXPECT(strstr(printed, "\xC2\x9B") == NULL);
    EXPECT_SAYS(printed, "a?[2Jb");
    EXPECT_SAYS(printed, "c?d");
}

TEST_MAIN()
