# own_network.sh - a test that sources this file runs in a network of its own, in which every port is free.
#
# The script is started again from its beginning in a new network namespace with nothing but a loopback, so source it
# first, or after what needs the machine's network. Ports that a test names are below 32768: from there on the kernel
# gives them to connections.
# shellcheck shell=bash

if [[ ${BERTH_OWN_NETWORK:-} != "$(readlink /proc/self/ns/net)" ]]; then
    ((EUID == 0)) || {
        printf '%s: must run as root: it makes a network namespace\n' "${0##*/}" >&2
        exit 1
    }
    # shellcheck disable=SC2016 # the inner bash expands its own words
    exec unshare --net -- bash -c 'ip link set lo up || exit
        export BERTH_OWN_NETWORK=$(readlink /proc/self/ns/net)
        exec "$@"' - "$0" "$@"
fi
