/* reconnect.h - when to try the broker again.
 *
 * Module core of the agent: pure. The spread that the broker gave with the last grant is what brings
 * ten thousand terminals back without one wasted handshake (reliability, reconnect storm); where
 * somebody waits it does not apply.
 */
#ifndef BERTH_AGENT_CORE_RECONNECT_H
#define BERTH_AGENT_CORE_RECONNECT_H

#include "berth/random.h"

/* First try where somebody waits; where a desktop is shown when the broker gave no spread. */
#define RECONNECT_URGENT_MS 500
/* Later failures: full jitter below a ceiling that doubles from the first to the last. */
#define RECONNECT_FIRST_MS 1000
#define RECONNECT_MAX_MS 30000
/* The ceiling's end while a person waits: few terminals, and each second is felt. */
#define RECONNECT_WAITING_MAX_MS 2000

enum reconnect_urgency {
    RECONNECT_NOBODY,     /* nobody would notice */
    RECONNECT_IN_SESSION, /* a desktop is on the screen: within the first half of the spread */
    RECONNECT_WAITING,    /* a person waits for an answer */
};

/* Milliseconds to wait before try number `failures` + 1; failures is 0 when the link was lost just
 * now or the terminal starts. spread_ms: of the last grant, 0 = none.
 */
int64_t reconnect_delay_ms(struct berth_random *random, int failures, int64_t spread_ms,
                           enum reconnect_urgency urgency);

/* `ms` varied uniformly by +-10 %: renewals of many terminals must not fall into step. */
int64_t reconnect_jitter_ms(struct berth_random *random, int64_t ms);

#endif
