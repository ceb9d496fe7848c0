/* qemu_arguments.c - the QEMU arguments that are accepted in templates. */
#include "qemu_arguments.h"

#include <stdio.h>
#include <string.h>

#include "domain_xml.h"

#define VALUE_MAX 1024

/* One argument, for checks and errors. */
struct argument {
    const xmlNode *node;
    char text[VALUE_MAX];
};

static int refuse(const struct argument *argument, const char *why, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_INVALID,
                      "the template's <qemu:arg value='%.160s'> (line %ld) %s", argument->text,
                      xmlGetLineNo(argument->node), why);
}

static bool is_one_of(const char *word, size_t size, const char *const *words)
{
    for (; *words; words++) {
        if (strlen(*words) == size && memcmp(word, *words, size) == 0)
            return true;
    }
    return false;
}

/* ---- values: WORD,KEY=VALUE,KEY=VALUE ---- */

/* The next part after a comma, or NULL. A doubled comma gives an empty key, which is never
 * permitted.
 */
static const char *next_part(const char *part)
{
    part += strcspn(part, ",");
    return *part ? part + 1 : NULL;
}

static size_t key_size(const char *part)
{
    return strcspn(part, "=,");
}

/* The forward that Berth sets: to the RDP port, from any port of the host. */
static bool is_rdp_forward(const char *value)
{
    char end[16];
    size_t size = strcspn(value, ",");
    size_t end_size = (size_t)snprintf(end, sizeof(end), ":%d", RDP_PORT);

    return strncmp(value, "tcp:", 4) == 0 && memchr(value, '-', size) && size > end_size &&
           memcmp(value + size - end_size, end, end_size) == 0;
}

static int check_user_network(const struct argument *argument, struct berth_error *reterr)
{
    static const char *const known[] = {
        "id",        "ipv4",           "ipv6",     "net",      "host",      "restrict",
        "hostname",  "dhcpstart",      "dns",      "ipv6-net", "ipv6-host", "ipv6-prefix",
        "dnssearch", "domainname",     "ipv6-dns", "tftp",     "bootfile",  "tftp-server-name",
        "hostfwd",   "ipv6-prefixlen", NULL
    };
    bool forwarded = false;

    for (const char *part = next_part(argument->text); part; part = next_part(part)) {
        if (!is_one_of(part, key_size(part), known))
            return refuse(argument,
                          "has an option that uses a resource of the host, or that Berth does not "
                          "know; leave only id, addresses, names, and hostfwd to the RDP port",
                          reterr);
        if (strncmp(part, "hostfwd=", 8) != 0)
            continue;
        if (forwarded || !is_rdp_forward(part + 8))
            return refuse(argument,
                          "forwards a port of the host, which only one machine can have; take that "
                          "hostfwd out (Berth sets the one to the RDP port)",
                          reterr);
        forwarded = true;
    }
    return 0;
}

static int check_netdev(const struct argument *argument, struct berth_error *reterr)
{
    static const char *const kinds[] = { "user", NULL };

    if (is_one_of(argument->text, strcspn(argument->text, ","), kinds))
        return check_user_network(argument, reterr);
    return refuse(argument,
                  "is a network that Berth does not make for each machine; use an "
                  "<interface> instead",
                  reterr);
}

static int check_device(const struct argument *argument, struct berth_error *reterr)
{
    /* None of these uses a resource of the host by itself; backends (-drive, -chardev, -object) are
     * not permitted. */
    static const char *const kinds[] = { "virtio-net-pci",
                                         "virtio-net",
                                         "e1000",
                                         "e1000e",
                                         "rtl8139",
                                         "virtio-rng-pci",
                                         "virtio-balloon-pci",
                                         "virtio-keyboard-pci",
                                         "virtio-mouse-pci",
                                         "virtio-tablet-pci",
                                         "virtio-vga",
                                         "virtio-gpu-pci",
                                         "VGA",
                                         "qxl",
                                         "qxl-vga",
                                         "bochs-display",
                                         "ramfb",
                                         "usb-tablet",
                                         "usb-kbd",
                                         "usb-mouse",
                                         "usb-ehci",
                                         "nec-usb-xhci",
                                         "qemu-xhci",
                                         "intel-hda",
                                         "ich9-intel-hda",
                                         "hda-duplex",
                                         "hda-output",
                                         "AC97",
                                         "intel-iommu",
                                         "pcie-root-port",
                                         "pci-bridge",
                                         "pvpanic",
                                         "i6300esb",
                                         NULL };

    if (!is_one_of(argument->text, strcspn(argument->text, ","), kinds))
        return refuse(argument,
                      "is a device that only one machine may be able to have; use an "
                      "element of <devices> instead",
                      reterr);
    for (const char *part = next_part(argument->text); part; part = next_part(part)) {
        if (strncmp(part, "mac=", 4) == 0 && strncmp(argument->text, "usb", 3) != 0)
            return refuse(argument,
                          "names a hardware address, which only one machine can have; "
                          "take 'mac=' out",
                          reterr);
    }
    return 0;
}

static int check_global(const struct argument *argument, struct berth_error *reterr)
{
    static const char *const kinds[] = { "ICH9-LPC", "PIIX4_PM", "kvm-pit", "mc146818rtc", NULL };

    if (is_one_of(argument->text, strcspn(argument->text, ".,="), kinds))
        return 0;
    return refuse(argument,
                  "sets something of a device that machines may not share; set it at its "
                  "element of <devices> instead",
                  reterr);
}

static int check_nothing(berth_unused const struct argument *argument,
                         berth_unused struct berth_error *reterr)
{
    return 0;
}

/* ---- the options ---- */

#define NO_VALUE NULL

/* clang-format off */
static const struct {
    const char *name; /* without '-'; QEMU takes one or two */
    int (*check)(const struct argument *value, struct berth_error *reterr);
} options[] = {
    { "netdev",           check_netdev },
    { "device",           check_device },
    { "global",           check_global },
    { "cpu",              check_nothing },
    { "smp",              check_nothing },
    { "m",                check_nothing },
    { "k",                check_nothing },
    { "L",                check_nothing }, /* folder of firmware files */
    { "rtc",              check_nothing },
    { "boot",             check_nothing },
    { "vga",              check_nothing },
    { "accel",            check_nothing },
    { "msg",              check_nothing },
    { "overcommit",       check_nothing },
    { "watchdog-action",  check_nothing },
    { "fw_cfg",           check_nothing },
    { "nodefaults",       NO_VALUE },
    { "no-user-config",   NO_VALUE },
    { "no-hpet",          NO_VALUE },
    { "no-acpi",          NO_VALUE },
    { "no-reboot",        NO_VALUE },
    { "no-shutdown",      NO_VALUE },
    { "no-fd-bootchk",    NO_VALUE },
    { "enable-kvm",       NO_VALUE },
    { "usb",              NO_VALUE },
};
/* clang-format on */

static int find_option(const struct argument *argument, struct berth_error *reterr)
{
    const char *name = argument->text;

    if (name[0] != '-')
        return refuse(argument,
                      "belongs to no option before it, and QEMU would take it for a disk; "
                      "take it out",
                      reterr);
    name += name[1] == '-' ? 2 : 1;
    for (size_t i = 0; i < BERTH_COUNT(options); i++) {
        if (strcmp(options[i].name, name) == 0)
            return (int)i;
    }
    return refuse(argument,
                  "is not among those that many machines can have at once (-netdev user, "
                  "-device, -global, -cpu and such); use an element of <devices> "
                  "instead, or take it out",
                  reterr);
}

static int read_argument(const xmlNode *node, struct argument *ret, struct berth_error *reterr)
{
    ret->node = node;
    xml_get(node, "value", ret->text, sizeof(ret->text));
    if (ret->text[0])
        return 0;
    return berth_fail(
        reterr, BERTH_E_INVALID,
        "the template has a <qemu:arg> (line %ld) without a value, or with one of more "
        "than %d characters; take it out",
        xmlGetLineNo(node), VALUE_MAX - 1);
}

int qemu_arguments_check(const xmlNode *domain, struct berth_error *reterr)
{
    const xmlNode *node =
        xml_child(xml_child(domain, "commandline", QEMU_SPACE), "arg", QEMU_SPACE);
    struct argument argument = { 0 };
    int (*check)(const struct argument *value, struct berth_error *reterr) = NULL;

    for (; node; node = xml_next(node)) {
        int r = read_argument(node, &argument, reterr);

        if (r >= 0 && check) {
            r = check(&argument, reterr);
            check = NULL;
        } else if (r >= 0) {
            r = find_option(&argument, reterr);
            check = r >= 0 ? options[r].check : NULL;
        }
        if (r < 0)
            return r;
    }
    return check ? refuse(&argument, "has no value behind it; add it, or take it out", reterr) : 0;
}
