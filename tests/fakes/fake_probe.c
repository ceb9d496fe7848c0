/* fake_probe.c - the port probe: asks the fake machine whether its RDP server answers. */
#include <stdio.h>
#include <string.h>

#include "fakes/fake_ports.h"

struct probe {
    struct fake_hypervisors *hypervisors;
    struct berth_timers *timers;
    struct list running;
    bool full;
};

struct running_probe {
    struct list node;
    struct probe *probe;
    struct berth_timer timer;
    struct op *op;
    struct probe_result *ret;
    bool answer_only;
    char address[128];
    int port;
    int64_t since_ms;
};

static void running_probe_free(struct running_probe *one)
{
    timer_stop(one->probe->timers, &one->timer);
    list_remove(&one->node);
    free(one);
}

static void running_probe_ends(struct berth_timer *timer)
{
    struct running_probe *one = container_of(timer, struct running_probe, timer);
    const struct machine *machine = machine_at(one->probe->hypervisors, one->address, one->port);
    struct op *op = one->op;
    struct berth_error error = { 0 };
    int r = 0;

    if (machine && machine_answers(machine)) {
        if (!one->answer_only)
            machine_fingerprint(machine, one->ret->fingerprint);
        one->ret->took_ms = one->probe->timers->mono_ms - one->since_ms;
    } else {
        r = berth_fail(&error, BERTH_E_DESKTOP, "%s:%d refused the connection", one->address,
                       one->port);
    }
    running_probe_free(one);
    op_complete(op, r, &error);
}

static void cancel(struct op *op)
{
    running_probe_free(op->handle);
}

struct probe *fake_probe_new(struct fake_hypervisors *hypervisors, struct berth_timers *timers)
{
    struct probe *probe = berth_new(struct probe);

    probe->hypervisors = hypervisors;
    probe->timers = timers;
    list_init(&probe->running);
    return probe;
}

void fake_probe_free(struct probe *probe)
{
    list_each (&probe->running, node) {
        struct running_probe *one = list_entry(node, struct running_probe, node);

        one->op->in_flight = false;
        running_probe_free(one);
    }
    free(probe);
}

void fake_probe_full(struct probe *probe, bool full)
{
    probe->full = full;
}

static struct running_probe *running_probe_new(struct probe *probe,
                                               const struct probe_target *target,
                                               struct probe_result *ret, struct op *op)
{
    const struct machine *machine = machine_at(probe->hypervisors, target->address, target->port);
    struct running_probe *one = berth_new(struct running_probe);

    *ret = (struct probe_result){ 0 };
    one->probe = probe;
    one->op = op;
    one->ret = ret;
    one->port = target->port;
    one->answer_only = target->answer_only;
    one->since_ms = probe->timers->mono_ms;
    (void)snprintf(one->address, sizeof(one->address), "%s", target->address);
    list_append(&probe->running, &one->node);
    timer_start(probe->timers, &one->timer,
                environment_draw_ms(probe->hypervisors->environment, 2, 20) +
                    (machine ? machine->probe_delay_ms : 0),
                running_probe_ends);
    return one;
}

int probe_begin(struct probe *probe, const struct probe_target *target, struct probe_result *ret,
                struct op *op)
{
    if (!target->address[0] || target->port <= 0)
        return berth_fail(&op->error, BERTH_E_DESKTOP, "there is no address to ask");
    if (probe->full)
        return berth_fail(&op->error, BERTH_E_BUSY, "all probes are under way already");
    return op_begun(op, cancel, running_probe_new(probe, target, ret, op));
}
