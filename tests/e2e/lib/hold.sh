# hold.sh - what the tests named hold_* stand on: a small site on libvirt's test driver, and questions to it.
#
# Source it first, after `set -euo pipefail`: it brings what it stands on, and the test then runs in a network of its own.
# Machines are FreeRDP's shadow servers, all the rest is real. Sets `top`, the folder of the checkout.
# shellcheck shell=bash

top=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../..")
# shellcheck source=tests/lib/own_network.sh
. "$top/tests/lib/own_network.sh"
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"
# shellcheck source=tests/lib/steady.sh
. "$top/tests/lib/steady.sh"
# shellcheck source=deploy/lib/screen.sh
. "$top/deploy/lib/screen.sh"
# shellcheck source=deploy/lib/rdp.sh
. "$top/deploy/lib/rdp.sh"
# shellcheck source=deploy/lib/site.sh
. "$top/deploy/lib/site.sh"

HOLD_POOL=ward-3
HOLD_COLOUR='#2f5d8a' # of the screen that stands for a desktop
HOLD_SHARE=40         # percent of a terminal's screen that must have it

# hold_begin BUILD-FOLDER [DRIVER] - a folder that goes with the script; on failure the ends of the logs are shown.
hold_begin() {
    local build
    build=$(readlink -f "${1:?usage: $PROGRAM BUILD-FOLDER}")
    [[ -x $build/berthd && -x $build/berth-agent && -x $build/berthctl && -x $build/berth-virt ]] ||
        die "berthd and the others are not built in '$build'"
    [[ -x $build/screen-look ]] || die "screen-look is not built in '$build'"
    HOLD_CHECK=$build/tests/history/berth-check
    [[ -x $HOLD_CHECK ]] || die "berth-check is not built in '$build'"
    need_root
    need_commands Xvfb xdotool jq virsh openssl freerdp-shadow-cli3 xfreerdp3
    HOLD_WORK=$(mktemp -d /tmp/berth-hold.XXXXXX)
    at_exit hold_remove
    step_log_to "$HOLD_WORK/steps.log"
    HOLD_TEMPLATE=$SITE_LIB/../image/domain.xml
    # shellcheck disable=SC2034 # site.sh gives it to broker and terminals
    SITE_HISTORY=$HOLD_WORK/history
    site_open "$HOLD_WORK/site" "$build" "${2:-test}"
}

# hold_judged - what broker, hypervisors and terminals wrote down meanwhile breaks no invariant.
hold_judged() {
    "$HOLD_CHECK" "$SITE_HISTORY" >"$HOLD_WORK/verdict" || {
        cat "$HOLD_WORK/verdict" >&2
        return 1
    }
    tail -n 1 "$HOLD_WORK/verdict" >&2
}

# A tree on which something is still mounted is not removed; better a folder too many than somebody's files gone.
hold_remove() {
    wait_for hold_nobody_left || say "processes are left: $(pgrep -af -- "$HOLD_WORK")"
    ! grep -q " $HOLD_WORK/" /proc/self/mounts || {
        say "$HOLD_WORK stays: something is mounted there"
        return
    }
    rm -rf --one-file-system "$HOLD_WORK"
}

hold_nobody_left() {
    ! pgrep -f -- "$HOLD_WORK/" >/dev/null
}

# hold_host DESKTOPS - hypervisor and broker, a host with room for so many, an image.
hold_host() {
    site_start_libvirtd
    site_start_broker
    site_make_empty_image "$SITE/etc/no-image"
    site_add_host "$1"
    site_add_image "$SITE/etc/no-image"
}

# hold_site DESKTOPS SPARE USER... - everything but the terminals.
hold_site() {
    local desktops=$1 spare=$2 user
    shift 2
    hold_host "$desktops"
    for user in "$@"; do site_add_user "$user"; done
    site_start_rdp_servers "$desktops" "$HOLD_COLOUR" "$@"
    site_add_pool "$HOLD_POOL" "$HOLD_TEMPLATE" max="$desktops" spare="$spare" credential=passthrough
    site_await_spare "$HOLD_POOL"
}

# Real machines of QEMU in which nothing runs, on whose forwarded ports our RDP servers stand: -L takes the place of the
# network, so that QEMU leaves the ports alone. Started in a second, and kept by the kernel when libvirtd dies.
hold_idle_machines() {
    HOLD_TEMPLATE=$SITE/etc/idle.xml
    sed -e '/<kernel>/d; /<initrd>/d; /<cmdline>/d' -e "s|>512<|>32<|; s|<vcpu>2|<vcpu>1|; s|-netdev|-L|" \
        -e "/value='-device'/d; /virtio-net-pci/d" "$SITE_LIB/../image/domain.xml" >"$HOLD_TEMPLATE"
}

# Terminals start one after the other: each needs a moment to join.
hold_terminals() {
    local name
    for name in "$@"; do site_start_terminal "$name" 1024x768; done
}

# failed TEXT - what did not hold, and what the broker said last.
failed() {
    tail -n 20 "$SITE/log/berthd.log" >&2
    say "not so: $*"
    exit 1
}

# holds TEXT COMMAND... - now.
holds() {
    local text=$1
    shift
    "$@" || failed "$text"
}

# becomes TEXT COMMAND... - at last.
becomes() {
    local text=$1
    shift
    wait_for "$@" || failed "$text (within $BERTH_PATIENCE_S s)"
}

# --- Questions ----------------------------------------------------------------------------------------------------

shows_desktop() {
    site_nudge "$1"
    site_screen_shows "$1" "$HOLD_COLOUR" "$HOLD_SHARE"
}

shows_no_desktop() {
    ! site_screen_shows "$1" "$HOLD_COLOUR" 1
}

# viewers TERMINAL - prints the process ids of its viewers, on one line.
viewers() {
    pgrep -x -P "${TERMINAL_PID[$1]}" xfreerdp3 | xargs
}

has_viewers() {
    [[ $(viewers "$1" | wc -w) -eq $2 ]]
}

# asks_terminal TERMINAL FILTER - is this true of what the agent says of itself?
asks_terminal() {
    agent "$1" status --json | jq -e "$2" >/dev/null
}

# asks FILTER COMMAND... - is this true of what berthctl answers?
asks() {
    local filter=$1
    shift
    ctl "$@" --json | jq -e "$filter" >/dev/null
}

# The sessions that are not over: number, owner, desktop, epoch, state, terminal.
open_sessions() {
    ctl session list --json | jq -c '[.items[] | select(.state != "ended") | {id, user_id, desktop_id, epoch, state}] | sort_by(.id)'
}

# The machines that run, with the number libvirt gave each at its start: a machine restarted has another one.
machines() {
    virsh --quiet --connect "$SITE_URI" list | awk '{ print $1, $2 }' | sort
}

# hold_note - remember the open sessions and the viewer at icu-07: HOLD_SESSIONS, HOLD_VIEWER.
hold_note() {
    HOLD_SESSIONS=$(open_sessions)
    HOLD_VIEWER=$(viewers icu-07)
}

# hold_unmoved - they are now as they were then.
hold_unmoved() {
    [[ $(open_sessions) == "$HOLD_SESSIONS" ]] || failed "the session is as before: $HOLD_SESSIONS, now $(open_sessions)"
    [[ $(viewers icu-07) == "$HOLD_VIEWER" ]] || failed "the viewer is the same"
}

both_present() {
    site_terminal_present icu-07 && site_terminal_present icu-08
}

# logged EVENT [TEXT] - has berthd logged such a line?
logged() {
    grep -F " $1 " "$SITE/log/berthd.log" | grep -qF -- "${2:-}"
}

# metric NAME[{LABELS}] - prints its value, 0 when it is not there.
metric() {
    ctl metrics | awk -v name="$1" '$1 == name { value = $2 } END { print value + 0 }'
}
