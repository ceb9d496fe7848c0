/* store.h - the durable record: SQLite behind typed, asynchronous operations.
 *
 * Module store: the only one with <sqlite3.h>. Thread: every function is called on the loop; the
 * work is done by the store's own writer thread; completions come on the loop after COMMIT. Two
 * files in the data folder: berth.db (WAL, synchronous=FULL) and presence.db (WAL, NORMAL); a
 * third, keys.db, holds the keys that seal personal audit fields and is not part of a backup.
 * Exactly one connection writes and checkpoints each file.
 *
 * Failures: NO_SPACE (disk full: refused, nothing changed, recovers by itself), CONFLICT (version
 * or constraint, with its name), STORE (anything else: the store stops acknowledging and calls
 * `failed` once; the broker must end).
 */
#ifndef BERTH_STORE_STORE_H
#define BERTH_STORE_STORE_H

#include "berth/histogram.h"
#include "berth/op.h"

#include "core/change.h"

struct store;
struct core;

struct store_setup {
    const char *folder;          /* refuses one that others can read */
    struct berth_timers *timers; /* of the loop */
    /* Called from the writer thread to get the loop to call store_turn (loop_post). */
    void (*wake)(void *context);
    /* On the loop: the store cannot be trusted any more. */
    void (*failed)(void *context, const struct berth_error *error);
    void *context;
    struct history *history;   /* what became durable is written down there; NULL: nowhere */
    int64_t feed_retention_ms; /* how long the change feed and request ids are kept; 0 = for ever */
};

/* Open, migrate (with a backup before), check. Refuses a newer schema with SCHEMA, a folder others
 * can read with DENIED. */
int store_open(const struct store_setup *setup, struct store **ret,
               struct berth_error *reterr) berth_must_check;

/* Read what is not over into the core (core_load), last id, rev; raises and returns the
 * incarnation. Takes as long as there is much that is open, however long the history is (all of it
 * is read when core.history records). Blocking; at start only. */
int store_load(struct store *store, struct core *core, struct berth_error *reterr) berth_must_check;

/* Finish what is queued, checkpoint, close. Blocking; at stop only. */
void store_close(struct store *store);

/* On the loop, after a wake: deliver completions. */
void store_turn(struct store *store);

/* Commit a decision. The store keeps a copy; `changes` stays the caller's and gets its rev before
 * completion. Cannot be cancelled, has no time limit. On success the caller passes `changes` to
 * core_apply in the completion.
 */
int store_commit_begin(struct store *store, struct changes *changes,
                       struct op *op) berth_must_check;

/* A batch of last-seen facts; cheap, not awaited, dropped when the disk is full. */
struct presence_row {
    uint64_t terminal_id;
    char presence_hash[72]; /* SHA-256 of the presence id: the id itself is never stored */
    int64_t granted_ms;
    int64_t seen_ms; /* wall clock */
    int64_t incarnation;
};
void store_presence(struct store *store, const struct presence_row *rows, size_t count);

/* At start: what was present at the last flush. */
int store_presence_load(struct store *store,
                        void (*each)(void *context, const struct presence_row *row), void *context,
                        struct berth_error *reterr) berth_must_check;

/* Online backup to a new file (must not exist), stepped on the writer's connection between batches.
 */
int store_backup_begin(struct store *store, const char *path, struct op *op) berth_must_check;

/* Walk the audit chain; *ret is filled before completion. */
struct audit_verdict {
    int64_t records;
    int64_t first_bad; /* 0 = the chain holds */
    char head[72];     /* hash of the last record */
    char reason[160];
};
int store_audit_verify_begin(struct store *store, struct audit_verdict *ret,
                             struct op *op) berth_must_check;

/* A page of the change feed or of the audit trail as a JSON array of objects (the caller's,
 * json_decref). after: rev or sequence; limit <= 1000. Feed: code NOT_FOUND when `after` is older
 * than the retention (answer: reset). Audit: unsealed for those who may read it; an erased person's
 * fields read "(erased)".
 */
struct store_page {
    json_t *items;
    int64_t last; /* rev or sequence of the last item, or `after` */
};
int store_feed_begin(struct store *store, int64_t after, int limit, struct store_page *ret,
                     struct op *op) berth_must_check;
int store_audit_begin(struct store *store, int64_t after, int limit, struct store_page *ret,
                      struct op *op) berth_must_check;

/* The trail from its end: the newest record first, before number `before` (0: from the last one).
 */
int store_audit_newest_begin(struct store *store, int64_t before, int limit, struct store_page *ret,
                             struct op *op) berth_must_check;

/* A page of the rows of a kind that keeps its history, from the file: also what is over. Work per
 * page is bounded: where few rows have the values wanted, a page may hold fewer than `limit` and
 * still have a next one.
 */
#define ROW_FILTERS_MAX 8
struct rows_query {
    enum entity_kind kind;
    bool newest_first;
    uint64_t from; /* the rows behind this id, in that order; 0: from the first */
    bool past;     /* only what is over */
    int limit;     /* 1 to 1000 */
    const struct field *filter[ROW_FILTERS_MAX]; /* fields that must have the value they have in */
    size_t filters;
    union row row; /* this row */
};
struct rows_page {
    char *rows; /* one behind the other, each of the size of its record; to be freed */
    size_t count;
    uint64_t next; /* `from` of the next page; 0: this was the last */
};
int store_rows_begin(struct store *store, const struct rows_query *query, struct rows_page *ret,
                     struct op *op) berth_must_check;

/* Forget a person in the audit trail by destroying the key. */
int store_erase_begin(struct store *store, uint64_t user_id, struct op *op) berth_must_check;

/* After a reload: how long the change feed is kept from now on. */
void store_set_feed_retention(struct store *store, int64_t retention_ms);

/* For metrics and /readyz. */
struct store_stats {
    int64_t commits, operations, batch_max, queue, wal_bytes, last_commit_us;
    bool degraded;           /* no space */
    struct histogram commit; /* what transactions took, from the first statement to the sync */
};
void store_stats(const struct store *store, struct store_stats *ret);

/* Offline, for `berthctl restore`: check a backup and put it into place as a new data folder's
 * berth.db. */
int store_restore(const char *backup, const char *folder,
                  struct berth_error *reterr) berth_must_check;

#endif
