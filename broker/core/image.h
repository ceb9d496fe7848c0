/* image.h - golden images and their versions.
 *
 * Module core.
 */
#ifndef BERTH_CORE_IMAGE_H
#define BERTH_CORE_IMAGE_H

#include "core/registry.h"

DEFINE_ENTITY(image)
DEFINE_ENTITY(image_version)

/* Change the state: check the transition and put the changed row into `changes`. It is visible after
 * core_apply.
 *
 * Errors: STATE when states.def does not permit the transition; `changes` are untouched then.
 */
int image_version_transition(struct image_version *version, enum image_version_state next,
                             struct changes *changes, struct berth_error *reterr) berth_must_check;

#endif
