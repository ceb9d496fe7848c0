/* test_machine.c - the calls of berth-virt, on libvirt's test driver inside this process. */
#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include "berth/frame.h"
#include "berth/json.h"

#include "virt/berth-virt/domain_xml.h"
#include "virt/berth-virt/libvirt_error.h"
#include "virt/berth-virt/out.h"
#include "virt/berth-virt/virt_request.h"

#include "template.h"
#include "test.h"

/* A driver of our own: a network in 127.16/16, so that the addresses it invents are real ones of
 * this machine. */
static const char node[] =
    "<node><network><name>default</name><bridge name='virbr9'/>"
    "<ip address='127.16.0.1' netmask='255.255.0.0'><dhcp>"
    "<range start='127.16.0.2' end='127.16.255.254'/></dhcp></ip></network>"
    "<pool type='dir'><name>berth</name><target><path>/berth</path></target></pool>"
    "<pool type='dir'><name>ssd</name><target><path>/ssd</path></target></pool>"
    "<pool type='logical'><name>vg0</name><source><name>vg0</name></source>"
    "<target><path>/dev/vg0</path></target></pool></node>";

/* libvirt's test driver calls a start from a saved state a boot, so this stands before libvirt's
 * own function and sees what is there at the moment of the start. */
static int saved_at_start;

int virDomainCreate(virDomainPtr domain)
{
    int (*own)(virDomainPtr) = (int (*)(virDomainPtr))dlsym(RTLD_NEXT, "virDomainCreate");

    saved_at_start = virDomainHasManagedSaveImage(domain, 0);
    return own(domain);
}

/* Disks take no time here. Is each there already when it is to be made? */
static bool made_meanwhile;

/* No disk of this pool can be deleted: libvirt refuses it for one that is still being allocated. */
static virStoragePoolPtr allocating;

virStorageVolPtr virStorageVolCreateXML(virStoragePoolPtr pool, const char *xml, unsigned flags)
{
    virStorageVolPtr (*own)(virStoragePoolPtr, const char *, unsigned);
    virStorageVolPtr made;

    *(void **)&own = dlsym(RTLD_NEXT, "virStorageVolCreateXML");
    made = own(pool, xml, flags);
    if (!made || !made_meanwhile)
        return made;
    (void)virStorageVolFree(made);
    made = own(pool, xml, flags);
    EXPECT(!made);
    virGetLastError()->code = VIR_ERR_STORAGE_VOL_EXIST; /* as drivers that have files say it */
    return made;
}

/* The host cannot read any disk for now. */
static bool unreadable;

char *virStorageVolGetXMLDesc(virStorageVolPtr volume, unsigned flags)
{
    char *(*own)(virStorageVolPtr, unsigned);
    char *text;

    *(void **)&own = dlsym(RTLD_NEXT, "virStorageVolGetXMLDesc");
    text = own(unreadable ? NULL : volume, flags);
    if (unreadable) {
        virGetLastError()->code = VIR_ERR_SYSTEM_ERROR;
        virGetLastError()->domain = VIR_FROM_STORAGE;
    }
    return text;
}

static int deletions; /* of disks that were asked for */

int virStorageVolDelete(virStorageVolPtr volume, unsigned flags)
{
    int (*own)(virStorageVolPtr, unsigned);

    deletions++;
    *(void **)&own = dlsym(RTLD_NEXT, "virStorageVolDelete");
    /* Refused by the same code: the pool is active. */
    return allocating ? virStoragePoolDelete(allocating, 0) : own(volume, flags);
}

struct world {
    char folder[32], template[64], uri[64];
    virConnectPtr connection;
    int reader, writer; /* what goes out to berthd */
    struct out *out;
    struct berth_error error; /* of the last call */
    struct virt_result result;
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    EXPECT(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static struct world *world_new(void)
{
    struct world *world = berth_new(struct world);
    char path[64];
    int pair[2];

    (void)snprintf(world->folder, sizeof(world->folder), "/tmp/berth-test-XXXXXX");
    EXPECT(mkdtemp(world->folder));
    (void)snprintf(world->template, sizeof(world->template), "%s/template.xml", world->folder);
    write_file(world->template, template);
    (void)snprintf(path, sizeof(path), "%s/node.xml", world->folder);
    write_file(path, node);
    (void)snprintf(world->uri, sizeof(world->uri), "test://%s", path);
    libvirt_error_setup();
    world->connection = virConnectOpen(world->uri);
    EXPECT(world->connection);
    EXPECT(pipe(pair) == 0);
    world->reader = pair[0];
    world->writer = pair[1];
    world->out = out_new(world->writer);
    return world;
}

static void world_free(struct world *world)
{
    char path[64];

    EXPECT_INT(virConnectClose(world->connection), 0); /* nothing holds a reference any more */
    out_free(world->out);
    (void)close(world->reader);
    (void)close(world->writer);
    (void)unlink(world->template);
    (void)snprintf(path, sizeof(path), "%s/node.xml", world->folder);
    (void)unlink(path);
    EXPECT_OK(rmdir(world->folder));
    free(world);
}

static struct virt_args args_of(const struct world *world)
{
    struct virt_args args = { .uuid = UUID,
                              .name = "ward-3-7",
                              .desktop_id = 7,
                              .pool = "ward-3",
                              .storage = "berth",
                              .volume = "berth-7.qcow2",
                              .image = "/berth/golden.qcow2",
                              .forward_port = 40007 };

    (void)snprintf(args.template, sizeof(args.template), "%s", world->template);
    return args;
}

static int run(struct world *world, enum virt_call call, const struct virt_args *args)
{
    struct virt_request *request = berth_new(struct virt_request);
    int r;

    request->call = call;
    request->args = *args;
    request->connection = world->connection;
    request->out = world->out;
    r = virt_request_function(call)(request);
    world->result = request->result;
    world->error = request->error;
    virt_request_free(request);
    return r;
}

/* Is there such a disk? */
static bool disk_exists_in(const struct world *world, const char *storage, const char *name)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(world->connection, storage);
    virStorageVolPtr volume = virStorageVolLookupByName(pool, name);
    bool exists = volume;

    if (volume)
        (void)virStorageVolFree(volume);
    (void)virStoragePoolFree(pool);
    return exists;
}

static bool disk_exists(const struct world *world, const char *name)
{
    return disk_exists_in(world, "berth", name);
}

static void inspect(struct world *world, bool known, bool running)
{
    struct virt_args args = { .uuid = UUID };

    EXPECT_OK(run(world, VIRT_inspect, &args));
    EXPECT_INT(world->result.known, known);
    EXPECT_INT(world->result.running, running);
}

TEST(machine, a_whole_life_and_each_step_twice)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);

    inspect(world, false, false);
    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT(disk_exists(world, "berth-7.qcow2"));
    inspect(world, true, false);
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_OK(run(world, VIRT_start, &args));
    inspect(world, true, true);
    EXPECT_OK(run(world, VIRT_refresh, &args));
    EXPECT_OK(run(world, VIRT_refresh, &args));
    inspect(world, true, false);
    EXPECT(disk_exists(world, "berth-7.qcow2") && !disk_exists(world, "berth-7.b.qcow2"));
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_OK(run(world, VIRT_stop, &args));
    EXPECT_OK(run(world, VIRT_stop, &args));
    inspect(world, true, false);
    EXPECT_OK(run(world, VIRT_start, &args));
    args.force = true;
    EXPECT_OK(run(world, VIRT_stop, &args));
    inspect(world, true, false);
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_OK(run(world, VIRT_delete, &args));
    EXPECT_OK(run(world, VIRT_delete, &args));
    inspect(world, false, false);
    EXPECT(!disk_exists(world, "berth-7.qcow2"));
    world_free(world);
}

static struct domain_info facts_of(struct world *world)
{
    virDomainPtr domain = virDomainLookupByUUIDString(world->connection, UUID);
    char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
    struct domain_info facts;

    EXPECT_OK(domain_xml_read(xml, strlen(xml), &facts, NULL));
    free(xml);
    (void)virDomainFree(domain);
    return facts;
}

TEST(machine, a_start_opens_its_port_at_the_address_that_its_host_has_now)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);

    (void)snprintf(args.forward_address, sizeof(args.forward_address), "10.0.0.5");
    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_STR(facts_of(world).forward_address, "10.0.0.5");
    (void)snprintf(args.forward_address, sizeof(args.forward_address), "10.0.0.66");
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_STR(facts_of(world).forward_address, "10.0.0.66");
    args.address = pool_address_FORWARDED;
    EXPECT_OK(run(world, VIRT_address, &args));
    EXPECT_STR(world->result.address, "10.0.0.66");

    /* One that runs stays where it is: its port is open there. */
    (void)snprintf(args.forward_address, sizeof(args.forward_address), "10.0.0.77");
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_STR(facts_of(world).forward_address, "10.0.0.66");
    world_free(world);
}

TEST(machine, delete_and_refresh_know_the_disk_from_the_metadata)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    struct virt_args bare = { .uuid = UUID };

    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_ERR(run(world, VIRT_refresh, &bare), BERTH_E_INVALID);
    (void)snprintf(bare.image, sizeof(bare.image), "/berth/golden-2.qcow2");
    (void)snprintf(bare.template, sizeof(bare.template), "%s", world->template);
    EXPECT_OK(run(world, VIRT_refresh, &bare));
    EXPECT(disk_exists(world, "berth-7.b.qcow2") && !disk_exists(world, "berth-7.qcow2"));
    EXPECT_OK(run(world, VIRT_delete, &bare));
    EXPECT(!disk_exists(world, "berth-7.qcow2") && !disk_exists(world, "berth-7.b.qcow2"));
    world_free(world);
}

/* ---- what libvirt has now is the truth ---- */

static virDomainPtr domain_of(const struct world *world)
{
    virDomainPtr domain = virDomainLookupByUUIDString(world->connection, UUID);

    EXPECT(domain);
    return domain;
}

/* Another disk, as a snapshot or a careless hand leaves it: lying on `backing`, and the machine's.
 */
static void give_disk(const struct world *world, const char *name, const char *backing, bool plug)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(world->connection, "berth");
    virStorageVolPtr volume;
    virDomainPtr domain;
    char xml[1024];

    (void)snprintf(xml, sizeof(xml), "<volume><name>%s</name><capacity>1</capacity>%s%s%s</volume>",
                   name, backing ? "<backingStore><path>" : "", backing ? backing : "",
                   backing ? "</path></backingStore>" : "");
    volume = virStorageVolCreateXML(pool, xml, 0);
    EXPECT(volume);
    (void)virStorageVolFree(volume);
    (void)virStoragePoolFree(pool);
    if (!plug)
        return;
    (void)snprintf(xml, sizeof(xml),
                   "<domain type='test'><name>ward-3-7</name><uuid>" UUID
                   "</uuid><memory>1</memory><os><type>hvm</type></os><metadata><b:desktop "
                   "xmlns:b='urn:berth:desktop:1' id='7' storage='berth' volume='berth-7.qcow2'/>"
                   "</metadata><devices><disk type='file' device='disk'><source "
                   "file='/berth/%s'/><target dev='vda'/></disk></devices></domain>",
                   name);
    domain = virDomainDefineXML(world->connection, xml);
    EXPECT(domain);
    (void)virDomainFree(domain);
}

/* A golden image, as far as the test driver can have one. */
static void give_image(const struct world *world, const char *name, const char *format,
                       const char *backing)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(world->connection, "berth");
    virStorageVolPtr volume;
    char xml[1024];

    (void)snprintf(xml, sizeof(xml),
                   "<volume><name>%s</name><capacity>1</capacity><target><format type='%s'/>"
                   "</target>%s%s%s</volume>",
                   name, format, backing ? "<backingStore><path>" : "", backing ? backing : "",
                   backing ? "</path></backingStore>" : "");
    volume = virStorageVolCreateXML(pool, xml, 0);
    EXPECT(volume);
    (void)virStorageVolFree(volume);
    (void)virStoragePoolFree(pool);
}

static void expect_xml(const struct world *world, const char *part, bool there)
{
    virDomainPtr domain = domain_of(world);
    char *xml = virDomainGetXMLDesc(domain, 0);

    if (!strstr(xml, part) == there)
        fail_msg("'%s' is %sin: %s", part, there ? "not " : "", xml);
    free(xml);
    (void)virDomainFree(domain);
}

TEST(machine, a_refresh_leaves_nothing_of_what_lay_over_the_disk)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    virDomainPtr domain;

    EXPECT_OK(run(world, VIRT_create, &args));
    give_disk(world, "monday.qcow2", "/berth/berth-7.qcow2", false);
    give_disk(world, "nightly.qcow2", "/berth/monday.qcow2", true);
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_OK(run(world, VIRT_refresh, &args));
    EXPECT(!disk_exists(world, "nightly.qcow2") && !disk_exists(world, "monday.qcow2"));
    EXPECT(!disk_exists(world, "berth-7.qcow2") && disk_exists(world, "berth-7.b.qcow2"));
    expect_xml(world, "volume='berth-7.b.qcow2'", true);
    expect_xml(world, "nightly", false);

    /* The other way round, by a snapshot that libvirt remembers and a state that was saved. */
    EXPECT_OK(run(world, VIRT_start, &args));
    domain = domain_of(world);
    (void)virDomainSnapshotFree(
        virDomainSnapshotCreateXML(domain, "<domainsnapshot><name>s</name></domainsnapshot>", 0));
    EXPECT_INT(virDomainSnapshotNum(domain, 0), 1);
    EXPECT_OK(virDomainManagedSave(domain, 0));
    (void)virDomainFree(domain);
    EXPECT_OK(run(world, VIRT_refresh, &args));
    domain = domain_of(world);
    EXPECT_INT(virDomainSnapshotNum(domain, 0), 0);
    EXPECT_INT(virDomainHasManagedSaveImage(domain, 0), 0);
    (void)virDomainFree(domain);
    EXPECT(disk_exists(world, "berth-7.qcow2") && !disk_exists(world, "berth-7.b.qcow2"));
    world_free(world);
}

TEST(machine, a_delete_takes_the_snapshot_files_along)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);

    EXPECT_OK(run(world, VIRT_create, &args));
    give_disk(world, "nightly.qcow2", "/berth/berth-7.qcow2", true);
    EXPECT_OK(run(world, VIRT_delete, &args));
    EXPECT(!disk_exists(world, "nightly.qcow2") && !disk_exists(world, "berth-7.qcow2"));
    inspect(world, false, false);
    world_free(world);
}

TEST(machine, a_disk_of_somebody_else_is_neither_deleted_nor_handed_out)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);

    EXPECT_OK(run(world, VIRT_create, &args));
    give_disk(world, "foreign.qcow2", NULL, true);
    EXPECT_ERR(run(world, VIRT_refresh, &args), BERTH_E_DESKTOP);
    EXPECT_SAYS(world->error.text, "/berth/foreign.qcow2");
    EXPECT_ERR(run(world, VIRT_delete, &args), BERTH_E_DESKTOP);
    EXPECT(disk_exists(world, "foreign.qcow2") && disk_exists(world, "berth-7.qcow2"));
    world_free(world);
}

TEST(machine, what_somebody_changed_is_as_the_template_has_it_after_a_refresh)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    virDomainPtr domain;

    EXPECT_OK(run(world, VIRT_create, &args));
    domain = domain_of(world);
    EXPECT_OK(virDomainRename(domain, "renamed", 0));
    EXPECT_OK(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_TITLE, "by hand", NULL, NULL,
                                   VIR_DOMAIN_AFFECT_CONFIG));
    (void)virDomainFree(domain);
    EXPECT_OK(run(world, VIRT_refresh, &args));
    expect_xml(world, "<name>ward-3-7</name>", true);
    expect_xml(world, "by hand", false);
    world_free(world);
}

TEST(machine, a_refresh_that_cannot_succeed_leaves_the_machine_as_it_is)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    struct virt_args bad = args;

    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_OK(run(world, VIRT_start, &args));
    (void)snprintf(bad.storage, sizeof(bad.storage), "attic");
    EXPECT_ERR(run(world, VIRT_refresh, &bad), BERTH_E_CONFIG); /* no fault of the machine */
    bad = args;
    (void)snprintf(bad.template, sizeof(bad.template), "/nonexistent/t.xml");
    EXPECT_ERR(run(world, VIRT_refresh, &bad), BERTH_E_CONFIG);
    EXPECT(disk_exists(world, "berth-7.qcow2"));
    inspect(world, true, true); /* not even switched off */
    world_free(world);
}

TEST(machine, a_disk_in_the_storage_that_its_host_had_before_is_found)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);

    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_OK(run(world, VIRT_start, &args));
    (void)snprintf(args.storage, sizeof(args.storage), "ssd");
    EXPECT_OK(run(world, VIRT_refresh, &args)); /* the new disk is made in the new one */
    expect_xml(world, "pool='ssd'", true);
    EXPECT(!disk_exists_in(world, "berth", "berth-7.qcow2"));
    EXPECT(disk_exists_in(world, "ssd", "berth-7.b.qcow2"));

    (void)snprintf(args.storage, sizeof(args.storage), "berth");
    EXPECT_OK(run(world, VIRT_delete, &args));
    EXPECT(!disk_exists_in(world, "ssd", "berth-7.b.qcow2"));
    world_free(world);
}

TEST(machine, a_paused_machine_goes_on)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    virDomainPtr domain;
    int state;

    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_OK(run(world, VIRT_start, &args));
    domain = domain_of(world);
    EXPECT_OK(virDomainSuspend(domain));
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_OK(virDomainGetState(domain, &state, NULL, 0));
    EXPECT_INT(state, VIR_DOMAIN_RUNNING);
    (void)virDomainFree(domain);
    world_free(world);
}

TEST(machine, a_start_boots_and_does_not_go_on_from_what_somebody_saved)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    virDomainPtr domain;

    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_OK(run(world, VIRT_start, &args));
    domain = domain_of(world);
    EXPECT_OK(virDomainManagedSave(domain, 0));
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_INT(saved_at_start, 0);
    EXPECT_INT(virDomainIsActive(domain), 1);

    /* Unless it is its own user's, who comes back to it. */
    EXPECT_OK(virDomainManagedSave(domain, 0));
    args.keep_saved = true;
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_INT(saved_at_start, 1);
    EXPECT_INT(virDomainIsActive(domain), 1);
    (void)virDomainFree(domain);
    world_free(world);
}

TEST(machine, a_disk_that_is_not_ours_is_never_touched)
{
    static const char golden[] = "<volume><name>golden.qcow2</name><capacity>1</capacity></volume>";
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    virStoragePoolPtr pool = virStoragePoolLookupByName(world->connection, "berth");
    virStorageVolPtr volume = virStorageVolCreateXML(pool, golden, 0);

    EXPECT(volume);
    (void)virStorageVolFree(volume);
    (void)virStoragePoolFree(pool);
    (void)snprintf(args.volume, sizeof(args.volume), "golden.qcow2");
    EXPECT_ERR(run(world, VIRT_create, &args), BERTH_E_DENIED);
    EXPECT_ERR(run(world, VIRT_delete, &args), BERTH_E_DENIED);
    EXPECT_SAYS(world->error.text, "golden.qcow2");
    EXPECT(disk_exists(world, "golden.qcow2"));
    world_free(world);
}

TEST(machine, a_half_made_disk_is_made_anew_and_a_whole_one_is_kept)
{
    static const char half[] = "<volume><name>berth-7.qcow2</name><capacity>1</capacity></volume>";
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    virStoragePoolPtr pool = virStoragePoolLookupByName(world->connection, "berth");
    virStorageVolPtr volume = virStorageVolCreateXML(pool, half, 0);
    virStorageVolInfo info;

    EXPECT(volume);
    (void)virStorageVolFree(volume);
    EXPECT_OK(run(world, VIRT_create, &args));
    volume = virStorageVolLookupByName(pool, "berth-7.qcow2");
    EXPECT_OK(virStorageVolGetInfo(volume, &info));
    EXPECT(info.capacity > 1);
    (void)virStorageVolFree(volume);
    (void)virStoragePoolFree(pool);

    /* Its user's work is in it: another image is no reason to make it anew. */
    (void)snprintf(args.image, sizeof(args.image), "/berth/another.qcow2");
    EXPECT_OK(run(world, VIRT_create, &args));
    world_free(world);
}

/* The connection of an earlier call was lost; libvirt goes on with what it was told. */
TEST(machine, a_disk_that_is_still_being_made_is_waited_for)
{
    static const char half[] = "<volume><name>berth-7.qcow2</name><capacity>1</capacity></volume>";
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    virStorageVolPtr volume;

    /* It was told a moment after this one has looked. */
    made_meanwhile = true;
    EXPECT_ERR(run(world, VIRT_create, &args), BERTH_E_BUSY);
    EXPECT_SAYS(world->error.text, "'berth-7.qcow2' is still being made");
    made_meanwhile = false;
    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_OK(run(world, VIRT_delete, &args));

    /* It is at it, and until it is through the disk lies on nothing. */
    allocating = virStoragePoolLookupByName(world->connection, "berth");
    volume = virStorageVolCreateXML(allocating, half, 0);
    EXPECT(volume);
    EXPECT_ERR(run(world, VIRT_create, &args), BERTH_E_BUSY);
    EXPECT_SAYS(world->error.text, "'berth-7.qcow2' is still being made");
    EXPECT_ERR(run(world, VIRT_delete, &args), BERTH_E_BUSY);
    (void)virStorageVolFree(volume);
    (void)virStoragePoolFree(berth_take(allocating));
    EXPECT_OK(run(world, VIRT_create, &args));

    /* A refresh makes another disk beside the one that it has. */
    allocating = virStoragePoolLookupByName(world->connection, "berth");
    EXPECT_ERR(run(world, VIRT_refresh, &args), BERTH_E_BUSY);
    (void)virStoragePoolFree(berth_take(allocating));
    EXPECT_OK(run(world, VIRT_refresh, &args));
    world_free(world);
}

/* Its machine is gone, and what it holds may be somebody's work. */
TEST(machine, a_disk_that_cannot_be_read_is_not_taken_for_an_incomplete_one)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    virDomainPtr domain;
    int before;

    EXPECT_OK(run(world, VIRT_create, &args));
    domain = virDomainLookupByUUIDString(world->connection, UUID);
    EXPECT_OK(virDomainUndefine(domain));
    (void)virDomainFree(domain);
    before = deletions;
    unreadable = true;
    EXPECT_ERR(run(world, VIRT_create, &args), BERTH_E_BUSY);
    EXPECT_SAYS(world->error.text, "disk 'berth-7.qcow2'");
    unreadable = false;
    EXPECT_INT(deletions, before);
    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_INT(deletions, before);
    world_free(world);
}

TEST(machine, a_bad_template_leaves_nothing_behind)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);

    write_file(world->template, "<!DOCTYPE domain SYSTEM 'x'><domain/>");
    EXPECT_ERR(run(world, VIRT_create, &args), BERTH_E_CONFIG);
    EXPECT_SAYS(world->error.text, world->template);
    EXPECT(!disk_exists(world, "berth-7.qcow2"));
    (void)snprintf(args.template, sizeof(args.template), "/nonexistent/t.xml");
    EXPECT_ERR(run(world, VIRT_create, &args), BERTH_E_CONFIG);
    EXPECT_SAYS(world->error.text, "No such file");
    inspect(world, false, false);
    world_free(world);
}

TEST(machine, what_is_missing_is_named)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);

    EXPECT_ERR(run(world, VIRT_start, &args), BERTH_E_NOT_FOUND);
    EXPECT_SAYS(world->error.text, UUID);
    EXPECT_OK(run(world, VIRT_stop, &args)); /* what does not exist does not run */
    (void)snprintf(args.storage, sizeof(args.storage), "attic");
    EXPECT_ERR(run(world, VIRT_create, &args), BERTH_E_CONFIG);
    EXPECT_SAYS(world->error.text, "no storage pool 'attic'; define it on the host");
    (void)snprintf(args.storage, sizeof(args.storage), "vg0");
    EXPECT_ERR(run(world, VIRT_create, &args), BERTH_E_CONFIG);
    EXPECT_SAYS(world->error.text, "storage pool 'vg0' is of type 'logical', which has no files");
    world_free(world);
}

TEST(inventory, addresses_by_metadata_and_by_lease)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);

    EXPECT_OK(run(world, VIRT_create, &args));
    args.address = pool_address_FORWARDED;
    EXPECT_ERR(run(world, VIRT_address, &args), BERTH_E_STATE); /* off */
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_OK(run(world, VIRT_address, &args));
    EXPECT_STR(world->result.address, "127.0.0.1");
    EXPECT_INT(world->result.port, 40007);
    args.address = pool_address_LEASE;
    EXPECT_OK(run(world, VIRT_address, &args));
    EXPECT_STR(world->result.address, "127.16.0.3");
    EXPECT_INT(world->result.port, 0);
    args.address = pool_address_FIXED;
    EXPECT_ERR(run(world, VIRT_address, &args), BERTH_E_INVALID);
    world_free(world);
}

TEST(inventory, a_host_tells_what_it_can_do)
{
    struct world *world = world_new();
    struct virt_args args = { 0 };

    EXPECT_OK(run(world, VIRT_open, &args));
    EXPECT_SAYS(world->result.text, "TEST");
    EXPECT(world->result.memory_mib > 0);
    EXPECT_INT(world->result.capabilities & VIRT_CAN_AGENT, 0);
    EXPECT(world->result.capabilities & VIRT_CAN_PASSWORD);
    EXPECT(world->result.capabilities & VIRT_CAN_STORAGE);
    EXPECT_INT(world->result.capabilities & VIRT_CAN_EVENTS, 0); /* none were registered */
    world_free(world);
}

TEST(guest, a_missing_capability_is_a_fact)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);

    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_OK(run(world, VIRT_start, &args));
    (void)snprintf(args.account, sizeof(args.account), "desk");
    EXPECT(secret_set(&args.secret, "correct horse", 13));
    EXPECT_OK(run(world, VIRT_password, &args));
    EXPECT_ERR(run(world, VIRT_agent_ping, &args), BERTH_E_UNSUPPORTED);
    EXPECT_ERR(run(world, VIRT_fingerprint, &args), BERTH_E_UNSUPPORTED);
    EXPECT_ERR(run(world, VIRT_guest_state, &args), BERTH_E_UNSUPPORTED);
    EXPECT_ERR(run(world, VIRT_sign_off, &args), BERTH_E_UNSUPPORTED);
    world_free(world);
}

/* ---- images ---- */

/* The test driver has volumes and no files: what it knows is judged, of the rest it cannot tell. */
TEST(image, what_the_driver_knows_is_judged_and_the_rest_is_not_known)
{
    struct world *world = world_new();
    struct virt_args args = { .image = "/berth/golden.qcow2" };

    EXPECT_ERR(run(world, VIRT_check_image, &args), BERTH_E_UNSUPPORTED);
    EXPECT_SAYS(world->error.text, "/berth/golden.qcow2");
    give_image(world, "golden.qcow2", "qcow2", NULL);
    EXPECT_OK(run(world, VIRT_check_image, &args));
    give_image(world, "next.qcow2", "qcow2", "/berth/golden.qcow2");
    (void)snprintf(args.image, sizeof(args.image), "/berth/next.qcow2");
    EXPECT_OK(run(world, VIRT_check_image, &args));
    (void)snprintf(args.kernel, sizeof(args.kernel), "/boot/vmlinuz");
    EXPECT_ERR(run(world, VIRT_check_image, &args), BERTH_E_UNSUPPORTED);
    EXPECT_SAYS(world->error.text, "/boot/vmlinuz");
    args.kernel[0] = '\0';
    give_image(world, "raw.img", "raw", NULL);
    (void)snprintf(args.image, sizeof(args.image), "/berth/raw.img");
    EXPECT_ERR(run(world, VIRT_check_image, &args), BERTH_E_CONFIG);
    EXPECT_SAYS(world->error.text, "'/berth/raw.img' is raw, not qcow2");
    world_free(world);
}

TEST(image, files_that_lie_on_each_other_in_a_circle_are_no_image)
{
    struct world *world = world_new();
    struct virt_args args = { .image = "/berth/a.qcow2" };

    give_image(world, "a.qcow2", "qcow2", "/berth/b.qcow2");
    give_image(world, "b.qcow2", "qcow2", "/berth/a.qcow2");
    EXPECT_ERR(run(world, VIRT_check_image, &args), BERTH_E_CONFIG);
    EXPECT_SAYS(world->error.text, "more than");
    world_free(world);
}

TEST(image, what_lies_on_no_file_of_the_host_is_no_image)
{
    struct world *world = world_new();
    struct virt_args args = { .image = "/berth/golden.qcow2" };

    give_image(world, "golden.qcow2", "qcow2", "nbd://kvm3/base");
    EXPECT_ERR(run(world, VIRT_check_image, &args), BERTH_E_CONFIG);
    EXPECT_SAYS(world->error.text, "'/berth/golden.qcow2' has the backing file 'nbd://kvm3/base'");
    world_free(world);
}

/* ---- calls that answer with several frames ---- */

struct heard {
    size_t count;
    struct virt_event events[8];
};

static int hear(void *context, const char *frame, size_t size)
{
    struct heard *heard = context;
    struct berth_error error = { 0 };
    json_t *json = json_parse(frame, size, 4, &error);

    EXPECT(json && heard->count < BERTH_COUNT(heard->events));
    EXPECT_OK(record_decode(&virt_event_record, json_object_get(json, "event"),
                            &heard->events[heard->count++], &error));
    json_decref(json);
    return 0;
}

/* Everything that went out so far. */
static struct heard listen_out(const struct world *world)
{
    static char bytes[65536];
    struct frame_reader reader;
    struct heard heard = { 0 };
    ssize_t size;

    frame_reader_init(&reader, FRAME_MAX);
    size = read(world->reader, bytes, sizeof(bytes));
    EXPECT(size > 0);
    EXPECT_OK(frame_feed(&reader, bytes, (size_t)size, hear, &heard, NULL));
    frame_reader_free(&reader);
    return heard;
}

TEST(inventory, only_machines_of_ours_are_listed)
{
    static const char stranger[] = "<domain type='test'><name>stranger</name><memory>1</memory>"
                                   "<os><type>hvm</type></os></domain>";
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    virDomainPtr domain = virDomainDefineXML(world->connection, stranger);
    struct heard heard;

    EXPECT(domain);
    (void)virDomainFree(domain);
    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_OK(run(world, VIRT_start, &args));
    EXPECT_OK(run(world, VIRT_list, &args));
    EXPECT_INT(world->result.count, 1);
    heard = listen_out(world);
    EXPECT_INT(heard.count, 1);
    EXPECT_INT(heard.events[0].what, virt_event_kind_LISTED);
    EXPECT_STR(heard.events[0].uuid, UUID);
    EXPECT_STR(heard.events[0].name, "ward-3-7");
    EXPECT(heard.events[0].running);
    EXPECT_INT(heard.events[0].desktop_id, 7);
    EXPECT_INT(heard.events[0].forward_port, 40007);
    world_free(world);
}

TEST(inventory, a_disk_without_a_machine_is_an_orphan)
{
    struct world *world = world_new();
    struct virt_args args = args_of(world);
    struct virt_args where = { .storage = "berth" };
    struct heard heard;
    virDomainPtr domain;

    EXPECT_OK(run(world, VIRT_create, &args));
    EXPECT_OK(run(world, VIRT_orphans, &where));
    EXPECT_INT(world->result.count, 0);
    domain = virDomainLookupByUUIDString(world->connection, UUID);
    EXPECT_OK(virDomainUndefine(domain));
    (void)virDomainFree(domain);
    EXPECT_OK(run(world, VIRT_orphans, &where));
    EXPECT_INT(world->result.count, 1);
    heard = listen_out(world);
    EXPECT_INT(heard.events[0].what, virt_event_kind_ORPHAN);
    EXPECT_STR(heard.events[0].name, "berth-7.qcow2");

    /* Such a disk is deleted by its name alone. */
    (void)snprintf(where.volume, sizeof(where.volume), "berth-7.qcow2");
    EXPECT_OK(run(world, VIRT_delete, &where));
    EXPECT(!disk_exists(world, "berth-7.qcow2"));
    world_free(world);
}

TEST(out, events_wait_until_the_list_is_through)
{
    struct world *world = world_new();
    struct virt_event stopped = { .what = virt_event_kind_STOPPED };
    struct virt_event listed = { .what = virt_event_kind_LISTED };
    struct out_call call = { .id = 7 };
    struct heard heard;

    out_hold_events(world->out, &call);
    out_event(world->out, &stopped);
    EXPECT(out_listed(world->out, &call, &listed));
    out_release_events(world->out, &call);
    heard = listen_out(world);
    EXPECT_INT(heard.count, 2);
    EXPECT_INT(heard.events[0].what, virt_event_kind_LISTED);
    EXPECT_INT(heard.events[1].what, virt_event_kind_STOPPED);
    world_free(world);
}

TEST(out, a_list_that_was_abandoned_holds_nothing_and_says_nothing_more)
{
    struct world *world = world_new();
    struct virt_event stopped = { .what = virt_event_kind_STOPPED };
    struct virt_event listed = { .what = virt_event_kind_LISTED };
    struct out_call late = { .id = 7 };
    struct out_call newer = { .id = 8 };
    struct out_call early = { .id = 9 };
    struct heard heard;

    out_hold_events(world->out, &late);
    out_abandon(world->out, &late);
    out_abandon(world->out, &early); /* before it came to its list: waiting for its connection */
    out_hold_events(world->out, &early);
    out_hold_events(world->out, &newer);
    EXPECT(!out_listed(world->out, &late, &listed));
    out_release_events(world->out, &late); /* it came back */
    out_release_events(world->out, &early);
    out_event(world->out, &stopped); /* held back by the newer list */
    EXPECT(out_listed(world->out, &newer, &listed));
    out_release_events(world->out, &newer);
    out_event(world->out, &stopped);
    heard = listen_out(world);
    EXPECT_INT(heard.count, 3);
    EXPECT_INT(heard.events[0].what, virt_event_kind_LISTED);
    EXPECT_INT(heard.events[1].what, virt_event_kind_STOPPED);
    EXPECT_INT(heard.events[2].what, virt_event_kind_STOPPED);
    world_free(world);
}

TEST(out, an_abandoned_detour_no_longer_hides_its_machine)
{
    struct world *world = world_new();
    struct virt_event stopped = { .what = virt_event_kind_STOPPED, .uuid = UUID };
    struct out_call late = { .id = 7 };
    struct out_call newer = { .id = 8 };
    struct heard heard;

    out_mute(world->out, &late, UUID);
    out_event(world->out, &stopped);
    out_abandon(world->out, &late);
    out_event(world->out, &stopped); /* heard */
    out_mute(world->out, &newer, "another");
    out_unmute(world->out, &late);     /* it came back: another's turn is not ended by it */
    out_mute(world->out, &late, UUID); /* and it hides nothing any more */
    out_event(world->out, &stopped);   /* heard */
    (void)snprintf(stopped.uuid, sizeof(stopped.uuid), "another");
    out_event(world->out, &stopped);
    out_unmute(world->out, &newer);
    out_event(world->out, &stopped); /* heard */
    heard = listen_out(world);
    EXPECT_INT(heard.count, 3);
    world_free(world);
}

TEST_MAIN()
