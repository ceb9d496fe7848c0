#!/usr/bin/env bash
# power_vfs - F5: the power goes at any operation of the store's files, on a disk in memory (power_cut.c).
#
# usage: tests/faults/power_vfs.sh BUILD_DIR [--points N] [--first S]
#
# The last line is one JSON object. BERTH_LONG=1: a quarter of a million points unless --points says otherwise.
set -euo pipefail

build=$(readlink -f "${1:?usage: power_vfs.sh BUILD_DIR [--points N] [--first S]}")
shift
exec "$build/tests/faults/berth-power-vfs" --json "$@"
