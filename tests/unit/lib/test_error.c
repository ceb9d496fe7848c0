/* test_error.c - sentences that cannot be forged. */
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
    EXPECT_INT(strlen(error.text) % 2, 0);
    EXPECT((unsigned char)error.text[strlen(error.text) - 1] == 0xa4);
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
    EXPECT(session_may_move(session_PREPARING, session_ACTIVE));
    EXPECT(!session_may_move(session_ENDED, session_ACTIVE));
    EXPECT(!terminal_may_move(terminal_REVOKED, terminal_ACCEPTED));
    EXPECT_STR(desktop_state_names[desktop_READY], "ready");
    EXPECT_INT(name_value(desktop_state_names, "ready"), desktop_READY);
    EXPECT_INT(name_value(desktop_state_names, "aflame"), -1);
}

TEST_MAIN()
