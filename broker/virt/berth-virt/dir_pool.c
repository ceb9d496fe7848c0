/* dir_pool.c - find or create a storage pool for a folder. */
#include "dir_pool.h"

#include <inttypes.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "domain_xml.h"
#include "libvirt_error.h"
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

static virStoragePoolPtr find(struct virt_request *request, const char *path)
{
    virStoragePoolPtr pool = virStoragePoolLookupByTargetPath(request->connection, path);

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

/* libvirt does not look up inactive pools by path, and refuses a second pool for the same folder.
 */
static bool is_of_inactive_pool(struct virt_request *request, const char *folder, char *ret,
                                size_t size)
{
    virStoragePoolPtr *pools = NULL;
    char path[1024];
    bool found = false;
    int count = virConnectListAllStoragePools(request->connection, &pools,
                                              VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE);

    for (int i = 0; i < count; i++) {
        path_of(pools[i], path, sizeof(path));
        if (!found && strcmp(path, folder) == 0) {
            found = true;
            berth_copy_text(ret, size, virStoragePoolGetName(pools[i]));
        }
        (void)virStoragePoolFree(pools[i]);
    }
    free(pools);
    return found;
}

/* libvirt fails to read the whole folder because of one truncated image in it. */
static bool gave_no_cause(void)
{
    const virError *last = virGetLastError();

    return !last || !last->message || strstr(last->message, "cause is unknown");
}

/* Say why no pool could be created for the folder. */
static int no_pool(struct virt_request *request, const char *folder)
{
    char name[80];

    if (gave_no_cause())
        (void)berth_fail(
            &request->error, BERTH_E_HOST,
            "libvirt cannot read the folder '%s'; look there for a truncated disk image", folder);
    else
        (void)libvirt_fail(&request->error, "folder '%s'", folder);
    if (is_of_inactive_pool(request, folder, name, sizeof(name)))
        (void)storage_is_inactive(&request->error, name, NULL);
    return request->error.code;
}

static virStoragePoolPtr make(struct virt_request *request, const char *path)
{
    virStoragePoolPtr pool;
    char mark[40];
    char *xml;

    (void)snprintf(mark, sizeof(mark), "image-%ld-%" PRIu64, (long)getpid(), request->id);
    xml = dir_pool_xml_make(request->args.uuid[0] ? request->args.uuid : mark, path);
    pool = virStoragePoolCreateXML(request->connection, xml, 0);
    free(xml);
    return pool;
}

int dir_pool_open(struct virt_request *request, const char *path, struct dir_pool *ret)
{
    const char *slash = strrchr(path, '/');
    char folder[1024];

    *ret = (struct dir_pool){ 0 };
    if (path[0] != '/' || (size_t)(slash - path) >= sizeof(folder))
        return berth_fail(&request->error, BERTH_E_INVALID,
                          "'%s' is not an absolute path of a file", path);
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash == path ? 1 : slash - path), path);
    ret->pool = find(request, folder);
    if (ret->pool)
        return 0;
    ret->pool = make(request, folder);
    ret->transient = ret->pool;
    if (!ret->pool)
        (void)no_pool(request, folder);
    if (!ret->pool)
        ret->pool = find(request, folder); /* another lane created it meanwhile */
    return ret->pool ? 0 : request->error.code;
}

void dir_pool_close(struct dir_pool *dir_pool)
{
    if (!dir_pool->pool)
        return;
    if (dir_pool->transient)
        (void)virStoragePoolDestroy(dir_pool->pool); /* the pool, not its files */
    (void)virStoragePoolFree(berth_take(dir_pool->pool));
}
