/* test_seat.c - the rules of a shared screen, and the page that follows from the state. */
#include "core/seat.h"

#include "test.h"

static const struct msg_show show = { .session_id = 5,
                                      .epoch = 3,
                                      .connection_id = 9,
                                      .user = "anna",
                                      .pool = "ward-3",
                                      .host = "10.0.0.5",
                                      .port = 3389,
                                      .idle_lock_ms = 60000 };

static struct seat seat_in(enum seat_state state)
{
    struct seat seat;

    seat_init(&seat, "ICU-07");
    seat.state = state;
    return seat;
}

TEST(seat, every_state_has_a_name_a_sentence_and_a_page)
{
    struct settings settings;

    settings_default(&settings);
    for (int state = seat_STARTING; state < seat_STATES_END; state++) {
        struct seat seat = seat_in((enum seat_state)state);
        struct page page;

        EXPECT(seat_state_names[state][0] && seat_state_sentences[state][0]);
        seat_page(&seat, &settings, &page);
        EXPECT(page.kind > page_kind_NONE && page.kind < page_kind_END);
        EXPECT(seat_screen(&seat) > screen_state_NONE && seat_screen(&seat) < screen_state_END);
        EXPECT_INT(page.kind == page_kind_DESKTOP, state == seat_ACTIVE);
    }
}

TEST(seat, a_desktop_can_be_left_from_wherever_it_is_shown)
{
    EXPECT(seat_may_transition(seat_CONNECTING, seat_LOCKED));
    EXPECT(seat_may_transition(seat_ACTIVE, seat_LOCKED));
    EXPECT(seat_may_transition(seat_ACTIVE, seat_NOTICE));
    EXPECT(!seat_may_transition(seat_OFFLINE, seat_ACTIVE));
    EXPECT(!seat_may_transition(seat_IDLE, seat_ACTIVE));
    EXPECT(!seat_may_transition(seat_LOCKED, seat_ACTIVE));
}

TEST(seat, a_forbidden_move_is_not_made)
{
    struct seat seat = seat_in(seat_OFFLINE);

    seat_set_state(&seat, seat_ACTIVE, 7, "a test");
    EXPECT_INT(seat.state, seat_OFFLINE);
    seat_set_state(&seat, seat_IDLE, 7, "a test");
    EXPECT_INT(seat.state, seat_IDLE);
    EXPECT_INT(seat.since_ms, 7);
}

TEST(seat, the_brokers_absence_changes_nothing_on_a_desktop)
{
    static const enum seat_state kept[] = { seat_CONNECTING, seat_ACTIVE, seat_LOCKED, seat_NOTICE,
                                            seat_SIGN_ON };

    for (size_t i = 0; i < BERTH_COUNT(kept); i++) {
        struct seat seat = seat_in(kept[i]);

        seat_set_online(&seat, true, 0, "back");
        seat_set_online(&seat, false, 0, "gone");
        EXPECT_INT(seat.state, kept[i]);
        EXPECT_INT(seat_rest(&seat), seat_OFFLINE);
    }
}

TEST(seat, epochs_only_rise)
{
    struct seat seat = seat_in(seat_IDLE);
    struct berth_error error = { 0 };

    EXPECT_OK(seat_may_show(&seat, &(struct seat_claim){ 5, 3, 9 }, &error));
    seat_show(&seat, &show, 100);
    EXPECT_OK(seat_may_show(&seat, &(struct seat_claim){ 5, 3, 9 }, &error));
    EXPECT_OK(seat_may_show(&seat, &(struct seat_claim){ 5, 4, 10 }, &error));
    EXPECT_ERR(seat_may_show(&seat, &(struct seat_claim){ 5, 2, 8 }, &error), BERTH_E_SUPERSEDED);
    EXPECT_SAYS(error.text, "older");
    EXPECT_OK(seat_may_show(&seat, &(struct seat_claim){ 6, 1, 8 }, &error)); /* another session */
    EXPECT_ERR(seat_may_show(&seat, &(struct seat_claim){ 0, 9, 9 }, &error), BERTH_E_INVALID);
}

TEST(seat, hidden_stays_hidden)
{
    struct seat seat = seat_in(seat_ACTIVE);
    struct berth_error error = { 0 };

    seat_show(&seat, &show, 100);
    EXPECT(!seat_hide(&seat, 5, 2)); /* speaks of an earlier show */
    EXPECT(!seat_hide(&seat, 6, 9));
    EXPECT(!seat_hide(&seat, 0, 9));
    EXPECT(seat_hide(&seat, 5, 3));
    EXPECT_ERR(seat_may_show(&seat, &(struct seat_claim){ 5, 3, 9 }, &error), BERTH_E_SUPERSEDED);
    EXPECT_OK(seat_may_show(&seat, &(struct seat_claim){ 5, 4, 10 }, &error));
}

TEST(seat, many_sessions_in_turn_are_remembered_up_to_a_number)
{
    struct seat seat = seat_in(seat_IDLE);
    struct berth_error error = { 0 };

    for (uint64_t id = 1; id <= SEAT_EPOCHS; id++)
        (void)seat_hide(&seat, id, 5);
    for (uint64_t id = 1; id <= SEAT_EPOCHS; id++)
        EXPECT_ERR(seat_may_show(&seat, &(struct seat_claim){ id, 5, 1 }, &error),
                   BERTH_E_SUPERSEDED);
}

TEST(seat, the_strictest_idle_limit_counts)
{
    struct seat seat = seat_in(seat_ACTIVE);
    struct settings settings;

    settings_default(&settings);
    settings.idle_lock_s = 0;
    settings.offline_lock_s = 0;
    EXPECT_INT(seat_idle_limit_ms(&seat, &settings), 0);
    settings.offline_lock_s = 120;
    EXPECT_INT(seat_idle_limit_ms(&seat, &settings), 120000);
    seat.online = true;
    EXPECT_INT(seat_idle_limit_ms(&seat, &settings), 0);
    settings.idle_lock_s = 300;
    EXPECT_INT(seat_idle_limit_ms(&seat, &settings), 300000);
    seat.idle_lock_ms = 60000;
    EXPECT_INT(seat_idle_limit_ms(&seat, &settings), 60000);
}

TEST(seat, a_show_fills_what_is_shown_and_clear_empties_it)
{
    struct seat seat = seat_in(seat_IDLE);

    seat_show(&seat, &show, 100);
    EXPECT_INT(seat.shown.session_id, 5);
    EXPECT_STR(seat.user, "anna");
    EXPECT_STR(seat.desktop, "10.0.0.5:3389");
    seat_clear(&seat);
    EXPECT_INT(seat.shown.session_id, 0);
    EXPECT_STR(seat.desktop, "");
    EXPECT_STR(seat.user, "anna"); /* the form offers it again */
}

TEST_MAIN()
