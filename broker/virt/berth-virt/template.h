/* template.h - what must differ between the machines of one template.
 *
 * Module virt (berth-virt). Thread: any; no I/O. A template is the XML of one machine; a pool makes
 * many machines from it. What must differ is changed here, or removed so that libvirt chooses it
 * for each machine; what all machines would share and write is refused with an error that names the
 * element.
 */
#ifndef BERTH_VIRT_TEMPLATE_H
#define BERTH_VIRT_TEMPLATE_H

#include "xml.h"

/* Check that many machines can be made from it. Errors: INVALID naming the element and what to do.
 */
int template_check(const xmlNode *domain, struct berth_error *reterr) berth_must_check;

/* Remove from the tree what belongs to the template's own machine. uuid: of the new machine. Disks,
 * interfaces, name and UUID are set in domain_xml.c.
 */
void template_make_unique(xmlNode *domain, const char *uuid);

/* The disk that Berth creates for each machine: the first with device='disk'; NULL: none. */
xmlNode *template_main_disk(const xmlNode *devices);

#endif
