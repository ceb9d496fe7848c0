/* context.h - what a flow may use: the modules below it by handle, the link above it by two
 * functions.
 *
 * Module flow. Each handle is a port: berthd links the real module; stories and the simulator link
 * tests/fakes with the same headers. Flows include only this header, those of core, and their own.
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

    /* Set by the link to terminals: tell sends a message (which is copied), hang_up closes a
     * connection. peer 0 is ignored. NULL while there is no link. */
    void (*tell)(void *link, uint64_t peer, const struct msg *msg);
    void (*hang_up)(void *link, uint64_t peer, int code, const char *why);
    void *link;

    struct {
        int64_t recovery_ms; /* after a start, until when nothing is destroyed */
    } settings;
    struct reactor *reactor; /* state of module flow itself: flow/reactor.h */
};

#endif
