/* refusal.h - turn a failed constraint into an error that says why the store refused a decision.
 *
 * Module store, private; writer's thread, while the failed statement's effects are still to be
 * undone.
 *
 * SQLite reports the columns of a unique index, or the name of a CHECK; a table in refusal.c maps
 * them to sentences. Triggers contain their sentence.
 */
#ifndef BERTH_STORE_REFUSAL_H
#define BERTH_STORE_REFUSAL_H

#include "core/change.h"

#include "sql.h"

/* "user 'anna'" or "session 17". */
void refusal_label(enum entity_kind kind, const void *row, char out[160]);

/* The statement for `change` failed with the constraint error `rc`. Fails with EXISTS (a unique
 * value is taken), INVALID (a required value is missing) or CONFLICT.
 */
int refusal_of(sqlite3 *db, int rc, const struct change *change, struct berth_error *reterr);

/* The decision would leave dangling references: name one. Fails with CONFLICT. */
int refusal_of_references(sqlite3 *db, const struct change *const *at, size_t count,
                          struct berth_error *reterr);

#endif
