/* agent.h - create the modules of berth-agent, connect them, run the loop and stop them.
 *
 * Module agent: the only place that knows all modules. Called by main.
 */
#ifndef BERTH_AGENT_AGENT_H
#define BERTH_AGENT_AGENT_H

#include "options.h"

/* Serve until SIGTERM or SIGINT. Errors: what prevented the start. */
int agent_run(const struct agent_options *options, struct berth_error *reterr) berth_must_check;

#endif
