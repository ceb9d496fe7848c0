/* test_error.c - error texts cannot be forged by foreign text. */
#include "berth/error.h"
#include "berth/state.h"

#include "test.h"

TEST(error, control_characters_cannot_forge_a_line)
{
    struct berth_error error;

    EXPECT_ERR(berth_fail(&error, BERTH_E_HOST, "domain '%s'", "a\nerror forged"), BERTH_E_HOST);
    EXPECT_STR(error.text, "domain 'a?error forged'");
}

TEST(error, a_cut_leaves_whole_characters)
{
    char text[400];
    struct berth_error error;

    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa4", 3);
    (void)berth_fail(&error, BERTH_E_HOST, "%s", text);
    EXPECT_INT(strlen(error.text) % 2, 1); /* that of "..." */
    EXPECT_STR(error.text + strlen(error.text) - 4, "\xa4...");
}

TEST(text, a_cut_is_seen_and_leaves_whole_characters)
{
    char out[10];

    berth_text(out, sizeof(out), "%s", "123456789");
    EXPECT_STR(out, "123456789");
    berth_text(out, sizeof(out), "%s", "1234\xc3\xa4\xc3\xa4\xc3\xa4");
    EXPECT_STR(out, "1234\xc3\xa4...");
    berth_text(out, sizeof(out), "%s", "12345\xc3\xa4\xc3\xa4\xc3\xa4"); /* in its middle */
    EXPECT_STR(out, "12345...");
    berth_text(out, sizeof(out), "1\n%s", "34\xe2\x82\xac\xe2\x82\xac");
    EXPECT_STR(out, "1?34...");
    berth_text(out, 4, "%s", "1234"); /* no room for more than the dots */
    EXPECT_STR(out, "");
    berth_text(out, 1, "%s", "1234");
    EXPECT_STR(out, "");
}

TEST(error, the_way_up_adds_who)
{
    struct berth_error error;

    (void)berth_fail(&error, BERTH_E_TIMEOUT, "no answer in 5 s");
    EXPECT_ERR(berth_fail_in(&error, "host %s", "kvm2"), BERTH_E_TIMEOUT);
    EXPECT_STR(error.text, "host kvm2: no answer in 5 s");
    EXPECT_INT(berth_error_code("TIMEOUT"), BERTH_E_TIMEOUT);
    EXPECT_STR(berth_error_row(BERTH_E_NO_DESKTOP)->symbol, "NO_DESKTOP");
}

TEST(state, only_moves_of_the_table_are_permitted)
{
    EXPECT(session_may_transition(session_PREPARING, session_ACTIVE));
    EXPECT(!session_may_transition(session_ENDED, session_ACTIVE));
    EXPECT(!terminal_may_transition(terminal_REVOKED, terminal_ACCEPTED));
    EXPECT_STR(desktop_state_names[desktop_READY], "ready");
    EXPECT_INT(name_value(desktop_state_names, "ready"), desktop_READY);
    EXPECT_INT(name_value(desktop_state_names, "aflame"), -1);
}

TEST_MAIN()
