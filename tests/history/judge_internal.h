/* judge_internal.h - the state of the judge, and the functions that its files share.
 *
 * Module tests, internal header of the judge. One struct per entity in the lines, found by its
 * number or name and made when it first appears. Each file judges a group of invariants: it gets
 * every line of its kinds in order, compares, counts with judge_check and reports with
 * judge_broken. All facts come from the lines; from missing lines nothing is concluded.
 */
#ifndef BERTH_TESTS_HISTORY_JUDGE_INTERNAL_H
#define BERTH_TESTS_HISTORY_JUDGE_INTERNAL_H

#include "berth/list.h"
#include "berth/map.h"

#include "history/judge.h"

#define SECOND_US INT64_C(1000000)

/* The states that rules use. */
enum row_state {
    ROW_OTHER,
    ROW_PREPARING,
    ROW_ACTIVE,
    ROW_DISCONNECTED,
    ROW_ENDING,
    ROW_REVOKED,
    ROW_RETIRED,
    ROW_RUNS, /* desktop: starting or ready */
    ROW_QUARANTINED,
};

/* A durable row: as last announced or loaded, and as the store recorded it. */
struct fact {
    struct list node; /* judge.facts */
    enum history_entity kind;
    uint64_t id;
    bool known;   /* announced or loaded at least once: the members below are valid */
    bool changed; /* announced in this life, not only loaded */
    bool dropped; /* it existed and was deleted */
    bool over, stored_over;
    enum row_state state;
    enum history_cause cause;
    int64_t version, rev, epoch;
    int64_t stored_version, stored_rev;
    int64_t acked_version, acked_epoch; /* a request was answered ok with these */
    uint64_t acked_line;
    uint64_t calls, open_calls; /* operations on it; those without a known outcome */
    uint64_t user_id, pool_id, desktop_id, terminal_id, session_id;
    int64_t slot;
    int64_t at_us, since_us; /* announced; and when its state began */
    int64_t added_us;        /* in this life of the broker, else 0 */
    uint64_t line;
    uint64_t life;       /* in which it was last loaded, added or changed */
    struct list of_user; /* assignment: user.open; session: user.sessions */
};

/* A picture on a terminal's screen. */
struct shown {
    struct list node; /* slot.shown */
    struct list here; /* terminal.shown */
    struct terminal *terminal;
    struct slot *slot;
    uint64_t session_id;
    int64_t epoch;
    int64_t since_us;
    int64_t until_us; /* it must be gone by then; 0: it may stay */
    uint64_t line;    /* that set the bound */
};

/* A place for a session. Sessions with an unknown desktop have their own. */
struct slot {
    struct list node;       /* judge.slots_all */
    struct list of_desktop; /* desktop.slots */
    uint64_t desktop_id;
    int64_t number;
    struct fact *owner; /* the open assignment */
    uint64_t last_user; /* who had it last */
    bool clean;         /* a new disk since then */
    bool row;           /* its row is known */
    int64_t epoch;      /* of the row */
    int64_t claimed;    /* highest of its sessions */
    int64_t admitted;   /* highest that the guest let in */
    int64_t secret;     /* password of its account, 0: none */
    int64_t shown_epoch;
    struct list shown;
};

struct desktop {
    uint64_t id;
    struct machine *machine;
    bool row;        /* there is an open one */
    bool should_run; /* as its row says */
    bool quarantined;
    bool recycles;
    struct list slots;
};

struct machine {
    struct list node; /* judge.machines_all */
    char uuid[40];
    char host[64];
    struct desktop *desktop;
    bool had_row, heard, defined, runs;
    uint64_t runs_nth;   /* last line about it */
    int64_t starting_by; /* process whose start is unanswered; 0: none */
    uint64_t starting_line, starting_nth;
    int64_t admitted; /* highest epoch, by guests that cannot tell the session */
    int64_t secret;   /* of its one account, likewise */
};

struct session {
    uint64_t id;
    struct slot *slot;
    bool was_shown;
    uint64_t connection;    /* the open one, 0: none */
    uint64_t terminal_id;   /* of it */
    uint64_t hidden_line;   /* its terminal was told to hide it, without a decision so far */
    int64_t told_off_epoch; /* it was told to hide it up to this epoch */
};

struct user {
    uint64_t id;
    int64_t out_us; /* disabled since; 0: not */
    uint64_t out_line;
    struct list open;     /* of struct fact: assignments */
    struct list sessions; /* of struct fact: sessions that are not over */
};

struct promise {
    uint64_t id; /* hash */
    bool lives;
    bool held, presumed;
    int64_t seq;
    int64_t deadline_us; /* as if the loop had never stalled in this life */
    int64_t largest_us;  /* of all that were promised under this id, likewise */
    uint64_t line;
};

struct waiting;

struct terminal {
    struct list node; /* judge.terminals_all */
    uint64_t id;
    char name[64];
    struct promise presence;
    int64_t out_us; /* revoked since; 0: not */
    uint64_t out_line;
    int64_t open;            /* connections that the link holds */
    int64_t profile;         /* version in force */
    struct waiting *waiting; /* its place in a queue */
    int64_t asked_us;        /* there was a request there, or it was switched off */
    int64_t kept_us;         /* end of the earlier broker: its picture of then must stay */
    struct list shown;
};

struct operation {
    struct list node; /* judge.operations */
    char key[56];
    enum history_request what;
    uint64_t user_id, id;
    int64_t at_us;
    uint64_t line;
    uint64_t life;
    char request[64];
    struct fact *fact; /* the row it is about */
    int64_t version;   /* of it then */
    uint64_t nth;      /* of the operations on it */
    bool degraded;     /* the broker could not commit when it was asked */
    bool disabled;     /* and the user was disabled for more than a second */
    bool badge_out;    /* or the badge */
    bool root;         /* the local administrator asks */
    uint64_t records;  /* of administrators in the audit trail, then */
};

struct life {
    uint64_t number; /* 0: none has started in this history yet */
    int64_t incarnation;
    int64_t started_us, recovery_us;
    bool loaded, up, degraded;
    int64_t degraded_us;
    int64_t stall_us; /* all stalls of this life, as far as is known */
    int64_t last_us;  /* the latest line of the broker's loop */
    uint64_t nth;     /* number of its first line in the history; 0: it began before */
};

/* Something that must have happened by a time; bounds of one kind are equal, so a queue is in
 * order. */
struct pending {
    struct list node;
    int64_t until_us;
    int64_t stall_us; /* of this life, when it was expected */
    uint64_t id;
    uint64_t line;
};

struct judge {
    judge_fault_fn *fault;
    void *context;
    struct judge_verdict verdict;
    uint64_t number; /* of the present line */
    int64_t now_us;
    int64_t latest_us; /* of all lines */
    uint64_t steps;    /* of work, to prove that it is linear */
    struct list memory;
    struct list facts, slots_all, machines_all, terminals_all, operations, line_ups;
    struct map rows, slots, desktops, machines, sessions, terminals, names, users;
    struct map ids, calls, requests, secrets, keys, queues, virts;
    struct life life;
    bool listed;                        /* a start has listed every row: there are no others */
    bool broker_recorded, broker_whole; /* missing lines of the broker prove something */
    bool simulated;                     /* one recorder wrote everything, the store included */
    bool clients_recorded;
    bool stored;         /* the store records */
    bool virt;           /* machines are recorded */
    uint64_t virt_begun; /* number in the history of the latest berth-virt's first line */
    bool wall;           /* the wall clock was set */
    struct list doubts;  /* missing rows that may have been deleted */
    struct list out;     /* pending: disabled users */
    struct list closing; /* pending: revoked terminals whose connection must close */
    struct list lost;    /* pictures that ended in a recovery window, without a reason so far */
    struct list hidden; /* pending: sessions hidden in a recovery window, without a reason so far */
    struct trail {
        int64_t seq, rev;
        int64_t pending;       /* lowest rev of stored rows that no record covers yet; 0: none */
        uint64_t pending_line; /* of the lowest */
        uint64_t life;
        uint64_t administrator; /* records in that role */
    } trail;
};

/* ---- judge.c ---- */

/* Count a comparison. */
void judge_check(struct judge *judge, int invariant);
/* Report a violation, at the present line or at an earlier one. */
void judge_broken(struct judge *judge, int invariant, const char *format, ...) berth_printf(3, 4);
void judge_broken_at(struct judge *judge, int invariant, uint64_t line, const char *format, ...)
    berth_printf(4, 5);

/* ---- registry.c ---- */

/* Zeroed memory; freed with the judge, or earlier by judge_drop. */
void *judge_make(struct judge *judge, size_t size);
void judge_drop(void *memory);
void registry_init(struct judge *judge);
void registry_clear(struct judge *judge);
struct fact *fact_find(struct judge *judge, enum history_entity kind, uint64_t id);
struct fact *fact_make(struct judge *judge, enum history_entity kind, uint64_t id);
void fact_forget(struct judge *judge, struct fact *fact);
struct slot *slot_make(struct judge *judge, uint64_t desktop_id, int64_t number);
struct desktop *desktop_make(struct judge *judge, uint64_t id);
struct machine *machine_make(struct judge *judge, const char *uuid);
struct session *session_make(struct judge *judge, uint64_t id);
struct session *session_find(struct judge *judge, uint64_t id);
struct user *user_make(struct judge *judge, uint64_t id);
struct terminal *terminal_make(struct judge *judge, uint64_t id);
struct terminal *terminal_named(struct judge *judge, const char *name);
/* The terminal of this number is the one of this name. */
void terminal_name(struct judge *judge, uint64_t id, const char *name);
const char *terminal_called(const struct terminal *terminal, char buffer[64]);

/* ---- rows.c: I2, I3 ---- */

void rows_take(struct judge *judge, const struct history_row *row);
void rows_started(struct judge *judge);
void rows_loaded(struct judge *judge);
void rows_end(struct judge *judge);
/* The first audit record of a new life. in_flight: there are records between the last one in the
 * history and this one. */
void rows_recorded(struct judge *judge, bool in_flight);
void rows_rest(struct judge *judge);
/* The other judges of a row; was: the row before. */
typedef void row_fn(struct judge *judge, struct fact *fact, const struct fact *was,
                    const struct history_row *row);

/* ---- calls.c: I2 of answers, I3 of refusals, I4, I26, I28 ---- */

void calls_invoke(struct judge *judge, const struct history_invoke *invoke);
void calls_result(struct judge *judge, const struct history_result *result);

/* ---- owners.c: I1, I14 ---- */

void owners_started(struct judge *judge);
row_fn owners_assignment;
row_fn owners_desktop;
void owners_disk(struct judge *judge, const struct machine *machine);

/* ---- epochs.c: I6, I19 ---- */

row_fn epochs_slot, epochs_session, epochs_connection;
void epochs_told(struct judge *judge, const struct history_instruction *told);
void epochs_guest(struct judge *judge, const struct history_guest *guest);
/* The disk is new or deleted: it has no password any more. */
void epochs_disk(struct judge *judge, struct machine *machine);
/* The machine stopped: passwords that are not scrambled yet stay. */
void epochs_stopped(struct judge *judge, const struct machine *machine);
/* At rest: does the password of an ended session still open its account? */
void epochs_rest(struct judge *judge, const struct machine *machine);

/* ---- screens.c: I5, I12 of pictures ---- */

void screens_take(struct judge *judge, const struct history_screen *screen);
void screens_dropped(struct judge *judge, const struct history_guest *guest);
void screens_told(struct judge *judge, const struct history_instruction *told);
void screens_started(struct judge *judge);
void screens_due(struct judge *judge);
void screens_end(struct judge *judge);

/* ---- presence.c: I7-I10 ---- */

void presence_take(struct judge *judge, const struct history_presence *line);
void presence_started(struct judge *judge);
void presence_end(struct judge *judge);

/* ---- causes.c: I11 ---- */

row_fn causes_session, causes_assignment;

/* ---- machines.c: I12 of machines, I13, I15 ---- */

/* A berth-virt begins. */
void machines_run(struct judge *judge, const struct history_run *run);
void machines_take(struct judge *judge, const struct history_machine *line);
void machines_rest(struct judge *judge);

/* ---- shut_out.c: I16-I18 ---- */

row_fn shut_out_user, shut_out_terminal, shut_out_identity, shut_out_connection;
void shut_out_told(struct judge *judge, const struct history_instruction *told);
void shut_out_peer(struct judge *judge, const struct history_peer *peer);
void shut_out_presence(struct judge *judge, const struct history_presence *line);
void shut_out_started(struct judge *judge);
/* A line of the broker at now_us: check what should have happened by now. */
void shut_out_due(struct judge *judge);

/* ---- trail.c: I20, I21 ---- */

void trail_audit(struct judge *judge, const struct history_audit *audit);
/* A row is on disk, or announced. */
void trail_row(struct judge *judge, const struct history_row *row);
void trail_started(struct judge *judge);
void trail_end(struct judge *judge);

/* ---- service.c: I22-I25 ---- */

void service_measure(struct judge *judge, const struct history_measure *measure);
void service_started(struct judge *judge);
void service_queue(struct judge *judge, const struct history_queue *queue);
void service_profile(struct judge *judge, const struct history_profile *profile);

#endif
