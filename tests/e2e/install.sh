#!/usr/bin/env bash
# install.sh - `cmake --install` under three prefixes: units that start what was installed, accounts, /etc/berth, DESTDIR.
#
# usage: tests/e2e/install.sh BUILD
#
# Everything is installed below a temporary folder (DESTDIR). Under /usr/local, which the README uses, and /usr, systemd finds
# units and accounts by itself: its own tools confirm that, in a mount namespace with that prefix.
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"

UNITS=(berthd.service berthd.socket berth-agent.service)

# install_to FOLDER PREFIX
install_to() {
    DESTDIR=$1 cmake --install "$build" --prefix "$2" >"$work/said" || die "install to $2: $(tail -n 3 "$work/said")"
    [[ -z $(find "$1" -path "$1$2" -prune -o -type f -print) ]] || die "$2: files outside of it: $(find "$1" -type f)"
}

# Units start installed programs, and contain no placeholder.
check_units() {
    local root=$1 prefix=$2 unit program
    for unit in "${UNITS[@]}"; do
        [[ -s $root$prefix/lib/systemd/system/$unit ]] || die "$prefix: there is no $unit"
        ! grep -nE '@[a-z]+@' "$root$prefix/lib/systemd/system/$unit" || die "$prefix: $unit has a placeholder"
    done
    for unit in berthd berth-agent; do
        program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$root$prefix/lib/systemd/system/$unit.service")
        [[ $program == "$prefix/bin/$unit" && -x $root$program ]] || die "$prefix: $unit.service starts '$program'"
    done
    unit=$(sed -n 's/^Documentation=file://p' "$root$prefix/lib/systemd/system/berthd.service")
    [[ -n $unit && -s $root$unit ]] || die "$prefix: berthd.service names the document '$unit', which is not there"
    grep -q '^u berth-agent ' "$root$prefix/lib/sysusers.d/berth.conf" || die "$prefix: no account berth-agent"
}

# systemd_finds ROOT PREFIX - run in a mount namespace.
systemd_finds() {
    local unit
    if [[ $2 == /usr ]]; then # over the machine's own, which stays visible below
        mount -t overlay -o "lowerdir=$1/usr:/usr" berth /usr
    else
        mount --bind "$1$2" "$2"
    fi
    systemd-sysusers --cat-config >"$work/accounts"
    grep -qF "# $2/lib/sysusers.d/berth.conf" "$work/accounts" || die "$2: systemd-sysusers does not see the accounts"
    systemd-analyze unit-paths >"$work/paths"
    grep -qxF "$2/lib/systemd/system" "$work/paths" ||
        die "$2: systemd does not look for units there"
    for unit in "${UNITS[@]}"; do
        systemd-analyze --man=no verify "$2/lib/systemd/system/$unit" 2>"$work/verify" || die "$unit: $(cat "$work/verify")"
        ! grep -F "$unit" "$work/verify" || die "$2: systemd objects to $unit"
    done
}

main() {
    if [[ ${1:-} == --systemd-finds ]]; then
        work=$4
        systemd_finds "$2" "$3"
        return
    fi
    need_root
    need_commands cmake systemd-analyze systemd-sysusers unshare
    build=$(readlink -f "${1:?usage: tests/e2e/install.sh BUILD}")
    work=$(mktemp -d)
    at_exit rm -rf "$work"
    local prefix
    ! (cd "$work" && cmake --install "$build" --prefix relative) >"$work/said" 2>&1 || die "a relative prefix is accepted"
    tr -s ' \n' ' ' <"$work/said" | grep -qF "prefix 'relative' is relative" || die "a relative prefix: $(cat "$work/said")"
    [[ ! -e $work/relative ]] || die "a relative prefix is refused after $(find "$work/relative" -type f | wc -l) files were copied"
    for prefix in /usr/local /usr /opt/berth; do
        install_to "$work/root" "$prefix"
        check_units "$work/root" "$prefix"
        if [[ $prefix == /opt/berth ]]; then
            [[ ! -e $work/root/etc ]] || die "$prefix: it writes to /etc"
            grep -qF "$prefix/lib/systemd/system/berthd.service" "$work/said" || die "$prefix: it does not say how to link the units"
        else
            [[ -d $work/root/etc/berth ]] || die "$prefix: there is no /etc/berth"
            unshare --mount -- "$0" --systemd-finds "$work/root" "$prefix" "$work" || exit 1
        fi
        rm -rf "$work/root"
        say "  installed to $prefix"
    done
    say "three prefixes, each with units that start what was installed"
}

main "$@"
