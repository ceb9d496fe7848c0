#!/usr/bin/env bash
# site_disk_full.sh - the disk with the broker's data is full while a user works.
#
# usage: tests/e2e/site_disk_full.sh BUILD-FOLDER
#
# The data folder is on a small file system of its own. It proves: when it is full, changes are refused with a reason,
# nothing acknowledged is lost, sessions and terminals go on, /readyz names the cause; with room again the broker recovers
# by itself; a broker that is killed on a full disk loses nothing either.
set -euo pipefail
# shellcheck source=tests/e2e/lib/site_test.sh
. "$(dirname "$(readlink -f "$0")")/lib/site_test.sh"

SIZE=24m
LEFT=1M   # free at first, for some changes that still fit
MANY=3000 # more changes than fit into existing files

site() {
    mkdir -m 700 "$SITE/data"
    mount -t tmpfs -o "size=$SIZE,mode=700" none "$SITE/data"
    at_exit umount "$SITE/data"
    site_test_start 2 1 anna bert
    site_test_start_terminals icu-07 icu-08
    site_sign_on icu-07 anna
    assert_eventually "anna's desktop is on icu-07" shows_desktop icu-07
    assert_eventually "a spare stands ready" site_has_spare "$TEST_POOL"
    remember_session
}

call_api() {
    curl --silent --unix-socket "$SITE/run/berthd.sock" "$@"
}

# user_add NAME - prints the HTTP status.
user_add() {
    call_api -o "$TEST_FOLDER/answer" -w '%{http_code}' -H 'Content-Type: application/json' \
        -d "{\"name\": \"$1\", \"kind\": \"person\", \"title\": \"$TITLE\"}" http://berth/v1/users
}
TITLE=$(printf 'x%.0s' {1..100})

ballast() {
    ! head -c 1G /dev/zero >"$SITE/data/ballast" 2>/dev/null || fail "the file system is small"
    truncate -s "-$LEFT" "$SITE/data/ballast"
}

fill() {
    local status
    ballast
    for ((added = 0; added < MANY; added++)); do
        status=$(user_add "u$added")
        [[ $status == 2?? ]] || break
    done
    say "$added changes still fitted, then: $status $(cat "$TEST_FOLDER/answer")"
    [[ $status == 507 ]] || fail "the change that does not fit is refused with 507, not $status"
    grep -q 'disk is full' "$TEST_FOLDER/answer" || fail "the refusal says why: $(cat "$TEST_FOLDER/answer")"
}

refused_and_alive() {
    local code=0 said
    said=$(ctl user add one-more kind=person 2>&1) || code=$?
    [[ $code == 7 && $said == *"disk is full"* ]] || fail "berthctl says it and ends with 7 (try again later): $code $said"
    [[ $(call_api -o "$TEST_FOLDER/answer" -w '%{http_code}' http://berth/readyz) == 503 ]] || fail "/readyz answers 503"
    grep -q 'disk is full' "$TEST_FOLDER/answer" || fail "/readyz says why: $(cat "$TEST_FOLDER/answer")"
    assert_now "/healthz answers 200" ctl health
    [[ $(metric berth_store_degraded) == 1 ]] || fail "the metric says so"
    assert_now "the log says so" logged store.degraded
    # A sign-on is a decision, and no decision can be stored now. Bert's page says what to do, and the log says why.
    code=0
    said=$(agent icu-08 sign-on bert <"$SITE/etc/password-bert" 2>&1) || code=$?
    [[ $code != 0 && $said == *"not ready yet. Try again"* ]] || fail "a sign-on is refused with a reason: $code $said"
    assert_now "the log says why" logged sign-on.failed "the broker's disk is full"
    untouched
}

untouched() {
    assert_session_unchanged
    assert_now "both terminals are present" both_present
    assert_eventually "the desktop is on icu-07" shows_desktop icu-07
}

all_there() {
    local names
    names=$(sqlite3 "file:$SITE/data/berth.db?mode=ro" "SELECT count(*) FROM users WHERE name GLOB 'u[0-9]*'")
    [[ $names == "$added" ]] || fail "all $added acknowledged users are there and no other: $names"
    assert_now "the broker says the same" ctl_answer_is '.name == "u0"' user show u0
    ((added == 0)) || assert_now "the last acknowledged one too" ctl_answer_is ".name == \"u$((added - 1))\"" user show "u$((added - 1))"
    assert_now "the audit chain holds" ctl audit verify
}

recovers() {
    local begun
    rm "$SITE/data/ballast"
    begun=$(now_ms)
    assert_eventually "the broker recovers by itself" recovered
    say "recovered after $(seconds $(($(now_ms) - begun))) s"
    assert_now "the log says so" logged store.recovered
    ctl user add one-more kind=person
    site_sign_on icu-08 bert
    assert_eventually "bert's desktop is on icu-08" shows_desktop icu-08
    agent icu-08 sign-off
    assert_eventually "bert is signed off" has_viewers icu-08 0
    assert_eventually "only anna's session is open" anna_alone
    untouched
    all_there
}

recovered() {
    [[ $(metric berth_store_degraded) == 0 ]] && site_broker_ready
}

anna_alone() {
    [[ $(open_sessions) == "$REMEMBERED_SESSIONS" ]]
}

# The supervisor starts it on the full disk; it may wait for room or refuse, but acknowledged changes are there afterwards.
killed_when_full() {
    local status before=$added
    ballast
    for (( ; added < before + MANY; added++)); do
        status=$(user_add "u$added")
        [[ $status == 2?? ]] || break
    done
    [[ $status == 507 ]] || fail "the change that does not fit is refused with 507, not $status"
    ! head -c 1G /dev/zero >>"$SITE/data/ballast" 2>/dev/null || fail "the file system is small"
    kill -KILL "$(cat "$SITE/run/berthd.pid")"
    assert_eventually "the broker is there, or tells why it is not" broker_or_reason
    rm "$SITE/data/ballast"
    # Either the broker is back, or its supervisor gave up and it is started again; both are judged below.
    wait_for site_broker_settled || fail "the broker comes back, or its supervisor gives it up"
    ! process_gone "$SITE_SUPERVISOR" || site_start_broker
    assert_eventually "the broker works again" recovered
    assert_eventually "anna's session is claimed by icu-07" ctl_answer_is '[.items[] | select(.state == "active" and .runtime.shown_at == "icu-07")] | length == 1' session list
    assert_eventually "both terminals are present" both_present
    untouched
    all_there
}

broker_or_reason() {
    site_broker_ready || ctl ready 2>&1 | grep -q 'disk is full' || tail -n 3 "$SITE/log/berthd.log" | grep -qi 'disk\|space'
}

need_commands curl sqlite3
site_test_begin "${1:-}"
step "a user works, data on a disk of $SIZE" site
step "the disk is full: what does not fit is refused" fill
step "all else goes on, and says what is wrong" refused_and_alive
step "room again" recovers
step "the broker killed on a full disk" killed_when_full
step "what was recorded keeps the invariants" history_keeps_invariants
say "$PROGRAM: $added acknowledged changes are there; a full disk refuses changes, stops nothing, and the broker recovers"
