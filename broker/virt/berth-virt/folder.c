/* folder.c - see folder.h. */
#include "folder.h"

#include <inttypes.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "domain_xml.h"
#include "fault.h"
#include "storage.h"

/* A refresh of a storage pool is refused while a disk is being made in it. */
#define BUSY_TRIES 20
#define BUSY_PAUSE_MS 100

static void reread(virStoragePoolPtr pool)
{
    const struct timespec pause = { .tv_nsec = BUSY_PAUSE_MS * 1000000L };

    for (int i = 0; virStoragePoolRefresh(pool, 0) < 0 && i < BUSY_TRIES; i++)
        (void)nanosleep(&pause, NULL);
}

static virStoragePoolPtr find(struct errand *errand, const char *path)
{
    virStoragePoolPtr pool = virStoragePoolLookupByTargetPath(errand->connection, path);

    if (!pool)
        return NULL;
    if (virStoragePoolIsActive(pool) == 0)
        (void)virStoragePoolCreate(pool, 0);
    reread(pool);
    return pool;
}

/* The path of a storage pool of folders, or "". */
static void path_of(virStoragePoolPtr pool, char *ret, size_t size)
{
    berth_cleanup(berth_freep) char *xml = virStoragePoolGetXMLDesc(pool, 0);

    ret[0] = '\0';
    if (xml)
        pool_xml_path(xml, strlen(xml), ret, size);
}

/* libvirt finds no pool by its path that is not active, and makes no second one beside it. */
static bool is_of_inactive_pool(struct errand *errand, const char *folder, char *ret, size_t size)
{
    virStoragePoolPtr *pools = NULL;
    char path[1024];
    bool found = false;
    int count = virConnectListAllStoragePools(errand->connection, &pools,
                                              VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE);

    for (int i = 0; i < count; i++) {
        path_of(pools[i], path, sizeof(path));
        if (!found && strcmp(path, folder) == 0) {
            found = true;
            (void)snprintf(ret, size, "%s", virStoragePoolGetName(pools[i]));
        }
        (void)virStoragePoolFree(pools[i]);
    }
    free(pools);
    return found;
}

/* It gives up the whole folder for one file that has the beginning of an image and no more. */
static bool gave_no_cause(void)
{
    const virError *last = virGetLastError();

    return !last || !last->message || strstr(last->message, "cause is unknown");
}

/* Why no pool could be made for the folder. */
static int no_pool(struct errand *errand, const char *folder)
{
    char name[80];

    if (gave_no_cause())
        (void)berth_fail(&errand->error, BERTH_E_HOST,
                         "libvirt cannot read the folder '%s'; look there for a disk image that is "
                         "cut off",
                         folder);
    else
        (void)fault(&errand->error, "folder '%s'", folder);
    if (is_of_inactive_pool(errand, folder, name, sizeof(name)))
        (void)storage_is_inactive(&errand->error, name, NULL);
    return errand->error.code;
}

static virStoragePoolPtr make(struct errand *errand, const char *path)
{
    virStoragePoolPtr pool;
    char mark[40];
    char *xml;

    (void)snprintf(mark, sizeof(mark), "image-%ld-%" PRIu64, (long)getpid(), errand->id);
    xml = folder_xml_make(errand->args.uuid[0] ? errand->args.uuid : mark, path);
    pool = virStoragePoolCreateXML(errand->connection, xml, 0);
    free(xml);
    return pool;
}

int folder_open(struct errand *errand, const char *path, struct folder *ret)
{
    const char *slash = strrchr(path, '/');
    char folder[1024];

    *ret = (struct folder){ 0 };
    if (path[0] != '/' || (size_t)(slash - path) >= sizeof(folder))
        return berth_fail(&errand->error, BERTH_E_INVALID, "'%s' is no path of a file", path);
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash == path ? 1 : slash - path), path);
    ret->pool = find(errand, folder);
    if (ret->pool)
        return 0;
    ret->pool = make(errand, folder);
    ret->made = ret->pool;
    if (!ret->pool)
        (void)no_pool(errand, folder);
    if (!ret->pool)
        ret->pool = find(errand, folder); /* another lane made it meanwhile */
    return ret->pool ? 0 : errand->error.code;
}

void folder_close(struct folder *folder)
{
    if (!folder->pool)
        return;
    if (folder->made)
        (void)virStoragePoolDestroy(folder->pool); /* the pool, not its files */
    (void)virStoragePoolFree(berth_take(folder->pool));
}
