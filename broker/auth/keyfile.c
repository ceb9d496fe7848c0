/* keyfile.c - read and atomically write small files with keys. */
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_descriptor(int *descriptor)
{
    if (*descriptor >= 0)
        (void)close(*descriptor);
}

static int fail_errno(struct berth_error *reterr, const char *path)
{
    return berth_fail(reterr, errno == ENOENT ? BERTH_E_NOT_FOUND : BERTH_E_IO, "%s: %s", path,
                      strerror(errno));
}

int keyfile_path(const char *folder, const char *name, char out[KEYFILE_PATH],
                 struct berth_error *reterr)
{
    if (snprintf(out, KEYFILE_PATH, "%s/%s", folder, name) >= KEYFILE_PATH)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "the name of the folder is too long");
    return 0;
}

bool keyfile_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int check_kind(int descriptor, const char *path, bool secret, struct berth_error *reterr)
{
    struct stat facts;

    if (fstat(descriptor, &facts) < 0)
        return fail_errno(reterr, path);
    if (!S_ISREG(facts.st_mode))
        return berth_fail(reterr, BERTH_E_DENIED, "%s is not a regular file", path);
    if (secret && (facts.st_mode & 077) != 0)
        return berth_fail(reterr, BERTH_E_DENIED,
                          "%s can be read by others (mode %03o); run chmod 600 on it", path,
                          facts.st_mode & 0777);
    if (facts.st_size > KEYFILE_MAX)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "%s is larger than %d bytes", path,
                          KEYFILE_MAX);
    return 0;
}

int keyfile_read(const char *path, bool secret, char **ret, size_t *ret_size,
                 struct berth_error *reterr)
{
    berth_cleanup(close_descriptor) int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t have = 0;
    ssize_t got;
    char *text;
    int r;

    if (descriptor < 0)
        return fail_errno(reterr, path);
    r = check_kind(descriptor, path, secret, reterr);
    if (r < 0)
        return r;

    text = berth_alloc(KEYFILE_MAX + 1);
    do {
        got = read(descriptor, text + have, KEYFILE_MAX - have);
        have += got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0) {
        r = fail_errno(reterr, path);
        berth_wipe_free(text, KEYFILE_MAX);
        return r;
    }
    *ret = text;
    *ret_size = have;
    return 0;
}

static int sync_folder_of(const char *path, struct berth_error *reterr)
{
    berth_cleanup(berth_freep) char *copy = berth_strdup(path);
    berth_cleanup(close_descriptor) int folder =
        open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0 || fsync(folder) < 0)
        return fail_errno(reterr, path);
    return 0;
}

static bool write_all(int descriptor, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(descriptor, bytes, size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes += put;
        size -= (size_t)put;
    }
    return true;
}

int keyfile_write(const char *path, unsigned mode, const void *bytes, size_t size,
                  struct berth_error *reterr)
{
    char beside[KEYFILE_PATH + 8];
    int descriptor;
    bool written;
    int r;

    (void)snprintf(beside, sizeof(beside), "%s.new", path);
    (void)unlink(beside); /* left by a crash before the rename */
    descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return fail_errno(reterr, beside);

    written = fchmod(descriptor, mode) == 0 && write_all(descriptor, bytes, size) &&
              fsync(descriptor) == 0;
    r = written ? 0 : fail_errno(reterr, beside);
    if (close(descriptor) < 0 && r == 0)
        r = fail_errno(reterr, beside);
    if (r == 0 && rename(beside, path) < 0)
        r = fail_errno(reterr, path);
    if (r < 0) {
        (void)unlink(beside);
        return r;
    }
    return sync_folder_of(path, reterr);
}
