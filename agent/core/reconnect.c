/* reconnect.c - see reconnect.h. */
#include "core/reconnect.h"

/* Doublings after which every ceiling has met its end: keeps the shift small. */
#define DOUBLINGS_MAX 6

/* Uniform in [0, max]. */
static int64_t random_up_to(struct berth_random *random, int64_t max)
{
    return max > 0 ? (int64_t)random_below(random, (uint64_t)max + 1) : 0;
}

/* The picture stays while the broker is away, so nobody is helped when all who show one come at the
 * same moment as those who wait: they take the first half of the spread.
 */
static int64_t first_max_ms(int64_t spread_ms, enum reconnect_urgency urgency)
{
    switch (urgency) {
    case RECONNECT_NOBODY:
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
