/* host.c - states of hosts, and whether they serve. */
#include "core/host.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/hooks.h"
#include "core/notice.h"

void host_set_state(struct host *host, enum host_state next, const char *why)
{
    struct core *core = host->base.core;
    enum host_state was = host->state;

    if (was == next && strcmp(host->reason, why) == 0)
        return;
    if (was != next && !host_may_transition(was, next)) {
        log_event(EV_STATE_FORBIDDEN, "host", host->row.name, "from", host_state_names[was], "to",
                  host_state_names[next], "why", why);
        return;
    }
    if (was != next)
        host->state_since_ms = core->timers->mono_ms;
    host->state = next;
    berth_text(host->reason, sizeof(host->reason), "%s", why);
    log_event(EV_HOST_STATE, "host", host->row.name, "from", host_state_names[was], "to",
              host_state_names[next], "why", why);
    core_announce(core, NOTICE_OBSERVED, ENTITY_host, host->row.id);
}

bool host_is_away(const struct host *host)
{
    return host && (host->state == host_DOWN || host->state == host_OPENING);
}

bool host_serves(const struct host *host)
{
    return host->state == host_UP && host->row.mode == host_mode_ACTIVE;
}

bool host_may_start(const struct host *host)
{
    return host->state == host_UP && host->row.mode != host_mode_MAINTENANCE &&
           (host->row.max_starting == 0 || host->starting < host->row.max_starting);
}

void host_text(const struct host *host, char *ret, size_t size)
{
    if (host->state != host_UP)
        berth_text(ret, size, "host '%s' is %s: %s", host->row.name, host_state_names[host->state],
                   host->reason[0] ? host->reason : "it has not answered since the broker started");
    else if (host->row.mode == host_mode_MAINTENANCE)
        (void)snprintf(ret, size, "host '%s' is in maintenance", host->row.name);
    else if (host->row.mode == host_mode_DRAIN)
        (void)snprintf(ret, size, "host '%s' is drained and takes no new sessions", host->row.name);
    else
        (void)snprintf(ret, size, "host '%s' is up", host->row.name);
}

void host_added(struct entity *entity, berth_unused bool loaded)
{
    struct host *host = container_of(entity, struct host, base);

    host->state = host_DOWN;
    list_init(&host->waiting);
    host->state_since_ms = entity->core->timers->mono_ms;
}

void host_dropped(struct entity *entity)
{
    struct host *host = container_of(entity, struct host, base);

    timer_stop(entity->core->timers, &host->retry);
}
