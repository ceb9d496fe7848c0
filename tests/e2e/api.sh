#!/usr/bin/env bash
# api.sh - the management API of a real berthd: berthctl, REST over the socket and over TLS, events, metrics, OpenAPI.
#
# usage: tests/e2e/api.sh BUILD-FOLDER
#
# It uses public tools: curl, promtool for the metrics, an OpenAPI validator, completion in bash. No guest and no terminal is
# needed; the host is libvirt's test driver.
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"

# The OpenAPI validator comes from npm's registry or its cache; install it before the script leaves the machine's network.
if [[ -z ${BERTH_TEST_VALIDATOR:-} ]]; then
    need_commands npm node
    BERTH_TEST_VALIDATOR=$(mktemp -d)
    export BERTH_TEST_VALIDATOR
    cp "$top/tests/e2e/package.json" "$top/tests/e2e/package-lock.json" "$BERTH_TEST_VALIDATOR/"
    (cd "$BERTH_TEST_VALIDATOR" && npm ci --prefer-offline --ignore-scripts --no-audit --no-fund \
        --cache "$(cache_folder npm)") >&2 || { rm -rf "$BERTH_TEST_VALIDATOR" && die "npm brings no validator"; }
fi
# shellcheck source=tests/lib/own_network.sh
. "$top/tests/lib/own_network.sh"
at_exit rm -rf "$BERTH_TEST_VALIDATOR"

need_root # to run programs under another account
need_commands curl jq node promtool setpriv
build=$(readlink -f "${1:?usage: $PROGRAM BUILD-FOLDER}")
[[ -x $build/berthd && -x $build/berthctl ]] || die "berthd and berthctl are not built in '$build'"

work=$(mktemp -d)
at_exit rm -rf "$work"
step_log_to "$work/steps.log"
WAIT_LOGS=("$work/broker.log")
MARKER=a-password-that-nobody-may-see
https_port=7445
export BERTH_SOCKET=$work/api.sock
export PATH=$build:$PATH

start_broker() {
    local folder=$1
    shift
    [[ -d $folder ]] || mkdir -m 700 "$folder"
    BROKER_LOG=$work/broker.log
    (
        close_inherited
        exec berthd -c /dev/null --set broker.data="$folder" --set broker.terminals=20 \
            --set api.socket="$BERTH_SOCKET" --set api.listen="127.0.0.1:$https_port" \
            --set link.listen=127.0.0.1:0 --set link.join_listen=127.0.0.1:0 "$@"
    ) >>"$BROKER_LOG" 2>&1 &
    BROKER=$!
    wait_for quiet berthctl ready
}

# An orderly stop has exit code 0, unless a sanitizer reports an error.
stop_broker() {
    local code=0
    kill -TERM "$BROKER"
    wait "$BROKER" || code=$?
    BROKER=
    [[ $code -eq 0 ]] || die "berthd ended with $code"
}

end_broker() {
    [[ -z $BROKER ]] || kill -KILL "$BROKER"
}

# ends_with CODE COMMAND ... - the exit code is part of what berthctl promises.
ends_with() {
    local want=$1 got=0
    shift
    "$@" || got=$?
    [[ $got -eq $want ]] || die "'$*' ended with $got, not $want"
}

# output_has TEXT COMMAND ... - does the output contain the text? SAID is the output.
output_has() {
    local want=$1
    shift
    SAID=$("$@" 2>&1) || true # many callers expect a refusal; only the text counts
    [[ $SAID == *"$want"* ]]
}

says() {
    output_has "$@" || die "'${*:2}' does not say '$1' but: $SAID"
}

ask() {
    curl --silent --show-error --unix-socket "$BERTH_SOCKET" "$@"
}

rows_and_plans() {
    ends_with 0 berthctl host add kvm1 uri=test:///default
    ends_with 0 berthctl site add here
    ends_with 0 berthctl place add house-2/ward-3 site=here
    ends_with 0 berthctl pool add pcs kind=manual max=5 credential=passthrough
    ends_with 0 berthctl desktop add pc-1 pool=pcs address=127.0.0.1 port=1
    ends_with 0 berthctl user add eve title='Zoë Eve'
    ends_with 0 berthctl group add nurses
    ends_with 0 berthctl group join nurses eve
    ends_with 0 berthctl entitlement add subject_kind=group subject=nurses pool=pcs
    says "Zoë Eve" berthctl user list
    says "would be refused" berthctl pool delete pcs --dry-run
    says "allowed by entitlement" berthctl explain eve
    says "not signed on at any terminal" berthctl where eve
    says "user.where" berthctl audit list
    says "there are older ones: before=" berthctl audit list limit=1 # on stderr
    [[ $(berthctl audit list --json | jq '[.items[].id] | . == (sort | reverse)') == true ]]
    says "berth-invite:" berthctl terminal invite t1 place=house-2/ward-3
    [[ $(berthctl pool list --json | jq -r '.items[0].runtime.desktops') == 1 ]]
    [[ $(berthctl place show house-2/ward-3 --json | jq -r .site) == here ]]
    wait_for output_has '"up"' berthctl host show kvm1 --json
}

# Names are for people: a rename changes nothing else; a number is an id.
renames() {
    ends_with 0 berthctl group add temps
    ends_with 0 berthctl group join temps eve
    ends_with 0 berthctl entitlement add subject_kind=group subject=temps pool=pcs effect=deny
    says "denied by entitlement" berthctl explain eve
    ends_with 0 berthctl group set temps name=agency
    says "denied by entitlement" berthctl explain eve
    [[ $(berthctl entitlement list subject=agency --json | jq -r '.items[0].group') == agency ]]
    [[ $(berthctl entitlement list subject=agency --json | jq -r '.items[0].subject') == agency ]]
    ends_with 0 berthctl group leave agency eve
    says "names it; delete that first" berthctl group delete agency --yes
    says "would be refused" berthctl group delete agency --dry-run
    ends_with 0 berthctl user add tina
    ends_with 0 berthctl entitlement add subject_kind=user subject=tina pool=pcs effect=deny
    says "would go with it" berthctl user delete tina --dry-run
    ends_with 0 berthctl user delete tina --yes

    ends_with 0 berthctl pool set pcs hosts=kvm1
    ends_with 0 berthctl host set kvm1 name=kvm2
    [[ $(berthctl pool show pcs --json | jq -r .hosts) == kvm2 ]]
    ends_with 0 berthctl pool set pcs title="Old machines"
    says "is limited to it" berthctl host delete kvm2 --yes
    ends_with 0 berthctl pool set pcs hosts=
    ends_with 0 berthctl host set kvm2 name=kvm1

    says "a name is neither a number" berthctl terminal invite 14
    says "is at 127.0.0.1 port 1 already" berthctl desktop add pc-2 pool=pcs address=::ffff:127.0.0.1 port=1
    says "is not a numeric address" berthctl desktop add pc-2 pool=pcs address=localhost
}

exit_codes() {
    ends_with 4 berthctl pool show nothing
    ends_with 6 berthctl pool add pcs kind=manual
    ends_with 6 berthctl pool set pcs version=99 title=x
    ends_with 1 berthctl pool add x kind=floating
    ends_with 2 berthctl pool add x kind=floating maximum=4
    ends_with 2 berthctl nonsense
    ends_with 2 berthctl user password eve "password=$MARKER"
    ends_with 3 berthctl --socket "$work/nobody.sock" pool list
    ends_with 0 berthctl help pool
}

# A password is read from standard input and appears nowhere: in no process list, log or data file.
passwords() {
    berthctl user password eve <<<"$MARKER"
    berthctl admin add ada role=operator
    berthctl admin password ada <<<"$MARKER"
    ! grep -rqa -- "$MARKER" "$BROKER_LOG" "$work/data" || die "the password is in the log or the data folder"
    ! grep -qa -- "$MARKER" /proc/[0-9]*/cmdline || die "the password is in an argv"
}

over_tls() {
    local remote
    berthctl ca show --json | jq -r .certificate >"$work/ca.pem"
    remote=(berthctl --url "https://localhost:$https_port" --ca "$work/ca.pem" --token-file "$work/token")
    "${remote[@]}" sign-in ada <<<"$MARKER"
    [[ $(stat -c %a "$work/token") == 600 ]]
    says '"role":"operator"' "${remote[@]}" whoami --json
    ends_with 0 "${remote[@]}" pool list
    ends_with 5 "${remote[@]}" user add bob
    ends_with 0 "${remote[@]}" sign-out
    ends_with 5 "${remote[@]}" whoami
    ends_with 5 berthctl --url "https://localhost:$https_port" --ca "$work/ca.pem" whoami
    ends_with 3 berthctl --url "https://localhost:$https_port" whoami # an unknown authority
    berthctl token add ada script --json | jq -r .token >"$work/token"
    says '"auth_method":"token"' "${remote[@]}" whoami --json
    [[ $(curl --silent --cacert "$work/ca.pem" "https://localhost:$https_port/healthz" | jq -r .text) == ok ]]
}

# Unknown clients that hold connections over TLS block neither root at the socket nor an administrator with a token: half
# requests, half handshakes and noise, from many addresses.
unknown_clients() {
    local remote kind flood before
    remote=(berthctl --url "https://localhost:$https_port" --ca "$work/ca.pem" --token-file "$work/token")
    for kind in request silent garbage; do
        before=$(refused_so_far)
        "$build/tests/faults/berth-flood" 127.0.0.1 "$https_port" 3600 60 "$kind" 600 >"$work/flood.$kind" &
        flood=$!
        at_exit end_process "$flood"
        wait_for in_the_middle "$before"
        for _ in {1..8}; do
            ends_with 0 berthctl ready
            says '"auth_method":"token"' "${remote[@]}" whoami --json
        done
        process_is_ours "$flood" || die "the flood of $kind ended by itself"
        end_process "$flood" "$BERTH_WAIT_LIMIT_S"
        ((ENDED_WITH == 0)) || die "the flood of $kind ended with $ENDED_WITH"
        jq -e '.taken > 50' "$work/flood.$kind" >/dev/null || die "there was no flood: $(<"$work/flood.$kind")"
    done
}

# There were more connections than the broker keeps.
in_the_middle() {
    (($(refused_so_far) > $1 + 50))
}

refused_so_far() {
    grep -c -e api.refused -e peer.refused "$BROKER_LOG" || true # grep fails when it counts 0
}

described() {
    ask "http://berth/v1/openapi.json" >"$work/openapi.json"
    "$BERTH_TEST_VALIDATOR/node_modules/.bin/validate-api" "$work/openapi.json"
    # Check the validator itself: it must reject a wrong document.
    jq '.paths["/v1/pools"].get.responses = 5' "$work/openapi.json" >"$work/wrong.json"
    ! quiet "$BERTH_TEST_VALIDATOR/node_modules/.bin/validate-api" "$work/wrong.json" || die "the validator accepts everything"
    # The document describes every path that berthctl uses.
    [[ $(jq '.paths | length' "$work/openapi.json") -gt 60 ]]
}

measured() {
    ask "http://berth/metrics" >"$work/metrics"
    promtool check metrics <"$work/metrics"
    grep -q '^berth_desktops{pool="pcs",state="' "$work/metrics"
    grep -q '^process_open_fds ' "$work/metrics"
    grep -q '^berth_link_' "$work/metrics"
}

# One follower reconnects after a restart of the broker and misses no event.
followed() {
    local watcher
    # There are events of hosts meanwhile, so do not count.
    berthctl watch --json >"$work/watched" 2>"$work/watch.err" &
    watcher=$!
    at_exit end_process "$watcher"
    wait_for output_has "berth_api_followers 1" ask "http://berth/metrics"
    berthctl group add before
    wait_for grep -q before "$work/watched"
    stop_broker
    start_broker "$work/data"
    berthctl group add after
    berthctl group delete after
    wait_for groups_watched "before after after"
    end_process "$watcher"
}

groups_watched() {
    [[ $(jq -r 'select(.entity == "group") | .row.name' "$work/watched" | paste -sd' ') == "$1" ]]
}

backed_up() {
    local before
    before=$(berthctl pool list --json | jq -c '[.items[].name]')
    berthctl backup "$work/backup.db"
    ends_with 6 berthctl backup "$work/backup.db"
    berthctl audit verify --json | jq -e .holds
    berthctl restore "$work/backup.db" --to "$work/restored"
    ends_with 1 berthctl restore "$work/backup.db" --to "$work/restored"
    ends_with 1 berthctl restore "$work/openapi.json" --to "$work/other"
    stop_broker
    cp -a "$work/data/ca" "$work/restored/" # a backup does not include the authority
    start_broker "$work/restored"
    [[ $(berthctl pool list --json | jq -c '[.items[].name]') == "$before" ]]
}

# The kernel identifies the client of the socket; a group may be admitted.
by_group() {
    local as_nobody=(setpriv --reuid nobody --regid nogroup --clear-groups)
    chmod 711 "$work"
    cp "$build/berthctl" "$work/berthctl" # other accounts may not read the build folder
    ends_with 3 "${as_nobody[@]}" "$work/berthctl" whoami # the mode of the socket excludes other accounts
    chmod 666 "$BERTH_SOCKET"
    says "uid $(id -u nobody) may not use the socket" "${as_nobody[@]}" "$work/berthctl" whoami
    says '"ok"' "${as_nobody[@]}" curl --silent --unix-socket "$BERTH_SOCKET" http://berth/healthz
    stop_broker
    start_broker "$work/data" --set api.group=nogroup
    [[ $(stat -c '%a %G' "$BERTH_SOCKET") == "660 nogroup" ]]
    says '"role":"administrator"' "${as_nobody[@]}" "$work/berthctl" whoami --json
    says "uid $(id -u nobody)" "${as_nobody[@]}" "$work/berthctl" whoami
}

completed() {
    # shellcheck disable=SC1090
    source <(berthctl completion bash)
    # shellcheck disable=SC2317 # the completion calls it; it exists only while bash completes
    compopt() { :; }
    completes() {
        COMP_LINE=$1 COMP_POINT=${#1}
        _berthctl
        [[ " ${COMPREPLY[*]} " == *" $2 "* ]] || die "'$1' completes to '${COMPREPLY[*]}', not '$2'"
    }
    completes "berthctl po" pool
    completes "berthctl pool st" status
    completes "berthctl pool show p" pcs
    completes "berthctl pool set pcs kind=m" manual
    completes "berthctl entitlement add pool=p" pcs
}

BROKER=
at_exit end_broker
step "a broker starts" start_broker "$work/data"
step "rows, plans, reasons" rows_and_plans
step "renames, numbers, addresses" renames
step "exit codes" exit_codes
step "passwords stay unseen" passwords
step "over TLS, with a sign-in and a token" over_tls
step "beside unknown clients that hold connections" unknown_clients
step "described by OpenAPI 3.1" described
step "metrics as promtool wants them" measured
step "completion in bash" completed
step "events, through a restart" followed
step "a group may be let in" by_group
step "backup and restore" backed_up
step "the broker stops" stop_broker
