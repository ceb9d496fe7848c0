#!/usr/bin/env bash
# refusals.sh - berthd refuses to start with a wrong configuration or data folder, and says why in one sentence.
#
# usage: tests/e2e/refusals.sh BUILD
#
# Each case must end with exit code 2 (the supervisor does not try again) and name the cause. At the end the broker starts
# with the same folder: the refusals damaged nothing.
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=tests/lib/own_network.sh
. "$top/tests/lib/own_network.sh"
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"

build=$(readlink -f "${1:?usage: tests/e2e/refusals.sh BUILD}")
work=$(mktemp -d)
at_exit rm -rf "$work"
WAIT_LOGS=("$work/served")

berthd() {
    timeout "$BERTH_WAIT_LIMIT_S" "$build/berthd" --config "$work/berthd.conf" "$@" 2>"$work/log"
}

# Start in the background until it serves; its process id is BROKER.
serve() {
    "$build/berthd" --config "$work/berthd.conf" 2>>"$work/served" &
    BROKER=$!
    wait_for quiet "$build/berthctl" --socket "$work/run/sock" ready || die "it does not serve"
}

stop() {
    kill "$BROKER"
    wait "$BROKER" || die "an orderly stop ended with $?"
}

# refuses WHAT WORDS ARGUMENT... - berthd ends with 2 and its log contains the words.
refuses() {
    local what=$1 words=$2 code=0
    shift 2
    berthd "$@" || code=$?
    [[ $code -eq 2 ]] || die "$what: exit code $code, not 2: $(tail -n 2 "$work/log")"
    grep -qF -- "$words" "$work/log" || die "$what: the log does not contain '$words': $(tail -n 2 "$work/log")"
    say "  refused: $what"
}

cat >"$work/berthd.conf" <<CONFIG
[broker]
data = $work/data
terminals = 50
[link]
listen = 127.0.0.1:7443
join_listen = 127.0.0.1:7444
threads = 1
[api]
socket = $work/run/sock
CONFIG
umask 077

serve
refuses "a second broker on the same folder" "$work/data"
# broker.names is not set: an invitation warns about that.
invited() {
    "$build/berthctl" --socket "$work/run/sock" terminal invite icu-07 --json | jq -r .warning
}
# One terminal joins by an invitation; a second one is told that it is used up.
terminal() { # NAME ARGUMENT...
    "$build/berth-agent" --set "terminal.state=$work/$1" --set broker.dns=no --set screen.display=none "${@:2}"
}
joins_once() {
    local invitation said code=0 name agents=()
    invitation=$("$build/berthctl" --socket "$work/run/sock" terminal invite icu-08 --json | jq -r .invitation)
    for name in first second; do
        "$build/berth-agent" --set "terminal.state=$work/$name" --set broker.dns=no --set screen.display=none run \
            2>"$work/$name.log" &
        agents+=($!)
        at_exit bash -c "kill $! 2>/dev/null || true" # it ends below, when all is well
        wait_for test -S "$work/$name/control.sock" || die "no agent runs: $(tail -n 2 "$work/$name.log")"
    done
    said=$(terminal first join <<<"$invitation") || die "join ended with $?: $(tail -n 2 "$work/first.log")"
    [[ $said == "joined as icu-08" ]] || die "the outcome of joining is: $said"
    terminal second join <<<"$invitation" 2>"$work/said" || code=$?
    [[ $code -eq 5 ]] || die "join with a used-up invitation ended with $code, not 5: $(cat "$work/said")"
    grep -q 'used up' "$work/said" || die "no message says that the invitation is used up: $(cat "$work/said")"
    kill "${agents[@]}"
    wait "${agents[@]}" || die "an agent ended with $?"
    say "  refused: a used-up invitation"
}
joins_once
[[ $(invited) == *"'localhost'"*broker.names* ]] || die "an invitation to localhost comes without a warning: $(invited)"
stop
sed -i '/^\[broker\]/a names = localhost ::1 127.0.0.1 10.0.0.5' "$work/berthd.conf"
serve
[[ -z $(invited) ]] || die "an invitation to 10.0.0.5 comes with a warning: $(invited)"
stop

# berthd made the missing folder of its socket, readable for other accounts whatever its umask.
[[ $(stat -c %a "$work/run") == 755 ]] || die "the folder of the socket has mode $(stat -c %a "$work/run")"
chmod 711 "$work/run"
serve
stop
[[ $(stat -c %a "$work/run") == 711 ]] || die "it changed the mode of a folder that was there"
refuses "a socket in a folder that cannot be made" "'$work/no/such'" --set "api.socket=$work/no/such/sock"

refuses "a value out of range" "broker.terminals" --set broker.terminals=0
cp "$work/berthd.conf" "$work/good.conf"
sed -i 's/^threads = .*/threads = many/' "$work/berthd.conf"
refuses "a word where a number belongs" "berthd.conf line $(grep -n '^threads' "$work/berthd.conf" | cut -d: -f1)"
cp "$work/good.conf" "$work/berthd.conf"
sed -i 's/^names = .*/names = localhost broker.example:7443/' "$work/berthd.conf"
refuses "a name with a port" "berthd.conf line $(grep -n '^names' "$work/berthd.conf" | cut -d: -f1): broker.names: 'broker.example:7443'"
cp "$work/good.conf" "$work/berthd.conf"
refuses "a name where an address to listen on belongs" "link.listen is 'localhost:7443'" --set link.listen=localhost:7443
refuses "a relative folder" "broker.data is 'data'" --set broker.data=data
# As under PrivateTmp=yes: files that it writes there would be in a private folder that ends with the service.
mkdir "$work/systemd-private-0f1e-berthd.service-x" "$work/hidden"
in_hidden() { # WORDS ARGUMENT...
    mount --bind "$work/systemd-private-0f1e-berthd.service-x" "$work/hidden"
    refuses "a folder that its unit hides" "$@"
    umount "$work/hidden"
    [[ -z $(ls -A "$work/systemd-private-0f1e-berthd.service-x") ]] || die "it wrote into a folder that its unit hides"
}
in_hidden "broker.data is '$work/hidden/data'; the service's unit hides $work/hidden" --set "broker.data=$work/hidden/data"
in_hidden "broker.history is '" --set "broker.history=$work/hidden/history"
in_hidden "api.socket is '" --set "api.socket=$work/hidden/sock"
in_hidden "api.socket is '" --set "api.socket=$work/data/../hidden/sock"
# A shell of another unit sees the same folders as the broker that it starts: the check of paths accepts them.
mkdir "$work/systemd-private-0f1e-ci-runner.service-x"
mount --bind "$work/systemd-private-0f1e-ci-runner.service-x" "$work/hidden"
refuses "another value, in a folder of another unit" "presence.suspect_s is 5" \
    --set "broker.data=$work/hidden/data" --set presence.suspect_s=5
umount "$work/hidden"
refuses "an unknown level of the log" "log.level is 'loud'" --set log.level=loud
refuses "terminals that are suspect before they renew" "presence.suspect_s is 5" --set presence.suspect_s=5

(ulimit -n 256 && refuses "too few descriptors" "too few descriptors for 50 terminals")

chmod 755 "$work/data"
refuses "a data folder that others can read" "$work/data"
chmod 700 "$work/data"

sqlite3 "$work/data/berth.db" 'PRAGMA user_version' >"$work/version"
sqlite3 "$work/data/berth.db" 'PRAGMA user_version = 999' >/dev/null
refuses "a schema newer than it knows" "999"
sqlite3 "$work/data/berth.db" "PRAGMA user_version = $(cat "$work/version")" >/dev/null

cp -a "$work/data/ca" "$work/ca"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10 -subj "/CN=Somebody else" \
    -keyout "$work/data/ca/ca.key" -out "$work/data/ca/ca.crt" 2>/dev/null
refuses "the authority of another site" "CERTIFICATE"
rm -rf "$work/data/ca" && mv "$work/ca" "$work/data/ca"

(faketime_library=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
    export LD_PRELOAD=$faketime_library FAKETIME=+4000d DONT_FAKE_MONOTONIC=1
    refuses "an authority that has expired" "CERTIFICATE")

serve
stop
say "berthd refused seventeen starts with a reason each, and serves again"
