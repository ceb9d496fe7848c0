/* context.h - what a flow may reach: the modules below it by handle, the link above it by two calls.
 *
 * Module flow. Each handle is a port: berthd links the real module, stories and the simulator link
 * tests/fakes with the same headers. Flows include only this and core.
 */
#ifndef BERTH_FLOW_CONTEXT_H
#define BERTH_FLOW_CONTEXT_H

#include "berth/flow.h"
#include "berth/message.h"

#include "auth/auth.h"
#include "auth/ca.h"
#include "core/runtime.h"
#include "rdp/probe.h"
#include "store/store.h"
#include "virt/virt.h"

struct reactor;

struct context {
    struct core *core;
    struct store *store;
    struct virt *virt;
    struct auth *auth;
    struct ca *ca;
    struct probe *probe;
    struct flow_engine engine;
    struct berth_timers *timers;
    struct berth_random *random;

    /* Outward: the link to terminals sends (the message is copied) or closes; peer 0 is ignored. */
    void (*tell)(void *link, uint64_t peer, const struct msg *msg);
    void (*hang_up)(void *link, uint64_t peer, int code, const char *why);
    void *link;

    struct {
        int64_t recovery_ms; /* after a start, until when nothing is destroyed */
    } settings;
    struct reactor *reactor; /* what module flow itself keeps: flow/reactor.h */
};

#endif
