/* folder.h - the data folder: who may read it, who holds it, and files that outlive a power cut.
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

/* Make the folder if it is missing (its parent must exist), and refuse with DENIED one that is not
 * ours or that others can enter.
 */
int folder_check(const char *folder, struct berth_error *reterr) berth_must_check;

/* Hold the folder for this process: a second holder, in whatever process, gets CONFLICT. The
 * descriptor is closed to let go; the kernel does so when the process dies.
 */
int folder_lock(const char *folder, int *ret_fd, struct berth_error *reterr) berth_must_check;

/* Make an empty file of mode 0600 if it is missing; one that exists is brought to 0600. *ret_new
 * (may be NULL) says which. */
int folder_file(const char *path, bool *ret_new, struct berth_error *reterr) berth_must_check;

/* As folder_file, but the file must not exist yet: EXISTS. */
int folder_new_file(const char *path, struct berth_error *reterr) berth_must_check;

/* Make a file, and a folder's list of names, durable. A failure is final: IO. */
int folder_sync_file(const char *path, struct berth_error *reterr) berth_must_check;
int folder_sync_of(const char *path, struct berth_error *reterr) berth_must_check;

/* Give a finished file its name, without ever replacing another one (EXISTS), and make that
 * durable. */
int folder_publish(const char *from, const char *to, struct berth_error *reterr) berth_must_check;

/* Also a dangling link exists. */
bool folder_exists(const char *path);

#endif
