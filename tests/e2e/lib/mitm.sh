# mitm.sh - a desktop behind a man in the middle (tests/e2e/rdp_mitm.c).
#
# Source it after site_test.sh. All servers have the port of the site's first desktop, each at an address of its own; run it in
# a network namespace of the test's own. MITM_OUTPUT has its output since mitm_set_mode.
# shellcheck shell=bash

# mitm_site POOL-OPTION... - all but terminals, with one desktop behind the man in the middle: anna's.
mitm_site() {
    site_test_start_broker 1
    site_add_user anna
    mitm_start anna
    site_add_pool "$TEST_POOL" "$TEST_TEMPLATE" max=1 spare=1 "$@"
    site_await_spare "$TEST_POOL"
}

# mitm_start USER - three real servers: the desktop, one that knows standard RDP security only, one with another certificate.
mitm_start() {
    MITM_OUTPUT=$TEST_FOLDER/mitm-output
    printf '%s:::%s:::\n' "$1" "$(nt_hash <"$SITE/etc/password-$1")" >"$SITE/etc/sam"
    screen_start "$SITE/run/machine-screen" 1280x800
    MITM_DISPLAY=$DISPLAY
    MITM_XAUTHORITY=$XAUTHORITY
    xsetroot -solid "$TEST_COLOUR"
    xterm -geometry 60x12+80+80 -fa DejaVuSansMono -fs 14 -e sleep infinity </dev/null >/dev/null 2>&1 8>&- &
    at_exit kill $!
    mitm_server desktop 127.0.0.2 "/sam-file:$SITE/etc/sam"
    mitm_server plain 127.0.0.3 /sec:rdp -auth
    mitm_server other 127.0.0.4 "/sam-file:$SITE/etc/sam"
    mkfifo "$TEST_FOLDER/mitm"
    : >"$MITM_OUTPUT"
    "$SITE_BIN/tests/e2e-program-rdp_mitm" "127.0.0.1:$FIRST_PORT" "127.0.0.2:$FIRST_PORT" "127.0.0.3:$FIRST_PORT" \
        "127.0.0.4:$FIRST_PORT" "$SITE/etc/password-$1" <"$TEST_FOLDER/mitm" >>"$MITM_OUTPUT" 2>&1 8>&- &
    at_exit kill $!
    exec 9>"$TEST_FOLDER/mitm"
    wait_for rdp_answers "$FIRST_PORT" || die "the man in the middle does not answer: $(cat "$MITM_OUTPUT")"
}

mitm_server() {
    local name=$1 address=$2
    shift 2
    mkdir -p "$SITE/run/$name"
    HOME=$SITE/run/$name freerdp-shadow-cli3 "/port:$FIRST_PORT" "/bind-address:$address" "$@" </dev/null \
        >"$SITE/log/rdp-$name.log" 2>&1 8>&- 9>&- &
    MITM_PID[$name]=$!
    at_exit site_end_agent $! # mitm_replace_other may have ended it already
    wait_for rdp_answers "$FIRST_PORT" "$address" || die "the server '$name' does not answer"
}
declare -A MITM_PID

# mitm_replace_other CERTIFICATE KEY - restart the other server with these.
mitm_replace_other() {
    kill "${MITM_PID[other]}"
    wait "${MITM_PID[other]}" 2>/dev/null || true # it ends with the signal's code
    install -m 600 "$1" "$SITE/run/other/.config/freerdp/shadow/shadow.crt"
    install -m 600 "$2" "$SITE/run/other/.config/freerdp/shadow/shadow.key"
    DISPLAY=$MITM_DISPLAY XAUTHORITY=$MITM_XAUTHORITY mitm_server other 127.0.0.4 "/sam-file:$SITE/etc/sam"
}

# mitm_set_mode WORD - from now on; clears MITM_OUTPUT.
mitm_set_mode() {
    : >"$MITM_OUTPUT"
    echo "$1" >&9
}

mitm_add_mode() {
    echo "$1" >&9
}
