/* device.h - the terminal's machine, as a port: identifiers, suspend time, stored documents,
 * reboot, logs.
 *
 * Module host of the agent. Thread: loop.
 */
#ifndef BERTH_AGENT_HOST_DEVICE_H
#define BERTH_AGENT_HOST_DEVICE_H

#include "berth/op.h"

struct device;

/* Shown to administrators; never used as evidence. */
struct device_facts {
    char boot_id[64];
    char serial[64];
    char mac[24];
    char model[64];
};

/* Read once, at the start. */
const struct device_facts *device_facts(const struct device *device);

/* Milliseconds of suspend since the machine booted (CLOCK_BOOTTIME - CLOCK_MONOTONIC). */
int64_t device_slept_ms(const struct device *device);

/* Store a small document under a name, atomically and durably, or load it. load returns NULL when
 * there is none; the caller frees the text. A diskless terminal keeps documents in memory.
 */
int device_save(struct device *device, const char *name, const char *text,
                struct berth_error *reterr) berth_must_check;
char *device_load(struct device *device, const char *name);

/* Run the configured reboot command; completes when it has ended. Cancelling stops the wait, not
 * the command. Errors: UNSUPPORTED (none is configured), BUSY (it is running), IO (it failed).
 */
int device_reboot_begin(struct device *device, struct op *op) berth_must_check;

/* Largest size of collected logs. */
#define DEVICE_LOGS_MAX 1048576

struct device_logs {
    char *data; /* the caller frees it */
    size_t size;
    char sha256[72];
};

/* Collect the logs of the agent and of the last viewer, newest last. Completes with *ret set; the
 * caller frees ret->data. */
int device_logs_begin(struct device *device, struct device_logs *ret,
                      struct op *op) berth_must_check;

#endif
