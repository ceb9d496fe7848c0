#!/usr/bin/env bash
# power_vfs - F5: power cuts at any operation of the store's files, on a disk in memory (power_cut.c).
#
# usage: tests/faults/power_vfs.sh BUILD_DIR [--points N] [--first S]
#
# The last line is one JSON object. BERTH_LONG=1: a million points, shared out to the cores, each with workloads of its own.
set -euo pipefail

build=$(readlink -f "${1:?usage: power_vfs.sh BUILD_DIR [--points N] [--first S]}")
shift
program=$build/tests/faults/berth-power-vfs
if [[ ${BERTH_LONG:-} != 1 || $# -gt 0 ]]; then
    exec "$program" --json "$@"
fi

cores=$(nproc)
points=$((1000000 / cores))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shares=()
for ((i = 0; i < cores; i++)); do
    "$program" --json --points "$points" --first $((i * 1000000 + 1)) >"$work/$i" &
    shares+=($!)
done
status=0
for share in "${shares[@]}"; do
    wait "$share" || status=1
done
for ((i = 0; i < cores; i++)); do
    sed '$d' "$work/$i"
    tail -n 1 "$work/$i" >>"$work/all"
done
jq -cs '{ fault: .[0].fault, points: map(.points) | add, opened: map(.opened) | add, acked: map(.acked) | add,
          lost: map(.lost) | add, corrupt: map(.corrupt) | add, phantoms: map(.phantoms) | add,
          seconds: map(.seconds) | max, points_per_second: map(.points_per_second) | add, first: 1,
          controls: .[0].controls }' "$work/all"
exit "$status"
