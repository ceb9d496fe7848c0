#!/usr/bin/env bash
# private_libvirtd.sh - deploy/lib/private-libvirtd: machines survive their daemon, a hung daemon is replaced, two run side by
# side, nothing is left over after a stop, a crash or the end of the owner.
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

# Does the command line of any process (init, daemon, guest) contain this folder? The pattern comes from standard input, so
# that grep does not find itself.
nothing_left() {
    # shellcheck disable=SC2062 # the pattern is a file name here, and the glob is one of files
    ! grep -qsaF --file=- /proc/[0-9]*/cmdline <<<"$1"
}

something_runs() {
    ! nothing_left "$1"
}

expect() {
    local what=$1
    shift
    "$@" || die "expected: $what"
}

# Longer than the interval of the watcher, while holding the lock of a start.
owner_record_vanishes_briefly() {
    (
        flock 9
        mv "$1/owner" "$1/owner-away"
        sleep 2
        mv "$1/owner-away" "$1/owner"
    ) 9>"$1/lock"
}

# --- Failures -----------------------------------------------------------------------------------------------------

# fake NAME LINE... - make a program in a folder that comes first in PATH for some of these starts.
fake() {
    local name=$1
    shift
    mkdir -p "$work/fakes"
    printf '%s\n' '#!/bin/sh' "$@" >"$work/fakes/$name"
    chmod 755 "$work/fakes/$name"
}

# Namespaces are not permitted, as in an unprivileged container, and the init process ends before it is recorded.
init_ends_at_once() {
    local code=0
    fake unshare 'echo "unshare failed: Operation not permitted" >&2' 'exit 1'
    fake awk 'sleep 0.3' "exec $(type -P awk) \"\$@\""
    PATH=$work/fakes:$PATH timeout --kill-after=5 "$BERTH_WAIT_LIMIT_S" "$top/deploy/lib/private-libvirtd" start "$one" 2>"$work/said" || code=$?
    rm -f "$work/fakes/"*
    [[ $code -eq 1 ]] || die "start must fail with 1, and failed with $code: $(cat "$work/said")"
    grep -q 'namespaces could not be set up.*Operation not permitted' "$work/said" ||
        die "start must say why: $(cat "$work/said")"
}

# The record of an ended process does not match another process with the same id.
others_are_left_alone() {
    local other
    mkdir -p "$one"
    sleep infinity &
    other=$!
    at_exit end_process "$other"
    printf '%s 1\n' "$other" >"$one/unshare"
    libvirtd stop "$one"
    printf '%s \n' "$other" >"$one/unshare"
    libvirtd stop "$one"
    kill -0 "$other" || die "stop has ended a process that is not its own"
    printf '999999999 \n' >"$one/unshare"
    timeout --kill-after=5 "$BERTH_WAIT_LIMIT_S" "$top/deploy/lib/private-libvirtd" stop "$one" || die "stop waits for a process that is gone"
}

# A start that hangs in a child ends on a signal and leaves nothing running.
obeys() {
    local signal=$1 reached=$2 start
    # Job control gives it its own process group, env restores SIGINT: background jobs of a shell ignore it, and so do their
    # children.
    set -m
    (PATH=$work/fakes:$PATH exec env --default-signal=INT "$top/deploy/lib/private-libvirtd" start "$one") 2>"$work/said" &
    start=$!
    set +m
    wait_for something_runs "$reached" || die "the start did not get to its '$reached'"
    kill -s "$signal" "$start"
    wait_for process_gone "$start" || {
        kill -KILL "$start"
        die "a start that hangs does not end on $signal"
    }
    wait "$start" || true # it ends with the signal's code
    rm -f "$work/fakes/"*
    expect "nothing is left" wait_for nothing_left "$one/"
}

obeys_signals() {
    fake unshare "exec sleep 1000001"
    obeys TERM 1000001
    fake libvirtd "[ \"\$1\" != --version ] || exec $(type -P libvirtd) --version" "exec sleep 1000002"
    obeys INT 1000002
}

# While another process holds the lock.
obeys_behind_a_lock() {
    local holder
    (
        flock 9
        exec sleep 1000003
    ) 9>"$one/lock" &
    holder=$!
    at_exit end_process "$holder"
    wait_for something_runs 1000003 || die "the lock is free"
    obeys HUP "$one"
    end_process "$holder"
}

# start_held NAME DIR - a start that waits before it first runs the program NAME, until the file NAME-free is there (it looks
# every 0.1 s: a shell has nothing to wait for a file with). STARTED is its process.
start_held() {
    mkdir "$work/held-$1"
    printf '%s\n' '#!/bin/sh' "touch $work/$1-held" "while [ ! -e $work/$1-free ]; do sleep 0.1; done" \
        "exec $(type -P "$1") \"\$@\"" >"$work/held-$1/$1"
    chmod 755 "$work/held-$1/$1"
    PATH=$work/held-$1:$PATH "$top/deploy/lib/private-libvirtd" start "$2" &
    STARTED=$!
    at_exit end_process "$STARTED"
    at_exit touch "$work/$1-free"
}

# One start begins to read the kept capabilities; another comes to replace them meanwhile.
capabilities_are_shared() {
    local reader writer
    libvirtd start "$one" # now a copy is kept
    libvirtd stop "$one"
    start_held cp "$one"
    reader=$STARTED
    wait_for test -e "$work/cp-held"
    start_held mv "$two"
    writer=$STARTED
    wait_for writer_waits
    touch "$work/cp-free"
    wait "$reader" || die "a start fails when another replaces what it reads"
    touch "$work/mv-free"
    wait "$writer" || die "a start that replaces the kept capabilities fails"
    libvirtd stop "$one"
    libvirtd stop "$two"
}

# At the lock that the reader has, or between taking the old copy away and putting the new one there.
writer_waits() {
    local lock
    [[ ! -e $work/mv-held ]] || return 0
    for lock in "$BERTH_CACHE"/libvirt-*.lock; do
        [[ -e $lock ]] && grep -q -- "-> FLOCK .*:$(stat -c %i "$lock") " /proc/locks && return
    done
    return 1
}

main() {
    local one two uri init owner
    need_root
    need_commands virsh
    work=$(mktemp -d)
    one=$work/one
    two=$work/two
    at_exit rm -rf "$work"
    at_exit libvirtd stop "$one"
    at_exit libvirtd stop "$two"
    step_log_to "$work/steps.log"

    step "an init process that ends at once" init_ends_at_once
    step "other processes are left alone" others_are_left_alone
    step "a start that hangs obeys signals" obeys_signals
    step "also behind a lock" obeys_behind_a_lock
    step "two starts share what is known of QEMU" capabilities_are_shared

    step "start" libvirtd start "$one"
    uri="qemu+unix:///system?socket=$one/run/libvirt-sock"
    expect "what runs is seen" something_runs "$one/"
    step "start a machine" define_machine "$uri"
    step "it runs" virsh --quiet --connect "$uri" start idle

    kill -KILL "$(libvirtd pid "$one")"
    step "the daemon is killed, another adopts the machine" libvirtd start "$one"
    expect "the machine still runs" running "$uri"

    kill -STOP "$(libvirtd pid "$one")"
    step "the daemon hangs, another adopts the machine" libvirtd start "$one"
    expect "the machine still runs" running "$uri"

    step "a second one beside it" libvirtd start "$two" --netns
    expect "the second does not list the first's machine" \
        [ -z "$(virsh --quiet --connect "qemu+unix:///system?socket=$two/run/libvirt-sock" list --all --name)" ]
    step "stop the second" libvirtd stop "$two"
    expect "nothing of it is left" wait_for nothing_left "$two/"
    expect "the first goes on" running "$uri"

    read -r init _ <"$one/unshare"
    kill -KILL "$init"
    expect "with the init process everything ends" wait_for nothing_left "$one/"
    step "start again after the crash" libvirtd start "$one"
    expect "the machine is known and off" [ "$(virsh --quiet --connect "$uri" domstate idle)" == "shut off" ]
    step "stop" libvirtd stop "$one"
    expect "nothing is left" wait_for nothing_left "$one/"

    sleep infinity &
    owner=$!
    at_exit end_process "$owner"
    step "start for an owner" libvirtd start "$two" --owner "$owner"
    kill "$owner"
    wait "$owner" || true # it was ended by a signal
    expect "nothing is left when the owner is gone" wait_for nothing_left "$two"

    sleep infinity &
    owner=$!
    at_exit end_process "$owner"
    step "start for an owner" libvirtd start "$two" --owner "$owner"
    step "another owner takes it over" libvirtd start "$two" --owner $$
    kill "$owner"
    wait "$owner" || true # it ends with the signal's code
    sleep 3 # twice the interval of the watcher
    expect "it lives on with its new owner" libvirtd status "$two"

    step "its owner's record is away for a moment, as in a second start" owner_record_vanishes_briefly "$two"
    sleep 2
    expect "it lives on" libvirtd status "$two"
    say "1 passed, 0 failed"
}

main "$@"
