# site.sh - a whole Berth site in one folder of one machine: hypervisor, broker, pool, user, terminals.
#
# Source it after common.sh, screen.sh and rdp.sh. Used by deploy/quickstart and tests/e2e, which call site_open first.
# Everything listens on the loopback only; site_close ends everything.
# shellcheck shell=bash

SITE_LIB=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
SITE=         # the folder
SITE_BIN=     # where the programs are
SITE_DRIVER=  # test or qemu
SITE_URI=     # libvirt URI of the site's only host
SITE_LOG_LEVEL=info
LINK_PORT= # of the broker; the other ports follow it
SITE_HISTORY=${SITE_HISTORY:-} # file into which broker and terminals record what happens; empty: they do not
# shellcheck disable=SC2034 # for those who source this file
declare -A TERMINAL_PID
declare -A TERMINAL_DISPLAY TERMINAL_XAUTHORITY

# site_open FOLDER BIN DRIVER - the folder is made when it is missing; its ports are kept from run to run.
site_open() {
    SITE=$(readlink -m "$1")
    SITE_BIN=$(readlink -f "$2")
    # shellcheck disable=SC2034 # read by screen_shows
    SCREEN_BIN=$SITE_BIN
    SITE_DRIVER=$3
    umask 077
    mkdir -p "$SITE"/{etc,run,log,disks}
    chmod 711 "$SITE" "$SITE/disks"
    WAIT_LOGS+=("$SITE/log/*.log")
    site_reserve_ports
}

# The first port of the site's row marks the row as taken; then come the broker, the tests' own servers, and the desktops.
site_reserve_ports() {
    local row holder began
    # shellcheck source=/dev/null
    [[ ! -s $SITE/etc/ports ]] || . "$SITE/etc/ports"
    row=$("$SITE_LIB/reserve-ports" "$SITE" $$ ${LINK_PORT:+"$((LINK_PORT - 1))"}) || exit 1
    read -r row holder <<<"$row"
    ! began=$(process_start "$holder") || at_exit site_release_ports "$holder" "$began"
    [[ -s $SITE/etc/ports ]] || printf 'LINK_PORT=%s\nJOIN_PORT=%s\nFIRST_PORT=%s\n' \
        "$((row + 1))" "$((row + 2))" "$((row + 16))" >"$SITE/etc/ports"
    # shellcheck source=/dev/null
    . "$SITE/etc/ports"
}

# site_release_ports PID START-TIME - end the holder of the ports, which is not a child of this shell.
site_release_ports() {
    process_gone "$1" "$2" || kill "$1" 2>/dev/null || true # gone in this very moment
}

# The administrator's command line, over the broker's socket.
ctl() {
    "$SITE_BIN/berthctl" --socket "$SITE/run/berthd.sock" "$@"
}

# --- The hypervisor -----------------------------------------------------------------------------------------------

site_start_libvirtd() {
    local socket
    socket=$("$SITE_LIB/private-libvirtd" start "$SITE/libvirt" --owner $$)
    at_exit "$SITE_LIB/private-libvirtd" stop "$SITE/libvirt"
    case $SITE_DRIVER in
    qemu) SITE_URI="qemu+unix:///system?socket=$socket" ;;
    test)
        SITE_URI="test+unix:///default?socket=$socket"
        site_keep_test_driver_alive
        ;;
    esac
    virsh --quiet --connect "$SITE_URI" pool-info berth >/dev/null 2>&1 || {
        virsh --quiet --connect "$SITE_URI" pool-define-as berth dir --target "$SITE/disks"
        virsh --quiet --connect "$SITE_URI" pool-start berth
    }
}

# The test driver keeps its machines while a client is connected: keep one connection open besides the broker's.
site_keep_test_driver_alive() {
    mkfifo -m 600 "$SITE/run/test-driver-input" 2>/dev/null || true
    # Without keepalive: else the connection, and with it all machines, would be lost when the daemon is stopped for 30 s.
    virsh --quiet --keepalive-interval 0 --connect "$SITE_URI" <"$SITE/run/test-driver-input" >"$SITE/run/test-driver-output" 2>/dev/null &
    at_exit end_process $!
    exec 8>"$SITE/run/test-driver-input"
    # Wait until it is connected: with an earlier client all that was defined would end.
    echo hostname >&8
    wait_for test -s "$SITE/run/test-driver-output"
}

# --- The broker ---------------------------------------------------------------------------------------------------

site_write_broker_config() {
    cat >"$SITE/etc/berthd.conf" <<CONFIG
[broker]
data = $SITE/data
terminals = 100
recovery_s = 5
history = $SITE_HISTORY
[link]
listen = 127.0.0.1:$LINK_PORT
join_listen = 127.0.0.1:$JOIN_PORT
threads = 1
[api]
socket = $SITE/run/berthd.sock
[log]
level = $SITE_LOG_LEVEL
CONFIG
}

# Starts berthd again when it dies, at most five times within a minute. Exit code 2 means that it refused to start; another
# try would not help.
site_supervise_broker() {
    local deaths=0 since=$SECONDS code child
    trap 'end_process $! "$BERTH_WAIT_LIMIT_S" || exit 1; exit 0' TERM INT
    while ((deaths < 5)); do
        "$SITE_BIN/berthd" --config "$SITE/etc/berthd.conf" 2>>"$SITE/log/berthd.log" 8>&- &
        child=$!
        echo "$child" >"$SITE/run/berthd.pid"
        code=0
        wait "$child" || code=$?
        ((code != 0 && code != 2)) || exit "$code"
        ((SECONDS - since < 60)) || { deaths=0 && since=$SECONDS; }
        deaths=$((deaths + 1))
        sleep 0.2
    done
    say "berthd died five times within a minute; see $SITE/log/berthd.log"
}

site_broker_ready() {
    ctl ready >/dev/null 2>&1
}

site_start_broker() {
    [[ -s $SITE/etc/berthd.conf ]] || site_write_broker_config
    site_supervise_broker &
    SITE_SUPERVISOR=$!
    at_exit site_stop_broker
    wait_for site_broker_settled || return 1
    site_broker_ready || {
        tail -n 5 "$SITE/log/berthd.log" >&2
        return 1
    }
}

# Has it become ready, or ended?
site_broker_settled() {
    site_broker_ready || process_gone "$SITE_SUPERVISOR"
}

site_stop_broker() {
    # It gives the broker BERTH_WAIT_LIMIT_S, and ends with 1 when that was not enough.
    end_process "$SITE_SUPERVISOR" "$((BERTH_WAIT_LIMIT_S + 30))" && ((ENDED_WITH != 1))
}

# --- Pool, user, entitlement --------------------------------------------------------------------------------------

# site_has COLLECTION NAME
site_has() {
    ctl "$1" show "$2" --json >/dev/null 2>&1
}

# site_add_host DESKTOPS - the hypervisor, with as many forwarded ports as it may have desktops.
site_add_host() {
    if site_has host here; then
        ctl host set here uri="$SITE_URI"
    else
        ctl host add here uri="$SITE_URI" address=127.0.0.1 port_first="$FIRST_PORT" \
            port_last="$((FIRST_PORT + $1 - 1))" max_starting=2 max_desktops="$1" weight=1 storage=berth
    fi
}

# site_add_image FOLDER - the golden image as deploy/image/desktop left it, published.
site_add_image() {
    local versions version
    site_has image desktop || ctl image add desktop
    versions=$(ctl image-version list --json)
    if [[ $(jq -r '.items[]?.path' <<<"$versions" | tail -n 1) == "$1/desktop.qcow2" ]]; then
        return
    fi
    # One version per file: an image that was added before is published again.
    version=$(jq --arg path "$1/desktop.qcow2" '.items[]? | select(.path == $path) | .number' <<<"$versions")
    if [[ -z $version ]]; then
        ctl image-version add desktop "$1/desktop.qcow2" kernel="$1/vmlinuz" initrd="$1/initrd.img"
        version=$(ctl image-version list --json | jq '[.items[].number] | max')
    fi
    ctl image publish desktop "$version"
}

# site_add_pool NAME TEMPLATE SETTING... - entitled to everyone.
site_add_pool() {
    local name=$1 template=$2
    shift 2
    site_has pool "$name" && return
    ctl pool add "$name" kind=floating image=desktop template="$template" address=forwarded port=3389 \
        start_limit_s=180 "$@"
    ctl entitlement add subject_kind=everyone pool="$name" effect=allow priority=10
}

# site_add_user NAME - with a random password, which is kept in the site's folder.
site_add_user() {
    site_has user "$1" && return
    new_password >"$SITE/etc/password-$1"
    ctl user add "$1" title="${2:-$1}" kind=person
    ctl user password "$1" <"$SITE/etc/password-$1"
}

new_password() {
    od -An -N9 -tx1 /dev/urandom | tr -d ' \n'
}

# site_make_empty_image FOLDER - an image of empty files, for the machines of the test driver.
site_make_empty_image() {
    mkdir -p "$1"
    [[ -s $1/desktop.qcow2 ]] || qemu-img create -q -f qcow2 "$1/desktop.qcow2" 1M
    touch "$1/vmlinuz" "$1/initrd.img"
}

site_has_spare() {
    (($(ctl pool status "$1" --json | jq .spare) >= 1))
}

# site_await_spare POOL
site_await_spare() {
    wait_for site_has_spare "$1" || {
        ctl pool status "$1" >&2
        ctl desktop list >&2
        return 1
    }
}

# --- Terminals ----------------------------------------------------------------------------------------------------

agent() {
    local name=$1
    shift
    "$SITE_BIN/berth-agent" --config "$SITE/$name/agent.conf" "$@"
}

# site_start_terminal NAME [SIZE] - start a screen and an agent on it, which joins by an invitation the first time.
site_start_terminal() {
    local name=$1 folder=$SITE/$1
    mkdir -p "$folder"
    if [[ -n ${DISPLAY_OF_PERSON:-} ]]; then
        site_open_window "$name" "${2:-1280x800}"
    else
        screen_start "$folder/screen" "${2:-1280x800}"
    fi
    TERMINAL_DISPLAY[$name]=$DISPLAY
    TERMINAL_XAUTHORITY[$name]=$XAUTHORITY
    site_write_agent_config "$name" >"$folder/agent.conf"
    [[ -e $folder/state/identity.json ]] || site_invite "$name" >"$folder/invitation"
    site_start_agent "$name"
    wait_for site_terminal_present "$name"
}

site_start_agent() {
    "$SITE_BIN/berth-agent" --config "$SITE/$1/agent.conf" run </dev/null 2>>"$SITE/log/agent-$1.log" 8>&- &
    # shellcheck disable=SC2034
    TERMINAL_PID[$1]=$!
    at_exit end_process $!
}

# site_end_agent PID - send SIGTERM; the caller checks whether it ends. It may have ended already.
site_end_agent() {
    ! process_is_ours "$1" || kill "$1" 2>/dev/null || true
}

# On a machine with a display the terminal is a window on it: an X server inside a window.
site_open_window() {
    local folder=$SITE/$1/screen
    mkdir -p "$folder"
    DISPLAY=$DISPLAY_OF_PERSON Xephyr -displayfd 3 -screen "$2" -title "Berth: $1" -no-host-grab -nolisten tcp \
        3>"$folder/number" </dev/null >"$folder/xephyr.log" 2>&1 &
    at_exit end_process $!
    wait_for test -s "$folder/number" || die "the window did not open; see $folder/xephyr.log"
    export DISPLAY XAUTHORITY=
    DISPLAY=:$(cat "$folder/number")
}

site_write_agent_config() {
    cat <<CONFIG
[broker]
invitation_file = $SITE/$1/invitation
dns = no
[terminal]
state = $SITE/$1/state
history = $SITE_HISTORY
[screen]
display = ${TERMINAL_DISPLAY[$1]}
authority = ${TERMINAL_XAUTHORITY[$1]}
[control]
socket = $SITE/$1/control.sock
[log]
level = $SITE_LOG_LEVEL
CONFIG
}

site_invite() {
    ctl terminal invite "$1" --json | jq -r .invitation
}

site_terminal_present() {
    [[ $(ctl terminal list --json | jq -r --arg t "$1" '.items[] | select(.name == $t) | .runtime.presence') == present ]]
}

# site_sign_on TERMINAL USER - with the password; SIGN_ON_MS is the time until the desktop was shown.
site_sign_on() {
    local begun
    begun=$(now_ms)
    agent "$1" sign-on "$2" <"$SITE/etc/password-$2"
    # shellcheck disable=SC2034 # for those who source this file
    SIGN_ON_MS=$(($(now_ms) - begun))
}

# Commands on a terminal's screen.
on_terminal() {
    local name=$1
    shift
    DISPLAY=${TERMINAL_DISPLAY[$name]} XAUTHORITY=${TERMINAL_XAUTHORITY[$name]} "$@"
}

# xrdp sends nothing new until the first input arrives, so the pointer is moved before each look.
site_move_pointer() {
    on_terminal "$1" screen_move_pointer
}

site_screen_shows() {
    local name=$1
    shift
    on_terminal "$name" screen_shows "$@"
}

# --- Machines for the test driver ---------------------------------------------------------------------------------
#
# The machines of libvirt's test driver have no guest. A real RDP server on the forwarded port of such a machine makes it a
# desktop: FreeRDP's shadow server, which shows an X screen and checks the user's own password.

# site_start_rdp_servers COUNT COLOUR USER... - at RDP_ADDRESS, the loopback where it is not set, from FIRST_PORT on.
site_start_rdp_servers() {
    local count=$1 colour=$2 i user
    shift 2
    : >"$SITE/etc/sam"
    for user in "$@"; do
        printf '%s:::%s:::\n' "$user" "$(nt_hash <"$SITE/etc/password-$user")" >>"$SITE/etc/sam"
    done
    screen_start "$SITE/run/machine-screen" 1280x800
    xsetroot -solid "$colour"
    xterm -geometry 60x12+80+80 -fa DejaVuSansMono -fs 14 -T Berth \
        -e sh -c 'echo "A desktop served by Berth"; exec sleep infinity' </dev/null >/dev/null 2>&1 &
    at_exit end_process $!
    for ((i = 0; i < count; i++)); do
        site_supervise_rdp_server "$i" &
        at_exit end_process $!
    done
    wait_for rdp_answers "$FIRST_PORT" "${RDP_ADDRESS:-127.0.0.1}"
}

# The server refuses a port with connections in TIME_WAIT (a minute after an earlier run): start it until it stays.
site_supervise_rdp_server() {
    local i=$1 child tries
    trap 'end_process $! 5 || exit 1; exit 0' TERM INT
    mkdir -p "$SITE/run/rdp-$i"
    for ((tries = 0; tries < 80; tries++)); do
        HOME=$SITE/run/rdp-$i freerdp-shadow-cli3 "/port:$((FIRST_PORT + i))" "/bind-address:${RDP_ADDRESS:-127.0.0.1}" \
            "/sam-file:$SITE/etc/sam" </dev/null >"$SITE/log/rdp-$i.log" 2>&1 8>&- &
        child=$!
        wait "$child" || true
        sleep 1
    done
}

# The hash that NLA checks: MD4 of the password in UTF-16 (no argument, no environment).
nt_hash() {
    tr -d '\n' | iconv -t UTF-16LE | openssl dgst -md4 -provider legacy -provider default -r | cut -c1-32
}
