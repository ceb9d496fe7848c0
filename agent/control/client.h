/* client.h - the other end of the control socket: the subcommands of berth-agent.
 *
 * Module control of the agent. Blocking; no loop.
 */
#ifndef BERTH_AGENT_CONTROL_CLIENT_H
#define BERTH_AGENT_CONTROL_CLIENT_H

#include "control/control.h"

/* Exit codes that scripts can use. */
enum client_exit {
    CLIENT_DONE = 0,
    CLIENT_FAILED = 1, /* it did not work; the sentence says why */
    CLIENT_USAGE = 2,
    CLIENT_NO_AGENT = 3, /* nobody answers at the socket */
    CLIENT_STATE = 4, /* not possible in the terminal's present state, such as without the broker */
    CLIENT_REFUSED = 5,   /* credentials, rights, an invitation */
    CLIENT_TRY_AGAIN = 6, /* no desktop now, too much going on: later it may work */
};

/* Run a subcommand: argv[0] is its word. socket: path of the control socket. */
enum client_exit client_main(const char *socket, int argc, char **argv);

/* For the test: what an answer means. refused: the terminal was not let in, by the broker or by
 * what it trusts. */
enum client_exit client_exit_of(const char *error, bool retry, bool refused);

#endif
