/* events.c - receive libvirt's events. */
#include "events.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "machine_history.h"
#include "out.h"

/* QEMU's driver reports a reset twice within a moment. */
#define REBOOT_ONCE_MS 1000
#define REBOOTS_KEPT 64

static const char *stop_reason(int detail)
{
    static const char *const reasons[] = {
        [VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN] = "shutdown",
        [VIR_DOMAIN_EVENT_STOPPED_DESTROYED] = "destroyed",
        [VIR_DOMAIN_EVENT_STOPPED_CRASHED] = "crashed",
        [VIR_DOMAIN_EVENT_STOPPED_MIGRATED] = "migrated",
        [VIR_DOMAIN_EVENT_STOPPED_SAVED] = "saved",
        [VIR_DOMAIN_EVENT_STOPPED_FAILED] = "failed",
        [VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT] = "reverted",
    };

    return detail >= 0 && (size_t)detail < BERTH_COUNT(reasons) ? reasons[detail] : "stopped";
}

static const char *start_reason(int detail)
{
    static const char *const reasons[] = {
        [VIR_DOMAIN_EVENT_STARTED_BOOTED] = "booted",
        [VIR_DOMAIN_EVENT_STARTED_MIGRATED] = "migrated",
        [VIR_DOMAIN_EVENT_STARTED_RESTORED] = "restored",
        [VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT] = "reverted",
        [VIR_DOMAIN_EVENT_STARTED_WAKEUP] = "woken",
    };

    return detail >= 0 && (size_t)detail < BERTH_COUNT(reasons) ? reasons[detail] : "started";
}

enum virt_event_kind events_kind(int event, int detail, const char **ret_reason)
{
    *ret_reason = "";
    switch (event) { /* an int: newer versions of libvirt may report others */
    case VIR_DOMAIN_EVENT_DEFINED:
        return virt_event_kind_DEFINED;
    case VIR_DOMAIN_EVENT_UNDEFINED:
        return virt_event_kind_UNDEFINED;
    case VIR_DOMAIN_EVENT_STARTED:
        *ret_reason = start_reason(detail);
        return virt_event_kind_STARTED;
    case VIR_DOMAIN_EVENT_STOPPED:
        *ret_reason = stop_reason(detail);
        return virt_event_kind_STOPPED;
    default:
        /* suspended, resumed, shutting down: ignored, a start or a stop follows where it matters */
        return virt_event_kind_NONE;
    }
}

static void send_event(struct out *out, virDomainPtr domain, enum virt_event_kind what,
                       const char *reason)
{
    struct virt_event event = { .what = what,
                                .running = what == virt_event_kind_STARTED ||
                                           what == virt_event_kind_REBOOTED ||
                                           what == virt_event_kind_AGENT_UP };

    (void)virDomainGetUUIDString(domain, event.uuid);
    (void)snprintf(event.name, sizeof(event.name), "%.79s", virDomainGetName(domain));
    copy_text(event.reason, reason);
    out_event(out, &event);
}

/* Redefining a domain temporarily is done by machine.c, which mutes its events. */
static void note(virDomainPtr domain, int event)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    if (event != VIR_DOMAIN_EVENT_STARTED && event != VIR_DOMAIN_EVENT_STOPPED)
        return;
    (void)virDomainGetUUIDString(domain, uuid);
    machine_history_reported(uuid, event == VIR_DOMAIN_EVENT_STARTED
                                       ? history_machine_event_STARTED
                                       : history_machine_event_STOPPED);
}

static int on_life(berth_unused virConnectPtr connection, virDomainPtr domain, int event,
                   int detail, void *context)
{
    const char *reason;
    enum virt_event_kind what = events_kind(event, detail, &reason);

    note(domain, event);
    if (what)
        send_event(context, domain, what, reason);
    return 0;
}

/* Was a reboot of this machine reported a moment ago? Only called on the event thread. */
static bool reported_recently(virDomainPtr domain)
{
    static struct {
        unsigned char uuid[VIR_UUID_BUFLEN];
        int64_t at_ms;
    } kept[REBOOTS_KEPT];
    static size_t next;
    unsigned char uuid[VIR_UUID_BUFLEN];
    struct timespec clock;
    int64_t now_ms;

    (void)clock_gettime(CLOCK_MONOTONIC, &clock);
    now_ms = (int64_t)clock.tv_sec * 1000 + clock.tv_nsec / 1000000;
    if (virDomainGetUUID(domain, uuid) < 0)
        return false;
    for (size_t i = 0; i < REBOOTS_KEPT; i++) {
        if (kept[i].at_ms && now_ms - kept[i].at_ms < REBOOT_ONCE_MS &&
            memcmp(kept[i].uuid, uuid, sizeof(uuid)) == 0)
            return true;
    }
    memcpy(kept[next].uuid, uuid, sizeof(uuid));
    kept[next].at_ms = now_ms;
    next = (next + 1) % REBOOTS_KEPT;
    return false;
}

static void on_reboot(berth_unused virConnectPtr connection, virDomainPtr domain, void *context)
{
    if (!reported_recently(domain))
        send_event(context, domain, virt_event_kind_REBOOTED, "");
}

static void on_agent(berth_unused virConnectPtr connection, virDomainPtr domain, int state,
                     berth_unused int reason, void *context)
{
    bool up = state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED;

    send_event(context, domain, up ? virt_event_kind_AGENT_UP : virt_event_kind_AGENT_DOWN, "");
}

bool events_register(struct events *events, virConnectPtr connection, struct out *out)
{
    const struct {
        int id;
        virConnectDomainEventGenericCallback callback;
    } wanted[EVENTS_KINDS] = {
        { VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_life) },
        { VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot) },
        { VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent) },
    };

    for (size_t i = 0; i < EVENTS_KINDS; i++) {
        events->registered[i] = virConnectDomainEventRegisterAny(connection, NULL, wanted[i].id,
                                                                 wanted[i].callback, out, NULL);
    }
    return events->registered[0] >= 0;
}

void events_deregister(struct events *events, virConnectPtr connection)
{
    for (size_t i = 0; i < EVENTS_KINDS; i++) {
        if (events->registered[i] >= 0)
            (void)virConnectDomainEventDeregisterAny(connection, events->registered[i]);
        events->registered[i] = -1;
    }
}
