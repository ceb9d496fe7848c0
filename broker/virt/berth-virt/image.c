/* image.c - can disks be made on this image, and machines booted from it, on this host?
 *
 * What libvirt says now: the files may lie on another machine than this. Asked before a version of
 * an image is published, and before desktops are given up for it.
 */
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "domain_xml.h"
#include "errand.h"
#include "fault.h"
#include "folder.h"

#define CHAIN_MAX 32 /* files below an image; more is a circle */

static void volume_freep(virStorageVolPtr *volume)
{
    if (*volume)
        (void)virStorageVolFree(berth_take(*volume));
}

/* libvirt's test driver has storage pools and no files: what it does not know may be there. */
static bool has_files(struct errand *errand)
{
    const char *type = virConnectGetType(errand->connection);

    return !type || strcmp(type, "TEST") != 0;
}

/* A folder that cannot be opened is the image's fault; a host that does not answer is not. */
static int no_folder(struct errand *errand, const char *path)
{
    if (errand->error.code == BERTH_E_HOST)
        errand->error.code = BERTH_E_CONFIG;
    (void)berth_fail_in(&errand->error, "no file '%s'", path);
    return errand->error.code;
}

/* The description of a file, read from it at this moment, or NULL with the error filled. */
static char *read_again(struct errand *errand, const char *path)
{
    berth_cleanup(folder_close) struct folder folder = { 0 };
    berth_cleanup(volume_freep) virStorageVolPtr volume = NULL;
    char *xml;

    if (folder_open(errand, path, &folder) < 0) {
        (void)no_folder(errand, path);
        return NULL;
    }
    volume = virStorageVolLookupByName(folder.pool, strrchr(path, '/') + 1);
    xml = volume ? virStorageVolGetXMLDesc(volume, 0) : NULL;
    if (!volume && fault_is(VIR_ERR_NO_STORAGE_VOL))
        (void)berth_fail(&errand->error, BERTH_E_CONFIG, "no file '%s', or it cannot be read",
                         path);
    else if (!xml)
        (void)fault(&errand->error, "file '%s'", path);
    return xml;
}

/* libvirt looks at a file again when it is asked to describe it; one that it knew and that is gone
 * cannot be described. */
static char *describe(struct errand *errand, const char *path)
{
    berth_cleanup(volume_freep) virStorageVolPtr volume = NULL;
    char *xml;

    volume = virStorageVolLookupByPath(errand->connection, path);
    xml = volume ? virStorageVolGetXMLDesc(volume, 0) : NULL;
    if (xml)
        return xml;
    if (!has_files(errand)) {
        (void)berth_fail(&errand->error, BERTH_E_UNSUPPORTED,
                         "libvirt's test driver has no files: '%s' was not looked at", path);
        return NULL;
    }
    return read_again(errand, path);
}

/* One file of the chain; *ret_below: what it lies on, "" when on nothing. */
static int check_file(struct errand *errand, const char *path, bool is_image, char *ret_below,
                      size_t size)
{
    berth_cleanup(berth_freep) char *xml = describe(errand, path);
    char format[32];

    if (!xml)
        return errand->error.code;
    volume_xml_backing(xml, strlen(xml), ret_below, size);
    volume_xml_format(xml, strlen(xml), format, sizeof(format));
    if (is_image && strcmp(format, "qcow2") != 0)
        return berth_fail(&errand->error, BERTH_E_CONFIG, "'%s' is %s, not qcow2", path,
                          format[0] ? format : "no disk image");
    return 0;
}

static int check_chain(struct errand *errand)
{
    char path[1024];
    char below[1024] = "";

    (void)snprintf(path, sizeof(path), "%s", errand->args.image);
    for (int i = 0; i < CHAIN_MAX; i++) {
        int r = check_file(errand, path, i == 0, below, sizeof(below));

        if (r < 0 && i > 0)
            (void)berth_fail_in(&errand->error, "'%s' lies on another file", errand->args.image);
        if (r < 0)
            return errand->error.code;
        if (below[0] != '/') /* nothing, or what is on the network and no file of the host */
            return 0;
        (void)snprintf(path, sizeof(path), "%s", below);
    }
    return berth_fail(&errand->error, BERTH_E_CONFIG, "'%s' lies on more than %d files",
                      errand->args.image, CHAIN_MAX);
}

int image_check(struct errand *errand)
{
    const struct virt_args *args = &errand->args;
    char below[1024];
    int r = check_chain(errand);

    if (r >= 0 && args->kernel[0])
        r = check_file(errand, args->kernel, false, below, sizeof(below));
    if (r >= 0 && args->initrd[0])
        r = check_file(errand, args->initrd, false, below, sizeof(below));
    return r;
}
