/* viewer.h - the RDP client, as a port: start it, learn of its connection and its end, end it.
 *
 * Module viewer of the agent. Thread: loop. The real one (xfreerdp.c) runs the stock xfreerdp3 as a
 * confined child process and links nothing of it. At most one viewer runs. The end of a viewer ends
 * a connection, never a session.
 */
#ifndef BERTH_AGENT_VIEWER_VIEWER_H
#define BERTH_AGENT_VIEWER_VIEWER_H

#include "berth/error.h"
#include "berth/secret.h"

struct viewer;

struct viewer_request {
    char host[128];
    int port;
    char account[80];
    char domain[80];
    struct secret password;
    char fingerprint[72]; /* SHA-256 of the desktop's certificate, lower-case hexadecimal */
    bool clipboard;
    bool drives;
    bool usb;
    bool sound;
    bool printers;
};

struct viewer_events {
    /* The RDP connection is active; the first picture follows. At most once per start. */
    void (*connected)(void *owner);
    /* The viewer ended, by itself or by viewer_end: exactly once after each successful start, from
     * the loop. exit_code is -1 when a signal ended it.
     */
    void (*ended)(void *owner, int exit_code, int signal);
};

/* Set the receiver of events. Once, before the first start. */
void viewer_set_events(struct viewer *viewer, const struct viewer_events *events, void *owner);

/* Start a viewer. The request is not kept: the caller wipes it after the call.
 * Errors: STATE (one is running), INVALID (a value that cannot be passed safely), UNSUPPORTED (no
 * display), TOO_LARGE, IO.
 */
int viewer_start(struct viewer *viewer, const struct viewer_request *request,
                 struct berth_error *reterr) berth_must_check;

/* Send SIGTERM now, SIGKILL after two seconds; `ended` follows. No effect when none runs. */
void viewer_end(struct viewer *viewer);

/* True from a successful start until `ended` is called. */
bool viewer_is_running(const struct viewer *viewer);

#endif
