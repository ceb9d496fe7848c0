#!/usr/bin/env bash
# virt_changed_machines.sh - machines that were changed on their host: snapshots, saved states, foreign disks; QEMU, no guest.
#
# usage: tests/e2e/virt_changed_machines.sh BUILD-FOLDER
set -euo pipefail
# shellcheck source=tests/e2e/lib/virt.sh
. "$(dirname "$(readlink -f "$0")")/lib/virt.sh"

need_commands virsh qemu-img setpriv
virt_begin "${1:-}" virt_changed_machines
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
qemu-img create -q -f qcow2 "$work/images/private.qcow2" 64M
qemu-img create -q -f qcow2 -F qcow2 -b "$work/images/private.qcow2" "$work/images/on-private.qcow2"
chown nobody "$work/images/private.qcow2"
chmod 600 "$work/images/private.qcow2"
qemu-img create -q -f raw "$work/images/raw.qcow2" 64M
truncate -s 1M "$work/images/vmlinuz"
# Truncated: in its data, before its refcounts, in its header.
dd status=none if=/dev/zero bs=1M count=4 | tr '\0' 'x' >"$work/data"
qemu-img convert -f raw -O qcow2 "$work/data" "$work/images/cut.qcow2"
cp "$work/images/cut.qcow2" "$work/images/data.qcow2"
cp "$work/images/cut.qcow2" "$work/images/cut-early.qcow2"
cp "$work/images/cut.qcow2" "$work/images/cut-header.qcow2"
qemu-img convert -f raw -O qcow2 -c "$work/data" "$work/images/compressed.qcow2"
truncate -s 2M "$work/images/cut.qcow2"
truncate -s 100K "$work/images/cut-early.qcow2"
truncate -s 80 "$work/images/cut-header.qcow2"
mkdir "$work/cut" "$work/idle"
mv "$work/images/cut-header.qcow2" "$work/cut/" # with this file libvirt cannot read its folder
qemu-img create -q -f qcow2 "$work/idle/golden.qcow2" 64M
qemu-img create -q -f qcow2 -u -F qcow2 -b "$work/images/cut.qcow2" "$work/images/on-cut.qcow2" 64M
printf 'secret12' >"$work/key"
qemu-img create -q -f qcow2 --object "secret,id=key,file=$work/key" \
    -o encrypt.format=aes,encrypt.key-secret=key "$work/images/secret.qcow2" 64M
# Backing files that are named as JSON.
on_json() { # NAME FORMAT JSON
    qemu-img create -q -f qcow2 -u -F "$2" -b "json:$3" "$work/images/$1.qcow2" 64M
}
file_of() { # PATH
    printf '{"driver":"file","filename":"%s"}' "$1"
}
on_json json qcow2 "{\"file\":$(file_of "$work/images/base.qcow2")}"
on_json json-raw raw "{\"driver\":\"raw\",\"file\":$(file_of "$work/images/raw.qcow2")}"
on_json json-cut qcow2 "{\"file\":$(file_of "$work/images/cut.qcow2")}"
on_json json-gone qcow2 "{\"file\":$(file_of "$work/images/gone.qcow2")}"
on_json json-file qcow2 "$(file_of "$work/images/base.qcow2")"
on_json json-qcow2 qcow2 "{\"driver\":\"qcow2\",\"file\":$(file_of "$work/images/base.qcow2")}"
on_json json-nbd raw '{"driver":"nbd","server":{"type":"inet","host":"127.0.0.1","port":"1"}}'
on_json json-backing qcow2 "{\"file\":$(file_of "$work/images/base.qcow2"),\"backing\":$(file_of "$work/images/raw.qcow2")}"
# Backing files that are named with a protocol.
by=0
for name in nbd:127.0.0.1:1 nbd://127.0.0.1:1/base "file:$work/images/base.qcow2"; do
    qemu-img create -q -f qcow2 -u -F qcow2 -b "$name" "$work/images/by-$((++by)).qcow2" 64M
done
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

# Pools in which no disk can be made: one without space, one that is not writable.
mkdir "$work/full" "$work/shut"
mount -t tmpfs -o size=64k,mode=755 berth-full "$work/full"
mount -t tmpfs -o ro berth-shut "$work/shut"
at_exit umount --lazy "$work/full" "$work/shut"
libvirtd=$top/deploy/lib/private-libvirtd
at_exit "$libvirtd" stop "$work/libvirt"
# Root without the right to override permissions, as on a network file system: files of others may be unreadable.
socket=$(setpriv --bounding-set=-dac_override,-dac_read_search -- "$libvirtd" start "$work/libvirt" --owner $$)
BERTH_TEST_URI="qemu+unix:///system?socket=$socket"
BERTH_TEST_FOLDER=$work
export BERTH_TEST_URI BERTH_TEST_FOLDER
virsh --quiet --connect "$BERTH_TEST_URI" pool-create-as berth dir --target "$work/pool"
virsh --quiet --connect "$BERTH_TEST_URI" pool-define-as idle dir --target "$work/idle"
virsh --quiet --connect "$BERTH_TEST_URI" pool-define-as lost dir --target "$work/nosuch-mount"
for pool in full shut; do
    virsh --quiet --connect "$BERTH_TEST_URI" pool-create-as "$pool" dir --target "$work/$pool"
done
"$program"
