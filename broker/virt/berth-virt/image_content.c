/* image_content.c - check the content of a qcow2 file through libvirt. */
#include "image_content.h"

#include <inttypes.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "backing_name.h"
#include "libvirt_error.h"
#include "qcow2.h"

/* The file that is checked. */
struct content {
    struct virt_request *request;
    virStorageVolPtr volume;
    const char *path;
    uint64_t size; /* of the file */
    struct qcow2 qcow2;
};

static void stream_freep(virStreamPtr *stream)
{
    if (*stream)
        (void)virStreamFree(berth_take(*stream));
}

static int cut_off(const struct content *content, const char *what, uint64_t at)
{
    return berth_fail(&content->request->error, BERTH_E_CONFIG,
                      "'%s' is truncated: it has %" PRIu64 " bytes, and %s is at %" PRIu64
                      "; copy it again",
                      content->path, content->size, what, at);
}

/* Read `size` bytes, or fewer when the stream ends before. */
static int receive(virStreamPtr stream, uint8_t *bytes, size_t size)
{
    size_t got = 0;

    while (got < size) {
        int part = virStreamRecv(stream, (char *)bytes + got, size - got);

        if (part < 0)
            return -1;
        if (part == 0)
            break;
        got += (size_t)part;
    }
    return got == size ? 0 : -1;
}

static int read_at(const struct content *content, uint64_t at, uint8_t *bytes, size_t size)
{
    struct virt_request *request = content->request;
    berth_cleanup(stream_freep) virStreamPtr stream = virStreamNew(request->connection, 0);

    if (!stream || virStorageVolDownload(content->volume, stream, at, size, 0) < 0)
        return libvirt_fail(&request->error, "file '%s' cannot be read", content->path);
    if (receive(stream, bytes, size) < 0) {
        (void)libvirt_fail(&request->error, "file '%s' cannot be read", content->path);
        (void)virStreamAbort(stream);
        return request->error.code;
    }
    return virStreamFinish(stream) < 0
               ? libvirt_fail(&request->error, "file '%s' cannot be read", content->path)
               : 0;
}

/* Read a part that the metadata names; CONFIG when the file ends before. To be freed. */
static int read_part(const struct content *content, const char *what, uint64_t at, size_t size,
                     uint8_t **ret)
{
    int r;

    if (at > content->size || size > content->size - at)
        return cut_off(content, what, at);
    *ret = berth_alloc(size);
    r = read_at(content, at, *ret, size);
    if (r < 0)
        free(berth_take(*ret));
    return r;
}

static int read_size(struct content *content)
{
    virStorageVolInfo info;

    if (virStorageVolGetInfoFlags(content->volume, &info, VIR_STORAGE_VOL_GET_PHYSICAL) < 0)
        return libvirt_fail(&content->request->error, "file '%s'", content->path);
    content->size = info.allocation;
    return 0;
}

static int read_header(struct content *content)
{
    struct virt_request *request = content->request;
    uint8_t bytes[QCOW2_HEADER_BYTES];
    size_t size = content->size < sizeof(bytes) ? (size_t)content->size : sizeof(bytes);
    int r = size > 0 ? read_at(content, 0, bytes, size) : 0;

    if (r < 0)
        return r;
    if (qcow2_header(bytes, size, &content->qcow2, &request->error) == 0)
        return 0;
    (void)berth_fail_in(&request->error, "'%s' is not a complete image", content->path);
    return request->error.code = BERTH_E_CONFIG;
}

/* libvirt passes QEMU a description of all files of the chain, and does not understand every name
 * that QEMU accepts. The named file is checked as the next one of the chain. */
static int check_backing(const struct content *content)
{
    const struct qcow2 *qcow2 = &content->qcow2;
    struct virt_request *request = content->request;
    berth_cleanup(berth_freep) uint8_t *name = NULL;
    struct berth_error why = { 0 };
    int r;

    if (!qcow2->backing_at)
        return 0;
    r = read_part(content, "the name of its backing file", qcow2->backing_at, qcow2->backing_bytes,
                  &name);
    if (r < 0 || backing_name_check((const char *)name, qcow2->backing_bytes, &why) == 0)
        return r;
    return berth_fail(&request->error, BERTH_E_CONFIG,
                      "'%s' names its backing file %s%s; give it a plain path with "
                      "'qemu-img rebase -u -F FORMAT -b PATH'",
                      content->path,
                      backing_name_is_json((const char *)name, qcow2->backing_bytes) ? "as json: "
                                                                                     : "",
                      why.text);
}

/* Does the file contain its last cluster, according to its refcounts? */
static int check_end(const struct content *content)
{
    const struct qcow2 *qcow2 = &content->qcow2;
    berth_cleanup(berth_freep) uint8_t *table = NULL;
    berth_cleanup(berth_freep) uint8_t *block = NULL;
    uint64_t at, first, last;
    int r;

    r = read_part(content, "its refcount table", qcow2->table_at, qcow2->table_bytes, &table);
    if (r < 0)
        return r;
    at = qcow2_last_block(qcow2, table, qcow2->table_bytes, &first);
    if (!at)
        return 0;
    r = read_part(content, "a refcount block", at, (size_t)qcow2->cluster_bytes, &block);
    if (r < 0)
        return r;
    last = qcow2_last_cluster(qcow2, block, (size_t)qcow2->cluster_bytes, first);
    return last >= content->size ? cut_off(content, "a cluster in use", last) : 0;
}

int image_is_encrypted(struct virt_request *request, const char *path)
{
    return berth_fail(&request->error, BERTH_E_CONFIG,
                      "'%s' is encrypted, which Berth does not support; decrypt it with 'qemu-img "
                      "convert' to an image that is not",
                      path);
}

int image_check_content(struct virt_request *request, virStorageVolPtr volume, const char *path)
{
    struct content content = { .request = request, .volume = volume, .path = path };
    const struct qcow2 *qcow2 = &content.qcow2;
    int r = read_size(&content);

    if (r >= 0)
        r = read_header(&content);
    if (r < 0)
        return r;
    if (qcow2->encrypted)
        return image_is_encrypted(request, path);
    if (qcow2->corrupt)
        return berth_fail(&request->error, BERTH_E_CONFIG,
                          "QEMU marked '%s' as corrupt; see 'qemu-img check'", path);
    r = check_backing(&content);
    if (r < 0)
        return r;
    if (qcow2->l1_at > content.size || qcow2->l1_bytes > content.size - qcow2->l1_at)
        return cut_off(&content, "its table of clusters", qcow2->l1_at);
    return qcow2->dirty ? 0 : check_end(&content);
}
