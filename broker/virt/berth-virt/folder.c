/* folder.c - see folder.h. */
#include "folder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "domain_xml.h"
#include "fault.h"

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
        (void)fault(&errand->error, "folder '%s'", folder);
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
