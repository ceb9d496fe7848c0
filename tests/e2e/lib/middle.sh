# middle.sh - a desktop with a man in the middle (tests/e2e/rdp_middle.c) before it.
#
# Source it after hold.sh. All servers have the port of the site's first desktop, each at an address of its own; run it in
# a network namespace of the test's own. MIDDLE_SAID is what he has told since middle_says.
# shellcheck shell=bash

# middle_site POOL-OPTION... - all but terminals, with one desktop behind the man in the middle: anna's.
middle_site() {
    hold_host 1
    site_add_user anna
    middle_start anna
    site_add_pool "$HOLD_POOL" "$HOLD_TEMPLATE" max=1 spare=1 "$@"
    site_await_spare "$HOLD_POOL"
}

# middle_start USER - three real servers: the desktop, one that knows standard RDP security only, one with another certificate.
middle_start() {
    MIDDLE_SAID=$HOLD_WORK/middle-said
    printf '%s:::%s:::\n' "$1" "$(nt_hash <"$SITE/etc/password-$1")" >"$SITE/etc/sam"
    screen_start "$SITE/run/machine-screen" 1280x800
    MIDDLE_DISPLAY=$DISPLAY
    MIDDLE_XAUTHORITY=$XAUTHORITY
    xsetroot -solid "$HOLD_COLOUR"
    xterm -geometry 60x12+80+80 -fa DejaVuSansMono -fs 14 -e sleep infinity </dev/null >/dev/null 2>&1 8>&- &
    at_exit kill $!
    middle_server desktop 127.0.0.2 "/sam-file:$SITE/etc/sam"
    middle_server plain 127.0.0.3 /sec:rdp -auth
    middle_server other 127.0.0.4 "/sam-file:$SITE/etc/sam"
    mkfifo "$HOLD_WORK/middle"
    : >"$MIDDLE_SAID"
    "$SITE_BIN/tests/e2e-program-rdp_middle" "127.0.0.1:$FIRST_PORT" "127.0.0.2:$FIRST_PORT" "127.0.0.3:$FIRST_PORT" \
        "127.0.0.4:$FIRST_PORT" "$SITE/etc/password-$1" <"$HOLD_WORK/middle" >>"$MIDDLE_SAID" 2>&1 8>&- &
    at_exit kill $!
    exec 9>"$HOLD_WORK/middle"
    wait_for rdp_answers "$FIRST_PORT" || die "the man in the middle does not answer: $(cat "$MIDDLE_SAID")"
}

middle_server() {
    local name=$1 address=$2
    shift 2
    mkdir -p "$SITE/run/$name"
    HOME=$SITE/run/$name freerdp-shadow-cli3 "/port:$FIRST_PORT" "/bind-address:$address" "$@" </dev/null \
        >"$SITE/log/rdp-$name.log" 2>&1 8>&- 9>&- &
    MIDDLE_PID[$name]=$!
    at_exit site_end_agent $! # middle_other may have ended it already
    wait_for rdp_answers "$FIRST_PORT" "$address" || die "the server '$name' does not answer"
}
declare -A MIDDLE_PID

# middle_other CERTIFICATE KEY - the other server begins anew with these.
middle_other() {
    kill "${MIDDLE_PID[other]}"
    wait "${MIDDLE_PID[other]}" 2>/dev/null || true # it ends with the signal's code
    install -m 600 "$1" "$SITE/run/other/.config/freerdp/shadow/shadow.crt"
    install -m 600 "$2" "$SITE/run/other/.config/freerdp/shadow/shadow.key"
    DISPLAY=$MIDDLE_DISPLAY XAUTHORITY=$MIDDLE_XAUTHORITY middle_server other 127.0.0.4 "/sam-file:$SITE/etc/sam"
}

# middle_says WORD - from now on; what was seen before is forgotten.
middle_says() {
    : >"$MIDDLE_SAID"
    echo "$1" >&9
}

middle_says_too() {
    echo "$1" >&9
}
