/* store.h - durable storage in SQLite, with typed, asynchronous operations.
 *
 * Module store: the only user of <sqlite3.h>. Thread: loop; a writer thread and a reader thread of
 * the store do the work, and operations complete on the loop, writes after COMMIT. Files in the
 * data folder: berth.db (WAL, synchronous=FULL), presence.db (WAL, NORMAL), and keys.db, which
 * holds the keys for personal audit fields and is not part of a backup. Exactly one connection
 * writes and checkpoints each file.
 *
 * Errors: NO_SPACE (disk full: nothing was changed; the store recovers by itself), CONFLICT
 * (version or constraint), STORE (anything else: the store acknowledges nothing any more and calls
 * `failed` once; the broker must exit).
 */
#ifndef BERTH_STORE_STORE_H
#define BERTH_STORE_STORE_H

#include "berth/histogram.h"
#include "berth/op.h"

#include "core/change.h"

struct store;
struct core;

struct store_setup {
    const char *folder;          /* must not be accessible to other users */
    struct berth_timers *timers; /* of the loop */
    /* Called on a thread of the store: make the loop call store_turn (loop_post). */
    void (*wake)(void *context);
    /* On the loop: the store failed for good. */
    void (*failed)(void *context, const struct berth_error *error);
    void *context;
    struct history *history;   /* records durable rows; NULL: none */
    int64_t feed_retention_ms; /* how long the change feed and request ids are kept; 0 = for ever */
};

/* Open the files, migrate them (after a backup), check them. Blocking. Errors: SCHEMA (a newer
 * schema), DENIED (others can read the folder). */
int store_open(const struct store_setup *setup, struct store **ret,
               struct berth_error *reterr) berth_must_check;

/* Load into the core (core_load) the rows that have not ended, the last id and the last rev;
 * increments the incarnation and returns it. The time depends on the number of those rows and not
 * on the length of the history (which is read only when core.history records). Blocking; at start
 * only. */
int store_load(struct store *store, struct core *core, struct berth_error *reterr) berth_must_check;

/* Finish queued jobs, checkpoint, close. Blocking; at stop only. */
void store_close(struct store *store);

/* On the loop, after a wake: deliver completions. */
void store_turn(struct store *store);

/* Commit a decision. The store copies `changes`, which the caller keeps; its rev is set before
 * completion. Cannot be cancelled, has no time limit. In the completion the caller passes `changes`
 * to core_apply if it succeeded.
 */
int store_commit_begin(struct store *store, struct changes *changes,
                       struct op *op) berth_must_check;

/* Queue a batch of last-seen rows: not awaited, dropped when the disk is full. */
struct presence_row {
    uint64_t terminal_id;
    char presence_hash[72]; /* SHA-256 of the presence id: the id itself is never stored */
    int64_t granted_ms;
    int64_t seen_ms; /* wall clock */
    int64_t incarnation;
};
void store_presence(struct store *store, const struct presence_row *rows, size_t count);

/* At start: call `each` for the terminals that were present at the last flush. */
int store_presence_load(struct store *store,
                        void (*each)(void *context, const struct presence_row *row), void *context,
                        struct berth_error *reterr) berth_must_check;

/* Online backup to a new file (must not exist), in steps between the writer's batches. */
int store_backup_begin(struct store *store, const char *path, struct op *op) berth_must_check;

/* Verify the audit chain; *ret is filled before completion. */
struct audit_verdict {
    int64_t records;
    int64_t first_bad; /* 0: the chain is intact */
    char head[72];     /* hash of the last record */
    char reason[160];
};
int store_audit_verify_begin(struct store *store, struct audit_verdict *ret,
                             struct op *op) berth_must_check;

/* A page of the change feed or of the audit trail as a JSON array of objects (the caller's
 * reference). after: rev or sequence; limit <= 1000. Feed: NOT_FOUND when `after` is older than the
 * retention (the reader must start over). Audit: sealed fields are decrypted; those of an erased
 * user read "(erased)".
 */
struct store_page {
    json_t *items;
    int64_t last; /* rev or sequence of the last item, or `after` */
};
int store_feed_begin(struct store *store, int64_t after, int limit, struct store_page *ret,
                     struct op *op) berth_must_check;
int store_audit_begin(struct store *store, int64_t after, int limit, struct store_page *ret,
                      struct op *op) berth_must_check;

/* The audit trail backwards: the newest record first, before number `before` (0: from the last
 * one).
 */
int store_audit_newest_begin(struct store *store, int64_t before, int limit, struct store_page *ret,
                             struct op *op) berth_must_check;

/* A page of the rows of a kind that keeps its history, from the file, including rows that have
 * ended. The work per page is bounded: when few rows match the filters, a page may hold fewer than
 * `limit` rows although there is a next one.
 */
#define ROW_FILTERS_MAX 8
struct rows_query {
    enum entity_kind kind;
    bool newest_first;
    uint64_t from; /* rows after this id, in that order; 0: from the first */
    bool past;     /* only rows that have ended */
    int limit;     /* 1 to 1000 */
    /* fields that must have the same value as in `row` */
    const struct field *filter[ROW_FILTERS_MAX];
    size_t filters;
    union row row; /* values of the fields in `filter` */
};
struct rows_page {
    char *rows; /* array of rows, each of the size of its record; to be freed */
    size_t count;
    uint64_t next; /* `from` of the next page; 0: this was the last */
};
int store_rows_begin(struct store *store, const struct rows_query *query, struct rows_page *ret,
                     struct op *op) berth_must_check;

/* Make the personal fields of a user in the audit trail unreadable by destroying the key. */
int store_erase_begin(struct store *store, uint64_t user_id, struct op *op) berth_must_check;

/* After a reload: set how long the change feed is kept. */
void store_set_feed_retention(struct store *store, int64_t retention_ms);

/* For metrics and /readyz. */
struct store_stats {
    int64_t commits, operations, batch_max, queue, wal_bytes, last_commit_us;
    bool degraded;           /* the disk is full */
    struct histogram commit; /* duration of transactions, from the first statement to the sync */
};
void store_stats(const struct store *store, struct store_stats *ret);

/* Offline, for `berthctl restore`: check a backup and install it as berth.db of a new data folder.
 */
int store_restore(const char *backup, const char *folder,
                  struct berth_error *reterr) berth_must_check;

#endif
