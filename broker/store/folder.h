/* folder.h - the data folder: its permissions, its lock, and files that are durable.
 *
 * Module store, private.
 */
#ifndef BERTH_STORE_FOLDER_H
#define BERTH_STORE_FOLDER_H

#include "berth/error.h"

#define FOLDER_PATH 1024

/* folder/name in `out`; TOO_LARGE when it does not fit. */
int folder_path(const char *folder, const char *name, char out[FOLDER_PATH],
                struct berth_error *reterr) berth_must_check;

/* Create the folder if it is missing (its parent must exist). Errors: DENIED (it belongs to another
 * user, or others can enter it).
 */
int folder_check(const char *folder, struct berth_error *reterr) berth_must_check;

/* Lock the folder for this process; closing *ret_fd (or the end of the process) unlocks it. Errors:
 * CONFLICT (locked already, by any process).
 */
int folder_lock(const char *folder, int *ret_fd, struct berth_error *reterr) berth_must_check;

/* Create an empty file of mode 0600, or set the mode of an existing one. *ret_new (may be NULL): it
 * was created. */
int folder_file(const char *path, bool *ret_new, struct berth_error *reterr) berth_must_check;

/* As folder_file, but the file must not exist yet: EXISTS. */
int folder_new_file(const char *path, struct berth_error *reterr) berth_must_check;

/* Sync a file, and the folder that contains it. A failure is final: IO. */
int folder_sync_file(const char *path, struct berth_error *reterr) berth_must_check;
int folder_sync_of(const char *path, struct berth_error *reterr) berth_must_check;

/* Rename a finished file durably, without replacing another one (EXISTS). */
int folder_publish(const char *from, const char *to, struct berth_error *reterr) berth_must_check;

/* Also true for a dangling link. */
bool folder_exists(const char *path);

#endif
