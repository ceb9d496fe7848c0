/* layers.c - find and delete external snapshots of a machine's disk. */
#include "layers.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "dir_pool.h"
#include "domain_xml.h"
#include "libvirt_error.h"
#include "xml.h"

void layers_free(struct layers *layers)
{
    for (size_t i = 0; i < layers->count; i++)
        free(layers->paths[i]);
    layers->count = 0;
}

static int add(struct virt_request *request, struct layers *layers, const char *path)
{
    for (size_t i = 0; i < layers->count; i++) {
        if (strcmp(layers->paths[i], path) == 0)
            return 0;
    }
    if (layers->count == LAYERS_MAX) {
        return berth_fail(&request->error, BERTH_E_DESKTOP, "'%s' has more than %d snapshot files",
                          request->machine, LAYERS_MAX);
    }
    layers->paths[layers->count++] = berth_strdup(path);
    return 0;
}

/* ---- files in any folder of the host ---- */

/* It is the machine's fault, unless nobody could tell. The error is filled already. */
static int machine_blame(struct virt_request *request)
{
    if (!libvirt_error_is_passing(request->error.code))
        request->error.code = BERTH_E_DESKTOP;
    return request->error.code;
}

/* 1 and *ret, 0 when there is no such file, or a code. */
static int volume_at(struct virt_request *request, const char *path, struct dir_pool *dir_pool,
                     virStorageVolPtr *ret)
{
    *ret = virStorageVolLookupByPath(request->connection, path);
    if (*ret)
        return 1;
    if (dir_pool_open(request, path, dir_pool) < 0) {
        (void)berth_fail_in(&request->error, "'%s': its disk '%s'", request->machine, path);
        return machine_blame(request);
    }
    *ret = virStorageVolLookupByName(dir_pool->pool, strrchr(path, '/') + 1);
    if (*ret)
        return 1;
    return libvirt_error_is(VIR_ERR_NO_STORAGE_VOL)
               ? 0
               : libvirt_fail(&request->error, "'%s': its disk '%s'", request->machine, path);
}

static int drop_file(struct virt_request *request, const char *path)
{
    berth_cleanup(dir_pool_close) struct dir_pool dir_pool = { 0 };
    virStorageVolPtr volume = NULL;
    int r = volume_at(request, path, &dir_pool, &volume);

    if (r == 1 && virStorageVolDelete(volume, 0) < 0 && !libvirt_error_is(VIR_ERR_NO_STORAGE_VOL))
        r = libvirt_fail(&request->error, "cannot delete");
    if (volume)
        (void)virStorageVolFree(volume);
    if (r >= 0)
        return 0;
    (void)berth_fail_in(&request->error,
                        "'%s': its snapshot file '%s' contains data of its user; "
                        "delete it by hand",
                        request->machine, path);
    return machine_blame(request);
}

int layers_drop(struct virt_request *request, const struct layers *layers)
{
    for (size_t i = 0; i < layers->count; i++) {
        int r = drop_file(request, layers->paths[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- the chain below a file ---- */

struct chain {
    const struct disk_paths *own;
    struct layers *layers;
};

/* The backing file of `path`; "" when it has none. 0 when there is no such file. */
static int backing_file_of(struct virt_request *request, const char *path, char *ret, size_t size)
{
    berth_cleanup(dir_pool_close) struct dir_pool dir_pool = { 0 };
    virStorageVolPtr volume = NULL;
    char *xml;
    int r = volume_at(request, path, &dir_pool, &volume);

    ret[0] = '\0';
    if (r != 1)
        return r;
    xml = virStorageVolGetXMLDesc(volume, 0);
    if (!xml) /* before the volume is given back: libvirt forgets the failure with that */
        r = libvirt_fail(&request->error, "'%s': its disk '%s'", request->machine, path);
    (void)virStorageVolFree(volume);
    if (!xml)
        return r;
    volume_xml_backing(xml, strlen(xml), ret, size);
    free(xml);
    return 1;
}

static int own_number(const struct disk_paths *own, const char *path)
{
    for (int i = 0; i < DISK_NAMES; i++) {
        if (own->path[i][0] && strcmp(own->path[i], path) == 0)
            return i;
    }
    return -1;
}

/* Is it one of the machine's own disks? The files above it are its layers. */
static int reached(struct virt_request *request, const struct chain *chain, int own,
                   const struct layers *passed)
{
    int r = 0;

    chain->layers->own = own;
    for (size_t i = 0; r >= 0 && i < passed->count; i++)
        r = add(request, chain->layers, passed->paths[i]);
    return r < 0 ? r : 1;
}

/* Follow the backing files from `top`: 1 when one of the machine's own disks is reached (the layers
 * above it are recorded), 0 when the chain ends elsewhere, or a code. A missing `top` counts as
 * reached: it contains no data.
 */
static int walk(struct virt_request *request, const struct chain *chain, const char *top)
{
    berth_cleanup(layers_free) struct layers passed = { .own = -1 };
    char path[1024];
    char next[1024];

    copy_text(path, top);
    for (int i = 0; path[0] && i < LAYERS_MAX; i++) {
        int own = own_number(chain->own, path);
        int r;

        if (own >= 0)
            return reached(request, chain, own, &passed);
        r = backing_file_of(request, path, next, sizeof(next));
        if (r == 0)
            return passed.count == 0;
        if (r > 0)
            r = add(request, &passed, path);
        if (r < 0)
            return r;
        copy_text(path, next);
    }
    return 0;
}

/* ---- the machine's disks and snapshots ---- */

static int find_main(struct virt_request *request, virDomainPtr domain, const struct chain *chain)
{
    char *xml = virDomainGetXMLDesc(domain, 0);
    struct domain_disk disk;
    int r;

    if (!xml)
        return libvirt_fail(&request->error, "description of '%s'", request->machine);
    r = domain_xml_disk(xml, strlen(xml), &disk, &request->error);
    free(xml);
    if (r < 0)
        return r;
    if (disk.copied_to[0]) {
        return berth_fail(&request->error, BERTH_E_DESKTOP,
                          "'%s': a block job copies its disk to '%s'; end it with 'virsh blockjob "
                          "--abort' and delete that file",
                          request->machine, disk.copied_to);
    }
    if (disk.volume[0]) {
        r = disk_path(request, disk.pool, disk.volume, disk.path);
        if (r < 0)
            return r;
    }
    r = walk(request, chain, disk.path);
    if (r == 0 && disk.path[0]) {
        return berth_fail(&request->error, BERTH_E_DESKTOP,
                          "'%s': its disk was replaced by '%s', which is not based on its own; "
                          "restore its disk, or delete the machine and that file by hand",
                          request->machine, disk.path);
    }
    return r < 0 ? r : 0;
}

struct snapshots {
    virDomainSnapshotPtr *all;
    int count;
};

static void snapshots_free(struct snapshots *snapshots)
{
    for (int i = 0; i < snapshots->count; i++)
        (void)virDomainSnapshotFree(snapshots->all[i]);
    free(snapshots->all);
}

/* The files that one snapshot names: its memory, and disks that are based on one of the machine's
 * own. */
static int find_of_snapshot(struct virt_request *request, virDomainSnapshotPtr snapshot,
                            const struct chain *chain)
{
    berth_cleanup(xml_freep) xmlDoc *doc = NULL;
    char *xml = virDomainSnapshotGetXMLDesc(snapshot, 0);
    const xmlNode *root;
    const xmlNode *disk;
    char path[1024];
    int r = 0;

    if (!xml)
        return libvirt_fail(&request->error, "a snapshot of '%s'", request->machine);
    doc = xml_parse(xml, strlen(xml), XML_ANSWER_MAX, "domainsnapshot", &request->error);
    free(xml);
    if (!doc)
        return request->error.code;
    root = xmlDocGetRootElement(doc);
    xml_get(xml_child(root, "memory", NULL), "file", path, sizeof(path));
    if (path[0])
        r = add(request, chain->layers, path);
    disk = xml_child(xml_child(root, "disks", NULL), "disk", NULL);
    for (; disk && r >= 0; disk = xml_next(disk)) {
        xml_get(xml_child(disk, "source", NULL), "file", path, sizeof(path));
        if (path[0] && xml_is(disk, "snapshot", "external"))
            r = walk(request, chain, path);
    }
    return r < 0 ? r : 0;
}

static int list_snapshots(struct virt_request *request, virDomainPtr domain, struct snapshots *ret)
{
    ret->count = virDomainListAllSnapshots(domain, &ret->all, 0);
    if (ret->count >= 0)
        return 0;
    *ret = (struct snapshots){ 0 };
    return libvirt_error_is(VIR_ERR_NO_SUPPORT)
               ? 0
               : libvirt_fail(&request->error, "snapshots of '%s'", request->machine);
}

static int find_snapshots(struct virt_request *request, virDomainPtr domain,
                          const struct chain *chain)
{
    berth_cleanup(snapshots_free) struct snapshots snapshots = { 0 };
    int own = chain->layers->own; /* an old snapshot does not say what is in use */
    int r = list_snapshots(request, domain, &snapshots);

    for (int i = 0; i < snapshots.count && r >= 0; i++)
        r = find_of_snapshot(request, snapshots.all[i], chain);
    chain->layers->own = own;
    return r < 0 ? r : 0;
}

/* The test driver has no files, and no flag to keep them. */
static bool forget(virDomainSnapshotPtr snapshot)
{
    return virDomainSnapshotDelete(snapshot, VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY) == 0 ||
           (libvirt_error_is(VIR_ERR_INVALID_ARG) && virDomainSnapshotDelete(snapshot, 0) == 0);
}

int layers_forget(struct virt_request *request, virDomainPtr domain)
{
    berth_cleanup(snapshots_free) struct snapshots snapshots = { 0 };
    int r = list_snapshots(request, domain, &snapshots);

    for (int i = 0; i < snapshots.count && r >= 0; i++) {
        if (!forget(snapshots.all[i]))
            r = libvirt_fail(&request->error, "a snapshot of '%s'", request->machine);
    }
    return r;
}

int layers_find(struct virt_request *request, virDomainPtr domain, const char *storage,
                const struct disk_names *names, struct layers *ret)
{
    struct disk_paths own;
    struct chain chain = { .own = &own, .layers = ret };
    int r;

    *ret = (struct layers){ .own = -1 };
    r = disk_paths(request, storage, names, &own);
    if (r >= 0)
        r = find_main(request, domain, &chain);
    return r < 0 ? r : find_snapshots(request, domain, &chain);
}
