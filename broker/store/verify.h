/* verify.h - the audit trail walked from its first record to its end.
 *
 * Module store, private; any connection. The walk goes in steps, each a short read transaction, so
 * that it never keeps the write-ahead log from being folded back. Records never change, so the
 * steps see one trail.
 *
 * Found: a flipped bit, a missing, added or swapped record, a cut tail, a forged continuation, an
 * older copy of the file, and a trail whose end was not ours when a broker opened it (a record
 * "audit.broken").
 */
#ifndef BERTH_STORE_VERIFY_H
#define BERTH_STORE_VERIFY_H

#include "store/store.h"

#include "audit.h"

struct verify_walk {
    struct audit_verdict verdict;
    struct audit_head at; /* the last record that was found good */
    bool finished;
};

/* Up to `limit` records more. keys: NULL for a backup, whose end cannot be checked against keys.db.
 * Failing to read is a failure; a bad trail is not: walk->verdict says so.
 */
int verify_step(sqlite3 *db, struct keyring *keys, int64_t limit, struct verify_walk *walk,
                struct berth_error *reterr) berth_must_check;

/* The whole trail at once, for a file that nobody else uses. */
int verify_all(sqlite3 *db, struct keyring *keys, struct audit_verdict *ret,
               struct berth_error *reterr) berth_must_check;

/* Only the end: does the last record agree with the note of it, and is the note's seal ours? For
 * the start of a broker. */
int verify_end(sqlite3 *db, struct keyring *keys, struct audit_verdict *ret,
               struct berth_error *reterr) berth_must_check;

#endif
