#!/usr/bin/env bash
# greeter.sh - the greeter and the viewer on a real X server: keys, pixels, an RDP server, no secret anywhere.
#
# usage: tests/e2e/greeter.sh BUILD-FOLDER
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=tests/lib/own_network.sh
. "$top/tests/lib/own_network.sh"
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"
# shellcheck source=tests/lib/seed.sh
. "$top/tests/lib/seed.sh"
# shellcheck source=deploy/lib/rdp.sh
. "$top/deploy/lib/rdp.sh"
# shellcheck source=deploy/lib/screen.sh
. "$top/deploy/lib/screen.sh"

need_commands Xvfb xauth setxkbmap xdotool xterm xsetroot jq openssl freerdp-shadow-cli3 winpr-hash3 xfreerdp3
build=$(readlink -f "${1:?usage: $PROGRAM BUILD-FOLDER}")
[[ -x $build/berth-greeter && -x $build/berth-agent ]] || die "berth-greeter and berth-agent are not built in $build"

work=$(mktemp -d)
at_exit rm -rf "$work"
step_log_to "$work/steps.log"
WAIT_LOGS=("$work/*.log")

# --- The greeter, driven by lines as the agent would ----------------------------------------------------------------

greeter_begin() {
    mkfifo "$work/pages"
    "$build/berth-greeter" <"$work/pages" >>"$work/events" 2>"$work/greeter.log" &
    greeter=$!
    # Descriptor 7 is the agent's end of the pipe; another holder of it would keep the greeter alive.
    exec 7>"$work/pages"
    wait_for has_event '.kind == "ready"'
}

# page KIND [JSON] - show a page and wait until the greeter reports that it is painted.
serial=0
page() {
    serial=$((serial + 1))
    jq -cn --arg kind "$1" --argjson serial "$serial" --argjson more "${2:-"{}"}" \
        '{kind: $kind, serial: $serial, terminal: "ICU-07", language: "en", online: true} + $more' >&7
    wait_for has_event ".kind == \"painted\" and .serial == $serial"
}

# has_event FILTER - has the greeter sent an event that matches?
has_event() {
    jq -es "map(select($1)) | length > 0" "$work/events" >/dev/null 2>&1
}

forget_events() {
    : >"$work/events"
}

# expect WHAT COMMAND... - eventually.
expect() {
    local what=$1
    shift
    wait_for "$@" || { screen_shot "$work/failed.png"; die "violated: $what"; }
}

# pixel X Y - prints the colour as RRGGBB.
pixel() {
    "$build/screen-look" pixel "$1" "$2"
}

pixel_is() {
    [[ $(pixel "$1" "$2") == "$3" ]]
}

all_black() {
    screen_shot "$work/black.png"
    [[ $(magick_convert "$work/black.png" -format '%[fx:maxima]' info:) == 0 ]]
}

# Typed as a person does: name, Tab, password, Return. Letters beyond ASCII and characters with a meaning for shells work.
typing() {
    page sign-on
    xdotool type --delay 20 'anna'
    xdotool key Tab
    xdotool type --delay 20 "pä\$s 'w\"rd"
    xdotool key BackSpace d Return
    # shellcheck disable=SC2016
    expect "what was typed arrives" has_event '.kind == "submit" and .user == "anna" and .password == "pä$s '\''w\"rd"'
    forget_events
    page sign-on '{"user": "anna", "alert": true, "text": "the user name or the password is wrong"}'
    xdotool type --delay 20 'again'
    xdotool key Return
    expect "the name stays, the password does not" has_event '.kind == "submit" and .user == "anna" and .password == "again"'
}

choosing() {
    page choose '{"choices": [{"pool": "a", "title": "Ward"}, {"pool": "b", "title": "Office"}]}'
    xdotool key Down Return
    expect "the second is picked" has_event '.kind == "pick" and .pool == "b"'
    page progress '{"cancellable": true, "queue_place": 3, "estimate_ms": 40000}'
    xdotool key Escape
    expect "it can be called off" has_event '.kind == "cancel"'
}

# A window in place of the viewer: a page covers it, whatever it shows, and a blank page is black.
stand_ins=()
covering() {
    xterm -fullscreen -bg '#204080' -fg '#204080' -cr '#204080' +sb -b 0 -geometry 400x100+0+0 -e sleep 1000 </dev/null \
        >/dev/null 2>&1 7>&- &
    stand_ins+=($!)
    page desktop
    expect "the viewer has the screen" pixel_is 640 400 204080
    page notice '{"title": "Your session moved", "text": "Your session moved to ICU-08"}'
    local colour
    colour=$(pixel 640 400) || die "the screen cannot be looked at"
    [[ $colour != 204080 ]] || die "the desktop shows through a notice"
    forget_events
    xdotool key space
    expect "a key closes the notice" has_event '.kind == "dismiss"'
    page desktop
    expect "and back" pixel_is 640 400 204080
    local begun
    begun=$(now_ms)
    page blank
    say "    blank confirmed after $(($(now_ms) - begun)) ms, this script's own work included"
    all_black || die "a blank screen is not black"
    xsetroot -solid red
    xterm -bg white -geometry 20x5+10+10 -e sleep 1000 </dev/null >/dev/null 2>&1 7>&- &
    stand_ins+=($!)
    sleep 1
    all_black || die "a new window came up above a blank screen"
}

banner() {
    page desktop
    page banner '{"title": "Message", "text": "Fire drill at noon"}'
    expect "the message is above the desktop" pixel_is 640 180 fafaf8
    pixel_is 640 700 204080 || die "the message covers more than it needs"
    xdotool mousemove 844 170 click 1
    expect "it can be closed" pixel_is 640 180 204080
    page banner '{"title": "Message", "text": "again"}'
    page blank
    all_black || die "a message stays above a blank screen"
}

# The first picture is reported as soon as something is painted, not while the window is as black as the screen below.
first_picture() {
    kill "${stand_ins[@]}"
    stand_ins=()
    xsetroot -solid black
    page status
    forget_events
    page desktop '{"watch": true}'
    mkfifo "$work/paint"
    cat >"$work/painter" <<PAINTER
read -r word <'$work/paint'
for i in \$(seq 100); do printf '\\033[4%dm%200s\\n' \$((i % 8)) "\$word"; done
sleep 1000
PAINTER
    xterm -fullscreen -bg black -fg white -cr black +sb -b 0 -geometry 400x100+0+0 -e bash "$work/painter" </dev/null \
        >/dev/null 2>&1 7>&- &
    stand_ins+=($!)
    sleep 1.5
    ! has_event '.kind == "picture"' || die "a black window counted as a picture"
    echo stripes >"$work/paint"
    expect "the picture is seen" has_event '.kind == "picture"'
    kill "${stand_ins[@]}"
}

greeter_is_gone() {
    ! kill -0 "$greeter" 2>/dev/null
}

greeter_end() {
    exec 7>&-
    wait_for greeter_is_gone || die "the greeter outlives its agent"
    wait "$greeter" || die "the greeter did not end well when its agent was gone: $(cat "$work/greeter.log")"
    [[ ! -s $work/greeter.log ]] || { cat "$work/greeter.log" >&2 && die "the greeter printed errors"; }
}

# --- The viewer ---------------------------------------------------------------------------------------------------

# A desktop: FreeRDP's shadow server, which checks the password itself (NLA).
desktop_begin() {
    BERTH_TEST_PORT=13400
    BERTH_TEST_ACCOUNT=desk
    BERTH_TEST_PASSWORD_FILE=$work/password
    draw 1000000
    printf 'Marker-%s %s\n' "$DRAWN" "q'\"\\x" >"$BERTH_TEST_PASSWORD_FILE"
    winpr-hash3 -u desk -p "$(cat "$BERTH_TEST_PASSWORD_FILE")" -f sam >"$work/sam"
    mkdir -p "$work/shadow"
    HOME=$work/shadow freerdp-shadow-cli3 "/port:$BERTH_TEST_PORT" /bind-address:127.0.0.1 "/sam-file:$work/sam" \
        >"$work/shadow.log" 2>&1 &
    at_exit kill $!
    wait_for rdp_answers "$BERTH_TEST_PORT"
    BERTH_TEST_FINGERPRINT=$(openssl x509 -in "$(find "$work/shadow" -name '*.crt' | head -n 1)" -outform DER |
        sha256sum | cut -c1-64)
    export BERTH_TEST_PORT BERTH_TEST_ACCOUNT BERTH_TEST_PASSWORD_FILE BERTH_TEST_FINGERPRINT
}

viewer() {
    export BERTH_TEST_AGENT=$build/berth-agent BERTH_TEST_HOME=$work/home
    mkdir -m 700 "$BERTH_TEST_HOME"
    "$build/tests/e2e-program-viewer_real"
}

# What an attacker inside the viewer can reach: reading the system, writing its home, and one connection.
confinement() {
    echo secret >"$work/secret"
    local -a confine=("$build/berth-agent" confine "$work/home" 127.0.0.1 "$BERTH_TEST_PORT" --)
    "${confine[@]}" /bin/cat /etc/hostname >/dev/null || die "a confined program cannot even read /etc"
    # shellcheck disable=SC2016 # the inner shell expands its own $1
    "${confine[@]}" /bin/sh -c 'echo x >"$1/file" && rm "$1/file"' - "$work/home" || die "its home is closed to it"
    ! "${confine[@]}" /bin/cat "$work/secret" 2>/dev/null || die "a confined program read a foreign file"
    ! "${confine[@]}" /bin/sh -c "echo x >'$work/secret'" 2>/dev/null || die "a confined program wrote a foreign file"
    "${confine[@]}" /bin/bash -c '[[ -S /dev/fd/4 ]]' || die "a confined program has no connection to its desktop"
    # Refused by the filter: a listener exists.
    [[ $("${confine[@]}" /bin/bash -c "exec 3<>/dev/tcp/127.0.0.1/$BERTH_TEST_PORT" 2>&1) == *"not permitted"* ]] ||
        die "a confined program may make another connection"
    ! "${confine[@]}" /usr/bin/unshare -r true 2>/dev/null || die "a confined program may make namespaces"
    "${confine[@]}" /bin/grep -q 'NoNewPrivs:.1' /proc/self/status
}

# --- The control socket -----------------------------------------------------------------------------------------------

# request WANTED-EXIT-CODE COMMAND... - standard error goes to $work/said.
request() {
    local wanted=$1 code=0
    shift
    "$@" 2>"$work/said" </dev/null || code=$?
    ((code == wanted)) || die "'$*' ended with $code instead of $wanted: $(cat "$work/said")"
}

socket_is_there() {
    [[ -S $work/state/control.sock ]]
}

# Nothing listens at the address in the invitation: the waiting request reports it, and the agent keeps trying.
joins() {
    local invitation
    invitation=berth-invite:127.0.0.1:1:1:$(printf 'a%.0s' {1..64}):$(printf 'b%.0s' {1..32})
    request 2 "$@" join --limit soon
    request 0 invited "$invitation" "$@" join --no-wait
    "$@" join --limit 600 <<<"$invitation" 2>"$work/hears" &
    local waits=$!
    at_exit bash -c "kill $waits 2>/dev/null || true" # it ends below, when all is well
    wait_for grep -q '^joining .*refused' "$work/hears" || die "the reason is missing: $(cat "$work/hears")"
    kill "$waits"
    wait "$waits" || true # it was ended by a signal
    request 6 invited "$invitation" "$@" join --limit 1
    grep -q 'not joined within 1 s, the agent keeps trying' "$work/said" || die "the limit is missing: $(cat "$work/said")"
}

# invited INVITATION COMMAND... - with the invitation on its standard input.
invited() {
    local invitation=$1
    shift
    "$@" <<<"$invitation"
}

# An agent without an address of its broker reports that, and its control socket admits only its own users.
control() {
    local -a agent=("$build/berth-agent" --set "terminal.state=$work/state" --set broker.dns=no --set screen.display=none)
    "${agent[@]}" run 2>"$work/agent.log" &
    local pid=$!
    at_exit bash -c "kill $pid 2>/dev/null || true" # it ends below, when all is well
    wait_for socket_is_there
    request 0 "${agent[@]}" status
    request 4 "${agent[@]}" sign-off
    request 4 "${agent[@]}" sign-on anna --kiosk
    request 2 "${agent[@]}" sign-on
    request 2 "${agent[@]}" join
    joins "${agent[@]}"
    request 3 "${agent[@]}" --socket "$work/nowhere" status
    [[ $(stat -c %a "$work/state/control.sock") == 600 ]] || die "the control socket is open to others"
    # Code inside the viewer runs under the same account; it gets no answer.
    cp "$build/berth-agent" "$work/home/copy"
    request 3 "$build/berth-agent" confine "$work/home" - 1 -- "$work/home/copy" --config /dev/null \
        --socket "$work/state/control.sock" status
    grep -q 'closed the connection' "$work/said" || die "the agent did not refuse the confined program: $(cat "$work/said")"
    # A second agent does not replace the first.
    request 78 "${agent[@]}" --set screen.display=localhost:10.0 run
    grep -q 'agent.display.*localhost:10.0' "$work/said" || die "an agent whose display is not local says nothing"
    ! grep -q 'agent.display' "$work/agent.log" || die "an agent without a display warns of one that is not local"
    request 0 "${agent[@]}" status
    kill "$pid"
    wait "$pid" || die "the agent did not end well: $(tail -n 3 "$work/agent.log")"
    ! socket_is_there || die "the control socket was left behind"
}

screen_start "$work/screen" 1280x800
# A layout with umlauts: xdotool would remap keys that it does not find, which no real keyboard does.
setxkbmap de
step "the greeter comes up" greeter_begin
step "names and passwords are typed" typing
step "pools are picked, sign-ons called off" choosing
step "a page covers the viewer, black is black" covering
step "a message lies above the desktop" banner
step "the first picture is seen" first_picture
step "the greeter ends with its agent" greeter_end
step "a desktop to connect to" desktop_begin
step "the viewer: pinned, told to end, refused" viewer
step "the viewer's confinement" confinement
step "the control socket" control
