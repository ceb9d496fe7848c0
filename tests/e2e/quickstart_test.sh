#!/usr/bin/env bash
# quickstart_test.sh - deploy/quickstart on libvirt's test driver: a run, a second run that reuses its folder, a run while
# another one is active, and --clean, which removes only what quickstart made.
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

# Kept between two runs: the broker's data, its CA, the terminal's identity, the password.
kept() {
    (cd "$state" && sha256sum data/ca/ca.crt icu-07/state/identity.json etc/password-anna etc/ports)
}

incarnation() {
    awk '/ broker.ready / { last = $0 } END { sub(/.*incarnation=/, "", last); print last }' "$state/log/berthd.log"
}

second_run() {
    local before first=$proof
    before=$(kept)
    quick_stay test "$state"
    [[ $(kept) == "$before" ]] || die "a second run keeps its folder. Before: $before Now: $(kept)"
    [[ $(incarnation) == 2 ]] || die "the second run's broker opened the first one's data: incarnation $(incarnation)"
    [[ $(jq -c '[.user, .pool, .terminal]' <<<"$proof") == "$(jq -c '[.user, .pool, .terminal]' <<<"$first")" ]] ||
        die "a second run shows the same user, pool and terminal: $first then $proof"
}

# While one runs on the folder, another start and --clean end at once and change nothing.
others_are_refused() {
    local before now
    before=$(untouched)
    quick_refused "runs on $state already (process $QUICK_PID)" --driver test --once --state "$state"
    quick_refused "nothing was removed" --driver test --clean --state "$state"
    now=$(untouched)
    [[ $now == "$before" ]] || die "the one that runs was touched. Before: $before Now: $now"
    berthctl session list --json | jq -e '[.items[] | select(.state == "active")] | length == 1' >/dev/null ||
        die "the one that runs has lost its session"
}

berthctl() {
    "$top/build/release/berthctl" --socket "$state/run/berthd.sock" "$@"
}

# What another start would change: the log of the steps, rows of the broker, processes.
untouched() {
    kept
    stat -c '%n %i %s' "$state/log/steps.log" "$state/etc/berthd.conf"
    berthctl image-version list --json | jq -c '[.items[] | [.id, .path]]'
    berthctl session list --json | jq -c '[.items[] | [.id, .state, .epoch]]'
    cat "$state/run/berthd.pid"
}

# A folder that quickstart did not make is neither used nor removed; nor are other files beside the site's own.
foreign_folder() {
    mkdir "$QUICK_WORK/stranger"
    echo precious >"$QUICK_WORK/stranger/thesis"
    quick_refused "choose a new folder" --driver test --once --state "$QUICK_WORK/stranger"
    quick_refused "was not made by quickstart" --driver test --clean --state "$QUICK_WORK/stranger"
    [[ $(cat "$QUICK_WORK/stranger/thesis") == precious && $(find "$QUICK_WORK/stranger" | wc -l) -eq 2 ]] ||
        die "a folder of others was changed: $(find "$QUICK_WORK/stranger")"
    quick_refused "was made with --driver test" --driver qemu --once --state "$state"
}

# The command that the quickstart prints at its end removes this site only.
closing_words() {
    local hint
    hint=$(sed -n '/Ctrl-C ends it all/,$p' "$QUICK_WORK/said" | grep -F -- --clean)
    mkdir -p "$QUICK_WORK/other/data"
    cp "$state/made-by-berth-quickstart" "$QUICK_WORK/other"
    echo mine >"$state/notes"
    (cd / && eval "$hint") 2>"$QUICK_WORK/removed" || die "'$hint' failed: $(cat "$QUICK_WORK/removed")"
    [[ $(cd "$state" && ls -A) == notes ]] || die "only what it made is removed: $(ls -A "$state"); $(cat "$QUICK_WORK/removed")"
    [[ -d $QUICK_WORK/other/data ]] || die "'$hint' removes another site"
    rm -r "$state"
}

need_root
quick_begin
step "first run" quick_run test "$state"
say "    $proof"
quick_nothing_left "$state"
step "a folder that is not its own" foreign_folder
step "second run reuses" second_run
say "    $proof"
step "another start and --clean meanwhile" others_are_refused
step "Ctrl-C" quick_interrupt
quick_nothing_left "$state"
step "the closing words remove it" closing_words
quick_nothing_left "$state"
say "$PROGRAM: from an empty folder to a desktop on a terminal, a second run, and removal without remains"
