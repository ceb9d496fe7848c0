/* storage.c - see storage.h. */
#include "storage.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "domain_xml.h"
#include "fault.h"

void storage_pool_freep(virStoragePoolPtr *pool)
{
    if (*pool)
        (void)virStoragePoolFree(berth_take(*pool));
}

int storage_blame(struct errand *errand, int r)
{
    return fault_is_passing(r) ? r : (errand->error.code = BERTH_E_CONFIG);
}

int storage_is_inactive(struct berth_error *reterr, const char *name, const char *why)
{
    if (why)
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "storage pool '%s' is not active: %s; repair that on the host, then: "
                          "virsh pool-start %s",
                          name, why, name);
    return berth_fail(reterr, BERTH_E_CONFIG,
                      "storage pool '%s' is not active; start it on the host: virsh pool-start %s",
                      name, name);
}

static int is_missing(struct errand *errand, const char *name)
{
    if (!fault_is(VIR_ERR_NO_STORAGE_POOL))
        return storage_blame(errand, fault(&errand->error, "storage pool '%s'", name));
    return berth_fail(
        &errand->error, BERTH_E_CONFIG,
        "no storage pool '%s'; define it on the host with 'virsh pool-define-as', or give "
        "the host another",
        name);
}

/* Disks are qcow2 files: a volume group or a Ceph pool holds none. */
static int check_type(struct errand *errand, virStoragePoolPtr pool, const char *name)
{
    static const char *const of_files[] = { "dir", "fs", "netfs", "gluster", "vstorage" };
    berth_cleanup(berth_freep) char *xml = virStoragePoolGetXMLDesc(pool, 0);
    char type[32];

    if (!xml)
        return storage_blame(errand, fault(&errand->error, "storage pool '%s'", name));
    pool_xml_type(xml, strlen(xml), type, sizeof(type));
    for (size_t i = 0; i < BERTH_COUNT(of_files); i++) {
        if (strcmp(type, of_files[i]) == 0)
            return 0;
    }
    return berth_fail(&errand->error, BERTH_E_CONFIG,
                      "storage pool '%s' is of type '%s', which holds no files; give the host one "
                      "of type dir, fs or netfs",
                      name, type);
}

static int start(struct errand *errand, virStoragePoolPtr pool, const char *name)
{
    struct berth_error why = { 0 };
    int active;
    int r;

    if (virStoragePoolIsActive(pool) != 0 || virStoragePoolCreate(pool, 0) == 0)
        return 0;
    r = fault(&why, "it does not start");
    active = virStoragePoolIsActive(pool);
    if (active == 1)
        return 0; /* another lane was first */
    if (active < 0)
        r = fault(&why, "storage pool '%s'", name);
    if (fault_is_passing(r)) {
        errand->error = why;
        return r;
    }
    return storage_is_inactive(&errand->error, name, why.text);
}

int storage_open(struct errand *errand, const char *name, virStoragePoolPtr *ret)
{
    int r;

    *ret = virStoragePoolLookupByName(errand->connection, name);
    if (!*ret)
        return is_missing(errand, name);
    r = check_type(errand, *ret, name);
    return r < 0 ? r : start(errand, *ret, name);
}

/* libvirt gives the words of the C library or of qemu-img, in a sentence of no class of its own. */
bool storage_is_at_fault(struct errand *errand, const char *name)
{
    static const struct {
        const char *words, *what, *to_do;
    } rows[] = {
        { "No space left", "has no space left", "make room there" },
        { "Disk quota exceeded", "has no space left (quota)", "make room there" },
        { "Permission denied", "may not be written to by libvirt", "see to its permissions there" },
        { "Read-only file system", "may not be written to", "mount it for writing" },
    };
    const virError *last = virGetLastError();

    for (size_t i = 0; last && last->message && i < BERTH_COUNT(rows); i++) {
        if (!strstr(last->message, rows[i].words))
            continue;
        (void)fault(&errand->error, "storage pool '%s' %s; %s", name, rows[i].what, rows[i].to_do);
        errand->error.code = BERTH_E_CONFIG;
        return true;
    }
    return false;
}
