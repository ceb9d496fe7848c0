/* broker.h - the broker as a whole: opens all modules, serves until a signal, closes them.
 *
 * Module broker: the only one that knows all modules. Thread: the caller of broker_run runs the
 * core loop. Used by main.c only.
 */
#ifndef BERTH_BROKER_H
#define BERTH_BROKER_H

#include "options.h"

/* How to read the configuration again on SIGHUP. read: see options_check for the errors. */
struct broker_reload {
    int (*read)(const void *source, struct options *ret, struct berth_error *reterr);
    const void *source;
};

/* Start, serve until SIGTERM or SIGINT, then stop in order.
 *
 * Errors: those of the module that refused to start, with its sentence; STORE when the store failed
 * while serving.
 */
int broker_run(const struct options *options, const struct broker_reload *reload,
               struct berth_error *reterr) berth_must_check;

/* The exit code for the service manager: 0 = orderly stop, 2 = the configuration or the start was
 * refused (a restart does not help), 3 = the store failed (restart, and check the disk). */
int broker_exit_code(int result);

#endif
