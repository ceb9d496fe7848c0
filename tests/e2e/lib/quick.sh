# quick.sh - runs deploy/quickstart as a person would, and checks its output.
#
# Source it after common.sh and screen.sh.
# shellcheck shell=bash

# quick_begin - make a folder that is removed at exit. Sets `state`, the site's folder below it.
quick_begin() {
    need_commands jq
    QUICK_WORK=$(mktemp -d /tmp/berth-quick.XXXXXX)
    at_exit rm -rf "$QUICK_WORK"
    step_log_to "$QUICK_WORK/steps.log"
    # shellcheck disable=SC2034 # for those who source this file
    state=$QUICK_WORK/site
    # shellcheck disable=SC2034 # common.sh shows them
    WAIT_LOGS=("$state/log/*.log")
}

# quick_run DRIVER STATE - the whole quickstart; `proof` is the last line of its standard output.
quick_run() {
    local code=0
    # The machine may have a display; the test runs without one.
    # shellcheck disable=SC2154 # top is set by those who source this file
    env -u DISPLAY -u WAYLAND_DISPLAY "$top/deploy/quickstart" --driver "$1" --once --state "$2" >"$QUICK_WORK/answer" || code=$?
    ((code == 0)) || quick_failed "$2" "the quickstart ended with $code"
    proof=$(tail -n 1 "$QUICK_WORK/answer")
    quick_proof
}

# Does `proof` have what the header of quickstart says?
quick_proof() {
    jq -e '(keys == ["desktop", "host", "picture_ms", "pool", "screenshot", "session", "sign_on_ms", "terminal", "user"])
        and .picture_ms > 0 and .sign_on_ms > 0 and .session > 0
        and ([.terminal, .user, .pool, .desktop, .host, .screenshot] | all(type == "string" and length > 0))' \
        <<<"$proof" >/dev/null || die "the last line is the proof, with these keys and figures above 0: $proof"
    quick_screenshot
}

# quick_stay DRIVER STATE - start the quickstart without --once; its process id is QUICK_PID, its output is in
# $QUICK_WORK/said.
quick_stay() {
    # In its own process group for Ctrl-C, because background jobs of a shell ignore SIGINT, and so do their children.
    set -m
    # shellcheck disable=SC2154
    env --default-signal=INT -u DISPLAY -u WAYLAND_DISPLAY "$top/deploy/quickstart" --driver "$1" --state "$2" </dev/null >/dev/null 2>"$QUICK_WORK/said" &
    QUICK_PID=$!
    set +m
    at_exit end_process "$QUICK_PID" 60
    # It builds first, which may take longer than any other wait.
    BERTH_WAIT_LIMIT_S=3600 wait_for quick_stays || quick_failed "$2" "the quickstart ended: $(cat "$QUICK_WORK/said")"
    ! process_gone "$QUICK_PID" || quick_failed "$2" "the quickstart ended: $(cat "$QUICK_WORK/said")"
    proof=$(grep '^{' "$QUICK_WORK/said")
    quick_proof
}

quick_stays() {
    grep -q 'Ctrl-C ends it all' "$QUICK_WORK/said" || process_gone "$QUICK_PID"
}

# quick_interrupt - Ctrl-C, as a terminal sends it: to the quickstart and its children.
quick_interrupt() {
    local code=0
    kill -INT -- "-$QUICK_PID"
    wait_for process_gone "$QUICK_PID" || die "the quickstart does not end at Ctrl-C"
    wait "$QUICK_PID" || code=$?
    [[ $code -eq 130 ]] || die "Ctrl-C ends the quickstart with $code, not 130"
}

# quick_refused TEXT ARGUMENT... - the quickstart ends with 1 and prints TEXT.
quick_refused() {
    local text=$1 code=0
    shift
    timeout --kill-after=5 "$BERTH_WAIT_LIMIT_S" "$top/deploy/quickstart" "$@" 2>"$QUICK_WORK/refusal" || code=$?
    { [[ $code -eq 1 ]] && grep -qF -- "$text" "$QUICK_WORK/refusal"; } ||
        die "quickstart $* must be refused with '$text'; it ended with $code: $(cat "$QUICK_WORK/refusal")"
}

# quick_failed STATE TEXT - die with the ends of the logs of broker and terminals.
quick_failed() {
    tail -v -n 12 "$1"/log/berthd.log "$1"/log/agent-*.log >&2 || true # some logs may not be there yet
    die "$2"
}

# A picture of a terminal's screen that is neither of one colour nor black.
quick_screenshot() {
    local picture
    picture=$(jq -r .screenshot <<<"$proof")
    [[ $(head -c 8 "$picture" | od -An -tx1 | tr -d ' \n') == 89504e470d0a1a0a ]] || die "$picture is a PNG"
    [[ $(magick_convert "$picture" -format '%k' info:) -gt 8 ]] || die "$picture shows more than a blank screen"
}

# quick_nothing_left STATE - no process of the site runs after the end of the quickstart.
quick_nothing_left() {
    wait_for quick_nobody_of "$1" || die "processes are left: $(pgrep -af -- "$1")"
}

quick_nobody_of() {
    ! pgrep -f -- "$1" >/dev/null
}

quick_clean() {
    "$top/deploy/quickstart" --driver "$1" --clean --state "$2"
    [[ ! -e $2 ]] || die "--clean removes $2"
    quick_nothing_left "$2"
    ! grep -q " $2" /proc/self/mounts || die "something is mounted below $2"
}
