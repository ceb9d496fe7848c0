#!/usr/bin/env bash
# site_hostile_terminals.sh - hostile peers at the real listener for terminals while a user works: forged, broken, hanging.
#
# usage: tests/e2e/site_hostile_terminals.sh BUILD-FOLDER
#
# The rogue is OpenSSL's s_client, at the end with the key of a real terminal. It proves: a client without a certificate, with
# a foreign or an expired one is refused; half a handshake is dropped; a frame of 2 GB, JSON with a depth of 10,000, an old
# presence and another terminal's session are refused; a terminal renews its key while connected, and after the first use
# of the next key the earlier one is accepted by neither listener; nor is the key of a replaced device; a revoked terminal is
# disconnected. Each is logged and counted, and other terminals notice nothing.
set -euo pipefail
# shellcheck source=tests/e2e/lib/site_test.sh
. "$(dirname "$(readlink -f "$0")")/lib/site_test.sh"

site() {
    site_test_start 2 1 anna
    site_test_start_terminals icu-07 icu-08 rogue
    site_sign_on icu-07 anna
    assert_eventually "anna's desktop is on icu-07" shows_desktop icu-07
    # From here on another client uses the rogue's key.
    kill "${TERMINAL_PID[rogue]}"
    assert_eventually "the rogue's own agent is gone" has_no_process "${TERMINAL_PID[rogue]}"
    jq -r .key "$SITE/rogue/state/identity.json" >"$TEST_FOLDER/rogue.key"
    jq -r .certificate "$SITE/rogue/state/identity.json" >"$TEST_FOLDER/rogue.crt"
    remember_session
    opened=$(metric berth_link_opened_total)
    use_key rogue
    mkfifo "$TEST_FOLDER/silence"
}

has_no_process() {
    ! kill -0 "$1" 2>/dev/null
}

# Others notice nothing: no terminal lost its link, the session is unchanged.
others_unaffected() {
    assert_session_unchanged
    assert_eventually "both terminals are present" both_present
    assert_now "icu-07 says so" terminal_status_is icu-07 '.state == "active" and .user == "anna" and .online'
    [[ $(grep -c ' agent.link ' "$SITE/log/agent-icu-07.log") -eq 1 ]] || fail "icu-07 kept its link"
    [[ $(grep -c ' agent.link ' "$SITE/log/agent-icu-08.log") -eq 1 ]] || fail "icu-08 kept its link"
}

# --- A client of its own ------------------------------------------------------------------------------------------

# tls_connect SOURCE OPTION... - connect to the link's listener from that address of this machine and say nothing; prints what OpenSSL says.
# Most callers expect a refusal, so only the output counts, not the exit code.
tls_connect() {
    local source=$1
    shift
    # A FIFO that this shell holds open has no end of file.
    timeout "$BERTH_WAIT_LIMIT_S" openssl s_client -connect "127.0.0.1:$LINK_PORT" -bind "$source:0" -tls1_3 -alpn berth/1 "$@" <>"$TEST_FOLDER/silence" 2>&1 || true # a refusal is expected; the output is judged
}

# use_key NAME - the rogue's key from here on: NAME.key, and its certificate NAME.crt.
use_key() {
    rogue_key=$TEST_FOLDER/$1.key rogue_crt=$TEST_FOLDER/$1.crt
}

# client_begin NAME PORT SOURCE PROTOCOL OPTION... - a connection that stays open. Data for the broker goes to descriptor
# CLIENT_TO[NAME], its answers to NAME.answers.
client_begin() {
    local name=$1 port=$2 source=$3 protocol=$4 to
    shift 4
    rm -f "$TEST_FOLDER/$name.says"
    mkfifo "$TEST_FOLDER/$name.says"
    : >"$TEST_FOLDER/$name.answers"
    openssl s_client -quiet -connect "127.0.0.1:$port" -bind "$source:0" -tls1_3 -alpn "$protocol" "$@" \
        <"$TEST_FOLDER/$name.says" >"$TEST_FOLDER/$name.answers" 2>"$TEST_FOLDER/$name.log" &
    CLIENT_PID[$name]=$!
    exec {to}>"$TEST_FOLDER/$name.says"
    CLIENT_TO[$name]=$to
}
declare -A CLIENT_PID CLIENT_TO

client_end() {
    local to=${CLIENT_TO[$1]}
    exec {to}>&-
    kill "${CLIENT_PID[$1]}" 2>/dev/null || true # the broker may have hung up on it already
    wait "${CLIENT_PID[$1]}" 2>/dev/null || true # it ends with the signal's code
}

# rogue_begin SOURCE - a connection with the rogue's key; send_frame sends on it, answered and hung_up check it.
rogue_begin() {
    client_begin rogue "$LINK_PORT" "$1" berth/1 -cert "$rogue_crt" -key "$rogue_key"
}

rogue_end() {
    client_end rogue
}

# send_frame TEXT - length, then the text.
send_frame() {
    local LC_ALL=C length
    printf -v length '%08x' "${#1}"
    printf '%b%s' "\\x${length:0:2}\\x${length:2:2}\\x${length:4:2}\\x${length:6:2}" "$1" >&"${CLIENT_TO[rogue]}"
}

answered() {
    grep -qaF -- "$1" "$TEST_FOLDER/rogue.answers"
}

hung_up() {
    ! kill -0 "${CLIENT_PID[rogue]}" 2>/dev/null
}

announce() {
    send_frame '{"type":"announce","ref":1,"boot_id":"rogue","agent_version":"0","want_expires_in_ms":0,"resume_presence_id":"","session_id":0,"session_epoch":0,"connection_id":0,"profile_version":0,"user_waiting":false}'
    assert_eventually "the rogue is granted presence" answered '"granted"'
}

rises() {
    (($(metric "$1") > $2))
}

# --- Before authentication ----------------------------------------------------------------------------------------

# assert_refused WHAT SOURCE OPTION... - refused for its certificate, with a line in the log that names the source.
assert_refused() {
    local what=$1 source=$2 before
    shift 2
    before=$(metric berth_link_failed_certificate_total)
    tls_connect "$source" "$@" >"$TEST_FOLDER/client.log"
    assert_eventually "the metrics count $what" rises berth_link_failed_certificate_total "$before"
    assert_now "the log has $what" logged peer.refused "from=\"$source\" error=\"CERTIFICATE\""
    say "$what: $(grep -F "from=\"$source\"" "$SITE/log/berthd.log" | tail -n 1 | sed 's/.*reason=//')"
    others_unaffected
}

# Half a handshake: the first bytes of a hello, and then nothing.
half_handshake_begin() {
    exec 6<>"/dev/tcp/127.0.0.1/$LINK_PORT"
    printf '\x16\x03\x01\x02\x00\x01' >&6
    half_since=$(metric berth_link_failed_timeout_total)
}

half_handshake_end() {
    assert_eventually "half a handshake is dropped" rises berth_link_failed_timeout_total "$half_since"
    assert_now "the log has half a handshake" logged peer.refused 'error="TIMEOUT"'
    exec 6>&-
    others_unaffected
}

certificates() {
    assert_refused "no certificate" 127.0.0.2
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TEST_FOLDER/foreign.key" -days 30 \
        -subj "/CN=icu-07" -out "$TEST_FOLDER/foreign.crt" 2>/dev/null
    assert_refused "a foreign certificate" 127.0.0.3 -cert "$TEST_FOLDER/foreign.crt" -key "$TEST_FOLDER/foreign.key"
    expired_certificate
    assert_refused "an expired certificate" 127.0.0.4 -cert "$TEST_FOLDER/expired.crt" -key "$TEST_FOLDER/rogue.key"
    [[ $(metric berth_link_opened_total) == "$opened" ]] || fail "none of them completed the handshake"
}

# The rogue's own key and name, signed by the site's own CA, for a day in 2020.
expired_certificate() {
    local folder=$TEST_FOLDER/ca
    mkdir "$folder"
    : >"$folder/index"
    printf '[ca]\ndefault_ca=c\n[c]\ndatabase=%s/index\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=optional\n' \
        "$folder" "$folder" >"$folder/conf"
    openssl req -new -key "$TEST_FOLDER/rogue.key" -subj "/CN=rogue" -out "$folder/request" 2>/dev/null
    openssl ca -batch -notext -config "$folder/conf" -cert "$SITE/data/ca/ca.crt" -keyfile "$SITE/data/ca/ca.key" \
        -startdate 20200101000000Z -enddate 20200102000000Z -in "$folder/request" -out "$TEST_FOLDER/expired.crt" 2>"$folder/log"
}

# --- With a real key ----------------------------------------------------------------------------------------------

huge_frame() {
    local before
    before=$(metric berth_link_messages_bad_total)
    rogue_begin 127.0.0.5
    announce
    printf '\x80\x00\x00\x00{' >&"${CLIENT_TO[rogue]}"
    assert_eventually "a client that announces 2 GB is disconnected" hung_up
    assert_eventually "the metrics count it" rises berth_link_messages_bad_total "$before"
    assert_eventually "the log has it" logged message.refused 'error="TOO_LARGE"'
    rogue_end
    others_unaffected
}

deep_json() {
    local before
    before=$(metric berth_link_messages_bad_total)
    rogue_begin 127.0.0.6
    announce
    send_frame "$(printf '[%.0s' {1..10000})"
    assert_eventually "the metrics count JSON 10,000 deep" rises berth_link_messages_bad_total "$before"
    assert_eventually "the log has it" logged message.refused 'from="127.0.0.6'
    rogue_end
    others_unaffected
}

others_session() {
    local session epoch connection before
    read -r session epoch < <(jq -r '.[0] | "\(.id) \(.epoch)"' <<<"$REMEMBERED_SESSIONS")
    connection=$(ctl connection list --json | jq '[.items[] | select(.state == "active")][0].id')
    before=$(metric 'berth_log_events_total{event="message.refused",level="warn"}')
    rogue_begin 127.0.0.7
    send_frame "{\"type\":\"sign_off\",\"ref\":2,\"session_id\":$session,\"epoch\":$epoch}"
    assert_eventually "a terminal that has not announced itself may not sign off a session" answered '"about":"sign_off"'
    announce
    send_frame "{\"type\":\"sign_off\",\"ref\":3,\"session_id\":$session,\"epoch\":$epoch}"
    send_frame "{\"type\":\"disconnect\",\"ref\":4,\"session_id\":$session,\"epoch\":$((epoch + 7))}"
    send_frame "{\"type\":\"viewer\",\"ref\":5,\"session_id\":$session,\"epoch\":$epoch,\"connection_id\":$connection,\"state\":\"ended\",\"exit_code\":0,\"reason\":\"off\",\"picture_ms\":0}"
    send_frame '{"type":"renew","ref":6,"presence_id":"00000000000000000000000000000000","seq":9,"want_expires_in_ms":0,"screen":"blank","input_idle_ms":0}'
    assert_eventually "an old presence is unknown" answered '"presence_unknown"'
    assert_eventually "another's session is refused: sign-off" refusals_logged sign_off 2
    assert_eventually "another's session is refused: disconnect" refusals_logged disconnect 1
    assert_eventually "another's session is refused: viewer" refusals_logged viewer 1
    (($(metric 'berth_log_events_total{event="message.refused",level="warn"}') >= before + 4)) || fail "the metrics count it"
    rogue_end
    others_unaffected
}

refusals_logged() {
    (($(grep -F ' message.refused ' "$SITE/log/berthd.log" | grep -cF "about=\"$1\"") >= $2))
}

# new_key NAME - NAME.key, and a request for it: NAME.request.
new_key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$TEST_FOLDER/$1.key" 2>/dev/null
    request_for "$1"
}

request_for() {
    openssl req -new -key "$TEST_FOLDER/$1.key" -subj /CN=rogue -out "$TEST_FOLDER/$1.request" 2>/dev/null
}

# keep_certificate NAME - the one in the last answer.
keep_certificate() {
    LC_ALL=C grep -aoE '\{[^{}]*"certificate":[^{}]*\}' "$TEST_FOLDER/rogue.answers" | tail -n 1 | jq -r .certificate >"$TEST_FOLDER/$1.crt"
    openssl x509 -in "$TEST_FOLDER/$1.crt" -noout || fail "the answer holds a certificate for $1"
}

# message TYPE NAME EVIDENCE - a message with the request of NAME, as JSON.
message() {
    jq -cn --arg type "$1" --rawfile request "$TEST_FOLDER/$2.request" --argjson evidence "$3" \
        '{type: $type, ref: 9, request: $request} + if $type == "join" then {serial: "rogue", evidence: $evidence} else {} end'
}

# old_key NAME OTHER - evidence that whoever asks for OTHER's key has NAME's.
old_key() {
    local signature
    signature=$(openssl req -in "$TEST_FOLDER/$2.request" -outform DER | openssl dgst -sha256 -sign "$TEST_FOLDER/$1.key" | od -An -tx1 | tr -d ' \n')
    jq -cn --rawfile certificate "$TEST_FOLDER/$1.crt" --arg signature "$signature" \
        '[{kind: "old-key", certificate: $certificate, signature: $signature}]'
}

# asks_to_join SOURCE NAME EVIDENCE ANSWER - and is disconnected after the answer.
asks_to_join() {
    client_begin rogue "$JOIN_PORT" "$1" berth-join/1 # needs no key
    send_frame "$(message join "$2" "$3")"
    assert_eventually "a client that asks to join is answered and disconnected" hung_up
    answered "$4" || fail "the answer to $2 is $4: $(tr -cd '[:print:]' <"$TEST_FOLDER/rogue.answers")"
    rogue_end
}

# assert_opens_nothing NAME SOURCE WHY - refused by the link, by the join listener, and there as evidence for another key.
assert_opens_nothing() {
    local name=$1 source=$2 why=$3 current=$rogue_key before
    before=$(metric 'berth_log_events_total{event="peer.refused",level="warn"}')
    use_key "$name"
    rogue_begin "$source"
    assert_eventually "$name is not accepted" hung_up
    answered '"granted"' && fail "$name is granted no presence"
    answered "$why" || fail "$name is told why: $why"
    rogue_end
    assert_eventually "the metrics count $name" rises 'berth_log_events_total{event="peer.refused",level="warn"}' "$before"
    assert_now "the log has $name" logged peer.refused "from=\"$source\""
    request_for "$name"
    asks_to_join "$source" "$name" '[]' "$why"
    answered '"joined"' && fail "$name joins nothing"
    new_key thief
    asks_to_join "$source" thief "$(old_key "$name" thief)" "$why"
    answered '"joined"' && fail "$name is no evidence"
    current=${current##*/}
    use_key "${current%.key}"
    others_unaffected
}

# The earlier key is good until the next one was used: an answer may be lost.
renewed() {
    rogue_begin 127.0.0.20
    announce
    new_key next
    send_frame "$(message renew_certificate next '[]')"
    assert_eventually "the rogue is given a certificate for its next key" answered '"type":"certificate"'
    keep_certificate next
    rogue_end
    rogue_begin 127.0.0.20
    announce
    client_begin second "$LINK_PORT" 127.0.0.20 berth/1 -cert "$TEST_FOLDER/next.crt" -key "$TEST_FOLDER/next.key"
    assert_eventually "the earlier connection ends when the next key is used" hung_up
    answered '"SUPERSEDED"' || fail "the earlier connection is told why"
    rogue_end
    client_end second
    use_key next
    assert_opens_nothing rogue 127.0.0.21 "a newer key took the place of this one"
    rogue_begin 127.0.0.22
    announce
    rogue_end
    others_unaffected
}

# Another device becomes this terminal: the earlier one is disconnected at once and for ever.
replaced() {
    local invitation
    invitation=$(site_invite rogue)
    new_key fresh
    asks_to_join 127.0.0.23 fresh "$(jq -cn --arg token "${invitation##*:}" '[{kind: "invitation", value: $token}]')" '"joined"'
    keep_certificate fresh
    use_key fresh
    rogue_begin 127.0.0.24
    announce
    rogue_end
    assert_opens_nothing next 127.0.0.25 "was revoked"
}

revoked() {
    local begun before
    rogue_begin 127.0.0.8
    announce
    assert_eventually "the rogue is present" site_terminal_present rogue
    ctl terminal revoke rogue
    begun=$(now_ms)
    assert_eventually "a revoked terminal is disconnected" hung_up
    say "disconnected after $(($(now_ms) - begun)) ms"
    rogue_end
    before=$(metric 'berth_log_events_total{event="peer.refused",level="warn"}')
    rogue_begin 127.0.0.9
    assert_eventually "it is not accepted again" hung_up
    assert_eventually "the metrics count it" rises 'berth_log_events_total{event="peer.refused",level="warn"}' "$before"
    assert_now "the log has it" logged peer.refused 'from="127.0.0.9'
    answered '"granted"' && fail "a revoked terminal gets no presence"
    rogue_end
    others_unaffected
}

after_all() {
    assert_eventually "the desktop is on icu-07" shows_desktop icu-07
    say "the loop stalled $(metric berth_loop_stalls_total) times" # it happens on a busy machine, too
    assert_now "the broker did not restart" test "$(metric berth_incarnation)" -eq 1
    assert_now "the audit chain holds" ctl audit verify
}

site_test_begin "${1:-}"
step "a user works; a third terminal's key is stolen" site
step "half a handshake begins and hangs" half_handshake_begin
step "no certificate, a foreign one, an expired one" certificates
step "a frame of 2 GB" huge_frame
step "JSON 10,000 deep" deep_json
step "another terminal's session, an old presence" others_session
step "half a handshake is dropped" half_handshake_end
step "the terminal renews its key" renewed
step "the device is replaced" replaced
step "the terminal is revoked" revoked
step "all is as it was" after_all
step "what was recorded keeps the invariants" history_keeps_invariants
say "$PROGRAM: all of them were refused, logged and counted, and other terminals noticed nothing"
