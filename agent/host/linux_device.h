/* linux_device.h - the real device: DMI, boot id, clocks, the state folder, a command to reboot, log files.
 *
 * Module host of the agent.
 */
#ifndef BERTH_AGENT_HOST_LINUX_DEVICE_H
#define BERTH_AGENT_HOST_LINUX_DEVICE_H

#include "berth/loop.h"
#include "berth/state_file.h"

#include "host/device.h"

struct linux_device_setup {
    struct state_dir *state_dir; /* stays the caller's */
    const char *
        reboot_command; /* a program's path, "" = none; run without arguments and without a shell */
    const char *log_file;   /* of the agent, "" = none */
    const char *viewer_log; /* of the last viewer, "" = none */
};

struct device *device_new(struct berth_loop *loop, const struct linux_device_setup *setup);
/* No command runs; before that device_free is not called. */
bool device_is_idle(const struct device *device);
void device_free(struct device *device);

/* The value of `name=` on a kernel command line, cut out into `out`; false when it is not there or
 * does not fit. Values end at a blank; a value in double quotes may hold blanks.
 */
bool kernel_command_line_value(const char *command_line, const char *name, char *out, size_t size);

#endif
