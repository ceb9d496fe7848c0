/* fake_virt.h - the port to hypervisors over fake ones: lanes, deadlines, up and down as
 * broker/virt/virt.h says.
 *
 * Module tests. One fake host per host row stands for its berth-virt process: it connects, limits
 * the calls in flight per lane, gives up calls at their deadline (UNKNOWN_OUTCOME), and restarts
 * after three of those in a row.
 */
#ifndef BERTH_TESTS_FAKES_FAKE_VIRT_H
#define BERTH_TESTS_FAKES_FAKE_VIRT_H

#include "fakes/fake_hypervisors.h"

struct virt {
    struct fake_hypervisors *hypervisors;
    struct berth_timers *timers; /* the broker's */
    struct virt_listener listener;
    struct list hosts;
    bool dead; /* the broker has crashed: its calls reach no host any more */
};

struct virt *fake_virt_new(struct fake_hypervisors *hypervisors, struct berth_timers *timers,
                           const struct virt_listener *listener);

/* The broker and its berth-virt processes have died; jobs that hypervisors accepted continue. */
void fake_virt_free(struct virt *virt);

/* libvirtd ended: the broker notices at once. */
void fake_virt_noticed(struct virt *virt, struct hypervisor *hypervisor);
/* The berth-virt of this host is killed: its accepted jobs continue, and another one is started. */
void fake_virt_killed(struct virt *virt, struct hypervisor *hypervisor);

/* It hangs: keepalive notices after some seconds, unless it answers again. */
void fake_virt_hangs(struct virt *virt, struct hypervisor *hypervisor, bool hangs);

#endif
