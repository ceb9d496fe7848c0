#!/usr/bin/env bash
# site_roaming.sh - one session, one screen: users who roam, sign on at two terminals at once, race for the last desktop.
#
# usage: tests/e2e/site_roaming.sh BUILD-FOLDER
#
# It proves: of two sign-ons of one user at the same moment exactly one terminal shows the desktop in the end, with the
# higher epoch, and the other says where the session went; a session moves, is left and taken up again, and ends; of two
# users who race for the last desktop one has it and the other a place in the queue, and then the desktop.
set -euo pipefail
# shellcheck source=tests/e2e/lib/site_test.sh
. "$(dirname "$(readlink -f "$0")")/lib/site_test.sh"

ROUNDS=5

site() {
    site_test_start 2 1 anna bert carl
    site_test_start_terminals icu-07 icu-08
}

is_active() {
    terminal_status_is "$1" ".state == \"active\" and .user == \"$2\" and .online"
}

is_away() {
    terminal_status_is "$1" '.state != "active" and .session == 0'
}

epoch() {
    agent "$1" status --json | jq .epoch
}

# session_of USER - prints number and epoch of their open session.
session_of() {
    ctl session list --json | jq -c --arg user "$1" \
        '[.items[] | select(.user == $user and .state != "ended" and .state != "ending")] | if length == 1 then .[0] else {} end'
}

session_is() {
    session_of "$1" | jq -e "$2" >/dev/null
}

# The second terminal shows the session; the first has no viewer, and its page says where the session went.
moves() {
    local before
    site_sign_on icu-07 anna
    assert_eventually "anna's desktop is on icu-07" shows_desktop icu-07
    before=$(session_of anna | jq .id)
    site_sign_on icu-08 anna
    assert_eventually "anna's desktop is on icu-08" shows_desktop icu-08
    assert_eventually "icu-07 has no viewer any more" has_viewers icu-07 0
    assert_eventually "icu-07 does not show the desktop" shows_no_desktop icu-07
    assert_eventually "icu-07 says where the session went" terminal_status_is icu-07 '.state != "active" and (.text | contains("icu-08"))'
    assert_eventually "it is the same session with epoch 2" session_is anna ".id == $before and .epoch == 2 and .runtime.shown_at == \"icu-08\""
}

# A session without a viewer stays; leaving it voids the claim, and signing on again makes a new one.
leaves_and_returns() {
    local before
    before=$(session_of anna | jq .id)
    agent icu-08 disconnect
    assert_eventually "icu-08 has no viewer" has_viewers icu-08 0
    assert_eventually "the session is disconnected" session_is anna ".id == $before and .state == \"disconnected\""
    site_sign_on icu-07 anna
    assert_eventually "anna's desktop is on icu-07 again" shows_desktop icu-07
    assert_eventually "the same session with epoch 4" session_is anna ".id == $before and .epoch == 4 and .state == \"active\""
    agent icu-07 sign-off
    assert_eventually "icu-07 has no viewer" has_viewers icu-07 0
    assert_eventually "icu-07 does not show the desktop" shows_no_desktop icu-07
    assert_eventually "anna has no session" session_is anna '. == {}'
}

# Both at once, without a session (odd rounds) and with a disconnected one (even rounds).
at_two_terminals() {
    local round one two
    for ((round = 1; round <= ROUNDS; round++)); do
        assert_eventually "a desktop is free for round $round" has_room
        site_sign_on icu-07 anna >"$TEST_FOLDER/one" 2>&1 &
        one=$!
        site_sign_on icu-08 anna >"$TEST_FOLDER/two" 2>&1 &
        two=$!
        # One is told that it lost, or both succeed one after the other: only the result counts.
        # One of them loses and has another exit code; which one shows the desktop is judged below.
        wait "$one" || true # one of the two is superseded; both screens are judged
        wait "$two" || true # likewise
        assert_eventually "one terminal shows anna's desktop, round $round" one_winner
        judge "$round"
        if ((round % 2)); then agent "$winner" disconnect; else agent "$winner" sign-off; fi
        assert_eventually "$winner is free again" has_viewers "$winner" 0
    done
}

has_room() {
    session_is anna '.state == "disconnected"' || site_has_spare "$TEST_POOL"
}

# Sets winner and loser.
one_winner() {
    local pair
    for pair in "icu-07 icu-08" "icu-08 icu-07"; do
        read -r winner loser <<<"$pair"
        if is_active "$winner" anna && is_away "$loser" && has_viewers "$winner" 1 && has_viewers "$loser" 0; then
            return 0
        fi
    done
    return 1
}

judge() {
    assert_eventually "$winner shows the desktop, round $1" shows_desktop "$winner"
    assert_eventually "$loser shows none, round $1" shows_no_desktop "$loser"
    assert_now "$loser says where the session went, round $1" terminal_status_is "$loser" ".text | contains(\"$winner\")"
    assert_now "one session, shown at $winner with its epoch, round $1" \
        session_is anna ".epoch == $(epoch "$winner") and .runtime.shown_at == \"$winner\" and .state == \"active\""
    assert_now "the loser's claims have lower epochs, round $1" lower_epochs "$1"
    say "round $1: $winner with epoch $(epoch "$winner")"
}

# Every earlier connection of the session is over and has a lower epoch than the one that is shown.
lower_epochs() {
    local session
    session=$(session_of anna)
    ctl connection list --json | jq -e --argjson s "$session" '[.items[] | select(.session_id == $s.id)] as $all
        | ([$all[] | select(.state != "ended")] | length == 1 and .[0].epoch == $s.epoch)
        and ([$all[] | select(.state == "ended" and .epoch >= $s.epoch)] | length == 0)' >/dev/null
}

# Two desktops: anna has one, and bert and carl want the other at the same moment.
last_desktop() {
    local first second first_user second_user bert carl
    assert_eventually "a desktop is free" site_has_spare "$TEST_POOL"
    site_test_start_terminals icu-09
    site_sign_on icu-09 anna
    assert_eventually "the last desktop stands ready" site_has_spare "$TEST_POOL"
    site_sign_on icu-07 bert >"$TEST_FOLDER/bert" 2>&1 &
    bert=$!
    site_sign_on icu-08 carl >"$TEST_FOLDER/carl" 2>&1 &
    carl=$!
    assert_eventually "one works, one waits" one_waits
    read -r first first_user second second_user <<<"$race"
    assert_eventually "the one who waits is told the place" grep -qE '(number|place) 1' "$TEST_FOLDER/$second_user"
    assert_now "the pool tells of the queue" ctl_answer_is '.queue == 1' pool status "$TEST_POOL"
    assert_eventually "$first shows the desktop" shows_desktop "$first"
    assert_now "$second shows none" shows_no_desktop "$second"
    say "$first_user has it, $second_user waits: $(tail -n 1 "$TEST_FOLDER/$second_user")"
    agent "$first" sign-off
    assert_eventually "$second_user gets the desktop" is_active "$second" "$second_user"
    assert_eventually "$second shows it" shows_desktop "$second"
    assert_now "the queue is empty" ctl_answer_is '.queue == 0' pool status "$TEST_POOL"
    assert_now "no session of $first_user is left" session_is "$first_user" '. == {}'
    assert_now "anna was not touched" is_active icu-09 anna
    wait "$bert" || fail "bert's sign-on ended well"
    wait "$carl" || fail "carl's sign-on ended well"
}

# Sets race: terminal and user of the first, then of the second.
one_waits() {
    local order
    for order in "icu-07 bert icu-08 carl" "icu-08 carl icu-07 bert"; do
        read -r first first_user second second_user <<<"$order"
        if is_active "$first" "$first_user" && terminal_status_is "$second" '.state == "sign-on"'; then
            race=$order
            return 0
        fi
    done
    return 1
}

site_test_begin "${1:-}"
step "broker, two desktops, two terminals" site
step "a session moves to the second terminal" moves
step "it is left, taken up again, and ended" leaves_and_returns
step "one user at two terminals in the same moment, $ROUNDS times" at_two_terminals
step "two users race for the last desktop" last_desktop
assert_now "the audit chain holds" ctl audit verify >&2
step "what was recorded keeps the invariants" history_keeps_invariants
say "$PROGRAM: a session has one screen, also after a race; a user without a desktop is queued and then gets one"
