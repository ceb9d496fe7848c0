/* verify.h - verify the audit trail from its first record to its end.
 *
 * Module store, private; any connection. It works in steps, each a short read transaction, so that
 * it does not block checkpoints. Records never change, so all steps see the same trail.
 *
 * Detected: a flipped bit; a missing, added or swapped record; a truncated trail; forged records at
 * its end; an older copy of the file; and a trail whose end was wrong when a broker opened it (a
 * record "audit.broken").
 */
#ifndef BERTH_STORE_VERIFY_H
#define BERTH_STORE_VERIFY_H

#include "store/store.h"

#include "audit.h"

struct verify_walk {
    struct audit_verdict verdict;
    struct audit_head at; /* the last record that was verified */
    bool finished;
};

/* Verify up to `limit` more records. keys: NULL for a backup, whose end cannot be checked against
 * keys.db. Fails when reading fails; a bad trail is not a failure, but in walk->verdict.
 */
int verify_step(sqlite3 *db, struct keyring *keys, int64_t limit, struct verify_walk *walk,
                struct berth_error *reterr) berth_must_check;

/* Verify the whole trail in one call, for a file that is not in use. */
int verify_all(sqlite3 *db, struct keyring *keys, struct audit_verdict *ret,
               struct berth_error *reterr) berth_must_check;

/* Verify the end only, at the start of the broker: the last record must match audit_head, and the
 * seal of audit_head must be right. */
int verify_end(sqlite3 *db, struct keyring *keys, struct audit_verdict *ret,
               struct berth_error *reterr) berth_must_check;

#endif
