/* test_confine.c - which displays let the viewer keep to one connection. */
#include "viewer/confine.h"

#include "test.h"

TEST(confine, a_display_is_local_when_no_network_leads_to_it)
{
    static const char *const local[] = { ":0", ":10.0", "unix:0", "" };
    static const char *const remote[] = { "localhost:10.0", "10.0.0.5:0", "tcp/here:0",
                                          "unixes:0" };

    EXPECT(confine_display_is_local(NULL));
    for (size_t i = 0; i < BERTH_COUNT(local); i++)
        EXPECT(confine_display_is_local(local[i]));
    for (size_t i = 0; i < BERTH_COUNT(remote); i++)
        EXPECT(!confine_display_is_local(remote[i]));
}

TEST_MAIN()
