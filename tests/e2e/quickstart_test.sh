#!/usr/bin/env bash
# quickstart_test.sh - deploy/quickstart on libvirt's test driver: the proof, a second run that reuses, and --clean.
#
# usage: tests/e2e/quickstart_test.sh BUILD-FOLDER
#
# BUILD-FOLDER is given to every script here; the quickstart builds for itself, in the same tree.
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"
# shellcheck source=deploy/lib/screen.sh
. "$top/deploy/lib/screen.sh"
# shellcheck source=tests/e2e/lib/quick.sh
. "$top/tests/e2e/lib/quick.sh"

# What stays between two runs: the broker's data, its CA, the terminal's identity, the password.
kept() {
    (cd "$state" && sha256sum data/ca/ca.crt icu-07/state/identity.json etc/password-anna etc/ports)
}

incarnation() {
    awk '/ broker.ready / { last = $0 } END { sub(/.*incarnation=/, "", last); print last }' "$state/log/berthd.log"
}

second_run() {
    local before first=$proof
    before=$(kept)
    quick_run test "$state"
    [[ $(kept) == "$before" ]] || die "a second run keeps what is there. Before: $before Now: $(kept)"
    [[ $(incarnation) == 2 ]] || die "the second run's broker opened the first one's data: incarnation $(incarnation)"
    [[ $(jq -c '[.user, .pool, .terminal]' <<<"$proof") == "$(jq -c '[.user, .pool, .terminal]' <<<"$first")" ]] ||
        die "a second run shows the same user, pool and terminal: $first then $proof"
}

need_root
quick_begin
step "first run" quick_run test "$state"
say "    $proof"
quick_nothing_left "$state"
step "second run reuses" second_run
say "    $proof"
quick_nothing_left "$state"
step "clean" quick_clean test "$state"
say "$PROGRAM: from an empty folder to a desktop on a terminal, again on what is there, and away without a trace"
