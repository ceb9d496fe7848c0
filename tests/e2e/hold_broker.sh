#!/usr/bin/env bash
# hold_broker.sh - the broker dies under two working users, and neither they nor their machines notice.
#
# usage: tests/e2e/hold_broker.sh BUILD-FOLDER
#
# It proves: after SIGKILL screens and viewers are as before; the broker that comes back has the same sessions, claimed
# by the same terminals, and touched no machine; the audit chain holds. The same for an orderly stop and a later start,
# and for three deaths at moments of no choosing while a user signs on and off.
set -euo pipefail
# shellcheck source=tests/e2e/lib/hold.sh
. "$(dirname "$(readlink -f "$0")")/lib/hold.sh"

TERMINALS=(icu-07 icu-08)

two_users_work() {
    hold_site 3 1 anna bert
    hold_terminals "${TERMINALS[@]}"
    site_sign_on icu-07 anna
    site_sign_on icu-08 bert
    becomes "anna's desktop is on icu-07" shows_desktop icu-07
    becomes "bert's desktop is on icu-08" shows_desktop icu-08
    becomes "both connections are active" connections_active
    becomes "a spare stands ready" site_has_spare "$HOLD_POOL"
}

connections_active() {
    asks '[.items[] | select(.state == "active")] | length == 2' connection list
}

# What must be the same afterwards: sessions, assignments, machines, viewers.
remember() {
    sessions=$(open_sessions)
    assignments=$(open_assignments)
    running=$(machines)
    watching="$(viewers icu-07) / $(viewers icu-08)"
    [[ $(jq length <<<"$sessions") == 2 && $(wc -l <<<"$running") -ge 3 && $watching == [0-9]*' / '[0-9]* ]] ||
        failed "two users work: $sessions, $running, $watching"
}

open_assignments() {
    ctl assignment list --json | jq -c '[.items[] | select(.state == "open") | {id, user, desktop}] | sort_by(.id)'
}

# same WHAT BEFORE AFTER
same() {
    [[ $2 == "$3" ]] || failed "$1 are the same. Before: $2 After: $3"
}

viewers_untouched() {
    same "viewers" "$watching" "$(viewers icu-07) / $(viewers icu-08)"
}

# pictures NAME - both screens, with the pointer where nothing moves it.
pictures() {
    local name
    for name in "${TERMINALS[@]}"; do on_terminal "$name" screen_shot "$HOLD_WORK/$1-$name.png"; done
}

screens_same() {
    local name different
    for name in "${TERMINALS[@]}"; do
        different=$(magick_compare "$HOLD_WORK/before-$name.png" "$HOLD_WORK/$1-$name.png")
        ((different == 0)) || failed "the screen of $name is as before: $different pixels differ"
    done
}

# How many pixels differ.
magick_compare() {
    magick_convert "$1" "$2" -alpha off -compose difference -composite -threshold 0 -format '%[fx:int(mean*w*h+0.5)]' info:
}

all_as_before() {
    becomes "both terminals are present again" both_present
    becomes "both sessions are claimed and shown where they were" both_shown
    same "sessions" "$sessions" "$(open_sessions)"
    same "assignments" "$assignments" "$(open_assignments)"
    same "machines" "$running" "$(machines)"
    viewers_untouched
    becomes "both terminals say so" both_active
    pictures after
    screens_same after
    holds "the audit chain holds" ctl audit verify
}

both_shown() {
    asks '[.items[] | select(.state == "active" and .runtime.shown == true and .runtime.shown_at == .terminal)] | length == 2' session list
}

both_active() {
    asks_terminal icu-07 '.state == "active" and .online and .user == "anna"' &&
        asks_terminal icu-08 '.state == "active" and .online and .user == "bert"'
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
    becomes "the keeper starts it again" new_broker "$before"
    all_as_before
}

stopped_in_order() {
    local before code=0
    before=$(incarnation)
    remember
    kill -TERM "$(cat "$SITE/run/berthd.pid")"
    wait "$SITE_KEEPER" || code=$?
    ((code == 0)) || failed "an orderly stop ends with 0, not $code"
    becomes "the terminals notice" both_offline
    viewers_untouched
    pictures without
    screens_same without
    site_start_broker
    holds "a new broker" new_broker "$before"
    all_as_before
}

both_offline() {
    asks_terminal icu-07 '.online == false and .state == "active"' && asks_terminal icu-08 '.online == false and .state == "active"'
}

# While bert signs off and on, the broker dies at a moment that the seed draws. What was told to him is so afterwards.
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
        wait $! || true # what it did may have failed half-way: that is the point; what is left is judged
        becomes "a broker again, round $round" site_broker_ready
        becomes "both terminals are present, round $round" both_present
        becomes "bert works, or can sign on, round $round" bert_works
        becomes "as many viewers as sessions shown, round $round" has_viewers icu-08 1
        holds "anna's terminal shows what it showed, round $round" asks_terminal icu-07 '.state == "active" and .user == "anna"'
        same "anna's viewer" "$1" "$(viewers icu-07)"
        holds "the audit chain holds, round $round" ctl audit verify
        holds "one open session each, round $round" one_session_each
    done
}

bert_works() {
    asks_terminal icu-08 '.state == "active" and .user == "bert" and .online' || {
        site_sign_on icu-08 bert >/dev/null 2>&1
        asks_terminal icu-08 '.state == "active" and .user == "bert" and .online'
    }
}

one_session_each() {
    [[ $(open_sessions | jq -c '[.[] | select(.state != "ending") | .user_id] | (length == 2) and (unique | length == 2)') == true ]]
}

hold_begin "${1:-}"
step "two users work on two terminals" two_users_work
step "broker killed: nothing moves, all is claimed again" killed
step "broker stopped in order and started: the same" stopped_in_order
step "broker killed three times while a user comes and goes" killed_in_the_middle "$(viewers icu-07)"
step "what was recorded keeps the invariants" hold_judged
say "$PROGRAM: the broker dies and comes back; screens, viewers, sessions and machines stay as they were"
