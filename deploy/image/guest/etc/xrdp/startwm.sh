#!/bin/sh
# startwm.sh - the session: the desktop is its first and last program.
cd "$HOME" || exit 1
export LANG=C.UTF-8 XDG_SESSION_TYPE=x11
export XENVIRONMENT=/usr/share/berth/xresources
exec jwm
