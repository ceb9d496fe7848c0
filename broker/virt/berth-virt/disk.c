/* disk.c - linked clones in a libvirt storage pool. */
#include "disk.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "domain_xml.h"
#include "fault.h"
#include "machine_history.h"
#include "xml.h"

/* Size of an overlay where neither the pool nor the driver can tell the image's: libvirt's test
 * driver only, which has no files and insists on a number.
 */
#define UNTOLD_BYTES ((uint64_t)10 << 20)

static void pool_freep(virStoragePoolPtr *pool)
{
    if (*pool)
        (void)virStoragePoolFree(berth_take(*pool));
}

static void volume_freep(virStorageVolPtr *volume)
{
    if (*volume)
        (void)virStorageVolFree(berth_take(*volume));
}

static int find_pool(struct errand *errand, const char *storage, virStoragePoolPtr *ret)
{
    *ret = virStoragePoolLookupByName(errand->connection, storage);
    if (!*ret)
        return fault(&errand->error, "storage pool '%s'", storage);
    /* A pool that is not set to start by itself is off after the host came up. */
    if (virStoragePoolIsActive(*ret) == 0 && virStoragePoolCreate(*ret, 0) < 0)
        return fault(&errand->error, "storage pool '%s' is off", storage);
    return 0;
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

/* Is it an overlay? What was cut off while it was made has no backing file. */
static bool is_overlay(virStorageVolPtr volume)
{
    berth_cleanup(xml_freep) xmlDoc *doc = NULL;
    char *text = virStorageVolGetXMLDesc(volume, 0);

    doc = text ? xml_parse(text, strlen(text), XML_ANSWER_MAX, "volume", NULL) : NULL;
    free(text);
    if (!doc)
        return false;
    return xml_child(xml_child(xmlDocGetRootElement(doc), "backingStore", NULL), "path", NULL);
}

static int check_name(struct errand *errand, const char *volume)
{
    if (strncmp(volume, DISK_PREFIX, strlen(DISK_PREFIX)) == 0)
        return 0;
    return berth_fail(&errand->error, BERTH_E_DENIED,
                      "disk '%s' is not named '" DISK_PREFIX "...': left alone", volume);
}

int disk_make(struct errand *errand, const char *storage, const char *volume, const char *image)
{
    berth_cleanup(pool_freep) virStoragePoolPtr pool = NULL;
    berth_cleanup(volume_freep) virStorageVolPtr made = NULL;
    berth_cleanup(volume_freep) virStorageVolPtr there = NULL;
    char *xml;
    int r;

    r = check_name(errand, volume);
    if (r < 0)
        return r;
    r = find_pool(errand, storage, &pool);
    if (r < 0)
        return r;
    there = virStorageVolLookupByName(pool, volume);
    if (there && is_overlay(there))
        return 0;
    if (there && virStorageVolDelete(there, 0) < 0)
        return fault(&errand->error, "disk '%s' is half-made and cannot be deleted", volume);

    xml = volume_xml_make(volume, image, image_bytes(errand, image));
    made = virStorageVolCreateXML(pool, xml, 0);
    free(xml);
    if (!made)
        return fault(&errand->error, "disk '%s' on '%s'", volume, image);
    machine_history_did(errand->args.uuid, machine_word_DISK);
    return 0;
}

int disk_drop(struct errand *errand, const char *storage, const char *volume)
{
    berth_cleanup(pool_freep) virStoragePoolPtr pool = NULL;
    berth_cleanup(volume_freep) virStorageVolPtr there = NULL;
    int r;

    r = check_name(errand, volume);
    if (r < 0)
        return r;
    r = find_pool(errand, storage, &pool);
    if (r < 0)
        return r;
    there = virStorageVolLookupByName(pool, volume);
    if (!there)
        return fault_is(VIR_ERR_NO_STORAGE_VOL) ? 0 : fault(&errand->error, "disk '%s'", volume);
    if (virStorageVolDelete(there, 0) < 0 && !fault_is(VIR_ERR_NO_STORAGE_VOL))
        return fault(&errand->error, "disk '%s'", volume);
    return 0;
}
