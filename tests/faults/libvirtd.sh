#!/usr/bin/env bash
# libvirtd.sh - F15: a libvirtd that is slow, cut off, stopped and killed while machines are being started.
#
# usage: tests/faults/libvirtd.sh BUILD-FOLDER
#
# berth-virt reaches a private libvirtd (real, idle machines of QEMU, which outlive it) through berth-proxy; a second host
# exists inside its berth-virt only. It proves: whatever happens to the daemon while starts are in flight, afterwards exactly
# the machines that the broker knows run, none was started twice, none is left over, and desktops of the other host are
# handed out as before. (tests/e2e/site_libvirt_killed.sh proves that a working user notices nothing.)
# BERTH_LONG=1: ten rounds of each.
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"
# shellcheck source=deploy/lib/rdp.sh
. "$top/deploy/lib/rdp.sh"
# shellcheck source=deploy/lib/site.sh
. "$top/deploy/lib/site.sh"
# shellcheck source=tests/faults/lib/fixture.sh
. "$top/tests/faults/lib/fixture.sh"

DESKTOPS=6
ASSIGNS=5
ROUNDS=1
((!FIXTURE_LONG)) || { ROUNDS=10 && ASSIGNS=30; }
double_starts=0
leaked=0

site() {
    local socket
    site_start_libvirtd
    socket=$SITE/libvirt/run/libvirt-sock
    proxy_start "unix:$SITE/run/slow-sock" "unix:$socket" delay 5 jitter 10
    fixture_broker
    fixture_image
    fixture_desktops $((DESKTOPS + 4))
    idle_template
    fixture_host here "qemu+unix:///system?socket=$SITE/run/slow-sock" berth "$FIRST_PORT" "$DESKTOPS"
    fixture_host there test:///default default-pool "$((FIRST_PORT + DESKTOPS))" 4
    FIXTURE_TEMPLATE=$SITE/etc/idle.xml fixture_pool ward-3 here "$DESKTOPS" 1 release=keep
    fixture_pool ward-4 there 4 1 release=keep
    ctl entitlement add subject_kind=everyone pool=ward-4 effect=allow priority=10
    client_sim_start
    client_sim_join t-1
    site_await_spare ward-3
    site_await_spare ward-4
}

# QEMU machines without a guest: -L replaces the network, so that QEMU does not open the ports that we need.
idle_template() {
    sed -e '/<kernel>/d; /<initrd>/d; /<cmdline>/d' -e "s|>512<|>16<|; s|<vcpu>2|<vcpu>1|; s|-netdev|-L|" \
        -e "/value='-device'/d; /virtio-net-pci/d" "$SITE_LIB/../image/domain.xml" >"$SITE/etc/idle.xml"
}

direct() {
    virsh --quiet --connect "qemu+unix:///system?socket=$SITE/libvirt/run/libvirt-sock" "$@"
}

# Processes of the machines by name: the same name twice is a machine that was started twice.
guests() {
    pgrep -af "^[^ ]*qemu-system.*$FIXTURE_FOLDER/" | sed -E 's/^([0-9]+) .*guest=([^,]*),.*/\2/' | sort
}

known_running() {
    ctl desktop list --json | jq -r '.items[] | select(.name | startswith("ward-3")) | select(.runtime.state == "ready") | .name' | sort
}

host_is() {
    [[ $(ctl host show "$1" --json | jq -r .runtime.state) == "$2" ]]
}

host_is_not() {
    ! host_is "$1" "$2"
}

running() {
    direct list --name | sed '/^$/d' | sort
}

at_rest() {
    host_is here up && (($(ctl pool status ward-3 --json | jq .spare) >= want)) &&
        [[ $(guests) == "$(known_running)" && $(running) == "$(known_running)" ]]
}

# Everything that at_rest compares, and why the broker sees it so; one line, for a violation is one.
what_differs() {
    printf 'spares wanted: %s; processes: %s; running at libvirt: %s; ready at the broker: %s; ' \
        "$want" "$(guests | xargs)" "$(running | xargs)" "$(known_running | xargs)"
    printf 'host: %s; pool: %s; desktops: %s' "$(ctl host show here --json | jq -c .runtime)" \
        "$(ctl pool status ward-3 --json | jq -c .)" \
        "$(ctl desktop list --json | jq -c '[.items[] | select(.name | startswith("ward-3")) | {name} + .live]')"
}

# Running machines, as processes and in libvirt's list, are those that the broker knows; every defined one has a desktop.
judge() {
    local twice extra before=$FIXTURE_VIOLATIONS
    eventually "$1: what runs is what the broker knows" at_rest
    ((FIXTURE_VIOLATIONS == before)) || say "not so: $1: $(what_differs)"
    twice=$(guests | uniq -d | wc -l)
    double_starts=$((double_starts + twice))
    ((twice == 0)) || violation "$1: no machine runs twice: $(guests | uniq -d | xargs)"
    extra=$(comm -23 <(direct list --all --name | sed '/^$/d' | sort) <(ctl desktop list --json | jq -r '.items[].name' | sort))
    leaked=$((leaked + $(grep -c . <<<"$extra" || true))) # grep fails when it counts 0
    [[ -z $extra ]] || violation "$1: no machine is left behind: $extra"
    seconds_figure "$1_rest_s" "$EVENTUALLY_MS"
}

# Ask for more spares: their starts are in flight when the fault comes.
want_more() {
    want=$1
    ctl pool set ward-3 spare="$want"
}

fewer() {
    local name
    want=1
    ctl pool set ward-3 spare=1
    for name in $(ctl desktop list --json | jq -r '.items[] | select(.name | startswith("ward-3")) | .name' | tail -n +2); do
        ctl desktop delete "$name" --yes >/dev/null 2>&1 || true # the broker may delete it by itself
    done
    wait_for at_rest || die "not at rest before the next round: $(what_differs)"
}

daemon() {
    "$SITE_LIB/private-libvirtd" pid "$SITE/libvirt"
}

killed_in_flight() {
    want_more 3
    draw_moment 400
    sleep "$DRAWN"
    kill -KILL "$(daemon)"
    eventually "killed: it is noticed" host_is_not here up
    seconds_figure killed_noticed_s "$EVENTUALLY_MS"
    figure killed_assign_us "$(time_assignments "$ASSIGNS" t-1)"
    "$SITE_LIB/private-libvirtd" start "$SITE/libvirt" --owner $$
    judge killed
}

stopped_in_flight() {
    local pid
    pid=$(daemon)
    want_more "$((want + 1))"
    draw_moment 400
    sleep "$DRAWN"
    at_exit continue_if_alive "$pid"
    kill -STOP "$pid"
    eventually "stopped: it is noticed" host_is_not here up
    seconds_figure stopped_noticed_s "$EVENTUALLY_MS"
    expect_alone "stopped: noticed within 6 s, not $EVENTUALLY_MS ms" test "$EVENTUALLY_MS" -le 6500
    figure stopped_assign_us "$(time_assignments "$ASSIGNS" t-1)"
    kill -CONT "$pid"
    judge stopped
}

continue_if_alive() {
    kill -CONT "$1" 2>/dev/null || true # it may have ended
}

# Every answer is slow, and none is lost.
slow() {
    proxy delay 150 jitter 100
    want_more "$((want + 1))"
    figure slow_assign_us "$(time_assignments "$ASSIGNS" t-1)"
    judge slow
    proxy delay 5 jitter 10
    expect "slow: the host stayed up" host_is here up
}

# The connection breaks, not the daemon: calls in flight may have been done or not.
cut_in_flight() {
    want_more "$((want + 1))"
    draw_moment 300
    sleep "$DRAWN"
    proxy reset 1
    proxy_counts # it is done
    judge cut
}

fixture_begin "${1:-}" qemu
step "two hosts, one behind a proxy" site
figure before_assign_us "$(time_assignments "$ASSIGNS" t-1)"
for ((round = 1; round <= ROUNDS; round++)); do
    step "killed while machines start" killed_in_flight
    step "slow while machines start" slow
    step "cut off while machines start" cut_in_flight
    step "stopped while machines start" stopped_in_flight
    ((round == ROUNDS)) || step "back to the beginning" fewer
done
figure double_starts "$double_starts"
figure leaked "$leaked"
expect "the audit chain holds" audit_holds
fixture_end "F15 a failing libvirtd"
