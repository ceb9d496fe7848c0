/* client_sim.h - lean terminals that are told what to do: what berth-client-sim's two halves share.
 *
 * A terminal here (lean/terminal.h) joins with an invitation, keeps its link and presence by
 * itself, and reports what it receives on standard output, one JSON object a line:
 * {"at_us":N,"terminal":"t1","what":"show", ...}; at_us is CLOCK_MONOTONIC.
 */
#ifndef BERTH_TESTS_FAULTS_CLIENT_SIM_H
#define BERTH_TESTS_FAULTS_CLIENT_SIM_H

#include <jansson.h>

#include "lean/join.h"
#include "lean/terminal.h"

struct client_sim {
    struct berth_loop loop;
    struct berth_random random;
    struct list terminals;
    struct lean_group lean;
};

struct terminal {
    struct list node;
    struct client_sim *sim;
    struct lean_terminal lean;
    struct lean_joiner joiner;
    struct invite invite;
    struct berth_timer join_again;
    char *key; /* of its certificate, as PEM; NULL: it has not joined yet */
    int64_t asked_us;
};

/* Write {"at_us", "terminal", "what", ...more}; `more` is taken and may be NULL. */
void client_sim_report(const struct terminal *terminal, const char *what, json_t *more);

/* How lean terminals report. */
extern const struct lean_events terminal_lean_events;

/* A terminal of that name, joined through the invitation's join listener, then connected. */
struct terminal *terminal_join(struct client_sim *sim, const char *name,
                               const struct invite *invite);
struct terminal *terminal_named(struct client_sim *sim, const char *name);

/* Switch it off. Its memory lives on, because the loop still closes its sockets. */
void terminal_off(struct terminal *terminal);

/* What a person does in front of it; each is sent at once, whatever the state. */
void terminal_sign_on(struct terminal *terminal, const char *user, const char *password,
                      const char *pool);
void terminal_kiosk(struct terminal *terminal);
void terminal_leave(struct terminal *terminal, enum msg_type how); /* disconnect or sign_off */

/* Say goodbye and close; close without goodbye and stay away. */
void terminal_bye(struct terminal *terminal);
void terminal_cut(struct terminal *terminal);

#endif
