/* test_terminal_status.c - the rules of a shared screen, and the page that follows from the state.
 */
#include "core/terminal_status.h"

#include "test.h"

static const struct msg_show show = { .session_id = 5,
                                      .epoch = 3,
                                      .connection_id = 9,
                                      .user = "anna",
                                      .pool = "ward-3",
                                      .host = "10.0.0.5",
                                      .port = 3389,
                                      .idle_lock_ms = 60000 };

static struct terminal_status status_in(enum agent_state state)
{
    struct terminal_status terminal;

    terminal_status_init(&terminal, "ICU-07");
    terminal.state = state;
    return terminal;
}

TEST(terminal_status, every_state_has_a_name_a_sentence_and_a_page)
{
    struct settings settings;

    settings_default(&settings);
    for (int state = agent_STARTING; state < agent_STATES_END; state++) {
        struct terminal_status terminal = status_in((enum agent_state)state);
        struct page page;

        EXPECT(agent_state_names[state][0] && agent_state_sentences[state][0]);
        terminal_status_page(&terminal, &settings, &page);
        EXPECT(page.kind > page_kind_NONE && page.kind < page_kind_END);
        EXPECT(terminal_status_screen(&terminal) > screen_state_NONE &&
               terminal_status_screen(&terminal) < screen_state_END);
        EXPECT_INT(page.kind == page_kind_DESKTOP, state == agent_ACTIVE);
    }
}

TEST(terminal_status, a_desktop_can_be_left_from_wherever_it_is_shown)
{
    EXPECT(agent_may_transition(agent_CONNECTING, agent_LOCKED));
    EXPECT(agent_may_transition(agent_ACTIVE, agent_LOCKED));
    EXPECT(agent_may_transition(agent_ACTIVE, agent_NOTICE));
    EXPECT(!agent_may_transition(agent_OFFLINE, agent_ACTIVE));
    EXPECT(!agent_may_transition(agent_IDLE, agent_ACTIVE));
    EXPECT(!agent_may_transition(agent_LOCKED, agent_ACTIVE));
}

TEST(terminal_status, a_forbidden_transition_is_not_made)
{
    struct terminal_status terminal = status_in(agent_OFFLINE);

    terminal_status_set_state(&terminal, agent_ACTIVE, 7, "a test");
    EXPECT_INT(terminal.state, agent_OFFLINE);
    terminal_status_set_state(&terminal, agent_IDLE, 7, "a test");
    EXPECT_INT(terminal.state, agent_IDLE);
    EXPECT_INT(terminal.since_ms, 7);
}

TEST(terminal_status, the_brokers_absence_changes_nothing_on_a_desktop)
{
    static const enum agent_state kept[] = { agent_CONNECTING, agent_ACTIVE, agent_LOCKED,
                                             agent_NOTICE, agent_SIGN_ON };

    for (size_t i = 0; i < BERTH_COUNT(kept); i++) {
        struct terminal_status terminal = status_in(kept[i]);

        terminal_status_set_online(&terminal, true, 0, "back");
        terminal_status_set_online(&terminal, false, 0, "gone");
        EXPECT_INT(terminal.state, kept[i]);
        EXPECT_INT(terminal_status_fallback(&terminal), agent_OFFLINE);
    }
}

TEST(terminal_status, epochs_only_rise)
{
    struct terminal_status terminal = status_in(agent_IDLE);
    struct berth_error error = { 0 };

    EXPECT_OK(terminal_status_may_show(&terminal, &(struct session_claim){ 5, 3, 9 }, &error));
    terminal_status_show(&terminal, &show, 100);
    EXPECT_OK(terminal_status_may_show(&terminal, &(struct session_claim){ 5, 3, 9 }, &error));
    EXPECT_OK(terminal_status_may_show(&terminal, &(struct session_claim){ 5, 4, 10 }, &error));
    EXPECT_ERR(terminal_status_may_show(&terminal, &(struct session_claim){ 5, 2, 8 }, &error),
               BERTH_E_SUPERSEDED);
    EXPECT_SAYS(error.text, "older");
    EXPECT_OK(terminal_status_may_show(&terminal, &(struct session_claim){ 6, 1, 8 },
                                       &error)); /* another session */
    EXPECT_ERR(terminal_status_may_show(&terminal, &(struct session_claim){ 0, 9, 9 }, &error),
               BERTH_E_INVALID);
}

TEST(terminal_status, hidden_stays_hidden)
{
    struct terminal_status terminal = status_in(agent_ACTIVE);
    struct berth_error error = { 0 };

    terminal_status_show(&terminal, &show, 100);
    EXPECT(!terminal_status_hide(&terminal, 5, 2)); /* speaks of an earlier show */
    EXPECT(!terminal_status_hide(&terminal, 6, 9));
    EXPECT(!terminal_status_hide(&terminal, 0, 9));
    EXPECT(terminal_status_hide(&terminal, 5, 3));
    EXPECT_ERR(terminal_status_may_show(&terminal, &(struct session_claim){ 5, 3, 9 }, &error),
               BERTH_E_SUPERSEDED);
    EXPECT_OK(terminal_status_may_show(&terminal, &(struct session_claim){ 5, 4, 10 }, &error));
}

TEST(terminal_status, many_sessions_in_turn_are_remembered_up_to_a_number)
{
    struct terminal_status terminal = status_in(agent_IDLE);
    struct berth_error error = { 0 };

    for (uint64_t id = 1; id <= KNOWN_EPOCHS_MAX; id++)
        (void)terminal_status_hide(&terminal, id, 5);
    for (uint64_t id = 1; id <= KNOWN_EPOCHS_MAX; id++)
        EXPECT_ERR(terminal_status_may_show(&terminal, &(struct session_claim){ id, 5, 1 }, &error),
                   BERTH_E_SUPERSEDED);
}

TEST(terminal_status, the_strictest_idle_limit_counts)
{
    struct terminal_status terminal = status_in(agent_ACTIVE);
    struct settings settings;

    settings_default(&settings);
    settings.idle_lock_s = 0;
    settings.offline_lock_s = 0;
    EXPECT_INT(terminal_status_idle_limit_ms(&terminal, &settings), 0);
    settings.offline_lock_s = 120;
    EXPECT_INT(terminal_status_idle_limit_ms(&terminal, &settings), 120000);
    terminal.online = true;
    EXPECT_INT(terminal_status_idle_limit_ms(&terminal, &settings), 0);
    settings.idle_lock_s = 300;
    EXPECT_INT(terminal_status_idle_limit_ms(&terminal, &settings), 300000);
    terminal.idle_lock_ms = 60000;
    EXPECT_INT(terminal_status_idle_limit_ms(&terminal, &settings), 60000);
}

TEST(terminal_status, a_show_fills_what_is_shown_and_clear_empties_it)
{
    struct terminal_status terminal = status_in(agent_IDLE);

    terminal_status_show(&terminal, &show, 100);
    EXPECT_INT(terminal.shown.session_id, 5);
    EXPECT_STR(terminal.user, "anna");
    EXPECT_STR(terminal.desktop, "10.0.0.5:3389");
    terminal_status_clear(&terminal);
    EXPECT_INT(terminal.shown.session_id, 0);
    EXPECT_STR(terminal.desktop, "");
    EXPECT_STR(terminal.user, "anna"); /* the form offers it again */
}

TEST_MAIN()
