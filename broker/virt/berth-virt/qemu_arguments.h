/* qemu_arguments.h - arguments that a template gives to QEMU past libvirt (<qemu:commandline>).
 *
 * Module virt (berth-virt). Thread: any. Pure. libvirt does not know what they do, so only those
 * are taken of which is known that any number of machines can have them at once: the table in the
 * body is the list.
 */
#ifndef BERTH_VIRT_QEMU_ARGUMENTS_H
#define BERTH_VIRT_QEMU_ARGUMENTS_H

#include "xml.h"

#define QEMU_SPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/* Can many machines have the arguments of this domain? Errors: INVALID naming the argument and what
 * to do. */
int qemu_arguments_check(const xmlNode *domain, struct berth_error *reterr) berth_must_check;

#endif
