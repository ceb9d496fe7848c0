/* state_file.h - small private files in one folder, replaced atomically and durably; or in memory
 * only.
 *
 * Module shared. Used for what a terminal must remember while it is off. A file is written under a
 * temporary name, synced and renamed over the old one, then the folder is synced: after a power cut
 * it is the old or the new one, never a part.
 */
#ifndef BERTH_STATE_FILE_H
#define BERTH_STATE_FILE_H

#include "berth/error.h"
#include "berth/list.h"

struct state_dir {
    int folder; /* -1: in memory */
    char path[256];
    struct list documents; /* when held in memory */
};

/* Largest file. */
#define STATE_FILE_MAX 262144

/* Open the folder; create it (mode 0700) when it is missing. path NULL: keep the files in memory,
 * for terminals whose disk must not be written. Errors: DENIED (the folder belongs to another user,
 * or others may read it), IO.
 */
int state_dir_open(struct state_dir *state, const char *path,
                   struct berth_error *reterr) berth_must_check;
void state_dir_close(struct state_dir *state); /* wipes files held in memory */

/* Create or replace the file `name` (letters, digits, '.', '-'). Errors: IO, NO_SPACE, TOO_LARGE,
 * INVALID. */
int state_file_write(struct state_dir *state, const char *name, const void *data, size_t size,
                     struct berth_error *reterr) berth_must_check;

/* The content with a NUL after it, to be freed with berth_wipe_free(data, *ret_size). NULL and
 * NOT_FOUND when there is no such file. */
char *state_file_read(struct state_dir *state, const char *name, size_t *ret_size,
                      struct berth_error *reterr);

#endif
