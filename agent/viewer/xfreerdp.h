/* xfreerdp.h - the viewer of berth-agent: the stock xfreerdp3 as a confined child process.
 *
 * Module viewer of the agent. The client's log tells when it is connected. It is read through a
 * pseudo-terminal, because the client buffers whole blocks when it writes to a pipe, and its log
 * over UDP is not authenticated.
 */
#ifndef BERTH_AGENT_VIEWER_XFREERDP_H
#define BERTH_AGENT_VIEWER_XFREERDP_H

#include "berth/loop.h"

#include "viewer/viewer.h"

struct xfreerdp_setup {
    const char *self;      /* path of berth-agent, for the confining step */
    const char *program;   /* path of xfreerdp3 */
    const char *home;      /* folder of its own, mode 0700; emptied before and after each run */
    const char *display;   /* X display, "" = none: viewer_start fails */
    const char *authority; /* X authority file, "" = none */
    const char *log_file;  /* for the client's log, "" = none; truncated at every start */
};

/* Create it; no viewer runs yet. Texts are copied. */
struct viewer *viewer_new(struct berth_loop *loop, const struct xfreerdp_setup *setup);

/* No viewer runs, and all handles of earlier ones are closed. */
bool viewer_is_closed(const struct viewer *viewer);

/* Only when viewer_is_closed. */
void viewer_free(struct viewer *viewer);

#endif
