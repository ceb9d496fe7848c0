/* virt_setup.h - making and ending the module; for the broker's main and for tests.
 *
 * Module virt. Thread: loop.
 */
#ifndef BERTH_VIRT_VIRT_SETUP_H
#define BERTH_VIRT_VIRT_SETUP_H

#include "berth/loop.h"

#include "virt/virt.h"

/* program: path of berth-virt; NULL: beside our own executable. listener: copied; its context must
 * outlive the module. */
struct virt *virt_new(struct berth_loop *loop, const char *program,
                      const struct virt_listener *listener);

/* Processes that are started from now on record what happens to machines into this file. */
void virt_record(struct virt *virt, const char *path);

/* Every process is killed and waited for (the loop turns meanwhile, so it must not be running).
 * Operations in flight are forgotten without completion: their owners are gone by now.
 */
void virt_free(struct virt *virt);

/* For metrics and tests: how often a process was started for this host; its number, 0 = none runs
 * now. */
struct virt_host_info {
    unsigned starts;
    int pid;
    bool up;
    size_t waiting, in_flight;
};
bool virt_host_info(struct virt *virt, uint64_t host_id, struct virt_host_info *ret);

#endif
