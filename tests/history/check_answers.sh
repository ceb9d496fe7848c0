#!/usr/bin/env bash
# check_answers.sh - what berth-check says and exits with: tests/history/check_answers.sh BERTH-CHECK
set -euo pipefail
check=$1
cases=$(dirname "$(readlink -f "$0")")/cases
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

die() {
    printf 'check_answers.sh: %s\n' "$1" >&2
    exit 1
}

# exits CODE ARGUMENT... - the output goes to $folder/said.
exits() {
    local wanted=$1 code=0
    shift
    "$check" "$@" >"$folder/said" 2>"$folder/complained" || code=$?
    [[ $code -eq $wanted ]] || die "'$*' exits with $code instead of $wanted: $(cat "$folder/said" "$folder/complained")"
}

says() {
    grep -qF -- "$1" "$folder/said" || die "nothing says '$1': $(cat "$folder/said")"
}

exits 0 "$cases/I05_roam.jsonl"
grep -qE '^I5 +one screen +3 +0 +screen$' "$folder/said" || die "the table does not count I5: $(cat "$folder/said")"
grep -qE '^I18 +own terminal only +- +0 +peer$' "$folder/said" || die "the table does not leave I18 open"

exits 1 "$cases/I05_two_screens.jsonl" --json
says "$cases/I05_two_screens.jsonl:7: I5 one screen: terminal t1 still showed session 20 at epoch 1 for 3000 ms"
tail -n 1 "$folder/said" | jq -e '.lines == 6 and .violations == 1 and .broken == {"I5": 1} and .checked.I5 == 2 and
    .checks >= 2' >/dev/null || die "the last line is not the sum: $(tail -n 1 "$folder/said")"

# What is not asked for does not count.
exits 0 "$cases/I05_two_screens.jsonl" --invariant I1,I6
exits 1 "$cases/I05_two_screens.jsonl" --invariant I1,I5

# One history in two files: the lines that a sentence points to are named with their file.
printf '%s\n' '{"line":"run","at_us":1,"boot":"b"}' \
    '{"line":"machine","at_us":3,"host":"h","uuid":"u","event":"start","by":4}' >"$folder/one"
printf '%s\n' '{"line":"run","at_us":2,"boot":"b"}' \
    '{"line":"machine","at_us":4,"host":"h","uuid":"u","event":"start","by":4}' >"$folder/two"
exits 1 "$folder/two" "$folder/one"
says "$folder/two:2: I15 one start: machine u is started while its start of $folder/one:2 is unanswered"

# Of several boots each is judged by itself.
sed 's/"boot":"b"/"boot":"c"/' "$folder/two" >"$folder/other"
exits 0 "$folder/one" "$folder/other"
says 'each is judged by itself'

# An agent that was killed said nothing when its screen went dark.
printf '%s\n' '{"line":"run","at_us":1,"program":"berth-agent"}' '{"line":"screen","at_us":2,"terminal":"t1","event":"off"}' \
    '{"line":"screen","at_us":3,"terminal":"t1","event":"shows","session_id":7,"epoch":1}' \
    '{"line":"run","at_us":90000000,"program":"berth-agent"}' \
    '{"line":"screen","at_us":90000001,"terminal":"t1","event":"off"}' >"$folder/killed"
printf '%s\n' '{"line":"screen","at_us":4,"terminal":"t2","event":"shows","session_id":7,"epoch":2}' >"$folder/moved"
exits 0 "$folder/killed" "$folder/moved"

# Nor does it matter that another agent writes to the same file just then.
sed '4a {"line":"screen","at_us":90000000,"terminal":"t3","event":"shows","session_id":8,"epoch":1}' "$folder/killed" \
    >"$folder/killed-beside-others"
exits 0 "$folder/killed-beside-others" "$folder/moved"

printf 'no history\n{"line":"quiescent","at_us":1}\n' >"$folder/broken"
exits 2 "$folder/broken"
grep -qF "$folder/broken:1: " "$folder/complained" || die "the broken line is not named: $(cat "$folder/complained")"
exits 2 "$folder/none"
exits 2
exits 2 --invariant I30 "$folder/one"
exits 2 --nonsense "$folder/one"
echo "berth-check answers as it should"
