/* domain_xml.h - descriptions of machines: made from a pool's template, read back from a
 * hypervisor.
 *
 * Module virt (berth-virt). Thread: any. Pure: text in, text out. Values are set as nodes of the
 * template's tree, never pasted as strings. What berth-virt must know again later (whose machine it
 * is, its disk, its port) stands in the domain's own metadata, under a namespace of ours, so that a
 * host can be adopted without asking anybody:
 *
 *     <metadata><berth:desktop xmlns:berth="urn:berth:desktop:1" id="7" pool="ward-3"
 * storage="berth" volume="berth-7.qcow2" forward-address="10.0.0.5" forward-port="40007"
 * guest-port="3389"/></metadata>
 */
#ifndef BERTH_VIRT_DOMAIN_XML_H
#define BERTH_VIRT_DOMAIN_XML_H

#include "berth/error.h"

#include "virt/virt.h"

#define DESKTOP_SPACE "urn:berth:desktop:1"
#define AGENT_CHANNEL "org.qemu.guest_agent.0"

/* Port of RDP inside a guest when nobody says otherwise. */
#define RDP_PORT 3389

/* The domain for args (uuid, name, desktop_id, pool, storage, volume, kernel, initrd, memory_mib,
 * vcpus, forward_port, forward_address, guest_port) from a template's text. What args leave empty
 * stays as the template has it. The forwarded port is opened at forward_address where the template
 * names the loopback or nothing; any other address in it is the administrator's choice and stays.
 *
 * ret: XML to be freed with free().
 * Errors: INVALID (the template is not XML of a <domain>, or has nothing to forward a port with;
 * forward_address is not IPv4, and QEMU forwards no other), TOO_LARGE.
 */
int domain_xml_make(const char *template, size_t size, const struct virt_args *args, char **ret,
                    struct berth_error *reterr) berth_must_check;

/* The same domain with its forwarded port at args' forward_address, from the description that a
 * hypervisor gave. Uses args' forward_port, forward_address and guest_port; an address that the
 * template chose stays, as above.
 *
 * ret: XML to be freed with free(); NULL when it says so already, or has no forwarded port.
 * Errors: INVALID, TOO_LARGE.
 */
int domain_xml_readdress(const char *xml, size_t size, const struct virt_args *args, char **ret,
                         struct berth_error *reterr) berth_must_check;

struct domain_info {
    bool ours; /* it has our metadata; all but agent_up is zero without it */
    uint64_t desktop_id;
    char pool[64], storage[64], volume[80];
    int64_t forward_port, guest_port;
    char forward_address[64]; /* "": the machine is older than this, or has no forwarded port */
    bool agent_up;            /* the guest agent has its channel open */
};

/* What a domain's description says. Errors: INVALID, TOO_LARGE. */
int domain_xml_read(const char *xml, size_t size, struct domain_info *ret,
                    struct berth_error *reterr) berth_must_check;

/* The main disk of a domain's description. */
struct domain_disk {
    char pool[64], volume[80]; /* or */
    char path[1024];           /* of its file or device; both empty: it has no main disk */
    char copied_to[1024];      /* a block job writes a copy of it there, or "" */
};
int domain_xml_disk(const char *xml, size_t size, struct domain_disk *ret,
                    struct berth_error *reterr) berth_must_check;

/* The file that holds a domain's NVRAM, or "". */
void domain_xml_nvram(const char *xml, size_t size, char *ret, size_t ret_size);

/* What a volume lies on, from its description; "" when on nothing. */
void volume_xml_backing(const char *xml, size_t size, char *ret, size_t ret_size);

/* Its format, such as "qcow2"; "" when it says none. */
void volume_xml_format(const char *xml, size_t size, char *ret, size_t ret_size);

/* Folder and type ("dir", "logical", ...) of a storage pool, from its description; or "". */
void pool_xml_path(const char *xml, size_t size, char *ret, size_t ret_size);
void pool_xml_type(const char *xml, size_t size, char *ret, size_t ret_size);

/* A storage pool for a folder that is none of ours, for a moment; `mark` keeps its name apart from
 * others. To be freed with free().
 */
char *dir_pool_xml_make(const char *mark, const char *folder);

/* A linked clone: an overlay `name` on the qcow2 file `backing`. capacity_bytes 0: the backing
 * file's own. To be freed with free().
 */
char *volume_xml_make(const char *name, const char *backing, uint64_t capacity_bytes);

#endif
