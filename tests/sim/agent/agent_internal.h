/* agent_internal.h - between the files of the simulator's agent half.
 *
 * Module tests, internal header of sim/agent.
 */
#ifndef BERTH_TESTS_SIM_AGENT_AGENT_INTERNAL_H
#define BERTH_TESTS_SIM_AGENT_AGENT_INTERNAL_H

#include "flow/reactor.h"
#include "sim/agent/agent.h"

struct uplink {
    struct agent *agent;
    const struct uplink_events *events;
    void *owner;
    struct op *dialling;
    bool open;
};

struct viewer {
    struct agent *agent;
    const struct viewer_events *events;
    void *owner;
    bool running, told_to_end;
};

struct screen {
    screen_event_fn *event;
    void *owner;
    int64_t serial;
};

struct device {
    struct agent *agent;
    struct device_facts facts;
    int64_t slept_ms;
};

struct agent_identity {
    struct agent *agent;
    struct agent_identity_facts facts;
};

struct agent {
    struct agent_flow flow;
    struct berth_timers timers;
    struct berth_random random;
    struct uplink uplink;
    struct viewer viewer;
    struct screen screen;
    struct device device;
    struct agent_identity identity;
    struct agent_observer observer;
    struct agent_callbacks callbacks;
    struct agent_memory *memory;
};

#endif
