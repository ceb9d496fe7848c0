/* disk.c - linked clones in a libvirt storage pool. */
#include "disk.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "domain_xml.h"
#include "fault.h"
#include "machine_history.h"
#include "storage.h"

/* Size of an overlay where neither the pool nor the driver can tell the image's: libvirt's test
 * driver only, which has no files and insists on a number.
 */
#define UNTOLD_BYTES ((uint64_t)10 << 20)

static void volume_freep(virStorageVolPtr *volume)
{
    if (*volume)
        (void)virStorageVolFree(berth_take(*volume));
}

/* Bytes of the image as the host knows it; 0: let the overlay take them from the image itself. */
static uint64_t image_bytes(struct errand *errand, const char *image)
{
    berth_cleanup(volume_freep) virStorageVolPtr volume = NULL;
    const char *type = virConnectGetType(errand->connection);
    virStorageVolInfo info;

    volume = virStorageVolLookupByPath(errand->connection, image);
    if (volume && virStorageVolGetInfo(volume, &info) == 0 && info.capacity)
        return info.capacity;
    return type && strcmp(type, "TEST") == 0 ? UNTOLD_BYTES : 0;
}

/* What it lies on, or "". What was cut off while it was made has no backing file. */
static int backing_of(struct errand *errand, virStorageVolPtr volume, const char *name, char *ret,
                      size_t size)
{
    char *text = virStorageVolGetXMLDesc(volume, 0);

    ret[0] = '\0';
    if (!text)
        return fault(&errand->error, "disk '%s'", name);
    volume_xml_backing(text, strlen(text), ret, size);
    free(text);
    return 0;
}

/* A call whose connection was lost may still be at it: it is through when this one is repeated. */
static int still_being_made(struct errand *errand, const char *volume)
{
    return berth_fail(&errand->error, BERTH_E_BUSY, "disk '%s' is still being made", volume);
}

/* 1 when it is whole, 0 when it is half-made or gone, or a code when that cannot be told: then it
 * may hold somebody's work, and BUSY has it looked at again. */
static int is_overlay(struct errand *errand, virStorageVolPtr volume, const char *name)
{
    char backing[1024];
    int r = backing_of(errand, volume, name, backing, sizeof(backing));

    if (r == 0 || r == BERTH_E_NOT_FOUND)
        return backing[0] != '\0';
    return fault_is_passing(r) ? r : (errand->error.code = BERTH_E_BUSY);
}

/* What is not there is deleted. */
static int delete_volume(struct errand *errand, virStorageVolPtr there, const char *volume)
{
    int r;

    if (virStorageVolDelete(there, 0) == 0 || fault_is(VIR_ERR_NO_STORAGE_VOL))
        return 0;
    r = fault(&errand->error, "disk '%s' cannot be deleted", volume);
    return r == BERTH_E_STATE ? still_being_made(errand, volume) : r;
}

static int check_name(struct errand *errand, const char *volume)
{
    if (strncmp(volume, DISK_PREFIX, strlen(DISK_PREFIX)) == 0)
        return 0;
    return berth_fail(&errand->error, BERTH_E_DENIED,
                      "disk '%s' is not named '" DISK_PREFIX "...': left alone", volume);
}

int disk_names(struct errand *errand, const char *volume, struct disk_names *ret)
{
    static const char *const ends[DISK_NAMES] = { ".qcow2", ".b.qcow2" };
    size_t stem = strlen(volume);
    int r = check_name(errand, volume);

    if (r < 0)
        return r;
    for (int i = DISK_NAMES - 1; i >= 0; i--) { /* the longer end first */
        size_t end = strlen(ends[i]);

        if (stem > end && strcmp(volume + stem - end, ends[i]) == 0)
            stem -= end;
    }
    for (int i = 0; i < DISK_NAMES; i++)
        (void)snprintf(ret->name[i], sizeof(ret->name[i]), "%.*s%s", (int)stem, volume, ends[i]);
    return 0;
}

int disk_path(struct errand *errand, const char *storage, const char *volume, char ret[1024])
{
    berth_cleanup(storage_pool_freep) virStoragePoolPtr pool = NULL;
    berth_cleanup(berth_freep) char *text = NULL;
    int r;

    r = storage_open(errand, storage, &pool);
    if (r < 0)
        return r;
    text = virStoragePoolGetXMLDesc(pool, 0);
    if (!text)
        return storage_blame(errand, fault(&errand->error, "storage pool '%s'", storage));
    pool_xml_path(text, strlen(text), ret, 1024 - 80);
    (void)snprintf(ret + strlen(ret), 80, "/%.78s", volume);
    return 0;
}

int disk_paths(struct errand *errand, const char *storage, const struct disk_names *names,
               struct disk_paths *ret)
{
    int r = 0;

    for (int i = 0; i < DISK_NAMES && r >= 0; i++)
        r = disk_path(errand, storage, names->name[i], ret->path[i]);
    return r;
}

/* Did libvirt make no disk because a file of the image cannot be read? Fills the error with CONFIG:
 * many machines lie on that file, and the storage pool has nothing to do with it. */
static bool image_is_at_fault(struct errand *errand, const char *image)
{
    const virError *last = virGetLastError();
    char file[256], why[64];

    if (!last || !last->message || !fault_backing(last->message, file, sizeof(file), why))
        return false;
    if (strcmp(file, image) == 0)
        (void)berth_fail(&errand->error, BERTH_E_CONFIG, "libvirt cannot read image '%s': %s",
                         image, why);
    else
        (void)berth_fail(&errand->error, BERTH_E_CONFIG,
                         "libvirt cannot read '%s' (%s), on which image '%s' lies", file, why,
                         image);
    return true;
}

/* Make it, and see that it is what was asked for: an overlay on this very image. */
static int make_overlay(struct errand *errand, virStoragePoolPtr pool, const char *volume,
                        const char *image)
{
    berth_cleanup(volume_freep) virStorageVolPtr made = NULL;
    char *xml = volume_xml_make(volume, image, image_bytes(errand, image));
    char backing[1024];
    char storage[64]; /* asked for now: libvirt forgets a failure when it is asked for anything */
    int r;

    (void)snprintf(storage, sizeof(storage), "%s", virStoragePoolGetName(pool));
    made = virStorageVolCreateXML(pool, xml, 0);
    free(xml);
    if (!made && fault_is(VIR_ERR_STORAGE_VOL_EXIST))
        return still_being_made(errand, volume);
    if (!made && (image_is_at_fault(errand, image) || storage_is_at_fault(errand, storage)))
        return errand->error.code;
    if (!made)
        return storage_blame(
            errand,
            fault(&errand->error, "image '%s': disk '%s' cannot be made on it", image, volume));
    r = backing_of(errand, made, volume, backing, sizeof(backing));
    if (r < 0)
        return storage_blame(errand, r);
    if (strcmp(backing, image) == 0)
        return 0;
    (void)virStorageVolDelete(made, 0);
    return berth_fail(&errand->error, BERTH_E_HOST, "disk '%s' lies on '%s', not on the image '%s'",
                      volume, backing, image);
}

int disk_renew(struct errand *errand, const char *storage, const char *volume, const char *image)
{
    berth_cleanup(storage_pool_freep) virStoragePoolPtr pool = NULL;
    int r = disk_drop(errand, storage, volume);

    if (r >= 0)
        r = storage_open(errand, storage, &pool);
    return r < 0 ? r : make_overlay(errand, pool, volume, image);
}

int disk_make(struct errand *errand, const char *storage, const char *volume, const char *image)
{
    berth_cleanup(storage_pool_freep) virStoragePoolPtr pool = NULL;
    berth_cleanup(volume_freep) virStorageVolPtr there = NULL;
    int r;

    r = check_name(errand, volume);
    if (r < 0)
        return r;
    r = storage_open(errand, storage, &pool);
    if (r < 0)
        return r;
    there = virStorageVolLookupByName(pool, volume);
    r = there ? is_overlay(errand, there, volume) : 0;
    if (r != 0)
        return r < 0 ? r : 0;
    r = there ? delete_volume(errand, there, volume) : 0;
    if (r < 0)
        return r;

    r = make_overlay(errand, pool, volume, image);
    if (r >= 0)
        machine_history_did(errand->args.uuid, machine_word_DISK);
    return r;
}

int disk_drop(struct errand *errand, const char *storage, const char *volume)
{
    berth_cleanup(storage_pool_freep) virStoragePoolPtr pool = NULL;
    berth_cleanup(volume_freep) virStorageVolPtr there = NULL;
    int r;

    r = check_name(errand, volume);
    if (r < 0)
        return r;
    r = storage_open(errand, storage, &pool);
    if (r < 0)
        return r;
    there = virStorageVolLookupByName(pool, volume);
    if (!there)
        return fault_is(VIR_ERR_NO_STORAGE_VOL) ? 0 : fault(&errand->error, "disk '%s'", volume);
    return delete_volume(errand, there, volume);
}
