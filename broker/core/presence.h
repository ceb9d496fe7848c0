/* presence.h - which terminals are there: leases that they renew.
 *
 * Module core: no I/O. All times are monotonic times of the core's timers: a jump of the wall clock
 * changes nothing, and a stall of the loop (timers_shift) moves every deadline. Thread: loop.
 *
 * A terminal announces itself and gets a presence id (128 random bits) that only it may renew. The
 * message with the highest sequence number sets the deadline, later or earlier than before; a new
 * announcement invalidates the earlier id for ever. A terminal that loses presence is marked and
 * reported; its desktop is not released for that. When much of a site would become absent at once,
 * presence_guard.h holds the terminals back.
 */
#ifndef BERTH_CORE_PRESENCE_H
#define BERTH_CORE_PRESENCE_H

#include "core/terminal.h"

#define PRESENCE_MIN_MS 5000
#define PRESENCE_MAX_MS 300000
#define PRESENCE_ID_AGE_MS 3600000 /* an older id is replaced at the next renewal */
#define PRESENCE_TAKEOVERS 5       /* more in a minute: is the key cloned? */

struct presence {
    struct terminal *terminal;
    enum presence_state state;
    int64_t since_ms;
    char id[40];
    char hash[72]; /* of the id; after a restart only the hash is known */
    int64_t seq;
    int64_t received_ms;
    int64_t granted_ms;
    int64_t issued_ms;
    bool linked; /* its connection is open */
    enum screen_state screen;
    int64_t input_idle_ms; /* as reported at received_ms */
    int takeovers;
    int64_t takeovers_since_ms;
    bool held;                /* by the mass-expiry guard, in its list */
    struct list node;         /* of guard.held */
    struct list unsaved;      /* of table.unsaved */
    struct berth_timer next;  /* to SUSPECT, then to ABSENT */
    struct berth_timer grace; /* runs after the connection broke */
};

/* What the store saves of a presence; valid during the call only. */
struct presence_fact {
    uint64_t terminal_id;
    const char *hash;
    int64_t granted_ms;
    int64_t seen_ms; /* wall clock */
};
#define PRESENCE_BATCH 256

struct presence_table {
    struct core *core;
    struct list unsaved;
    struct list guards; /* of struct guard, one per site */
    struct berth_timer flush;
    /* Called at most once a second, with batches of what changed. NULL: nothing is saved. */
    void (*save)(void *context, const struct presence_fact *facts, size_t count);
    void *context;
    size_t present;                 /* terminals that are not absent */
    size_t doubtful;                /* of these suspect or presumed */
    uint64_t stale, unknown, holds; /* counted for metrics */
};

/* One table per core, made and freed by it. */
struct presence_table *presence_table_new(struct core *core);
void presence_table_free(struct presence_table *table);

/* One presence per terminal, absent at first; made and freed with it. */
struct presence *presence_new(struct terminal *terminal);
void presence_free(struct presence *presence);

/* The answer to the terminal; it sets the terminal's timing. */
struct presence_grant {
    char id[40];
    int64_t expires_in_ms, renew_after_ms, reconnect_spread_ms;
};

enum presence_answer {
    PRESENCE_GRANTED,
    PRESENCE_IGNORED, /* an older or repeated sequence number: no change, no answer */
    PRESENCE_UNKNOWN, /* invalid id: the terminal must announce itself again */
};

/* The terminal announces itself.
 *
 * want_ms: the lease it asks for; 0 = the default; limited to PRESENCE_MIN_MS ... PRESENCE_MAX_MS.
 * resume_id: its earlier id, or "". When that is the present id, the announcement continues it.
 * Returns true when another live announcement was replaced: more than PRESENCE_TAKEOVERS of them a
 * minute are logged as a key that may have been cloned.
 */
bool presence_announce(struct presence *presence, int64_t want_ms, const char *resume_id,
                       struct presence_grant *ret);

/* The terminal renews its lease. *ret is filled when it is granted; the id in it may be a new one.
 */
enum presence_answer presence_renew(struct presence *presence, const char *id, int64_t seq,
                                    int64_t want_ms, struct presence_grant *ret);

/* The terminal says goodbye: a lease of 0 ms. */
enum presence_answer presence_bye(struct presence *presence, const char *id, int64_t seq);

/* What the terminal last reported of its screen and its input. */
void presence_screen(struct presence *presence, enum screen_state screen, int64_t input_idle_ms);

/* Its connection opened or broke; core->limits.link_grace_ms after it broke the terminal is
 * SUSPECT. */
void presence_link(struct presence *presence, bool linked);

/* The terminal was revoked: its id is invalid at once and for ever. */
void presence_revoke(struct presence *presence, const char *why);

/* At start: the terminal was present before the restart. It has granted_ms and the reconnect spread
 * to come back, and may resume by the hash of its id. */
void presence_presume(struct presence *presence, const char *hash, int64_t granted_ms);

/* All presumed terminals are loaded, so the reconnect spread of the whole fleet is known: each gets
 * that much longer.
 */
void presence_presumed_all(struct presence_table *table);

/* The time over which terminals shall spread their reconnects when the broker is lost. */
int64_t presence_spread_ms(const struct presence_table *table);

#endif
