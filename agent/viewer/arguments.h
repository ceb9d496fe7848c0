/* arguments.h - the arguments of xfreerdp3, one per line.
 *
 * Module viewer of the agent: pure. The text is passed through a pipe to `/args-from:fd:N`, so that
 * no secret is in argv or in the environment. Redirections that are not allowed are switched off by
 * name, because the client enables some of them by default.
 */
#ifndef BERTH_AGENT_VIEWER_ARGUMENTS_H
#define BERTH_AGENT_VIEWER_ARGUMENTS_H

#include "viewer/viewer.h"

/* Smaller than a pipe's buffer, so that writing it never blocks. */
#define ARGUMENTS_MAX 4096

struct arguments {
    char text[ARGUMENTS_MAX];
    size_t size;
};

/* Make the arguments of a request. *ret contains the password: wipe it. Errors: INVALID (no host,
 * port or fingerprint; a control character such as a line feed), TOO_LARGE.
 */
int arguments_make(const struct viewer_request *request, struct arguments *ret,
                   struct berth_error *reterr) berth_must_check;

/* Does this line of the client's log say that the RDP connection is active? */
bool arguments_says_active(const char *line);

/* May this line be written to a log? Only lines of the client's logger, except those about its
 * command line, which contains the password. */
bool arguments_may_be_logged(const char *line);

/* Environment variable for the format of log lines that both expect: "LEVEL|module|text". */
#define ARGUMENTS_LOG_PREFIX "WLOG_PREFIX=%lv|%mn|"

/* Environment variables that leave it without certificate authorities. With any, it accepts every
 * certificate that one of them signed for the desktop's name, regardless of the pinned one. */
#define ARGUMENTS_NO_AUTHORITIES "SSL_CERT_FILE=/dev/null", "SSL_CERT_DIR=/dev/null"

#endif
