#!/usr/bin/env bash
# quickstart_qemu.sh - deploy/quickstart with a real guest under QEMU: the whole chain, as a new user runs it.
#
# usage: tests/e2e/quickstart_qemu.sh BUILD-FOLDER
#
# BUILD-FOLDER is given to every script here; the quickstart builds for itself, in the same tree. The image of the guest
# comes from the cache, or is made once.
set -euo pipefail
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"
# shellcheck source=deploy/lib/screen.sh
. "$top/deploy/lib/screen.sh"
# shellcheck source=tests/e2e/lib/quick.sh
. "$top/tests/e2e/lib/quick.sh"

WALLPAPER_SHARE=40 # percent of the screen that has the colour of the guest's own wallpaper

# The picture comes from the guest: its wallpaper has the colour that the image was built with.
guest_on_picture() {
    local image colour picture
    image=$("$top/deploy/image/desktop")
    colour=$(jq -r .wallpaper "$image/info.json")
    picture=$(jq -r .screenshot <<<"$proof")
    (($(colour_share "$picture" "$colour") >= WALLPAPER_SHARE)) || die "$picture shows the guest's wallpaper $colour"
}

need_root
quick_begin
step "from an empty folder to a desktop" quick_run qemu "$state"
say "    $proof"
step "the picture is the guest's" guest_on_picture
quick_nothing_left "$state"
step "clean" quick_clean qemu "$state"
say "$PROGRAM: a real guest's desktop was on the terminal, and nothing is left over"
