#!/usr/bin/env bash
# virt_session.sh - as virt.sh, but without any privilege: qemu:///session of a temporary user. Calls that do not depend on
# rights (reset, refresh, graceful stop) are tested by virt.sh only.
#
# usage: tests/e2e/virt_session.sh BUILD-FOLDER
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# The image may have to be made, from packages of the machine's mirror.
[[ -n ${BERTH_OWN_NETWORK:-} ]] || "$here/../../deploy/image/desktop" >/dev/null
# shellcheck source=tests/e2e/lib/virt.sh
. "$here/lib/virt.sh"

need_commands virsh jq pgrep useradd runuser libvirtd
virt_begin "${1:-}" virt_qemu
user=berth-e2e-$$
useradd --home-dir "$work/home" --create-home "$user"
at_exit userdel "$user"
chmod 755 "$work"
image=$("$top/deploy/image/desktop")
# The user may neither see the build folder nor the cache.
install -d -o "$user" "$work/bin/tests" "$work/image" "$work/pool"
install -d -o "$user" -m 700 "$work/run"
install "$build/berth-virt" "$work/bin/"
install "$program" "$work/bin/tests/"
install -m 644 "$image"/{desktop.qcow2,vmlinuz,initrd.img} "$work/image/"
"$top/deploy/lib/domain-template" "$work/image" qemu >"$work/domain.xml"
chmod 644 "$work/domain.xml"

cat >"$work/daemon" <<DAEMON
#!/bin/sh
# Start the session's daemon, with its own pid file.
exec libvirtd --daemon --pid-file "$work/run/libvirtd.pid"
DAEMON
chmod 755 "$work/daemon"

end_all() {
    pkill -KILL -u "$user" || true # all processes of the user that this script made
    wait_for all_ended || say "processes of $user were killed and do not end: $(pgrep -a -u "$user")"
}

all_ended() {
    ! pgrep -u "$user" >/dev/null
}
at_exit end_all

# Where terminals on other machines reach the guest; the template says 127.0.0.1.
address=10.0.0.5
ip address add "$address/32" dev lo

# Without a daemon a client of the session would start one: while a test has killed ours, that one would take the lock of the
# machines for ever.
as_user() {
    runuser -u "$user" -- env -i LIBVIRT_AUTOSTART=0 PATH="$PATH" HOME="$work/home" XDG_RUNTIME_DIR="$work/run" \
        BERTH_TEST_URI=qemu:///session BERTH_TEST_IMAGE="$work/image" BERTH_TEST_TEMPLATE="$work/domain.xml" \
        BERTH_TEST_ACCOUNT="$(jq -r .account "$image/info.json")" BERTH_TEST_ADDRESS="$address" BERTH_TEST_PORT=13400 \
        BERTH_TEST_RIGHTS_ONLY=1 BERTH_TEST_RESTART="$work/daemon" \
        BERTH_TEST_DAEMON_PID="$(cat "$work/run/libvirtd.pid" 2>/dev/null)" "$@"
}

as_user "$work/daemon"
wait_for quiet as_user virsh --quiet --connect qemu:///session list
as_user virsh --quiet --connect qemu:///session pool-create-as berth dir --target "$work/pool"
as_user "$work/bin/tests/e2e-program-virt_qemu"
