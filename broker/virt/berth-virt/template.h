/* template.h - what may not be the same in two machines of one template.
 *
 * Module virt (berth-virt). Thread: any. Pure. A template is the description of one machine; a pool
 * makes many of it. What must differ is made different here (or left to libvirt, which chooses anew
 * for each machine); what all would share and write is refused with a sentence that names the
 * element.
 */
#ifndef BERTH_VIRT_TEMPLATE_H
#define BERTH_VIRT_TEMPLATE_H

#include "xml.h"

/* Can many machines be made from it? Errors: INVALID naming the element and what to do. */
int template_check(const xmlNode *domain, struct berth_error *reterr) berth_must_check;

/* Take out of the tree what belongs to the machine it was taken from. uuid: of the machine that is
 * made. Disks, interfaces, name and UUID are domain_xml.c's.
 */
void template_make_unique(xmlNode *domain, const char *uuid);

/* The disk that Berth makes for each machine: the first that is a disk; NULL when there is none. */
xmlNode *template_main_disk(const xmlNode *devices);

#endif
