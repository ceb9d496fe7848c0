#!/usr/bin/env bash
# private_libvirtd.sh - deploy/lib/private-libvirtd keeps its promises: machines outlive their daemon, a hung daemon is
# replaced, two live side by side, nothing is left after a stop, a crash or the end of the owner.
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"

libvirtd() {
    "$top/deploy/lib/private-libvirtd" "$@"
}

# A machine without disk or system: the BIOS finds nothing to start, and QEMU runs on.
define_machine() {
    virsh --quiet --connect "$1" define /dev/stdin <<XML
<domain type='qemu'><name>idle</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices><controller type='usb' model='none'/><memballoon model='none'/></devices></domain>
XML
}

running() {
    [[ $(virsh --quiet --connect "$1" domstate idle 2>/dev/null) == running ]]
}

# Does any command line that runs now name this folder: keeper, daemon, guest? The pattern comes from standard input,
# where grep does not find itself.
nothing_left() {
    # shellcheck disable=SC2062 # the pattern is a file name here, and the glob is one of files
    ! grep -qsaF --file=- /proc/[0-9]*/cmdline <<<"$1"
}

expect() {
    local what=$1
    shift
    "$@" || die "expected: $what"
}

# Longer than the watcher's pause, behind the lock that a start would hold.
owner_blinks() {
    (
        flock 9
        mv "$1/owner" "$1/owner-away"
        sleep 2
        mv "$1/owner-away" "$1/owner"
    ) 9>"$1/lock"
}

main() {
    local one two uri keeper owner
    need_root
    need_commands virsh
    work=$(mktemp -d)
    one=$work/one
    two=$work/two
    at_exit rm -rf "$work"
    at_exit libvirtd stop "$one"
    at_exit libvirtd stop "$two"
    step_log_to "$work/steps.log"

    step "start" libvirtd start "$one"
    uri="qemu+unix:///system?socket=$one/run/libvirt-sock"
    ! nothing_left "$one/" || die "expected: what runs is seen"
    step "start a machine" define_machine "$uri"
    step "it runs" virsh --quiet --connect "$uri" start idle

    kill -KILL "$(libvirtd pid "$one")"
    step "the daemon is killed, another adopts the machine" libvirtd start "$one"
    expect "the machine still runs" running "$uri"

    kill -STOP "$(libvirtd pid "$one")"
    step "the daemon hangs, another adopts the machine" libvirtd start "$one"
    expect "the machine still runs" running "$uri"

    step "a second one beside it" libvirtd start "$two" --netns
    expect "the second knows nothing of the first's machine" \
        [ -z "$(virsh --quiet --connect "qemu+unix:///system?socket=$two/run/libvirt-sock" list --all --name)" ]
    step "stop the second" libvirtd stop "$two"
    expect "nothing of it is left" wait_for 5 nothing_left "$two/"
    expect "the first goes on" running "$uri"

    read -r keeper _ <"$one/unshare"
    kill -KILL "$keeper"
    expect "with the keeper everything ends" wait_for 5 nothing_left "$one/"
    step "start again after the crash" libvirtd start "$one"
    expect "the machine is known and off" [ "$(virsh --quiet --connect "$uri" domstate idle)" == "shut off" ]
    step "stop" libvirtd stop "$one"
    expect "nothing is left" wait_for 5 nothing_left "$one/"

    sleep 60 &
    owner=$!
    step "start for an owner" libvirtd start "$two" --owner "$owner"
    kill "$owner"
    wait "$owner" || true # it was ended by a signal
    expect "nothing is left when the owner is gone" wait_for 10 nothing_left "$two"

    sleep 60 &
    owner=$!
    step "start for an owner" libvirtd start "$two" --owner "$owner"
    step "somebody else takes it over" libvirtd start "$two" --owner $$
    kill "$owner"
    wait "$owner" || true # it ends with the signal's code
    sleep 3 # twice the watcher's pause
    expect "it lives on with its new owner" libvirtd status "$two"

    step "its owner's record is away for a moment, as in a second start" owner_blinks "$two"
    sleep 2
    expect "it lives on" libvirtd status "$two"
    say "1 passed, 0 failed"
}

main "$@"
