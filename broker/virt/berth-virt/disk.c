/* disk.c - linked clones in a libvirt storage pool. */
#include "disk.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "domain_xml.h"
#include "libvirt_error.h"
#include "machine_history.h"
#include "storage.h"

/* Size of an overlay when that of the image is unknown: only with libvirt's test driver, which has
 * no files and requires a number.
 */
#define UNTOLD_BYTES ((uint64_t)10 << 20)

static void volume_freep(virStorageVolPtr *volume)
{
    if (*volume)
        (void)virStorageVolFree(berth_take(*volume));
}

/* Size of the image as libvirt knows it; 0: qemu-img takes it from the image. */
static uint64_t image_bytes(struct virt_request *request, const char *image)
{
    berth_cleanup(volume_freep) virStorageVolPtr volume = NULL;
    const char *type = virConnectGetType(request->connection);
    virStorageVolInfo info;

    volume = virStorageVolLookupByPath(request->connection, image);
    if (volume && virStorageVolGetInfo(volume, &info) == 0 && info.capacity)
        return info.capacity;
    return type && strcmp(type, "TEST") == 0 ? UNTOLD_BYTES : 0;
}

/* Its backing file, or "". A disk whose creation was interrupted has none. */
static int backing_of(struct virt_request *request, virStorageVolPtr volume, const char *name,
                      char *ret, size_t size)
{
    char *text = virStorageVolGetXMLDesc(volume, 0);

    ret[0] = '\0';
    if (!text)
        return libvirt_fail(&request->error, "disk '%s'", name);
    volume_xml_backing(text, strlen(text), ret, size);
    free(text);
    return 0;
}

/* A call whose connection was lost may still be at it: it is through when this one is repeated. */
static int still_being_made(struct virt_request *request, const char *volume)
{
    return berth_fail(&request->error, BERTH_E_BUSY, "disk '%s' is still being made", volume);
}

/* 1 when it is whole, 0 when it is incomplete or gone, or a code when that cannot be told: then it
 * may hold somebody's work, and BUSY has it looked at again. */
static int is_overlay(struct virt_request *request, virStorageVolPtr volume, const char *name)
{
    char backing[1024];
    int r = backing_of(request, volume, name, backing, sizeof(backing));

    if (r == 0 || r == BERTH_E_NOT_FOUND)
        return backing[0] != '\0';
    return libvirt_error_is_passing(r) ? r : (request->error.code = BERTH_E_BUSY);
}

/* What is not there is deleted. */
static int delete_volume(struct virt_request *request, virStorageVolPtr there, const char *volume)
{
    int r;

    if (virStorageVolDelete(there, 0) == 0 || libvirt_error_is(VIR_ERR_NO_STORAGE_VOL))
        return 0;
    r = libvirt_fail(&request->error, "disk '%s' cannot be deleted", volume);
    return r == BERTH_E_STATE ? still_being_made(request, volume) : r;
}

static int check_name(struct virt_request *request, const char *volume)
{
    if (strncmp(volume, DISK_PREFIX, strlen(DISK_PREFIX)) == 0)
        return 0;
    return berth_fail(&request->error, BERTH_E_DENIED,
                      "disk '%s' is not named '" DISK_PREFIX "...': not a disk of Berth", volume);
}

int disk_names(struct virt_request *request, const char *volume, struct disk_names *ret)
{
    static const char *const ends[DISK_NAMES] = { ".qcow2", ".b.qcow2" };
    size_t stem = strlen(volume);
    int r = check_name(request, volume);

    if (r < 0)
        return r;
    for (int i = DISK_NAMES - 1; i >= 0; i--) { /* the longer suffix first */
        size_t end = strlen(ends[i]);

        if (stem > end && strcmp(volume + stem - end, ends[i]) == 0)
            stem -= end;
    }
    for (int i = 0; i < DISK_NAMES; i++)
        (void)snprintf(ret->name[i], sizeof(ret->name[i]), "%.*s%s", (int)stem, volume, ends[i]);
    return 0;
}

int disk_path(struct virt_request *request, const char *storage, const char *volume, char ret[1024])
{
    berth_cleanup(storage_pool_freep) virStoragePoolPtr pool = NULL;
    berth_cleanup(berth_freep) char *text = NULL;
    int r;

    r = storage_open(request, storage, &pool);
    if (r < 0)
        return r;
    text = virStoragePoolGetXMLDesc(pool, 0);
    if (!text)
        return storage_config_error(request,
                                    libvirt_fail(&request->error, "storage pool '%s'", storage));
    pool_xml_path(text, strlen(text), ret, 1024 - 80);
    (void)snprintf(ret + strlen(ret), 80, "/%.78s", volume);
    return 0;
}

int disk_paths(struct virt_request *request, const char *storage, const struct disk_names *names,
               struct disk_paths *ret)
{
    int r = 0;

    for (int i = 0; i < DISK_NAMES && r >= 0; i++)
        r = disk_path(request, storage, names->name[i], ret->path[i]);
    return r;
}

/* Did libvirt fail to create a disk because a file of the image cannot be read? Then fills the
 * error with CONFIG: the cause is neither the machine nor the storage pool. */
static bool image_is_at_fault(struct virt_request *request, const char *image)
{
    const virError *last = virGetLastError();
    char file[256], why[64];

    if (!last || !last->message || !libvirt_error_backing(last->message, file, sizeof(file), why))
        return false;
    if (strcmp(file, image) == 0)
        (void)berth_fail(&request->error, BERTH_E_CONFIG, "libvirt cannot read image '%s': %s",
                         image, why);
    else
        (void)berth_fail(&request->error, BERTH_E_CONFIG,
                         "libvirt cannot read '%s' (%s), a backing file of image '%s'", file, why,
                         image);
    return true;
}

/* Create it, and check the result: an overlay on exactly this image. */
static int make_overlay(struct virt_request *request, virStoragePoolPtr pool, const char *volume,
                        const char *image)
{
    berth_cleanup(volume_freep) virStorageVolPtr created = NULL;
    char *xml = volume_xml_make(volume, image, image_bytes(request, image));
    char backing[1024];
    char storage[64]; /* fetched now: the next call resets libvirt's last error */
    int r;

    copy_text(storage, virStoragePoolGetName(pool));
    created = virStorageVolCreateXML(pool, xml, 0);
    free(xml);
    if (!created && libvirt_error_is(VIR_ERR_STORAGE_VOL_EXIST))
        return still_being_made(request, volume);
    if (!created && (image_is_at_fault(request, image) || storage_is_at_fault(request, storage)))
        return request->error.code;
    if (!created)
        return storage_config_error(
            request, libvirt_fail(&request->error, "image '%s': cannot create disk '%s' on it",
                                  image, volume));
    r = backing_of(request, created, volume, backing, sizeof(backing));
    if (r < 0)
        return storage_config_error(request, r);
    if (strcmp(backing, image) == 0)
        return 0;
    (void)virStorageVolDelete(created, 0);
    return berth_fail(&request->error, BERTH_E_HOST,
                      "disk '%s' is based on '%s', not on the image '%s'", volume, backing, image);
}

int disk_renew(struct virt_request *request, const char *storage, const char *volume,
               const char *image)
{
    berth_cleanup(storage_pool_freep) virStoragePoolPtr pool = NULL;
    int r = disk_drop(request, storage, volume);

    if (r >= 0)
        r = storage_open(request, storage, &pool);
    return r < 0 ? r : make_overlay(request, pool, volume, image);
}

int disk_make(struct virt_request *request, const char *storage, const char *volume,
              const char *image)
{
    berth_cleanup(storage_pool_freep) virStoragePoolPtr pool = NULL;
    berth_cleanup(volume_freep) virStorageVolPtr there = NULL;
    int r;

    r = check_name(request, volume);
    if (r < 0)
        return r;
    r = storage_open(request, storage, &pool);
    if (r < 0)
        return r;
    there = virStorageVolLookupByName(pool, volume);
    r = there ? is_overlay(request, there, volume) : 0;
    if (r != 0)
        return r < 0 ? r : 0;
    r = there ? delete_volume(request, there, volume) : 0;
    if (r < 0)
        return r;

    r = make_overlay(request, pool, volume, image);
    if (r >= 0)
        machine_history_done(request->args.uuid, history_machine_event_DISK);
    return r;
}

int disk_drop(struct virt_request *request, const char *storage, const char *volume)
{
    berth_cleanup(storage_pool_freep) virStoragePoolPtr pool = NULL;
    berth_cleanup(volume_freep) virStorageVolPtr there = NULL;
    int r;

    r = check_name(request, volume);
    if (r < 0)
        return r;
    r = storage_open(request, storage, &pool);
    if (r < 0)
        return r;
    there = virStorageVolLookupByName(pool, volume);
    if (!there)
        return libvirt_error_is(VIR_ERR_NO_STORAGE_VOL)
                   ? 0
                   : libvirt_fail(&request->error, "disk '%s'", volume);
    return delete_volume(request, there, volume);
}
