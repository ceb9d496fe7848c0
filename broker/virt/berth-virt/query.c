/* query.c - queries: capabilities of a host, its machines, their addresses. They change nothing,
 * except that an inactive storage pool is started to list its disks. */
#include <arpa/inet.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "disk.h"
#include "domain_xml.h"
#include "libvirt_error.h"
#include "machine_history.h"
#include "out.h"
#include "storage.h"
#include "virt_request.h"

/* ---- capabilities of the host ---- */

/* libvirt has no query for what a driver can do inside guests, so it is derived from the driver. */
static const struct {
    const char *type;
    int64_t can;
} drivers[] = {
    { "QEMU", VIRT_CAN_AGENT | VIRT_CAN_PASSWORD },
    { "TEST", VIRT_CAN_PASSWORD },
};

static int64_t capabilities(struct virt_request *request)
{
    const char *type = virConnectGetType(request->connection);
    int64_t can = request->events ? VIRT_CAN_EVENTS : 0;

    for (size_t i = 0; i < BERTH_COUNT(drivers); i++) {
        if (type && strcmp(drivers[i].type, type) == 0)
            can |= drivers[i].can;
    }
    if (virConnectNumOfStoragePools(request->connection) >= 0)
        can |= VIRT_CAN_STORAGE;
    if (virConnectNumOfNetworks(request->connection) >= 0)
        can |= VIRT_CAN_LEASE;
    return can;
}

static void version_text(unsigned long version, char out[24])
{
    (void)snprintf(out, 24, "%lu.%lu.%lu", version / 1000000, version / 1000 % 1000,
                   version % 1000);
}

int query_host(struct virt_request *request)
{
    struct virt_result *result = &request->result;
    const char *type = virConnectGetType(request->connection);
    unsigned long driver = 0;
    unsigned long library = 0;
    char driver_text[24];
    char library_text[24];
    virNodeInfo node;

    if (!type || virNodeGetInfo(request->connection, &node) < 0)
        return libvirt_fail(&request->error, "host");
    (void)virConnectGetVersion(request->connection, &driver);
    (void)virConnectGetLibVersion(request->connection, &library);
    version_text(driver, driver_text);
    version_text(library, library_text);
    (void)snprintf(result->text, sizeof(result->text), "%.40s %s (libvirt %s)", type, driver_text,
                   library_text);
    result->memory_mib = (int64_t)(node.memory / 1024);
    result->capabilities = capabilities(request);
    /* What was not answered must not be taken for what it cannot do. */
    if (virConnectIsAlive(request->connection) != 1)
        return berth_fail(&request->error, BERTH_E_HOST_DOWN, "host: the connection was lost");
    return 0;
}

/* ---- machines ---- */

struct domains {
    virDomainPtr *all;
    int count;
};

static void domains_free(struct domains *domains)
{
    for (int i = 0; i < domains->count; i++)
        (void)virDomainFree(domains->all[i]);
    free(domains->all);
}

static int all_domains(struct virt_request *request, struct domains *ret)
{
    ret->count = virConnectListAllDomains(request->connection, &ret->all, 0);
    if (ret->count >= 0)
        return 0;
    *ret = (struct domains){ 0 };
    return libvirt_fail(&request->error, "list of machines");
}

/* 1 when it is a machine of Berth, 0 when not (or deleted meanwhile), or a code. */
static int read_info(struct virt_request *request, virDomainPtr domain, struct domain_info *info)
{
    char *xml;
    int r;

    virt_request_note_name(request, domain);
    xml = virDomainGetXMLDesc(domain, 0);
    if (!xml && libvirt_error_is(VIR_ERR_NO_DOMAIN))
        return 0;
    if (!xml)
        return libvirt_fail(&request->error, "description of '%s'", request->machine);
    r = domain_xml_read(xml, strlen(xml), info, &request->error);
    free(xml);
    return r < 0 ? r : info->ours;
}

/* False: the call was abandoned. */
static bool send_listed(struct virt_request *request, virDomainPtr domain,
                        const struct domain_info *info)
{
    struct virt_event event = { .what = virt_event_kind_LISTED,
                                .desktop_id = info->desktop_id,
                                .forward_port = info->forward_port };

    /* An inactive domain has no id, so no further query is needed. */
    event.running = virDomainGetID(domain) != (unsigned)-1;
    (void)virDomainGetUUIDString(domain, event.uuid);
    (void)snprintf(event.name, sizeof(event.name), "%.79s", virDomainGetName(domain));
    if (!out_listed(request->out, &request->out_call, &event))
        return false;
    if (event.running)
        machine_history_reported(event.uuid, history_machine_event_SEEN);
    if (!event.running || !info->agent_up)
        return true;
    event.what = virt_event_kind_AGENT_UP;
    return out_listed(request->out, &request->out_call, &event);
}

static int list_domains(struct virt_request *request)
{
    berth_cleanup(domains_free) struct domains domains = { 0 };
    int r;

    r = all_domains(request, &domains);
    if (r < 0)
        return r;
    for (int i = 0; i < domains.count; i++) {
        struct domain_info info = { 0 };

        r = read_info(request, domains.all[i], &info);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        if (!send_listed(request, domains.all[i], &info))
            return 0;
        request->result.count++;
    }
    return 0;
}

int query_list(struct virt_request *request)
{
    int r;

    /* No change is missed: events were registered before and are sent after the list. */
    out_hold_events(request->out, &request->out_call);
    r = list_domains(request);
    out_release_events(request->out, &request->out_call);
    return r;
}

int query_inspect(struct virt_request *request)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    int r;

    r = virt_request_domain(request, &domain);
    if (r == BERTH_E_NOT_FOUND)
        return 0; /* ret.known stays false */
    if (r < 0)
        return r;
    r = virt_request_is_active(request, domain);
    if (r < 0)
        return r;
    request->result.known = true;
    request->result.running = r == 1;
    return 0;
}

/* ---- addresses ---- */

/* An address that another machine can use: 2 = IPv4, 1 = IPv6, 0 = none. */
static int address_rank(const char *address)
{
    struct in6_addr six;
    struct in_addr four;

    if (inet_pton(AF_INET, address, &four) == 1) {
        uint32_t number = ntohl(four.s_addr);

        /* 127.0/16 is the guest itself (test networks use other parts of 127/8); 169.254/16 means
         * that DHCP failed. */
        return number >> 16 == 0x7f00 || number >> 16 == 0xa9fe ? 0 : 2;
    }
    if (inet_pton(AF_INET6, address, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_LINKLOCAL(&six) ? 0 : 1;
    return 0;
}

static void pick_address(const virDomainInterface *interface, int *best, struct virt_result *result)
{
    for (unsigned i = 0; i < interface->naddrs; i++) {
        int worth = address_rank(interface->addrs[i].addr);

        if (worth <= *best)
            continue;
        *best = worth;
        copy_text(result->address, interface->addrs[i].addr);
    }
}

static int ask_address(struct virt_request *request, virDomainPtr domain, unsigned source)
{
    virDomainInterfacePtr *interfaces = NULL;
    int best = 0;
    int count;

    count = virDomainInterfaceAddresses(domain, &interfaces, source, 0);
    if (count < 0)
        return libvirt_fail(&request->error, "address of '%s'", request->machine);
    for (int i = 0; i < count; i++) {
        pick_address(interfaces[i], &best, &request->result);
        virDomainInterfaceFree(interfaces[i]);
    }
    free(interfaces);
    if (!best) {
        return berth_fail(&request->error, BERTH_E_DESKTOP, "'%s' has no address yet",
                          request->machine);
    }
    return 0;
}

/* The forwarded port of the host, from the machine's metadata. */
static int forwarded_address(struct virt_request *request, virDomainPtr domain)
{
    struct domain_info info = { 0 };
    int r = read_info(request, domain, &info);

    if (r < 0)
        return r;
    if (!info.forward_port) {
        return berth_fail(&request->error, BERTH_E_DESKTOP, "'%s' has no forwarded port",
                          request->machine);
    }
    copy_text(request->result.address,
              info.forward_address[0] ? info.forward_address : "127.0.0.1");
    request->result.port = info.forward_port;
    return 0;
}

int query_address(struct virt_request *request)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    int r;

    r = virt_request_domain(request, &domain);
    if (r < 0)
        return r;
    r = virt_request_is_active(request, domain);
    if (r < 0)
        return r;
    if (r == 0) {
        return berth_fail(&request->error, BERTH_E_STATE, "'%s' does not run", request->machine);
    }
    request->result.known = true;
    request->result.running = true;
    switch (request->args.address) {
    case pool_address_AGENT:
        return ask_address(request, domain, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT);
    case pool_address_LEASE:
        return ask_address(request, domain, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE);
    case pool_address_FORWARDED:
        return forwarded_address(request, domain);
    case pool_address_FIXED:
    case pool_address_NONE:
    case pool_address_END:
        break;
    }
    return berth_fail(&request->error, BERTH_E_INVALID,
                      "berth-virt cannot find an address of this kind");
}

/* ---- orphans ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted names of the disks that Berth's machines use. */
struct used {
    char **names;
    size_t count;
};

static void used_free(struct used *used)
{
    for (size_t i = 0; i < used->count; i++)
        free(used->names[i]);
    free(used->names);
}

static int find_used(struct virt_request *request, struct used *used)
{
    berth_cleanup(domains_free) struct domains domains = { 0 };
    int r;

    r = all_domains(request, &domains);
    if (r < 0)
        return r;
    used->names = berth_new_array(char *, (size_t)domains.count + 1);
    for (int i = 0; i < domains.count; i++) {
        struct domain_info info = { 0 };

        r = read_info(request, domains.all[i], &info);
        if (r < 0)
            return r;
        if (r == 1 && strcmp(info.storage, request->args.storage) == 0)
            used->names[used->count++] = berth_strdup(info.volume);
    }
    qsort(used->names, used->count, sizeof(*used->names), by_text);
    return 0;
}

static void send_orphan(struct virt_request *request, const struct used *used, const char *name)
{
    struct virt_event event = { .what = virt_event_kind_ORPHAN };

    if (strncmp(name, DISK_PREFIX, strlen(DISK_PREFIX)) != 0 || strlen(name) >= sizeof(event.name))
        return;
    if (bsearch(&name, used->names, used->count, sizeof(*used->names), by_text))
        return;
    copy_text(event.name, name);
    (void)out_listed(request->out, &request->out_call, &event);
    request->result.count++;
}

int query_orphans(struct virt_request *request)
{
    berth_cleanup(storage_pool_freep) virStoragePoolPtr pool = NULL;
    berth_cleanup(used_free) struct used used = { 0 };
    virStorageVolPtr *volumes = NULL;
    int count;
    int r;

    r = storage_open(request, request->args.storage, &pool);
    if (r < 0)
        return r;
    /* List the disks first, so that a disk whose machine is defined meanwhile does not look unused.
     * A disk whose machine is not defined yet still does: berthd checks its rows before it deletes
     * one. libvirt refuses the refresh while a disk is being created; then the list is slightly
     * older.
     */
    (void)virStoragePoolRefresh(pool, 0);
    count = virStoragePoolListAllVolumes(pool, &volumes, 0);
    if (count < 0)
        return libvirt_fail(&request->error, "disks of '%s'", request->args.storage);
    r = find_used(request, &used);
    for (int i = 0; i < count; i++) {
        if (r == 0)
            send_orphan(request, &used, virStorageVolGetName(volumes[i]));
        (void)virStorageVolFree(volumes[i]);
    }
    free(volumes);
    return r;
}
