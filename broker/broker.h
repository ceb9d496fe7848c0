/* broker.h - the broker as a whole: every module, wired.
 *
 * Module broker: the only place that knows all modules. Thread: the core loop is the thread that calls
 * broker_run.
 */
#ifndef BERTH_BROKER_H
#define BERTH_BROKER_H

#include "options.h"

/* How to read the configuration again on SIGHUP. */
struct broker_reload {
    int (*read)(const void *source, struct options *ret, struct berth_error *reterr);
    const void *source;
};

/* Start, serve until SIGTERM or SIGINT, stop in order. Refuses to start with a sentence; a store
 * that cannot be trusted any more ends it with STORE.
 */
int broker_run(const struct options *options, const struct broker_reload *reload,
               struct berth_error *reterr) berth_must_check;

/* For the supervisor: 0 orderly, 2 configuration or start refused (do not restart), 3 the store
 * failed (restart, look). */
int broker_exit_code(int result);

#endif
