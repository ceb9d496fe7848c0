/* farm_inner.h - between farm.c and farm_errands.c.
 *
 * Module tests, inner header of farm.
 */
#ifndef BERTH_TESTS_FAKES_FARM_INNER_H
#define BERTH_TESTS_FAKES_FARM_INNER_H

#include "fakes/farm.h"

struct machine *farm_define(struct hypervisor *hypervisor, const struct virt_args *args);
void farm_undefine(struct machine *machine, int64_t by);
/* From now on its forwarded port is open at that address of its host, and nowhere else. */
void farm_readdress(struct machine *machine, const char *address);
/* It runs from now on; keep_saved: from its saved memory, where there is any. */
void farm_boot(struct machine *machine, bool keep_saved);
/* It does not run any more; nobody is told. by: as of farm_process. */
void farm_off(struct machine *machine, int64_t by);

/* The history. by: the process that asked, 0 for nobody. */
void farm_record_machine(const struct machine *machine, enum history_machine_event event, int64_t by);
void farm_record_guest(const struct machine *machine, enum history_guest_event event,
                       const struct picture *picture, const struct secret *password);
int64_t farm_process(const struct hypervisor *hypervisor, unsigned life, unsigned process);
/* A life event, on its way to whoever watches the hypervisor. */
void farm_tell(struct machine *machine, const char *what, const char *reason);

#endif
