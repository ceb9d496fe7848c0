# debian.sh - which Debian this is and where it takes its packages from, as apt itself sees it.
#
# apt is asked instead of reading its files: it knows both formats (deb822 .sources, one-line .list) and all folders. No
# other host name is ever added.
# shellcheck shell=bash

DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

debian_codename() {
    local ID='' VERSION_CODENAME=''
    # shellcheck source=/dev/null
    . /etc/os-release
    [[ $ID == debian ]] || die "needs Debian 12 or 13; this is '${ID:-unknown}'"
    case $VERSION_CODENAME in
    bookworm | trixie) printf '%s\n' "$VERSION_CODENAME" ;;
    *) die "needs Debian 12 or 13; this is '$VERSION_CODENAME'" ;;
    esac
}

# One line for each configured package list: uri, suite as configured, codename, component, separated by spaces. apt only
# lists what it has fetched; a fresh container has nothing.
debian_package_lists() {
    # shellcheck disable=SC2016 # the $(...) are apt's, not the shell's
    local -a query=(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT)'
        'Created-By: Packages')
    local lists
    lists=$("${query[@]}")
    if [[ -z $lists ]]; then
        apt-get -q -o DPkg::Lock::Timeout=600 update >&2
        lists=$("${query[@]}")
    fi
    printf '%s\n' "$lists"
}

# debian_mirror CODENAME - prints the uri this machine takes CODENAME's main packages from; fails if there is none.
debian_mirror() {
    debian_package_lists | awk -v suite="$1" '
        $4 == "main" && ($2 == suite || $3 == suite) && !found { found = $1 }
        END { if (!found) exit 1; print found }'
}

# debian_has_suite SUITE - is it configured on this machine?
debian_has_suite() {
    debian_package_lists | awk -v suite="$1" '$2 == suite || $3 == suite { found = 1 } END { exit !found }'
}

# debian_sources SUITE - prints the source lines for that release, from the mirrors this machine uses for its own.
debian_sources() {
    local own mirror security keyring=''
    own=$(debian_codename)
    mirror=$(debian_mirror "$1" || debian_mirror "$own") ||
        die "apt has no source for Debian $own; cannot tell which mirror to use"
    security=$(debian_mirror "$1-security" || debian_mirror "$own-security" || true) # some sites have none
    [[ ! -r $DEBIAN_KEYRING ]] || keyring="[signed-by=$DEBIAN_KEYRING] "
    printf 'deb %s%s %s main\n' "$keyring" "$mirror" "$1" "$keyring" "$mirror" "$1-updates"
    [[ -z $security ]] || printf 'deb %s%s %s main\n' "$keyring" "$security" "$1-security"
}

# How this machine reaches its mirror (proxies, checks of dates and certificates), as lines of apt's configuration.
debian_apt_settings() {
    apt-config dump --format '%F "%v";%n' |
        grep -E '^Acquire::(http|https|Check-Date|Check-Valid-Until|Retries|AllowInsecure)[^ ]* ".+";$' || true
}
