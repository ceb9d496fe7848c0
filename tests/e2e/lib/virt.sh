# virt.sh - shared by the tests virt*: a program that calls berth-virt with a real QEMU, and a folder for it.
#
# Source it after `set -euo pipefail`, and after the image was made where one is needed: the test then runs in a network of
# its own, which brings no packages. Sets `top`, the folder of the checkout.
# shellcheck shell=bash

top=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../..")
# shellcheck source=tests/lib/own_network.sh
. "$top/tests/lib/own_network.sh"
# shellcheck source=deploy/lib/common.sh
. "$top/deploy/lib/common.sh"

# virt_begin BUILD-FOLDER NAME - sets `build`, `program` (made from NAME.c) and `work`, a folder that is removed at exit.
virt_begin() {
    need_root
    build=$(readlink -f "${1:?usage: $PROGRAM BUILD-FOLDER}")
    program=$build/tests/e2e-program-$2
    [[ -x $program ]] || die "'$program' is not built"
    work=$(mktemp -d)
    at_exit rm -rf "$work"
    step_log_to "$work/steps.log"
}
