/* reconnect.c - computing the delays. */
#include "core/reconnect.h"

/* More doublings than any ceiling needs; bounds the shift. */
#define DOUBLINGS_MAX 6

/* Uniform in [0, max]. */
static int64_t random_up_to(struct berth_random *random, int64_t max)
{
    return max > 0 ? (int64_t)random_below(random, (uint64_t)max + 1) : 0;
}

/* Terminals that show a desktop do not need the broker at once, so they leave the first moments to
 * those where a person waits, and take the first half of the spread.
 */
static int64_t first_max_ms(int64_t spread_ms, enum reconnect_urgency urgency)
{
    switch (urgency) {
    case RECONNECT_IDLE:
        return spread_ms;
    case RECONNECT_IN_SESSION:
        return spread_ms / 2 > RECONNECT_URGENT_MS ? spread_ms / 2 : RECONNECT_URGENT_MS;
    case RECONNECT_WAITING:
        break;
    }
    return RECONNECT_URGENT_MS;
}

int64_t reconnect_delay_ms(struct berth_random *random, int failures, int64_t spread_ms,
                           enum reconnect_urgency urgency)
{
    int doublings = failures - 1 < DOUBLINGS_MAX ? failures - 1 : DOUBLINGS_MAX;
    int64_t max = urgency == RECONNECT_WAITING ? RECONNECT_WAITING_MAX_MS : RECONNECT_MAX_MS;
    int64_t ceiling;

    if (failures <= 0)
        return random_up_to(random, first_max_ms(spread_ms, urgency));
    ceiling = (int64_t)RECONNECT_FIRST_MS << doublings;
    return random_up_to(random, ceiling < max ? ceiling : max);
}

int64_t reconnect_jitter_ms(struct berth_random *random, int64_t ms)
{
    int64_t tenth = ms / 10;

    return ms - tenth + random_up_to(random, 2 * tenth);
}
