/* fake_hypervisors_internal.h - between the files of the fake hypervisors.
 *
 * Module tests, internal header of fake_hypervisors.
 */
#ifndef BERTH_TESTS_FAKES_FAKE_HYPERVISORS_INTERNAL_H
#define BERTH_TESTS_FAKES_FAKE_HYPERVISORS_INTERNAL_H

#include "fakes/fake_hypervisors.h"

struct machine *machine_define(struct hypervisor *hypervisor, const struct virt_args *args);
void machine_undefine(struct machine *machine, int64_t by);
/* From now on its forwarded port is open at that address of its host, and nowhere else. */
void machine_set_address(struct machine *machine, const char *address);
/* It runs from now on; keep_saved: from its saved memory, where there is any. */
void machine_boot(struct machine *machine, bool keep_saved);
/* It is off now; no event. by: as hypervisor_process_id. */
void machine_power_off(struct machine *machine, int64_t by);

/* The viewer that has its picture ends with this exit code and word. */
void machine_end_picture(struct machine *machine, int exit_code, const char *word);

/* The history. by: the process that asked, 0 for none. */
void machine_record(const struct machine *machine, enum history_machine_event event, int64_t by);
void machine_record_guest(const struct machine *machine, enum history_guest_event event,
                          const struct picture *picture, const struct secret *password);
int64_t hypervisor_process_id(const struct hypervisor *hypervisor, unsigned life, unsigned process);
/* Send a life-cycle event to the listener of the hypervisor. */
void machine_send_event(struct machine *machine, enum virt_event_kind what, const char *reason);

#endif
