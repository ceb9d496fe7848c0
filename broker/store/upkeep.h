/* upkeep.h - what the writer does between batches.
 *
 * Module store, private; writer's thread. Presence rows and backups go on by a step, the feed is
 * pruned, the log folded back, the trail's end noted in keys.db; on a full disk nothing of that,
 * but once a second the question whether there is room: a file of some size can be made, and then a
 * small commit goes through.
 */
#ifndef BERTH_STORE_UPKEEP_H
#define BERTH_STORE_UPKEEP_H

#include "berth/base.h"

struct writer;

#define PROBE_EVERY_MS 1000
#define ANCHOR_EVERY_MS 60000

/* Milliseconds until a chore is due; 0: now. */
int64_t upkeep_wait_ms(const struct writer *writer);

/* One step of each that is due. */
void upkeep_step(struct writer *writer);

/* Note the trail's end in keys.db, if it moved. */
void upkeep_anchor(struct writer *writer);

#endif
