/* writer.h - the thread that writes.
 *
 * Room store, private. It takes whatever waits (at most BATCH_MAX) as one transaction: no timer, no
 * delay, so a slow disk makes large batches and a fast one small ones. Between batches it does one
 * step of each chore: presence, backup, pruning of the feed, folding the log back, noting the
 * trail's end in keys.db, and on a full disk asking for room once a second.
 */
#ifndef BERTH_STORE_WRITER_H
#define BERTH_STORE_WRITER_H

#include "berth/error.h"

struct store;

/* Open the files, raise the incarnation (returned), check the trail's end. The thread does not run
 * yet. */
int writer_open(struct store *store, int64_t *ret_incarnation,
                struct berth_error *reterr) berth_must_check;

int writer_start(struct store *store, struct berth_error *reterr) berth_must_check;

/* After the store was told to close: wait for the thread, fold the logs back, close the files. A
 * failure means that what was acknowledged may not all be where it should be, and is told as such.
 */
int writer_close(struct store *store, struct berth_error *reterr);

#endif
