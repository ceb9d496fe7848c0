# site_test.sh - shared by the tests site_*: a small site on libvirt's test driver, and queries of its state.
#
# Source it first, after `set -euo pipefail`: it sources what it needs, and the test then runs in a network of its own.
# Desktops are FreeRDP's shadow servers, all the rest is real. Sets `top`, the folder of the checkout.
# shellcheck shell=bash

top=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../..")
# shellcheck source=tests/lib/own_network.sh
. "$top/tests/lib/own_network.sh"
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"
# shellcheck source=tests/lib/seed.sh
. "$top/tests/lib/seed.sh"
# shellcheck source=deploy/lib/screen.sh
. "$top/deploy/lib/screen.sh"
# shellcheck source=deploy/lib/rdp.sh
. "$top/deploy/lib/rdp.sh"
# shellcheck source=deploy/lib/site.sh
. "$top/deploy/lib/site.sh"

TEST_POOL=ward-3
TEST_COLOUR='#2f5d8a' # of the screen of a desktop
TEST_COLOUR_PERCENT=40         # percent of a terminal's screen that must have it

# site_test_begin BUILD-FOLDER [DRIVER] - make a folder that is removed at exit; on failure the ends of the logs are shown.
site_test_begin() {
    local build
    build=$(readlink -f "${1:?usage: $PROGRAM BUILD-FOLDER}")
    [[ -x $build/berthd && -x $build/berth-agent && -x $build/berthctl && -x $build/berth-virt ]] ||
        die "berthd and the others are not built in '$build'"
    [[ -x $build/screen-look ]] || die "screen-look is not built in '$build'"
    BERTH_CHECK=$build/tests/history/berth-check
    [[ -x $BERTH_CHECK ]] || die "berth-check is not built in '$build'"
    need_root
    need_commands Xvfb xdotool jq virsh openssl freerdp-shadow-cli3 xfreerdp3
    TEST_FOLDER=$(mktemp -d /tmp/berth-site-test.XXXXXX)
    at_exit site_test_remove
    step_log_to "$TEST_FOLDER/steps.log"
    TEST_TEMPLATE=$SITE_LIB/../image/domain.xml
    # shellcheck disable=SC2034 # site.sh gives it to broker and terminals
    SITE_HISTORY=$TEST_FOLDER/history
    site_open "$TEST_FOLDER/site" "$build" "${2:-test}"
}

# history_keeps_invariants - the recorded history of broker, hypervisors and terminals breaks no invariant.
history_keeps_invariants() {
    "$BERTH_CHECK" "$SITE_HISTORY" >"$TEST_FOLDER/verdict" || {
        cat "$TEST_FOLDER/verdict" >&2
        return 1
    }
    tail -n 1 "$TEST_FOLDER/verdict" >&2
}

# Do not remove a tree on which something is still mounted: other files could be lost.
site_test_remove() {
    wait_for site_test_all_ended || say "processes are left: $(pgrep -af -- "$TEST_FOLDER")"
    ! grep -q " $TEST_FOLDER/" /proc/self/mounts || {
        say "$TEST_FOLDER stays: something is mounted there"
        return
    }
    rm -rf --one-file-system "$TEST_FOLDER"
}

site_test_all_ended() {
    ! pgrep -f -- "$TEST_FOLDER/" >/dev/null
}

# site_test_start_broker DESKTOPS - hypervisor and broker, a host with room for this many, an image.
site_test_start_broker() {
    site_start_libvirtd
    site_start_broker
    site_make_empty_image "$SITE/etc/no-image"
    site_add_host "$1"
    site_add_image "$SITE/etc/no-image"
}

# site_test_start DESKTOPS SPARE USER... - everything but the terminals.
site_test_start() {
    local desktops=$1 spare=$2 user
    shift 2
    site_test_start_broker "$desktops"
    for user in "$@"; do site_add_user "$user"; done
    site_start_rdp_servers "$desktops" "$TEST_COLOUR" "$@"
    site_add_pool "$TEST_POOL" "$TEST_TEMPLATE" max="$desktops" spare="$spare" credential=passthrough
    site_await_spare "$TEST_POOL"
}

# Real QEMU machines without a guest; our RDP servers use their forwarded ports: -L replaces the network, so that QEMU does
# not open the ports. They start in a second and survive libvirtd.
site_test_use_idle_machines() {
    TEST_TEMPLATE=$SITE/etc/idle.xml
    sed -e '/<kernel>/d; /<initrd>/d; /<cmdline>/d' -e "s|>512<|>32<|; s|<vcpu>2|<vcpu>1|; s|-netdev|-L|" \
        -e "/value='-device'/d; /virtio-net-pci/d" "$SITE_LIB/../image/domain.xml" >"$TEST_TEMPLATE"
}

# Terminals start one after the other: each needs a moment to join.
site_test_start_terminals() {
    local name
    for name in "$@"; do site_start_terminal "$name" 1024x768; done
}

# fail TEXT - report the violation with the end of the broker's log, and exit.
fail() {
    tail -n 20 "$SITE/log/berthd.log" >&2
    say "violated: $*"
    exit 1
}

# assert_now TEXT COMMAND... - the command succeeds now.
assert_now() {
    local text=$1
    shift
    "$@" || fail "$text"
}

# assert_eventually TEXT COMMAND... - the command succeeds within BERTH_WAIT_LIMIT_S.
assert_eventually() {
    local text=$1
    shift
    wait_for "$@" || fail "$text (within $BERTH_WAIT_LIMIT_S s)"
}

# --- Queries ------------------------------------------------------------------------------------------------------

shows_desktop() {
    site_move_pointer "$1"
    site_screen_shows "$1" "$TEST_COLOUR" "$TEST_COLOUR_PERCENT"
}

shows_no_desktop() {
    ! site_screen_shows "$1" "$TEST_COLOUR" 1
}

# viewers TERMINAL - prints the process ids of its viewers, on one line.
viewers() {
    pgrep -x -P "${TERMINAL_PID[$1]}" xfreerdp3 | xargs
}

has_viewers() {
    [[ $(viewers "$1" | wc -w) -eq $2 ]]
}

# terminal_status_is TERMINAL FILTER - does the agent's status match?
terminal_status_is() {
    agent "$1" status --json | jq -e "$2" >/dev/null
}

# ctl_answer_is FILTER COMMAND... - does berthctl's answer match?
ctl_answer_is() {
    local filter=$1
    shift
    ctl "$@" --json | jq -e "$filter" >/dev/null
}

# Open sessions: number, owner, desktop, epoch, state, terminal.
open_sessions() {
    ctl session list --json | jq -c '[.items[] | select(.state != "ended") | {id, user_id, desktop_id, epoch, state}] | sort_by(.id)'
}

# Running machines with the id that libvirt gave each at its start: a restarted machine has a new one.
machines() {
    virsh --quiet --connect "$SITE_URI" list | awk '{ print $1, $2 }' | sort
}

# remember_session - set REMEMBERED_SESSIONS (open sessions) and REMEMBERED_VIEWER (the viewer at icu-07).
remember_session() {
    REMEMBERED_SESSIONS=$(open_sessions)
    REMEMBERED_VIEWER=$(viewers icu-07)
}

# assert_session_unchanged - they are the same as then.
assert_session_unchanged() {
    [[ $(open_sessions) == "$REMEMBERED_SESSIONS" ]] || fail "the session is as before: $REMEMBERED_SESSIONS, now $(open_sessions)"
    [[ $(viewers icu-07) == "$REMEMBERED_VIEWER" ]] || fail "the viewer is the same"
}

both_present() {
    site_terminal_present icu-07 && site_terminal_present icu-08
}

# logged EVENT [TEXT] - has berthd logged such a line?
logged() {
    grep -F " $1 " "$SITE/log/berthd.log" | grep -qF -- "${2:-}"
}

# metric NAME[{LABELS}] - prints its value, 0 when it does not exist.
metric() {
    ctl metrics | awk -v name="$1" '$1 == name { value = $2 } END { print value + 0 }'
}
