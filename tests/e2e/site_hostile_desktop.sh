#!/usr/bin/env bash
# site_hostile_desktop.sh - a man in the middle between terminal and desktop gets nothing from a viewer.
#
# usage: tests/e2e/site_hostile_desktop.sh BUILD-FOLDER
#
# It proves, with the stock xfreerdp3 and FreeRDP's own server: a server that refuses TLS and NLA, that selects standard
# RDP security, that answers like one without TLS support, or that has another certificate - even one that an authority of
# this machine signed for the desktop's address - is not shown and never gets the password: neither at a sign-on nor when it
# replaces the desktop during a session. The terminal says why. When a compromised desktop redirects the viewer to another
# address, at once or later, with a certificate to trust there, the viewer does not follow. Nor does the viewer query a
# hostile name server for a Kerberos server, though the pool names a domain.
#
# In the test's own namespaces the machine's authorities and resolver are replaced.
set -euo pipefail
# shellcheck source=tests/e2e/lib/site_test.sh
. "$(dirname "$(readlink -f "$0")")/lib/site_test.sh"
# shellcheck source=tests/e2e/lib/mitm.sh
. "$top/tests/e2e/lib/mitm.sh"

TERMINAL=icu-07
NAMES=127.0.0.53 # the name server

site() {
    name_server
    mitm_site credential=passthrough domain=EVIL.EXAMPLE
    authority
    site_test_start_terminals "$TERMINAL"
}

name_server() {
    NAMES_ASKED=$TEST_FOLDER/names-asked
    echo "nameserver $NAMES" >"$TEST_FOLDER/resolv.conf"
    mount --bind "$TEST_FOLDER/resolv.conf" "$(readlink -f /etc/resolv.conf)"
    "$top/tests/e2e/lib/name_server.py" "$NAMES" "$NAMES_ASKED" </dev/null >&2 8>&- &
    at_exit kill $!
    wait_for grep -qs '^ready$' "$NAMES_ASKED" || die "the name server does not start"
    [[ -n $(getent hosts host.evil.example) ]] || die "this machine does not ask the test's name server"
}

nobody_was_asked() {
    ! grep -iE '_kerberos|evil[.]example$|^asked' "$NAMES_ASKED" | grep -qvx host.evil.example
}

# The machine's authorities are replaced by one that has signed the other server for the desktop's address.
authority() {
    local folder=$TEST_FOLDER/authorities
    mkdir -p "$folder"
    (
        cd "$folder"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout authority.key -out authority.pem -subj "/CN=Some authority" -days 2
        openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=127.0.0.1
        openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -out server.crt
        ln -s authority.pem "$(openssl x509 -in authority.pem -noout -hash).0"
    ) 2>/dev/null
    mount --bind "$folder" /etc/ssl/certs
    openssl verify "$folder/server.crt" >/dev/null || die "the authority is not trusted by this machine"
    mitm_replace_other "$folder/server.crt" "$folder/server.key"
}

is_active() {
    terminal_status_is "$TERMINAL" '.state == "active" and .user == "anna"'
}

# Output of the man in the middle since mitm_set_mode.
got_nothing() {
    ! grep -qE '^(plain|password)$' "$MITM_OUTPUT"
}

honest() {
    mitm_set_mode honest
    site_sign_on "$TERMINAL" anna
    assert_eventually "anna's desktop is shown while the man in the middle only forwards" shows_desktop "$TERMINAL"
    assert_now "it forwarded the viewer's connection" grep -q '^asked' "$MITM_OUTPUT"
    assert_now "no other server was asked for the password: $(xargs <"$NAMES_ASKED")" nobody_was_asked
    agent "$TERMINAL" disconnect
    assert_eventually "the viewer has ended" has_viewers "$TERMINAL" 0
}

# The broker was told how the viewer ended: another try uses a new connection of the broker.
nobody_is_connected() {
    ctl_answer_is '[.items[] | select(.state != "ended")] == []' connection list
}

# How often a viewer connected since mitm_set_mode. The broker's probe connects, too, but its request differs.
viewers_came() {
    grep -c '^asked' "$MITM_OUTPUT" || true # grep fails when it counts 0
}

# refused MODE - nothing was shown, no password was sent, and the page says why.
refused() {
    local came
    assert_eventually "$1: the viewer has ended" has_viewers "$TERMINAL" 0
    assert_eventually "$1: the terminal says why" terminal_status_is "$TERMINAL" '.state == "idle" and (.text | contains("right one"))'
    assert_now "$1: the viewer was there" grep -q '^asked' "$MITM_OUTPUT"
    came=$(viewers_came)
    assert_now "$1: no password, and no data without TLS: $(xargs <"$MITM_OUTPUT")" got_nothing
    assert_now "$1: nothing is shown" shows_no_desktop "$TERMINAL"
    assert_eventually "$1: the broker was told" nobody_is_connected
    assert_now "$1: no viewer came after the refusal" [ "$(viewers_came)" = "$came" ]
}

at_sign_on() {
    local mode
    for mode in refuse select old other; do
        mitm_set_mode "$mode"
        ! agent "$TERMINAL" sign-on anna <"$SITE/etc/password-anna" >"$TEST_FOLDER/sign-on" 2>&1 ||
            fail "$mode: the sign-on failed"
        assert_now "$mode: the command reports why: $(cat "$TEST_FOLDER/sign-on")" \
            grep -qE 'negotiation|certificate' "$TEST_FOLDER/sign-on"
        refused "$mode"
    done
}

in_a_session() {
    local mode
    for mode in refuse other; do
        mitm_set_mode honest
        site_sign_on "$TERMINAL" anna
        assert_eventually "$mode: anna works" shows_desktop "$TERMINAL"
        mitm_set_mode "$mode"
        mitm_add_mode cut
        assert_eventually "$mode: the session is off the screen" shows_no_desktop "$TERMINAL"
        assert_eventually "$mode: the terminal gave up" terminal_status_is "$TERMINAL" '.state == "idle"'
        assert_now "$mode: no password, and no data without TLS: $(xargs <"$MITM_OUTPUT")" got_nothing
    done
}

# redirector NAME ADDRESS CERTIFICATE KEY DELAY-MS - a server that redirects viewers to 127.0.0.6 with a certificate to trust.
redirector() {
    "$SITE_BIN/tests/e2e-program-rdp_redirector" "$2" "$FIRST_PORT" "$3" "$4" 127.0.0.6 \
        "$TEST_FOLDER/authorities/server.crt" "$5" </dev/null >"$TEST_FOLDER/$1" 2>&1 8>&- 9>&- &
    REDIRECTOR=$!
    at_exit site_end_agent $!
    wait_for grep -q '^ready$' "$TEST_FOLDER/$1" || die "the redirecting server does not start: $(cat "$TEST_FOLDER/$1")"
}

nobody_elsewhere() {
    ! grep -q '^connected$' "$TEST_FOLDER/elsewhere"
}

# The desktop itself, with its own key.
redirected() {
    local delay keys=$SITE/run/desktop/.config/freerdp/shadow
    kill "${MITM_PID[desktop]}"
    wait "${MITM_PID[desktop]}" 2>/dev/null || true # it ends with the signal's code
    redirector elsewhere 127.0.0.6 "$TEST_FOLDER/authorities/server.crt" "$TEST_FOLDER/authorities/server.key" 1000000
    for delay in 0 2000; do
        REDIRECTOR_SAID=$TEST_FOLDER/redirector-$delay
        redirector "redirector-$delay" 127.0.0.2 "$keys/shadow.crt" "$keys/shadow.key" "$delay"
        mitm_set_mode honest
        # The redirection decides whether the sign-on fails at once or later; the terminal's page is judged below.
        agent "$TERMINAL" sign-on anna <"$SITE/etc/password-anna" >"$TEST_FOLDER/sign-on" 2>&1 || true
        assert_eventually "after $delay ms: the viewer was redirected" grep -q '^redirected$' "$REDIRECTOR_SAID"
        assert_eventually "after $delay ms: the terminal says why" \
            terminal_status_is "$TERMINAL" '.state == "idle" and (.text | contains("right one"))'
        assert_now "after $delay ms: the viewer was at the desktop" grep -q '^connected$' "$REDIRECTOR_SAID"
        assert_now "after $delay ms: no connection to the other address" nobody_elsewhere
        agent "$TERMINAL" disconnect || true # there may be nothing to disconnect any more
        assert_eventually "after $delay ms: the viewer has ended" has_viewers "$TERMINAL" 0
        assert_eventually "after $delay ms: the broker was told" nobody_is_connected
        assert_now "after $delay ms: one viewer was there, and none after it: $(xargs <"$MITM_OUTPUT")" \
            [ "$(viewers_came)" = 1 ]
        kill "$REDIRECTOR"
        wait "$REDIRECTOR" 2>/dev/null || true # it ends with the signal's code
    done
}

site_test_begin "${1:-}"
step "broker, terminal, desktop, and a man in the middle" site
step "an honest man in the middle changes nothing" honest
step "at a sign-on he gets nothing" at_sign_on
step "in the middle of a session he gets nothing" in_a_session
step "nobody follows a desktop that redirects" redirected
step "what was recorded keeps the invariants" history_keeps_invariants
say "$PROGRAM: only the desktop with the pinned certificate is shown, and only it is given the password"
