# seed.sh - makes a test repeatable: whether it is the long form, and a seed for all its random numbers.
#
# Source it after common.sh and own_network.sh. The default run has a fixed seed; BERTH_LONG=1, the long form, draws one.
# It is printed, and BERTH_SEED=NUMBER repeats that run. How long a test waits: BERTH_WAIT_LIMIT_S of common.sh.
# shellcheck shell=bash

# Empty and 0 mean the short form, here and in every program that is started from here.
[[ ${BERTH_LONG:-0} == 0 ]] && BERTH_LONG=0 || BERTH_LONG=1
((!BERTH_LONG)) || : "${BERTH_SEED:=$SRANDOM}"
BERTH_SEED=${BERTH_SEED:-1}
export BERTH_LONG BERTH_SEED
say "seed $BERTH_SEED"
RANDOM=$((BERTH_SEED % 32768))

# draw LIMIT - sets DRAWN to a number from 0 to LIMIT - 1. Not inside $( ) or ( ): a subshell has its own sequence.
draw() {
    DRAWN=$(((RANDOM * 32768 + RANDOM) % $1))
}

# draw_moment MS - sets DRAWN to a random time of at most MS milliseconds, in seconds for sleep.
draw_moment() {
    draw "$1"
    printf -v DRAWN '%d.%03d' "$((DRAWN / 1000))" "$((DRAWN % 1000))"
}
