# own_network.sh - a test that sources this file runs in its own network namespace, in which every port and every X display
# number is free; such tests can run at the same time.
#
# The script is started again from its beginning in a new network namespace with nothing but a loopback, so source it
# first, or after what needs the machine's network. Ports that a test names are below 32768: the kernel uses higher ones for
# connections. X servers put their sockets into one folder of the machine, where a server in another network namespace would
# replace ours: so the folder is private as well.
# shellcheck shell=bash

if [[ ${BERTH_OWN_NETWORK:-} != "$(readlink /proc/self/ns/net)" ]]; then
    ((EUID == 0)) || {
        printf '%s: must run as root: it makes namespaces\n' "${0##*/}" >&2
        exit 1
    }
    # shellcheck disable=SC2016 # the inner bash expands its own words
    exec unshare --net --mount -- bash -c 'ip link set lo up && mkdir -p /tmp/.X11-unix &&
            mount -t tmpfs -o mode=1777 x11 /tmp/.X11-unix || exit
        export BERTH_OWN_NETWORK=$(readlink /proc/self/ns/net)
        exec "$@"' - "$0" "$@"
fi
