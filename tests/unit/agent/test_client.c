/* test_client.c - the subcommands of berth-agent: words, exit codes, and an agent that does not
 * answer. */
#include "control/client.h"

#include "test.h"

TEST(client, every_request_has_a_word_and_is_found_by_it)
{
    for (int i = CONTROL_NONE + 1; i < CONTROL_REQUESTS; i++) {
        const struct control_row *row = control_row((enum control_request)i);

        EXPECT(row->word[0] && row->sentence[0]);
        EXPECT_INT(control_request(row->word), i);
    }
    EXPECT_INT(control_request("dance"), CONTROL_NONE);
    EXPECT_INT(control_request(""), CONTROL_NONE);
}

TEST(client, exit_codes_for_scripts)
{
    EXPECT_INT(client_exit_of("CREDENTIALS", false, false), CLIENT_REFUSED);
    EXPECT_INT(client_exit_of("NO_ENTITLEMENT", false, false), CLIENT_REFUSED);
    EXPECT_INT(client_exit_of("STATE", false, false), CLIENT_STATE);
    EXPECT_INT(client_exit_of("NO_DESKTOP", true, false), CLIENT_TRY_AGAIN);
    EXPECT_INT(client_exit_of("INTERNAL", false, false), CLIENT_FAILED);
    EXPECT_INT(client_exit_of("INVALID", false, false), CLIENT_USAGE);
    EXPECT_INT(client_exit_of("INVALID", false, true), CLIENT_REFUSED); /* said by the broker */
    EXPECT_INT(client_exit_of("OF_TOMORROW", false, false), CLIENT_FAILED);
}

TEST(client, nobody_answers)
{
    char word[] = "status";
    char *argv[] = { word, NULL };

    EXPECT_INT(client_main("/nonexistent/control.sock", 1, argv), CLIENT_NO_AGENT);
}

TEST(client, nonsense_is_usage)
{
    char word[] = "sign-off";
    char more[] = "now";
    char *argv[] = { word, more, NULL };

    EXPECT_INT(client_main("/nonexistent/control.sock", 2, argv), CLIENT_USAGE);
}

TEST_MAIN()
