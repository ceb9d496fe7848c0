/* terminal.h - one terminal of the storm: connects, is present, signs on, shows, goes.
 *
 * The rules are those of berth-agent (agent/core/reconnect.h, agent/core/terminal_status.h):
 * reconnects are spread as the broker said, sooner where a person waits; an older epoch never takes
 * the picture back; losing the broker changes nothing on the screen. There is no screen and no
 * viewer: a show counts as shown.
 */
#ifndef BERTH_STORM_TERMINAL_H
#define BERTH_STORM_TERMINAL_H

#include "berth/enums.h"
#include "berth/frame.h"
#include "berth/tls.h"

struct population;

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_OPEN, LINK_PRESENT };

/* What a person wants at a terminal, until it is answered. */
struct request {
    bool open;
    bool told;    /* the broker was asked, on the present connection */
    bool counted; /* in figures.offered */
    enum evidence_kind kind;
    size_t person; /* whose password or badge; from 0 */
    uint64_t user_id;
    int64_t op; /* number in the history */
    int64_t since_us;
    int64_t estimate_us; /* the first estimate, and when it came */
    int64_t estimated_us;
};

struct terminal {
    struct tls_peer tls;
    bool tls_used; /* its memory belongs to the loop until it is closed */
    struct population *population;
    size_t number; /* from 0 */
    enum link_state link;
    bool on;
    int failures;
    struct frame_reader reader;
    struct berth_timer reconnect, renew, retry;
    struct berth_timer stay; /* how long the person stays; for the verb */
    int64_t connect_us, renew_us, lost_us;
    char presence_id[40];
    int64_t seq, renew_after_ms, spread_ms, profile_version;
    uint64_t ref;
    int64_t ops;
    struct request request;
    /* On its screen. */
    bool shows;
    uint64_t session_id, connection_id;
    int64_t epoch;
    int64_t leave_us; /* when its person tapped out; 0: not */
};

/* Events of terminals, for the verb; each may be NULL. */
struct terminal_events {
    void (*present)(struct terminal *terminal);
    void (*shown)(struct terminal *terminal);
    void (*hidden)(struct terminal *terminal);
    void (*lost)(struct terminal *terminal);
};

/* Its name as the broker knows it. */
void terminal_name(size_t number, char out[64]);

/* Switch it on: it connects now and whenever the link is lost, until it is switched off. */
void terminal_on(struct terminal *terminal);

/* Switch it off without goodbye, as by a power failure. */
void terminal_off(struct terminal *terminal);

/* A person wants a desktop: asked now, or as soon as the terminal is present. Of `request` only
 * kind, person and user_id are read. */
void terminal_request(struct terminal *terminal, const struct request *request);

/* The person leaves; the session stays. */
void terminal_leave(struct terminal *terminal);

#endif
