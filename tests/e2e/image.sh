#!/usr/bin/env bash
# image.sh - the golden image under QEMU: a clone in a private libvirtd, from power-on to a desktop on a screen.
#
# usage: tests/e2e/image.sh BUILD-FOLDER [--keep FOLDER] [--suite SUITE]
#
#   --keep FOLDER   keep pictures and logs there
#   --suite SUITE   try the guest of that Debian release instead of this machine's
#
# It proves what the broker relies on: the clone answers RDP and reports its certificate's fingerprint through the guest
# agent; a password set through the agent opens the desktop, judged by pixels; the guest reports when its session is open
# and when it has ended; the password of an ended session is void; two clones share no key.
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"
# shellcheck source=deploy/lib/screen.sh
. "$top/deploy/lib/screen.sh"
# shellcheck source=deploy/lib/rdp.sh
. "$top/deploy/lib/rdp.sh"

PICTURE_SIZE=1280x800
WALLPAPER_SHARE=50 # percent of the screen; windows and the bar cover the rest

uri() {
    printf 'qemu+unix:///system?socket=%s' "$socket"
}

vm() {
    virsh --quiet --connect "$(uri)" "$@"
}

# agent DOMAIN COMMAND [ARGUMENTS] - ask the guest agent; prints what it returns.
agent() {
    local request
    request=$(jq -cn --arg command "$2" --argjson arguments "${3:-{\}}" '{execute: $command, arguments: $arguments}')
    vm qemu-agent-command "$1" --timeout 5 "$request" | jq -c .return
}

agent_answers() {
    agent "$1" guest-ping >/dev/null
}

guest_file() {
    local handle
    handle=$(agent "$1" guest-file-open "{\"path\": \"$2\"}") || return 1
    agent "$1" guest-file-read "{\"handle\": $handle, \"count\": 4096}" | jq -r '."buf-b64"' | base64 -d
    agent "$1" guest-file-close "{\"handle\": $handle}" >/dev/null
}

guest_file_begins() {
    [[ $(guest_file "$1" "$2") == "$3"* ]]
}

# guest_run DOMAIN PROGRAM ARGUMENT... - run it in the guest to its end; fails when it failed.
guest_run() {
    local domain=$1 program=$2 request pid result
    shift 2
    request=$(printf '%s\n' "$@" |
        jq -cRs --arg path "$program" '{path: $path, arg: (split("\n")[:-1]), "capture-output": true}')
    pid=$(agent "$domain" guest-exec "$request" | jq .pid)
    until result=$(agent "$domain" guest-exec-status "{\"pid\": $pid}") && [[ $(jq .exited <<<"$result") == true ]]; do
        sleep 0.1
    done
    echo "$program in the guest: $result"
    [[ $(jq .exitcode <<<"$result") == 0 ]]
}

clone() {
    local name=$1 port=$2
    vm vol-create berth /dev/stdin <<VOLUME
<volume><name>$name.qcow2</name><capacity unit='GiB'>8</capacity>
  <target><format type='qcow2'/><compat>1.1</compat></target>
  <backingStore><path>$image/desktop.qcow2</path><format type='qcow2'/></backingStore></volume>
VOLUME
    sed -e "s|<name>[^<]*</name>|<name>$name</name>|" -e "s|volume='[^']*'|volume='$name.qcow2'|" \
        -e "s|hostfwd=tcp:127.0.0.1:[0-9]*-|hostfwd=tcp:127.0.0.1:$port-|" "$template" >"$work/$name.xml"
    vm define "$work/$name.xml"
}

# The command is read from standard input: a password never stands in an argument, nor in a log.
set_password() {
    vm <<<"set-user-password $1 $account $2" >/dev/null
}

new_password() {
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

# viewer PORT PASSWORD FINGERPRINT - start the RDP client on the screen; its process id is VIEWER.
viewer() {
    exec 9<<ARGUMENTS
/v:127.0.0.1:$1
/u:$account
/p:$2
/cert:fingerprint:sha256:$3
/size:$PICTURE_SIZE
-decorations
-clipboard
ARGUMENTS
    HOME=$work xfreerdp3 /args-from:fd:9 </dev/null >"$work/viewer.log" 2>&1 &
    VIEWER=$!
    exec 9<&-
}

viewer_gone() {
    ! kill -0 "$VIEWER" 2>/dev/null
}

end_viewer() {
    kill "$VIEWER" 2>/dev/null || true # it may have ended by itself
    wait "$VIEWER" || true # it ends with the signal's code
    VIEWER=
}

end_any_viewer() {
    [[ -z $VIEWER ]] || kill "$VIEWER" 2>/dev/null
}

# xrdp sends nothing new until the first input arrives, so the mouse is moved before each look.
desktop_visible() {
    screen_move_pointer || return 1
    screen_shows "$wallpaper" "$WALLPAPER_SHARE"
}

keep_results() {
    mkdir -p "$1"
    find "$work" -maxdepth 3 \( -name '*.png' -o -name '*.log' \) -exec cp -t "$1" {} +
}

expect() {
    local what=$1
    shift
    "$@" || die "expected: $what"
}

sign_off_inside() {
    guest_run berth-1 /bin/su "$account" -c 'DISPLAY=:10 sign-off'
}

# The guest never shows a login box: a wrong password ends the connection.
check_refused() {
    viewer "$1" "$2" "$3"
    wait_for viewer_gone || die "the guest keeps a viewer with a wrong password"
    VIEWER=
}

main() {
    local port_1=13400 port_2=13401 fingerprint_1 fingerprint_2 password
    local -a suite=()
    need_root
    need_commands virsh xfreerdp3 xdotool jq Xvfb base64
    work=$(mktemp -d)
    at_exit rm -rf "$work"
    # shellcheck disable=SC2034 # read by screen_shows
    SCREEN_BIN=$(readlink -f "${1:?usage: $PROGRAM BUILD-FOLDER [--keep FOLDER] [--suite SUITE]}")
    shift
    while [[ $# -gt 0 ]]; do
        case $1 in
        --keep) at_exit keep_results "${2:?--keep needs a folder}" ;;
        --suite) suite=(--suite "${2:?--suite needs a name}") ;;
        *) die "unknown argument '$1'" ;;
        esac
        shift 2
    done
    step_log_to "$work/steps.log"
    VIEWER=

    image=$("$top/deploy/image/desktop" "${suite[@]}")
    account=$(jq -r .account "$image/info.json")
    wallpaper=$(jq -r .wallpaper "$image/info.json")
    template=$work/domain.xml
    if "$top/deploy/lib/kvm-probe" "$image" >/dev/null 2>&1; then
        "$top/deploy/lib/domain-template" "$image" kvm >"$template"
    else
        "$top/deploy/lib/domain-template" "$image" qemu >"$template"
    fi

    at_exit "$top/deploy/lib/private-libvirtd" stop "$work/libvirt"
    socket=$work/libvirt/run/libvirt-sock
    step "start a private libvirtd" "$top/deploy/lib/private-libvirtd" start "$work/libvirt" --owner $$
    screen_start "$work/screen" "$PICTURE_SIZE"
    at_exit end_any_viewer
    mkdir "$work/pool"
    step "make a storage pool" vm pool-create-as berth dir --target "$work/pool"

    step "clone a desktop" clone berth-1 "$port_1"
    step "switch it on" vm start berth-1
    step "it answers RDP" wait_for rdp_answers "$port_1"
    step "its agent answers" wait_for agent_answers berth-1
    step "it tells its certificate's fingerprint" wait_for guest_file_begins berth-1 /run/berth/rdp-fingerprint ''
    fingerprint_1=$(guest_file berth-1 /run/berth/rdp-fingerprint)
    [[ $fingerprint_1 =~ ^[0-9a-f]{64}$ ]] || die "'$fingerprint_1' is not a fingerprint"

    password=$(new_password)
    step "set its password through the agent" set_password berth-1 "$password"
    viewer "$port_1" "$password" "$fingerprint_1"
    step "first sign-on to picture" wait_for desktop_visible
    step "the guest says so" wait_for guest_file_begins berth-1 /run/berth/session-state active
    sleep 3 # for the saved picture: the first window opens a little later
    screen_shot "$work/desktop.png"

    end_viewer
    viewer "$port_1" "$password" "$fingerprint_1"
    step "attach again to picture" wait_for desktop_visible
    step "sign off inside the guest" sign_off_inside
    step "the guest says so" wait_for guest_file_begins berth-1 /run/berth/session-state "ended "
    step "the viewer ends by itself" wait_for viewer_gone
    VIEWER=

    viewer "$port_1" "$password" "$fingerprint_1"
    step "sign on again to picture" wait_for desktop_visible
    end_viewer
    step "end the session from outside" guest_run berth-1 /usr/lib/berth/end-session "$account"
    step "the guest says so" wait_for guest_file_begins berth-1 /run/berth/session-state "ended "
    step "the old password opens nothing" check_refused "$port_1" "$password" "$fingerprint_1"

    step "clone another desktop" clone berth-2 "$port_2"
    step "switch it on" vm start berth-2
    step "its agent answers" wait_for agent_answers berth-2
    step "it tells its fingerprint" wait_for guest_file_begins berth-2 /run/berth/rdp-fingerprint ''
    fingerprint_2=$(guest_file berth-2 /run/berth/rdp-fingerprint)
    expect "two clones have two keys" [ "$fingerprint_1" != "$fingerprint_2" ]

    step "shut one down through its agent" vm shutdown berth-1 --mode agent
    step "it is off" wait_for domain_off berth-1
    step "shut the other down by its power button" vm shutdown berth-2 --mode acpi
    step "it is off" wait_for domain_off berth-2
    say "1 passed, 0 failed"
}

domain_off() {
    [[ $(vm domstate "$1") == "shut off" ]]
}

# The image may have to be made, from packages of the machine's mirror.
make_image() {
    local -a suite=()
    [[ ! " $* " =~ " --suite "([a-z]+) ]] || suite=(--suite "${BASH_REMATCH[1]}")
    "$top/deploy/image/desktop" "${suite[@]}" >/dev/null
}

[[ -n ${BERTH_OWN_NETWORK:-} ]] || make_image "$@"
# shellcheck source=tests/lib/own_network.sh
. "$top/tests/lib/own_network.sh"
main "$@"
