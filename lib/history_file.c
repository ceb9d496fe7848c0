/* history_file.c - a recorder that appends lines of JSON to a file, buffered by a thread if asked
 * for. */
#include "berth/history_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "berth/log.h"

#define GATHER_BYTES 65536
#define GATHER_S 1

struct history_file {
    struct history history;
    char path[512];
    int descriptor;
    bool gather;
    pthread_t flusher; /* gather: flushes the buffer after a second */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    char *text; /* lines that are not written yet */
    size_t size, capacity;
    bool closing;
    bool broken; /* a write failed, perhaps within a line; nothing is written after it */
};

static struct history_file *file_of(struct history *history)
{
    return container_of(history, struct history_file, history);
}

int64_t history_now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int fail(struct history_file *file, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_IO, "%s: %s", file->path, strerror(errno));
}

/* ---- writing; the lock is held ---- */

static int write_text(struct history_file *file, struct berth_error *reterr)
{
    size_t done = 0;

    while (done < file->size) {
        ssize_t n = write(file->descriptor, file->text + done, file->size - done);

        if (n < 0 && errno != EINTR)
            return fail(file, reterr);
        if (n > 0)
            done += (size_t)n;
    }
    file->size = 0;
    return 0;
}

/* A failure stops the recording and is logged once; the program goes on. */
static void write_or_stop(struct history_file *file)
{
    struct berth_error error = { 0 };

    if (file->broken || write_text(file, &error) == 0)
        return;
    file->broken = true;
    file->size = 0;
    log_failure(EV_HISTORY_STOPPED, &error, file->path);
}

static void put(struct history_file *file, const char *text)
{
    size_t length = strlen(text);

    if (file->size + length + 1 > file->capacity) {
        file->capacity = (file->size + length + 1) * 2;
        file->text = berth_realloc(file->text, file->capacity);
    }
    memcpy(file->text + file->size, text, length);
    file->text[file->size + length] = '\n';
    file->size += length + 1;
}

static void take(struct history *history, const struct history_line *line)
{
    struct history_file *file = file_of(history);
    char *text = history_encode(line);

    (void)pthread_mutex_lock(&file->lock);
    if (!file->broken)
        put(file, text);
    if (!file->gather || file->size >= GATHER_BYTES)
        write_or_stop(file);
    else
        (void)pthread_cond_signal(&file->changed);
    (void)pthread_mutex_unlock(&file->lock);
    free(text);
}

/* ---- buffering ---- */

static void *flush(void *context)
{
    struct history_file *file = context;
    struct timespec until;

    (void)pthread_mutex_lock(&file->lock);
    while (!file->closing) {
        if (!file->size) {
            (void)pthread_cond_wait(&file->changed, &file->lock);
            continue;
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += GATHER_S;
        while (!file->closing && pthread_cond_timedwait(&file->changed, &file->lock, &until) == 0)
            ; /* another line within the same second */
        write_or_stop(file);
    }
    (void)pthread_mutex_unlock(&file->lock);
    return NULL;
}

static void init_lock(struct history_file *file)
{
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&file->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&file->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

/* ---- opening ---- */

static int read_boot_id(char *ret, size_t size, struct berth_error *reterr)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = descriptor < 0 ? -1 : read(descriptor, ret, size - 1);
    int fault = errno;

    if (descriptor >= 0)
        (void)close(descriptor);
    if (n < 0)
        return berth_fail(reterr, BERTH_E_IO, "%s: %s", path, strerror(fault));
    ret[n] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
    return 0;
}

/* End half a line that an earlier writer left when it was killed or the disk was full. */
static void end_torn_line(struct history_file *file)
{
    off_t end = lseek(file->descriptor, 0, SEEK_END);
    char last = '\n';

    if (end > 0 && pread(file->descriptor, &last, 1, end - 1) == 1 && last != '\n')
        put(file, "");
}

/* Only a history whose lines are written at once is complete. */
static int begin(struct history_file *file, const char *program, struct berth_error *reterr)
{
    struct history_line line = { .kind = HISTORY_run, .at_us = history_now_us() };
    char *text;
    int r;

    copy_text(line.run.program, program);
    copy_text(line.run.version, BERTH_VERSION);
    line.run.pid = getpid();
    line.run.whole = !file->gather;
    r = read_boot_id(line.run.boot, sizeof(line.run.boot), reterr);
    if (r < 0)
        return r;
    file->descriptor = open(file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file->descriptor < 0)
        return fail(file, reterr);
    end_torn_line(file);
    text = history_encode(&line);
    put(file, text);
    free(text);
    return write_text(file, reterr);
}

static void release(struct history_file *file)
{
    if (file->descriptor >= 0)
        (void)close(file->descriptor);
    (void)pthread_cond_destroy(&file->changed);
    (void)pthread_mutex_destroy(&file->lock);
    free(file->text);
    free(file);
}

int history_file_open(const char *path, const char *program, bool gather, struct history **ret,
                      struct berth_error *reterr)
{
    struct history_file *file = berth_new(struct history_file);
    int r;

    file->history.take = take;
    file->descriptor = -1;
    file->gather = gather;
    init_lock(file);
    if ((size_t)snprintf(file->path, sizeof(file->path), "%s", path) >= sizeof(file->path))
        r = berth_fail(reterr, BERTH_E_IO, "%.80s...: the path is too long", path);
    else
        r = begin(file, program, reterr);
    if (r == 0 && gather && pthread_create(&file->flusher, NULL, flush, file) != 0)
        r = berth_fail(reterr, BERTH_E_IO, "%s: cannot start a thread to write it", path);
    if (r < 0) {
        release(file);
        return r;
    }
    *ret = &file->history;
    return 0;
}

void history_file_close(struct history *history)
{
    struct history_file *file;

    if (!history)
        return;
    file = file_of(history);
    if (file->gather) {
        (void)pthread_mutex_lock(&file->lock);
        file->closing = true;
        (void)pthread_cond_signal(&file->changed);
        (void)pthread_mutex_unlock(&file->lock);
        (void)pthread_join(file->flusher, NULL);
    }
    write_or_stop(file);
    release(file);
}
