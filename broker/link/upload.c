/* upload.c - receive log files in chunks. */
#include "upload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/base64.h"
#include "berth/log.h"
#include "berth/offload.h"
#include "berth/tls.h"

#define CHUNK_MAX 12288

struct uploads {
    char folder[UPLOAD_PATH]; /* .../uploads */
    struct offload *offload;
    struct berth_timers *timers;
    int64_t quota, used;
    int open;
    struct upload_stats stats;
};

struct upload {
    struct uploads *uploads;
    uint64_t peer, command_id;
    uint64_t ref; /* of the chunk that is being written */
    int64_t size, have;
    char sha256[72];
    char part[UPLOAD_PATH], whole[UPLOAD_PATH];
    int descriptor;
    bool writing; /* the job owns the descriptor while it runs */
    bool dropped; /* cancelled; freed when the job has ended */
    upload_progress_fn *progress;
    void *context;
    struct op op;
};

/* A job that writes one chunk; the last one also verifies and renames the file. */
struct write_job {
    struct offload_job job;
    struct upload *upload;
    int descriptor;
    int64_t offset, size;
    bool last;
    char sha256[72];
    char part[UPLOAD_PATH], whole[UPLOAD_PATH];
    size_t length;
    unsigned char bytes[CHUNK_MAX];
};

int upload_path(const char *folder, uint64_t command_id, char out[UPLOAD_PATH],
                struct berth_error *reterr)
{
    if (snprintf(out, UPLOAD_PATH, "%s/uploads/%llu.log", folder, (unsigned long long)command_id) >=
        UPLOAD_PATH)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "the name of the folder is too long");
    return 0;
}

/* ---- the folder ---- */

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name);

    return length >= strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

/* Sum up the sizes of stored files and remove incomplete ones. */
static void scan_folder(struct uploads *uploads, DIR *folder)
{
    struct dirent *entry;

    while ((entry = readdir(folder))) {
        struct stat facts;

        if (ends_with(entry->d_name, ".part"))
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        else if (fstatat(dirfd(folder), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
                 S_ISREG(facts.st_mode))
            uploads->used += facts.st_size;
    }
}

int uploads_new(struct berth_loop *loop, const char *folder, int64_t quota, struct uploads **ret,
                struct berth_error *reterr)
{
    struct uploads *uploads = berth_new(struct uploads);
    DIR *stream;

    if (snprintf(uploads->folder, sizeof(uploads->folder), "%s/uploads", folder) >=
            (int)sizeof(uploads->folder) ||
        (mkdir(uploads->folder, 0700) < 0 && errno != EEXIST) ||
        !(stream = opendir(uploads->folder))) {
        int r = berth_fail(reterr, BERTH_E_IO, "%s/uploads: %s", folder, strerror(errno));

        free(uploads);
        return r;
    }
    scan_folder(uploads, stream);
    (void)closedir(stream);
    uploads->quota = quota;
    uploads->timers = &loop->timers;
    uploads->offload = offload_new(loop, 1, UPLOADS_OPEN_MAX);
    *ret = uploads;
    return 0;
}

void uploads_free(struct uploads *uploads)
{
    if (!uploads)
        return;
    offload_free(uploads->offload);
    free(uploads);
}

void uploads_stats(const struct uploads *uploads, struct upload_stats *ret)
{
    *ret = uploads->stats;
    ret->bytes = uploads->used;
}

/* ---- receiving ---- */

static bool is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static int check_begin(struct uploads *uploads, const struct msg_upload_begin *begin,
                       struct berth_error *reterr)
{
    if (begin->size <= 0)
        return berth_fail(reterr, BERTH_E_INVALID, "invalid file size of %lld bytes",
                          (long long)begin->size);
    if (!is_sha256(begin->sha256))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "the file's SHA-256 is not 64 hexadecimal digits");
    if (uploads->open >= UPLOADS_OPEN_MAX)
        return berth_fail(reterr, BERTH_E_BUSY, "too many uploads: %d are running",
                          UPLOADS_OPEN_MAX);
    if (begin->size > uploads->quota - uploads->used)
        return berth_fail(reterr, BERTH_E_NO_SPACE,
                          "log uploads use %lld of %lld MiB; remove old files from uploads/ first",
                          (long long)(uploads->used >> 20), (long long)(uploads->quota >> 20));
    return 0;
}

static int open_part(struct upload *upload, struct berth_error *reterr)
{
    (void)snprintf(upload->whole, sizeof(upload->whole), "%s/%llu.log", upload->uploads->folder,
                   (unsigned long long)upload->command_id);
    (void)snprintf(upload->part, sizeof(upload->part), "%s/%llu.part", upload->uploads->folder,
                   (unsigned long long)upload->command_id);
    if (access(upload->whole, F_OK) == 0)
        return berth_fail(reterr, BERTH_E_EXISTS, "the file of command %llu exists already",
                          (unsigned long long)upload->command_id);
    upload->descriptor =
        open(upload->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (upload->descriptor < 0 && errno == EEXIST)
        return berth_fail(reterr, BERTH_E_BUSY,
                          "the file of command %llu is being received already",
                          (unsigned long long)upload->command_id);
    if (upload->descriptor < 0)
        return berth_fail(reterr, errno == ENOSPC ? BERTH_E_NO_SPACE : BERTH_E_IO, "%s: %s",
                          upload->part, strerror(errno));
    return 0;
}

static void note_done(struct op *op, int result);

int upload_new(struct uploads *uploads, const struct msg_upload_begin *begin, uint64_t peer,
               upload_progress_fn *progress, void *context, struct upload **ret,
               struct berth_error *reterr)
{
    struct upload *upload;
    int r = check_begin(uploads, begin, reterr);

    if (r < 0) {
        uploads->stats.refused++;
        return r;
    }
    upload = berth_new(struct upload);
    *upload = (struct upload){ .uploads = uploads,
                               .peer = peer,
                               .command_id = begin->command_id,
                               .size = begin->size,
                               .progress = progress,
                               .context = context };
    copy_text(upload->sha256, begin->sha256);
    r = open_part(upload, reterr);
    if (r < 0) {
        uploads->stats.refused++;
        free(upload);
        return r;
    }
    op_init(&upload->op, uploads->timers, note_done);
    uploads->used += upload->size; /* reserve the size of the file */
    uploads->open++;
    *ret = upload;
    return 0;
}

/* whole: it was renamed, and its bytes stay counted. */
static void free_upload(struct upload *upload, bool whole)
{
    (void)close(upload->descriptor);
    if (whole) {
        upload->uploads->stats.stored++;
    } else {
        (void)unlink(upload->part);
        upload->uploads->used -= upload->size;
        upload->uploads->stats.refused++;
    }
    upload->uploads->open--;
    free(upload);
}

void upload_drop(struct upload *upload)
{
    if (!upload)
        return;
    if (upload->writing) {
        upload->dropped = true;
        return;
    }
    free_upload(upload, false);
}

/* On the thread: verify and rename. */
static int finish(const struct write_job *at, struct berth_error *error)
{
    void *bytes = mmap(NULL, (size_t)at->size, PROT_READ, MAP_PRIVATE, at->descriptor, 0);
    char hash[72];

    if (bytes == MAP_FAILED)
        return berth_fail(error, BERTH_E_IO, "%s: %s", at->part, strerror(errno));
    tls_sha256_hex(bytes, (size_t)at->size, hash);
    (void)munmap(bytes, (size_t)at->size);
    if (strcmp(hash, at->sha256) != 0)
        return berth_fail(error, BERTH_E_INVALID,
                          "the file is damaged: its SHA-256 does not match");
    if (fsync(at->descriptor) < 0 || rename(at->part, at->whole) < 0)
        return berth_fail(error, BERTH_E_IO, "%s: %s", at->whole, strerror(errno));
    return 0;
}

/* On the thread. */
static int write_chunk(struct offload_job *job, struct berth_error *error)
{
    struct write_job *at = container_of(job, struct write_job, job);
    size_t done = 0;

    while (done < at->length) {
        ssize_t put =
            pwrite(at->descriptor, at->bytes + done, at->length - done, at->offset + (int64_t)done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return berth_fail(error, errno == ENOSPC ? BERTH_E_NO_SPACE : BERTH_E_IO, "%s: %s",
                              at->part, strerror(errno));
        done += (size_t)put;
    }
    return at->last ? finish(at, error) : 0;
}

static void release_job(struct offload_job *job)
{
    struct write_job *at = container_of(job, struct write_job, job);

    berth_wipe_free(at, sizeof(*at));
}

static void note_done(struct op *op, int result)
{
    struct upload *upload = container_of(op, struct upload, op);
    static const struct berth_error fine;
    bool whole = result == 0 && upload->have == upload->size;
    bool over = result < 0 || whole;

    upload->writing = false;
    if (upload->dropped) {
        free_upload(upload, whole);
        return;
    }
    upload->progress(upload->context, upload->peer, upload->ref, upload->command_id, upload->have,
                     over, result < 0 ? &op->error : &fine);
    if (over)
        free_upload(upload, whole);
}

int upload_add(struct upload *upload, uint64_t ref, const struct msg_upload_chunk *chunk,
               struct berth_error *reterr)
{
    struct write_job *at;
    int64_t length;
    int r;

    if (upload->writing)
        return berth_fail(reterr, BERTH_E_STATE, "the last chunk is not acknowledged yet");
    if (chunk->command_id != upload->command_id || chunk->offset != upload->have)
        return berth_fail(
            reterr, BERTH_E_INVALID,
            "a chunk at offset %lld of command %llu, expected offset %lld of command %llu",
            (long long)chunk->offset, (unsigned long long)chunk->command_id,
            (long long)upload->have, (unsigned long long)upload->command_id);

    at = berth_new(struct write_job);
    length = base64_decode(chunk->data, at->bytes, sizeof(at->bytes));
    if (length <= 0 || length > upload->size - upload->have) {
        release_job(&at->job);
        return berth_fail(reterr, BERTH_E_INVALID,
                          "the chunk is not base64 of 1 to %d bytes within the file", CHUNK_MAX);
    }
    at->upload = upload;
    at->descriptor = upload->descriptor;
    at->offset = upload->have;
    at->size = upload->size;
    at->length = (size_t)length;
    at->last = upload->have + length == upload->size;
    memcpy(at->sha256, upload->sha256, sizeof(at->sha256));
    memcpy(at->part, upload->part, sizeof(at->part));
    memcpy(at->whole, upload->whole, sizeof(at->whole));
    at->job.work = write_chunk;
    at->job.release = release_job;
    r = offload_begin(upload->uploads->offload, &at->job, &upload->op);
    if (r < 0) {
        release_job(&at->job);
        return berth_fail(reterr, r, "%s", upload->op.error.text);
    }
    upload->writing = true;
    upload->ref = ref;
    upload->have += length;
    return 0;
}
