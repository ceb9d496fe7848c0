#!/usr/bin/env bash
# site_broker_killed.sh - the broker is killed while two users work; neither they nor their machines notice.
#
# usage: tests/e2e/site_broker_killed.sh BUILD-FOLDER
#
# It proves: after SIGKILL screens and viewers are unchanged; the restarted broker has the same sessions, claimed by the same
# terminals, and touched no machine; the audit chain is valid. The same for an orderly stop and a later start, and for three
# kills at random moments while a user signs on and off.
set -euo pipefail
# shellcheck source=tests/e2e/lib/site_test.sh
. "$(dirname "$(readlink -f "$0")")/lib/site_test.sh"

TERMINALS=(icu-07 icu-08)

two_users_work() {
    site_test_start 3 1 anna bert
    site_test_start_terminals "${TERMINALS[@]}"
    site_sign_on icu-07 anna
    site_sign_on icu-08 bert
    assert_eventually "anna's desktop is on icu-07" shows_desktop icu-07
    assert_eventually "bert's desktop is on icu-08" shows_desktop icu-08
    assert_eventually "both connections are active" connections_active
    assert_eventually "a spare stands ready" site_has_spare "$TEST_POOL"
}

connections_active() {
    ctl_answer_is '[.items[] | select(.state == "active")] | length == 2' connection list
}

# What must be unchanged afterwards: sessions, assignments, machines, viewers.
remember() {
    sessions=$(open_sessions)
    assignments=$(open_assignments)
    running=$(machines)
    watching="$(viewers icu-07) / $(viewers icu-08)"
    [[ $(jq length <<<"$sessions") == 2 && $(wc -l <<<"$running") -ge 3 && $watching == [0-9]*' / '[0-9]* ]] ||
        fail "two users work: $sessions, $running, $watching"
}

open_assignments() {
    ctl assignment list --json | jq -c '[.items[] | select(.state == "open") | {id, user, desktop}] | sort_by(.id)'
}

# same WHAT BEFORE AFTER
same() {
    [[ $2 == "$3" ]] || fail "$1 are the same. Before: $2 After: $3"
}

viewers_untouched() {
    same "viewers" "$watching" "$(viewers icu-07) / $(viewers icu-08)"
}

# pictures NAME - save both screens, with the pointer at a fixed place.
pictures() {
    local name
    for name in "${TERMINALS[@]}"; do on_terminal "$name" screen_shot "$TEST_FOLDER/$1-$name.png"; done
}

screens_same() {
    local name different
    for name in "${TERMINALS[@]}"; do
        different=$(magick_compare "$TEST_FOLDER/before-$name.png" "$TEST_FOLDER/$1-$name.png")
        ((different == 0)) || fail "the screen of $name is as before: $different pixels differ"
    done
}

# The number of pixels that differ.
magick_compare() {
    magick_convert "$1" "$2" -alpha off -compose difference -composite -threshold 0 -format '%[fx:int(mean*w*h+0.5)]' info:
}

all_as_before() {
    assert_eventually "both terminals are present again" both_present
    assert_eventually "both sessions are claimed and shown where they were" both_shown
    same "sessions" "$sessions" "$(open_sessions)"
    same "assignments" "$assignments" "$(open_assignments)"
    same "machines" "$running" "$(machines)"
    viewers_untouched
    assert_eventually "both terminals say so" both_active
    pictures after
    screens_same after
    assert_now "the audit chain holds" ctl audit verify
}

both_shown() {
    ctl_answer_is '[.items[] | select(.state == "active" and .runtime.shown == true and .runtime.shown_at == .terminal)] | length == 2' session list
}

both_active() {
    terminal_status_is icu-07 '.state == "active" and .online and .user == "anna"' &&
        terminal_status_is icu-08 '.state == "active" and .online and .user == "bert"'
}

incarnation() {
    metric berth_incarnation
}

new_broker() {
    site_broker_ready && (($(incarnation) > $1))
}

killed() {
    local before
    before=$(incarnation)
    remember
    pictures before
    kill -KILL "$(cat "$SITE/run/berthd.pid")"
    assert_eventually "the supervisor starts it again" new_broker "$before"
    all_as_before
}

stopped_in_order() {
    local before code=0
    before=$(incarnation)
    remember
    kill -TERM "$(cat "$SITE/run/berthd.pid")"
    wait "$SITE_SUPERVISOR" || code=$?
    ((code == 0)) || fail "an orderly stop ends with 0, not $code"
    assert_eventually "the terminals notice" both_offline
    viewers_untouched
    pictures without
    screens_same without
    site_start_broker
    assert_now "a new broker" new_broker "$before"
    all_as_before
}

both_offline() {
    terminal_status_is icu-07 '.online == false and .state == "active"' && terminal_status_is icu-08 '.online == false and .state == "active"'
}

# While bert signs off and on, the broker is killed at a random moment. What was acknowledged to him is true afterwards.
killed_in_the_middle() {
    local round pause
    for round in 1 2 3; do
        draw_moment 500
        pause=$DRAWN
        (
            agent icu-08 sign-off >/dev/null 2>&1
            sleep "$pause"
            site_sign_on icu-08 bert >/dev/null 2>&1
        ) &
        draw_moment 900
        sleep "$DRAWN"
        kill -KILL "$(cat "$SITE/run/berthd.pid")"
        wait $! || true # it may have failed half-way; the result is judged below
        assert_eventually "a broker again, round $round" site_broker_ready
        assert_eventually "both terminals are present, round $round" both_present
        assert_eventually "bert works, or can sign on, round $round" bert_works
        assert_eventually "as many viewers as sessions shown, round $round" has_viewers icu-08 1
        assert_now "anna's terminal shows what it showed, round $round" terminal_status_is icu-07 '.state == "active" and .user == "anna"'
        same "anna's viewer" "$1" "$(viewers icu-07)"
        assert_now "the audit chain holds, round $round" ctl audit verify
        assert_now "one open session each, round $round" one_session_each
    done
}

bert_works() {
    terminal_status_is icu-08 '.state == "active" and .user == "bert" and .online' || {
        site_sign_on icu-08 bert >/dev/null 2>&1
        terminal_status_is icu-08 '.state == "active" and .user == "bert" and .online'
    }
}

one_session_each() {
    [[ $(open_sessions | jq -c '[.[] | select(.state != "ending") | .user_id] | (length == 2) and (unique | length == 2)') == true ]]
}

site_test_begin "${1:-}"
step "two users work on two terminals" two_users_work
step "broker killed: nothing moves, all is claimed again" killed
step "broker stopped in order and started: the same" stopped_in_order
step "broker killed three times while a user comes and goes" killed_in_the_middle "$(viewers icu-07)"
step "what was recorded keeps the invariants" history_keeps_invariants
say "$PROGRAM: the broker is killed and restarted; screens, viewers, sessions and machines are unchanged"
