/* reconnect.c - see reconnect.h. */
#include "core/reconnect.h"

/* Doublings after which every ceiling has met its end: keeps the shift small. */
#define DOUBLINGS_MAX 6

/* Uniform in [0, most]. */
static int64_t up_to(struct berth_random *random, int64_t most)
{
    return most > 0 ? (int64_t)random_below(random, (uint64_t)most + 1) : 0;
}

/* The picture stays while the broker is away, so nobody is helped when all who show one come at the
 * same moment as those who wait: they take the first half of the spread.
 */
static int64_t first_most_ms(int64_t spread_ms, enum reconnect_urgency urgency)
{
    switch (urgency) {
    case RECONNECT_NOBODY:
        return spread_ms;
    case RECONNECT_SHOWING:
        return spread_ms / 2 > RECONNECT_SOON_MS ? spread_ms / 2 : RECONNECT_SOON_MS;
    case RECONNECT_WAITING:
        break;
    }
    return RECONNECT_SOON_MS;
}

int64_t reconnect_delay_ms(struct berth_random *random, int failures, int64_t spread_ms,
                           enum reconnect_urgency urgency)
{
    int doublings = failures - 1 < DOUBLINGS_MAX ? failures - 1 : DOUBLINGS_MAX;
    int64_t last = urgency == RECONNECT_WAITING ? RECONNECT_WAITING_LAST_MS : RECONNECT_LAST_MS;
    int64_t ceiling;

    if (failures <= 0)
        return up_to(random, first_most_ms(spread_ms, urgency));
    ceiling = (int64_t)RECONNECT_FIRST_MS << doublings;
    return up_to(random, ceiling < last ? ceiling : last);
}

int64_t reconnect_jitter_ms(struct berth_random *random, int64_t ms)
{
    int64_t tenth = ms / 10;

    return ms - tenth + up_to(random, 2 * tenth);
}
