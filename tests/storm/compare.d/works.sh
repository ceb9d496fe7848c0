# works.sh - the work for all servers, one function per part. Each result is a line of JSON in RESULTS.
#
# Source it after servers.sh.
# shellcheck shell=bash

# note WHAT WHO NUMBER COMMAND... - one result: what the command prints. A failure of the command ends the script.
note() {
    local what=$1 who=$2 number=$3 result
    shift 3
    result=$("$@")
    jq -c -e --arg what "$what" --arg who "$who" --argjson of "$number" \
        '{what: $what, who: $who, of: $of} + .' <<<"$result" >>"$RESULTS"
}

# Those of the peers that are installed; the others are reported once.
present() {
    local name
    for name in "$@"; do
        if has_peer "$name"; then
            printf '%s\n' "$name"
        elif ! grep -qF "\"absent\",\"who\":\"$name\"" "$RESULTS"; then
            say "  $name is not installed: left out"
            note absent "$name" 0 echo '{}'
        fi
    done
}

# --- What OpenSSL itself needs ------------------------------------------------------------------------------------

# One operation of each kind in microseconds of CPU, on one core. OpenSSL prints operations a second.
openssl_speed() {
    openssl speed -seconds "$SPEED_S" -mr ecdsap256 ecdhx25519 2>/dev/null |
        awk -F: '/^\+F4:/ { sign = $4; verify = $5 } /^\+F5:/ { agree = $4 }
            END { if (sign > 1 && verify > 1 && agree > 1)
                printf "{\"sign_us\":%.2f,\"verify_us\":%.2f,\"agree_us\":%.2f}", 1e6 / sign, 1e6 / verify, 1e6 / agree }'
}

limits() {
    note speed openssl 1 openssl_speed
    note pair openssl "$PAIRS" "$PEERS/peers-pair" "$WORK/site" "$PAIRS"
}

work_limits() {
    step "what OpenSSL itself needs" limits
}

# --- Handshakes ---------------------------------------------------------------------------------------------------

# dial PART OPTION... - run the load; prints one part of its result.
dial() {
    local part=$1
    shift
    "$PEERS/peers-dial" --as "$SERVER_PROTOCOL" --port "$SERVER_PORT" --folder "$WORK/site" --server "$SERVER_PID" \
        --limit 300 "$@" |
        jq -c -e ".$part"
}

call_round() {
    local name=$1
    "start_$name" "$WORK/site"
    note calls "$name" "$CALLS" dial calls --terminals "$CALLERS" --calls "$CALLS" --in-flight "$IN_FLIGHT"
    stop "$name"
}

# In turn, several times: other work on the machine affects all of them.
work_handshakes() {
    local round name
    local -a names
    mapfile -t names < <(present plain nginx mosquitto berthd)
    for ((round = 1; round <= ROUNDS; round++)); do
        for name in "${names[@]}"; do
            step "round $round: $CALLS handshakes with $name" call_round "$name"
        done
    done
}

# --- Those who stay -----------------------------------------------------------------------------------------------

hold_crowd() {
    local name=$1 crowd=$2
    "start_$name" "$WORK/site"
    note hold "$name" "$crowd" \
        dial hold --terminals "$crowd" --in-flight "$IN_FLIGHT" --hold "$HOLD_S" --ping "$PING_S"
    stop "$name"
}

work_idle() {
    local crowd name
    local -a names
    mapfile -t names < <(present plain nginx mosquitto berthd)
    for crowd in "${CROWDS[@]}"; do
        for name in "${names[@]}"; do
            step "$crowd idle clients at $name" hold_crowd "$name" "$crowd"
        done
    done
}

# --- Which desktop? -----------------------------------------------------------------------------------------------

# ask WHO ADDRESS REQUESTS EXPECTED FILE - alone and with 16 others.
ask() {
    local who=$1 address=$2 requests=$3 expected=$4 file=$5 at_once
    for at_once in 1 16; do
        note select "$who" "$at_once" \
            "$PEERS/peers-ask" "$address" "$SERVER_PID" "$requests" "$at_once" "$expected" "$file"
    done
}

select_x2gobroker() {
    local question='task=selectsession&sid=pool-20&user=anna'
    start_x2gobroker
    printf 'POST /plain/inifile/ HTTP/1.1\r\nHost: localhost\r\n%s\r\nContent-Length: %d\r\n\r\n%s' \
        'Content-Type: application/x-www-form-urlencoded' "${#question}" "$question" >"$WORK/question"
    ask x2gobroker "$SERVER_PORT" "$SELECTIONS" SERVER: "$WORK/question"
    stop x2gobroker
}

select_berthd() {
    local anna
    start_berthd "$WORK/site"
    wait_for test -S "$BERTH_SOCKET"
    anna=$("$BUILD/berthctl" --socket "$BERTH_SOCKET" user show anna --json | jq .id)
    printf 'GET /v1/explain?user=%d HTTP/1.1\r\nHost: localhost\r\n\r\n' "$anna" >"$WORK/question"
    ask berthd "$BERTH_SOCKET" "$EXPLAINS" '"granted":true' "$WORK/question"
    stop berthd
}

work_select() {
    local name
    local -a names
    mapfile -t names < <(present x2gobroker berthd)
    for name in "${names[@]}"; do
        step "$name says which desktop" "select_$name"
    done
}

# --- Decisions that survive a power cut ---------------------------------------------------------------------------

# bench-store prints lines for people: take the figures from them.
bench_store() {
    local folder
    folder=$(fresh_folder "store-$1")
    "$BENCH_STORE" "$folder" "$2" "$1" | awk '/decisions\/s/ {
            gsub(/[:,]/, " ")
            for (i = 1; i < NF; i++) {
                if ($(i + 1) == "decisions/s") rate = $i
                if ($i == "p50") p50 = $(i + 1)
                if ($i == "p99") p99 = $(i + 1)
                if ($i == "CPU") cpu = $(i + 1)
            }
            printf "{\"per_second\":%s,\"cpu_us\":%s,\"p50_ms\":%s,\"p99_ms\":%s}", rate, cpu, p50, p99
        }'
}

bare_rows() {
    "$PEERS/peers-rows" "$(fresh_folder "rows-$1")" "$TOP/broker/store/migrations/0001_first.sql" "$2" "$1"
}

durable_alone() {
    note durable sqlite 1 bare_rows 1 $((DECISIONS / 10))
    note durable berthd 1 bench_store 1 $((DECISIONS / 10))
}

durable_grouped() {
    note durable sqlite 64 bare_rows 64 "$DECISIONS"
    note durable berthd 64 bench_store 64 "$DECISIONS"
    note durable berthd 256 bench_store 256 "$DECISIONS"
}

work_durable() {
    step "durable decisions, one at a time" durable_alone
    step "durable decisions, many at a time" durable_grouped
}
