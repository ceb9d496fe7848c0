/* survey.c - questions: what a host can do, which machines it has, where they are reached. They
 * change nothing, but that a storage pool that is off is started to look into it. */
#include <arpa/inet.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "disk.h"
#include "domain_xml.h"
#include "errand.h"
#include "fault.h"
#include "machine_history.h"
#include "out.h"
#include "storage.h"

/* ---- what the host can do ---- */

/* No call of libvirt tells what a driver can do inside guests without trying it on one. */
static const struct {
    const char *type;
    int64_t can;
} drivers[] = {
    { "QEMU", VIRT_CAN_AGENT | VIRT_CAN_PASSWORD },
    { "TEST", VIRT_CAN_PASSWORD },
};

static int64_t capabilities(struct errand *errand)
{
    const char *type = virConnectGetType(errand->connection);
    int64_t can = errand->events ? VIRT_CAN_EVENTS : 0;

    for (size_t i = 0; i < BERTH_COUNT(drivers); i++) {
        if (type && strcmp(drivers[i].type, type) == 0)
            can |= drivers[i].can;
    }
    if (virConnectNumOfStoragePools(errand->connection) >= 0)
        can |= VIRT_CAN_STORAGE;
    if (virConnectNumOfNetworks(errand->connection) >= 0)
        can |= VIRT_CAN_LEASE;
    return can;
}

static void version_text(unsigned long version, char out[24])
{
    (void)snprintf(out, 24, "%lu.%lu.%lu", version / 1000000, version / 1000 % 1000,
                   version % 1000);
}

int survey_host(struct errand *errand)
{
    struct virt_result *result = &errand->result;
    const char *type = virConnectGetType(errand->connection);
    unsigned long driver = 0;
    unsigned long library = 0;
    char driver_text[24];
    char library_text[24];
    virNodeInfo node;

    if (!type || virNodeGetInfo(errand->connection, &node) < 0)
        return fault(&errand->error, "host");
    (void)virConnectGetVersion(errand->connection, &driver);
    (void)virConnectGetLibVersion(errand->connection, &library);
    version_text(driver, driver_text);
    version_text(library, library_text);
    (void)snprintf(result->text, sizeof(result->text), "%.40s %s (libvirt %s)", type, driver_text,
                   library_text);
    result->memory_mib = (int64_t)(node.memory / 1024);
    result->capabilities = capabilities(errand);
    /* What was not answered must not be taken for what it cannot do. */
    if (virConnectIsAlive(errand->connection) != 1)
        return berth_fail(&errand->error, BERTH_E_HOST_DOWN, "host: the connection was lost");
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

static int all_domains(struct errand *errand, struct domains *ret)
{
    ret->count = virConnectListAllDomains(errand->connection, &ret->all, 0);
    if (ret->count >= 0)
        return 0;
    *ret = (struct domains){ 0 };
    return fault(&errand->error, "list of machines");
}

/* 1 when it is ours, 0 when it is not (or has gone meanwhile), or a code. */
static int read_facts(struct errand *errand, virDomainPtr domain, struct domain_facts *facts)
{
    char *xml;
    int r;

    errand_name(errand, domain);
    xml = virDomainGetXMLDesc(domain, 0);
    if (!xml && fault_is(VIR_ERR_NO_DOMAIN))
        return 0;
    if (!xml)
        return fault(&errand->error, "description of '%s'", errand->machine);
    r = domain_xml_read(xml, strlen(xml), facts, &errand->error);
    free(xml);
    return r < 0 ? r : facts->ours;
}

/* false: nobody listens any more. */
static bool tell_listed(struct errand *errand, virDomainPtr domain,
                        const struct domain_facts *facts)
{
    struct virt_event event = { .what = "listed",
                                .desktop_id = facts->desktop_id,
                                .forward_port = facts->forward_port };

    /* The list itself says what runs: an inactive domain has no number. */
    event.running = virDomainGetID(domain) != (unsigned)-1;
    (void)virDomainGetUUIDString(domain, event.uuid);
    (void)snprintf(event.name, sizeof(event.name), "%.79s", virDomainGetName(domain));
    if (!out_listed(errand->out, &errand->said, &event))
        return false;
    if (event.running)
        machine_history_heard(event.uuid, machine_word_SEEN);
    if (!event.running || !facts->agent_up)
        return true;
    (void)snprintf(event.what, sizeof(event.what), "agent-up");
    return out_listed(errand->out, &errand->said, &event);
}

static int list_domains(struct errand *errand)
{
    berth_cleanup(domains_free) struct domains domains = { 0 };
    int r;

    r = all_domains(errand, &domains);
    if (r < 0)
        return r;
    for (int i = 0; i < domains.count; i++) {
        struct domain_facts facts = { 0 };

        r = read_facts(errand, domains.all[i], &facts);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        if (!tell_listed(errand, domains.all[i], &facts))
            return 0;
        errand->result.count++;
    }
    return 0;
}

int survey_list(struct errand *errand)
{
    int r;

    /* Nothing is lost between the look and the events: they were registered long ago and follow the
     * list. */
    out_hold(errand->out, &errand->said);
    r = list_domains(errand);
    out_release(errand->out, &errand->said);
    return r;
}

int survey_inspect(struct errand *errand)
{
    berth_cleanup(errand_domain_freep) virDomainPtr domain = NULL;
    int r;

    r = errand_domain(errand, &domain);
    if (r == BERTH_E_NOT_FOUND)
        return 0; /* known stays false: that is the answer */
    if (r < 0)
        return r;
    r = errand_is_active(errand, domain);
    if (r < 0)
        return r;
    errand->result.known = true;
    errand->result.running = r == 1;
    return 0;
}

/* ---- addresses ---- */

/* An address that another machine can use: 2 = IPv4, 1 = IPv6, 0 = none. */
static int usefulness(const char *address)
{
    struct in6_addr six;
    struct in_addr four;

    if (inet_pton(AF_INET, address, &four) == 1) {
        uint32_t number = ntohl(four.s_addr);

        /* 127.0/16 is the guest itself (test networks use others of 127/8); 169.254/16 means that
         * DHCP failed. */
        return number >> 16 == 0x7f00 || number >> 16 == 0xa9fe ? 0 : 2;
    }
    if (inet_pton(AF_INET6, address, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_LINKLOCAL(&six) ? 0 : 1;
    return 0;
}

static void pick_address(const virDomainInterface *face, int *best, struct virt_result *result)
{
    for (unsigned i = 0; i < face->naddrs; i++) {
        int worth = usefulness(face->addrs[i].addr);

        if (worth <= *best)
            continue;
        *best = worth;
        (void)snprintf(result->address, sizeof(result->address), "%s", face->addrs[i].addr);
    }
}

static int ask_address(struct errand *errand, virDomainPtr domain, unsigned source)
{
    virDomainInterfacePtr *faces = NULL;
    int best = 0;
    int count;

    count = virDomainInterfaceAddresses(domain, &faces, source, 0);
    if (count < 0)
        return fault(&errand->error, "address of '%s'", errand->machine);
    for (int i = 0; i < count; i++) {
        pick_address(faces[i], &best, &errand->result);
        virDomainInterfaceFree(faces[i]);
    }
    free(faces);
    if (!best) {
        return berth_fail(&errand->error, BERTH_E_DESKTOP, "'%s' has no address yet",
                          errand->machine);
    }
    return 0;
}

/* The port of the host that is forwarded to the machine, as its metadata has it. */
static int forwarded_address(struct errand *errand, virDomainPtr domain)
{
    struct domain_facts facts = { 0 };
    int r = read_facts(errand, domain, &facts);

    if (r < 0)
        return r;
    if (!facts.forward_port) {
        return berth_fail(&errand->error, BERTH_E_DESKTOP, "'%s' has no forwarded port",
                          errand->machine);
    }
    (void)snprintf(errand->result.address, sizeof(errand->result.address), "%s",
                   facts.forward_address[0] ? facts.forward_address : "127.0.0.1");
    errand->result.port = facts.forward_port;
    return 0;
}

int survey_address(struct errand *errand)
{
    berth_cleanup(errand_domain_freep) virDomainPtr domain = NULL;
    int r;

    r = errand_domain(errand, &domain);
    if (r < 0)
        return r;
    r = errand_is_active(errand, domain);
    if (r < 0)
        return r;
    if (r == 0) {
        return berth_fail(&errand->error, BERTH_E_STATE, "'%s' does not run", errand->machine);
    }
    errand->result.known = true;
    errand->result.running = true;
    switch (errand->args.address) {
    case pool_address_AGENT:
        return ask_address(errand, domain, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT);
    case pool_address_LEASE:
        return ask_address(errand, domain, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE);
    case pool_address_FORWARDED:
        return forwarded_address(errand, domain);
    case pool_address_FIXED:
    case pool_address_NONE:
    case pool_address_END:
        break;
    }
    return berth_fail(&errand->error, BERTH_E_INVALID,
                      "a host cannot tell an address of this kind");
}

/* ---- orphans ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted names of the disks that machines of ours use. */
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

static int find_used(struct errand *errand, struct used *used)
{
    berth_cleanup(domains_free) struct domains domains = { 0 };
    int r;

    r = all_domains(errand, &domains);
    if (r < 0)
        return r;
    used->names = berth_new_array(char *, (size_t)domains.count + 1);
    for (int i = 0; i < domains.count; i++) {
        struct domain_facts facts = { 0 };

        r = read_facts(errand, domains.all[i], &facts);
        if (r < 0)
            return r;
        if (r == 1 && strcmp(facts.storage, errand->args.storage) == 0)
            used->names[used->count++] = berth_strdup(facts.volume);
    }
    qsort(used->names, used->count, sizeof(*used->names), by_text);
    return 0;
}

static void tell_orphan(struct errand *errand, const struct used *used, const char *name)
{
    struct virt_event event = { .what = "orphan" };

    if (strncmp(name, DISK_PREFIX, strlen(DISK_PREFIX)) != 0 || strlen(name) >= sizeof(event.name))
        return;
    if (bsearch(&name, used->names, used->count, sizeof(*used->names), by_text))
        return;
    (void)snprintf(event.name, sizeof(event.name), "%s", name);
    (void)out_listed(errand->out, &errand->said, &event);
    errand->result.count++;
}

int survey_orphans(struct errand *errand)
{
    berth_cleanup(storage_pool_freep) virStoragePoolPtr pool = NULL;
    berth_cleanup(used_free) struct used used = { 0 };
    virStorageVolPtr *volumes = NULL;
    int count;
    int r;

    r = storage_open(errand, errand->args.storage, &pool);
    if (r < 0)
        return r;
    /* Disks first, so that one whose machine was defined meanwhile does not look unused. One that
     * is between the two still does: berthd compares with its rows before it deletes. The refresh
     * is refused while a disk is being made; then the list is a little older.
     */
    (void)virStoragePoolRefresh(pool, 0);
    count = virStoragePoolListAllVolumes(pool, &volumes, 0);
    if (count < 0)
        return fault(&errand->error, "disks of '%s'", errand->args.storage);
    r = find_used(errand, &used);
    for (int i = 0; i < count; i++) {
        if (r == 0)
            tell_orphan(errand, &used, virStorageVolGetName(volumes[i]));
        (void)virStorageVolFree(volumes[i]);
    }
    free(volumes);
    return r;
}
