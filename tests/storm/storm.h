/* storm.h - one run of berth-storm: thousands of terminals against one real broker.
 *
 * tests/storm runs terminals in a single libuv process over real mutual TLS, each from an address
 * of its own in 127.0.0.0/8, and prints how the broker served them. Where to look:
 *
 *     verbs.def acts.h   the verbs; one function each (act_*.c)
 *     options            the command line
 *     site               libvirt's test driver, berthd, its folder: started, killed, ended
 *     seed rest          what an administrator does first, through the management API
 *     keyring            the terminals' keys and certificates, kept between runs
 *     population terminal  the terminals (lean/terminal) and the people at them
 *     lean/rdp_responder  answers for the desktops' RDP servers
 *     figures broker report   what is measured, here and by the broker, and how it is printed
 *
 * To add a verb: a row in verbs.def, a function act_<symbol>.
 */
#ifndef BERTH_STORM_H
#define BERTH_STORM_H

#include "berth/history_file.h"
#include "berth/loop.h"
#include "berth/random.h"

#include "broker.h"
#include "figures.h"
#include "options.h"
#include "population.h"
#include "site.h"

struct storm {
    struct storm_options options;
    struct berth_loop loop;
    struct berth_random random;
    struct site site;
    struct population population;
    struct figures figures;
    struct broker_figures before, after; /* around the verb's own time */
    int64_t began_us;                    /* of the verb's own time; 0: still preparing */
    int64_t ended_us;
    int64_t idle_rss_bytes; /* of berthd before the first terminal came */
    const char *doing;      /* for the progress line */
    int64_t said_us;
};

/* Microseconds of the monotonic clock, read now: a loop's own clock is as old as its turn. */
int64_t storm_now_us(void);

/* Run the loop until `done` returns true; false: `limit_ms` passed before. Prints progress every
 * second. */
bool storm_turn(struct storm *storm, bool (*done)(struct storm *storm), int64_t limit_ms);

/* Was Ctrl-C pressed? Then everything ends early and is cleaned up as usual. */
bool storm_is_called_off(void);

/* Begin and end of the measured time: the broker's counters are read around it. */
int storm_clock_starts(struct storm *storm, struct berth_error *reterr) berth_must_check;
int storm_clock_stops(struct storm *storm, struct berth_error *reterr) berth_must_check;

#endif
