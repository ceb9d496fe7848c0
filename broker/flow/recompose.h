/* recompose.h - moving the desktops of a pool to another version of its image.
 *
 * Module flow. The wanted version is in the pool's row (recompose_version_id); how far the
 * recompose got follows from the rows and states of the desktops, so a restart changes nothing.
 *
 * First one desktop of the new version must become ready (it proves the version): an additional one
 * when the pool may have another, otherwise in place of one that is not in use. Then the others
 * follow, a few at a time, each when it is not in use. When the first one fails, or later the pool
 * is in back-off, the recompose stops, says why, and all remaining desktops stay in service.
 */
#ifndef BERTH_FLOW_RECOMPOSE_H
#define BERTH_FLOW_RECOMPOSE_H

#include "flow/context.h"

/* A desktop made from the version `version_id` failed. Stops the recompose when it is to that
 * version and no desktop of it is ready. shared: the cause is not in one machine; stop in any case.
 */
void recompose_failed(struct context *context, struct pool *pool, uint64_t version_id, bool shared,
                      const char *why);

/* Add to `changes` that the recompose stops for this reason ("": none to show). Desktops that were
 * to be deleted for it and are not being deleted yet stay. When the recompose is done instead, such
 * desktops are deleted as soon as their hosts can be told. */
void recompose_end(struct pool *pool, const char *why, struct changes *changes);

/* How many desktops a recompose to the image's current version would replace; *ret_used: how many
 * of them are in use. Those in quarantine or being deleted are not counted. */
int recompose_count(struct core *core, const struct pool *pool, int *ret_used);

/* Is a desktop of this version ready in the pool? */
bool recompose_is_proven(struct core *core, const struct pool *pool, uint64_t version_id);

/* The desktop came up: its version is proved in its pool, until the broker stops. */
void recompose_proved(struct core *core, struct pool *pool, const struct desktop *desktop);

/* The version for the refresh of a desktop. In a floating pool one desktop must prove the image's
 * current version before others take it; until then, and while one that failed to prove it is kept
 * in quarantine, the others keep their version.
 */
uint64_t recompose_version_for(struct core *core, const struct pool *pool,
                               const struct desktop *desktop);

/* The version for a new desktop: the image's current one when it is proved in the pool. Otherwise
 * one new desktop is to prove it, and others take the version that was proved last, if there is
 * one. While users wait, one that failed to prove it is enough for that. After a rollback only the
 * current version is used: the one that was withdrawn does not come back.
 */
uint64_t recompose_version_for_new(struct core *core, const struct pool *pool);

/* The current version of the pool's image may have changed. */
void recompose_image_changed(struct core *core, struct pool *pool);

/* The progress as a sentence; "" when there is no recompose and none was stopped. */
void recompose_text(struct core *core, const struct pool *pool, char *ret, size_t size);

#endif
