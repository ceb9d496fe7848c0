/* domain_xml.h - domain XML: made from a pool's template, read back from a hypervisor.
 *
 * Module virt (berth-virt). Thread: any. No I/O: text in, text out. Values are set as nodes of the
 * template's tree, never inserted as strings. What berth-virt needs later (the desktop's id, its
 * disk, its port) is in the domain's metadata, in a namespace of Berth, so that the machines of a
 * host are recognised without berthd:
 *
 *     <metadata>
 *       <berth:desktop xmlns:berth="urn:berth:desktop:1" id="7" pool="ward-3"
 *           storage="berth" volume="berth-7.qcow2"
 *           forward-address="10.0.0.5" forward-port="40007" guest-port="3389"/>
 *     </metadata>
 */
#ifndef BERTH_VIRT_DOMAIN_XML_H
#define BERTH_VIRT_DOMAIN_XML_H

#include "berth/error.h"

#include "virt/virt.h"

#define DESKTOP_SPACE "urn:berth:desktop:1"
#define AGENT_CHANNEL "org.qemu.guest_agent.0"

/* Default port of RDP inside a guest. */
#define RDP_PORT 3389

/* Make the domain XML for args (uuid, name, desktop_id, pool, storage, volume, kernel, initrd,
 * memory_mib, vcpus, forward_port, forward_address, guest_port) from the text of a template. Empty
 * args leave the template as it is. The forwarded port is opened at forward_address if the template
 * names the loopback address or none; any other address in the template is the administrator's
 * choice and stays.
 *
 * ret: XML to be freed with free(). Errors: INVALID (the template is not XML of a <domain>, or has
 * nothing to forward a port with; forward_address is not IPv4, and QEMU forwards no other),
 * TOO_LARGE.
 */
int domain_xml_make(const char *template, size_t size, const struct virt_args *args, char **ret,
                    struct berth_error *reterr) berth_must_check;

/* Change the address of the forwarded port to args' forward_address, in the XML that a hypervisor
 * gave. Uses args' forward_port, forward_address and guest_port; an address from the template
 * stays, as above.
 *
 * ret: XML to be freed with free(); NULL when nothing changes, or there is no forwarded port.
 * Errors: INVALID, TOO_LARGE.
 */
int domain_xml_readdress(const char *xml, size_t size, const struct virt_args *args, char **ret,
                         struct berth_error *reterr) berth_must_check;

struct domain_info {
    bool ours; /* it has Berth's metadata; without it all but agent_up is zero */
    uint64_t desktop_id;
    char pool[64], storage[64], volume[80];
    int64_t forward_port, guest_port;
    char forward_address[64]; /* "": created by an earlier version, or no forwarded port */
    bool agent_up;            /* the guest agent has its channel open */
};

/* Read the metadata of a domain. Errors: INVALID, TOO_LARGE. */
int domain_xml_read(const char *xml, size_t size, struct domain_info *ret,
                    struct berth_error *reterr) berth_must_check;

/* The main disk of a domain. */
struct domain_disk {
    char pool[64], volume[80]; /* or */
    char path[1024];           /* path of its file or device; both empty: no main disk */
    char copied_to[1024];      /* target of a running block copy, or "" */
};
int domain_xml_disk(const char *xml, size_t size, struct domain_disk *ret,
                    struct berth_error *reterr) berth_must_check;

/* The file that holds a domain's NVRAM, or "". */
void domain_xml_nvram(const char *xml, size_t size, char *ret, size_t ret_size);

/* The backing file of a volume, from its XML; "" when it has none. */
void volume_xml_backing(const char *xml, size_t size, char *ret, size_t ret_size);

/* The format of a volume, such as "qcow2"; "" when unknown. */
void volume_xml_format(const char *xml, size_t size, char *ret, size_t ret_size);

/* Folder and type ("dir", "logical", ...) of a storage pool, from its XML; or "". */
void pool_xml_path(const char *xml, size_t size, char *ret, size_t ret_size);
void pool_xml_type(const char *xml, size_t size, char *ret, size_t ret_size);

/* XML of a transient storage pool for a folder; `mark` makes its name unique. To be freed with
 * free().
 */
char *dir_pool_xml_make(const char *mark, const char *folder);

/* XML of a linked clone: an overlay `name` on the qcow2 file `backing`. capacity_bytes 0: that of
 * the backing file. To be freed with free().
 */
char *volume_xml_make(const char *name, const char *backing, uint64_t capacity_bytes);

#endif
