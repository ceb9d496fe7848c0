/* image_check.h - are the files of an image version on the hosts that need them?
 *
 * Module flow. Called before a version becomes current, and before desktops are given up for it.
 * All hosts that may make desktops of it are asked at the same time. A host that cannot be asked,
 * or cannot tell, does not prevent the change; it is named.
 */
#ifndef BERTH_FLOW_IMAGE_CHECK_H
#define BERTH_FLOW_IMAGE_CHECK_H

#include "flow/context.h"

#define IMAGE_UNCHECKED_TEXT 128

/* Ask about the version `version_id` the hosts of the pool `pool_id`; 0: those of all pools that
 * use its image. While no pool uses it all hosts are asked, and one that has the files is enough.
 *
 * ret_unchecked: IMAGE_UNCHECKED_TEXT bytes, filled before the completion: "host kvm2 (down)", "any
 * host (no host to ask)", or "" when all could tell.
 * Errors: NOT_FOUND; INVALID with a sentence: which file, which host, what is wrong, what to do.
 * It can be cancelled.
 */
int image_check_begin(struct context *context, uint64_t version_id, uint64_t pool_id,
                      char *ret_unchecked, struct op *op) berth_must_check;

#endif
