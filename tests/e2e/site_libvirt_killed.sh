#!/usr/bin/env bash
# site_libvirt_killed.sh - libvirtd is killed, or stopped, while a user works.
#
# usage: tests/e2e/site_libvirt_killed.sh BUILD-FOLDER
#
# Two hosts: a private libvirtd with real (idle) machines of QEMU, and libvirt's test driver. It proves: libvirtd killed
# is noticed, and when it is back its machines are adopted, none is restarted, the session is unchanged; libvirtd stopped is
# noticed, and meanwhile the other host hands out desktops, terminals go on and berthctl answers at once.
set -euo pipefail
# shellcheck source=tests/e2e/lib/site_test.sh
. "$(dirname "$(readlink -f "$0")")/lib/site_test.sh"

OTHER_POOL=ward-4
AT_ONCE=30 # limit for berthctl, as a multiple of its slowest answer before, its own start included
DESKTOPS=2

site() {
    site_test_use_idle_machines
    site_start_libvirtd
    site_start_broker
    site_make_empty_image "$SITE/etc/no-image"
    site_add_host "$DESKTOPS"
    image_without_kernel
    site_add_user anna
    site_add_user bert
    site_start_rdp_servers $((2 * DESKTOPS)) "$TEST_COLOUR" anna bert
    site_add_pool "$TEST_POOL" "$TEST_TEMPLATE" max="$DESKTOPS" spare=1 credential=passthrough hosts=here
    other_host
    site_await_spare "$TEST_POOL"
    site_await_spare "$OTHER_POOL"
}

image_without_kernel() {
    ctl image add desktop
    ctl image-version add desktop "$SITE/etc/no-image/desktop.qcow2"
    ctl image publish desktop 1
}

# The second host exists inside its berth-virt only; its pool is bert's.
other_host() {
    local first=$((FIRST_PORT + DESKTOPS))
    ctl host add there uri=test:///default address=127.0.0.1 port_first="$first" port_last=$((first + DESKTOPS - 1)) \
        max_starting=2 max_desktops="$DESKTOPS" weight=1 storage=default-pool
    ctl pool add "$OTHER_POOL" kind=floating image=desktop template="$SITE_LIB/../image/domain.xml" address=forwarded port=3389 \
        hosts=there start_limit_s=60 max="$DESKTOPS" spare=1 credential=passthrough
    ctl entitlement add subject_kind=user subject=bert pool="$OTHER_POOL" effect=allow priority=20
}

host_is() {
    ctl_answer_is ".runtime.state == \"$2\"" host show "$1"
}

host_is_not() {
    ! host_is "$1" "$2"
}

anna_works() {
    site_test_start_terminals icu-07 icu-08
    site_sign_on icu-07 anna
    assert_eventually "anna's desktop is on icu-07" shows_desktop icu-07
    assert_eventually "a spare stands ready beside it" site_has_spare "$TEST_POOL"
    remember_session
    before=$(guests)
}

# Process ids and names of the machines: an adopted machine is still the same process.
guests() {
    pgrep -af "^[^ ]*qemu.*$SITE/disks/" | sed -E 's/^([0-9]+) .*guest=([^,]*),.*/\1 \2/' | sort
}

untouched() {
    assert_session_unchanged
    assert_now "icu-07 says so" terminal_status_is icu-07 '.state == "active" and .user == "anna" and .online'
    assert_eventually "the desktop is on icu-07" shows_desktop icu-07
}

adopted() {
    assert_eventually "the host is up again" host_is here up
    assert_eventually "its machines are ready: anna's and a spare" ctl_answer_is '.ready == 2 and .spare == 1' pool status "$TEST_POOL"
    [[ $(guests) == "$before" ]] || fail "the machines are the same processes. Before: $before Now: $(guests)"
    untouched
}

killed() {
    local begun
    [[ $(wc -l <<<"$before") -eq 2 ]] || fail "two machines run: $before"
    kill -KILL "$("$SITE_LIB/private-libvirtd" pid "$SITE/libvirt")"
    begun=$(now_ms)
    assert_eventually "the dead daemon is noticed" host_is_not here up
    say "killed: noticed after $(seconds $(($(now_ms) - begun))) s"
    untouched
    bert_comes_and_goes
    "$SITE_LIB/private-libvirtd" start "$SITE/libvirt" --owner $$
    begun=$(now_ms)
    adopted
    say "adopted after $(seconds $(($(now_ms) - begun))) s"
}

# On the other host: a desktop at the second terminal as usual.
bert_comes_and_goes() {
    assert_eventually "the other host has a desktop ready" site_has_spare "$OTHER_POOL"
    site_sign_on icu-08 bert
    say "bert signed on in $SIGN_ON_MS ms"
    assert_eventually "bert's desktop is on icu-08" shows_desktop icu-08
    assert_now "it is of the other pool" terminal_status_is icu-08 ".pool == \"$OTHER_POOL\""
    agent icu-08 sign-off
    assert_eventually "bert is signed off" has_viewers icu-08 0
}

# takes COMMAND... - sets TOOK to its milliseconds.
takes() {
    local begun
    begun=$(now_ms)
    "$@" >/dev/null
    TOOK=$(($(now_ms) - begun))
}

quick() {
    takes "$@"
    ((TOOK <= AT_ONCE * slowest)) || fail "'$*' answers at once: $TOOK ms, and at most $slowest ms before"
}

# Sets slowest: how long berthctl takes while nothing is wrong.
answers_before() {
    local i
    slowest=1
    for i in {1..10}; do
        takes ctl desktop list
        ((TOOK <= slowest)) || slowest=$TOOK
    done
    say "berthctl answers in at most $slowest ms"
}

noticed_quickly() {
    quick ctl session list
    quick ctl desktop list
    host_is_not here up
}

stopped() {
    local begun pid
    pid=$("$SITE_LIB/private-libvirtd" pid "$SITE/libvirt")
    answers_before
    kill -STOP "$pid"
    at_exit kill -CONT "$pid"
    begun=$(now_ms)
    assert_eventually "the stopped daemon is noticed, and all is answered until then" noticed_quickly
    say "stopped: noticed after $(seconds $(($(now_ms) - begun))) s"
    untouched
    bert_comes_and_goes
    for _ in 1 2 3 4 5; do
        quick ctl host list
        quick ctl desktop list
    done
    assert_eventually "both terminals are present" both_present
    say "stopped: the loop stalled $(metric berth_loop_stalls_total) times" # it happens on a busy machine, too
    kill -CONT "$pid"
    begun=$(now_ms)
    adopted
    say "adopted after $(seconds $(($(now_ms) - begun))) s"
}

# The surviving spare of the failed host is usable: it is handed out.
usable() {
    agent icu-07 sign-off
    assert_eventually "anna is signed off" has_viewers icu-07 0
    assert_eventually "a spare stands ready" site_has_spare "$TEST_POOL"
    site_sign_on icu-07 anna
    assert_eventually "anna's new desktop is on icu-07" shows_desktop icu-07
    assert_now "the audit chain holds" ctl audit verify
}

site_test_begin "${1:-}" qemu
step "broker, two hosts, two pools" site
step "anna works on a machine of the first" anna_works
step "libvirtd killed and started again" killed
step "libvirtd stopped and continued" stopped
step "the host's machines are handed out as before" usable
grep -hE '^(killed|stopped|adopted|bert signed)' "$TEST_FOLDER/steps.log" | sed 's/^/    /' >&2
step "what was recorded keeps the invariants" history_keeps_invariants
say "$PROGRAM: a dead or stopped libvirtd is noticed and its machines are adopted; other hosts and all terminals go on"
