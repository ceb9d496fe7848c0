/* device.h - the machine under the agent, as a port: its names, its sleep, its documents, its
 * power button.
 *
 * Module host of the agent.
 */
#ifndef BERTH_AGENT_HOST_DEVICE_H
#define BERTH_AGENT_HOST_DEVICE_H

#include "berth/op.h"

struct device;

/* Hints for people, never evidence. */
struct device_facts {
    char boot_id[64];
    char serial[64];
    char mac[24];
    char model[64];
};

/* Found out once, at the start. */
const struct device_facts *device_facts(const struct device *device);

/* Milliseconds this machine has been suspended since it booted (CLOCK_BOOTTIME - CLOCK_MONOTONIC).
 */
int64_t device_slept_ms(const struct device *device);

/* Keep a small document under a name, replacing the earlier one as a whole and durably; read it
 * back. load: NULL when there is none, free() it. A diskless terminal remembers until it is
 * switched off.
 */
int device_save(struct device *device, const char *name, const char *text,
                struct berth_error *reterr) berth_must_check;
char *device_load(struct device *device, const char *name);

/* Run the configured command that starts the machine anew. Errors: UNSUPPORTED (none is
 * configured), IO (it failed; the text says how).
 */
int device_reboot_begin(struct device *device, struct op *op) berth_must_check;

/* Logs of the agent and of the last viewer, newest last, at most DEVICE_LOGS_MAX bytes. */
#define DEVICE_LOGS_MAX 1048576

struct device_logs {
    char *data; /* the caller frees it */
    size_t size;
    char sha256[72];
};

/* Collect them. Completes with *ret filled; the caller frees ret->data. */
int device_logs_begin(struct device *device, struct device_logs *ret,
                      struct op *op) berth_must_check;

#endif
