/* image.c - check that disks can be created on an image, and machines booted from it, on this host.
 *
 * Through libvirt, because the files may be on another machine. Checked before a version of an
 * image is published, and before desktops are replaced by it.
 */
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "dir_pool.h"
#include "domain_xml.h"
#include "image_content.h"
#include "libvirt_error.h"
#include "virt_request.h"

#define CHAIN_MAX 32 /* backing files of an image; more are a cycle */

static void volume_freep(virStorageVolPtr *volume)
{
    if (*volume)
        (void)virStorageVolFree(berth_take(*volume));
}

/* libvirt's test driver has storage pools without files: a file that it does not know may exist. */
static bool has_files(struct virt_request *request)
{
    const char *type = virConnectGetType(request->connection);

    return !type || strcmp(type, "TEST") != 0;
}

/* A folder that cannot be opened is an error of the image; a host that does not answer is not. */
static int no_folder(struct virt_request *request, const char *path)
{
    if (request->error.code == BERTH_E_HOST)
        request->error.code = BERTH_E_CONFIG;
    (void)berth_fail_in(&request->error, "no file '%s'", path);
    return request->error.code;
}

/* A file of the host, as libvirt sees it now. */
struct file {
    struct dir_pool dir_pool; /* only if libvirt had no pool for its folder */
    virStorageVolPtr volume;
    char *xml; /* its XML */
};

static void file_close(struct file *file)
{
    free(file->xml);
    volume_freep(&file->volume);
    dir_pool_close(&file->dir_pool);
}

static int read_again(struct virt_request *request, const char *path, struct file *ret)
{
    if (dir_pool_open(request, path, &ret->dir_pool) < 0)
        return no_folder(request, path);
    ret->volume = virStorageVolLookupByName(ret->dir_pool.pool, strrchr(path, '/') + 1);
    ret->xml = ret->volume ? virStorageVolGetXMLDesc(ret->volume, 0) : NULL;
    if (ret->xml)
        return 0;
    if (!ret->volume && libvirt_error_is(VIR_ERR_NO_STORAGE_VOL))
        return berth_fail(&request->error, BERTH_E_CONFIG, "no file '%s', or it cannot be read",
                          path);
    return libvirt_fail(&request->error, "file '%s'", path);
}

/* libvirt reads the file again for its XML, and fails when the file was deleted since. */
static int file_open(struct virt_request *request, const char *path, struct file *ret)
{
    ret->volume = virStorageVolLookupByPath(request->connection, path);
    ret->xml = ret->volume ? virStorageVolGetXMLDesc(ret->volume, 0) : NULL;
    if (ret->xml)
        return 0;
    volume_freep(&ret->volume);
    if (!has_files(request))
        return berth_fail(&request->error, BERTH_E_UNSUPPORTED,
                          "libvirt's test driver has no files: '%s' was not checked", path);
    return read_again(request, path, ret);
}

/* Check one file of the chain; *ret_below: its backing file, "" when it has none. */
static int check_file(struct virt_request *request, const char *path, bool is_image,
                      char *ret_below, size_t size)
{
    berth_cleanup(file_close) struct file file = { 0 };
    char format[32];

    (void)file_open(request, path, &file);
    if (!file.xml)
        return request->error.code;
    volume_xml_backing(file.xml, strlen(file.xml), ret_below, size);
    volume_xml_format(file.xml, strlen(file.xml), format, sizeof(format));
    if (is_image && strcmp(format, "qcow2") != 0)
        return berth_fail(&request->error, BERTH_E_CONFIG, "'%s' is %s, not qcow2", path,
                          format[0] ? format : "no disk image");
    if (strcmp(format, "luks") == 0)
        return image_is_encrypted(request, path);
    return strcmp(format, "qcow2") == 0 && has_files(request)
               ? image_check_content(request, file.volume, path)
               : 0;
}

static int check_chain(struct virt_request *request)
{
    char path[1024];
    char below[1024] = "";

    copy_text(path, request->args.image);
    for (int i = 0; i < CHAIN_MAX; i++) {
        int r = check_file(request, path, i == 0, below, sizeof(below));

        if (r < 0 && i > 0)
            (void)berth_fail_in(&request->error, "backing file of image '%s'", request->args.image);
        if (r < 0)
            return request->error.code;
        if (!below[0])
            return 0;
        if (below[0] != '/')
            return berth_fail(&request->error, BERTH_E_CONFIG,
                              "'%s' has the backing file '%.80s', which is not a file of the host",
                              path, below);
        copy_text(path, below);
    }
    return berth_fail(&request->error, BERTH_E_CONFIG, "'%s' has more than %d backing files",
                      request->args.image, CHAIN_MAX);
}

int image_check(struct virt_request *request)
{
    const struct virt_args *args = &request->args;
    char below[1024];
    int r = check_chain(request);

    if (r >= 0 && args->kernel[0])
        r = check_file(request, args->kernel, false, below, sizeof(below));
    if (r >= 0 && args->initrd[0])
        r = check_file(request, args->initrd, false, below, sizeof(below));
    return r;
}
