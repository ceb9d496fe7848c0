/* keyfile.h - small files that hold keys: read whole, written whole or not at all.
 *
 * Module auth, private.
 */
#ifndef BERTH_AUTH_KEYFILE_H
#define BERTH_AUTH_KEYFILE_H

#include "berth/error.h"

#define KEYFILE_MAX 16384
#define KEYFILE_PATH 1024

/* folder/name in `out`. */
int keyfile_path(const char *folder, const char *name, char out[KEYFILE_PATH],
                 struct berth_error *reterr) berth_must_check;

/* Read at most KEYFILE_MAX bytes; *ret is NUL-terminated behind them and the caller's:
 * berth_wipe_free. secret: refuse a file that group or others can read. Errors: NOT_FOUND, DENIED,
 * TOO_LARGE, IO.
 */
int keyfile_read(const char *path, bool secret, char **ret, size_t *ret_size,
                 struct berth_error *reterr) berth_must_check;

/* Write beside, sync, rename, sync the folder: after a crash the old or the new content is there.
 * mode: 0600 or 0644. */
int keyfile_write(const char *path, unsigned mode, const void *bytes, size_t size,
                  struct berth_error *reterr) berth_must_check;

/* Is there anything of this name? */
bool keyfile_exists(const char *path);

#endif
