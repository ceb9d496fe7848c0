#!/usr/bin/env bash
# virt.sh - every call of berth-virt on a real guest under QEMU, with a private libvirtd that is killed meanwhile.
#
# usage: tests/e2e/virt.sh BUILD-FOLDER
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# The image may have to be made, from packages of the machine's mirror.
[[ -n ${BERTH_OWN_NETWORK:-} ]] || "$here/../../deploy/image/desktop" >/dev/null
# shellcheck source=tests/e2e/lib/virt.sh
. "$here/lib/virt.sh"

need_commands virsh jq pgrep
virt_begin "${1:-}" virt_qemu
image=$("$top/deploy/image/desktop")
type=qemu
! "$top/deploy/lib/kvm-probe" "$image" >/dev/null 2>&1 || type=kvm
"$top/deploy/lib/domain-template" "$image" "$type" >"$work/domain.xml"

libvirtd=$top/deploy/lib/private-libvirtd
at_exit "$libvirtd" stop "$work/libvirt"
socket=$("$libvirtd" start "$work/libvirt" --owner $$)
BERTH_TEST_URI="qemu+unix:///system?socket=$socket"
mkdir "$work/pool"
virsh --quiet --connect "$BERTH_TEST_URI" pool-create-as berth dir --target "$work/pool"

BERTH_TEST_IMAGE=$image
BERTH_TEST_TEMPLATE=$work/domain.xml
BERTH_TEST_ACCOUNT=$(jq -r .account "$image/info.json")
BERTH_TEST_DAEMON_PID=$("$libvirtd" pid "$work/libvirt")
cat >"$work/daemon" <<DAEMON
#!/bin/sh
exec "$libvirtd" start "$work/libvirt" >"$work/restart.log"
DAEMON
chmod 755 "$work/daemon"
BERTH_TEST_RESTART=$work/daemon
# Where terminals on other machines reach it; the template says 127.0.0.1.
BERTH_TEST_ADDRESS=10.0.0.5
BERTH_TEST_PORT=13400
ip address add "$BERTH_TEST_ADDRESS/32" dev lo
export BERTH_TEST_URI BERTH_TEST_IMAGE BERTH_TEST_TEMPLATE BERTH_TEST_ACCOUNT BERTH_TEST_DAEMON_PID \
    BERTH_TEST_RESTART BERTH_TEST_ADDRESS BERTH_TEST_PORT
"$program"
