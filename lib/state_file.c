/* state_file.c - read and atomically replace small private files. */
#include "berth/state_file.h"

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

static int fail(struct berth_error *reterr, const struct state_dir *state, const char *name,
                const char *what)
{
    int fault = errno;
    int code = fault == ENOSPC || fault == EDQUOT ? BERTH_E_NO_SPACE : BERTH_E_IO;

    return berth_fail(reterr, code, "%s/%s: %s: %s", state->path, name, what, strerror(fault));
}

static bool is_name(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length < NAME_MAX_ - 4 && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
               length;
}

int state_dir_open(struct state_dir *state, const char *path, struct berth_error *reterr)
{
    struct stat facts;

    *state = (struct state_dir){ .folder = -1 };
    list_init(&state->documents);
    if (!path)
        return 0;
    copy_text(state->path, path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(reterr, state, "", "cannot create the folder");
    state->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (state->folder < 0 || fstat(state->folder, &facts) < 0)
        return fail(reterr, state, "", "cannot open the folder");
    if (facts.st_uid == geteuid() && (facts.st_mode & OTHERS) == 0)
        return 0;
    state_dir_close(state);
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

void state_dir_close(struct state_dir *state)
{
    list_each (&state->documents, node)
        drop(list_entry(node, struct document, node));
    if (state->folder >= 0)
        (void)close(state->folder);
    state->folder = -1;
}

static struct document *in_memory(struct state_dir *state, const char *name)
{
    list_each (&state->documents, node) {
        struct document *document = list_entry(node, struct document, node);

        if (strcmp(document->name, name) == 0)
            return document;
    }
    return NULL;
}

static void remember(struct state_dir *state, const char *name, const void *data, size_t size)
{
    struct document *old = in_memory(state, name);
    struct document *document = berth_new(struct document);

    if (old)
        drop(old);
    copy_text(document->name, name);
    document->data = berth_alloc(size + 1);
    memcpy(document->data, data, size);
    document->size = size;
    list_append(&state->documents, &document->node);
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

int state_file_write(struct state_dir *state, const char *name, const void *data, size_t size,
                     struct berth_error *reterr)
{
    char fresh[NAME_MAX_];
    int file;
    bool ok;

    if (!is_name(name))
        return berth_fail(reterr, BERTH_E_INVALID, "'%s' is not a valid file name", name);
    if (size > STATE_FILE_MAX)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "'%s' is larger than %d bytes", name,
                          STATE_FILE_MAX);
    if (state->folder < 0) {
        remember(state, name, data, size);
        return 0;
    }
    (void)snprintf(fresh, sizeof(fresh), "%s.new", name);
    file =
        openat(state->folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return fail(reterr, state, name, "cannot be written");
    ok = write_all(file, data, size) && fsync(file) == 0;
    if (close(file) < 0 || !ok) {
        int r = fail(reterr, state, name, "cannot be written");

        (void)unlinkat(state->folder, fresh, 0);
        return r;
    }
    if (renameat(state->folder, fresh, state->folder, name) < 0 || fsync(state->folder) < 0)
        return fail(reterr, state, name, "cannot be replaced");
    return 0;
}

/* Read up to STATE_FILE_MAX bytes; NULL with errno when that fails. */
static char *read_all(int file, size_t *ret_size)
{
    struct stat facts;
    size_t have = 0;
    char *data;

    if (fstat(file, &facts) < 0)
        return NULL;
    if (!S_ISREG(facts.st_mode) || facts.st_size > STATE_FILE_MAX) {
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

char *state_file_read(struct state_dir *state, const char *name, size_t *ret_size,
                      struct berth_error *reterr)
{
    struct document *document;
    char *data;
    int file;

    if (state->folder < 0) {
        document = in_memory(state, name);
        if (!document) {
            (void)berth_fail(reterr, BERTH_E_NOT_FOUND, "'%s' does not exist", name);
            return NULL;
        }
        data = berth_alloc(document->size + 1);
        memcpy(data, document->data, document->size);
        *ret_size = document->size;
        return data;
    }
    file = openat(state->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) {
        (void)berth_fail(reterr, BERTH_E_NOT_FOUND, "'%s' does not exist in %s", name, state->path);
        return NULL;
    }
    data = file >= 0 ? read_all(file, ret_size) : NULL;
    if (!data)
        (void)fail(reterr, state, name, "cannot be read");
    if (file >= 0)
        (void)close(file);
    return data;
}
