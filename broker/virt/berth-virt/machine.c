/* machine.c - the life of a machine: create, start, stop, refresh, delete. Each is safe to repeat.
 */
#include <assert.h>
#include <errno.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "berth/hidden.h"

#include "virt/wire.h"

#include "disk.h"
#include "domain_xml.h"
#include "errand.h"
#include "fault.h"
#include "layers.h"
#include "machine_history.h"
#include "out.h"
#include "xml.h"

/* How long a guest may take to switch itself off when asked; below the limit of the call. */
#define SHUTDOWN_MS 20000
#define SHUTDOWN_LOOK_MS 200

/* ---- create ---- */

static void file_closep(FILE **file)
{
    if (*file)
        (void)fclose(berth_take(*file));
}

static int read_template(struct errand *errand, char **ret, size_t *ret_size)
{
    berth_cleanup(file_closep) FILE *file = fopen(errand->args.template, "re");
    char *text;

    if (!file) {
        const char *why = strerror(errno);
        char hidden[HIDDEN_TEXT];

        return berth_fail(&errand->error, BERTH_E_CONFIG, "template '%s': %s%s",
                          errand->args.template, why,
                          hidden_text(NULL, errand->args.template, "/etc/berth", hidden));
    }
    text = berth_alloc(XML_TEMPLATE_MAX + 1);
    *ret_size = fread(text, 1, XML_TEMPLATE_MAX + 1, file);
    *ret = text;
    return 0;
}

static int make_xml(struct errand *errand, char **ret)
{
    berth_cleanup(berth_freep) char *template = NULL;
    size_t size = 0;
    int r;

    r = read_template(errand, &template, &size);
    if (r < 0)
        return r;
    r = domain_xml_make(template, size, &errand->args, ret, &errand->error);
    if (r < 0) {
        (void)berth_fail_in(&errand->error, "template '%s'", errand->args.template);
        errand->error.code = r = BERTH_E_CONFIG; /* of the pool, whichever machine it was for */
    }
    return r;
}

/* It is made of as any desktop would be: the same reading, the same checks. */
int machine_check_template(const char *file, bool forwarded)
{
    struct errand *errand = berth_new(struct errand);
    struct virt_args *args = &errand->args;
    char *xml = NULL;
    int r = BERTH_E_TOO_LARGE;

    *args = (struct virt_args){ .uuid = "00000000-0000-4000-8000-000000000001",
                                .name = "desktop",
                                .desktop_id = 1,
                                .storage = "storage",
                                .volume = DISK_PREFIX "1.qcow2",
                                .forward_port = forwarded ? 1 : 0 };
    if (strlen(file) < sizeof(args->template)) {
        (void)snprintf(args->template, sizeof(args->template), "%s", file);
        r = make_xml(errand, &xml);
    }
    if (r < 0)
        (void)printf("%s", berth_error_text(&errand->error));
    free(xml);
    errand_free(errand);
    return fflush(stdout) == 0 && r >= 0 ? 0 : WIRE_EXIT_REFUSED;
}

static int define(struct errand *errand, const char *xml)
{
    berth_cleanup(errand_domain_freep) virDomainPtr domain = NULL;

    domain = virDomainDefineXML(errand->connection, xml);
    if (!domain)
        return fault(&errand->error, "domain '%s'", errand->args.name);
    machine_history_did(errand->args.uuid, machine_word_DEFINED);
    return 0;
}

int machine_create(struct errand *errand)
{
    const struct virt_args *args = &errand->args;
    berth_cleanup(errand_domain_freep) virDomainPtr there = NULL;
    berth_cleanup(berth_freep) char *xml = NULL;
    int r;

    /* The description first: a bad template must not leave a disk behind. */
    r = make_xml(errand, &xml);
    if (r < 0)
        return r;
    there = virDomainLookupByUUIDString(errand->connection, args->uuid);
    if (there)
        return 0; /* with its disk, which is made before it and need not have this name any more */
    if (!fault_is(VIR_ERR_NO_DOMAIN))
        return fault(&errand->error, "machine %s", args->uuid);
    if (args->volume[0]) {
        r = disk_make(errand, args->storage, args->volume, args->image);
        if (r < 0)
            return r;
    }
    return define(errand, xml);
}

/* ---- start and stop ---- */

/* A saved state is the memory of a running machine, with whatever its last user had open. To
 * libvirt a start means to go on from there; here it means to boot. Drivers that save nothing
 * answer -1.
 */
static int drop_saved(virDomainPtr domain)
{
    return virDomainHasManagedSaveImage(domain, 0) == 1 ? virDomainManagedSaveRemove(domain, 0) : 0;
}

/* These two alone start a machine and switch one off; whether that was permitted is the caller's
 * matter. */
static int power_on(const struct errand *errand, virDomainPtr domain)
{
    const char *uuid = errand->args.uuid;
    int r;

    if (!errand->args.keep_saved && drop_saved(domain) < 0)
        return -1;
    machine_history_did(uuid, machine_word_START);
    r = virDomainCreate(domain);
    machine_history_did(uuid, r < 0 ? machine_word_FAILED : machine_word_STARTED);
    return r;
}

static int power_off(const struct errand *errand, virDomainPtr domain)
{
    int r = virDomainDestroy(domain);

    if (r == 0)
        machine_history_did(errand->args.uuid, machine_word_STOPPED);
    return r;
}

/* libvirt 9.0 remembers an agent that failed while its guest hung, and goes on refusing the agent
 * of every later start of that machine. The memory goes with the definition, so that is made anew.
 * A machine with snapshots refuses and stays as it is; a crash between the two leaves a machine
 * that create makes again around its disk.
 */
static int define_anew(struct errand *errand, virDomainPtr domain)
{
    unsigned keep = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM;
    berth_cleanup(errand_domain_freep) virDomainPtr fresh = NULL;
    berth_cleanup(berth_freep) char *xml = NULL;

    xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (!xml || power_off(errand, domain) < 0)
        return fault(&errand->error, "starting '%s' anew", errand->machine);
    if (virDomainUndefineFlags(domain, keep) < 0)
        fresh = virDomainLookupByUUIDString(errand->connection, errand->args.uuid);
    else
        fresh = virDomainDefineXML(errand->connection, xml);
    if (!fresh || power_on(errand, fresh) < 0)
        return fault(&errand->error, "starting '%s' anew", errand->machine);
    return 0;
}

static int start_anew(struct errand *errand, virDomainPtr domain)
{
    const struct timespec settle = { .tv_nsec = 300 * 1000000L };
    int r;

    /* For berthd the machine has been started, once; events of the detour come within moments. */
    out_mute(errand->out, &errand->said, errand->args.uuid);
    r = define_anew(errand, domain);
    (void)nanosleep(&settle, NULL);
    out_unmute(errand->out, &errand->said);
    return r;
}

/* It runs already; but paused, by somebody or by a disk that was full, it is of no use to anybody.
 */
static int go_on(struct errand *errand, virDomainPtr domain)
{
    int state = VIR_DOMAIN_NOSTATE;

    if (virDomainGetState(domain, &state, NULL, 0) < 0 || state != VIR_DOMAIN_PAUSED)
        return 0;
    return virDomainResume(domain) < 0
               ? fault(&errand->error, "'%s' is paused and does not go on", errand->machine)
               : 0;
}

/* Its host may have another address than when it was defined. */
static int readdress(struct errand *errand, virDomainPtr domain)
{
    berth_cleanup(berth_freep) char *xml = NULL;
    berth_cleanup(berth_freep) char *moved = NULL;
    int r;

    if (!errand->args.forward_port)
        return 0;
    xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (!xml)
        return fault(&errand->error, "description of '%s'", errand->machine);
    r = domain_xml_readdress(xml, strlen(xml), &errand->args, &moved, &errand->error);
    if (r < 0 || !moved)
        return r;
    errand->args.keep_saved = false; /* a machine that goes on has its port where it was */
    return define(errand, moved);
}

/* It could not be switched on or off, which r says. Somebody else may have done it between the look
 * and the call. */
static int look_again(struct errand *errand, virDomainPtr domain, int r, bool on)
{
    int active;

    if (r != BERTH_E_STATE)
        return r;
    active = errand_is_active(errand, domain);
    if (active < 0)
        return active;
    return active == on ? 0 : r;
}

int machine_start(struct errand *errand)
{
    berth_cleanup(errand_domain_freep) virDomainPtr domain = NULL;
    int r;

    r = errand_domain(errand, &domain);
    if (r < 0)
        return r;
    errand->result.running = true;
    errand->result.known = true;
    r = errand_is_active(errand, domain);
    if (r != 0)
        return r < 0 ? r : go_on(errand, domain);
    r = readdress(errand, domain);
    if (r < 0)
        return r;
    if (power_on(errand, domain) == 0)
        return guest_agent_is_barred(domain) ? start_anew(errand, domain) : 0;
    r = fault(&errand->error, "start of '%s'", errand->machine);
    return look_again(errand, domain, r, true);
}

static int switch_off(struct errand *errand, virDomainPtr domain)
{
    int r = errand_is_active(errand, domain);

    if (r <= 0)
        return r;
    if (power_off(errand, domain) == 0 || fault_is(VIR_ERR_NO_DOMAIN))
        return 0;
    r = fault(&errand->error, "switching '%s' off", errand->machine);
    return look_again(errand, domain, r, false);
}

/* Ask the guest and wait. The state is looked at rather than the event awaited: it works with every
 * driver, and an event that was lost with a connection cannot be waited for in vain.
 */
static int ask_off(struct errand *errand, virDomainPtr domain)
{
    const struct timespec pause = { .tv_nsec = SHUTDOWN_LOOK_MS * 1000000L };
    int r = errand_is_active(errand, domain);

    if (r <= 0)
        return r;
    if (virDomainShutdown(domain) < 0 && !fault_is(VIR_ERR_OPERATION_INVALID))
        return fault(&errand->error, "asking '%s' to switch off", errand->machine);
    for (int waited = 0; waited < SHUTDOWN_MS; waited += SHUTDOWN_LOOK_MS) {
        r = errand_is_active(errand, domain);
        if (r == 0)
            machine_history_did(errand->args.uuid, machine_word_STOPPED);
        if (r <= 0)
            return r;
        (void)nanosleep(&pause, NULL);
    }
    return berth_fail(&errand->error, BERTH_E_TIMEOUT, "'%s' did not switch itself off in %d s",
                      errand->machine, SHUTDOWN_MS / 1000);
}

int machine_stop(struct errand *errand)
{
    berth_cleanup(errand_domain_freep) virDomainPtr domain = NULL;
    int r;

    r = errand_domain(errand, &domain);
    if (r == BERTH_E_NOT_FOUND)
        return 0; /* what does not exist does not run */
    if (r < 0)
        return r;
    errand->result.known = true;
    return errand->args.force ? switch_off(errand, domain) : ask_off(errand, domain);
}

/* ---- refresh and delete ---- */

/* A caller who knows only the UUID gets the rest from the machine's own metadata.
 *
 * ret_storage: the storage pool that its disk was made in. args' own is where a new disk is made:
 * the host may have got another since.
 */
static int complete_args(struct errand *errand, virDomainPtr domain, char **ret_xml,
                         char ret_storage[64])
{
    struct virt_args *args = &errand->args;
    struct domain_facts facts;
    char *xml;
    int r;

    xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (!xml)
        return fault(&errand->error, "description of '%s'", errand->machine);
    *ret_xml = xml;
    r = domain_xml_read(xml, strlen(xml), &facts, &errand->error);
    if (r < 0)
        return r;
    if (!args->desktop_id) {
        args->desktop_id = facts.desktop_id;
        args->forward_port = facts.forward_port;
        (void)snprintf(args->forward_address, sizeof(args->forward_address), "%s",
                       facts.forward_address);
        args->guest_port = facts.guest_port;
        (void)snprintf(args->pool, sizeof(args->pool), "%s", facts.pool);
    }
    (void)snprintf(ret_storage, 64, "%s", facts.storage[0] ? facts.storage : args->storage);
    if (!args->storage[0])
        (void)snprintf(args->storage, sizeof(args->storage), "%s", facts.storage);
    if (!args->volume[0])
        (void)snprintf(args->volume, sizeof(args->volume), "%s", facts.volume);
    if (!args->name[0])
        (void)snprintf(args->name, sizeof(args->name), "%s", errand->machine);
    return 0;
}

/* libvirt puts a machine's NVRAM into a file named after it. Any other may be another machine's
 * too, such as the one that a template was taken from: it is left alone.
 */
static bool nvram_is_own(const char *name, const char *xml)
{
    char path[1024];
    const char *slash;
    const char *file;

    assert(xml);
    domain_xml_nvram(xml, strlen(xml), path, sizeof(path));
    slash = strrchr(path, '/');
    file = slash ? slash + 1 : path;
    return strncmp(file, name, strlen(name)) == 0 && file[strlen(name)] == '_';
}

/* With all that libvirt keeps beside a machine. What not every driver takes along is removed
 * before. */
static int undefine(struct errand *errand, virDomainPtr domain, const char *xml)
{
    const unsigned nvram = nvram_is_own(errand->machine, xml) ? VIR_DOMAIN_UNDEFINE_NVRAM
                                                              : VIR_DOMAIN_UNDEFINE_KEEP_NVRAM;
    const unsigned ways[] = {
        nvram | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_TPM, nvram, 0
    };
    int r;

    if (drop_saved(domain) < 0)
        return fault(&errand->error, "saved state of '%s'", errand->machine);
    r = layers_forget(errand, domain);
    if (r < 0)
        return r;
    for (size_t i = 0; i < BERTH_COUNT(ways); i++) {
        if (virDomainUndefineFlags(domain, ways[i]) == 0 || fault_is(VIR_ERR_NO_DOMAIN))
            return 0;
        if (!fault_is(VIR_ERR_INVALID_ARG) && !fault_is(VIR_ERR_NO_SUPPORT) &&
            !fault_is(VIR_ERR_ARGUMENT_UNSUPPORTED))
            break;
    }
    return fault(&errand->error, "removing '%s'", errand->machine);
}

/* Somebody may have renamed the machine, and given its name to another. */
static int name_is_free(struct errand *errand)
{
    berth_cleanup(errand_domain_freep) virDomainPtr there = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    there = virDomainLookupByName(errand->connection, errand->args.name);
    if (!there ||
        (virDomainGetUUIDString(there, uuid) == 0 && strcmp(uuid, errand->args.uuid) == 0))
        return 0;
    return berth_fail(&errand->error, BERTH_E_DESKTOP,
                      "its host has another machine named '%s'; rename or remove that one",
                      errand->args.name);
}

/* What the host says now, whatever was done: the machine is off, with nothing of before beside it,
 * on this disk, which lies on the image.
 */
static int verify(struct errand *errand, const struct disk_names *names, int wanted)
{
    berth_cleanup(errand_domain_freep) virDomainPtr domain = NULL;
    berth_cleanup(layers_free) struct layers layers = { 0 };
    int r;

    r = errand_domain(errand, &domain);
    if (r >= 0)
        r = layers_find(errand, domain, errand->args.storage, names, &layers);
    if (r < 0)
        return r;
    if (layers.own != wanted || layers.count || virDomainSnapshotNum(domain, 0) > 0 ||
        virDomainHasManagedSaveImage(domain, 0) == 1)
        return berth_fail(&errand->error, BERTH_E_DESKTOP,
                          "'%s': its host does not show the new disk alone; somebody works on the "
                          "machine",
                          errand->machine);
    return 0;
}

/* Off, and on the new disk, with nothing kept of what it was. The description is tried before
 * anything is given up for it: defining it in the place of the old one either works or changes
 * nothing.
 */
static int change_over(struct errand *errand, virDomainPtr domain, const char *old, const char *xml,
                       const struct layers *layers)
{
    int r = switch_off(errand, domain);

    if (r >= 0 && strcmp(errand->machine, errand->args.name) == 0)
        r = define(errand, xml);
    if (r >= 0)
        r = layers_drop(errand, layers);
    if (r >= 0)
        r = undefine(errand, domain, old);
    return r < 0 ? r : define(errand, xml);
}

/* The new disk is made, and known to be good, before anything of the old one is touched: what fails
 * until then (the image, the template, the storage) leaves the machine as it is.
 */
int machine_refresh(struct errand *errand)
{
    struct virt_args *args = &errand->args;
    berth_cleanup(errand_domain_freep) virDomainPtr domain = NULL;
    berth_cleanup(layers_free) struct layers layers = { 0 };
    berth_cleanup(berth_freep) char *old = NULL;
    berth_cleanup(berth_freep) char *xml = NULL;
    char storage[64] = "";
    struct disk_names names;
    int wanted;
    int r;

    r = errand_domain(errand, &domain);
    if (r >= 0)
        r = complete_args(errand, domain, &old, storage);
    if (r < 0)
        return r;
    if (!args->volume[0] || !args->image[0] || !args->template[0]) {
        return berth_fail(&errand->error, BERTH_E_INVALID,
                          "refresh of '%s': no disk, no image or no template", args->name);
    }
    r = disk_names(errand, args->volume, &names);
    if (r >= 0)
        r = name_is_free(errand);
    if (r >= 0)
        r = layers_find(errand, domain, storage, &names, &layers);
    if (r < 0)
        return r;
    wanted = layers.own == 0;
    (void)snprintf(args->volume, sizeof(args->volume), "%s", names.name[wanted]);
    r = make_xml(errand, &xml);
    if (r >= 0)
        r = disk_renew(errand, args->storage, args->volume, args->image);
    if (r >= 0)
        r = change_over(errand, domain, old, xml, &layers);
    if (r >= 0)
        r = verify(errand, &names, wanted);
    if (r < 0)
        return r;
    machine_history_did(args->uuid, machine_word_DISK);
    return disk_drop(errand, storage, names.name[!wanted]);
}

static int drop_disks(struct errand *errand, const char *storage)
{
    const struct virt_args *args = &errand->args;
    struct disk_names names;
    int r;

    if (!args->volume[0])
        return 0; /* without a machine and without a name there is nothing left: it was done before
                   */
    r = disk_names(errand, args->volume, &names);
    for (int i = 0; i < DISK_NAMES && r >= 0; i++)
        r = disk_drop(errand, storage, names.name[i]);
    return r;
}

/* Files above its disk go first: once the machine is undefined nobody knows of them. */
static int delete_machine(struct errand *errand, virDomainPtr domain, char ret_storage[64])
{
    const struct virt_args *args = &errand->args;
    berth_cleanup(layers_free) struct layers layers = { 0 };
    berth_cleanup(berth_freep) char *xml = NULL;
    struct disk_names names;
    int r;

    r = complete_args(errand, domain, &xml, ret_storage);
    if (r >= 0)
        r = switch_off(errand, domain);
    if (r >= 0 && args->volume[0]) {
        r = disk_names(errand, args->volume, &names);
        if (r >= 0)
            r = layers_find(errand, domain, ret_storage, &names, &layers);
        if (r >= 0)
            r = layers_drop(errand, &layers);
    }
    if (r >= 0)
        r = undefine(errand, domain, xml);
    if (r >= 0)
        machine_history_did(args->uuid, machine_word_REMOVED);
    return r;
}

int machine_delete(struct errand *errand)
{
    berth_cleanup(errand_domain_freep) virDomainPtr domain = NULL;
    char storage[64];
    int r;

    (void)snprintf(storage, sizeof(storage), "%s", errand->args.storage);
    r = errand->args.uuid[0] ? errand_domain(errand, &domain) : BERTH_E_NOT_FOUND;
    if (r < 0 && r != BERTH_E_NOT_FOUND)
        return r;
    if (domain) {
        r = delete_machine(errand, domain, storage);
        if (r < 0)
            return r;
    }
    return drop_disks(errand, storage);
}
