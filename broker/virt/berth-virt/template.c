/* template.c - see template.h. */
#include "template.h"

#include <stdio.h>
#include <string.h>

#define QEMU_SPACE "http://libvirt.org/schemas/domain/qemu/1.0"

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

/* ---- what cannot be cloned ---- */

/* What an element points at, for the sentence: a path, a target, or nothing. */
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

/* A character device that QEMU opens or listens on by a path or a port of the host. */
static bool is_tied(const xmlNode *element)
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
    return !xml_is(xml_child(element, "source", NULL), "mode", "connect");
}

static bool is_of_this_host(const xmlNode *element)
{
    static const char *const kinds[] = { "hostdev", "vhostuser", "vdpa", NULL };

    return is_one_of(element, "type", kinds);
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
    { "filesystem", may_be_written,    "would be written by every desktop; make it <readonly/> or take it out" },
    { "serial",     is_tied,           "is a path or port of the host, which only one machine can have; use type='pty' or take it out" },
    { "parallel",   is_tied,           "is a path or port of the host, which only one machine can have; use type='pty' or take it out" },
    { "console",    is_tied,           "is a path or port of the host, which only one machine can have; use type='pty' or take it out" },
    { "channel",    is_tied,           "is a path or port of the host, which only one machine can have; use type='unix' without a source, or take it out" },
    { "redirdev",   is_tied,           "is a path or port of the host, which only one machine can have; use type='spicevmc' or take it out" },
    { "smartcard",  is_tied,           "is a path or port of the host, which only one machine can have; take it out" },
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
    if (main_disk && is_encrypted(main_disk))
        return check_element(main_disk, "is encrypted; Berth makes plain overlays of the image",
                             reterr);
    return 0;
}

/* Arguments that make QEMU open or listen on something by itself. */
static int check_arguments(const xmlNode *domain, struct berth_error *reterr)
{
    static const char *const refused[] = { "-drive",   "-blockdev", "-hda",      "-hdb",
                                           "-chardev", "-serial",   "-monitor",  "-qmp",
                                           "-pidfile", "-incoming", "-mtdblock", "-pflash" };
    const xmlNode *argument =
        xml_child(xml_child(domain, "commandline", QEMU_SPACE), "arg", QEMU_SPACE);

    for (; argument; argument = xml_next(argument)) {
        for (size_t i = 0; i < BERTH_COUNT(refused); i++) {
            if (xml_is(argument, "value", refused[i]))
                return berth_fail(reterr, BERTH_E_INVALID,
                                  "the template's <qemu:arg value='%s'> (line %ld) opens something "
                                  "that every desktop would share; take it out",
                                  refused[i], xmlGetLineNo(argument));
        }
    }
    return 0;
}

int template_check(const xmlNode *domain, struct berth_error *reterr)
{
    int r = check_devices(xml_child(domain, "devices", NULL), reterr);

    return r < 0 ? r : check_arguments(domain, reterr);
}

/* ---- what is made different ---- */

static void drop_all(const xmlNode *parent, const char *name)
{
    xmlNode *node;

    while ((node = xml_child(parent, name, NULL)))
        xml_drop(node);
}

/* libvirt finds the loader's own template, and names the file after the machine. */
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
    static const char *const names[] = { "serial", "parallel", "console", "channel" };

    for (size_t i = 0; i < BERTH_COUNT(names); i++) {
        for (xmlNode *node = xml_child(devices, names[i], NULL); node; node = xml_next(node)) {
            xml_drop(xml_child(node, "log", NULL));
            xml_unset(node, "tty");
            if (xml_is(node, "type", "pty") || xml_is(node, "type", "unix"))
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

void template_make_different(xmlNode *domain, const char *uuid)
{
    const xmlNode *devices = xml_child(domain, "devices", NULL);

    xml_unset(domain, "id");
    set_firmware(domain);
    set_identity(domain, uuid);
    set_character_devices(devices);
    set_graphics(devices);
    set_others(domain, devices);
}
