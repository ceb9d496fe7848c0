/* fake_probe.c - is a desktop ready? The farm knows. */
#include <stdio.h>
#include <string.h>

#include "fakes/fake_rooms.h"

struct probe {
    struct farm *farm;
    struct berth_timers *timers;
    struct list looks;
    bool full;
};

struct look {
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

static void look_free(struct look *look)
{
    timer_stop(look->probe->timers, &look->timer);
    list_remove(&look->node);
    free(look);
}

static void look_ends(struct berth_timer *timer)
{
    struct look *look = container_of(timer, struct look, timer);
    const struct machine *machine = farm_at(look->probe->farm, look->address, look->port);
    struct op *op = look->op;
    struct berth_error error = { 0 };
    int r = 0;

    if (machine && machine_answers(machine)) {
        if (!look->answer_only)
            machine_fingerprint(machine, look->ret->fingerprint);
        look->ret->took_ms = look->probe->timers->mono_ms - look->since_ms;
    } else {
        r = berth_fail(&error, BERTH_E_DESKTOP, "%s:%d refused the connection", look->address,
                       look->port);
    }
    look_free(look);
    op_complete(op, r, &error);
}

static void cancel(struct op *op)
{
    look_free(op->handle);
}

struct probe *fake_probe_new(struct farm *farm, struct berth_timers *timers)
{
    struct probe *probe = berth_new(struct probe);

    probe->farm = farm;
    probe->timers = timers;
    list_init(&probe->looks);
    return probe;
}

void fake_probe_free(struct probe *probe)
{
    list_each (&probe->looks, node) {
        struct look *look = list_entry(node, struct look, node);

        look->op->in_flight = false;
        look_free(look);
    }
    free(probe);
}

void fake_probe_full(struct probe *probe, bool full)
{
    probe->full = full;
}

static struct look *look_new(struct probe *probe, const struct probe_target *target,
                             struct probe_result *ret, struct op *op)
{
    const struct machine *machine = farm_at(probe->farm, target->address, target->port);
    struct look *look = berth_new(struct look);

    *ret = (struct probe_result){ 0 };
    look->probe = probe;
    look->op = op;
    look->ret = ret;
    look->port = target->port;
    look->answer_only = target->answer_only;
    look->since_ms = probe->timers->mono_ms;
    (void)snprintf(look->address, sizeof(look->address), "%s", target->address);
    list_append(&probe->looks, &look->node);
    timer_start(probe->timers, &look->timer,
                outside_draw_ms(probe->farm->outside, 2, 20) + (machine ? machine->dawdles_ms : 0),
                look_ends);
    return look;
}

int probe_begin(struct probe *probe, const struct probe_target *target, struct probe_result *ret,
                struct op *op)
{
    if (!target->address[0] || target->port <= 0)
        return berth_fail(&op->error, BERTH_E_DESKTOP, "there is no address to ask");
    if (probe->full)
        return berth_fail(&op->error, BERTH_E_BUSY, "all probes are under way already");
    return op_begun(op, cancel, look_new(probe, target, ret, op));
}
