/* virt_changed_machines.c - berth-virt uses the present state of libvirt: machines that were
 * changed on their host are refreshed and deleted without a trace, under real QEMU.
 *
 * Run by virt_changed_machines.sh, which sets BERTH_TEST_URI, _FOLDER (with golden.qcow2, the
 * template and the storage pool "berth" in FOLDER/pool). No guest is booted: only disks matter.
 */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "unit/virt/world.h"

#define UUID "01234567-89ab-4def-8123-0000000000e3"
#define OTHER_UUID "01234567-89ab-4def-8123-0000000000e4"
#define POOLS 3 /* active ones: berth, full, shut */

static struct world *world;
static virConnectPtr host;
static struct virt_args args;
static const char *folder;

static void quiet(void *context, virErrorPtr error)
{
    (void)context;
    (void)error;
}

static void must_on(enum virt_call call, const struct virt_args *wanted)
{
    struct asked asked = ask(world, call, wanted);

    if (asked.result < 0)
        fail_msg("%s", berth_error_text(&asked.op.error));
}

static void must(enum virt_call call)
{
    must_on(call, &args);
}

/* Does the folder contain a file of this name? */
static bool there(const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static virDomainPtr machine(void)
{
    virDomainPtr domain = virDomainLookupByUUIDString(host, UUID);

    EXPECT(domain);
    return domain;
}

/* As "virsh snapshot-create-as --disk-only --diskspec vda,file=...". */
static void snapshot(const char *name, const char *file)
{
    virDomainPtr domain = machine();
    virDomainSnapshotPtr made;
    char xml[1024];

    (void)snprintf(xml, sizeof(xml),
                   "<domainsnapshot><name>%s</name><disks><disk name='vda' snapshot='external'>"
                   "<source file='%s/%s'/></disk></disks></domainsnapshot>",
                   name, folder, file);
    made = virDomainSnapshotCreateXML(domain, xml, VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY);
    if (!made)
        fail_msg("%s", virGetLastErrorMessage());
    (void)virDomainSnapshotFree(made);
    (void)virDomainFree(domain);
}

static void expect_xml(const char *part, bool wanted)
{
    virDomainPtr domain = machine();
    char *xml = virDomainGetXMLDesc(domain, 0);

    if (!strstr(xml, part) == wanted)
        fail_msg("'%s' is %sin: %s", part, wanted ? "not " : "", xml);
    free(xml);
    (void)virDomainFree(domain);
}

static void on_time(berth_unused int timer, berth_unused void *context)
{
}

TEST(changed_machines, a_machine_is_made)
{
    virSetErrorFunc(NULL, quiet);
    /* Before the first connection; the timer lets the loop turn when there are no events. */
    EXPECT_OK(virEventRegisterDefaultImpl());
    EXPECT(virEventAddTimeout(100, on_time, NULL, NULL) >= 0);
    folder = getenv("BERTH_TEST_FOLDER");
    EXPECT(folder);
    host = virConnectOpen(getenv("BERTH_TEST_URI"));
    EXPECT(host);
    world = world_new(getenv("BERTH_TEST_URI"));
    AWAIT(world, world->up);
    args = (struct virt_args){ .uuid = UUID,
                               .name = "truth-001",
                               .desktop_id = 1,
                               .pool = "truth",
                               .storage = "berth",
                               .volume = "berth-truth.qcow2" };
    (void)snprintf(args.image, sizeof(args.image), "%s/golden.qcow2", folder);
    (void)snprintf(args.template, sizeof(args.template), "%s/template.xml", folder);
    must(VIRT_create);
    must(VIRT_start);
}

TEST(changed_machines, a_refresh_leaves_no_external_snapshot)
{
    virDomainPtr domain;

    snapshot("nightly", "pool/nightly.qcow2");
    snapshot("elsewhere", "other/elsewhere.qcow2"); /* a folder that is no storage pool */
    expect_xml("elsewhere.qcow2", true);
    must(VIRT_refresh);
    EXPECT(!there("pool/nightly.qcow2") && !there("other/elsewhere.qcow2"));
    EXPECT(!there("pool/berth-truth.qcow2") && there("pool/berth-truth.b.qcow2"));
    EXPECT(there("golden.qcow2"));
    domain = machine();
    EXPECT_INT(virDomainSnapshotNum(domain, 0), 0);
    (void)virDomainFree(domain);
    must(VIRT_start);
    expect_xml("berth-truth.b.qcow2", true);
    expect_xml("nightly", false);
}

TEST(changed_machines, a_refresh_forgets_what_was_saved_and_what_was_plugged_in)
{
    static const char disc[] = "<disk type='file' device='cdrom'><source file='/dev/null'/>"
                               "<target dev='sda' bus='sata'/><readonly/></disk>";
    virDomainPtr domain = machine();

    EXPECT_OK(virDomainManagedSave(domain, 0));
    EXPECT_OK(virDomainAttachDeviceFlags(domain, disc, VIR_DOMAIN_AFFECT_CONFIG));
    (void)virDomainFree(domain);
    expect_xml("cdrom", true);
    must(VIRT_refresh);
    expect_xml("cdrom", false);
    domain = machine();
    EXPECT_INT(virDomainHasManagedSaveImage(domain, 0), 0);
    (void)virDomainFree(domain);
    must(VIRT_start);
}

/* The kind of the last start event of libvirt. */
static int started_as = -1;

static void on_lifecycle(berth_unused virConnectPtr connection, berth_unused virDomainPtr domain,
                         int event, int detail, berth_unused void *context)
{
    if (event == VIR_DOMAIN_EVENT_STARTED)
        started_as = detail;
}

/* It is saved while it runs, and then started: the kind of libvirt's event. */
static int start_after_save(void)
{
    virDomainPtr domain = machine();
    int64_t began = clock_mono_ms();

    EXPECT_OK(virDomainManagedSave(domain, 0));
    started_as = -1;
    must(VIRT_start);
    while (started_as < 0 && clock_mono_ms() - began < test_wait_limit_ms())
        EXPECT_OK(virEventRunDefaultImpl());
    EXPECT_INT(virDomainIsActive(domain), 1);
    EXPECT_INT(virDomainHasManagedSaveImage(domain, 0), 0);
    (void)virDomainFree(domain);
    return started_as;
}

TEST(changed_machines, a_start_boots_and_does_not_go_on_from_what_somebody_saved)
{
    virConnectPtr listener;
    int heard;

    listener = virConnectOpen(getenv("BERTH_TEST_URI"));
    EXPECT(listener);
    heard = virConnectDomainEventRegisterAny(listener, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                             VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), NULL, NULL);
    EXPECT(heard >= 0);
    EXPECT_INT(start_after_save(), VIR_DOMAIN_EVENT_STARTED_BOOTED);
    args.keep_saved = true; /* saved for its own user */
    EXPECT_INT(start_after_save(), VIR_DOMAIN_EVENT_STARTED_RESTORED);
    args.keep_saved = false;
    EXPECT_OK(virConnectDomainEventDeregisterAny(listener, heard));
    (void)virConnectClose(listener);
}

TEST(changed_machines, a_missing_image_costs_nothing)
{
    struct virt_args good = args;
    struct asked asked;

    (void)snprintf(args.image, sizeof(args.image), "%s/no-such-version.qcow2", folder);
    asked = ask(world, VIRT_refresh, &args);
    EXPECT_ERR(asked.result, BERTH_E_CONFIG);
    EXPECT_SAYS(asked.op.error.text, "no-such-version.qcow2");
    EXPECT(ask(world, VIRT_inspect, &args).ret.running); /* on the disk that it had */
    EXPECT(there("pool/berth-truth.qcow2"));
    args = good;
}

/* BERTH_E_CONFIG and a sentence with this part, or 0 where `part` is NULL. */
static void expect_image(const char *image, const char *kernel, const char *part)
{
    struct virt_args wanted = { .storage = "berth" };
    struct asked asked;

    (void)snprintf(wanted.image, sizeof(wanted.image), "%s/%s", folder, image);
    if (kernel)
        (void)snprintf(wanted.kernel, sizeof(wanted.kernel), "%s/%s", folder, kernel);
    asked = ask(world, VIRT_check_image, &wanted);
    if (!part && asked.result < 0)
        fail_msg("%s", berth_error_text(&asked.op.error));
    if (!part)
        return;
    EXPECT_ERR(asked.result, BERTH_E_CONFIG);
    EXPECT_SAYS(asked.op.error.text, part);
    EXPECT_SAYS(asked.op.error.text, "kvm2");
}

TEST(changed_machines, the_files_of_an_image_are_looked_at)
{
    char path[512];

    expect_image("golden.qcow2", NULL, NULL);
    expect_image("images/whole.qcow2", "images/vmlinuz", NULL); /* on base.qcow2 */
    expect_image("images/torn.qcow2", NULL, "images/gone.qcow2");
    expect_image("images/torn.qcow2", NULL, "images/torn.qcow2'");
    expect_image("images/raw.qcow2", NULL, "is raw, not qcow2");
    expect_image("images/nosuch.qcow2", NULL, "no file '");
    expect_image("nosuch/desktop.qcow2", NULL, "nosuch/desktop.qcow2");
    expect_image("images/whole.qcow2", "images/nosuch-vmlinuz", "images/nosuch-vmlinuz");
    expect_image("images", NULL, "images");

    /* libvirt's cached list differs from the present files. */
    (void)snprintf(path, sizeof(path), "%s/pool/late.qcow2", folder);
    expect_image("pool/late.qcow2", NULL, "no file '");
    EXPECT_OK(link(args.image, path));
    expect_image("pool/late.qcow2", NULL, NULL);
    EXPECT_OK(unlink(path));
    expect_image("pool/late.qcow2", NULL, "no file '");
    EXPECT_INT(virConnectNumOfStoragePools(host), POOLS); /* the check left nothing behind */
}

TEST(changed_machines, an_image_that_no_disk_can_lie_on_is_refused)
{
    expect_image("images/data.qcow2", NULL, NULL);
    expect_image("images/compressed.qcow2", NULL, NULL);
    expect_image("images/cut.qcow2", NULL, "images/cut.qcow2' is truncated: it has 2097152 bytes");
    expect_image("images/cut-early.qcow2", NULL, "is truncated: it has 102400 bytes");
    expect_image("cut/cut-header.qcow2", NULL, "look there for a truncated disk image");
    expect_image("images/on-cut.qcow2", NULL, "images/cut.qcow2' is truncated");
    expect_image("images/on-cut.qcow2", NULL, "images/on-cut.qcow2'");
    expect_image("images/secret.qcow2", NULL, "images/secret.qcow2' is encrypted");
}

TEST(changed_machines, a_backing_file_that_is_named_as_json_is_looked_at_like_any)
{
    struct virt_args wanted = args;

    expect_image("images/json.qcow2", NULL, NULL);
    expect_image("images/json-raw.qcow2", NULL, NULL);
    expect_image("images/json-cut.qcow2", NULL, "images/cut.qcow2' is truncated");
    expect_image("images/json-gone.qcow2", NULL, "images/gone.qcow2");
    expect_image("images/json-file.qcow2", NULL, "with the driver 'file' outside");
    expect_image("images/json-qcow2.qcow2", NULL, "with the driver 'qcow2'");
    expect_image("images/json-nbd.qcow2", NULL, "with the driver 'nbd'");
    expect_image("images/json-backing.qcow2", NULL, "with the key 'backing'");
    expect_image("images/by-1.qcow2", NULL, "by the protocol 'nbd'");
    expect_image("images/by-2.qcow2", NULL, "by the protocol 'nbd'");
    expect_image("images/by-3.qcow2", NULL, "by the protocol 'file'");

    /* An accepted image runs. */
    (void)snprintf(wanted.image, sizeof(wanted.image), "%s/images/json.qcow2", folder);
    (void)snprintf(wanted.uuid, sizeof(wanted.uuid), "%s", OTHER_UUID);
    (void)snprintf(wanted.name, sizeof(wanted.name), "truth-json");
    (void)snprintf(wanted.volume, sizeof(wanted.volume), "berth-json.qcow2");
    must_on(VIRT_create, &wanted);
    must_on(VIRT_start, &wanted);
    EXPECT(ask(world, VIRT_inspect, &wanted).ret.running); /* libvirt reads the name as well */
    must_on(VIRT_delete, &wanted);
}

TEST(changed_machines, an_image_in_a_storage_pool_that_is_off_says_so)
{
    expect_image("idle/golden.qcow2", NULL, "storage pool 'idle' is not active");
    expect_image("idle/golden.qcow2", NULL, "virsh pool-start idle");
}

/* No machine can be made; returns the error text, to free. */
static char *why_none_is_made(const char *storage, const char *image)
{
    struct virt_args wanted = args;
    struct asked asked;

    (void)snprintf(wanted.image, sizeof(wanted.image), "%s/%s", folder, image);
    (void)snprintf(wanted.uuid, sizeof(wanted.uuid), "%s", OTHER_UUID);
    (void)snprintf(wanted.name, sizeof(wanted.name), "truth-002");
    (void)snprintf(wanted.volume, sizeof(wanted.volume), "berth-other.qcow2");
    (void)snprintf(wanted.storage, sizeof(wanted.storage), "%s", storage);
    asked = ask(world, VIRT_create, &wanted);
    EXPECT_ERR(asked.result, BERTH_E_CONFIG);
    EXPECT(!ask(world, VIRT_inspect, &wanted).ret.known);
    return berth_strdup(asked.op.error.text);
}

static void expect_storage(const char *storage, const char *part)
{
    berth_cleanup(berth_freep) char *why = why_none_is_made(storage, "golden.qcow2");

    EXPECT_SAYS(why, part);
    EXPECT_SAYS(why, storage);
}

/* file: the one that the error must name, as the image. */
static void expect_backing(const char *image, const char *file, const char *part)
{
    berth_cleanup(berth_freep) char *why = why_none_is_made("berth", image);

    EXPECT_SAYS(why, image);
    EXPECT_SAYS(why, file);
    EXPECT_SAYS(why, part);
    if (strstr(why, "storage pool"))
        fail_msg("the storage pool is not at fault: %s", why);
}

TEST(changed_machines, a_storage_pool_that_cannot_be_used_says_what_to_do)
{
    expect_storage("lost", "is not active: it does not start: ");
    expect_storage("lost", "virsh pool-start lost");
    expect_storage("attic", "no storage pool 'attic'");
    expect_storage("full", "has no space left; make room there");
    expect_storage("shut", "may not be written to; mount it for writing");
}

TEST(changed_machines, a_file_of_the_image_that_cannot_be_read_is_no_fault_of_the_storage_pool)
{
    expect_backing("images/torn.qcow2", "images/gone.qcow2", "No such file or directory");
    expect_backing("images/on-private.qcow2", "images/private.qcow2", "Permission denied");
    expect_backing("images/private.qcow2", "images/private.qcow2", "Permission denied");
}

TEST(changed_machines, a_delete_takes_everything_along)
{
    snapshot("again", "pool/again.qcow2");
    must(VIRT_delete);
    EXPECT(!there("pool/again.qcow2") && !there("pool/berth-truth.qcow2"));
    EXPECT(!there("pool/berth-truth.b.qcow2") && there("golden.qcow2"));
    world_free(world);
    (void)virConnectClose(host);
}

TEST_MAIN()
