/* rooms.h - what a flow may reach: the rooms below it by handle, the doors above it by one outward
 * call each.
 *
 * Room flow. Each handle is a port: berthd links the real room, stories and the simulator link
 * tests/fakes with the same headers. Flows include only this and core.
 */
#ifndef BERTH_FLOW_ROOMS_H
#define BERTH_FLOW_ROOMS_H

#include "berth/flow.h"
#include "berth/message.h"

#include "auth/auth.h"
#include "auth/ca.h"
#include "core/runtime.h"
#include "rdp/probe.h"
#include "store/store.h"
#include "virt/virt.h"

struct rooms {
    struct core *core;
    struct store *store;
    struct virt *virt;
    struct auth *auth;
    struct ca *ca;
    struct probe *probe;
    struct flow_engine engine;
    struct berth_timers *timers;
    struct berth_random *random;

    /* Outward: the door to terminals sends (the message is copied) or closes; peer 0 is ignored. */
    void (*tell)(void *door, uint64_t peer, const struct msg *msg);
    void (*hang_up)(void *door, uint64_t peer, int code, const char *why);
    void *door;

    struct {
        int64_t certificate_days, recovery_ms;
        bool destructive_allowed; /* false while stopping */
    } settings;
    void *house; /* flow-room's own standing data: refill controllers, queues */
};

#endif
