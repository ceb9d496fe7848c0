/* merge.h - merges several files of lines in order of time.
 *
 * Module tests. Files of one boot of one machine share a clock, so their lines can be put in order;
 * of each file one line is in memory.
 */
#ifndef BERTH_TESTS_HISTORY_MERGE_H
#define BERTH_TESTS_HISTORY_MERGE_H

#include "berth/history.h"

struct merge;

/* A line and where it stands. */
struct merged {
    const struct history_line *line;
    const char *path;
    uint64_t number; /* of the line in its file, from 1 */
    size_t file;     /* of the files given, from 0 */
};

/* Open the files. Errors: IO naming the file that cannot be read. */
int merge_open(const char *const *paths, size_t count, struct merge **ret,
               struct berth_error *reterr) berth_must_check;
void merge_close(struct merge *merge);

/* The next line. 1: there it is; 0: nothing follows; < 0: unreadable, naming file and line. A torn
 * line that a killed writer left, at the end, before a new `run` or before another writer's line,
 * is passed over and counted.
 */
int merge_next(struct merge *merge, struct merged *ret,
               struct berth_error *reterr) berth_must_check;

/* Torn lines that were passed over. */
uint64_t merge_torn(const struct merge *merge);

/* Do all files that say so come from one boot? If not, their times say nothing of each other. */
bool merge_one_boot(const struct merge *merge);

#endif
