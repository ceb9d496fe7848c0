/* domain_xml.c - make a machine's domain XML from a template, and read domain XML back. */
#include "domain_xml.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "qemu_arguments.h"
#include "template.h"
#include "xml.h"

#define PORT_MAX 65535

/* ---- parts of the tree ---- */

static void set_os(xmlNode *domain, const struct virt_args *args)
{
    xmlNode *os = xml_child_made(domain, "os");

    if (args->kernel[0])
        xml_set_text(xml_child_made(os, "kernel"), args->kernel);
    if (args->initrd[0])
        xml_set_text(xml_child_made(os, "initrd"), args->initrd);
}

static void set_size(xmlNode *domain, const struct virt_args *args)
{
    char text[24];

    if (args->memory_mib) {
        xmlNode *memory = xml_child_made(domain, "memory");

        (void)snprintf(text, sizeof(text), "%" PRId64, args->memory_mib);
        xml_set(memory, "unit", "MiB");
        xml_set_text(memory, text);
        xml_drop(xml_child(domain, "currentMemory", NULL));
    }
    if (args->vcpus) {
        xmlNode *vcpu = xml_child_made(domain, "vcpu");

        (void)snprintf(text, sizeof(text), "%" PRId64, args->vcpus);
        xml_set_text(vcpu, text);
        xml_unset(vcpu, "current");
        /* libvirt refuses a topology that does not multiply to the number of CPUs. */
        xml_drop(xml_child(xml_child(domain, "cpu", NULL), "topology", NULL));
        xml_drop(xml_child(domain, "vcpus", NULL));
    }
}

static int set_disk(xmlNode *devices, const struct virt_args *args, struct berth_error *reterr)
{
    xmlNode *disk;
    xmlNode *source;

    if (!args->volume[0])
        return 0;
    disk = template_main_disk(devices);
    if (!disk)
        return berth_fail(reterr, BERTH_E_INVALID, "the template has no <disk device='disk'>");

    xml_set(disk, "type", "volume");
    /* Whatever disk the template's machine had: this one gets an overlay. */
    xml_set(xml_child_made(disk, "driver"), "type", "qcow2");
    xml_drop(xml_child(disk, "source", NULL));
    xml_drop(xml_child(disk, "backingStore", NULL));
    xml_drop(xml_child(disk, "mirror", NULL));
    source = xml_add(disk, "source");
    xml_set(source, "pool", args->storage);
    xml_set(source, "volume", args->volume);
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A MAC address per machine that does not change when the domain is defined again: 0x52, which
 * marks a locally administered unicast address, and five bytes of the UUID. libvirt's own choice
 * has only three random bytes, too few for 10,000 desktops.
 */
static void hardware_address(const char *uuid, unsigned index, char mac[18])
{
    unsigned bytes[5] = { 0 };
    size_t digits = 0;

    for (const char *at = uuid; *at && digits < 10; at++) {
        if (hex_digit(*at) < 0)
            continue;
        bytes[digits / 2] = bytes[digits / 2] << 4 | (unsigned)hex_digit(*at);
        digits++;
    }
    (void)snprintf(mac, 18, "52:%02x:%02x:%02x:%02x:%02x", bytes[0] & 0xff, bytes[1] & 0xff,
                   bytes[2] & 0xff, bytes[3] & 0xff, (bytes[4] + index) & 0xff);
}

static void set_interfaces(xmlNode *devices, const struct virt_args *args)
{
    unsigned index = 0;
    xmlNode *port;
    char mac[18];

    for (xmlNode *interface = xml_child(devices, "interface", NULL); interface;
         interface = xml_next(interface)) {
        hardware_address(args->uuid, index++, mac);
        xml_set(xml_child_made(interface, "mac"), "address", mac);
        /* the name of a device on the host must be unique */
        xml_drop(xml_child(interface, "target", NULL));
        /* The port of a virtual switch must be unique: libvirt chooses it. */
        port = xml_child(xml_child(interface, "virtualport", NULL), "parameters", NULL);
        xml_unset(port, "interfaceid");
        xml_unset(port, "instanceid");
    }
}

/* Only QEMU has such a channel; the test driver accepts QEMU's XML unchanged. */
static void set_channel(const xmlNode *domain, xmlNode *devices)
{
    xmlNode *channel = xml_child(devices, "channel", NULL);
    xmlNode *target;

    if (!xml_is(domain, "type", "qemu") && !xml_is(domain, "type", "kvm"))
        return;
    for (; channel; channel = xml_next(channel)) {
        if (xml_is(xml_child(channel, "target", NULL), "name", AGENT_CHANNEL))
            return;
    }
    channel = xml_add(devices, "channel");
    xml_set(channel, "type", "unix");
    target = xml_add(channel, "target");
    xml_set(target, "type", "virtio");
    xml_set(target, "name", AGENT_CHANNEL);
}

static void set_metadata(xmlNode *domain, const struct virt_args *args, int64_t guest_port)
{
    xmlNode *metadata = xml_child_made(domain, "metadata");
    xmlNode *desktop;

    xml_drop(xml_child(metadata, "desktop", DESKTOP_SPACE));
    desktop = xml_add(metadata, "desktop");
    xmlSetNs(desktop, xmlNewNs(desktop, BAD_CAST DESKTOP_SPACE, BAD_CAST "berth"));
    xml_set_number(desktop, "id", args->desktop_id);
    xml_set(desktop, "pool", args->pool);
    xml_set(desktop, "storage", args->storage);
    xml_set(desktop, "volume", args->volume);
    xml_set(desktop, "forward-address", args->forward_port ? args->forward_address : "");
    xml_set_number(desktop, "forward-port", (uint64_t)args->forward_port);
    xml_set_number(desktop, "guest-port", (uint64_t)guest_port);
}

/* ---- the forwarded port: hostfwd=tcp:ADDRESS:PORT-[GUEST]:GUEST-PORT inside QEMU's "user,"
 * argument ---- */

#define FORWARD "hostfwd=tcp:"

struct forward {
    const char *begin, *end; /* start of the option */
    const char *address;     /* of the host; ends at address_end */
    const char *address_end;
};

/* The last ':' between two positions, or NULL. */
static const char *last_colon(const char *begin, const char *end)
{
    while (end > begin) {
        if (*--end == ':')
            return end;
    }
    return NULL;
}

static bool number_is(const char *begin, const char *end, int64_t wanted)
{
    int64_t value = 0;

    if (begin == end || end - begin > 5)
        return false;
    for (const char *at = begin; at < end; at++) {
        if (*at < '0' || *at > '9')
            return false;
        value = value * 10 + (*at - '0');
    }
    return value == wanted;
}

/* Find the hostfwd option in `value` for a port of the guest. */
static bool find_forward(const char *value, int64_t guest_port, struct forward *ret)
{
    for (const char *at = value; (at = strstr(at, FORWARD)); at += strlen(FORWARD)) {
        const char *address = at + strlen(FORWARD);
        const char *end = address + strcspn(address, ",");
        const char *dash = memchr(address, '-', (size_t)(end - address));
        const char *host_colon = dash ? last_colon(address, dash) : NULL;
        const char *guest_colon = dash ? last_colon(dash, end) : NULL;

        if (!host_colon || !guest_colon || !number_is(guest_colon + 1, end, guest_port))
            continue;
        *ret = (struct forward){
            .begin = at, .end = end, .address = address, .address_end = host_colon
        };
        return true;
    }
    return false;
}

#define LOOPBACK "127.0.0.1"

static bool text_is(const char *begin, const char *end, const char *wanted)
{
    size_t size = (size_t)(end - begin);

    return strlen(wanted) == size && memcmp(begin, wanted, size) == 0;
}

/* Set address and port of the host in QEMU's argument, replacing the forward to the guest's port
 * `there` if it has one. `was`: the address that Berth set before, "" for none. The loopback
 * address, which no other machine can reach, and `was` are replaced by args' address; any other
 * address comes from the template and stays.
 */
static char *forward_argument(const char *value, const struct virt_args *args, int64_t there,
                              int64_t guest_port, const char *was)
{
    static const char loopback[] = LOOPBACK;
    struct forward old = { .begin = value + strlen(value),
                           .end = "",
                           .address = loopback,
                           .address_end = loopback + strlen(loopback) };
    bool found = find_forward(value, there, &old);
    const char *address = args->forward_address;
    size_t capacity = strlen(value) + sizeof(args->forward_address) + 64;
    char *created = berth_alloc(capacity);
    bool keep = !address[0] || !(text_is(old.address, old.address_end, LOOPBACK) ||
                                 (was[0] && text_is(old.address, old.address_end, was)));

    (void)snprintf(created, capacity, "%.*s%s" FORWARD "%.*s:%" PRId64 "-:%" PRId64 "%s",
                   (int)(old.begin - value), value, found ? "" : ",",
                   keep ? (int)(old.address_end - old.address) : (int)strlen(address),
                   keep ? old.address : address, args->forward_port, guest_port, old.end);
    return created;
}

/* QEMU's argument with the user network, or NULL. */
static xmlNode *user_network(const xmlNode *domain, char *value, size_t size)
{
    xmlNode *argument = xml_child(xml_child(domain, "commandline", QEMU_SPACE), "arg", QEMU_SPACE);

    for (; argument; argument = xml_next(argument)) {
        xml_get(argument, "value", value, size);
        if (strncmp(value, "user,", 5) == 0)
            return argument;
    }
    return NULL;
}

/* A forward in the template is replaced by Berth's own; kept, it would open the same port for every
 * machine. */
static void drop_forwards(const xmlNode *domain, const xmlNode *but)
{
    xmlNode *argument = xml_child(xml_child(domain, "commandline", QEMU_SPACE), "arg", QEMU_SPACE);
    struct forward found;
    char value[1024];

    for (; argument; argument = xml_next(argument)) {
        xml_get(argument, "value", value, sizeof(value));
        if (argument == but || strncmp(value, "user,", 5) != 0 ||
            !find_forward(value, RDP_PORT, &found))
            continue;
        memmove(value + (found.begin - value - 1), found.end, strlen(found.end) + 1);
        xml_set(argument, "value", value);
    }
}

/* The API checks the address of a host as well; this is for values that did not come from there. */
static int check_forward_address(const char *address, struct berth_error *reterr)
{
    struct in_addr four;

    if (!address[0] || inet_pton(AF_INET, address, &four) == 1)
        return 0;
    return berth_fail(reterr, BERTH_E_INVALID,
                      "QEMU forwards ports of IPv4 addresses only, and '%s' is not one", address);
}

static int set_forward(xmlNode *domain, const struct virt_args *args, int64_t guest_port,
                       struct berth_error *reterr)
{
    char value[1024];
    xmlNode *argument = user_network(domain, value, sizeof(value));
    char *created;
    int r;

    drop_forwards(domain, args->forward_port ? argument : NULL);
    if (!args->forward_port)
        return 0;
    if (!argument)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "the template has no <qemu:arg value='user,...'> to forward a port with");
    r = check_forward_address(args->forward_address, reterr);
    if (r < 0)
        return r;
    created = forward_argument(value, args, RDP_PORT, guest_port, "");
    xml_set(argument, "value", created);
    free(created);
    return 0;
}

/* ---- the interface ---- */

int domain_xml_make(const char *template, size_t size, const struct virt_args *args, char **ret,
                    struct berth_error *reterr)
{
    berth_cleanup(xml_freep) xmlDoc *doc = NULL;
    int64_t guest_port = args->guest_port ? args->guest_port : RDP_PORT;
    xmlNode *domain;
    xmlNode *devices;
    int r;

    doc = xml_parse(template, size, XML_TEMPLATE_MAX, "domain", reterr);
    if (!doc)
        return reterr ? reterr->code : BERTH_E_INVALID;

    domain = xmlDocGetRootElement(doc);
    devices = xml_child_made(domain, "devices");
    r = template_check(domain, reterr);
    if (r < 0)
        return r;
    template_make_unique(domain, args->uuid);
    xml_set_text(xml_child_made(domain, "name"), args->name);
    xml_set_text(xml_child_made(domain, "uuid"), args->uuid);
    set_size(domain, args);
    if (args->kernel[0] || args->initrd[0])
        set_os(domain, args);
    set_interfaces(devices, args);
    set_channel(domain, devices);
    set_metadata(domain, args, guest_port);
    r = set_disk(devices, args, reterr);
    if (r < 0)
        return r;
    r = set_forward(domain, args, guest_port, reterr);
    if (r < 0)
        return r;

    *ret = xml_text(doc);
    return 0;
}

static xmlNode *metadata_of(const xmlNode *domain)
{
    return xml_child(xml_child(domain, "metadata", NULL), "desktop", DESKTOP_SPACE);
}

int domain_xml_readdress(const char *xml, size_t size, const struct virt_args *args, char **ret,
                         struct berth_error *reterr)
{
    berth_cleanup(xml_freep) xmlDoc *doc = xml_parse(xml, size, XML_ANSWER_MAX, "domain", reterr);
    xmlNode *domain;
    xmlNode *desktop;
    xmlNode *argument;
    char was[64];
    char value[1024];
    int r;

    *ret = NULL;
    if (!doc)
        return reterr ? reterr->code : BERTH_E_INVALID;
    domain = xmlDocGetRootElement(doc);
    desktop = metadata_of(domain);
    xml_get(desktop, "forward-address", was, sizeof(was));
    if (!desktop || !args->forward_port || !args->forward_address[0] ||
        strcmp(was, args->forward_address) == 0)
        return 0;
    r = check_forward_address(args->forward_address, reterr);
    if (r < 0)
        return r;

    xml_set(desktop, "forward-address", args->forward_address);
    argument = user_network(domain, value, sizeof(value)); /* the test driver does not store it */
    if (argument) {
        int64_t port = args->guest_port ? args->guest_port : RDP_PORT;
        char *created = forward_argument(value, args, port, port, was);

        xml_set(argument, "value", created);
        free(created);
    }
    *ret = xml_text(doc);
    return 0;
}

static void read_agent(const xmlNode *domain, struct domain_info *ret)
{
    const xmlNode *channel = xml_child(xml_child(domain, "devices", NULL), "channel", NULL);

    for (; channel; channel = xml_next(channel)) {
        const xmlNode *target = xml_child(channel, "target", NULL);

        if (xml_is(target, "name", AGENT_CHANNEL) && xml_is(target, "state", "connected"))
            ret->agent_up = true;
    }
}

int domain_xml_read(const char *xml, size_t size, struct domain_info *ret,
                    struct berth_error *reterr)
{
    berth_cleanup(xml_freep) xmlDoc *doc = xml_parse(xml, size, XML_ANSWER_MAX, "domain", reterr);
    const xmlNode *domain;
    const xmlNode *desktop;

    *ret = (struct domain_info){ 0 };
    if (!doc)
        return reterr ? reterr->code : BERTH_E_INVALID;

    domain = xmlDocGetRootElement(doc);
    read_agent(domain, ret);
    desktop = metadata_of(domain);
    ret->desktop_id = xml_get_number(desktop, "id", INT64_MAX);
    if (!ret->desktop_id)
        return 0; /* without an id it is not a machine of Berth */

    ret->ours = true;
    xml_get(desktop, "pool", ret->pool, sizeof(ret->pool));
    xml_get(desktop, "storage", ret->storage, sizeof(ret->storage));
    xml_get(desktop, "volume", ret->volume, sizeof(ret->volume));
    xml_get(desktop, "forward-address", ret->forward_address, sizeof(ret->forward_address));
    ret->forward_port = (int64_t)xml_get_number(desktop, "forward-port", PORT_MAX);
    ret->guest_port = (int64_t)xml_get_number(desktop, "guest-port", PORT_MAX);
    return 0;
}

static void get_source(const xmlNode *source, char *ret, size_t size)
{
    static const char *const where[] = { "file", "dev", "name" };

    ret[0] = '\0';
    for (size_t i = 0; i < BERTH_COUNT(where) && !ret[0]; i++)
        xml_get(source, where[i], ret, size);
}

int domain_xml_disk(const char *xml, size_t size, struct domain_disk *ret,
                    struct berth_error *reterr)
{
    berth_cleanup(xml_freep) xmlDoc *doc = xml_parse(xml, size, XML_ANSWER_MAX, "domain", reterr);
    const xmlNode *disk;
    const xmlNode *source;
    const xmlNode *mirror;

    *ret = (struct domain_disk){ 0 };
    if (!doc)
        return reterr ? reterr->code : BERTH_E_INVALID;
    disk = template_main_disk(xml_child(xmlDocGetRootElement(doc), "devices", NULL));
    source = xml_child(disk, "source", NULL);
    xml_get(source, "pool", ret->pool, sizeof(ret->pool));
    xml_get(source, "volume", ret->volume, sizeof(ret->volume));
    get_source(source, ret->path, sizeof(ret->path));
    mirror = xml_child(disk, "mirror", NULL);
    /* a block commit writes to files of the machine's own chain */
    if (mirror && xml_is(mirror, "job", "copy"))
        get_source(xml_child(mirror, "source", NULL), ret->copied_to, sizeof(ret->copied_to));
    return 0;
}

void domain_xml_nvram(const char *xml, size_t size, char *ret, size_t ret_size)
{
    berth_cleanup(xml_freep) xmlDoc *doc = xml_parse(xml, size, XML_ANSWER_MAX, "domain", NULL);
    const xmlNode *nvram;

    ret[0] = '\0';
    if (!doc)
        return;
    nvram = xml_child(xml_child(xmlDocGetRootElement(doc), "os", NULL), "nvram", NULL);
    get_source(xml_child(nvram, "source", NULL), ret, ret_size);
    if (!ret[0])
        xml_get_text(nvram, ret, ret_size);
}

void volume_xml_backing(const char *xml, size_t size, char *ret, size_t ret_size)
{
    berth_cleanup(xml_freep) xmlDoc *doc = xml_parse(xml, size, XML_ANSWER_MAX, "volume", NULL);

    ret[0] = '\0';
    if (doc)
        xml_get_text(
            xml_child(xml_child(xmlDocGetRootElement(doc), "backingStore", NULL), "path", NULL),
            ret, ret_size);
}

void volume_xml_format(const char *xml, size_t size, char *ret, size_t ret_size)
{
    berth_cleanup(xml_freep) xmlDoc *doc = xml_parse(xml, size, XML_ANSWER_MAX, "volume", NULL);

    ret[0] = '\0';
    if (doc)
        xml_get(xml_child(xml_child(xmlDocGetRootElement(doc), "target", NULL), "format", NULL),
                "type", ret, ret_size);
}

void pool_xml_path(const char *xml, size_t size, char *ret, size_t ret_size)
{
    berth_cleanup(xml_freep) xmlDoc *doc = xml_parse(xml, size, XML_ANSWER_MAX, "pool", NULL);

    ret[0] = '\0';
    if (doc)
        xml_get_text(xml_child(xml_child(xmlDocGetRootElement(doc), "target", NULL), "path", NULL),
                     ret, ret_size);
}

void pool_xml_type(const char *xml, size_t size, char *ret, size_t ret_size)
{
    berth_cleanup(xml_freep) xmlDoc *doc = xml_parse(xml, size, XML_ANSWER_MAX, "pool", NULL);

    ret[0] = '\0';
    if (doc)
        xml_get(xmlDocGetRootElement(doc), "type", ret, ret_size);
}

char *dir_pool_xml_make(const char *mark, const char *folder)
{
    berth_cleanup(xml_freep) xmlDoc *doc = xmlNewDoc(BAD_CAST "1.0");
    xmlNode *pool = xmlNewNode(NULL, BAD_CAST "pool");
    char name[64];

    (void)xmlDocSetRootElement(doc, pool);
    (void)snprintf(name, sizeof(name), "berth-look-%.40s", mark);
    xml_set(pool, "type", "dir");
    xml_set_text(xml_add(pool, "name"), name);
    xml_set_text(xml_add(xml_add(pool, "target"), "path"), folder);
    return xml_text(doc);
}

char *volume_xml_make(const char *name, const char *backing, uint64_t capacity_bytes)
{
    berth_cleanup(xml_freep) xmlDoc *doc = xmlNewDoc(BAD_CAST "1.0");
    xmlNode *volume = xmlNewNode(NULL, BAD_CAST "volume");
    xmlNode *target;
    xmlNode *below;
    char text[24];

    (void)xmlDocSetRootElement(doc, volume);
    xml_set_text(xml_add(volume, "name"), name);
    if (capacity_bytes) {
        xmlNode *capacity = xml_add(volume, "capacity");

        (void)snprintf(text, sizeof(text), "%" PRIu64, capacity_bytes);
        xml_set(capacity, "unit", "bytes");
        xml_set_text(capacity, text);
    }
    target = xml_add(volume, "target");
    xml_set(xml_add(target, "format"), "type", "qcow2");
    /* Without compat libvirt creates qcow2 of version 2. */
    xml_set_text(xml_add(target, "compat"), "1.1");
    below = xml_add(volume, "backingStore");
    xml_set_text(xml_add(below, "path"), backing);
    xml_set(xml_add(below, "format"), "type", "qcow2");
    return xml_text(doc);
}
