# rdp.sh - find out whether a port has an RDP server. Source it after common.sh.
# shellcheck shell=bash

# rdp_answers PORT [ADDRESS] - does the port (of 127.0.0.1) answer an X.224 connection request?
#
# An open port proves nothing: QEMU's forwarder accepts before the guest listens.
rdp_answers() {
    # A process of its own, so that the socket is closed whatever happens; timeout, since a forwarder may stay silent.
    # shellcheck disable=SC2016 # the inner bash expands its own $1 and $2
    [[ $(timeout 2 bash -c '
        exec 3<>"/dev/tcp/$2/$1" || exit
        printf "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00" >&3
        head -c 6 <&3 | od -An -tx1' - "$1" "${2:-127.0.0.1}" 2>/dev/null) == " 03 00 00 13 0e d0" ]]
}
