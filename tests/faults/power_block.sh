#!/usr/bin/env bash
# power_block - F4: power cuts below the file system, at any write that reaches the block device.
#
# usage: tests/faults/power_block.sh BUILD_DIR [--points N] [--first S]
#
# qemu-storage-daemon exports a raw file through FUSE and logs each write and flush of it (blklogwrites); on it a loop
# device, on that ext4, on that the store's data folder. berth-power-blocks writes there, then replays prefixes of the log,
# mounts what the disk would hold, and checks that all acknowledged decisions are there (power_blocks.c). The last line is
# one JSON object. As root; exit 77 where the kernel or the packages do not allow it. BERTH_LONG=1: thousands of points.
set -euo pipefail
# shellcheck source=deploy/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/../../deploy/lib/common.sh"

build=$(readlink -f "${1:?usage: power_block.sh BUILD_DIR [--points N] [--first S]}")
shift

skip() {
    echo "$1"
    exit 77
}

[[ $EUID == 0 ]] || skip "needs root: it mounts"
[[ -e /dev/fuse && -e /dev/loop-control ]] || skip "needs /dev/fuse and loop devices"
for tool in qemu-storage-daemon mkfs.ext4 losetup; do
    command -v "$tool" >/dev/null || skip "no $tool here (deploy/install-deps --test brings it)"
done

# In memory where there is room: the cuts rewrite the image again and again.
base=${TMPDIR:-/tmp}
if [[ $(df --output=avail -B1M /dev/shm 2>/dev/null | tail -1) -gt 600 ]]; then base=/dev/shm; fi
work=$(mktemp -d -p "$base" berth-power-block.XXXXXX)
daemon='' loop=''

# Undo only the parts that were set up; a failure does not stop the others.
clean_up() {
    set +e
    mountpoint -q "$work/cut" && umount "$work/cut"
    mountpoint -q "$work/mnt" && umount "$work/mnt"
    [[ -z $loop ]] || losetup -d "$loop"
    [[ -z $daemon ]] || end_process "$daemon"
    mountpoint -q "$work/device.raw" && umount "$work/device.raw"
    rm -rf "$work"
}
trap clean_up EXIT

size=32M
truncate -s "$size" "$work/disk.raw" "$work/cut.raw"
truncate -s 0 "$work/log.raw"
touch "$work/device.raw"
mkdir "$work/mnt" "$work/cut"

qemu-storage-daemon \
    --blockdev driver=file,node-name=disk,filename="$work/disk.raw" \
    --blockdev driver=file,node-name=log,filename="$work/log.raw" \
    --blockdev driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=512 \
    --export type=fuse,id=export,node-name=logged,mountpoint="$work/device.raw",writable=on \
    >"$work/daemon.log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
    ! mountpoint -q "$work/device.raw" || break
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.1
done
if ! mountpoint -q "$work/device.raw"; then
    skip "the FUSE export does not come up: $(tail -1 "$work/daemon.log")"
fi

loop=$(losetup -f --show "$work/device.raw") || skip "no loop device can be had"
mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0,nodiscard "$loop"
mount "$loop" "$work/mnt"
mkdir -m 700 "$work/mnt/data"
sync -f "$work/mnt" # the creation of the folder is not tested

# Its exit status is that of this script.
"$build/tests/faults/berth-power-blocks" "$work/mnt/data" "$work/log.raw" "$work/cut.raw" "$work/cut" "$@"
