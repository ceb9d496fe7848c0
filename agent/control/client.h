/* client.h - client of the control socket: the subcommands of berth-agent.
 *
 * Module control of the agent. Runs in a process of its own: blocking, no loop.
 */
#ifndef BERTH_AGENT_CONTROL_CLIENT_H
#define BERTH_AGENT_CONTROL_CLIENT_H

#include "control/control.h"

/* Exit codes that scripts can use. */
enum client_exit {
    CLIENT_DONE = 0,
    CLIENT_FAILED = 1, /* failed; the message on standard error says why */
    CLIENT_USAGE = 2,
    CLIENT_NO_AGENT = 3, /* no agent listens at the socket */
    CLIENT_STATE = 4, /* not possible in the terminal's present state, such as without the broker */
    CLIENT_REFUSED = 5,   /* wrong credentials, no permission, an invalid invitation */
    CLIENT_TRY_AGAIN = 6, /* temporary failure, such as no free desktop or an overloaded broker */
};

/* Run a subcommand and print its outcome. socket: path of the control socket; argv[0]: the word. */
enum client_exit client_main(const char *socket, int argc, char **argv);

/* The exit code for an answer with this error (a symbol of errors.def). retry, refused: members of
 * the answer. Public for the test. */
enum client_exit client_exit_of(const char *error, bool retry, bool refused);

#endif
