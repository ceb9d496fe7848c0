/* test_base64.c - the examples of RFC 4648, and invalid base64. */
#include "berth/base64.h"

#include "test.h"

TEST(base64, examples_of_the_rfc)
{
    static const char *const pairs[][2] = { { "", "" },
                                            { "Zg==", "f" },
                                            { "Zm8=", "fo" },
                                            { "Zm9v", "foo" },
                                            { "Zm9vYg==", "foob" },
                                            { "Zm9vYmE=", "fooba" },
                                            { "Zm9vYmFy", "foobar" } };

    for (size_t i = 0; i < BERTH_COUNT(pairs); i++) {
        unsigned char out[8] = { 0 };

        EXPECT_INT(base64_decode(pairs[i][0], out, sizeof(out)), (int64_t)strlen(pairs[i][1]));
        EXPECT_STR((const char *)out, pairs[i][1]);
    }
}

TEST(base64, other_texts_are_refused)
{
    static const char *const wrong[] = { "Z",    "Zg=",      "Zg",    "Z===",
                                         "====", "Zg==Zg==", "Zm9\n", "Zm9-" };
    unsigned char out[16];

    for (size_t i = 0; i < BERTH_COUNT(wrong); i++)
        EXPECT_INT(base64_decode(wrong[i], out, sizeof(out)), -1);
}

TEST(base64, too_long_is_refused)
{
    unsigned char out[3] = { 0 };

    EXPECT_INT(base64_decode("Zm9v", out, 3), 3);
    EXPECT_INT(base64_decode("Zm9vYg==", out, 3), -1);
}

TEST_MAIN()
