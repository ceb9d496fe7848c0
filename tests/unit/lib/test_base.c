/* test_base.c - texts are copied as far as they fit. */
#include <string.h>

#include "berth/base.h"

#include "test.h"

TEST(copy_text, what_fits_is_copied_whole)
{
    char out[8] = "xxxxxxx";

    berth_copy_text(out, sizeof(out), "ward-3");
    EXPECT_STR(out, "ward-3");
    berth_copy_text(out, sizeof(out), "");
    EXPECT_STR(out, "");
}

TEST(copy_text, what_does_not_fit_is_cut_and_ended)
{
    char out[8] = "xxxxxxx";

    berth_copy_text(out, sizeof(out), "ward-31");
    EXPECT_STR(out, "ward-31");
    berth_copy_text(out, sizeof(out), "ward-31-bed-2");
    EXPECT_STR(out, "ward-31");
}

TEST_MAIN()
