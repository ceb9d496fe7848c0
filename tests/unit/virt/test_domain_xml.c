/* test_domain_xml.c - a template becomes the XML of a domain, and unsafe elements are refused. */
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

#include "virt/berth-virt/domain_xml.h"
#include "virt/berth-virt/xml.h"

#include "test.h"

static const char template[] =
    "<domain type='kvm' id='4' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
    "<name>x</name><uuid>00000000-0000-4000-8000-000000000000</uuid>"
    "<memory unit='GiB'>1</memory><currentMemory unit='GiB'>1</currentMemory>"
    "<vcpu current='1'>2</vcpu><os><type>hvm</type><kernel>/old</kernel></os>"
    "<cpu><topology sockets='1' cores='2' threads='1'/></cpu>"
    "<devices><disk type='file' device='cdrom'><source file='/cd'/></disk>"
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='unsafe'/>"
    "<source file='/golden.qcow2'/><target dev='vda'/></disk>"
    "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/>"
    "<target dev='tn1'/></interface><interface type='network'/></devices>"
    "<qemu:commandline><qemu:arg value='-netdev'/>"
    "<qemu:arg value='user,id=n0,hostfwd=tcp:0.0.0.0:0-:3389,ipv6=off'/>"
    "</qemu:commandline></domain>";

static struct virt_args some_args(void)
{
    return (struct virt_args){ .uuid = "01234567-89ab-4def-8123-456789abcdef",
                               .name = "ward-3-7",
                               .desktop_id = 7,
                               .pool = "ward-3",
                               .storage = "berth",
                               .volume = "berth-7.qcow2",
                               .kernel = "/k",
                               .initrd = "/i",
                               .memory_mib = 512,
                               .vcpus = 3,
                               .forward_port = 40007,
                               .forward_address = "10.0.0.5" };
}

/* Text of the first thing an XPath names, or "" - in a buffer that the next call overwrites. */
static const char *at(const char *xml, const char *path)
{
    static char text[512];
    xmlDoc *doc = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, 0);
    xmlXPathContext *context = xmlXPathNewContext(doc);
    xmlXPathObject *found;
    xmlChar *value;

    xmlXPathRegisterNs(context, BAD_CAST "berth", BAD_CAST DESKTOP_SPACE);
    xmlXPathRegisterNs(context, BAD_CAST "qemu",
                       BAD_CAST "http://libvirt.org/schemas/domain/qemu/1.0");
    found = xmlXPathEvalExpression(BAD_CAST path, context);
    value = xmlXPathCastToString(found);
    (void)snprintf(text, sizeof(text), "%s", (const char *)value);
    xmlFree(value);
    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);
    xmlFreeDoc(doc);
    return text;
}

static char *make(const char *text, const struct virt_args *args)
{
    struct berth_error error = { 0 };
    char *xml = NULL;

    if (domain_xml_make(text, strlen(text), args, &xml, &error) < 0)
        fail_msg("%s", error.text);
    return xml;
}

TEST(domain_xml, everything_that_args_say_is_set)
{
    struct virt_args args = some_args();
    char *xml = make(template, &args);

    EXPECT_STR(at(xml, "/domain/name"), "ward-3-7");
    EXPECT_STR(at(xml, "/domain/uuid"), "01234567-89ab-4def-8123-456789abcdef");
    EXPECT_STR(at(xml, "string(/domain/@id)"), "");
    EXPECT_STR(at(xml, "/domain/memory"), "512");
    EXPECT_STR(at(xml, "string(/domain/memory/@unit)"), "MiB");
    EXPECT_STR(at(xml, "string(count(/domain/currentMemory))"), "0");
    EXPECT_STR(at(xml, "/domain/vcpu"), "3");
    EXPECT_STR(at(xml, "string(count(/domain/vcpu/@current))"), "0");
    EXPECT_STR(at(xml, "string(count(/domain/cpu/topology))"), "0");
    EXPECT_STR(at(xml, "/domain/os/kernel"), "/k");
    EXPECT_STR(at(xml, "/domain/os/initrd"), "/i");
    free(xml);
}

TEST(domain_xml, the_disk_is_the_volume_and_the_cd_stays)
{
    struct virt_args args = some_args();
    char *xml = make(template, &args);

    EXPECT_STR(at(xml, "string(//disk[@device='disk']/@type)"), "volume");
    EXPECT_STR(at(xml, "string(//disk[@device='disk']/source/@pool)"), "berth");
    EXPECT_STR(at(xml, "string(//disk[@device='disk']/source/@volume)"), "berth-7.qcow2");
    EXPECT_STR(at(xml, "string(count(//disk[@device='disk']/source/@file))"), "0");
    EXPECT_STR(at(xml, "string(//disk[@device='disk']/driver/@cache)"), "unsafe");
    EXPECT_STR(at(xml, "string(//disk[@device='cdrom']/source/@file)"), "/cd");
    free(xml);
}

TEST(domain_xml, machines_have_hardware_addresses_of_their_own)
{
    struct virt_args args = some_args();
    char *xml = make(template, &args);
    char first[32];

    (void)snprintf(first, sizeof(first), "%s", at(xml, "string(//interface[1]/mac/@address)"));
    EXPECT_STR(first, "52:01:23:45:67:89");
    EXPECT_STR(at(xml, "string(//interface[2]/mac/@address)"), "52:01:23:45:67:8a");
    EXPECT_STR(at(xml, "string(count(//interface/target))"), "0");
    free(xml);
}

/* As deploy/image/domain.xml has it, and as short as it may be written. */
#define ON_LOOPBACK "user,id=n0,hostfwd=tcp:127.0.0.1:0-:3389"

/* QEMU's argument in what is made of a template that has this one. */
static char *made_with(const char *argument, const struct virt_args *args)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
                   "<devices><disk device='disk'/></devices><qemu:commandline>"
                   "<qemu:arg value='-netdev'/><qemu:arg value='%s'/></qemu:commandline></domain>",
                   argument);
    return make(text, args);
}

TEST(domain_xml, the_forwarded_port_is_opened_where_its_host_is_reached)
{
    struct virt_args args = some_args();
    char *xml = made_with(ON_LOOPBACK, &args);

    EXPECT_STR(at(xml, "string(//qemu:arg[2]/@value)"),
               "user,id=n0,hostfwd=tcp:10.0.0.5:40007-:3389");
    free(xml);

    xml = made_with("user,id=n0", &args);
    EXPECT_STR(at(xml, "string(//qemu:arg[2]/@value)"),
               "user,id=n0,hostfwd=tcp:10.0.0.5:40007-:3389");
    free(xml);

    args.forward_address[0] = '\0'; /* without an address */
    xml = made_with("user,id=n0", &args);
    EXPECT_STR(at(xml, "string(//qemu:arg[2]/@value)"),
               "user,id=n0,hostfwd=tcp:127.0.0.1:40007-:3389");
    free(xml);
}

TEST(domain_xml, an_address_that_the_template_chose_stays_and_so_do_neighbours)
{
    struct virt_args args = some_args();
    char *xml = make(template, &args);

    EXPECT_STR(at(xml, "string(//qemu:arg[2]/@value)"),
               "user,id=n0,hostfwd=tcp:0.0.0.0:40007-:3389,ipv6=off");
    free(xml);

    args.guest_port = 3390; /* none leads there yet */
    xml = make(template, &args);
    EXPECT_STR(at(xml, "string(//qemu:arg[2]/@value)"),
               "user,id=n0,hostfwd=tcp:0.0.0.0:40007-:3390,ipv6=off");
    free(xml);
}

/* What readdress makes of it, or NULL; frees it. */
static char *readdressed(char *xml, const struct virt_args *args)
{
    struct berth_error error = { 0 };
    char *ret = NULL;

    if (domain_xml_readdress(xml, strlen(xml), args, &ret, &error) < 0)
        fail_msg("%s", error.text);
    free(xml);
    return ret;
}

TEST(domain_xml, a_new_address_of_its_host_takes_the_place_of_the_old_one)
{
    struct virt_args args = some_args();
    char *xml;

    EXPECT(!readdressed(made_with(ON_LOOPBACK, &args), &args)); /* it is right already */

    xml = made_with(ON_LOOPBACK, &args);
    (void)snprintf(args.forward_address, sizeof(args.forward_address), "10.0.0.66");
    xml = readdressed(xml, &args);
    EXPECT_STR(at(xml, "string(//qemu:arg[2]/@value)"),
               "user,id=n0,hostfwd=tcp:10.0.0.66:40007-:3389");
    EXPECT_STR(at(xml, "string(//berth:desktop/@forward-address)"), "10.0.0.66");
    EXPECT_STR(at(xml, "/domain/name"), "ward-3-7");
    free(xml);

    /* Made before addresses were written down. */
    args.forward_address[0] = '\0';
    xml = made_with(ON_LOOPBACK, &args);
    (void)snprintf(args.forward_address, sizeof(args.forward_address), "10.0.0.66");
    xml = readdressed(xml, &args);
    EXPECT_STR(at(xml, "string(//qemu:arg[2]/@value)"),
               "user,id=n0,hostfwd=tcp:10.0.0.66:40007-:3389");
    free(xml);

    xml = make(template, &args);
    (void)snprintf(args.forward_address, sizeof(args.forward_address), "10.0.0.77");
    xml = readdressed(xml, &args);
    EXPECT_STR(at(xml, "string(//qemu:arg[2]/@value)"),
               "user,id=n0,hostfwd=tcp:0.0.0.0:40007-:3389,ipv6=off");
    free(xml);
}

TEST(domain_xml, a_machine_without_forwarded_port_or_of_somebody_else_is_not_readdressed)
{
    struct virt_args args = some_args();
    char *xml;

    args.forward_port = 0;
    xml = made_with("user,id=n0", &args);
    EXPECT(!readdressed(xml, &args));
    args.forward_port = 40007;
    xml = strdup("<domain type='kvm'><name>other</name></domain>");
    EXPECT(!readdressed(xml, &args));
}

TEST(domain_xml, only_an_ipv4_address_can_be_forwarded_from)
{
    static const char *const wrong[] = { "2001:db8::5", "::1", "kvm1.example.org",
                                         "10.0.0.5,ipv6=off" };

    for (size_t i = 0; i < BERTH_COUNT(wrong); i++) {
        struct virt_args args = some_args();
        struct berth_error error = { 0 };
        char *xml = NULL;

        (void)snprintf(args.forward_address, sizeof(args.forward_address), "%s", wrong[i]);
        EXPECT_ERR(domain_xml_make(template, strlen(template), &args, &xml, &error),
                   BERTH_E_INVALID);
        EXPECT_SAYS(error.text, wrong[i]);
        EXPECT_SAYS(error.text, "IPv4");
    }
}

TEST(domain_xml, a_template_without_user_network_cannot_forward)
{
    static const char plain[] = "<domain type='kvm'><devices><disk/></devices></domain>";
    struct virt_args args = some_args();
    struct berth_error error = { 0 };
    char *xml = NULL;

    EXPECT_ERR(domain_xml_make(plain, strlen(plain), &args, &xml, &error), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "user,");
    args.forward_port = 0;
    xml = make(plain, &args);
    EXPECT_STR(at(xml, "/domain/name"), "ward-3-7");
    free(xml);
}

TEST(domain_xml, the_agent_channel_is_added_once_and_only_for_qemu)
{
    static const char lxc[] = "<domain type='lxc'><devices/></domain>";
    struct virt_args args = some_args();
    char *xml = make(template, &args);
    char *again = make(xml, &args);

    EXPECT_STR(at(xml, "string(count(//channel))"), "1");
    EXPECT_STR(at(xml, "string(//channel/target/@name)"), AGENT_CHANNEL);
    EXPECT_STR(at(again, "string(count(//channel))"), "1");
    EXPECT_STR(at(again, "string(count(//berth:desktop))"), "1");
    free(xml);
    free(again);

    args.volume[0] = '\0';
    args.forward_port = 0;
    xml = make(lxc, &args);
    EXPECT_STR(at(xml, "string(count(//channel))"), "0");
    free(xml);
}

TEST(domain_xml, what_is_written_is_read_back)
{
    struct virt_args args = some_args();
    struct domain_info info;
    struct berth_error error = { 0 };
    char *xml = make(template, &args);

    EXPECT_OK(domain_xml_read(xml, strlen(xml), &info, &error));
    EXPECT(info.ours);
    EXPECT_INT(info.desktop_id, 7);
    EXPECT_STR(info.pool, "ward-3");
    EXPECT_STR(info.storage, "berth");
    EXPECT_STR(info.volume, "berth-7.qcow2");
    EXPECT_INT(info.forward_port, 40007);
    EXPECT_STR(info.forward_address, "10.0.0.5");
    EXPECT_INT(info.guest_port, 3389);
    EXPECT(!info.agent_up);
    free(xml);
}

TEST(domain_xml, machines_of_others_are_not_ours)
{
    static const char *const strangers[] = {
        "<domain/>",
        "<domain><metadata><desktop id='7'/></metadata></domain>",
        "<domain><metadata><b:desktop xmlns:b='urn:berth:desktop:2' id='7'/></metadata></domain>",
        "<domain><metadata><b:desktop xmlns:b='urn:berth:desktop:1' id='-7'/></metadata></domain>",
        "<domain><metadata><b:desktop xmlns:b='urn:berth:desktop:1' id='7x'/></metadata></domain>",
        ("<domain><metadata><b:desktop xmlns:b='urn:berth:desktop:1' "
         "id='99999999999999999999'/></metadata></domain>"),
    };

    for (size_t i = 0; i < BERTH_COUNT(strangers); i++) {
        struct domain_info info;

        EXPECT_OK(domain_xml_read(strangers[i], strlen(strangers[i]), &info, NULL));
        EXPECT(!info.ours);
        EXPECT_INT(info.desktop_id, 0);
    }
}

TEST(domain_xml, an_open_agent_channel_is_seen)
{
    static const char xml[] =
        "<domain><devices><channel type='unix'><target name='x' state='connected'/></channel>"
        "<channel type='unix'><target name='org.qemu.guest_agent.0' state='connected'/></channel>"
        "</devices></domain>";
    struct domain_info info;

    EXPECT_OK(domain_xml_read(xml, strlen(xml), &info, NULL));
    EXPECT(info.agent_up);
}

TEST(domain_xml, nothing_can_be_smuggled_in_by_a_value)
{
    struct virt_args args = some_args();
    char *xml;

    (void)snprintf(args.name, sizeof(args.name), "</name><evil/>&amp;'\"");
    (void)snprintf(args.volume, sizeof(args.volume), "a'/><evil/>\"&lt;");
    (void)snprintf(args.kernel, sizeof(args.kernel), "&lt;<evil/>");
    xml = make(template, &args);
    EXPECT_STR(at(xml, "/domain/name"), "</name><evil/>&amp;'\"");
    EXPECT_STR(at(xml, "string(//disk[@device='disk']/source/@volume)"), "a'/><evil/>\"&lt;");
    EXPECT_STR(at(xml, "/domain/os/kernel"), "&lt;<evil/>");
    EXPECT_STR(at(xml, "string(count(//evil))"), "0");
    free(xml);
}

TEST(domain_xml, entities_and_document_types_are_refused)
{
    static const char *const hostile[] = {
        "<!DOCTYPE domain [<!ENTITY f SYSTEM "
        "'file:///etc/passwd'>]><domain><name>&f;</name></domain>",
        "<!DOCTYPE domain SYSTEM 'http://127.0.0.1:1/x.dtd'><domain/>",
        "<!DOCTYPE domain [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
        "<domain><name>&b;</name></domain>",
        "<domain><name>&undefined;</name></domain>",
    };
    struct virt_args args = some_args();

    for (size_t i = 0; i < BERTH_COUNT(hostile); i++) {
        struct berth_error error = { 0 };
        char *xml = NULL;

        EXPECT_ERR(domain_xml_make(hostile[i], strlen(hostile[i]), &args, &xml, &error),
                   BERTH_E_INVALID);
        EXPECT_SAYS(error.text, "XML");
    }
}

TEST(domain_xml, bad_templates_are_refused_with_the_line)
{
    struct virt_args args = some_args();
    struct berth_error error = { 0 };
    char *huge = berth_alloc(XML_TEMPLATE_MAX + 1);
    char *xml = NULL;

    EXPECT_ERR(domain_xml_make("<domain>\n\n<name></domain>", 25, &args, &xml, &error),
               BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "line 3");
    EXPECT_ERR(domain_xml_make("<network/>", 10, &args, &xml, &error), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "<domain>");
    EXPECT_ERR(domain_xml_make("", 0, &args, &xml, &error), BERTH_E_INVALID);
    memset(huge, ' ', XML_TEMPLATE_MAX + 1);
    EXPECT_ERR(domain_xml_make(huge, XML_TEMPLATE_MAX + 1, &args, &xml, &error), BERTH_E_TOO_LARGE);
    free(huge);
    EXPECT(xml == NULL);
}

TEST(domain_xml, nesting_without_end_is_refused)
{
    enum { DEPTH = 3000 };
    static char deep[DEPTH * 3 + 64] = "<domain>";
    struct virt_args args = some_args();
    struct berth_error error = { 0 };
    char *xml = NULL;

    for (size_t i = 0; i < DEPTH; i++)
        memcpy(deep + strlen("<domain>") + i * 3, "<a>", 3);
    EXPECT_ERR(domain_xml_make(deep, strlen(deep), &args, &xml, &error), BERTH_E_INVALID);
}

TEST(template, what_must_differ_is_made_different)
{
    static const char taken[] =
        "<domain type='kvm' "
        "id='3'><name>golden</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
        "<genid>11111111-2222-3333-4444-555555555555</genid>"
        "<sysinfo type='smbios'><system><entry "
        "name='uuid'>11111111-2222-3333-4444-555555555555</entry>"
        "<entry name='serial'>S1</entry></system></sysinfo>"
        "<os><type>hvm</type><loader readonly='yes' type='pflash'>/code.fd</loader>"
        "<nvram>/golden_VARS.fd</nvram></os><devices>"
        "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/g'/>"
        "<target dev='vda'/></disk>"
        "<serial type='pty'><source path='/dev/pts/4'/><log file='/log/golden'/></serial>"
        "<channel type='unix'><source mode='bind' path='/golden.agent'/>"
        "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
        "<graphics type='vnc' port='5901' autoport='no' websocket='5701'>"
        "<listen type='socket' socket='/vnc'/></graphics>"
        "<tpm><backend type='emulator'><source type='dir' path='/tpm'/></backend></tpm>"
        "<vsock><cid auto='no' address='3'/></vsock></devices>"
        "<seclabel type='dynamic' model='selinux'><label>c1,c2</label></seclabel></domain>";
    struct virt_args args = some_args();
    char *xml;

    args.forward_port = 0;
    xml = make(taken, &args);
    EXPECT_STR(at(xml, "/domain/sysinfo/system/entry[@name='uuid']"), args.uuid);
    EXPECT_STR(at(xml, "/domain/sysinfo/system/entry[@name='serial']"), args.uuid);
    EXPECT_STR(at(xml, "string(/domain/genid)"), "");
    EXPECT_STR(at(xml, "string(//disk/driver/@type)"), "qcow2");
    EXPECT_STR(at(xml, "string(//graphics/@autoport)"), "yes");
    EXPECT_STR(at(xml, "string(//vsock/cid/@auto)"), "yes");
    EXPECT_STR(at(xml, "string(count(//nvram) + count(//serial/*) + count(//channel/source) + "
                       "count(//@port) + count(//@websocket) + count(//@socket) + "
                       "count(//tpm//source) + count(//cid/@address) + count(//label) + "
                       "count(/domain/@id))"),
               "0");
    free(xml);
}

TEST(template, what_cannot_be_cloned_is_refused_by_its_name)
{
    static const char *const bad[][3] = {
        { "<disk type='file' device='disk'><source file='/data'/><target dev='vdb'/></disk>", "vdb",
          "'/data'" },
        { "<disk type='file' device='floppy'><source file='/fd'/></disk>", "<disk>", "readonly" },
        { "<hostdev mode='subsystem' type='usb'/>", "<hostdev>", "take it out" },
        { "<interface type='hostdev'/>", "<interface>", "bridge" },
        { "<filesystem type='mount'><source dir='/home'/></filesystem>", "<filesystem>",
          "'/home'" },
        { "<serial type='file'><source path='/s.log'/></serial>", "<serial>", "'/s.log'" },
        { "<console type='tcp'><source mode='bind' host='::' service='1'/></console>", "<console>",
          "pty" },
        { "<tpm><backend type='passthrough'/></tpm>", "<tpm>", "emulator" },
        { "<memory model='nvdimm'><source><path>/n</path></source></memory>", "<memory>", "file" },
        { "<shmem name='s'/>", "<shmem>", "share" },
        { "<input type='evdev'/>", "<input>", "take it out" },
        { "<interface type='user'><portForward proto='tcp'><range start='2222' to='22'/>"
          "</portForward></interface>",
          "<interface>", "<portForward>" },
        { "<interface type='user'><backend type='passt' logFile='/l'/></interface>", "<interface>",
          "logFile" },
        { "<interface type='server'><source address='::' port='5'/></interface>", "<interface>",
          "network or a bridge" },
        { "<interface type='udp'/>", "<interface>", "network or a bridge" },
        { "<interface type='direct'><source dev='eth1' mode='passthrough'/></interface>",
          "<interface>", "bridge" },
        { "<interface type='bridge'><filterref filter='f'><parameter name='CTRL' value='x'/>"
          "<parameter name='IP' value='10.0.0.7'/></filterref></interface>",
          "<interface>", "<parameter>" },
        { "<rng model='virtio'><backend model='egd' type='tcp'>"
          "<source mode='bind' host='::' service='1'/></backend></rng>",
          "<rng>", "random" },
        { "<graphics type='dbus' address='unix:path=/b'/>", "<graphics>", "address" },
        { "<disk type='nvme' device='disk'><source type='pci'/><target dev='vdb'/><readonly/>"
          "</disk>",
          "vdb", "device of the host" },
        { "<serial type='unix'><source mode='bind' path='/s'/></serial>", "<serial>", "'/s'" },
    };
    static const char *const good[] = {
        "<disk type='file' device='cdrom'><source file='/iso'/></disk>",
        "<disk type='file' device='disk'><source file='/ro'/><target dev='vdb'/><readonly/></disk>",
        "<filesystem type='mount'><source dir='/s'/><readonly/></filesystem>",
        "<serial type='tcp'><source mode='connect' host='h' service='1'/></serial>",
        "<redirdev bus='usb' type='spicevmc'/>",
        "<interface type='user'><backend type='passt'/></interface>",
        "<interface type='direct'><source dev='eth1' mode='bridge'/></interface>",
        "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
        "<graphics type='dbus' p2p='yes'/>",
        "<tpm><backend type='emulator'/></tpm>",
    };
    struct virt_args args = some_args();
    char text[1024];

    args.forward_port = 0;
    for (size_t i = 0; i < BERTH_COUNT(bad) + BERTH_COUNT(good); i++) {
        struct berth_error error = { 0 };
        bool is_bad = i < BERTH_COUNT(bad);
        char *xml = NULL;

        (void)snprintf(text, sizeof(text),
                       "<domain type='kvm'><devices><disk><target dev='vda'/></disk>%s</devices>"
                       "</domain>",
                       is_bad ? bad[i][0] : good[i - BERTH_COUNT(bad)]);
        EXPECT_INT(domain_xml_make(text, strlen(text), &args, &xml, &error),
                   is_bad ? BERTH_E_INVALID : 0);
        if (is_bad) {
            EXPECT_SAYS(error.text, bad[i][1]);
            EXPECT_SAYS(error.text, bad[i][2]);
        }
        free(xml);
    }
}

TEST(template, what_belongs_to_one_machine_goes_and_what_each_may_have_stays)
{
    static const char taken[] =
        "<domain type='kvm'><devices><disk><target dev='vda'/></disk>"
        "<interface type='bridge'><virtualport type='openvswitch'><parameters "
        "interfaceid='09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f' profileid='p'/></virtualport>"
        "</interface><serial type='unix'><source mode='connect' path='/console'/></serial>"
        "<redirdev bus='usb' type='spicevmc'><log file='/log/golden'/></redirdev>"
        "</devices></domain>";
    struct virt_args args = some_args();
    char *xml;

    args.forward_port = 0;
    xml = make(taken, &args);
    EXPECT_STR(at(xml, "string(count(//@interfaceid))"), "0");
    EXPECT_STR(at(xml, "string(//virtualport/parameters/@profileid)"), "p");
    EXPECT_STR(at(xml, "string(//serial/source/@path)"), "/console");
    EXPECT_STR(at(xml, "string(count(//log))"), "0");
    free(xml);
}

static void expect_refused(const char *text, const char *part, const char *also)
{
    struct virt_args args = some_args();
    struct berth_error error = { 0 };
    char *xml = NULL;

    args.forward_port = 0;
    EXPECT_ERR(domain_xml_make(text, strlen(text), &args, &xml, &error), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, part);
    EXPECT_SAYS(error.text, also);
}

TEST(template, firmware_and_a_disk_that_all_would_write_are_refused)
{
    expect_refused("<domain><os><loader readonly='no' type='pflash'>/c.fd</loader></os><devices>"
                   "<disk/></devices></domain>",
                   "<loader>", "readonly='yes'");
    expect_refused("<domain><devices><disk><target dev='vda'/><transient/></disk></devices>"
                   "</domain>",
                   "<disk> vda", "release=refresh");
}

#define WITH_ARGUMENTS(arguments)                                                 \
    "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>" \
    "<devices><disk device='disk'/></devices><qemu:commandline>" arguments        \
    "</qemu:commandline></domain>"
#define ARGUMENT(value) "<qemu:arg value='" value "'/>"
#define PAIR(option, value) WITH_ARGUMENTS(ARGUMENT(option) ARGUMENT(value))

TEST(template, arguments_of_qemu_that_are_not_known_to_be_shared_are_refused)
{
    static const char *const unknown[] = { "--drive",    "--chardev", "-vnc",      "-spice",
                                           "-gdb",       "-s",        "-mon",      "-qmp-pretty",
                                           "-fsdev",     "-virtfs",   "-hdc",      "-hdd",
                                           "-fda",       "-sd",       "-D",        "-debugcon",
                                           "-tpmdev",    "-nic",      "-parallel", "-object",
                                           "-daemonize", "-machine",  "-smbios",   "/disk" };
    char text[1024];

    for (size_t i = 0; i < BERTH_COUNT(unknown); i++) {
        (void)snprintf(text, sizeof(text), PAIR("%s", "x"), unknown[i]);
        expect_refused(text, unknown[i], "take it out");
    }
}

TEST(template, values_of_qemus_arguments_that_only_one_machine_can_have_are_refused)
{
    expect_refused(PAIR("-device", "vhost-vsock-pci,guest-cid=3"), "guest-cid=3", "<devices>");
    expect_refused(PAIR("-device", "virtio-net-pci,netdev=n0,mac=52:54:00:00:00:01"),
                   "mac=", "hardware address");
    expect_refused(PAIR("-global", "vhost-vsock-pci.guest-cid=3"), "guest-cid", "<devices>");
    expect_refused(PAIR("-netdev", "tap,id=n0,ifname=tap0"), "tap,", "<interface>");
    expect_refused(PAIR("--netdev", "user,id=n0,hostfwd=tcp:127.0.0.1:2222-:22"), "2222",
                   "hostfwd");
    expect_refused(PAIR("-netdev", "user,id=n0,hostfwd=udp::0-:3389"), "udp", "hostfwd");
    expect_refused(PAIR("-netdev", "user,id=n0,smb=/home"), "smb=", "leave only");
    expect_refused(PAIR("-netdev", "user,guestfwd=tcp:10.0.2.9:1-cmd:x"), "guestfwd", "leave only");
    expect_refused(WITH_ARGUMENTS("<qemu:arg/>"), "<qemu:arg>", "without a value");
    expect_refused(WITH_ARGUMENTS(ARGUMENT("-usb") ARGUMENT("-netdev")), "-netdev",
                   "no value behind");
}

TEST(template, arguments_of_qemu_that_many_can_have_stay)
{
    static const char text[] = WITH_ARGUMENTS(
        ARGUMENT("--netdev") ARGUMENT("user,id=n0,net=10.9.0.0/24,hostfwd=tcp:127.0.0.1:0-:3389")
            ARGUMENT("-device") ARGUMENT("virtio-net-pci,netdev=n0,romfile=,addr=0x10")
                ARGUMENT("-no-hpet") ARGUMENT("-global") ARGUMENT("ICH9-LPC.disable_s3=1"));
    struct virt_args args = some_args();
    char *xml;

    args.forward_port = 0; /* then the open port would be unknown */
    xml = make(text, &args);
    EXPECT_STR(at(xml, "string(//qemu:arg[2]/@value)"), "user,id=n0,net=10.9.0.0/24");
    EXPECT_STR(at(xml, "string(count(//qemu:arg))"), "7");
    free(xml);
}

TEST(domain_xml, the_main_disk_and_what_is_done_to_it)
{
    static const char live[] =
        "<domain><os><nvram template='/t'> /n/x_VARS.fd\n</nvram></os><devices><disk "
        "device='cdrom'>"
        "<source file='/iso'/></disk><disk device='disk'><source file='/d/nightly'/>"
        "<mirror job='copy'><source file='/d/copy'/></mirror></disk></devices></domain>";
    static const char plain[] = "<domain><devices><disk><source pool='p' volume='v'/>"
                                "</disk></devices></domain>";
    struct berth_error error = { 0 };
    struct domain_disk disk;
    char path[64];

    EXPECT_OK(domain_xml_disk(live, strlen(live), &disk, &error));
    EXPECT_STR(disk.path, "/d/nightly");
    EXPECT_STR(disk.copied_to, "/d/copy");
    domain_xml_nvram(live, strlen(live), path, sizeof(path));
    EXPECT_STR(path, "/n/x_VARS.fd");
    EXPECT_OK(domain_xml_disk(plain, strlen(plain), &disk, &error));
    EXPECT_STR(disk.pool, "p");
    EXPECT_STR(disk.volume, "v");
    EXPECT_STR(disk.path, "");
    domain_xml_nvram(plain, strlen(plain), path, sizeof(path));
    EXPECT_STR(path, "");
}

TEST(volume_xml, is_an_overlay_of_version_3)
{
    char *xml = volume_xml_make("berth-<7>.qcow2", "/pool/gol&den.qcow2", 5000);

    EXPECT_STR(at(xml, "/volume/name"), "berth-<7>.qcow2");
    EXPECT_STR(at(xml, "/volume/capacity"), "5000");
    EXPECT_STR(at(xml, "/volume/target/compat"), "1.1");
    EXPECT_STR(at(xml, "string(/volume/target/format/@type)"), "qcow2");
    EXPECT_STR(at(xml, "/volume/backingStore/path"), "/pool/gol&den.qcow2");
    free(xml);
    xml = volume_xml_make("berth-7.qcow2", "/golden.qcow2", 0);
    EXPECT_STR(at(xml, "string(count(/volume/capacity))"), "0");
    free(xml);
}

TEST_MAIN()
