/* linux_device.h - the device of berth-agent: DMI or device tree, boot id, clocks, state folder,
 * reboot command, log files.
 *
 * Module host of the agent.
 */
#ifndef BERTH_AGENT_HOST_LINUX_DEVICE_H
#define BERTH_AGENT_HOST_LINUX_DEVICE_H

#include "berth/loop.h"
#include "berth/state_file.h"

#include "host/device.h"

struct linux_device_setup {
    struct state_dir *state_dir; /* owned by the caller, outlives the device */
    const char *reboot_command;  /* path of a program, "" = none; run without arguments or shell */
    const char *log_file;        /* of the agent, "" = none */
    const char *viewer_log;      /* of the last viewer, "" = none */
};

/* Read the identifiers and create the device; owned by the caller. */
struct device *device_new(struct berth_loop *loop, const struct linux_device_setup *setup);

/* True while no reboot command runs; only then may device_free be called. */
bool device_is_idle(const struct device *device);
void device_free(struct device *device);

/* Copy the value of `name=` on a kernel command line into `out`; false when it is not there or does
 * not fit. A value ends at a blank; one in double quotes may contain blanks.
 */
bool kernel_command_line_value(const char *command_line, const char *name, char *out, size_t size);

#endif
