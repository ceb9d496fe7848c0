/* terminal.h - one terminal of the storm, and the person at it.
 *
 * A lean terminal (lean/terminal.h) with a request: what its person wants, asked again until it is
 * answered. What happens is counted and timed in storm->figures.
 */
#ifndef BERTH_STORM_TERMINAL_H
#define BERTH_STORM_TERMINAL_H

#include "berth/enums.h"

#include "lean/terminal.h"

struct population;

/* What a person wants at a terminal, until it is answered. */
struct request {
    bool open;
    bool counted; /* in figures.offered */
    enum evidence_kind kind;
    size_t person; /* whose password or badge; from 0 */
    uint64_t user_id;
    int64_t since_us;
    int64_t estimate_us; /* the first estimate, and when it came */
    int64_t estimated_us;
};

struct terminal {
    struct lean_terminal lean;
    struct population *population;
    size_t number; /* from 0 */
    struct berth_timer retry;
    struct berth_timer stay; /* how long the person stays; for the verb */
    struct request request;
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

/* How the storm's lean terminals report to it. */
extern const struct lean_events terminal_lean_events;

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
