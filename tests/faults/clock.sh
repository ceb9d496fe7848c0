#!/usr/bin/env bash
# clock.sh - F14: clocks that jump while people work: the broker's and an agent's; the wall clock alone, and all clocks.
#
# usage: tests/faults/clock.sh BUILD-FOLDER
#
# libfaketime shifts the clocks of berthd and berth-agent. It proves: whatever the wall clock does (an hour, two hours back, a
# year either way, hundreds of jumps in a row), no presence changes, sessions stay, the audit chain keeps its order;
# certificates are judged by a clock that is wrong only as long as it is wrong; a terminal whose clock jumped finds its
# broker again; a broker that was suspended (monotonic time jumps as well) concludes nothing from it.
# BERTH_LONG=1: 10,000 jumps.
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

TERMINALS=(t-1 t-2 t-3)
EVERYBODY=4
HOUR=3600
YEAR=31536000
JUMPS=400
# Shorter than any jump, and longer than a busy machine delays a terminal.
FIXTURE_PRESENCE=(presence.grant_s=300 presence.renew_s=1 presence.suspect_s=150 presence.link_grace_s=1)
if ((FIXTURE_LONG)); then
    JUMPS=10000
    FIXTURE_PRESENCE=(presence.grant_s=30 presence.renew_s=2 presence.suspect_s=15 presence.link_grace_s=5)
fi

# shifted PROGRAM [all] - its wall clock (or all of its time) is shifted by the seconds in $FIXTURE_FOLDER/clock-PROGRAM.
shifted() {
    local program=$1 behind=(env "LD_PRELOAD=$FAKETIME" "FAKETIME_TIMESTAMP_FILE=$FIXTURE_FOLDER/clock-$1" FAKETIME_NO_CACHE=1)
    [[ ${2:-} == all ]] || behind+=(DONT_FAKE_MONOTONIC=1)
    jump "$program" 0
    wrap_program "$program" "${behind[@]}"
}

# jump PROGRAM SECONDS - written in place, always as long: a clock that is read meanwhile is the old one or the new one.
jump() {
    printf '%+011d\n' "$2" 1<>"$FIXTURE_FOLDER/clock-$1"
}

site() {
    shifted berthd
    shifted berth-agent
    fixture_small_site 6 2 "${TERMINALS[@]}"
    fixture_agent a-1
    client_sim "kiosk t-1"
    client_sim "kiosk t-2"
    require "two desktops are shown" reported 0 '[.[] | select(.what == "show")] | length == 2'
    sessions=$(open_sessions)
    mark=$(log_mark)
    reports=$(reports_mark)
}

# The clock of the broker as others see it.
broker_says() {
    date -d "$(tail -n 1 "$SITE/log/berthd.log" | cut -d ' ' -f 1)" +%s
}

has_jumped() {
    local off
    ctl terminal list >/dev/null # so that it logs a line
    off=$(($(broker_says) - $(date +%s) - $1))
    ((off >= -600 && off <= 600))
}

# No presence changed and no picture ended since site().
calm() {
    flips=$(logged_since "$mark" presence.state)
    ((flips == 0)) || violation "$1: presence stays; it changed $flips times"
    reported "$reports" '[.[] | select((.what == "hide" and .ours) or .what == "lost")] | length == 0' ||
        violation "$1: no picture and no link is lost"
    [[ $(open_sessions) == "$sessions" ]] || violation "$1: the sessions are as before: $sessions, now $(open_sessions)"
}

# Wait until each terminal was heard again: by then the broker has drawn its conclusions from the jump.
renewed() {
    eventually "each terminal renews its presence" each_reported "$(reports_mark)" renewed "${TERMINALS[@]}"
}

# At every step a person leaves and comes back, so that there is something to audit. The agent's clock jumps the other way.
both_jump() {
    local seconds before
    for seconds in "$HOUR" $((-2 * HOUR)) "$YEAR" $((-YEAR)) 0; do
        jump berthd "$seconds"
        jump berth-agent $((-seconds))
        before=$(reports_mark)
        client_sim "disconnect t-2"
        client_sim "kiosk t-2"
        eventually "t-2 is shown its desktop at $seconds s" reported "$before" '[.[] | select(.what == "show")] | length == 1'
        eventually "the broker's clock did jump by $seconds s" has_jumped "$seconds"
        renewed
        sessions=$(open_sessions) # t-2 came back with a higher epoch
        calm "the broker's clock at $seconds s, the agent's at $((-seconds)) s"
    done
}

many_jumps() {
    local i begun
    begun=$(now_ms)
    for ((i = 0; i < JUMPS; i++)); do
        draw $((2 * YEAR))
        jump berthd $((DRAWN - YEAR))
        draw $((2 * YEAR))
        jump berth-agent $((DRAWN - YEAR))
        sleep 0.005
    done
    jump berthd 0
    jump berth-agent 0
    seconds_figure jumping_s $(($(now_ms) - begun))
    renewed
    calm "$JUMPS jumps"
    figure jumps $((2 * JUMPS + 10))
}

audit_in_order() {
    ctl audit verify || violation "the audit chain holds"
    ctl audit list limit=200 --json >"$FIXTURE_FOLDER/audit"
    jq -e '[.items[].id] as $s | ($s | length) > 0 and ($s | sort | reverse) == $s' "$FIXTURE_FOLDER/audit" >/dev/null ||
        violation "the audit records keep their order"
    figure audit_records "$(jq '.items | length' "$FIXTURE_FOLDER/audit")"
}

# With a clock a year ahead a terminal's certificate has expired: it is refused, and comes back when the clock is right.
certificates() {
    local before
    before=$(reports_mark)
    jump berthd "$YEAR"
    client_sim "cut t-3"
    client_sim "connect t-3"
    eventually "a certificate that has expired by the broker's clock is not accepted" \
        reported "$before" '[.[] | select(.what == "lost")] | length > 0'
    expect "t-3 is not granted presence" reported "$before" '[.[] | select(.terminal == "t-3" and .what == "granted")] | length == 0'
    jump berthd 0
    eventually "t-3 is back when the clock is right again" \
        reported "$before" '[.[] | select(.terminal == "t-3" and .what == "granted")] | length == 1'
    seconds_figure certificate_back_s "$EVENTUALLY_MS"
}

# (The host's machines live in its berth-virt here, so sessions end with the broker; that is not what is judged.)
# The link breaks right after the terminal's clock jumped: what its server's certificate is worth must not depend on that.
agent_finds_its_broker() {
    local seconds before slowest=0
    for seconds in $((2 * YEAR)) $((-2 * YEAR)); do
        jump berth-agent "$seconds"
        mark=$(log_mark)
        before=$(links_of_agent)
        kill -KILL "$(broker_pid)"
        require "the broker is there again" site_broker_ready
        eventually "a terminal whose clock jumped by $seconds s finds its broker" agent_linked_again "$before"
        ((EVENTUALLY_MS <= slowest)) || slowest=$EVENTUALLY_MS
        jump berth-agent 0
        eventually "everybody is present" all_linked
    done
    seconds_figure agent_back_s "$slowest"
}

# How often the agent has found the broker.
links_of_agent() {
    grep -c ' agent.link ' "$SITE/log/agent-a-1.log"
}

agent_linked_again() {
    (($(links_of_agent) > $1)) && presence_is a-1 present
}

all_linked() {
    (($(metric berth_terminals_linked) == EVERYBODY)) && are_present "$EVERYBODY"
}

stalled_since() {
    (($(logged_since "$1" loop.stalled) >= 1))
}

# All clocks jump, as after a suspend. The guard moves every deadline.
broker_suspended() {
    local before
    shifted berthd all
    # Its clock differs from the others from here on: its history is judged alone, theirs up to here.
    FIXTURE_HISTORIES_ALONE=("$FIXTURE_FOLDER/history-suspended")
    sed -i "s|^history = .*|history = $FIXTURE_FOLDER/history-suspended|" "$SITE/etc/berthd.conf"
    kill -KILL "$(broker_pid)"
    for before in "${!FIXTURE_HISTORIES[@]}"; do
        cp "${FIXTURE_HISTORIES[before]}" "${FIXTURE_HISTORIES[before]}-before"
        FIXTURE_HISTORIES[before]+=-before
    done
    require "the broker is there again" site_broker_ready
    eventually "everybody is present" all_linked
    before=$(reports_mark)
    client_sim "kiosk t-1"
    require "t-1 works again" reported "$before" '[.[] | select(.what == "show")] | length == 1'
    sessions=$(open_sessions)
    before=$(log_mark)
    jump berthd "$HOUR"
    eventually "the loop knows that time jumped" stalled_since "$before"
    renewed
    figure suspended_s "$HOUR"
    figure stalls "$(logged_since "$before" loop.stalled)"
    expect "no terminal became absent" test "$(logged_since "$before" presence.state 'to="absent"')" -eq 0
    expect "everybody is present" are_present "$EVERYBODY"
    [[ $(open_sessions) == "$sessions" ]] || violation "the sessions are as before: $sessions, now $(open_sessions)"
}

FAKETIME=$(find /usr/lib -name libfaketimeMT.so.1 -print -quit)
[[ -n $FAKETIME ]] || die "libfaketime is missing; run deploy/install-deps first"
fixture_begin "${1:-}"
step "broker, four terminals, two at work" site
step "the wall clocks of broker and agent jump" both_jump
step "$JUMPS jumps of both" many_jumps
figure presence_flips "$(logged_since "$mark" presence.state)"
step "certificates by a clock that is wrong" certificates
step "the audit trail" audit_in_order
step "an agent's clock jumps and its broker dies" agent_finds_its_broker
step "the broker is suspended" broker_suspended
fixture_end "F14 clocks that jump"
