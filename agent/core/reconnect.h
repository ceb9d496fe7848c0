/* reconnect.h - back-off and jitter: when to dial the broker again.
 *
 * Module core of the agent: pure. When a broker restarts, all its terminals lose their link at
 * once. They spread their first attempts over the time that the broker gave with the last grant
 * (reconnect_spread_ms), so that ten thousand terminals return without a failed handshake. A
 * terminal where a person waits does not apply the spread.
 */
#ifndef BERTH_AGENT_CORE_RECONNECT_H
#define BERTH_AGENT_CORE_RECONNECT_H

#include "berth/random.h"

/* Limit of the first delay where a person waits, or a desktop is shown and no spread is known. */
#define RECONNECT_URGENT_MS 500
/* After a failure: full jitter below a ceiling that doubles between these values. */
#define RECONNECT_FIRST_MS 1000
#define RECONNECT_MAX_MS 30000
/* Largest ceiling while a person waits. */
#define RECONNECT_WAITING_MAX_MS 2000

enum reconnect_urgency {
    RECONNECT_IDLE,       /* no desktop is shown and no person waits */
    RECONNECT_IN_SESSION, /* a desktop is shown: within the first half of the spread */
    RECONNECT_WAITING,    /* a person waits for the broker */
};

/* Milliseconds to wait before attempt number `failures` + 1; failures is 0 when the link was just
 * lost or the terminal starts. spread_ms: of the last grant, 0 = none.
 */
int64_t reconnect_delay_ms(struct berth_random *random, int failures, int64_t spread_ms,
                           enum reconnect_urgency urgency);

/* `ms` varied uniformly by +-10 %, so that renewals of many terminals do not synchronize. */
int64_t reconnect_jitter_ms(struct berth_random *random, int64_t ms);

#endif
