/* xfreerdp.h - the real viewer: the stock xfreerdp3 as a confined child.
 *
 * Module viewer of the agent. Its output goes through a pseudo-terminal, because it buffers whole
 * blocks towards a pipe and we want to know at once when it is connected; its UDP log would be
 * unauthenticated.
 */
#ifndef BERTH_AGENT_VIEWER_XFREERDP_H
#define BERTH_AGENT_VIEWER_XFREERDP_H

#include "berth/loop.h"

#include "viewer/viewer.h"

struct xfreerdp_setup {
    const char *self;      /* path of berth-agent, for the confining step */
    const char *program;   /* path of xfreerdp3 */
    const char *home;      /* folder of its own, mode 0700; emptied before and after each run */
    const char *display;   /* "" = none: nothing can be shown */
    const char *authority; /* X authority file, "" = none */
    const char *log_file;  /* what it says, "" = nowhere; begun anew with every start */
};

/* None runs yet. */
struct viewer *viewer_new(struct berth_loop *loop, const struct xfreerdp_setup *setup);

/* No viewer, and no handle of an earlier one. */
bool viewer_is_gone(const struct viewer *viewer);

/* Only when it is gone. */
void viewer_free(struct viewer *viewer);

#endif
