#!/usr/bin/env bash
# flood.sh - F13: peers that never authenticate, while known terminals renew, sign on and come back.
#
# usage: tests/faults/flood.sh BUILD-FOLDER
#
# At most 2,000 sockets of berth-flood from 250 addresses, for as long as the others need: silent ones, a ClientHello a byte
# a second, noise, whole handshakes without a certificate and with a foreign one. It proves: their number and memory are
# bounded; no known terminal loses its link or its presence, renewals and sign-ons go on; a terminal that comes back
# meanwhile gets in, also when the flood has its address; afterwards the listener accepts connections as before.
# BERTH_LONG=1: half a minute.
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

EVERYBODY=20
HANDSHAKES=512 # of the configuration, in all
RSS_MOST_KIB=$((64 * 1024))
COMES_BACK_MS=5000
ATTACK_S=8
CALM_S=3
((!FIXTURE_LONG)) || { ATTACK_S=30 && CALM_S=15; }
FIXTURE_PRESENCE=(presence.grant_s=6 presence.renew_s=1 presence.suspect_s=3 presence.link_grace_s=1)
FIXTURE_OPTIONS=("link.handshakes=$HANDSHAKES")

site() {
    local name
    names=()
    for ((name = 1; name <= EVERYBODY; name++)); do names+=("t-$name"); done
    fixture_small_site 4 1 "${names[@]}"
    for name in t-1 t-2 t-3; do client_sim "kiosk $name"; done
    require "three desktops are shown" reported 0 '[.[] | select(.what == "show")] | length == 3'
}

resident_kib() {
    awk '$1 == "VmRSS:" { print $2 }' "/proc/$(broker_pid)/status"
}

descriptors() {
    local open=("/proc/$(broker_pid)/fd/"*)
    echo "${#open[@]}"
}

# people_work SECONDS - three people leave and come back all the time; meanwhile the broker's size is sampled.
people_work() {
    local until=$(($(now_ms) + $1 * 1000)) size name
    peak_kib=0 peak_fds=0
    while (($(now_ms) < until)); do
        for name in t-1 t-2 t-3; do
            client_sim "disconnect $name"
            client_sim "kiosk $name"
            size=$(resident_kib)
            ((size <= peak_kib)) || peak_kib=$size
            size=$(descriptors)
            ((size <= peak_fds)) || peak_fds=$size
            sleep 0.06
        done
    done
}

# figures_of PREFIX MARK - what the terminals saw.
figures_of() {
    figure "$1_renewals" "$(reports_since "$2" '[.[] | select(.what == "renewed")] | length')"
    figure "$1_renewal_p99_us" "$(percentile "$2" renewed 99)"
    figure "$1_sign_ons" "$(reports_since "$2" '[.[] | select(.what == "show")] | length')"
    figure "$1_sign_on_p99_us" "$(percentile "$2" show 99)"
}

calm() {
    local mark
    mark=$(reports_mark)
    people_work "$CALM_S"
    figures_of calm "$mark"
    figure calm_rss_kib "$peak_kib"
    before_kib=$peak_kib before_fds=$peak_fds
}

# attack BEHAVIOUR N ... - from ATTACK_SOURCES addresses (0: from the terminals' own), until end_attack. Returns when it has an
# effect.
ATTACK_SOURCES=250
attack() {
    local before
    before=$(strangers)
    "$FIXTURE_BUILD/tests/faults/berth-flood" 127.0.0.1 "$LINK_PORT" 3600 "$ATTACK_SOURCES" "$@" >"$FIXTURE_FOLDER/flood" 2>&1 6>&- 7>&- 8>&- &
    attacker=$!
    at_exit end_process "$attacker"
    eventually "the flood is there" more_strangers "$((before + 10))"
}

# The number of peers that the broker has open or has refused.
strangers() {
    ctl metrics | awk -v open="$(descriptors)" '/^berth_link_(refused|failed)_[a-z]*_total / { open += $2 } END { print open }'
}

more_strangers() {
    (($(strangers) > $1))
}

# All requests to the broker meanwhile were made under attack.
end_attack() {
    process_is_ours "$attacker" || violation "the flood went on to the end"
    end_process "$attacker" "$BERTH_WAIT_LIMIT_S" || violation "the flood ends"
    ((ENDED_WITH == 0)) || violation "the flood ran: it ended with $ENDED_WITH"
}

# Silent peers alone: the cost of one.
silence() {
    local peers
    attack silent 500
    people_work 2
    end_attack
    peers=$((peak_fds - before_fds))
    figure silent_peers "$peers"
    ((peers > 0)) || peers=1
    figure bytes_per_silent_peer $(((peak_kib - before_kib) * 1024 / peers))
}

everything() {
    local mark log
    eventually "those of the last flood are gone" few_descriptors
    mark=$(reports_mark)
    log=$(log_mark)
    attack silent 800 slow 300 garbage 300 anonymous 300 foreign 300
    client_sim "cut t-20"
    client_sim "connect t-20"
    people_work "$ATTACK_S"
    eventually "a known terminal gets in under attack" reported "$mark" '[.[] | select(.terminal == "t-20" and .what == "granted")] | length > 0'
    eventually "every terminal renews its presence under attack" each_reported "$(reports_mark)" renewed "${names[@]}"
    eventually "people are shown their desktops under attack" each_reported "$mark" show t-1 t-2 t-3
    end_attack
    figures_of attack "$mark"
    comes_back "$mark"
    figure attackers "$(cat "$FIXTURE_FOLDER/flood")"
    figure peers_at_once $((peak_fds - before_fds))
    figure rss_growth_kib $((peak_kib - before_kib))
    ((peak_fds - before_fds <= HANDSHAKES + 32)) || violation "no more than $HANDSHAKES of them are let in at once: $((peak_fds - before_fds))"
    ((peak_kib - before_kib <= RSS_MOST_KIB)) || violation "they cost $((peak_kib - before_kib)) KiB of memory"
    expect "no other terminal lost its link" reported "$mark" '[.[] | select(.what == "lost" and .terminal != "t-20")] | length == 0'
    figure attack_suspect "$(logged_since "$log" presence.state 'to="suspect"')"
    expect_alone "no other terminal became suspect" none_suspect "$log"
    for name in refused_handshakes refused_source refused_early refused_penalty failed_timeout failed_certificate failed_protocol; do
        figure "$name" "$(metric "berth_link_${name}_total")"
    done
}

few_descriptors() {
    (($(descriptors) <= before_fds))
}

none_suspect() {
    (($(logged_since "$1" presence.state) == $(logged_since "$1" presence.state 'terminal="t-20"')))
}

# How long a known terminal was refused.
comes_back() {
    local took
    # shellcheck disable=SC2016 # jq's names
    took=$(reports_since "$1" '[.[] | select(.terminal == "t-20")] | ([.[] | select(.what == "cut")][0].at_us) as $cut
        | ([.[] | select(.what == "granted")][0].at_us // 0) as $back | if $back == 0 then -1 else ($back - $cut) / 1000 | floor end')
    figure comes_back_ms "$took"
    expect_alone "a known terminal gets in within $COMES_BACK_MS ms under attack: $took" test "$took" -ge 0 -a "$took" -le "$COMES_BACK_MS"
}

# An unknown client behind the ward's own router: a known terminal still comes back, each time.
same_address() {
    local habit mark i
    ATTACK_SOURCES=0
    for habit in silent slow garbage foreign; do
        mark=$(reports_mark)
        attack "$habit" 24
        for ((i = 1; i <= 12; i++)); do
            client_sim "cut t-19"
            client_sim "connect t-19"
            eventually "a known terminal gets in beside 24 $habit ones of its address, for the ${i}th time" reported "$mark" \
                "[.[] | select(.terminal == \"t-19\" and .what == \"granted\")] | length == $i"
        done
        end_attack
        expect "no other terminal lost its link" reported "$mark" '[.[] | select(.what == "lost" and .terminal != "t-19")] | length == 0'
    done
}

afterwards() {
    local mark
    mark=$(reports_mark)
    client_sim "cut *"
    client_sim "connect *"
    eventually "each of them is granted presence anew" reported "$mark" "[.[] | select(.what == \"granted\")] | length == $EVERYBODY"
    seconds_figure listener_open_again_s "$EVENTUALLY_MS"
    expect_alone "no terminal becomes absent" test "$(logged_since 0 presence.state 'to="absent"')" -eq 0
}

fixture_begin "${1:-}"
step "broker, $EVERYBODY terminals, three at work" site
step "without an attack" calm
step "500 silent peers" silence
step "2,000 of all kinds" everything
step "at the terminals' own address" same_address
step "afterwards" afterwards
fixture_end "F13 flood before authentication"
