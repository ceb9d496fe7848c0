#!/usr/bin/env bash
# frozen.sh - F12: processes that are stopped (SIGSTOP) and continued: broker, terminals, libvirtd, berth-virt.
#
# usage: tests/faults/frozen.sh BUILD-FOLDER
#
# It proves: a broker that was stopped concludes nothing from its own pause; a terminal that is stopped is suspect and then
# absent in time, and nothing is released; a stopped libvirtd or berth-virt is noticed within 6 s while another host hands
# out desktops as before. BERTH_LONG=1: the timing of production (30 s), and the broker stopped for 35 s.
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

TERMINALS=(t-1 t-2 t-3 t-4)
EVERYBODY=5
ASSIGNS=10
NOTICED_MS=6000
if ((FIXTURE_LONG)); then
    GRANT_MS=30000 RENEW_MS=10000 SUSPECT_MS=15000 FREEZE_S=35 ASSIGNS=40
    FIXTURE_PRESENCE=(presence.grant_s=30 presence.renew_s=10 presence.suspect_s=15 presence.link_grace_s=5)
else
    GRANT_MS=6000 RENEW_MS=2000 SUSPECT_MS=3000 FREEZE_S=7
fi

site() {
    site_start_libvirtd
    fixture_broker
    fixture_image
    fixture_desktops 8
    fixture_host here "$SITE_URI" berth "$FIRST_PORT" 4
    wait_for test -n "$(first_virt)" || die "no berth-virt for the first host"
    fixture_host there test:///default default-pool "$((FIRST_PORT + 4))" 4
    fixture_pool ward-3 here 4 1 release=keep
    fixture_pool ward-4 there 4 1 release=keep
    ctl entitlement add subject_kind=everyone pool=ward-3 effect=allow priority=10
    client_sim_start
    client_sim_join "${TERMINALS[@]}"
    ctl entitlement add subject_kind=user subject=kiosk-t-4 pool=ward-4 effect=allow priority=20
    fixture_agent a-1
    site_await_spare ward-3
    site_await_spare ward-4
}

first_virt() {
    grep -F ' child.started ' "$SITE/log/berthd.log" | sed -n '1s/.* pid=//p'
}

people_work() {
    local mark
    mark=$(reports_mark)
    for name in t-1 t-2 t-3; do client_sim "kiosk $name"; done
    require "three desktops are shown" reported "$mark" '[.[] | select(.what == "show")] | length == 3'
    sessions=$(open_sessions)
    machines=$(running_machines)
}

running_machines() {
    virsh --quiet --connect "$SITE_URI" list --uuid | sort
}

untouched() {
    [[ $(open_sessions) == "$sessions" ]] || violation "the sessions are as before: $sessions, now $(open_sessions)"
    [[ $(running_machines) == "$machines" ]] || violation "the machines are as before"
}

# stopped PID - stop it; it is continued at exit whatever happens.
stopped() {
    at_exit continue_if_alive "$1"
    kill -STOP "$1"
}

continue_if_alive() {
    kill -CONT "$1" 2>/dev/null || true # it may have ended
}

broker_frozen() {
    local mark reports stall
    mark=$(log_mark)
    reports=$(reports_mark)
    stopped "$(broker_pid)"
    sleep "$FREEZE_S"
    kill -CONT "$(broker_pid)"
    eventually "everybody is present after the broker stood still" are_present "$EVERYBODY"
    seconds_figure broker_heal_s "$EVENTUALLY_MS"
    # Wait until each terminal was heard again: by then a wrong conclusion would be visible.
    eventually "each terminal renews its presence" each_reported "$(reports_mark)" renewed "${TERMINALS[@]}"
    figure broker_frozen_s "$FREEZE_S"
    figure false_absent "$(logged_since "$mark" presence.state 'to="absent"')"
    expect_alone "no terminal became absent" test "$(logged_since "$mark" presence.state 'to="absent"')" -eq 0
    stall=$(longest_stall "$mark")
    figure stall_ms "$stall"
    expect "the loop knows that it stood still" test "$stall" -ge "$(((FREEZE_S - 2) * 1000))"
    expect "no picture was taken away" reported "$reports" '[.[] | select(.what == "hide")] | length == 0'
    untouched
}

# longest_stall MARK - of the broker's loop since then, in ms.
longest_stall() {
    local stall
    stall=$(tail -n +"$(($1 + 1))" "$SITE/log/berthd.log" | sed -n 's/.* loop.stalled late_ms=//p' | sort -n | tail -n 1)
    echo "${stall:-0}"
}

# judge_silence TERMINAL MARK STOPPED-MS - it became suspect and absent in time; that neither came too early is judged from
# the history.
judge_silence() {
    local suspect absent
    suspect=$(($(stamp_of "$2" presence.state "terminal=\"$1\" from=\"present\" to=\"suspect\"" || echo 0) - $3))
    absent=$(($(stamp_of "$2" presence.state "terminal=\"$1\" from=\"suspect\" to=\"absent\"" || echo 0) - $3))
    ((suspect > 0 && absent > suspect)) || violation "$1 is suspect, and then absent: after $suspect ms and $absent ms"
    expect_alone "$1 is suspect in time, after $suspect ms" \
        test "$suspect" -ge $((SUSPECT_MS - RENEW_MS * 11 / 10 - 100)) -a "$suspect" -le $((SUSPECT_MS + 2000))
    expect_alone "$1 is absent in time, after $absent ms" \
        test "$absent" -ge $((GRANT_MS - RENEW_MS * 11 / 10 - 100)) -a "$absent" -le $((GRANT_MS + 2000))
    ((suspect <= slowest_suspect)) || slowest_suspect=$suspect
    ((absent <= slowest_absent)) || slowest_absent=$absent
}

terminals_frozen() {
    local mark begun name slowest_suspect=0 slowest_absent=0
    mark=$(log_mark)
    begun=$(now_ms)
    stopped "$CLIENT_SIM_PID"
    stopped "${TERMINAL_PID[a-1]}"
    eventually "terminals that stand still are absent" all_absent "$mark"
    for name in "${TERMINALS[@]}" a-1; do judge_silence "$name" "$mark" "$begun"; done
    seconds_figure terminal_suspect_s "$slowest_suspect"
    seconds_figure terminal_absent_s "$slowest_absent"
    untouched
    kill -CONT "$CLIENT_SIM_PID" "${TERMINAL_PID[a-1]}"
    eventually "they are back" are_present "$EVERYBODY"
    seconds_figure terminal_back_s "$EVENTUALLY_MS"
    untouched
}

all_absent() {
    (($(logged_since "$1" presence.state 'to="absent"') >= EVERYBODY))
}

host_is() {
    [[ $(ctl host show "$1" --json | jq -r .runtime.state) == "$2" ]]
}

# was_left MARK HOST - did it have another state than up since then?
was_left() {
    (($(logged_since "$1" host.state "host=\"$2\" from=\"up\"") > 0))
}

# deaf WHAT PID - stop it: it is noticed, and meanwhile the other host serves as before.
deaf() {
    local what=$1 mark
    mark=$(log_mark)
    figure "${what}_assign_before_us" "$(time_assignments "$ASSIGNS" t-4)"
    stopped "$2"
    # From the log, because the host may be up again before a query.
    eventually "$what that stands still is noticed" was_left "$mark" here
    seconds_figure "${what}_noticed_s" "$EVENTUALLY_MS"
    expect_alone "$what is noticed within $NOTICED_MS ms, not $EVENTUALLY_MS" test "$EVENTUALLY_MS" -le $((NOTICED_MS + 500))
    figure "${what}_assign_during_us" "$(time_assignments "$ASSIGNS" t-4)"
    expect_alone "no terminal became absent meanwhile" test "$(logged_since "$mark" presence.state 'to="absent"')" -eq 0
    # People were served meanwhile, so the loop did not wait for it. The longest stall of the loop, which only means
    # something on a quiet machine:
    figure "${what}_stall_ms" "$(longest_stall "$mark")"
    expect_alone "the loop went on" test "$(longest_stall "$mark")" -lt 3000
    continue_if_alive "$2"
    eventually "the host is up again" host_is here up
    seconds_figure "${what}_adopted_s" "$EVENTUALLY_MS"
    untouched
}

fixture_begin "${1:-}"
step "broker, two hosts, five terminals" site
step "three people work" people_work
step "a berth-virt stands still" deaf virt "$(first_virt)"
step "libvirtd stands still" deaf libvirtd "$("$SITE_LIB/private-libvirtd" pid "$SITE/libvirt")"
step "terminals stand still" terminals_frozen
step "the broker stands still for $FREEZE_S s" broker_frozen
figure loop_max_turn_s "$(metric berth_loop_max_turn_seconds)"
fixture_end "F12 frozen peers"
