/* arguments.h - what xfreerdp3 is told, one argument a line.
 *
 * Module viewer of the agent: pure. The text goes through a pipe to `/args-from:fd:N`; nothing secret
 * is ever in argv or in the environment. Everything that is not allowed is switched off by name,
 * for the client switches some of it on by itself.
 */
#ifndef BERTH_AGENT_VIEWER_ARGUMENTS_H
#define BERTH_AGENT_VIEWER_ARGUMENTS_H

#include "viewer/viewer.h"

/* Less than a pipe holds, so that writing it never blocks. */
#define ARGUMENTS_MAX 4096

struct arguments {
    char text[ARGUMENTS_MAX];
    size_t size;
};

/* Errors: INVALID (a value with a line feed or another control character, no host, no port, no
 * fingerprint). *ret holds the password: wipe it.
 */
int arguments_make(const struct viewer_request *request, struct arguments *ret,
                   struct berth_error *reterr) berth_must_check;

/* Does this line of the client's log say that the RDP connection stands? */
bool arguments_says_active(const char *line);

/* May this line be kept in a log? Only what the client's own logger wrote, and nothing about its
 * command line. */
bool arguments_may_be_logged(const char *line);

/* Environment by which its log lines look as the two above expect: "LEVEL|module|text". */
#define ARGUMENTS_LOG_PREFIX "WLOG_PREFIX=%lv|%mn|"

/* Environment in which it trusts no certificate authority: it takes any certificate that one of the
 * machine's authorities has signed for the desktop's name, whatever the pinned one is. */
#define ARGUMENTS_NO_AUTHORITIES "SSL_CERT_FILE=/dev/null", "SSL_CERT_DIR=/dev/null"

#endif
