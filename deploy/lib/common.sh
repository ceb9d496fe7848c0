# common.sh - shared by all scripts: messages, timed steps, cleaning up, waiting, processes, the cache.
#
# Source it after `set -euo pipefail`. Messages for people go to standard error; standard output is only for the answer
# of a script (a path, one JSON object).
# shellcheck shell=bash

# The output of virsh and others is parsed here, and names may have any letter.
export LC_ALL=C.UTF-8

# The exit trap may run inside a redirection; this descriptor still reaches the person.
exec {BERTH_STDERR}>&2

BERTH_CACHE=${BERTH_CACHE:-/var/cache/berth}
PROGRAM=${0##*/}

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "$PROGRAM: $*"
    exit 1
}

need_root() {
    [[ $EUID -eq 0 ]] || die "must run as root"
}

# need_commands COMMAND... - ends the script when one is missing.
need_commands() {
    local command
    for command in "$@"; do
        [[ -n $(type -P "$command") ]] ||
            die "'$command' is missing; run deploy/install-deps first"
    done
}

# Milliseconds of the wall clock, without starting a process.
now_ms() {
    printf '%d' "$((${EPOCHREALTIME/./} / 1000))"
}

# seconds MS - prints 1234 as 1.2
seconds() {
    printf '%d.%d' "$(($1 / 1000))" "$(($1 % 1000 / 100))"
}

# --- Cleaning up ------------------------------------------------------------------------------------------------
#
# at_exit COMMAND ARGUMENT... runs when the script ends, however it ends; the last one registered runs first.
# Commands must be harmless when repeated (rm -f, a stop that accepts "not running").
#
# Signals are ignored meanwhile, here and in every program started from here, so these commands must not wait without a
# limit: use wait_briefly, end_process, timeout.

AT_EXIT=()
STEP=
STEP_LOG=
STEP_MS=0

at_exit() {
    AT_EXIT+=("$(printf '%q ' "$@")")
}

berth_on_exit() {
    local status=$? i
    trap - EXIT
    trap '' INT TERM HUP
    set +e
    exec 2>&"$BERTH_STDERR"
    if [[ -n $STEP && $status -ne 0 ]]; then
        say "$PROGRAM: failed: $STEP"
        [[ -s $STEP_LOG ]] && tail -n 60 "$STEP_LOG" >&2
    fi
    for ((i = ${#AT_EXIT[@]} - 1; i >= 0; i--)); do
        eval "${AT_EXIT[i]}"
    done
    exit "$status"
}

# A signal ends the script by the same trap; shells exit with 128 + its number.
trap berth_on_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# quiet COMMAND ARGUMENT... - only its exit code counts.
quiet() {
    "$@" >/dev/null 2>&1
}

# --- Steps ------------------------------------------------------------------------------------------------------

# step TEXT COMMAND ARGUMENT... - run a command and print how long it took; its output goes to the log.
#
# The command does not run after `||` or `if`, where the shell would ignore a failure inside a
# function. A failure ends the script, and the exit trap shows the end of the log. STEP_MS is the time taken.
step() {
    local begun
    STEP=$1
    shift
    [[ -n $STEP_LOG ]] || step_log_to "$(mktemp)" temporary
    printf '== %s\n' "$STEP" >>"$STEP_LOG"
    begun=$(now_ms)
    printf '  %-58s ' "$STEP" >&2
    "$@" >>"$STEP_LOG" 2>&1
    STEP_MS=$(($(now_ms) - begun))
    printf '%7s s\n' "$(seconds "$STEP_MS")" >&2
    STEP=
}

# step_log_to FILE [temporary] - the log of the following steps.
step_log_to() {
    STEP_LOG=$1
    : >"$STEP_LOG"
    [[ ${2:-} != temporary ]] || at_exit rm -f "$STEP_LOG"
}

# --- Waiting ----------------------------------------------------------------------------------------------------
#
# Tests do not depend on the speed of the machine: wait_for ends with the event. One limit serves all, and only a broken
# program reaches it.

BERTH_WAIT_LIMIT_S=${BERTH_WAIT_LIMIT_S:-300}
WAIT_LOGS=() # patterns of files whose last lines are shown when a wait gives up

# wait_for COMMAND ARGUMENT... - until the command succeeds. After BERTH_WAIT_LIMIT_S it fails and says for what it waited.
wait_for() {
    local pattern file
    [[ -n $(type -t "$1") ]] || die "wait_for: '$1' is not a command"
    ! wait_briefly "$BERTH_WAIT_LIMIT_S" "$@" || return 0
    say "$PROGRAM: timeout: after $BERTH_WAIT_LIMIT_S s still not true: $*"
    for pattern in "${WAIT_LOGS[@]}"; do
        for file in $pattern; do
            [[ ! -s $file ]] || { say "--- the end of $file" && tail -n 12 "$file" >&2; }
        done
    done
    return 1
}

# wait_briefly SECONDS COMMAND ARGUMENT... - until the command succeeds; fails when the time is over: for callers that handle
# both. Between two tries it sleeps as long as two tries take, plus a tenth of the time waited so far, at least 0.1 s and at
# most 1 s: a short wait ends at once, a long one leaves the processor to others.
wait_briefly() {
    local begun=${EPOCHREALTIME/./} now tried pause seconds=$1
    shift
    now=$begun
    until "$@"; do
        tried=${EPOCHREALTIME/./}
        ((tried < begun + seconds * 1000000)) || return 1
        pause=$((2 * (tried - now) / 1000 + (tried - begun) / 10000))
        pause=$((pause < 100 ? 100 : pause > 1000 ? 1000 : pause))
        printf -v pause '%d.%03d' "$((pause / 1000))" "$((pause % 1000))"
        sleep "$pause"
        now=${EPOCHREALTIME/./}
    done
}

# await SECONDS PROGRAM ARGUMENT... - run it to its end, with a time limit. Unlike with a program in the foreground, this
# script still reacts to signals.
await() {
    timeout "$@" &
    wait "$!"
}

# --- Other processes ----------------------------------------------------------------------------------------------
#
# A process id may have been reused; together with the time of its start it is unique.

# process_start PID - prints when it was started, in clock ticks since boot. Fails when it does not exist or is a zombie.
process_start() {
    local stat
    local -a fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]:-Z} != [ZX] && -n ${fields[19]:-} ]] || return 1
    printf '%s\n' "${fields[19]}"
}

# process_record PID FILE - "pid start-time". Fails, and writes nothing, when there is no such process.
process_record() {
    local began
    began=$(process_start "$1") || return 1
    printf '%s %s\n' "$1" "$began" >"$2"
}

# process_recorded FILE - is the process recorded there still the same one? Sets `pid`.
process_recorded() {
    local began now
    pid=
    [[ -s $1 ]] && read -r pid began <"$1" && [[ -n $began ]] && now=$(process_start "$pid") && [[ $now == "$began" ]]
}

# process_gone PID [START-TIME] - of that start, when one is given.
process_gone() {
    local now
    ! now=$(process_start "$1") || [[ -n ${2:-} && $now != "$2" ]]
}

# process_is_ours PID - did this shell start it, and does it still exist?
process_is_ours() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null && [[ ${stat##*) } == ?" $BASHPID "* ]]
}

# end_process PID [SECONDS] - end a process that this shell started, and wait for it; ENDED_WITH is its exit code. A process
# that ignores SIGTERM is killed, and the function fails. One that has ended already is not signalled: its number may have
# been reused.
end_process() {
    local code=0
    ENDED_WITH=0
    process_is_ours "$1" && kill "$1" 2>/dev/null || return 0
    wait_briefly "${2:-15}" process_gone "$1" || {
        code=1
        say "process $1 ($(cat "/proc/$1/comm")) does not end on SIGTERM; it is killed"
        kill -KILL "$1" 2>/dev/null || true # it may end just now
        wait_for process_gone "$1" || return 1
    }
    # shellcheck disable=SC2034 # for those who source this file
    wait "$1" 2>/dev/null || ENDED_WITH=$?
    return "$code"
}

# lock_file FILE TEXT - lock it with descriptor 9 for the rest of this script. TEXT is the error when another process keeps
# it.
lock_file() {
    exec 9>>"$1"
    wait_for flock --nonblock 9 || die "$2"
}

# close_inherited - close all but the three standard descriptors. A process that outlives its parent must not keep pipes
# and locks open for whose end others wait.
close_inherited() {
    local fd
    for fd in "/proc/$BASHPID/fd/"*; do
        fd=${fd##*/}
        ((fd <= 2)) || eval "exec $fd>&-"
    done
}

# --- The cache --------------------------------------------------------------------------------------------------

# cache_folder NAME - prints the path of a folder below BERTH_CACHE, made when it is missing.
cache_folder() {
    local folder=$BERTH_CACHE/$1
    mkdir -p "$folder"
    printf '%s\n' "$folder"
}
