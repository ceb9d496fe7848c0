/* virt_setup.h - open and close the module virt: for the broker's start, and for tests.
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

/* Let processes that are started from now on record what happens to machines to this file. */
void virt_record(struct virt *virt, const char *path);

/* Kill all processes and wait for them; runs the loop meanwhile, so the loop must not be running.
 * Operations in flight are not completed: their owners are freed before.
 */
void virt_free(struct virt *virt);

/* For metrics and tests. starts: how often a process was started for this host; pid: 0 = none runs.
 */
struct virt_host_info {
    unsigned starts;
    int pid;
    bool up;
    size_t waiting, in_flight;
};
bool virt_host_info(struct virt *virt, uint64_t host_id, struct virt_host_info *ret);

#endif
