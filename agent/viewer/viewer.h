/* viewer.h - the RDP client, as a port: started, watched, ended.
 *
 * Module viewer of the agent. The real one runs the stock xfreerdp3 as a confined child; nothing of
 * it is linked. One viewer at most. Its end ends a connection, never a session.
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
    /* The RDP connection stands; the picture follows. Once per start at most. */
    void (*connected)(void *owner);
    /* It is gone, by itself or as told: exactly once after each successful start, later, on the
     * loop. exit_code is -1 when a signal ended it.
     */
    void (*ended)(void *owner, int exit_code, int signal);
};

/* Whom to tell. Once, before the first start. */
void viewer_set_events(struct viewer *viewer, const struct viewer_events *events, void *owner);

/* Start. The password has been handed over on return; the caller wipes the request.
 * Errors: STATE (one is running), INVALID (a value that cannot be passed safely), UNSUPPORTED (no
 * display), IO.
 */
int viewer_start(struct viewer *viewer, const struct viewer_request *request,
                 struct berth_error *reterr) berth_must_check;

/* TERM now, KILL after two seconds; `ended` follows. No effect when none runs. */
void viewer_end(struct viewer *viewer);

/* From a successful start until `ended` is called. */
bool viewer_is_running(const struct viewer *viewer);

#endif
