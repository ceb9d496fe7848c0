# fixture.sh - shared by the faults F10 to F15: a small site, lean terminals, and a record of violations.
#
# Source it after common.sh, rdp.sh and site.sh; the fault then runs in a network of its own. Desktops are machines of
# libvirt's test driver with berth-desktops on their ports; terminals are berth-client-sim's, or real agents without a
# screen. Report every figure by `figure` and every check by `expect`; fixture_end prints them as one JSON object, judges
# the histories, and exits.
# shellcheck shell=bash
# shellcheck disable=SC2034 # much here is for those who source it, or site.sh's

# shellcheck source=tests/lib/own_network.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../lib/own_network.sh"
# shellcheck source=tests/lib/seed.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../lib/seed.sh"

FIXTURE_VIOLATIONS=0
FIXTURE_FIGURES='{}'
FIXTURE_HISTORIES=() # histories of programs, for berth-check
FIXTURE_HISTORIES_ALONE=()     # files with a clock of their own, each judged alone
FIXTURE_OPTIONS=() # of berthd, SECTION.KEY=VALUE, before fixture_broker
# shellcheck disable=SC2034 # for those who source this file
FIXTURE_POOL=ward-3
# shellcheck disable=SC2034
FIXTURE_LONG=$BERTH_LONG
CLIENT_SIM_WRAPPER=()   # words before berth-client-sim: a network namespace, a clock
DESKTOPS_WRAPPER=() # the same for berth-desktops

# fixture_begin BUILD-FOLDER [DRIVER] - make a folder that is removed at exit; FIXTURE_BIN has the programs by name, so that a
# fault can wrap one of them.
fixture_begin() {
    local build program
    build=$(readlink -f "${1:?usage: $PROGRAM BUILD-FOLDER}")
    for program in berthd berth-agent berthctl berth-virt tests/faults/berth-client-sim tests/history/berth-check; do
        [[ -x $build/$program ]] || die "$program is not built in '$build'"
    done
    need_root
    need_commands jq virsh openssl qemu-img
    FIXTURE_FOLDER=$(mktemp -d /tmp/berth-faults.XXXXXX)
    at_exit fixture_remove
    step_log_to "$FIXTURE_FOLDER/steps.log"
    FIXTURE_BIN=$FIXTURE_FOLDER/bin
    mkdir "$FIXTURE_BIN"
    for program in berthd berth-agent berthctl berth-virt; do ln -s "$build/$program" "$FIXTURE_BIN/$program"; done
    FIXTURE_BUILD=$build
    site_open "$FIXTURE_FOLDER/site" "$FIXTURE_BIN" "${2:-test}"
    # shellcheck disable=SC2034 # site.sh's
    SITE_BIN=$FIXTURE_BIN SITE_LOG_LEVEL=debug # the links, not what they lead to
    SITE_HISTORY=$FIXTURE_FOLDER/history # of berthd, berth-virt and the agents
    FIXTURE_HISTORIES=("$SITE_HISTORY")
}

fixture_remove() {
    wait_for fixture_all_ended || say "processes are left: $(pgrep -af -- "$FIXTURE_FOLDER")"
    ! grep -q " $FIXTURE_FOLDER/" /proc/self/mounts || {
        say "$FIXTURE_FOLDER stays: something is mounted there"
        return
    }
    [[ -n ${BERTH_KEEP:-} ]] || rm -rf --one-file-system "$FIXTURE_FOLDER"
}

fixture_all_ended() {
    ! pgrep -f -- "$FIXTURE_FOLDER/" >/dev/null
}

# wrap_program PROGRAM WORD... - from now on PROGRAM of the site is started by these words, before its own.
wrap_program() {
    local program=$1
    shift
    rm -f "$FIXTURE_BIN/$program"
    {
        printf '#!/bin/sh\nexec'
        printf ' %q' "$@" "$FIXTURE_BUILD/$program"
        # shellcheck disable=SC2016 # for the script that is written
        printf ' "$@"\n'
    } >"$FIXTURE_BIN/$program"
    chmod 755 "$FIXTURE_BIN/$program"
}

# --- Judgement ----------------------------------------------------------------------------------------------------

# violation TEXT - record it and go on: a fault reports everything it finds.
violation() {
    FIXTURE_VIOLATIONS=$((FIXTURE_VIOLATIONS + 1))
    say "violated: $*"
}

# expect TEXT COMMAND... - the command succeeds now.
expect() {
    local text=$1
    shift
    "$@" || violation "$text"
}

# expect_alone TEXT COMMAND... - a check of times: only in the long form, which has the machine for itself. In the short form
# only the figure is reported; the judge of the history decides whether the broker was right.
expect_alone() {
    ((!FIXTURE_LONG)) || expect "$@"
}

# eventually TEXT COMMAND... - the command succeeds in time; EVENTUALLY_MS is how long it took.
eventually() {
    local text=$1 begun
    shift
    begun=$(now_ms)
    wait_for "$@" || violation "$text (within $BERTH_WAIT_LIMIT_S s)"
    # shellcheck disable=SC2034
    EVENTUALLY_MS=$(($(now_ms) - begun))
}

# require TEXT COMMAND... - as eventually, but ends the script: the rest needs it.
require() {
    local text=$1
    shift
    wait_for "$@" || die "violated: $text (within $BERTH_WAIT_LIMIT_S s)"
}

# figure NAME VALUE - VALUE is JSON.
figure() {
    FIXTURE_FIGURES=$(jq -cn --argjson all "$FIXTURE_FIGURES" --arg name "$1" --argjson value "$2" '$all + {($name): $value}')
}

# seconds_figure NAME MS - as seconds with three decimals; null when it never came.
seconds_figure() {
    (($2 >= 0)) || { figure "$1" null && return; }
    figure "$1" "$(printf '%d.%03d' "$(($2 / 1000))" "$(($2 % 1000))")"
}

# fixture_end FAULT - the last line of standard output, and the end.
fixture_end() {
    fixture_stop_all
    fixture_judge_histories
    if ((FIXTURE_VIOLATIONS > 0)); then
        grep -vF ' api.request ' "$SITE/log/berthd.log" | tail -n 40 >&2
        grep '^violated' "$STEP_LOG" >&2 || true # it may have been said outside a step
    fi
    jq -cn --arg fault "$1" --argjson figures "$FIXTURE_FIGURES" --argjson violations "$FIXTURE_VIOLATIONS" \
        '{fault: $fault} + $figures + {violations: $violations}'
    ((FIXTURE_VIOLATIONS == 0)) || exit 1
}

# End all programs in order, so that their histories are complete.
fixture_stop_all() {
    local name
    client_sim quit
    for name in "${!TERMINAL_PID[@]}"; do site_end_agent "${TERMINAL_PID[$name]}"; done
    wait_for gone "$CLIENT_SIM_PID" || violation "the client simulator ends"
    for name in "${!TERMINAL_PID[@]}"; do
        wait_for gone "${TERMINAL_PID[$name]}" || violation "the agent of $name ends"
    done
    site_stop_broker
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

# Judge the histories by the invariants; violations go to standard error.
fixture_judge_histories() {
    local file
    fixture_check "${FIXTURE_HISTORIES[@]}"
    for file in "${FIXTURE_HISTORIES_ALONE[@]}"; do fixture_check "$file"; done
    figure history_checks "$(grep -h '^{' "$FIXTURE_FOLDER/checked" | jq -s 'map(.checks) | add')"
}

# fixture_check FILE... - together.
fixture_check() {
    "$FIXTURE_BUILD/tests/history/berth-check" "$@" --json >>"$FIXTURE_FOLDER/checked" 2>&1 || {
        head -n 20 "$FIXTURE_FOLDER/checked" >&2
        violation "the histories keep every invariant: $*"
    }
}

# --- The site -----------------------------------------------------------------------------------------------------

# Short times, so that tests take seconds: 6 s granted, renewed every 2 s, suspect after 3 s, a link's grace 1 s.
FIXTURE_PRESENCE=(presence.grant_s=6 presence.renew_s=2 presence.suspect_s=3 presence.link_grace_s=1)

# fixture_broker - a berthd with FIXTURE_OPTIONS over the site's own configuration.
fixture_broker() {
    local option key
    site_write_broker_config
    for option in "${FIXTURE_PRESENCE[@]}" "${FIXTURE_OPTIONS[@]}"; do
        key=${option%%=*}
        sed -i "/^${key#*.} = /d" "$SITE/etc/berthd.conf" # a value may be given once
        printf '[%s]\n%s = %s\n' "${key%%.*}" "${key#*.}" "${option#*=}" >>"$SITE/etc/berthd.conf"
    done
    site_start_broker
}

broker_pid() {
    cat "$SITE/run/berthd.pid"
}

# The berth-virt of a host: its command line does not have the URI, so it is found by the order of start.
virt_pids() {
    pgrep -x -P "$(broker_pid)" berth-virt | xargs
}

# fixture_host NAME URI STORAGE FIRST COUNT
fixture_host() {
    ctl host add "$1" uri="$2" address=127.0.0.1 port_first="$4" port_last="$(($4 + $5 - 1))" \
        max_starting=4 max_desktops="$5" weight=1 storage="$3"
}

# fixture_pool NAME HOST MAX SPARE SETTING... - of machines as in FIXTURE_TEMPLATE.
fixture_pool() {
    local name=$1 host=$2 max=$3 spare=$4
    shift 4
    # shellcheck disable=SC2153 # site.sh's
    ctl pool add "$name" kind=floating image=desktop template="${FIXTURE_TEMPLATE:-$SITE_LIB/../image/domain.xml}" address=forwarded port=3389 \
        hosts="$host" start_limit_s=60 max="$max" spare="$spare" credential=passthrough "$@"
}

fixture_image() {
    site_make_empty_image "$SITE/etc/no-image"
    ctl image add desktop
    ctl image-version add desktop "$SITE/etc/no-image/desktop.qcow2"
    ctl image publish desktop 1
}

# fixture_desktops COUNT - RDP responders on the ports of the machines.
fixture_desktops() {
    mkfifo -m 600 "$SITE/run/desktops"
    "${DESKTOPS_WRAPPER[@]}" "$FIXTURE_BUILD/tests/faults/berth-desktops" "$FIRST_PORT" "$1" <"$SITE/run/desktops" >"$SITE/run/desktops.out" \
        2>"$SITE/log/desktops.log" 5>&- 6>&- 7>&- 8>&- &
    exec 6>"$SITE/run/desktops"
    wait_for grep -qs ready "$SITE/run/desktops.out" || die "no desktops: $(cat "$SITE/log/desktops.log")"
}

# fixture_small_site DESKTOPS SPARE TERMINAL... - one host that exists inside its berth-virt only, one pool, kiosk terminals.
fixture_small_site() {
    local desktops=$1 spare=$2
    shift 2
    fixture_broker
    fixture_image
    fixture_desktops "$desktops"
    fixture_host there test:///default default-pool "$FIRST_PORT" "$desktops"
    fixture_pool "$FIXTURE_POOL" there "$desktops" "$spare"
    ctl entitlement add subject_kind=everyone pool="$FIXTURE_POOL" effect=allow priority=10
    client_sim_start
    client_sim_join "$@"
    site_await_spare "$FIXTURE_POOL"
}

# The sessions that are not over: number, owner, desktop, epoch.
open_sessions() {
    ctl session list --json | jq -c '[.items[] | select(.state != "ended") | {id, user_id, desktop_id, epoch}] | sort_by(.id)'
}

count_present() {
    ctl terminal list --json | jq '[.items[] | select(.runtime.presence == "present")] | length'
}

are_present() {
    (($(count_present) == $1))
}

# presence_of NAME
presence_of() {
    ctl terminal list --json | jq -r --arg t "$1" '.items[] | select(.name == $t) | .runtime.presence'
}

presence_is() {
    [[ $(presence_of "$1") == "$2" ]]
}

metric() {
    ctl metrics | awk -v name="$1" '$1 == name { value = $2 } END { print value + 0 }'
}

audit_holds() {
    ctl audit verify >/dev/null
}

# The present end of berthd's log, for logged_since.
log_mark() {
    wc -l <"$SITE/log/berthd.log"
}

# logged_since MARK EVENT TEXT... - how many lines of that event hold all the texts.
logged_since() {
    local mark=$1 event=$2 text lines
    shift 2
    lines=$(tail -n +"$((mark + 1))" "$SITE/log/berthd.log" | grep -F " $event " || true) # grep fails when it finds nothing
    for text in "$@"; do lines=$(grep -F -- "$text" <<<"$lines" || true); done
    grep -c . <<<"$lines" || true # grep fails when it counts 0
}

# stamp_of MARK EVENT TEXT - wall clock in ms of the first such line, or nothing.
stamp_of() {
    local line
    line=$(tail -n +"$(($1 + 1))" "$SITE/log/berthd.log" | grep -F " $2 " | grep -F -m 1 -- "$3") || return 1
    date -d "${line%% *}" +%s%3N
}

# --- Terminals ----------------------------------------------------------------------------------------------------

# time_assignments COUNT TERMINAL - COUNT times a new session and its end; prints the slowest in us. The pool must keep
# desktops when they are released, so that only the broker and the host are timed.
time_assignments() {
    local mark i
    mark=$(reports_mark)
    for ((i = 1; i <= $1; i++)); do
        client_sim "kiosk $2"
        wait_for reported "$mark" "[.[] | select(.terminal == \"$2\" and .what == \"show\")] | length >= $i" || {
            violation "sign-on $i at $2 is served"
            return
        }
        client_sim "sign-off $2"
        wait_for has_no_session "$2" || violation "session $i at $2 ends"
    done
    reports_since "$mark" "[.[] | select(.terminal == \"$2\" and .what == \"show\") | .took_us] | max"
}

has_no_session() {
    ctl session list --json | jq -e --arg user "kiosk-$1" '[.items[] | select(.user == $user and .state != "ended")] | length == 0' >/dev/null
}

# client_sim_start - what it reports stands in $FIXTURE_FOLDER/client-sim.
client_sim_start() {
    mkfifo -m 600 "$SITE/run/client-sim"
    "${CLIENT_SIM_WRAPPER[@]}" "$FIXTURE_BUILD/tests/faults/berth-client-sim" --history "$FIXTURE_FOLDER/history-client-sim" <"$SITE/run/client-sim" >"$FIXTURE_FOLDER/client-sim" 2>"$SITE/log/client-sim.log" \
        5>&- 6>&- 7>&- 8>&- &
    # shellcheck disable=SC2034
    CLIENT_SIM_PID=$!
    exec 7>"$SITE/run/client-sim"
    at_exit site_end_agent "$CLIENT_SIM_PID"
    FIXTURE_HISTORIES+=("$FIXTURE_FOLDER/history-client-sim")
}

# client_sim LINE
client_sim() {
    printf '%s\n' "$*" >&7
}

# client_sim_join TERMINAL... - each a kiosk of its own user, with a desktop of its own when it signs on.
# ROUTE_HOST and ROUTE_PORT lead their links elsewhere.
client_sim_join() {
    local name invitation
    invitation=$(ctl terminal invite "" uses="$#" --json | jq -r .invitation)
    for name in "$@"; do client_sim "join $name $invitation ${ROUTE_HOST:-} ${ROUTE_PORT:-}"; done
    for name in "$@"; do
        ctl user add "kiosk-$name" kind=kiosk
        require "$name is present" presence_is "$name" present
        ctl terminal set "$name" kiosk_user="kiosk-$name"
    done
}

reports_mark() {
    wc -l <"$FIXTURE_FOLDER/client-sim"
}

# reports_since MARK FILTER - applies the filter to the array of reports after the mark.
reports_since() {
    tail -n +"$(($1 + 1))" "$FIXTURE_FOLDER/client-sim" | jq -cs "$2"
}

# reported MARK FILTER - does the array of reports after the mark match?
reported() {
    tail -n +"$(($1 + 1))" "$FIXTURE_FOLDER/client-sim" | jq -es "$2" >/dev/null
}

# each_reported MARK WHAT TERMINAL... - has each terminal such a report after the mark?
each_reported() {
    local mark=$1 what=$2
    shift 2
    # shellcheck disable=SC2016 # jq's names
    reports_since "$mark" '.' | jq -e --arg what "$what" '[.[] | select(.what == $what) | .terminal] as $had
        | $ARGS.positional | all(. as $one | $had | index($one))' --args "$@" >/dev/null
}

# p99 MARK WHAT - of took_us of those reports, in us; 0 when there is none.
percentile() {
    reports_since "$1" "[.[] | select(.what == \"$2\") | .took_us] | sort | if length == 0 then 0 else .[(length - 1) * $3 / 100 | floor] end"
}

# --- Hostile networks ---------------------------------------------------------------------------------------------

# proxy_start LISTEN TARGET [RULE VALUE]... - a berth-proxy; BERTH_SEED is its seed.
proxy_start() {
    mkfifo -m 600 "$SITE/run/proxy"
    "$FIXTURE_BUILD/tests/faults/berth-proxy" "$BERTH_SEED" "$@" <"$SITE/run/proxy" >"$FIXTURE_FOLDER/proxy" 2>"$SITE/log/proxy.log" \
        5>&- 6>&- 7>&- 8>&- &
    at_exit kill $!
    exec 5>"$SITE/run/proxy"
    wait_for grep -qs ready "$FIXTURE_FOLDER/proxy" || die "no proxy: $(cat "$SITE/log/proxy.log")"
}

# proxy RULE VALUE... - from now on.
proxy() {
    printf '%s\n' "$*" >&5
}

# proxy_counts - prints the proxy's counters as one JSON object. All earlier rules have taken effect then.
proxy_counts() {
    local lines
    lines=$(wc -l <"$FIXTURE_FOLDER/proxy")
    proxy tell 1
    wait_for proxy_answered "$lines" || return 1
    tail -n 1 "$FIXTURE_FOLDER/proxy"
}

proxy_answered() {
    (($(wc -l <"$FIXTURE_FOLDER/proxy") > $1))
}

# A real agent without a screen, by an invitation of its own.
# AGENT_ADDRESS leads its link elsewhere.
fixture_agent() {
    local name=$1
    mkdir -p "$SITE/$name"
    # shellcheck disable=SC2034,SC2004 # site.sh's, by name
    TERMINAL_DISPLAY[$name]=none TERMINAL_XAUTHORITY[$name]=
    {
        site_write_agent_config "$name"
        printf '[screen]\ngreeter = none\n'
        [[ -z ${AGENT_ADDRESS:-} ]] || printf '[broker]\naddress = %s\n' "$AGENT_ADDRESS"
    } >"$SITE/$name/agent.conf"
    site_invite "$name" >"$SITE/$name/invitation"
    site_start_agent "$name"
    require "$name is present" presence_is "$name" present
}
