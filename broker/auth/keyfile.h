/* keyfile.h - read and atomically write small files with keys.
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

/* Read a file of at most KEYFILE_MAX bytes; *ret, followed by a NUL, is to be freed with
 * berth_wipe_free. secret: refuse a file that group or others can read. Errors: NOT_FOUND, DENIED,
 * TOO_LARGE, IO.
 */
int keyfile_read(const char *path, bool secret, char **ret, size_t *ret_size,
                 struct berth_error *reterr) berth_must_check;

/* Write atomically and durably: after a crash the file has the old or the new content. mode: 0600
 * or 0644. */
int keyfile_write(const char *path, unsigned mode, const void *bytes, size_t size,
                  struct berth_error *reterr) berth_must_check;

/* Does a file of any type have this name? */
bool keyfile_exists(const char *path);

#endif
