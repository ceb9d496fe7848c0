/* blob.c - bundles of logs, received in chunks. */
#include "blob.h"

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

struct blobs {
    char folder[BLOB_PATH]; /* .../blobs */
    struct offload *offload;
    struct berth_timers *timers;
    int64_t quota, used;
    int open;
    struct blob_stats stats;
};

struct blob {
    struct blobs *blobs;
    uint64_t peer, command_id;
    uint64_t ref; /* of the chunk that is being written */
    int64_t size, have;
    char sha256[72];
    char part[BLOB_PATH], whole[BLOB_PATH];
    int descriptor;
    bool writing; /* the job owns the descriptor for now */
    bool dropped; /* nobody waits for it; freed when the job comes back */
    blob_news_fn *news;
    void *context;
    struct op op;
};

/* One chunk on its way to disk; the last one also checks the whole and gives it its name. */
struct write_job {
    struct offload_job job;
    struct blob *blob;
    int descriptor;
    int64_t offset, size;
    bool last;
    char sha256[72];
    char part[BLOB_PATH], whole[BLOB_PATH];
    size_t length;
    unsigned char bytes[CHUNK_MAX];
};

int blob_path(const char *folder, uint64_t command_id, char out[BLOB_PATH],
              struct berth_error *reterr)
{
    if (snprintf(out, BLOB_PATH, "%s/blobs/%llu.log", folder, (unsigned long long)command_id) >=
        BLOB_PATH)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "the folder's name is too long");
    return 0;
}

/* ---- the folder ---- */

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name);

    return length >= strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

/* Sum up what is there and remove what was never finished. */
static void look_around(struct blobs *blobs, DIR *folder)
{
    struct dirent *entry;

    while ((entry = readdir(folder))) {
        struct stat facts;

        if (ends_with(entry->d_name, ".part"))
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        else if (fstatat(dirfd(folder), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
                 S_ISREG(facts.st_mode))
            blobs->used += facts.st_size;
    }
}

int blobs_new(struct berth_loop *loop, const char *folder, int64_t quota, struct blobs **ret,
              struct berth_error *reterr)
{
    struct blobs *blobs = berth_new(struct blobs);
    DIR *stream;

    if (snprintf(blobs->folder, sizeof(blobs->folder), "%s/blobs", folder) >=
            (int)sizeof(blobs->folder) ||
        (mkdir(blobs->folder, 0700) < 0 && errno != EEXIST) || !(stream = opendir(blobs->folder))) {
        int r = berth_fail(reterr, BERTH_E_IO, "%s/blobs: %s", folder, strerror(errno));

        free(blobs);
        return r;
    }
    look_around(blobs, stream);
    (void)closedir(stream);
    blobs->quota = quota;
    blobs->timers = &loop->timers;
    blobs->offload = offload_new(loop, 1, BLOBS_OPEN_MAX);
    *ret = blobs;
    return 0;
}

void blobs_free(struct blobs *blobs)
{
    if (!blobs)
        return;
    offload_free(blobs->offload);
    free(blobs);
}

void blobs_stats(const struct blobs *blobs, struct blob_stats *ret)
{
    *ret = blobs->stats;
    ret->bytes = blobs->used;
}

/* ---- receiving ---- */

static bool is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static int check_begin(struct blobs *blobs, const struct msg_upload_begin *begin,
                       struct berth_error *reterr)
{
    if (begin->size <= 0)
        return berth_fail(reterr, BERTH_E_INVALID, "a file of %lld bytes", (long long)begin->size);
    if (!is_sha256(begin->sha256))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "the file's SHA-256 is not 64 hexadecimal digits");
    if (blobs->open >= BLOBS_OPEN_MAX)
        return berth_fail(reterr, BERTH_E_BUSY, "%d files are being received already",
                          BLOBS_OPEN_MAX);
    if (begin->size > blobs->quota - blobs->used)
        return berth_fail(
            reterr, BERTH_E_NO_SPACE,
            "bundles of logs take %lld of %lld MiB; remove old ones from blobs/ first",
            (long long)(blobs->used >> 20), (long long)(blobs->quota >> 20));
    return 0;
}

static int open_part(struct blob *blob, struct berth_error *reterr)
{
    (void)snprintf(blob->whole, sizeof(blob->whole), "%s/%llu.log", blob->blobs->folder,
                   (unsigned long long)blob->command_id);
    (void)snprintf(blob->part, sizeof(blob->part), "%s/%llu.part", blob->blobs->folder,
                   (unsigned long long)blob->command_id);
    if (access(blob->whole, F_OK) == 0)
        return berth_fail(reterr, BERTH_E_EXISTS, "the file of command %llu is here already",
                          (unsigned long long)blob->command_id);
    blob->descriptor = open(blob->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (blob->descriptor < 0 && errno == EEXIST)
        return berth_fail(reterr, BERTH_E_BUSY,
                          "the file of command %llu is being received already",
                          (unsigned long long)blob->command_id);
    if (blob->descriptor < 0)
        return berth_fail(reterr, errno == ENOSPC ? BERTH_E_NO_SPACE : BERTH_E_IO, "%s: %s",
                          blob->part, strerror(errno));
    return 0;
}

static void note_done(struct op *op, int result);

int blob_new(struct blobs *blobs, const struct msg_upload_begin *begin, uint64_t peer,
             blob_news_fn *news, void *context, struct blob **ret, struct berth_error *reterr)
{
    struct blob *blob;
    int r = check_begin(blobs, begin, reterr);

    if (r < 0) {
        blobs->stats.refused++;
        return r;
    }
    blob = berth_new(struct blob);
    *blob = (struct blob){ .blobs = blobs,
                           .peer = peer,
                           .command_id = begin->command_id,
                           .size = begin->size,
                           .news = news,
                           .context = context };
    (void)snprintf(blob->sha256, sizeof(blob->sha256), "%s", begin->sha256);
    r = open_part(blob, reterr);
    if (r < 0) {
        blobs->stats.refused++;
        free(blob);
        return r;
    }
    op_init(&blob->op, blobs->timers, note_done);
    blobs->used += blob->size; /* the whole is promised from the start */
    blobs->open++;
    *ret = blob;
    return 0;
}

/* whole: it has its name, and its bytes stay accounted for. */
static void free_blob(struct blob *blob, bool whole)
{
    (void)close(blob->descriptor);
    if (whole) {
        blob->blobs->stats.stored++;
    } else {
        (void)unlink(blob->part);
        blob->blobs->used -= blob->size;
        blob->blobs->stats.refused++;
    }
    blob->blobs->open--;
    free(blob);
}

void blob_drop(struct blob *blob)
{
    if (!blob)
        return;
    if (blob->writing) {
        blob->dropped = true;
        return;
    }
    free_blob(blob, false);
}

/* On the thread: check and publish. */
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
                          "the file arrived damaged: its SHA-256 is another one");
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

static void let_go(struct offload_job *job)
{
    struct write_job *at = container_of(job, struct write_job, job);

    berth_wipe_free(at, sizeof(*at));
}

static void note_done(struct op *op, int result)
{
    struct blob *blob = container_of(op, struct blob, op);
    static const struct berth_error fine;
    bool whole = result == 0 && blob->have == blob->size;
    bool over = result < 0 || whole;

    blob->writing = false;
    if (blob->dropped) {
        free_blob(blob, whole);
        return;
    }
    blob->news(blob->context, blob->peer, blob->ref, blob->command_id, blob->have, over,
               result < 0 ? &op->error : &fine);
    if (over)
        free_blob(blob, whole);
}

int blob_add(struct blob *blob, uint64_t ref, const struct msg_upload_chunk *chunk,
             struct berth_error *reterr)
{
    struct write_job *at;
    int64_t length;
    int r;

    if (blob->writing)
        return berth_fail(reterr, BERTH_E_STATE, "the last piece is not acknowledged yet");
    if (chunk->command_id != blob->command_id || chunk->offset != blob->have)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "a piece at %lld of command %llu, expected was %lld of %llu",
                          (long long)chunk->offset, (unsigned long long)chunk->command_id,
                          (long long)blob->have, (unsigned long long)blob->command_id);

    at = berth_new(struct write_job);
    length = base64_decode(chunk->data, at->bytes, sizeof(at->bytes));
    if (length <= 0 || length > blob->size - blob->have) {
        let_go(&at->job);
        return berth_fail(reterr, BERTH_E_INVALID,
                          "the piece is no base64 of 1 to %d bytes within the file", CHUNK_MAX);
    }
    at->blob = blob;
    at->descriptor = blob->descriptor;
    at->offset = blob->have;
    at->size = blob->size;
    at->length = (size_t)length;
    at->last = blob->have + length == blob->size;
    memcpy(at->sha256, blob->sha256, sizeof(at->sha256));
    memcpy(at->part, blob->part, sizeof(at->part));
    memcpy(at->whole, blob->whole, sizeof(at->whole));
    at->job.work = write_chunk;
    at->job.release = let_go;
    r = offload_begin(blob->blobs->offload, &at->job, &blob->op);
    if (r < 0) {
        let_go(&at->job);
        return berth_fail(reterr, r, "%s", blob->op.error.text);
    }
    blob->writing = true;
    blob->ref = ref;
    blob->have += length;
    return 0;
}
