/* merge.c - reads several files of lines and merges them in order of time. */
#include "history/merge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (1 << 20)

struct source {
    FILE *file;
    const char *path;
    size_t index;
    uint64_t number; /* of the present line */
    char *text;
    size_t capacity;
    struct history_line line;
    char boot[40];
};

struct merge {
    struct source *sources;
    size_t count;
    struct source **heap; /* files with a line, the earliest first */
    size_t waiting;
    struct source *last; /* the file of the last line */
    uint64_t torn;
    bool many_boots;
    char boot[40];
};

/* ---- one file ---- */

static int unreadable(const struct source *source, const char *why, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_INVALID, "%s:%llu: %s", source->path,
                      (unsigned long long)source->number, why);
}

static void note_boot(struct merge *merge, struct source *source)
{
    if (source->line.kind != HISTORY_run || !source->line.run.boot[0])
        return;
    memcpy(source->boot, source->line.run.boot, sizeof(source->boot));
    if (!merge->boot[0])
        memcpy(merge->boot, source->boot, sizeof(merge->boot));
    else if (strcmp(merge->boot, source->boot) != 0)
        merge->many_boots = true;
}

/* Length of the next line that is not empty; 0 at the end. */
static int next_text(struct source *source, size_t *ret_length, struct berth_error *reterr)
{
    ssize_t length;

    do {
        errno = 0;
        length = getline(&source->text, &source->capacity, source->file);
        source->number++;
        if (length < 0 && ferror(source->file))
            return unreadable(source, strerror(errno), reterr);
        if (length < 0) {
            *ret_length = 0;
            return 0;
        }
        if (length > LINE_MAX_BYTES)
            return unreadable(source, "a line of more than a megabyte", reterr);
        while (length > 0 && (source->text[length - 1] == '\n' || source->text[length - 1] == '\r'))
            length--;
    } while (length == 0 || source->text[0] == '#');
    *ret_length = (size_t)length;
    return 0;
}

/* A line right behind the half that another writer of the file left when it was killed: a quote
 * inside of a text has a backslash, so only a line can begin like this. */
static int decode_behind_half(const char *text, size_t length, struct history_line *ret)
{
    struct berth_error error = { 0 };
    const char *whole = NULL;

    for (const char *at = text; (at = strstr(at + 1, "{\"line\"")) != NULL;)
        whole = at;
    return whole ? history_decode(whole, length - (size_t)(whole - text), ret, &error) : -1;
}

/* 1: there is a line; 0: the end. */
static int advance(struct merge *merge, struct source *source, struct berth_error *reterr)
{
    struct berth_error torn = { 0 };
    size_t length = 0;
    uint64_t bad = 0;
    int r;

    for (;;) {
        r = next_text(source, &length, reterr);
        if (r < 0)
            return r;
        if (length == 0) {
            merge->torn += bad ? 1 : 0; /* the last line of a writer that was killed */
            return 0;
        }
        r = history_decode(source->text, length, &source->line, &torn);
        if (r < 0 && decode_behind_half(source->text, length, &source->line) == 0) {
            merge->torn++;
            r = 0;
        }
        if (r == 0 && (!bad || source->line.kind == HISTORY_run)) {
            merge->torn += bad ? 1 : 0;
            note_boot(merge, source);
            return 1;
        }
        if (bad) {
            source->number = bad;
            return unreadable(source, torn.text, reterr);
        }
        bad = source->number;
    }
}

/* ---- all files ---- */

static bool earlier(const struct source *a, const struct source *b)
{
    if (a->line.at_us != b->line.at_us)
        return a->line.at_us < b->line.at_us;
    return a->index < b->index;
}

static void put(struct merge *merge, struct source *source)
{
    size_t at = merge->waiting++;

    while (at > 0 && earlier(source, merge->heap[(at - 1) / 2])) {
        merge->heap[at] = merge->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    merge->heap[at] = source;
}

static struct source *take(struct merge *merge)
{
    struct source *first = merge->heap[0];
    struct source *last = merge->heap[--merge->waiting];
    size_t at = 0;

    for (size_t child = 1; child < merge->waiting; child = 2 * at + 1) {
        if (child + 1 < merge->waiting && earlier(merge->heap[child + 1], merge->heap[child]))
            child++;
        if (!earlier(merge->heap[child], last))
            break;
        merge->heap[at] = merge->heap[child];
        at = child;
    }
    merge->heap[at] = last;
    return first;
}

int merge_open(const char *const *paths, size_t count, struct merge **ret,
               struct berth_error *reterr)
{
    struct merge *merge = berth_new(struct merge);
    int r = 0;

    merge->sources = berth_new_array(struct source, count);
    merge->heap = berth_new_array(struct source *, count);
    merge->count = count;
    for (size_t i = 0; i < count && r >= 0; i++) {
        struct source *source = &merge->sources[i];

        source->path = paths[i];
        source->index = i;
        source->file = strcmp(paths[i], "-") == 0 ? stdin : fopen(paths[i], "re");
        if (!source->file)
            r = berth_fail(reterr, BERTH_E_IO, "%s: %s", paths[i], strerror(errno));
        else
            r = advance(merge, source, reterr);
        if (r == 1)
            put(merge, source);
    }
    if (r < 0) {
        merge_close(merge);
        return r;
    }
    *ret = merge;
    return 0;
}

void merge_close(struct merge *merge)
{
    if (!merge)
        return;
    for (size_t i = 0; i < merge->count; i++) {
        if (merge->sources[i].file && merge->sources[i].file != stdin)
            (void)fclose(merge->sources[i].file);
        free(merge->sources[i].text);
    }
    free(merge->sources);
    free((void *)merge->heap);
    free(merge);
}

int merge_next(struct merge *merge, struct merged *ret, struct berth_error *reterr)
{
    int r;

    if (merge->last) {
        r = advance(merge, merge->last, reterr);
        if (r < 0)
            return r;
        if (r == 1)
            put(merge, merge->last);
        merge->last = NULL;
    }
    if (!merge->waiting)
        return 0;
    merge->last = take(merge);
    *ret = (struct merged){ .line = &merge->last->line,
                            .path = merge->last->path,
                            .number = merge->last->number,
                            .file = merge->last->index };
    return 1;
}

uint64_t merge_torn(const struct merge *merge)
{
    return merge->torn;
}

bool merge_one_boot(const struct merge *merge)
{
    return !merge->many_boots;
}
