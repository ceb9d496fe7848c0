/* disk.h - what the fake store has committed: rows by value, and the constraints that the SQL
 * schema enforces.
 *
 * Module tests. It outlives the broker. A decision is applied whole or not at all. The constraints
 * are those of broker/store/migrations: unique names and keys; one open assignment per (desktop,
 * slot) and per (user, pool); one open session per assignment; one open connection per session and
 * per terminal; epochs only rise; ended rows stay ended; references exist (past rows lose the
 * reference instead); versions are compared before a row is set.
 */
#ifndef BERTH_TESTS_FAKES_DISK_H
#define BERTH_TESTS_FAKES_DISK_H

#include "core/core.h"
#include "store/store.h"

struct disk;

struct disk *disk_new(struct berth_random *random);
void disk_free(struct disk *disk);

/* One savepoint. Sets changes->rev, or changes->repeated for a repeated request.
 * Errors: CONFLICT, EXISTS, as the schema would refuse; CONFLICT for a request id that was used for
 * something else.
 */
int disk_commit(struct disk *disk, struct changes *changes,
                struct berth_error *reterr) berth_must_check;

/* Every row into the core, as store_load does; raises the incarnation. */
int disk_load(struct disk *disk, struct core *core, struct berth_error *reterr) berth_must_check;

/* The row as it is committed, or NULL. */
const void *disk_row(const struct disk *disk, enum entity_kind kind, uint64_t id);

/* Walk the rows of a kind in the order in which they were added. */
void disk_each(const struct disk *disk, enum entity_kind kind,
               void (*each)(void *context, const void *row), void *context);

/* Audit records: how many bear this action ("session.claim"), and the latest of them (NULL when
 * none). */
size_t disk_audited(const struct disk *disk, const char *action);
const struct audit_note *disk_audit_last(const struct disk *disk, const char *action);

/* Audit records in all, and the number of the broker's present start. */
size_t disk_audits(const struct disk *disk);
int64_t disk_incarnation(const struct disk *disk);

/* How many decisions were committed. */
uint64_t disk_commits(const struct disk *disk);
uint64_t disk_rev(const struct disk *disk);

/* Is this request a repeated one? Then its changes are not made again. */
bool disk_knows(const struct disk *disk, const struct changes *changes);

/* How many decisions were refused by a constraint other than a version: a duplicate key, an epoch
 * or a state that goes back.
 */
uint64_t disk_constraint_refusals(const struct disk *disk);

/* Presence rows, one per terminal. */
void disk_presence(struct disk *disk, const struct presence_row *row);
void disk_presence_each(const struct disk *disk,
                        void (*each)(void *context, const struct presence_row *row), void *context);

/* Does any committed text (rows, audit records) contain this? For secrets that must not be there.
 */
bool disk_contains(const struct disk *disk, const char *text);

#endif
