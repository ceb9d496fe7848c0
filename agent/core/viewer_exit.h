/* viewer_exit.h - why a viewer ended, in words.
 *
 * Module core of the agent: pure. The table is viewer_exits.def.
 */
#ifndef BERTH_AGENT_CORE_VIEWER_EXIT_H
#define BERTH_AGENT_CORE_VIEWER_EXIT_H

#include "core/texts.h"

#define VIEWER_EXIT_CONNECTS_AGAIN 141 /* its one connection did not lead to a desktop */
#define VIEWER_EXIT_LOST 147

struct viewer_exit {
    int code;
    const char *word;
    enum text text;
    bool retry;
    const char *sentence;
};

/* The row for a way to end: an exit code, or a signal (exit_code -1). Never NULL: what the table
 * does not know is "unknown", licensing faults 16 to 26 share a row, and a signal is "killed".
 */
const struct viewer_exit *viewer_exit_row(int exit_code, int signal);

#endif
