/* keep.c - see keep.h. */
#include "berth/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_ 64
#define OTHERS 077

struct document {
    struct list node;
    char name[NAME_MAX_];
    char *data;
    size_t size;
};

static int fail(struct berth_error *reterr, const struct keep *keep, const char *name,
                const char *what)
{
    int fault = errno;
    int code = fault == ENOSPC || fault == EDQUOT ? BERTH_E_NO_SPACE : BERTH_E_IO;

    return berth_fail(reterr, code, "%s/%s: %s: %s", keep->path, name, what, strerror(fault));
}

static bool is_name(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length < NAME_MAX_ - 4 && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
               length;
}

int keep_open(struct keep *keep, const char *path, struct berth_error *reterr)
{
    struct stat facts;

    *keep = (struct keep){ .folder = -1 };
    list_init(&keep->documents);
    if (!path)
        return 0;
    (void)snprintf(keep->path, sizeof(keep->path), "%s", path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(reterr, keep, "", "cannot make the folder");
    keep->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (keep->folder < 0 || fstat(keep->folder, &facts) < 0)
        return fail(reterr, keep, "", "cannot open the folder");
    if (facts.st_uid == geteuid() && (facts.st_mode & OTHERS) == 0)
        return 0;
    keep_close(keep);
    return berth_fail(
        reterr, BERTH_E_DENIED,
        "%s: must belong to the user who runs this program and be closed to others (chmod 700)",
        path);
}

static void drop(struct document *document)
{
    list_remove(&document->node);
    berth_wipe_free(document->data, document->size);
    free(document);
}

void keep_close(struct keep *keep)
{
    list_each (&keep->documents, node)
        drop(list_entry(node, struct document, node));
    if (keep->folder >= 0)
        (void)close(keep->folder);
    keep->folder = -1;
}

static struct document *in_memory(struct keep *keep, const char *name)
{
    list_each (&keep->documents, node) {
        struct document *document = list_entry(node, struct document, node);

        if (strcmp(document->name, name) == 0)
            return document;
    }
    return NULL;
}

static void remember(struct keep *keep, const char *name, const void *data, size_t size)
{
    struct document *old = in_memory(keep, name);
    struct document *document = berth_new(struct document);

    if (old)
        drop(old);
    (void)snprintf(document->name, sizeof(document->name), "%s", name);
    document->data = berth_alloc(size + 1);
    memcpy(document->data, data, size);
    document->size = size;
    list_append(&keep->documents, &document->node);
}

static bool write_all(int file, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t done = write(file, data, size);

        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            data += done;
            size -= (size_t)done;
        }
    }
    return true;
}

int keep_write(struct keep *keep, const char *name, const void *data, size_t size,
               struct berth_error *reterr)
{
    char fresh[NAME_MAX_];
    int file;
    bool ok;

    if (!is_name(name))
        return berth_fail(reterr, BERTH_E_INVALID, "'%s' is no name for a document", name);
    if (size > KEEP_MAX)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "'%s' has more than %d bytes", name, KEEP_MAX);
    if (keep->folder < 0) {
        remember(keep, name, data, size);
        return 0;
    }
    (void)snprintf(fresh, sizeof(fresh), "%s.new", name);
    file = openat(keep->folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return fail(reterr, keep, name, "cannot be written");
    ok = write_all(file, data, size) && fsync(file) == 0;
    if (close(file) < 0 || !ok) {
        int r = fail(reterr, keep, name, "cannot be written");

        (void)unlinkat(keep->folder, fresh, 0);
        return r;
    }
    if (renameat(keep->folder, fresh, keep->folder, name) < 0 || fsync(keep->folder) < 0)
        return fail(reterr, keep, name, "cannot be replaced");
    return 0;
}

/* Read up to KEEP_MAX bytes; NULL with errno when that fails. */
static char *read_all(int file, size_t *ret_size)
{
    struct stat facts;
    size_t have = 0;
    char *data;

    if (fstat(file, &facts) < 0)
        return NULL;
    if (!S_ISREG(facts.st_mode) || facts.st_size > KEEP_MAX) {
        errno = EFBIG;
        return NULL;
    }
    data = berth_alloc((size_t)facts.st_size + 1);
    while (have < (size_t)facts.st_size) {
        ssize_t got = read(file, data + have, (size_t)facts.st_size - have);

        if (got == 0)
            break;
        if (got < 0 && errno != EINTR) {
            berth_wipe_free(data, have);
            return NULL;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    *ret_size = have;
    return data;
}

char *keep_read(struct keep *keep, const char *name, size_t *ret_size, struct berth_error *reterr)
{
    struct document *document;
    char *data;
    int file;

    if (keep->folder < 0) {
        document = in_memory(keep, name);
        if (!document) {
            (void)berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no '%s'", name);
            return NULL;
        }
        data = berth_alloc(document->size + 1);
        memcpy(data, document->data, document->size);
        *ret_size = document->size;
        return data;
    }
    file = openat(keep->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) {
        (void)berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no '%s' in %s", name, keep->path);
        return NULL;
    }
    data = file >= 0 ? read_all(file, ret_size) : NULL;
    if (!data)
        (void)fail(reterr, keep, name, "cannot be read");
    if (file >= 0)
        (void)close(file);
    return data;
}
