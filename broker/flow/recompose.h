/* recompose.h - the desktops of a pool are moved to another version of its image.
 *
 * Module flow. What is wanted stands in the pool's row (recompose_version_id), how far it got follows from
 * the desktops' rows and states: a restart changes nothing. First one desktop of the new version
 * must become ready, beside the old ones where the pool may have another, else in the place of one
 * that nobody uses. Then the others follow, a few at a time, each when nobody uses it. When that
 * first one fails, or later the pool is in back-off, the recompose stops, says why, and every
 * desktop that is left stays in service.
 */
#ifndef BERTH_FLOW_RECOMPOSE_H
#define BERTH_FLOW_RECOMPOSE_H

#include "flow/context.h"

/* Go on as far as it can at this moment: a part of looking at the pool. */
void recompose_advance(struct context *context, struct pool *pool);

/* A desktop made from the version `version_id` failed: stop, where that is what the pool is being
 * moved to and no desktop of it is ready. shared: it is no fault of one machine alone; stop in
 * any case.
 */
void recompose_failed(struct context *context, struct pool *pool, uint64_t version_id, bool shared,
                      const char *why);

/* In `changes`: the recompose ends before it is done, for this reason ("": nobody needs to know),
 * and what was to go for it and is not being deleted yet stays. When it is done, what is still to
 * be deleted goes as soon as its host can be told. */
void recompose_end(struct pool *pool, const char *why, struct changes *changes);

/* How many desktops a recompose to the image's current version would replace; *ret_used: how many
 * of them are somebody's. What is in quarantine, or is being deleted, is not counted. */
int recompose_count(struct core *core, const struct pool *pool, int *ret_used);

/* Has a desktop of this version come up in the pool, and is up now? */
bool recompose_is_proven(struct core *core, const struct pool *pool, uint64_t version_id);

/* The desktop came up: its version is proved in its pool, until the broker ends. */
void recompose_proved(struct core *core, struct pool *pool, const struct desktop *desktop);

/* The version that the disk of a desktop is made anew from. Of a floating pool one desktop must
 * prove the image's current version before others take it: until it has come up, and for as long as
 * one that failed to is kept, others stay with the version that they have.
 */
uint64_t recompose_version_for(struct core *core, const struct pool *pool,
                               const struct desktop *desktop);

/* The version that a new desktop is made from: the image's current one when it is proved in the
 * pool. Else one new desktop is to prove it, and others take the version that was proved last,
 * where there is one. While somebody waits for a desktop, one that failed to prove it is enough.
 * After a rollback only the current version counts: what it withdrew is not gone back to.
 */
uint64_t recompose_version_for_new(struct core *core, const struct pool *pool);

/* Another version of the pool's image may be the current one. */
void recompose_image_changed(struct core *core, struct pool *pool);

/* How it goes, as a sentence; "" when nothing is to be said. */
void recompose_text(struct core *core, const struct pool *pool, char *ret, size_t size);

#endif
