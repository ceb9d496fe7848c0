#!/usr/bin/env bash
# virt_truth.sh - machines that somebody changed on their host: snapshots, saved states, foreign disks; real QEMU, no guest.
#
# usage: tests/e2e/virt_truth.sh BUILD-FOLDER
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"

need_root
need_commands virsh qemu-img
program=$(readlink -f "${1:?usage: $PROGRAM BUILD-FOLDER}")/tests/e2e-program-virt_truth
[[ -x $program ]] || die "'$program' is not built"

work=$(mktemp -d)
at_exit rm -rf "$work"
step_log_to "$work/steps.log"
chmod 755 "$work"
mkdir "$work/pool" "$work/other"
qemu-img create -q -f qcow2 "$work/golden.qcow2" 64M
# Images of every kind, in a folder that is no storage pool.
mkdir "$work/images"
qemu-img create -q -f qcow2 "$work/images/base.qcow2" 64M
qemu-img create -q -f qcow2 -F qcow2 -b base.qcow2 "$work/images/whole.qcow2"
qemu-img create -q -f qcow2 "$work/images/gone.qcow2" 64M
qemu-img create -q -f qcow2 -F qcow2 -b "$work/images/gone.qcow2" "$work/images/torn.qcow2"
rm "$work/images/gone.qcow2"
qemu-img create -q -f raw "$work/images/raw.qcow2" 64M
truncate -s 1M "$work/images/vmlinuz"
cat >"$work/template.xml" <<'XML'
<domain type='qemu'>
  <name>template</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <disk type='volume' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source pool='berth' volume='template.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <video><model type='none'/></video>
    <memballoon model='none'/>
  </devices>
</domain>
XML

libvirtd=$top/deploy/lib/private-libvirtd
at_exit "$libvirtd" stop "$work/libvirt"
socket=$("$libvirtd" start "$work/libvirt" --owner $$)
BERTH_TEST_URI="qemu+unix:///system?socket=$socket"
BERTH_TEST_FOLDER=$work
export BERTH_TEST_URI BERTH_TEST_FOLDER
virsh --quiet --connect "$BERTH_TEST_URI" pool-create-as berth dir --target "$work/pool"
"$program"
