/* template.c - check a template, and remove what must differ between machines. */
#include "template.h"

#include <stdio.h>
#include <string.h>

#include "qemu_arguments.h"

xmlNode *template_main_disk(const xmlNode *devices)
{
    xmlNode *disk = xml_child(devices, "disk", NULL);

    /* A template may have a CD-ROM before it. */
    while (disk && !xml_is(disk, "device", "disk") && xmlHasProp(disk, BAD_CAST "device"))
        disk = xml_next(disk);
    return disk;
}

static bool has(const xmlNode *node, const char *child)
{
    return xml_child(node, child, NULL);
}

static bool is_one_of(const xmlNode *node, const char *attribute, const char *const *words)
{
    for (; *words; words++) {
        if (xml_is(node, attribute, *words))
            return true;
    }
    return false;
}

/* ---- elements that only one machine can have ---- */

/* What an element refers to, for the error: a path, a target, or nothing. */
static void point_at(const xmlNode *element, char out[300])
{
    static const char *const where[] = { "file", "dev", "dir", "path", "socket", "volume", "name" };
    const xmlNode *source = xml_child(element, "source", NULL);
    char text[256] = "";

    for (size_t i = 0; i < BERTH_COUNT(where) && !text[0]; i++)
        xml_get(source, where[i], text, sizeof(text));
    (void)snprintf(out, 300, text[0] ? " '%s'" : "%s",
                   text); // NOLINT(clang-diagnostic-format-nonliteral)
}

static bool may_be_written(const xmlNode *element)
{
    return !has(element, "readonly") && !xml_is(element, "device", "cdrom");
}

static bool is_encrypted(const xmlNode *disk)
{
    return has(disk, "encryption") || has(xml_child(disk, "source", NULL), "encryption");
}

/* QEMU connects, and does not listen: several machines may do that. */
static bool is_connecting(const xmlNode *element)
{
    return xml_is(xml_child(element, "source", NULL), "mode", "connect");
}

/* A character device on a path or port of the host. */
static bool is_host_chardev(const xmlNode *element)
{
    static const char *const paths[] = { "file", "dev", "pipe", "nmdm", NULL };
    static const char *const sockets[] = { "tcp", "unix", NULL };
    bool made_by_libvirt = strcmp((const char *)element->name, "channel") == 0;

    if (is_one_of(element, "type", paths) || xml_is(element, "type", "udp"))
        return true;
    if (!is_one_of(element, "type", sockets))
        return false;
    if (xml_is(element, "type", "unix") && made_by_libvirt)
        return false; /* libvirt makes a socket for each machine when none is named */
    return !is_connecting(element);
}

static bool is_of_this_host(const xmlNode *element)
{
    static const char *const kinds[] = { "hostdev", "vhostuser", "vdpa", NULL };

    return is_one_of(element, "type", kinds) ||
           (xml_is(element, "type", "direct") &&
            xml_is(xml_child(element, "source", NULL), "mode", "passthrough"));
}

/* An interface on a socket or file of the host. */
static bool uses_host_socket(const xmlNode *interface)
{
    static const char *const kinds[] = { "server", "udp", NULL };

    return is_one_of(interface, "type", kinds) || has(interface, "portForward") ||
           xmlHasProp(xml_child(interface, "backend", NULL), BAD_CAST "logFile");
}

/* A network filter with the address of one machine. */
static bool filters_address(const xmlNode *interface)
{
    static const char *const names[] = { "IP", "IPV6", "MAC", NULL };
    const xmlNode *parameter =
        xml_child(xml_child(interface, "filterref", NULL), "parameter", NULL);

    for (; parameter; parameter = xml_next(parameter)) {
        if (is_one_of(parameter, "name", names))
            return true;
    }
    return false;
}

static bool is_nvme(const xmlNode *disk)
{
    return xml_is(disk, "type", "nvme");
}

/* A source of random numbers on a port of the host. */
static bool is_bound(const xmlNode *rng)
{
    const xmlNode *backend = xml_child(rng, "backend", NULL);
    const xmlNode *source = xml_child(backend, "source", NULL);

    for (; source; source = xml_next(source)) {
        if (xml_is(source, "mode", "bind"))
            return true;
    }
    return xml_is(backend, "type", "file") || xml_is(backend, "type", "pipe");
}

static bool has_dbus_address(const xmlNode *graphics)
{
    return xml_is(graphics, "type", "dbus") && xmlHasProp(graphics, BAD_CAST "address");
}

static bool is_shared_device(const xmlNode *tpm)
{
    static const char *const kinds[] = { "passthrough", "external", NULL };

    return is_one_of(xml_child(tpm, "backend", NULL), "type", kinds);
}

static bool is_kept_in_a_file(const xmlNode *memory)
{
    static const char *const kinds[] = { "nvdimm", "virtio-pmem", NULL };

    return is_one_of(memory, "model", kinds) && !has(xml_child(memory, "target", NULL), "readonly");
}

static bool is_evdev(const xmlNode *input)
{
    static const char *const kinds[] = { "passthrough", "evdev", NULL };

    return is_one_of(input, "type", kinds);
}

static bool is_file(const xmlNode *element)
{
    return xml_is(element, "type", "file");
}

static bool always(berth_unused const xmlNode *element)
{
    return true;
}

/* clang-format off */
static const struct {
    const char *element;
    bool (*refused)(const xmlNode *element);
    const char *why; /* "every desktop would ...; do ..." */
} refusals[] = {
    { "disk",       may_be_written,    "would be written by every desktop; make it <readonly/> or take it out" },
    { "hostdev",    always,            "is a device of the host, which only one machine can have; take it out" },
    { "interface",  is_of_this_host,   "is a device or socket of the host, which only one machine can have; use a network or a bridge" },
    { "disk",       is_nvme,           "is a device of the host, which only one machine can have; take it out" },
    { "interface",  uses_host_socket,  "opens a port or a file of the host, which only one machine can have; use a network or a bridge, without <portForward> and logFile" },
    { "interface",  filters_address,   "has a filter with the address of one machine; take that <parameter> out" },
    { "rng",        is_bound,          "opens a port or a file of the host, which only one machine can have; use <backend model='random'>" },
    { "graphics",   has_dbus_address,  "is at one bus of the host, where only one machine can have its name; take 'address' out" },
    { "filesystem", may_be_written,    "would be written by every desktop; make it <readonly/> or take it out" },
    { "serial",     is_host_chardev,   "is a path or port of the host, which only one machine can have; use type='pty' or take it out" },
    { "parallel",   is_host_chardev,   "is a path or port of the host, which only one machine can have; use type='pty' or take it out" },
    { "console",    is_host_chardev,   "is a path or port of the host, which only one machine can have; use type='pty' or take it out" },
    { "channel",    is_host_chardev,   "is a path or port of the host, which only one machine can have; use type='unix' without a source, or take it out" },
    { "redirdev",   is_host_chardev,   "is a path or port of the host, which only one machine can have; use type='spicevmc' or take it out" },
    { "smartcard",  is_host_chardev,   "is a path or port of the host, which only one machine can have; take it out" },
    { "tpm",        is_shared_device,  "is a TPM that only one machine can have; use <backend type='emulator'/>" },
    { "memory",     is_kept_in_a_file, "is kept in a file that every desktop would write; take it out" },
    { "shmem",      always,            "is memory that all desktops would share; take it out" },
    { "input",      is_evdev,          "is an input device of the host, which only one machine can have; take it out" },
    { "audio",      is_file,           "is a file that every desktop would write; take it out" },
    { "lease",      always,            "is a lease that only one machine can hold; take it out" },
    { "pstore",     always,            "is a file that every desktop would write; take it out" },
};
/* clang-format on */

static int check_element(const xmlNode *element, const char *why, struct berth_error *reterr)
{
    char target[64];
    char where[300];

    point_at(element, where);
    xml_get(xml_child(element, "target", NULL), "dev", target, sizeof(target));
    return berth_fail(reterr, BERTH_E_INVALID, "the template's <%s>%s%s%s (line %ld) %s",
                      (const char *)element->name, target[0] ? " " : "", target, where,
                      xmlGetLineNo(element), why);
}

static int check_devices(const xmlNode *devices, struct berth_error *reterr)
{
    const xmlNode *main_disk = template_main_disk(devices);

    for (size_t i = 0; i < BERTH_COUNT(refusals); i++) {
        const xmlNode *element = xml_child(devices, refusals[i].element, NULL);

        for (; element; element = xml_next(element)) {
            if (element != main_disk && refusals[i].refused(element))
                return check_element(element, refusals[i].why, reterr);
        }
    }
    if (main_disk && has(main_disk, "transient"))
        return check_element(main_disk,
                             "is <transient/>; Berth recreates the disk by itself (a floating "
                             "pool with release=refresh); take <transient/> out",
                             reterr);
    if (main_disk && is_encrypted(main_disk))
        return check_element(main_disk,
                             "is encrypted; Berth supports only unencrypted overlays of the image",
                             reterr);
    return 0;
}

/* Writable firmware must be a copy per machine, which is <nvram>. */
static int check_firmware(const xmlNode *domain, struct berth_error *reterr)
{
    const xmlNode *loader = xml_child(xml_child(domain, "os", NULL), "loader", NULL);
    char path[256];

    xml_get_text(loader, path, sizeof(path));
    if (!path[0] || !xml_is(loader, "type", "pflash") || xml_is(loader, "readonly", "yes"))
        return 0;
    return check_element(loader,
                         "is firmware that every desktop would write; make it readonly='yes' "
                         "beside an <nvram>",
                         reterr);
}

int template_check(const xmlNode *domain, struct berth_error *reterr)
{
    int r = check_devices(xml_child(domain, "devices", NULL), reterr);

    if (r >= 0)
        r = check_firmware(domain, reterr);
    return r < 0 ? r : qemu_arguments_check(domain, reterr);
}

/* ---- making a machine unique ---- */

static void drop_all(const xmlNode *parent, const char *name)
{
    xmlNode *node;

    while ((node = xml_child(parent, name, NULL)))
        xml_drop(node);
}

/* libvirt finds the loader's NVRAM template itself, and names the file after the machine. */
static void set_firmware(const xmlNode *domain)
{
    xmlNode *nvram = xml_child(xml_child(domain, "os", NULL), "nvram", NULL);

    if (!nvram)
        return;
    if (!xmlHasProp(nvram, BAD_CAST "template")) {
        xml_drop(nvram);
        return;
    }
    xmlNodeSetContent(nvram, NULL);
    xml_unset(nvram, "type");
}

/* SMBIOS: the machine's own UUID, and no serial numbers of another. */
static void set_identity(const xmlNode *domain, const char *uuid)
{
    for (xmlNode *info = xml_child(domain, "sysinfo", NULL); info; info = xml_next(info)) {
        for (xmlNode *part = info->children; part; part = part->next) {
            xmlNode *entry = part->type == XML_ELEMENT_NODE ? xml_child(part, "entry", NULL) : NULL;

            for (; entry; entry = xml_next(entry)) {
                if (xml_is(entry, "name", "uuid") || xml_is(entry, "name", "serial"))
                    xml_set_text(entry, uuid);
            }
        }
    }
    for (xmlNode *genid = xml_child(domain, "genid", NULL); genid; genid = xml_next(genid))
        xmlNodeSetContent(genid, NULL);
}

static void set_character_devices(const xmlNode *devices)
{
    static const char *const names[] = { "serial",  "parallel", "console",
                                         "channel", "redirdev", "smartcard" };

    for (size_t i = 0; i < BERTH_COUNT(names); i++) {
        for (xmlNode *node = xml_child(devices, names[i], NULL); node; node = xml_next(node)) {
            xml_drop(xml_child(node, "log", NULL));
            xml_unset(node, "tty");
            if (xml_is(node, "type", "pty") ||
                (xml_is(node, "type", "unix") && !is_connecting(node)))
                drop_all(node, "source");
        }
    }
}

static void set_graphics(const xmlNode *devices)
{
    static const char *const fixed[] = { "port", "tlsPort", "websocket", "socket" };

    for (xmlNode *screen = xml_child(devices, "graphics", NULL); screen;
         screen = xml_next(screen)) {
        xmlNode *listen = xml_child(screen, "listen", NULL);

        for (size_t i = 0; i < BERTH_COUNT(fixed); i++)
            xml_unset(screen, fixed[i]);
        if (xml_is(screen, "type", "vnc") || xml_is(screen, "type", "spice"))
            xml_set(screen, "autoport", "yes");
        for (; listen; listen = xml_next(listen))
            xml_unset(listen, "socket");
    }
}

static void set_others(const xmlNode *domain, const xmlNode *devices)
{
    xmlNode *number = xml_child(xml_child(devices, "vsock", NULL), "cid", NULL);

    if (number) {
        xml_set(number, "auto", "yes");
        xml_unset(number, "address");
    }
    for (xmlNode *tpm = xml_child(devices, "tpm", NULL); tpm; tpm = xml_next(tpm))
        drop_all(xml_child(tpm, "backend", NULL), "source");
    for (xmlNode *label = xml_child(domain, "seclabel", NULL); label; label = xml_next(label)) {
        if (!xml_is(label, "type", "dynamic"))
            continue;
        drop_all(label, "label");
        drop_all(label, "imagelabel");
    }
}

void template_make_unique(xmlNode *domain, const char *uuid)
{
    const xmlNode *devices = xml_child(domain, "devices", NULL);

    xml_unset(domain, "id");
    set_firmware(domain);
    set_identity(domain, uuid);
    set_character_devices(devices);
    set_graphics(devices);
    set_others(domain, devices);
}
