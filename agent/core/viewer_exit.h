/* viewer_exit.h - what the exit code of a viewer means.
 *
 * Module core of the agent: pure. The table is viewer_exits.def, which explains the columns.
 */
#ifndef BERTH_AGENT_CORE_VIEWER_EXIT_H
#define BERTH_AGENT_CORE_VIEWER_EXIT_H

#include "core/texts.h"

#define VIEWER_EXIT_CONNECTS_AGAIN 141 /* it wanted to connect a second time */
#define VIEWER_EXIT_LOST 147

struct viewer_exit {
    int code;
    const char *word;
    enum text text;
    bool retry;
    const char *sentence;
};

/* The row for an exit code, or for a signal (exit_code -1). Never NULL: codes without a row are
 * "unknown", the licensing errors 16 to 26 share a row, and a signal is "killed".
 */
const struct viewer_exit *viewer_exit_row(int exit_code, int signal);

#endif
