/* qemu_arguments.h - check the arguments that a template passes directly to QEMU
 * (<qemu:commandline>).
 *
 * Module virt (berth-virt). Thread: any; no I/O. libvirt does not check them, so only arguments are
 * accepted that any number of machines can have at the same time: see the tables in
 * qemu_arguments.c.
 */
#ifndef BERTH_VIRT_QEMU_ARGUMENTS_H
#define BERTH_VIRT_QEMU_ARGUMENTS_H

#include "xml.h"

#define QEMU_SPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/* Check that many machines can have the arguments of this domain. Errors: INVALID naming the
 * argument and what to do. */
int qemu_arguments_check(const xmlNode *domain, struct berth_error *reterr) berth_must_check;

#endif
