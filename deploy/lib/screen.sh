# screen.sh - starts an X server without a monitor, takes pictures of screens, and checks what they show.
#
# Source it after common.sh.
# shellcheck shell=bash

# ImageMagick 7 (Debian 13) and 6 (Debian 12) name their programs differently.
magick_convert() {
    if [[ -n $(type -P magick) ]]; then magick "$@"; else convert "$@"; fi
}

magick_import() {
    if [[ -n $(type -P magick) ]]; then magick import "$@"; else import "$@"; fi
}

# screen_start FOLDER SIZE - start an X server without a monitor (SIZE: 1280x800) and export DISPLAY and XAUTHORITY.
#
# It finds a free number by itself, requires a cookie (other accounts of the machine do not see the screen), and ends with
# the script. Its process id is SCREEN_PID.
screen_start() {
    local folder=$1 size=$2
    need_commands Xvfb xauth
    mkdir -p "$folder"
    export XAUTHORITY=$folder/xauthority
    rm -f "$XAUTHORITY" "$folder/number"
    (umask 077 && : >"$XAUTHORITY")
    # The server accepts the cookie with any number: the number of this entry does not matter.
    xauth -q add :0 . "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
    Xvfb -displayfd 3 -screen 0 "${size}x24" -noreset -nolisten tcp -auth "$XAUTHORITY" \
        3>"$folder/number" </dev/null >"$folder/xvfb.log" 2>&1 &
    SCREEN_PID=$!
    at_exit end_process "$SCREEN_PID"
    wait_for screen_settled "$folder/number" || die "the X server did not report its display number; see $folder/xvfb.log"
    [[ -s $folder/number ]] || die "the X server did not start: $(tail -n 3 "$folder/xvfb.log")"
    export DISPLAY
    DISPLAY=:$(cat "$folder/number")
    [[ $DISPLAY == :0 ]] || xauth -q add "$DISPLAY" . "$(xauth list :0 | awk '{ print $3; exit }')"
}

# Has it written its number, or ended?
screen_settled() {
    [[ -s $1 ]] || process_gone "$SCREEN_PID"
}

# screen_shot FILE - save a picture (PNG) of the whole screen.
screen_shot() {
    magick_import -silent -window root "png:$1"
}

# screen_move_pointer - move the pointer a little, to and fro.
POINTER_STEP=3
screen_move_pointer() {
    POINTER_STEP=$((-POINTER_STEP))
    xdotool mousemove_relative -- "$POINTER_STEP" "$POINTER_STEP"
}

# colour_share FILE COLOUR - prints how much of a picture has that colour, in percent (0-100). RDP's compression changes
# colours a little, so similar ones count.
colour_share() {
    magick_convert "$1" -alpha off -fuzz 5% +transparent "$2" -alpha extract -format '%[fx:int(100*mean)]' info:
}

# screen_shows COLOUR PERCENT - does at least that much of the screen have that colour? SCREEN_BIN: where screen-look is.
SCREEN_BIN=
screen_shows() {
    local share
    share=$("$SCREEN_BIN/screen-look" share "$1") || die "cannot look at the screen $DISPLAY"
    ((share >= $2))
}
