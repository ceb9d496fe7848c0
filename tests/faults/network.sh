#!/usr/bin/env bash
# network.sh - F10: partition, loss, little bandwidth and half-open connections between network namespaces.
#
# usage: tests/faults/network.sh BUILD-FOLDER
#
# The broker, a ward of four terminals (one a real agent) and a terminal elsewhere have a network namespace each, joined
# by veth pairs; nftables drops packets, numgen some of them, tbf limits the rate, and a deleted veth pair leaves half-open
# connections. It proves: a terminal that is cut off is suspect and absent in time and nothing is released; 10 % of loss or
# 64 kbit/s change no presence; all recovers, no half-open connection stays, and the terminal elsewhere notices nothing.
# BERTH_LONG=1: each direction cut until all terminals are absent, more loss for longer.
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

FIXTURE_TERMINALS=(t-1 t-2 t-3)
BEHIND=4 # these and the agent a-1
EVERYBODY=5
GRANT_MS=6000
SUSPECT_MS=3000
LOSS_S=3
FIXTURE_PRESENCE=(presence.grant_s=6 presence.renew_s=1 presence.suspect_s=3 presence.link_grace_s=1)
((!FIXTURE_LONG)) || LOSS_S=40
BROKER=10.77.0.1
ID=bf$((BASHPID % 100000)) # names of interfaces have 15 characters at most

# net WHO COMMAND... - inside the namespace of the broker (b), the ward (w) or elsewhere (e).
net() {
    ip netns exec "$ID$1" "${@:2}"
}

networks() {
    local who
    for who in b w e; do
        ip netns add "$ID$who"
        at_exit remove_network "$ID$who"
        net "$who" ip link set lo up
    done
    net b ip address add "$BROKER/32" dev lo # independent of the cables
    cable w 10.77.1
    cable e 10.77.2
    net b nft add table inet fault
    net b nft add chain inet fault in '{ type filter hook input priority 0; }'
    net b nft add chain inet fault out '{ type filter hook output priority 0; }'
}

remove_network() {
    ip netns delete "$1" 2>/dev/null || true # the script may have ended before it was made
}

# cable WHO NETWORK - the broker is .1, the other end .2.
cable() {
    ip link add "$ID$1-b" type veth peer name "$ID$1-o"
    ip link set "$ID$1-b" netns "${ID}b"
    ip link set "$ID$1-o" netns "$ID$1"
    net b ip address add "$2.1/24" dev "$ID$1-b"
    net b ip link set "$ID$1-b" up
    net "$1" ip address add "$2.2/24" dev "$ID$1-o"
    net "$1" ip link set "$ID$1-o" up
    net "$1" ip route add "$BROKER/32" via "$2.1"
}

site() {
    networks
    wrap_program berthd ip netns exec "${ID}b"
    wrap_program berth-agent ip netns exec "${ID}w"
    DESKTOPS_WRAPPER=(ip netns exec "${ID}b")
    CLIENT_SIM_WRAPPER=(ip netns exec "${ID}w")
    FIXTURE_OPTIONS=("broker.names=$BROKER" "link.listen=0.0.0.0:$LINK_PORT" "link.join_listen=0.0.0.0:$JOIN_PORT")
    fixture_small_site 4 1 "${FIXTURE_TERMINALS[@]}"
    fixture_agent a-1
    wrap_program berth-agent ip netns exec "${ID}e"
    fixture_agent e-1
    client_sim "kiosk t-1"
    client_sim "kiosk t-2"
    require "two desktops are shown" reported 0 '[.[] | select(.what == "show")] | length == 2'
    sessions=$(open_sessions)
    links=$(links_elsewhere)
}

# rule CHAIN WORD... - in the broker's namespace; healed takes all of them away.
rule() {
    net b nft add rule inet fault "$@"
}

healed() {
    net b nft flush chain inet fault in
    net b nft flush chain inet fault out
}

untouched() {
    [[ $(open_sessions) == "$sessions" ]] || violation "$1: the sessions are as before: $sessions, now $(open_sessions)"
    (($(links_elsewhere) == links)) || violation "$1: the terminal elsewhere keeps its link"
    expect_alone "$1: the terminal elsewhere notices nothing" test "$(logged_since "$2" presence.state 'terminal="e-1"')" -eq 0
}

# How often the agent has found the broker.
links_elsewhere() {
    grep -c ' agent.link ' "$SITE/log/agent-e-1.log"
}

all_linked() {
    (($(metric berth_terminals_linked) == EVERYBODY)) && are_present "$EVERYBODY"
}

# heals WHAT - all terminals are back, without half-open connections: as many connections as terminals.
heals() {
    eventually "$1: everybody is back" all_linked
    seconds_figure "$1_heal_s" "$EVENTUALLY_MS"
    eventually "$1: no connection is left over" test_peers
}

test_peers() {
    (($(metric berth_link_peers) == EVERYBODY))
}

have_become() {
    (($(logged_since "$1" presence.state "to=\"$2\"") >= BEHIND))
}

# in_time WHAT MARK BEGUN STATE MS - each of the ward became so about MS after the cut, at most a renewal early.
in_time() {
    local name after slowest=0
    for name in "${FIXTURE_TERMINALS[@]}" a-1; do
        after=$(stamp_of "$2" presence.state "terminal=\"$name\" from=\"${6:-present}\" to=\"$4\"") || after=0
        after=$((after - $3))
        ((after > 0)) || violation "$1: $name is $4"
        expect_alone "$1: $name is $4 in time, after $after ms" test "$after" -gt $(($5 - 2400)) -a "$after" -le $(($5 + 2000))
        ((after <= slowest)) || slowest=$after
    done
    seconds_figure "$1_$4_s" "$slowest"
}

# cut WHAT CHAIN... - what the broker gets (in) or sends (out) is dropped, until all of the ward are suspect, in the long form until they are absent.
cut() {
    local mark begun chain what=$1
    shift
    mark=$(log_mark)
    begun=$(now_ms)
    for chain in "$@"; do rule "$chain" "${chain:0:1}ifname" "$ID"w-b drop; done
    eventually "$what: those behind the cut are suspect" have_become "$mark" suspect
    in_time "$what" "$mark" "$begun" suspect "$SUSPECT_MS"
    if ((FIXTURE_LONG)); then
        eventually "$what: and absent" have_become "$mark" absent
        in_time "$what" "$mark" "$begun" absent "$GRANT_MS" suspect
    fi
    untouched "$what" "$mark"
    healed
    heals "$what"
    untouched "$what" "$mark"
}

# The broker's answers are lost for a while, and TCP's acknowledgements with them: a terminal's renewals wait behind the first
# that is not acknowledged, so it may be suspect for a moment, but not absent.
answers_lost() {
    local mark
    mark=$(log_mark)
    rule out oifname "$ID"w-b drop
    sleep 3.5
    healed
    heals answers
    figure answers_suspect "$(logged_since "$mark" presence.state 'to="suspect"')"
    figure answers_absent "$(logged_since "$mark" presence.state 'to="absent"')"
    expect_alone "answers: no terminal becomes absent" test "$(logged_since "$mark" presence.state 'to="absent"')" -eq 0
    untouched answers "$mark"
}

# lossy PERCENT - both ways. TCP sends again, later and later: a terminal may be suspect for a moment. At 10 % it is never
# absent; at 30 % a promise of six seconds is too short for TCP, so there only the end counts.
lossy() {
    local mark reports
    mark=$(log_mark)
    reports=$(reports_mark)
    rule in iifname "$ID"w-b numgen random mod 100 '<' "$1" drop
    rule out oifname "$ID"w-b numgen random mod 100 '<' "$1" drop
    sleep "$LOSS_S"
    client_sim "disconnect t-2"
    eventually "loss of $1 %: t-2 is shown its desktop" tries_to_sign_on "$reports"
    seconds_figure "loss_$1_sign_on_s" "$EVENTUALLY_MS"
    healed
    heals "loss_$1"
    sessions=$(open_sessions) # t-2 came back with a higher epoch
    figure "loss_$1_suspect" "$(logged_since "$mark" presence.state 'to="suspect"')"
    figure "loss_$1_absent" "$(logged_since "$mark" presence.state 'to="absent"')"
    (($1 > 10)) ||
        expect_alone "loss of $1 %: no terminal becomes absent" test "$(logged_since "$mark" presence.state 'to="absent"')" -eq 0
    untouched "loss of $1 %" "$mark"
}

# A person tries again when nothing happens; a terminal without a connection sends nothing.
tries_to_sign_on() {
    client_sim "kiosk t-2"
    wait_briefly 2 reported "$1" '[.[] | select(.what == "show")] | length >= 1'
}

thin() {
    local mark reports
    mark=$(log_mark)
    reports=$(reports_mark)
    net b tc qdisc add dev "$ID"w-b root tbf rate 64kbit burst 4kb latency 500ms
    net w tc qdisc add dev "$ID"w-o root tbf rate 64kbit burst 4kb latency 500ms
    client_sim "disconnect t-2"
    client_sim "kiosk t-2"
    client_sim "cut t-3"
    client_sim "connect t-3"
    eventually "64 kbit/s: t-2 is shown its desktop, t-3 comes back" reported "$reports" \
        '([.[] | select(.what == "show")] | length == 1) and ([.[] | select(.what == "granted" and .terminal == "t-3")] | length == 1)'
    seconds_figure thin_sign_on_s "$EVENTUALLY_MS"
    eventually "64 kbit/s: each terminal renews its presence" each_reported "$(reports_mark)" renewed "${FIXTURE_TERMINALS[@]}"
    net b tc qdisc delete dev "$ID"w-b root
    net w tc qdisc delete dev "$ID"w-o root
    sessions=$(open_sessions)
    figure thin_flips "$(logged_since "$mark" presence.state)"
    expect_alone "64 kbit/s: no presence changes" test "$(logged_since "$mark" presence.state)" -eq 0
}

# The cable disappears: every connection breaks without notice to either end.
half_open() {
    local mark begun
    mark=$(log_mark)
    begun=$(now_ms)
    net w ip link delete "$ID"w-o
    eventually "half-open: those behind it are absent" have_become "$mark" absent
    in_time half_open "$mark" "$begun" suspect "$SUSPECT_MS"
    in_time half_open "$mark" "$begun" absent "$GRANT_MS" suspect
    untouched half-open "$mark"
    cable w 10.77.1
    heals half_open
    untouched half-open "$mark"
}

need_root
need_commands ip nft tc
ip netns add "${ID}b" || {
    say "this machine permits no network namespaces"
    exit 77
}
ip netns delete "${ID}b"
fixture_begin "${1:-}"
step "three networks, a broker, five terminals" site
step "cut towards the broker" cut towards in
step "answers are lost for 3.5 s" answers_lost
((!FIXTURE_LONG)) || step "cut in both directions" cut both in out
step "loss of 10 %" lossy 10
step "loss of 30 %" lossy 30
step "64 kbit/s" thin
step "the cable is gone" half_open
expect "the audit chain holds" audit_holds
fixture_end "F10 partition, loss, half-open"
