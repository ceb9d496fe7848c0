/* refusal.h - constraints in words: why the store did not take a decision.
 *
 * Module store, private; writer's thread, while the failed statement's effects are still to be
 * undone.
 *
 * SQLite names the columns of a unique index and the name of a CHECK; a table here turns them into
 * a sentence that a person understands. Triggers carry their sentence themselves.
 */
#ifndef BERTH_STORE_REFUSAL_H
#define BERTH_STORE_REFUSAL_H

#include "core/change.h"

#include "sql.h"

/* "user 'anna'" or "session 17". */
void refusal_label(enum entity_kind kind, const void *row, char out[160]);

/* The statement for `change` failed by the constraint `rc`. Fills reterr with EXISTS (a unique
 * name), INVALID (a value that must be given) or CONFLICT.
 */
int refusal_of(sqlite3 *db, int rc, const struct change *change, struct berth_error *reterr);

/* The decision would leave references to nothing: says which. CONFLICT. */
int refusal_of_references(sqlite3 *db, const struct change *const *at, size_t count,
                          struct berth_error *reterr);

#endif
