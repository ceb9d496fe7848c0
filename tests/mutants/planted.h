/* planted.h - deliberate bugs, to see whether the proofs notice.
 *
 * Module tests. The patches in this folder ask it; their copies of the sources include it by a
 * compiler option (CMakeLists.txt), the sources themselves know nothing of it.
 */
#ifndef BERTH_MUTANTS_PLANTED_H
#define BERTH_MUTANTS_PLANTED_H

#include <stdbool.h>

/* Does the present run have the bug of NAME.patch? */
bool planted(const char *name);

#endif
