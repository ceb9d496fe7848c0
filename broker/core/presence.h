/* presence.h - which terminals are there, as promises with a deadline.
 *
 * Module core: no I/O; all times are the monotonic ones of the core's timers, so that a jump of the
 * wall clock changes nothing and a stall of the loop (timers_shift) moves every deadline. Thread:
 * loop.
 *
 * A terminal announces itself and gets a presence id (128 random bits) that only it may renew. The
 * message with the highest sequence replaces what was promised before, also by less; a new
 * announcement kills the earlier id for ever. Losing presence marks and tells; it never releases a
 * desktop. If much of a site would vanish at once, the fault is taken to be ours: nothing is
 * concluded, an alarm is raised once, and the terminals are given up slowly, later.
 */
#ifndef BERTH_CORE_PRESENCE_H
#define BERTH_CORE_PRESENCE_H

#include "core/runtime.h"

#define PRESENCE_MIN_MS 5000
#define PRESENCE_MAX_MS 300000
#define PRESENCE_ID_AGE_MS 3600000 /* an older id is replaced at the next renewal */
#define PRESENCE_TAKEOVERS 5       /* more in a minute: is the key cloned? */

struct presence {
    struct terminal *terminal;
    enum presence_state state;
    int64_t since_ms;
    char id[40];
    char hash[72]; /* of the id; after a restart all that is known of it */
    int64_t seq;
    int64_t received_ms;
    int64_t granted_ms;
    int64_t issued_ms;
    bool linked; /* its connection stands */
    enum screen_state screen;
    int64_t input_idle_ms; /* as last said, at received_ms */
    int takeovers;
    int64_t takeovers_since_ms;
    bool held;                /* by the mass-expiry guard, in its list */
    struct list node;         /* of guard.held */
    struct list unsaved;      /* of table.unsaved */
    struct berth_timer next;  /* suspect, then absent */
    struct berth_timer grace; /* the connection broke */
};

/* What the store shall remember; the receiver copies. */
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
    struct list guards; /* one per site that holds */
    struct berth_timer flush;
    /* Outward, once a second while there is something: facts in batches. NULL: nobody remembers. */
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

/* What is answered to the terminal: it dictates the timing. */
struct presence_grant {
    char id[40];
    int64_t expires_in_ms, renew_after_ms, reconnect_spread_ms;
};

enum presence_answer {
    PRESENCE_GRANTED,
    PRESENCE_IGNORED, /* an older or repeated sequence: changes nothing, is not answered */
    PRESENCE_UNKNOWN, /* this id is over: announce anew */
};

/* The terminal announces itself. want_ms: 0 asks for the default; the bounds are granted when it is
 * out of them. resume_id: an earlier id, to continue it without a gap; another one than the present
 * id is simply over. Returns true when this took the place of another living announcement: more
 * than PRESENCE_TAKEOVERS of them a minute is logged as a key that may have been cloned.
 */
bool presence_announce(struct presence *presence, int64_t want_ms, const char *resume_id,
                       struct presence_grant *ret);

/* The terminal is still there. *ret is filled when it is granted; the id in it may be a new one. */
enum presence_answer presence_renew(struct presence *presence, const char *id, int64_t seq,
                                    int64_t want_ms, struct presence_grant *ret);

/* A presence of 0 ms. */
enum presence_answer presence_bye(struct presence *presence, const char *id, int64_t seq);

/* What the terminal last said of its screen and its input. */
void presence_screen(struct presence *presence, enum screen_state screen, int64_t input_idle_ms);

/* Its connection stands or broke; after the grace it is suspect. */
void presence_link(struct presence *presence, bool linked);

/* Revoked: the id is over at once and for ever. */
void presence_revoke(struct presence *presence, const char *why);

/* At start: it was present before, has granted_ms and the spread to come back, and may resume by
 * the hash of its id. */
void presence_presume(struct presence *presence, const char *hash, int64_t granted_ms);

/* All that were there before are presumed now: they come back over the spread of the whole fleet,
 * so each has that much longer.
 */
void presence_presumed_all(struct presence_table *table);

/* What terminals shall spread their reconnects over when the broker is lost. */
int64_t presence_spread_ms(const struct presence_table *table);

/* Is the person who uses a session there? Derived, never stored. */
enum user_presence { USER_GONE, USER_UNKNOWN, USER_AWAY, USER_PRESENT };
extern const char *const user_presence_names[];

struct user_location {
    enum user_presence presence;
    uint64_t terminal_id; /* 0: nowhere */
    uint64_t session_id;
    int64_t age_ms; /* since it was last confirmed */
};
#define USER_AWAY_AFTER_MS 600000 /* without input */

/* Where the user is now, by the newest connection of a living session. Whoever asks for others asks
 * by role and is audited. */
void user_presence(struct core *core, uint64_t user_id, struct user_location *ret);

#endif
