/* host_health.c - counting unknown outcomes, and when a host is listed again. */
#include "flow/host_health.h"

#define UNKNOWN_OUTCOMES_MAX 3
#define DEGRADED_RETRY_MS 10000

static void list_again(struct berth_timer *timer)
{
    struct host *host = container_of(timer, struct host, retry);

    if (host->state != host_DEGRADED && host->state != host_OPENING)
        return;
    host_list_later(host, DEGRADED_RETRY_MS);
    core_announce(host->base.core, NOTICE_DOUBTED, ENTITY_host, host->row.id);
}

void host_list_later(struct host *host, int64_t delay_ms)
{
    timer_start(host->base.core->timers, &host->retry, delay_ms, list_again);
}

void host_note_outcome(struct host *host, int result)
{
    if (result >= 0)
        host->unknown_outcomes = 0;
    if (result != BERTH_E_UNKNOWN_OUTCOME)
        return;
    if (++host->unknown_outcomes < UNKNOWN_OUTCOMES_MAX || host->state != host_UP)
        return;
    host_set_state(host, host_DEGRADED, "three calls in a row had no known outcome");
    host_list_later(host, DEGRADED_RETRY_MS);
}
