/* farm_inner.h - between farm.c and farm_errands.c.
 *
 * Room tests, inner header of farm.
 */
#ifndef BERTH_TESTS_FAKES_FARM_INNER_H
#define BERTH_TESTS_FAKES_FARM_INNER_H

#include "fakes/farm.h"

struct machine *farm_define(struct hypervisor *hypervisor, const struct virt_args *args);
void farm_undefine(struct machine *machine);
/* It does not run any more; nobody is told. */
void farm_off(struct machine *machine);
/* A life event, on its way to whoever watches the hypervisor. */
void farm_tell(struct machine *machine, const char *what, const char *reason);

#endif
