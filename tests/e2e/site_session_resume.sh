#!/usr/bin/env bash
# site_session_resume.sh - a broken picture comes back through the broker while the session still belongs to the terminal.
#
# usage: tests/e2e/site_session_resume.sh BUILD-FOLDER
#
# It proves, with the stock xfreerdp3 and FreeRDP's own server: after a viewer's connection was cut, the picture returns by
# itself with a new connection and no second password; while the broker does not answer the page says so, and the picture
# returns when it does; after a restart of the broker, which stores no password, the person is asked to sign on; a session
# that was taken over or ended meanwhile is not shown, and the page says why; the terminal gives up a desktop that stays
# unreachable, and the page says what to do.
set -euo pipefail
# shellcheck source=tests/e2e/lib/site_test.sh
. "$(dirname "$(readlink -f "$0")")/lib/site_test.sh"
# shellcheck source=tests/e2e/lib/mitm.sh
. "$top/tests/e2e/lib/mitm.sh"

CUTS=2

site() {
    site_write_broker_config
    # No limit in time for slow machines; the number of tries ends it here.
    printf '[session]\nresume_s = 900\n' >>"$SITE/etc/berthd.conf"
    mitm_site credential=passthrough
    site_test_start_terminals icu-07 icu-08
}

# anna_works TERMINAL - she signed on there and sees her desktop.
anna_works() {
    mitm_set_mode honest
    site_sign_on "$1" anna
    assert_eventually "anna works at $1" shows_desktop "$1"
}

# Prints number, epoch and state of her session, and the connection that shows it.
session() {
    ctl session list --json | jq -c '[.items[] | select(.user == "anna" and .state != "ended")] | first // {}
        | {id, epoch, state}'
}

connection() {
    ctl connection list --json | jq --argjson s "$(session)" \
        '[.items[] | select(.session_id == $s.id and .state == "active")] | if length == 1 then .[0].id else 0 end'
}

session_is() {
    session | jq -e "$1" >/dev/null
}

is_back() {
    session_is ".id == $1 and .epoch == $2 and .state == \"active\"" && [[ $(connection) -ne 0 ]]
}

says() {
    terminal_status_is "$1" ".text | contains(\"$2\")"
}

# Without input: all passwords were typed before.
comes_back() {
    local before first old i
    anna_works icu-07
    before=$(session)
    first=$(jq .id <<<"$before")
    for ((i = 1; i <= CUTS; i++)); do
        old=$(connection)
        ((old > 0)) || fail "cut $i: her session has a connection"
        mitm_set_mode cut
        assert_eventually "cut $i: her session is shown again" is_back "$first" $(($(jq .epoch <<<"$before") + i))
        assert_eventually "cut $i: anna's desktop is on the screen" shows_desktop icu-07
        assert_now "cut $i: one viewer" has_viewers icu-07 1
        assert_now "cut $i: it came by a new connection" test "$(connection)" -ne "$old"
        assert_now "cut $i: the old connection is over" ctl_answer_is \
            ".items[] | select(.id == $old) | .state == \"ended\"" connection list
    done
}

# Stop the broker: no answers; when it continues it still has its memory.
broker_does_not_answer() {
    local before pid
    before=$(session)
    pid=$(cat "$SITE/run/berthd.pid")
    kill -STOP "$pid"
    assert_eventually "icu-07 has lost the broker" terminal_status_is icu-07 '.online | not'
    assert_now "the picture stays without the broker" shows_desktop icu-07
    mitm_set_mode cut
    assert_eventually "icu-07 says that the broker cannot be reached" says icu-07 "broker cannot be reached"
    assert_eventually "nothing is shown" shows_no_desktop icu-07
    kill -CONT "$pid"
    assert_eventually "the session is shown again" is_back "$(jq .id <<<"$before")" $(($(jq .epoch <<<"$before") + 1))
    assert_eventually "anna's desktop is on the screen" shows_desktop icu-07
}

broker_is_restarted() {
    local before
    before=$(session)
    site_stop_broker
    mitm_set_mode cut
    assert_eventually "icu-07 says that the broker cannot be reached" says icu-07 "broker cannot be reached"
    site_start_broker
    assert_eventually "icu-07 says that a password is needed again" says icu-07 "has not kept your password; sign on"
    assert_now "the session was not touched" session_is ".id == $(jq .id <<<"$before")"
    site_sign_on icu-07 anna
    assert_eventually "anna returned to it" shows_desktop icu-07
    assert_now "it is the same" session_is ".id == $(jq .id <<<"$before")"
}

# Break the picture of icu-07 and make its desktop unreachable.
out_of_reach() {
    mitm_set_mode gone
    mitm_add_mode cut
    assert_eventually "icu-07 says that the picture was lost" says icu-07 "session goes on running"
    assert_eventually "nothing is shown" shows_no_desktop icu-07
}

taken_over() {
    local other
    out_of_reach
    site_sign_on icu-08 anna >"$TEST_FOLDER/other" 2>&1 &
    other=$!
    assert_eventually "icu-07 says where the session went" says icu-07 "icu-08"
    mitm_set_mode honest
    assert_eventually "anna's desktop is on icu-08" shows_desktop icu-08
    wait "$other" || fail "the sign-on at icu-08 went well: $(cat "$TEST_FOLDER/other")"
    assert_now "icu-07 shows nothing" shows_no_desktop icu-07
    assert_now "icu-07 does not ask any more" terminal_status_is icu-07 '.state != "sign-on"'
    agent icu-08 disconnect
    assert_eventually "icu-08 is free" has_viewers icu-08 0
}

given_up() {
    local before
    anna_works icu-07
    before=$(session)
    out_of_reach
    assert_eventually "icu-07 gave up, and says what to do" says icu-07 "did not come back. Sign on to return"
    assert_now "the form is there" terminal_status_is icu-07 '.state == "idle"'
    assert_now "the tries cost the session nothing" session_is ".epoch == $(jq .epoch <<<"$before") and .state == \"disconnected\""
}

signed_off() {
    anna_works icu-07
    out_of_reach
    ctl session sign-off "$(session | jq .id)"
    assert_eventually "icu-07 says that the session is over" terminal_status_is icu-07 \
        '.state != "sign-on" and (.text | test("signed you off|is over"))'
    mitm_set_mode honest
    assert_now "nothing is shown" shows_no_desktop icu-07
    assert_eventually "she has no session" session_is '.id == null'
    assert_now "no viewer" has_viewers icu-07 0
}

site_test_begin "${1:-}"
step "broker, desktop, two terminals, and a proxy that cuts connections" site
step "the picture comes back by itself, $CUTS times" comes_back
step "it waits for a broker that does not answer" broker_does_not_answer
step "a restarted broker asks for the password" broker_is_restarted
step "a session that was taken over stays there" taken_over
step "a desktop that stays out of reach is given up" given_up
step "a session that was ended meanwhile is not shown" signed_off
assert_now "the audit chain holds" ctl audit verify >&2
step "what was recorded keeps the invariants" history_keeps_invariants
say "$PROGRAM: a broken picture comes back through the broker, or the page says why not"
