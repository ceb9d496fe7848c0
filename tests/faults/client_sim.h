/* client_sim.h - lean terminals over the real link: what berth-client-sim's two halves share.
 *
 * A terminal here has an identity, keeps presence, answers what the broker asks and "shows" what it
 * is told to, without a viewer and without a screen. It reconnects as berth-agent does (the same
 * table of delays). It reports what it receives on standard output, one JSON object a line:
 * {"at_us":N,"terminal":"t1","what":"show", ...}; at_us is CLOCK_MONOTONIC.
 */
#ifndef BERTH_TESTS_FAULTS_CLIENT_SIM_H
#define BERTH_TESTS_FAULTS_CLIENT_SIM_H

#include <jansson.h>

#include "berth/frame.h"
#include "berth/history.h"
#include "berth/invite.h"
#include "berth/message.h"
#include "berth/random.h"
#include "berth/tls.h"

struct client_sim {
    struct berth_loop loop;
    struct berth_random random;
    struct list terminals;
    int64_t want_ms;         /* requested duration of a presence; 0: the broker decides */
    struct history *history; /* NULL: nothing is recorded */
};

/* One connection; it lives until its socket is closed, also after its terminal gave it up. */
struct wire {
    struct tls_peer tls;
    struct frame_reader reader;
    struct terminal *terminal; /* NULL: given up */
    bool joining;
};

struct terminal {
    struct list node;
    struct client_sim *sim;
    char name[64];
    struct invite invite;
    char host[64]; /* of the link's listener; numeric */
    int port;
    char *key; /* PEM, as are the two below */
    char certificate[2048], authority[2048];
    SSL_CTX *context; /* of the link */
    struct wire *wire;
    struct berth_timer again, renew, unanswered;
    bool wanted; /* it should be connected */
    bool told;   /* presence was granted on this connection */
    int failures;
    char presence_id[40];
    int64_t seq, renew_after_ms, spread_ms, incarnation;
    uint64_t session_id, connection_id; /* what it shows; 0: nothing */
    int64_t epoch;
    int64_t dialled_us, renewed_us, asked_us;
    int64_t op;   /* number of its latest operation, for the history */
    bool waiting; /* a sign-on is not answered yet */
};

int64_t client_sim_now_us(void);

/* Write {"at_us", "terminal", "what", ...more}; `more` is taken and may be NULL. */
void client_sim_report(const struct terminal *terminal, const char *what, json_t *more);

/* A terminal of that name, joined through the invitation's join listener, then connected. */
struct terminal *terminal_join(struct client_sim *sim, const char *name,
                               const struct invite *invite);
struct terminal *terminal_named(struct client_sim *sim, const char *name);
void terminal_free(struct terminal *terminal);

/* What a person does in front of it; each is sent at once, whatever the state. */
void terminal_sign_on(struct terminal *terminal, const char *user, const char *password,
                      const char *pool);
void terminal_kiosk(struct terminal *terminal);
void terminal_leave(struct terminal *terminal, enum msg_type how); /* disconnect or sign_off */

/* Say goodbye and close; close without goodbye and stay away; connect (again). */
void terminal_bye(struct terminal *terminal);
void terminal_cut(struct terminal *terminal);
void terminal_connect(struct terminal *terminal);

#endif
