#!/usr/bin/env bash
# ten_minutes.sh - "Ten minutes to a pool of your own", word for word as the README has it, to a desktop on a terminal.
#
# usage: tests/e2e/ten_minutes.sh BUILD [--driver test | qemu]
#
#   BUILD          unused: the typed commands build and install in the same tree
#   --driver test  libvirt's test driver, with real RDP servers for its machines: three words are replaced, see below
#                  (the default: a minute)
#   --driver qemu  no command of the README is changed: minutes where the processor is emulated
#
# The commands are taken out of the README and typed at two keyboards (tests/e2e/lib/follow_readme): the broker's, and that of
# a terminal which is another machine as far as the network goes: a namespace of its own at the other end of a cable. The
# broker's machine has the README's address 10.0.0.5. What the commands write to /etc, /usr and /var/lib lands in layers
# that go with the test; libvirtd runs where a machine's own runs, without control groups and message bus.
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"
# shellcheck source=deploy/lib/screen.sh
. "$top/deploy/lib/screen.sh"
# shellcheck source=deploy/lib/rdp.sh
. "$top/deploy/lib/rdp.sh"
# shellcheck source=deploy/lib/site.sh
. "$top/deploy/lib/site.sh"

SECTION='Ten minutes to a pool of your own'
BROKER=10.0.0.5 # as in the README
TERMINAL=10.0.0.7
TEST_COLOUR='#2f5d8a'

# layer FOLDER - writes to it go to the test's own folder.
layer() {
    local mine=$work/layers$1
    mkdir -p "$1" "$mine/upper" "$mine/work"
    chmod --reference="$1" "$mine/upper"
    mount -t overlay -o "lowerdir=$1,upperdir=$mine/upper,workdir=$mine/work" berth "$1"
}

# A private /tmp without the sockets and locks of other X servers, whose processes are not visible here. The two folders that
# are needed may be in /tmp themselves.
own_tmp() {
    local mine source
    exec {mine}<"$work" {source}<"$top"
    mount -t tmpfs -o mode=1777 tmp /tmp
    [[ -d $work ]] || { mkdir -p "$work" && mount --no-canonicalize --bind "/proc/self/fd/$mine" "$work"; }
    [[ -d $top ]] || { mkdir -p "$top" && mount --no-canonicalize --bind "/proc/self/fd/$source" "$top"; }
    exec {mine}<&- {source}<&-
    cd "$top"
}

# A machine without Berth and without libvirt domains.
fresh_machine() {
    local folder
    own_tmp
    for folder in /etc /usr /var/lib /var/log /var/cache/libvirt "$BERTH_CACHE"; do
        layer "$folder"
    done
    rm -rf /etc/berth /var/lib/berth /var/lib/berth-agent /usr/local/bin/berth* /usr/local/lib/systemd /usr/local/lib/sysusers.d
    rm -rf /etc/libvirt/qemu /etc/libvirt/storage /etc/libvirt/secrets /var/lib/libvirt/images
    install -d -m 711 /var/lib/libvirt/images
    mount -t tmpfs -o mode=755 run /run
    # Without control groups, as in a container, libvirt needs no service manager.
    ! mountpoint --quiet /sys/fs/cgroup || umount --recursive --lazy /sys/fs/cgroup
}

# The other machine: its own network, /run, /etc/berth and /var/lib; its process is OTHER.
other_machine() {
    # shellcheck disable=SC2016 # the inner bash expands its own $1
    unshare --mount --net -- bash -c 'mount -t tmpfs -o mode=755 run /run
        mount -t tmpfs -o mode=755 none /var/lib
        mount -t tmpfs -o mode=755 none /etc/berth 2>/dev/null || mkdir -p /etc/berth
        ip link set lo up
        : >"$1"
        exec sleep infinity' - "$work/other-ready" &
    OTHER=$!
    INTO_OTHER=(--target "$OTHER" --mount --net --root --wdns="$top") # the root: in a chroot it is not the mount namespace's
    wait_for test -e "$work/other-ready" || die "the terminal's namespaces could not be made"
    ip link set lo up
    ip link add berth0 type veth peer name berth1
    ip link set berth1 netns "$OTHER"
    ip address add "$BROKER/24" dev berth0
    ip link set berth0 up
    on_other ip address add "$TERMINAL/24" dev berth1
    on_other ip link set berth1 up
}

on_other() {
    nsenter "${INTO_OTHER[@]}" -- "$@"
}

# The machines of the test driver have no guest; three words of the README are replaced for it.
arrange_test_driver() {
    SITE=$work/site
    SITE_URI='test+unix:///default?socket=/run/libvirt/libvirt-sock'
    FIRST_PORT=13400
    # shellcheck disable=SC2034 # read by site_start_rdp_servers
    RDP_ADDRESS=$BROKER
    mkdir -p "$SITE"/{etc,run,log}
    site_make_empty_image "$work/image"
    cp deploy/image/domain.xml "$work/image/"
    ARGUMENTS+=(
        --instead "uri=qemu:///system=>uri=$SITE_URI"
        --instead "image=\$(deploy/image/desktop)=>image=$work/image"
        --instead "max=4 spare=1=>max=4 spare=1 credential=passthrough" # there is no guest whose password could be set
        --after "libvirtd --daemon=>until test -e '$work/libvirt-held'; do sleep 0.1; done"
    )
    export LIBVIRT_DEFAULT_URI=$SITE_URI
}

followed() {
    test -e "$1" || process_gone "$FOLLOWER"
}

libvirt_answers() {
    virsh --quiet hostname >/dev/null 2>&1 || process_gone "$FOLLOWER"
}

# The test driver keeps its machines while a client is connected; a real RDP server answers for each.
stand_in_for_machines() {
    wait_for followed /run/libvirt/libvirt-sock
    ! process_gone "$FOLLOWER" || return 0 # it has reported the error
    wait_for libvirt_answers
    site_keep_test_driver_alive
    : >"$work/libvirt-held"
    wait_for followed "$SITE/etc/password-anna"
    process_gone "$FOLLOWER" || site_start_rdp_servers 4 "$TEST_COLOUR" anna
}

desktop_visible() {
    site_move_pointer here
    on_terminal here screen_shows "$colour" 40
}

berthctl_json() {
    /usr/local/bin/berthctl "$@" --json
}

# Anna's desktop, at this host's address, is on the other machine's screen.
judge() {
    local desktop
    wait_for desktop_visible || {
        on_terminal here screen_shot "$work/desktop.png"
        die "the terminal does not show the desktop; see $work/desktop.png"
    }
    berthctl_json session list | jq -e '[.items[] | select(.state == "active")] | length == 1' >/dev/null ||
        die "not one active session: $(berthctl_json session list)"
    desktop=$(berthctl_json desktop list | jq -r '.items[] | select(.runtime.state == "ready" or .runtime.session != null) | .address' | sort -u)
    [[ $desktop == "$BROKER" ]] || die "desktops are at '$desktop', not at $BROKER"
    on_other ss --no-header --tcp --numeric state established dst "$BROKER" >"$work/connections"
    grep -qE " $BROKER:134[0-9][0-9]\b" "$work/connections" || die "no picture comes from $BROKER: $(cat "$work/connections")"
    berthctl_json connection list | jq -e '[.items[] | select(.picture_ms > 0)] | length == 1' >/dev/null ||
        die "the terminal told of no picture: $(berthctl_json connection list)"
}

inside() {
    local begun
    begun=$(now_ms)
    export BERTH_WAIT_LIMIT_S=1800 # the typed commands build first
    fresh_machine
    other_machine
    screen_start "$work/screen" 1280x800
    # shellcheck disable=SC2034 # read by screen_shows, which looks when the README's commands have built it
    SCREEN_BIN=$top/build/release
    # shellcheck disable=SC2034 # read by on_terminal
    TERMINAL_DISPLAY[here]=$DISPLAY TERMINAL_XAUTHORITY[here]=$XAUTHORITY
    WAIT_LOGS+=("$work/screens")
    ARGUMENTS=(--record "$work/screens" --passwords "$work/site/etc" --done "$work/done")
    mkdir -p "$work/site/etc"
    if [[ $driver == test ]]; then
        colour=$TEST_COLOUR
        arrange_test_driver
    else
        colour=$(jq -r .wallpaper "$(deploy/image/desktop 2>/dev/null)/info.json")
    fi
    tests/e2e/lib/follow_readme README.md "$SECTION" "${ARGUMENTS[@]}" --keyboard env -u DISPLAY -u XAUTHORITY \
        -- nsenter "${INTO_OTHER[@]}" -- &
    FOLLOWER=$!
    [[ $driver == qemu ]] || stand_in_for_machines
    wait_for followed "$work/done"
    [[ -e $work/done ]] || { tail -n 60 "$work/screens" >&2 && die "the README's commands do not lead to a desktop"; }
    judge
    say "from the README to a desktop on another machine's screen in $(seconds $(($(now_ms) - begun))) s"
}

main() {
    driver='test'
    if [[ ${1:-} == --inside ]]; then
        driver=$2 work=$3
        cd "$top"
        inside
        return
    fi
    need_root
    need_commands unshare nsenter ip ss jq python3 Xvfb xdotool
    [[ $# -gt 0 ]] || die "usage: tests/e2e/ten_minutes.sh BUILD [--driver test | qemu]"
    shift
    [[ ${1:-} != --driver ]] || driver=${2:?--driver needs qemu or test}
    [[ $driver == qemu || $driver == test ]] || die "--driver is qemu or test, not '$driver'"
    work=$(mktemp -d)
    at_exit rm -rf --one-file-system "$work"
    chmod 755 "$work"
    [[ $driver == test ]] || "$top/deploy/image/desktop" >/dev/null # from packages of the machine's mirror, where it is missing
    # Process 1 of its own namespace: all daemons and guests end with it.
    unshare --mount --net --pid --fork --kill-child --mount-proc -- "$0" --inside "$driver" "$work"
}

main "$@"
