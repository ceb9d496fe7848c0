/* machine.c - create, start, stop, refresh and delete a machine. Each is idempotent. */
#include <assert.h>
#include <errno.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "berth/sandbox_hint.h"

#include "virt/wire.h"

#include "disk.h"
#include "domain_xml.h"
#include "layers.h"
#include "libvirt_error.h"
#include "machine_history.h"
#include "out.h"
#include "virt_request.h"
#include "xml.h"

/* Limit of a guest's shutdown; below the limit of the call. */
#define SHUTDOWN_MS 20000
#define SHUTDOWN_LOOK_MS 200

/* ---- create ---- */

static void file_closep(FILE **file)
{
    if (*file)
        (void)fclose(berth_take(*file));
}

static int read_template(struct virt_request *request, char **ret, size_t *ret_size)
{
    berth_cleanup(file_closep) FILE *file = fopen(request->args.template, "re");
    char *text;

    if (!file) {
        const char *why = strerror(errno);
        char hidden[SANDBOX_HINT_SIZE];

        return berth_fail(&request->error, BERTH_E_CONFIG, "template '%s': %s%s",
                          request->args.template, why,
                          sandbox_hint(NULL, request->args.template, "/etc/berth", hidden));
    }
    text = berth_alloc(XML_TEMPLATE_MAX + 1);
    *ret_size = fread(text, 1, XML_TEMPLATE_MAX + 1, file);
    *ret = text;
    return 0;
}

static int make_xml(struct virt_request *request, char **ret)
{
    berth_cleanup(berth_freep) char *template = NULL;
    size_t size = 0;
    int r;

    r = read_template(request, &template, &size);
    if (r < 0)
        return r;
    r = domain_xml_make(template, size, &request->args, ret, &request->error);
    if (r < 0) {
        (void)berth_fail_in(&request->error, "template '%s'", request->args.template);
        /* an error of the pool's template, not of this machine */
        request->error.code = r = BERTH_E_CONFIG;
    }
    return r;
}

/* Make a domain from it as for a desktop, with the same checks. */
int machine_check_template(const char *file, bool forwarded)
{
    struct virt_request *request = berth_new(struct virt_request);
    struct virt_args *args = &request->args;
    char *xml = NULL;
    int r = BERTH_E_TOO_LARGE;

    *args = (struct virt_args){ .uuid = "00000000-0000-4000-8000-000000000001",
                                .name = "desktop",
                                .desktop_id = 1,
                                .storage = "storage",
                                .volume = DISK_PREFIX "1.qcow2",
                                .forward_port = forwarded ? 1 : 0 };
    if (strlen(file) < sizeof(args->template)) {
        copy_text(args->template, file);
        r = make_xml(request, &xml);
    }
    if (r < 0)
        (void)printf("%s", berth_error_text(&request->error));
    free(xml);
    virt_request_free(request);
    return fflush(stdout) == 0 && r >= 0 ? 0 : WIRE_EXIT_REFUSED;
}

static int define(struct virt_request *request, const char *xml)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;

    domain = virDomainDefineXML(request->connection, xml);
    if (!domain)
        return libvirt_fail(&request->error, "domain '%s'", request->args.name);
    machine_history_done(request->args.uuid, history_machine_event_DEFINED);
    return 0;
}

int machine_create(struct virt_request *request)
{
    const struct virt_args *args = &request->args;
    berth_cleanup(virt_request_domain_freep) virDomainPtr there = NULL;
    berth_cleanup(berth_freep) char *xml = NULL;
    int r;

    /* The XML first: a bad template must not leave a disk. */
    r = make_xml(request, &xml);
    if (r < 0)
        return r;
    there = virDomainLookupByUUIDString(request->connection, args->uuid);
    if (there)
        return 0; /* its disk exists, too, perhaps under the other name */
    if (!libvirt_error_is(VIR_ERR_NO_DOMAIN))
        return libvirt_fail(&request->error, "machine %s", args->uuid);
    if (args->volume[0]) {
        r = disk_make(request, args->storage, args->volume, args->image);
        if (r < 0)
            return r;
    }
    return define(request, xml);
}

/* ---- start and stop ---- */

/* Remove a saved state, which is the memory of a running machine with the data of its last user.
 * libvirt would resume it at a start; here a start means to boot. Drivers without saved states
 * return -1.
 */
static int drop_saved(virDomainPtr domain)
{
    return virDomainHasManagedSaveImage(domain, 0) == 1 ? virDomainManagedSaveRemove(domain, 0) : 0;
}

/* Only these two functions start a machine or switch one off; callers check that it is permitted.
 */
static int power_on(const struct virt_request *request, virDomainPtr domain)
{
    const char *uuid = request->args.uuid;
    int r;

    if (!request->args.keep_saved && drop_saved(domain) < 0)
        return -1;
    machine_history_done(uuid, history_machine_event_START);
    r = virDomainCreate(domain);
    machine_history_done(uuid,
                         r < 0 ? history_machine_event_FAILED : history_machine_event_STARTED);
    return r;
}

static int power_off(const struct virt_request *request, virDomainPtr domain)
{
    int r = virDomainDestroy(domain);

    if (r == 0)
        machine_history_done(request->args.uuid, history_machine_event_STOPPED);
    return r;
}

/* After an agent failed because its guest hung, libvirt 9.0 refuses to use the agent of that
 * domain, even after later starts. Undefining and defining the domain again resets this. A machine
 * with snapshots cannot be undefined and stays as it is; after a crash between the two calls,
 * `create` defines the machine again with its disk.
 */
static int redefine(struct virt_request *request, virDomainPtr domain)
{
    unsigned keep = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM;
    berth_cleanup(virt_request_domain_freep) virDomainPtr fresh = NULL;
    berth_cleanup(berth_freep) char *xml = NULL;

    xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (!xml || power_off(request, domain) < 0)
        return libvirt_fail(&request->error, "defining '%s' again", request->machine);
    if (virDomainUndefineFlags(domain, keep) < 0)
        fresh = virDomainLookupByUUIDString(request->connection, request->args.uuid);
    else
        fresh = virDomainDefineXML(request->connection, xml);
    if (!fresh || power_on(request, fresh) < 0)
        return libvirt_fail(&request->error, "defining '%s' again", request->machine);
    return 0;
}

static int start_redefined(struct virt_request *request, virDomainPtr domain)
{
    const struct timespec settle = { .tv_nsec = 300 * 1000000L };
    int r;

    /* berthd must see one start only; the events of the redefinition arrive within moments. */
    out_mute(request->out, &request->out_call, request->args.uuid);
    r = redefine(request, domain);
    (void)nanosleep(&settle, NULL);
    out_unmute(request->out, &request->out_call);
    return r;
}

/* It runs already; but it may be paused, by an administrator or because a disk was full. */
static int resume_paused(struct virt_request *request, virDomainPtr domain)
{
    int state = VIR_DOMAIN_NOSTATE;

    if (virDomainGetState(domain, &state, NULL, 0) < 0 || state != VIR_DOMAIN_PAUSED)
        return 0;
    return virDomainResume(domain) < 0
               ? libvirt_fail(&request->error, "'%s' is paused and cannot be resumed",
                              request->machine)
               : 0;
}

/* The address of its host may have changed since it was defined. */
static int readdress(struct virt_request *request, virDomainPtr domain)
{
    berth_cleanup(berth_freep) char *xml = NULL;
    berth_cleanup(berth_freep) char *moved = NULL;
    int r;

    if (!request->args.forward_port)
        return 0;
    xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (!xml)
        return libvirt_fail(&request->error, "description of '%s'", request->machine);
    r = domain_xml_readdress(xml, strlen(xml), &request->args, &moved, &request->error);
    if (r < 0 || !moved)
        return r;
    request->args.keep_saved = false; /* a resumed machine keeps its port */
    return define(request, moved);
}

/* It could not be switched on or off, which r says. Somebody else may have done it between the look
 * and the call. */
static int look_again(struct virt_request *request, virDomainPtr domain, int r, bool on)
{
    int active;

    if (r != BERTH_E_STATE)
        return r;
    active = virt_request_is_active(request, domain);
    if (active < 0)
        return active;
    return active == on ? 0 : r;
}

int machine_start(struct virt_request *request)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    int r;

    r = virt_request_domain(request, &domain);
    if (r < 0)
        return r;
    request->result.running = true;
    request->result.known = true;
    r = virt_request_is_active(request, domain);
    if (r != 0)
        return r < 0 ? r : resume_paused(request, domain);
    r = readdress(request, domain);
    if (r < 0)
        return r;
    if (power_on(request, domain) == 0)
        return guest_agent_is_blocked(domain) ? start_redefined(request, domain) : 0;
    r = libvirt_fail(&request->error, "start of '%s'", request->machine);
    return look_again(request, domain, r, true);
}

static int switch_off(struct virt_request *request, virDomainPtr domain)
{
    int r = virt_request_is_active(request, domain);

    if (r <= 0)
        return r;
    if (power_off(request, domain) == 0 || libvirt_error_is(VIR_ERR_NO_DOMAIN))
        return 0;
    r = libvirt_fail(&request->error, "switching '%s' off", request->machine);
    return look_again(request, domain, r, false);
}

/* Ask the guest and wait. Polls the state instead of waiting for the event: that works with every
 * driver, and does not depend on an event that may be lost with a connection.
 */
static int request_shutdown(struct virt_request *request, virDomainPtr domain)
{
    const struct timespec pause = { .tv_nsec = SHUTDOWN_LOOK_MS * 1000000L };
    int r = virt_request_is_active(request, domain);

    if (r <= 0)
        return r;
    if (virDomainShutdown(domain) < 0 && !libvirt_error_is(VIR_ERR_OPERATION_INVALID))
        return libvirt_fail(&request->error, "asking '%s' to switch off", request->machine);
    for (int waited = 0; waited < SHUTDOWN_MS; waited += SHUTDOWN_LOOK_MS) {
        r = virt_request_is_active(request, domain);
        if (r == 0)
            machine_history_done(request->args.uuid, history_machine_event_STOPPED);
        if (r <= 0)
            return r;
        (void)nanosleep(&pause, NULL);
    }
    return berth_fail(&request->error, BERTH_E_TIMEOUT, "'%s' did not switch itself off in %d s",
                      request->machine, SHUTDOWN_MS / 1000);
}

int machine_stop(struct virt_request *request)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    int r;

    r = virt_request_domain(request, &domain);
    if (r == BERTH_E_NOT_FOUND)
        return 0; /* a missing machine does not run */
    if (r < 0)
        return r;
    request->result.known = true;
    return request->args.force ? switch_off(request, domain) : request_shutdown(request, domain);
}

/* ---- refresh and delete ---- */

/* Fill in the args that the caller has left empty from the machine's metadata.
 *
 * ret_storage: the storage pool of its present disk. A new disk is created in that of args: the
 * pool of the host may have changed since.
 */
static int complete_args(struct virt_request *request, virDomainPtr domain, char **ret_xml,
                         char ret_storage[64])
{
    struct virt_args *args = &request->args;
    struct domain_info info;
    char *xml;
    int r;

    xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (!xml)
        return libvirt_fail(&request->error, "description of '%s'", request->machine);
    *ret_xml = xml;
    r = domain_xml_read(xml, strlen(xml), &info, &request->error);
    if (r < 0)
        return r;
    if (!args->desktop_id) {
        args->desktop_id = info.desktop_id;
        args->forward_port = info.forward_port;
        copy_text(args->forward_address, info.forward_address);
        args->guest_port = info.guest_port;
        copy_text(args->pool, info.pool);
    }
    berth_copy_text(ret_storage, 64, info.storage[0] ? info.storage : args->storage);
    if (!args->storage[0])
        copy_text(args->storage, info.storage);
    if (!args->volume[0])
        copy_text(args->volume, info.volume);
    if (!args->name[0])
        copy_text(args->name, request->machine);
    return 0;
}

/* libvirt names a machine's NVRAM file after the machine. Any other file may belong to another
 * machine, such as that of the template: it is not deleted.
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

/* Undefine it with all that libvirt stores for it. What not every driver removes is removed before.
 */
static int undefine(struct virt_request *request, virDomainPtr domain, const char *xml)
{
    const unsigned nvram = nvram_is_own(request->machine, xml) ? VIR_DOMAIN_UNDEFINE_NVRAM
                                                               : VIR_DOMAIN_UNDEFINE_KEEP_NVRAM;
    const unsigned flag_sets[] = {
        nvram | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_TPM, nvram, 0
    };
    int r;

    if (drop_saved(domain) < 0)
        return libvirt_fail(&request->error, "saved state of '%s'", request->machine);
    r = layers_forget(request, domain);
    if (r < 0)
        return r;
    for (size_t i = 0; i < BERTH_COUNT(flag_sets); i++) {
        if (virDomainUndefineFlags(domain, flag_sets[i]) == 0 ||
            libvirt_error_is(VIR_ERR_NO_DOMAIN))
            return 0;
        if (!libvirt_error_is(VIR_ERR_INVALID_ARG) && !libvirt_error_is(VIR_ERR_NO_SUPPORT) &&
            !libvirt_error_is(VIR_ERR_ARGUMENT_UNSUPPORTED))
            break;
    }
    return libvirt_fail(&request->error, "removing '%s'", request->machine);
}

/* The machine may have been renamed, and its name given to another one. */
static int name_is_free(struct virt_request *request)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr there = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    there = virDomainLookupByName(request->connection, request->args.name);
    if (!there ||
        (virDomainGetUUIDString(there, uuid) == 0 && strcmp(uuid, request->args.uuid) == 0))
        return 0;
    return berth_fail(&request->error, BERTH_E_DESKTOP,
                      "its host has another machine named '%s'; rename or remove that one",
                      request->args.name);
}

/* Check the result on the host: the machine is off, without saved state or snapshots, on this disk,
 * which is based on the image.
 */
static int verify(struct virt_request *request, const struct disk_names *names, int wanted)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    berth_cleanup(layers_free) struct layers layers = { 0 };
    int r;

    r = virt_request_domain(request, &domain);
    if (r >= 0)
        r = layers_find(request, domain, request->args.storage, names, &layers);
    if (r < 0)
        return r;
    if (layers.own != wanted || layers.count || virDomainSnapshotNum(domain, 0) > 0 ||
        virDomainHasManagedSaveImage(domain, 0) == 1)
        return berth_fail(
            &request->error, BERTH_E_DESKTOP,
            "'%s': its host does not show only the new disk; another program works on the "
            "machine",
            request->machine);
    return 0;
}

/* Switch it off and define it with the new disk, without saved state or snapshots. The new XML is
 * tried first: defining it over the old one either succeeds or changes nothing.
 */
static int switch_disk(struct virt_request *request, virDomainPtr domain, const char *old,
                       const char *xml, const struct layers *layers)
{
    int r = switch_off(request, domain);

    if (r >= 0 && strcmp(request->machine, request->args.name) == 0)
        r = define(request, xml);
    if (r >= 0)
        r = layers_drop(request, layers);
    if (r >= 0)
        r = undefine(request, domain, old);
    return r < 0 ? r : define(request, xml);
}

/* The new disk is created and checked before the old one is changed: a failure until then (of the
 * image, the template or the storage) leaves the machine as it is.
 */
int machine_refresh(struct virt_request *request)
{
    struct virt_args *args = &request->args;
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    berth_cleanup(layers_free) struct layers layers = { 0 };
    berth_cleanup(berth_freep) char *old = NULL;
    berth_cleanup(berth_freep) char *xml = NULL;
    char storage[64] = "";
    struct disk_names names;
    int wanted;
    int r;

    r = virt_request_domain(request, &domain);
    if (r >= 0)
        r = complete_args(request, domain, &old, storage);
    if (r < 0)
        return r;
    if (!args->volume[0] || !args->image[0] || !args->template[0]) {
        return berth_fail(&request->error, BERTH_E_INVALID,
                          "refresh of '%s': no disk, no image or no template", args->name);
    }
    r = disk_names(request, args->volume, &names);
    if (r >= 0)
        r = name_is_free(request);
    if (r >= 0)
        r = layers_find(request, domain, storage, &names, &layers);
    if (r < 0)
        return r;
    wanted = layers.own == 0;
    copy_text(args->volume, names.name[wanted]);
    r = make_xml(request, &xml);
    if (r >= 0)
        r = disk_renew(request, args->storage, args->volume, args->image);
    if (r >= 0)
        r = switch_disk(request, domain, old, xml, &layers);
    if (r >= 0)
        r = verify(request, &names, wanted);
    if (r < 0)
        return r;
    machine_history_done(args->uuid, history_machine_event_DISK);
    return disk_drop(request, storage, names.name[!wanted]);
}

static int drop_disks(struct virt_request *request, const char *storage)
{
    const struct virt_args *args = &request->args;
    struct disk_names names;
    int r;

    if (!args->volume[0])
        /* no machine and no disk name: deleted before */
        return 0;
    r = disk_names(request, args->volume, &names);
    for (int i = 0; i < DISK_NAMES && r >= 0; i++)
        r = disk_drop(request, storage, names.name[i]);
    return r;
}

/* Delete its layers first: they cannot be found after the machine is undefined. */
static int delete_machine(struct virt_request *request, virDomainPtr domain, char ret_storage[64])
{
    const struct virt_args *args = &request->args;
    berth_cleanup(layers_free) struct layers layers = { 0 };
    berth_cleanup(berth_freep) char *xml = NULL;
    struct disk_names names;
    int r;

    r = complete_args(request, domain, &xml, ret_storage);
    if (r >= 0)
        r = switch_off(request, domain);
    if (r >= 0 && args->volume[0]) {
        r = disk_names(request, args->volume, &names);
        if (r >= 0)
            r = layers_find(request, domain, ret_storage, &names, &layers);
        if (r >= 0)
            r = layers_drop(request, &layers);
    }
    if (r >= 0)
        r = undefine(request, domain, xml);
    if (r >= 0)
        machine_history_done(args->uuid, history_machine_event_REMOVED);
    return r;
}

int machine_delete(struct virt_request *request)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    char storage[64];
    int r;

    copy_text(storage, request->args.storage);
    r = request->args.uuid[0] ? virt_request_domain(request, &domain) : BERTH_E_NOT_FOUND;
    if (r < 0 && r != BERTH_E_NOT_FOUND)
        return r;
    if (domain) {
        r = delete_machine(request, domain, storage);
        if (r < 0)
            return r;
    }
    return drop_disks(request, storage);
}
