/* upkeep.h - the writer's periodic work between batches.
 *
 * Module store, private; writer's thread. Steps of presence rows and backups, pruning of the feed,
 * checkpoints, and anchoring the end of the audit trail in keys.db. On a full disk none of these;
 * instead a test once a second whether there is space: a file of some size can be created, and then
 * a small commit succeeds.
 */
#ifndef BERTH_STORE_UPKEEP_H
#define BERTH_STORE_UPKEEP_H

#include "berth/base.h"

struct writer;

#define PROBE_EVERY_MS 1000
#define ANCHOR_EVERY_MS 60000

/* Milliseconds until work is due; 0: now. */
int64_t upkeep_wait_ms(const struct writer *writer);

/* Do one step of all that is due. */
void upkeep_step(struct writer *writer);

/* Store the end of the audit trail in keys.db, if it moved. */
void upkeep_anchor(struct writer *writer);

#endif
