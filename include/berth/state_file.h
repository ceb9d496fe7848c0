/* state_file.h - small private documents in one folder, replaced as a whole and durably; or in memory
 * alone.
 *
 * Module shared. Used for what a terminal must know after it was switched off. A document is written
 * under a second name, synced, and renamed over the old one, then the folder is synced: after a
 * power cut it is the old one or the new one, never half.
 */
#ifndef BERTH_STATE_FILE_H
#define BERTH_STATE_FILE_H

#include "berth/error.h"
#include "berth/list.h"

struct state_dir {
    int folder; /* -1: in memory */
    char path[256];
    struct list documents; /* of the one in memory */
};

/* A document is never larger. */
#define STATE_FILE_MAX 262144

/* Open the folder, making it (mode 0700) when it is not there. path NULL: hold them in memory only, for
 * terminals whose disk must stay clean. Errors: DENIED (it belongs to somebody else, or others may
 * look inside), IO.
 */
int state_dir_open(struct state_dir *state, const char *path,
                   struct berth_error *reterr) berth_must_check;
void state_dir_close(struct state_dir *state); /* wipes what was held in memory */

/* Replace document `name` (letters, digits, '.', '-'). Errors: IO, NO_SPACE, TOO_LARGE, INVALID. */
int state_file_write(struct state_dir *state, const char *name, const void *data, size_t size,
                     struct berth_error *reterr) berth_must_check;

/* The document with a NUL behind it, for berth_wipe_free(data, *ret_size); NULL and NOT_FOUND when
 * there is none. */
char *state_file_read(struct state_dir *state, const char *name, size_t *ret_size,
                      struct berth_error *reterr);

#endif
