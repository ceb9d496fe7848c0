/* agent.h - berth-agent: wires the modules of a terminal, starts them, stops them.
 *
 * Module agent: the only place that knows all modules.
 */
#ifndef BERTH_AGENT_AGENT_H
#define BERTH_AGENT_AGENT_H

#include "options.h"

/* Serve until SIGTERM or SIGINT. Errors: what kept it from starting. */
int agent_run(const struct agent_options *options, struct berth_error *reterr) berth_must_check;

#endif
