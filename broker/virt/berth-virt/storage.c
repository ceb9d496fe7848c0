/* storage.c - open the storage pool of a host, and explain why that fails. */
#include "storage.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "domain_xml.h"
#include "libvirt_error.h"

void storage_pool_freep(virStoragePoolPtr *pool)
{
    if (*pool)
        (void)virStoragePoolFree(berth_take(*pool));
}

int storage_config_error(struct virt_request *request, int r)
{
    return libvirt_error_is_passing(r) ? r : (request->error.code = BERTH_E_CONFIG);
}

int storage_is_inactive(struct berth_error *reterr, const char *name, const char *why)
{
    if (why)
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "storage pool '%s' is not active: %s; repair that on the host, then run "
                          "virsh pool-start %s",
                          name, why, name);
    return berth_fail(reterr, BERTH_E_CONFIG,
                      "storage pool '%s' is not active; start it on the host: virsh pool-start %s",
                      name, name);
}

static int is_missing(struct virt_request *request, const char *name)
{
    if (!libvirt_error_is(VIR_ERR_NO_STORAGE_POOL))
        return storage_config_error(request,
                                    libvirt_fail(&request->error, "storage pool '%s'", name));
    return berth_fail(
        &request->error, BERTH_E_CONFIG,
        "no storage pool '%s'; define it on the host with 'virsh pool-define-as', or give "
        "the host another",
        name);
}

/* Disks are qcow2 files, which a volume group or a Ceph pool cannot contain. */
static int check_type(struct virt_request *request, virStoragePoolPtr pool, const char *name)
{
    static const char *const of_files[] = { "dir", "fs", "netfs", "gluster", "vstorage" };
    berth_cleanup(berth_freep) char *xml = virStoragePoolGetXMLDesc(pool, 0);
    char type[32];

    if (!xml)
        return storage_config_error(request,
                                    libvirt_fail(&request->error, "storage pool '%s'", name));
    pool_xml_type(xml, strlen(xml), type, sizeof(type));
    for (size_t i = 0; i < BERTH_COUNT(of_files); i++) {
        if (strcmp(type, of_files[i]) == 0)
            return 0;
    }
    return berth_fail(&request->error, BERTH_E_CONFIG,
                      "storage pool '%s' is of type '%s', which has no files; give the host one "
                      "of type dir, fs or netfs",
                      name, type);
}

static int start(struct virt_request *request, virStoragePoolPtr pool, const char *name)
{
    struct berth_error why = { 0 };
    int active;
    int r;

    if (virStoragePoolIsActive(pool) != 0 || virStoragePoolCreate(pool, 0) == 0)
        return 0;
    r = libvirt_fail(&why, "it does not start");
    active = virStoragePoolIsActive(pool);
    if (active == 1)
        return 0; /* another lane has started it */
    if (active < 0)
        r = libvirt_fail(&why, "storage pool '%s'", name);
    if (libvirt_error_is_passing(r)) {
        request->error = why;
        return r;
    }
    return storage_is_inactive(&request->error, name, why.text);
}

int storage_open(struct virt_request *request, const char *name, virStoragePoolPtr *ret)
{
    int r;

    *ret = virStoragePoolLookupByName(request->connection, name);
    if (!*ret)
        return is_missing(request, name);
    r = check_type(request, *ret, name);
    return r < 0 ? r : start(request, *ret, name);
}

/* libvirt reports these as general errors with the message of the C library or of qemu-img. */
bool storage_is_at_fault(struct virt_request *request, const char *name)
{
    static const struct {
        const char *words, *what, *to_do;
    } rows[] = {
        { "No space left", "has no space left", "make room there" },
        { "Disk quota exceeded", "has no space left (quota)", "make room there" },
        { "Permission denied", "may not be written to by libvirt",
          "correct its permissions there" },
        { "Read-only file system", "may not be written to", "mount it for writing" },
    };
    const virError *last = virGetLastError();

    for (size_t i = 0; last && last->message && i < BERTH_COUNT(rows); i++) {
        if (!strstr(last->message, rows[i].words))
            continue;
        (void)libvirt_fail(&request->error, "storage pool '%s' %s; %s", name, rows[i].what,
                           rows[i].to_do);
        request->error.code = BERTH_E_CONFIG;
        return true;
    }
    return false;
}
