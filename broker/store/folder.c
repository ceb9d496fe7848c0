/* folder.c - the data folder and its files. */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int io_fail(struct berth_error *reterr, const char *what, const char *path)
{
    int code = errno == ENOSPC || errno == EDQUOT ? BERTH_E_NO_SPACE : BERTH_E_IO;

    return berth_fail(reterr, code, "cannot %s '%s': %s", what, path, strerror(errno));
}

int folder_path(const char *folder, const char *name, char out[FOLDER_PATH],
                struct berth_error *reterr)
{
    int length = snprintf(out, FOLDER_PATH, "%s/%s", folder, name);

    if (length < 0 || length >= FOLDER_PATH)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "the path '%s/%s' is too long", folder, name);
    return 0;
}

int folder_check(const char *folder, struct berth_error *reterr)
{
    struct stat facts;

    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return io_fail(reterr, "create the data folder", folder);
    if (stat(folder, &facts) < 0)
        return io_fail(reterr, "stat the data folder", folder);

    if (!S_ISDIR(facts.st_mode))
        return berth_fail(reterr, BERTH_E_DENIED, "'%s' is not a folder", folder);
    if (facts.st_uid != geteuid()) {
        return berth_fail(reterr, BERTH_E_DENIED,
                          "the data folder '%s' belongs to user %u, not to the broker's user %u",
                          folder, (unsigned)facts.st_uid, (unsigned)geteuid());
    }
    if (facts.st_mode & (S_IRWXG | S_IRWXO)) {
        return berth_fail(
            reterr, BERTH_E_DENIED,
            "other users can read the data folder '%s' (mode %04o); run 'chmod 0700' on it", folder,
            (unsigned)(facts.st_mode & 07777));
    }
    return 0;
}

int folder_lock(const char *folder, int *ret_fd, struct berth_error *reterr)
{
    char path[FOLDER_PATH];
    int fd;
    int r;

    r = folder_path(folder, "lock", path, reterr);
    if (r < 0)
        return r;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return io_fail(reterr, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return 0;
    }
    r = errno == EWOULDBLOCK
            ? berth_fail(reterr, BERTH_E_CONFLICT,
                         "the data folder '%s' is in use by a running broker; stop it first",
                         folder)
            : io_fail(reterr, "lock", path);
    (void)close(fd);
    return r;
}

int folder_file(const char *path, bool *ret_new, struct berth_error *reterr)
{
    bool created = true;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && errno == EEXIST) {
        created = false;
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0)
        return io_fail(reterr, "open", path);
    if (fchmod(fd, 0600) < 0) {
        int r = io_fail(reterr, "protect", path);

        (void)close(fd);
        return r;
    }
    (void)close(fd); /* nothing was written */
    if (ret_new)
        *ret_new = created;
    return 0;
}

int folder_new_file(const char *path, struct berth_error *reterr)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && errno == EEXIST)
        return berth_fail(reterr, BERTH_E_EXISTS, "'%s' exists already; choose another name", path);
    if (fd < 0)
        return io_fail(reterr, "make", path);
    (void)close(fd); /* nothing was written */
    return 0;
}

static int sync_path(const char *path, int flags, struct berth_error *reterr)
{
    int fd = open(path, flags | O_CLOEXEC);
    int r = 0;

    if (fd < 0)
        return io_fail(reterr, "open", path);
    if (fsync(fd) < 0)
        r = io_fail(reterr, "write out", path);
    if (close(fd) < 0 && r == 0)
        r = io_fail(reterr, "close", path);
    return r;
}

int folder_sync_file(const char *path, struct berth_error *reterr)
{
    return sync_path(path, O_RDONLY, reterr);
}

int folder_sync_of(const char *path, struct berth_error *reterr)
{
    char folder[FOLDER_PATH];
    char *slash;

    copy_text(folder, path);
    slash = strrchr(folder, '/');
    if (!slash)
        return sync_path(".", O_RDONLY | O_DIRECTORY, reterr);
    *(slash == folder ? slash + 1 : slash) = '\0';
    return sync_path(folder, O_RDONLY | O_DIRECTORY, reterr);
}

int folder_publish(const char *from, const char *to, struct berth_error *reterr)
{
    int r;

    r = folder_sync_file(from, reterr);
    if (r < 0)
        return r;
    /* Neither call replaces a file; not every file system supports both. */
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0) {
        if (errno == EINVAL || errno == ENOSYS)
            errno = link(from, to) < 0 || unlink(from) < 0 ? errno : 0;
        if (errno == EEXIST)
            return berth_fail(reterr, BERTH_E_EXISTS, "'%s' exists already; choose another name",
                              to);
        if (errno != 0)
            return io_fail(reterr, "make", to);
    }
    return folder_sync_of(to, reterr);
}

bool folder_exists(const char *path)
{
    struct stat facts;

    return lstat(path, &facts) == 0;
}
