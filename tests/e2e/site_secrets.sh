#!/usr/bin/env bash
# site_secrets.sh - no password, token or invitation is stored or shown where it could be read later.
#
# usage: tests/e2e/site_secrets.sh BUILD-FOLDER
#
# All passwords hold a marker. A user signs on, types a wrong password, roams, signs off; an administrator gets a
# password and a token, fetches logs and makes a backup; all programs log at level debug. The marker is searched - as text, in
# UTF-16, hexadecimal and base64 - in every argument list and environment meanwhile, and in logs, data, backup, archives of
# logs, answers of the API, events and core files afterwards. A control proves that it would be found.
set -euo pipefail
# shellcheck source=tests/e2e/lib/site_test.sh
. "$(dirname "$(readlink -f "$0")")/lib/site_test.sh"

# --- The secrets --------------------------------------------------------------------------------------------------

# secret TEXT - from here on it is searched for, in every encoding.
secret() {
    local shift text
    {
        printf '%s\n' "$1"
        printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' && echo
        for shift in 0 1 2; do
            # Preceding bytes shift base64; its ends depend on the neighbours and are left out.
            text=$(printf '%*s%s' "$shift" '' "$1" | base64 -w 0 | tr -d =)
            printf '%s\n' "${text:$((shift ? 4 : 0)):$((${#text} - (shift ? 8 : 4)))}"
        done
    } >>"$TEST_FOLDER/patterns"
    # grep accepts no zero byte in a pattern; found_in removes zeros from the searched data instead.
}

# found_in FILE... - prints the names of files that contain a secret.
found_in() {
    local file
    for file in "$@"; do
        if [[ -r $file ]] && { grep -qaF -f "$TEST_FOLDER/patterns" "$file" ||
            tr -d '\000' <"$file" | grep -qaF -f "$TEST_FOLDER/patterns"; } 2>/dev/null; then
            printf '%s\n' "$file"
        fi
    done
}

# None of these files may contain one.
clean() {
    local what=$1 found
    shift
    (($# > 0)) || fail "there are $what to look at"
    found=$(found_in "$@")
    [[ -z $found ]] || fail "no secret in $what: $found"
    say "no secret in $what ($# files)"
}

# The control: a planted secret must be found.
control() {
    local planted=$TEST_FOLDER/planted
    mkdir "$planted"
    printf 'before %s-1 after' "$MARKER" >"$planted/plain"
    printf 'b\001%s-1' "$MARKER" | iconv -t UTF-16LE >"$planted/utf-16"
    printf 'x%s-1y' "$MARKER" | od -An -v -tx1 | tr -d ' \n' >"$planted/hexadecimal"
    printf '"name":"%s-1",' "$MARKER" | base64 -w 0 >"$planted/base64"
    [[ $(found_in "$planted"/* | wc -l) -eq 4 ]] || fail "what is planted is found: $(found_in "$planted"/*)"
}

# --- Processes ----------------------------------------------------------------------------------------------------

# Argument lists and environments of all processes of the machine, again and again. Short-lived ones are seen by chance, but
# there are many of each kind; the short sleep leaves the processor to them.
watch_processes() {
    local round=0
    while [[ ! -e $TEST_FOLDER/enough ]]; do
        grep -laF -f "$TEST_FOLDER/patterns" /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null |
            while read -r file; do
                printf '%s: %s\n' "$file" "$(tr '\000' ' ' <"${file%/*}/cmdline")"
            done >>"$TEST_FOLDER/caught" || true # a process may end while it is read
        # The viewer's password as an argument of its own would be /p:...
        grep -lazE '^/p:' /proc/[0-9]*/cmdline 2>/dev/null >>"$TEST_FOLDER/caught" || true # grep fails when it finds nothing
        echo "$((round += 1))" >"$TEST_FOLDER/rounds"
        sleep 0.1 # leaves the processor to the others
    done
}

processes_clean() {
    touch "$TEST_FOLDER/enough"
    wait "$watcher"
    (($(cat "$TEST_FOLDER/rounds") > 20)) || fail "processes were looked at more than 20 times"
    [[ ! -s $TEST_FOLDER/caught ]] || fail "no secret in arguments or environment: $(sort -u "$TEST_FOLDER/caught")"
    say "no secret in arguments and environments ($(cat "$TEST_FOLDER/rounds") looks at all processes)"
}

# --- The scenario -------------------------------------------------------------------------------------------------

# site.sh asks here for every user's password.
passwords=0
new_password() {
    passwords=$(($(cat "$TEST_FOLDER/passwords" 2>/dev/null || echo 0) + 1))
    echo "$passwords" >"$TEST_FOLDER/passwords"
    printf '%s-%s' "$MARKER" "$passwords"
}

begin() {
    MARKER=Marker$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
    secret "$MARKER"
    control
    watch_processes 2>/dev/null &
    watcher=$!
    at_exit site_end_agent "$watcher"
    SITE_LOG_LEVEL=debug
    site_test_start 2 1 anna bert
    # The program itself, not the function: else the signal would end a shell in between.
    "$SITE_BIN/berthctl" --socket "$SITE/run/berthd.sock" watch --json >"$TEST_FOLDER/events" 2>&1 &
    at_exit kill $!
    site_test_start_terminals icu-07 icu-08
    # The part of an invitation after the address and the CA's hash is the token.
    secret "$(sed -E 's/.*[^0-9a-f]([0-9a-f]{32,})[^0-9a-f]*$/\1/' "$SITE/icu-07/invitation")"
}

wrong_password() {
    ! agent "$1" sign-on "$2" <<<"$MARKER-wrong" || fail "a wrong password is refused"
}

sign_on_quietly() {
    agent icu-07 sign-on anna <"$SITE/etc/password-anna"
}

people_work() {
    wrong_password icu-07 anna
    wrong_password icu-07 nobody
    # After wrong passwords she must wait.
    assert_eventually "anna signs on" sign_on_quietly
    assert_eventually "anna's desktop is on icu-07" shows_desktop icu-07
    site_sign_on icu-08 anna
    assert_eventually "anna's desktop is on icu-08" shows_desktop icu-08
    agent icu-08 disconnect
    site_sign_on icu-07 anna
    assert_eventually "anna's desktop is on icu-07 again" shows_desktop icu-07
    site_sign_on icu-08 bert
    assert_eventually "bert's desktop is on icu-08" shows_desktop icu-08
    agent icu-08 sign-off
}

chief_signs_in() {
    printf '%s-%s' "$MARKER" "$(cat "$TEST_FOLDER/passwords")" | ctl sign-in chief --json >"$TEST_FOLDER/signed-in"
}

administrators_work() {
    ctl admin add chief role=administrator
    new_password | ctl admin password chief
    ! ctl sign-in chief <<<"$MARKER-wrong" || fail "a wrong password is refused"
    assert_eventually "the right one is accepted" chief_signs_in
    ctl token add chief robot --json >"$TEST_FOLDER/token"
    secret "$(jq -r .token "$TEST_FOLDER/signed-in")"
    secret "$(jq -r .token "$TEST_FOLDER/token")"
    new_password | ctl user password bert
    ctl terminal logs icu-07
    assert_eventually "the archive of logs has arrived" log_archive_there
    ctl backup "$TEST_FOLDER/backup.db"
}

log_archive_there() {
    [[ -n $(find "$SITE/data/uploads" -type f -size +0) ]] && ctl_answer_is '[.items[] | select(.state == "done")] | length > 0' command list
}

# Every answer that the API has for an administrator.
listings() {
    local name
    mkdir "$TEST_FOLDER/answers"
    for name in admin token terminal session user badge group desktop host image-version image pool flow site place slot \
        identity invitation profile command membership entitlement assignment connection; do
        ctl "$name" list --json >"$TEST_FOLDER/answers/$name"
    done
    ctl audit list limit=200 --json >"$TEST_FOLDER/answers/audit"
    ctl config show --json >"$TEST_FOLDER/answers/config"
    ctl explain anna --json >"$TEST_FOLDER/answers/explain"
    ctl terminal show icu-07 --json >"$TEST_FOLDER/answers/terminal-show"
    ctl metrics >"$TEST_FOLDER/answers/metrics"
    (($(jq '.items | length' "$TEST_FOLDER/answers/audit") > 10)) || fail "the audit trail tells of what was done"
}

places() {
    local -a files
    mapfile -t files < <(find "$SITE/log" -type f)
    clean "logs" "${files[@]}"
    mapfile -t files < <(find "$SITE/data" -type f)
    clean "the broker's data" "${files[@]}"
    unpack_log_archives
    mapfile -t files < <(find "$TEST_FOLDER/log-archives" -type f)
    clean "archives of logs" "${files[@]}"
    mapfile -t files < <(find "$SITE/icu-07" "$SITE/icu-08" "$SITE/libvirt" "$SITE/disks" -type f ! -name invitation)
    clean "the terminals' and the hypervisor's folders" "${files[@]}"
    clean "the backup" "$TEST_FOLDER/backup.db"
    clean "answers of the API" "$TEST_FOLDER"/answers/*
    [[ -s $TEST_FOLDER/events ]] || fail "events were followed"
    clean "events" "$TEST_FOLDER/events"
}

# Compressed ones as well as plain ones.
unpack_log_archives() {
    local file
    mkdir "$TEST_FOLDER/log-archives"
    while read -r file; do
        zcat -f "$file" >"$TEST_FOLDER/log-archives/${file##*/}"
    done < <(find "$SITE/data/uploads" -type f)
}

# --- Core files ---------------------------------------------------------------------------------------------------

# A signal that writes a core file where permitted; all programs run in this folder.
cores() {
    local pid victim
    sleep 1000 &
    victim=$!
    # A signal between fork and exec would run the shell's handler and be lost.
    wait_for is_sleep "$victim" || fail "the control of core files started"
    kill -ABRT "$victim"
    wait "$victim" 2>/dev/null || true # it ends with the signal's code
    if [[ -n $(find . -maxdepth 1 -name 'core*') ]]; then
        rm -f core*
    else
        say "this machine writes no core files here ($(cat /proc/sys/kernel/core_pattern)): the limit alone is judged"
    fi
    for pid in "$(cat "$SITE/run/berthd.pid")" "${TERMINAL_PID[icu-07]}" $(viewers icu-07) \
        $(pgrep -P "${TERMINAL_PID[icu-08]}" berth-greeter) $(pgrep -P "$(cat "$SITE/run/berthd.pid")" berth-virt); do
        victim=$(cat "/proc/$pid/comm")
        awk '/^Max core file size/ { exit !($5 == 0) }' "/proc/$pid/limits" || fail "$victim may write no core file"
        victims+=("$pid")
    done
    ((${#victims[@]} >= 4)) || fail "broker, agent, viewer and greeter were there: ${victims[*]}"
    for pid in "${victims[@]}"; do
        kill -ABRT "$pid" 2>/dev/null || true # it may have ended by itself
        wait_for is_gone "$pid" || fail "process $pid ended"
    done
    [[ -z $(find . -maxdepth 1 -name 'core*') ]] || fail "no core file was written: $(find . -name 'core*')"
    say "no core file of ${#victims[@]} programs that died"
}
victims=()

is_sleep() {
    [[ $(cat "/proc/$1/comm") == sleep ]]
}

is_gone() {
    [[ ! -e /proc/$1/stat || $(awk '{ sub(/.*\) /, ""); print $1 }' "/proc/$1/stat" 2>/dev/null) == [ZX] ]]
}

site_test_begin "${1:-}"
mkdir "$TEST_FOLDER/here"
cd "$TEST_FOLDER/here"
ulimit -c unlimited
step "broker, desktops, terminals; everything logs all it can" begin
step "wrong passwords, sign-ons, roaming, sign-off" people_work
step "an administrator's password, token, archive of logs and backup" administrators_work
step "all that the API answers" listings
step "arguments and environments" processes_clean
step "logs, data, backup, archives of logs, answers, events" places
step "core files" cores
grep -h '^no secret\|^no core\|^this machine' "$TEST_FOLDER/steps.log" | sed 's/^/    /' >&2
say "$PROGRAM: no secret was found anywhere"
