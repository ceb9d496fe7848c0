/* change.h - a decision on its way to disk: rows to add, change and drop, and the audit record that
 * tells why.
 *
 * Module core. Flows build one; the store commits it as one savepoint (all or nothing); core_apply
 * then makes it visible in memory and announces it. Nobody hears of a decision before it is
 * durable.
 */
#ifndef BERTH_CORE_CHANGE_H
#define BERTH_CORE_CHANGE_H

#include "core/rows.h"

enum change_verb { CHANGE_ADD = 1, CHANGE_SET, CHANGE_DROP };

struct entity;

struct change {
    enum entity_kind kind;
    enum change_verb verb;
    int64_t
        base_version; /* SET, DROP: the version it was based on; the row carries base_version + 1 */
    struct entity *gone; /* DROP, after core_apply: what was dropped */
    union row row;       /* by value; DROP needs id only, but carries the last row for the feed */
};

/* Who did what to which, for the audit trail; personal fields are sealed by the store. */
struct audit_note {
    char actor[80];   /* user or administrator by name, or "broker" */
    char role[24];    /* role, "user", "terminal" or "broker" */
    char action[48];  /* "session.claim", "terminal.revoke" ... */
    char object[96];  /* "desktop w11-041" */
    char outcome[24]; /* "done" or a symbol of errors.def */
    char detail[256];
    uint64_t subject_user_id; /* the person that the record is about, 0 = none: key for sealing */
    uint64_t terminal_id;     /* 0 = none */
    /* Of a session that a limit ends: how long it waited by the monotonic clock, and the limit. */
    int64_t waited_ms, limit_ms;
};

/* Of what identifies a request: a SHA-256 in hexadecimal digits. */
#define REQUEST_ID_SIZE 72

struct changes {
    size_t count, capacity;
    struct change **at; /* each on its own: a union row is some KiB */
    struct audit_note audit;
    char request_id[REQUEST_ID_SIZE]; /* idempotency: same id twice has the effect of one; empty =
                                           none. Of two people it is never the same. */
    char request_fingerprint
        [REQUEST_ID_SIZE]; /* what was asked; the same id for anything else is refused
                                           with CONFLICT */
    bool unfinished; /* the request has more decisions after this one: its id counts as done with
                        the one that finishes it */
    uint64_t rev;    /* given by the commit: rev of the last change */
    bool repeated;   /* given by the commit: request_id came before; the effect is there, nothing is
                        applied again */
    uint64_t added_id; /* given with `repeated`: the first row that was added then; 0 = none */
};

struct changes *changes_new(const char *actor, const char *role, const char *action);
void changes_free(struct changes *changes); /* wipes: rows may hold hashes */
void changes_freep(struct changes **changes);

/* What it is about, and what there is to be said of it, for the audit record; too long a text is
 * cut. */
void changes_object(struct changes *changes, const char *format, ...) berth_printf(2, 3);
void changes_detail(struct changes *changes, const char *format, ...) berth_printf(2, 3);

/* The row is copied (row points to a struct row_<kind>). For add the id must be set (core_next_id)
 * and version is made 1; for set the version is raised here. Returns the copy, to be modified
 * further before the commit.
 */
void *changes_add(struct changes *changes, enum entity_kind kind, const void *row);
void *changes_set(struct changes *changes, enum entity_kind kind, const void *row);
void changes_drop(struct changes *changes, enum entity_kind kind, const void *row);

/* The row as `changes` will leave it, or NULL when they do not touch it (or drop it). Whoever
 * changes a row that the same decision changed already goes on from here.
 */
void *changes_find(struct changes *changes, enum entity_kind kind, uint64_t id);

#endif
