/* layers.c - see layers.h. */
#include "layers.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "domain_xml.h"
#include "fault.h"
#include "folder.h"
#include "xml.h"

void layers_free(struct layers *layers)
{
    for (size_t i = 0; i < layers->count; i++)
        free(layers->paths[i]);
    layers->count = 0;
}

static int add(struct errand *errand, struct layers *layers, const char *path)
{
    for (size_t i = 0; i < layers->count; i++) {
        if (strcmp(layers->paths[i], path) == 0)
            return 0;
    }
    if (layers->count == LAYERS_MAX) {
        return berth_fail(&errand->error, BERTH_E_DESKTOP, "'%s' has more than %d snapshot files",
                          errand->machine, LAYERS_MAX);
    }
    layers->paths[layers->count++] = berth_strdup(path);
    return 0;
}

/* ---- files that may lie in any folder of the host ---- */

/* It is the machine's fault, unless nobody could tell. The error is filled already. */
static int machine_blame(struct errand *errand)
{
    if (!fault_is_passing(errand->error.code))
        errand->error.code = BERTH_E_DESKTOP;
    return errand->error.code;
}

/* 1 and *ret, 0 when there is no such file, or a code. */
static int volume_at(struct errand *errand, const char *path, struct folder *folder,
                     virStorageVolPtr *ret)
{
    *ret = virStorageVolLookupByPath(errand->connection, path);
    if (*ret)
        return 1;
    if (folder_open(errand, path, folder) < 0) {
        (void)berth_fail_in(&errand->error, "'%s': its disk '%s'", errand->machine, path);
        return machine_blame(errand);
    }
    *ret = virStorageVolLookupByName(folder->pool, strrchr(path, '/') + 1);
    if (*ret)
        return 1;
    return fault_is(VIR_ERR_NO_STORAGE_VOL)
               ? 0
               : fault(&errand->error, "'%s': its disk '%s'", errand->machine, path);
}

static int drop_file(struct errand *errand, const char *path)
{
    berth_cleanup(folder_close) struct folder folder = { 0 };
    virStorageVolPtr volume = NULL;
    int r = volume_at(errand, path, &folder, &volume);

    if (r == 1 && virStorageVolDelete(volume, 0) < 0 && !fault_is(VIR_ERR_NO_STORAGE_VOL))
        r = fault(&errand->error, "cannot delete");
    if (volume)
        (void)virStorageVolFree(volume);
    if (r >= 0)
        return 0;
    (void)berth_fail_in(&errand->error,
                        "'%s': its snapshot file '%s' holds what its user wrote; "
                        "delete it by hand",
                        errand->machine, path);
    return machine_blame(errand);
}

int layers_drop(struct errand *errand, const struct layers *layers)
{
    for (size_t i = 0; i < layers->count; i++) {
        int r = drop_file(errand, layers->paths[i]);

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

/* What the file at `path` lies on; "" when on nothing. 0 when there is no such file. */
static int below(struct errand *errand, const char *path, char *ret, size_t size)
{
    berth_cleanup(folder_close) struct folder folder = { 0 };
    virStorageVolPtr volume = NULL;
    char *xml;
    int r = volume_at(errand, path, &folder, &volume);

    ret[0] = '\0';
    if (r != 1)
        return r;
    xml = virStorageVolGetXMLDesc(volume, 0);
    if (!xml) /* before the volume is given back: libvirt forgets the failure with that */
        r = fault(&errand->error, "'%s': its disk '%s'", errand->machine, path);
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

/* A disk of its own is at the bottom: what lies on it is its layers. */
static int reached(struct errand *errand, const struct chain *chain, int own,
                   const struct layers *passed)
{
    int r = 0;

    chain->layers->own = own;
    for (size_t i = 0; r >= 0 && i < passed->count; i++)
        r = add(errand, chain->layers, passed->paths[i]);
    return r < 0 ? r : 1;
}

/* Go down from `top`: 1 when a disk of its own is reached (the layers on the way are noted), 0 when
 * the chain ends elsewhere, or a code. A top that is gone counts as reached: there is nothing to
 * read in it.
 */
static int walk(struct errand *errand, const struct chain *chain, const char *top)
{
    berth_cleanup(layers_free) struct layers passed = { .own = -1 };
    char path[1024];
    char next[1024];

    (void)snprintf(path, sizeof(path), "%s", top);
    for (int i = 0; path[0] && i < LAYERS_MAX; i++) {
        int own = own_number(chain->own, path);
        int r;

        if (own >= 0)
            return reached(errand, chain, own, &passed);
        r = below(errand, path, next, sizeof(next));
        if (r == 0)
            return passed.count == 0;
        if (r > 0)
            r = add(errand, &passed, path);
        if (r < 0)
            return r;
        (void)snprintf(path, sizeof(path), "%s", next);
    }
    return 0;
}

/* ---- what the machine has ---- */

static int find_main(struct errand *errand, virDomainPtr domain, const struct chain *chain)
{
    char *xml = virDomainGetXMLDesc(domain, 0);
    struct domain_disk disk;
    int r;

    if (!xml)
        return fault(&errand->error, "description of '%s'", errand->machine);
    r = domain_xml_disk(xml, strlen(xml), &disk, &errand->error);
    free(xml);
    if (r < 0)
        return r;
    if (disk.copied_to[0]) {
        return berth_fail(&errand->error, BERTH_E_DESKTOP,
                          "'%s': a block job copies its disk to '%s'; end it with 'virsh blockjob "
                          "--abort' and delete that file",
                          errand->machine, disk.copied_to);
    }
    if (disk.volume[0]) {
        r = disk_path(errand, disk.pool, disk.volume, disk.path);
        if (r < 0)
            return r;
    }
    r = walk(errand, chain, disk.path);
    if (r == 0 && disk.path[0]) {
        return berth_fail(&errand->error, BERTH_E_DESKTOP,
                          "'%s': somebody gave it the disk '%s', which is not on its own; put its "
                          "disk back, or delete the machine and that file by hand",
                          errand->machine, disk.path);
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

/* The files that one snapshot names: disks only when they lie on ours, and its memory. */
static int find_of_snapshot(struct errand *errand, virDomainSnapshotPtr snapshot,
                            const struct chain *chain)
{
    berth_cleanup(xml_freep) xmlDoc *doc = NULL;
    char *xml = virDomainSnapshotGetXMLDesc(snapshot, 0);
    const xmlNode *root;
    const xmlNode *disk;
    char path[1024];
    int r = 0;

    if (!xml)
        return fault(&errand->error, "a snapshot of '%s'", errand->machine);
    doc = xml_parse(xml, strlen(xml), XML_ANSWER_MAX, "domainsnapshot", &errand->error);
    free(xml);
    if (!doc)
        return errand->error.code;
    root = xmlDocGetRootElement(doc);
    xml_get(xml_child(root, "memory", NULL), "file", path, sizeof(path));
    if (path[0])
        r = add(errand, chain->layers, path);
    disk = xml_child(xml_child(root, "disks", NULL), "disk", NULL);
    for (; disk && r >= 0; disk = xml_next(disk)) {
        xml_get(xml_child(disk, "source", NULL), "file", path, sizeof(path));
        if (path[0] && xml_is(disk, "snapshot", "external"))
            r = walk(errand, chain, path);
    }
    return r < 0 ? r : 0;
}

static int list_snapshots(struct errand *errand, virDomainPtr domain, struct snapshots *ret)
{
    ret->count = virDomainListAllSnapshots(domain, &ret->all, 0);
    if (ret->count >= 0)
        return 0;
    *ret = (struct snapshots){ 0 };
    return fault_is(VIR_ERR_NO_SUPPORT)
               ? 0
               : fault(&errand->error, "snapshots of '%s'", errand->machine);
}

static int find_snapshots(struct errand *errand, virDomainPtr domain, const struct chain *chain)
{
    berth_cleanup(snapshots_free) struct snapshots snapshots = { 0 };
    int own = chain->layers->own; /* a snapshot of long ago does not tell what is in use */
    int r = list_snapshots(errand, domain, &snapshots);

    for (int i = 0; i < snapshots.count && r >= 0; i++)
        r = find_of_snapshot(errand, snapshots.all[i], chain);
    chain->layers->own = own;
    return r < 0 ? r : 0;
}

/* The test driver has no files, and knows no flag for leaving them alone. */
static bool forget(virDomainSnapshotPtr snapshot)
{
    return virDomainSnapshotDelete(snapshot, VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY) == 0 ||
           (fault_is(VIR_ERR_INVALID_ARG) && virDomainSnapshotDelete(snapshot, 0) == 0);
}

int layers_forget(struct errand *errand, virDomainPtr domain)
{
    berth_cleanup(snapshots_free) struct snapshots snapshots = { 0 };
    int r = list_snapshots(errand, domain, &snapshots);

    for (int i = 0; i < snapshots.count && r >= 0; i++) {
        if (!forget(snapshots.all[i]))
            r = fault(&errand->error, "a snapshot of '%s'", errand->machine);
    }
    return r;
}

int layers_find(struct errand *errand, virDomainPtr domain, const char *storage,
                const struct disk_names *names, struct layers *ret)
{
    struct disk_paths own;
    struct chain chain = { .own = &own, .layers = ret };
    int r;

    *ret = (struct layers){ .own = -1 };
    r = disk_paths(errand, storage, names, &own);
    if (r >= 0)
        r = find_main(errand, domain, &chain);
    return r < 0 ? r : find_snapshots(errand, domain, &chain);
}
