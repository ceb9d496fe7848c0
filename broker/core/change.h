/* change.h - a decision before its commit: rows to add, change and drop, and the audit record that
 * says why.
 *
 * Module core. A flow builds one; the store commits it as one savepoint (all or nothing);
 * core_apply then makes it visible in memory and announces it. No listener hears of a decision
 * before it is durable.
 */
#ifndef BERTH_CORE_CHANGE_H
#define BERTH_CORE_CHANGE_H

#include "core/rows.h"

enum change_verb { CHANGE_ADD = 1, CHANGE_SET, CHANGE_DROP };

struct entity;

struct change {
    enum entity_kind kind;
    enum change_verb verb;
    /* SET, DROP: the version it was based on; the row carries base_version + 1. */
    int64_t base_version;
    struct entity *gone; /* DROP, after core_apply: the entity that was dropped */
    /* By value. DROP needs the id only, but carries the last row for the change feed. */
    union row row;
};

/* Who did what to which, for the audit trail; personal fields are sealed by the store. */
struct audit_note {
    char actor[80];   /* user or administrator by name, or "broker" */
    char role[24];    /* role, "user", "terminal" or "broker" */
    char action[48];  /* "session.claim", "terminal.revoke" ... */
    char object[96];  /* "desktop w11-041" */
    char outcome[24]; /* "done" or a symbol of errors.def */
    char detail[256];
    uint64_t subject_user_id; /* user that the record is about, 0 = none: selects the sealing key */
    uint64_t terminal_id;     /* 0 = none */
    /* A session that a limit ends: how long it waited, by the monotonic clock, and the limit. */
    int64_t waited_ms, limit_ms;
};

/* Size of a SHA-256 in hexadecimal digits, for ids and fingerprints of requests. */
#define REQUEST_ID_SIZE 72

struct changes {
    size_t count, capacity;
    struct change **at; /* allocated one by one: a union row is some KiB */
    struct audit_note audit;
    /* Idempotency key: the same id twice takes effect once; empty: none. Ids of two callers never
     * collide (they are hashed with the caller). */
    char request_id[REQUEST_ID_SIZE];
    /* What was asked; the same request_id with another fingerprint is refused with CONFLICT. */
    char request_fingerprint[REQUEST_ID_SIZE];
    /* The request has more decisions after this one: its id counts as done with the last of
     * them. */
    bool unfinished;
    uint64_t rev; /* set by the commit: rev of the last change */
    /* Set by the commit: request_id was done before, so nothing is applied again. */
    bool repeated;
    /* Set with `repeated`: the first row that was added then; 0 = none. */
    uint64_t added_id;
};

struct changes *changes_new(const char *actor, const char *role, const char *action);
void changes_free(struct changes *changes); /* wipes: rows may hold hashes */
void changes_freep(struct changes **changes);

/* Object and detail of the audit record; text that is too long is cut. */
void changes_object(struct changes *changes, const char *format, ...) berth_printf(2, 3);
void changes_detail(struct changes *changes, const char *format, ...) berth_printf(2, 3);

/* Add a change. The row (a struct row_<kind>) is copied; the copy is returned and may be modified
 * until the commit.
 *
 * changes_add: the id must be set (core_next_id); the version becomes 1.
 * changes_set: the version is raised here. A row that these changes contain already is replaced.
 */
void *changes_add(struct changes *changes, enum entity_kind kind, const void *row);
void *changes_set(struct changes *changes, enum entity_kind kind, const void *row);
void changes_drop(struct changes *changes, enum entity_kind kind, const void *row);

/* The row as `changes` will leave it; NULL when they do not touch it, or drop it. To change a row
 * twice in one decision, go on from this copy.
 */
void *changes_find(struct changes *changes, enum entity_kind kind, uint64_t id);

#endif
