/* upload.h - receive log files from terminals in chunks, and store them in uploads/ of the data
 * folder.
 *
 * Module link, private but for upload_path. Thread: core loop; a separate thread writes the files,
 * one chunk at a time: a chunk is acknowledged when it is on disk. The broker chooses the name:
 * <command id>.log, mode 0600, in a folder of mode 0700. Until the file is complete and its SHA-256
 * is verified its name ends in .part; such files are removed at the start of the broker.
 */
#ifndef BERTH_LINK_UPLOAD_H
#define BERTH_LINK_UPLOAD_H

#include "berth/loop.h"
#include "berth/message.h"

struct uploads;
struct upload;

/* Parallel uploads of all terminals. */
#define UPLOADS_OPEN_MAX 64

/* quota: bytes of all log uploads together, complete or not. */
int uploads_new(struct berth_loop *loop, const char *folder, int64_t quota, struct uploads **ret,
                struct berth_error *reterr) berth_must_check;
void uploads_free(struct uploads *uploads);

#define UPLOAD_PATH 1024

/* Path of the complete log file of a command. folder: the data folder. */
int upload_path(const char *folder, uint64_t command_id, char out[UPLOAD_PATH],
                struct berth_error *reterr) berth_must_check;

/* Progress of an upload: `offset` bytes are on disk. ref: of the chunk. over: it is complete,
 * verified and renamed, or (error->code != 0) it failed and was removed; in both cases the upload
 * is freed after the call, and upload_drop must not be called.
 */
typedef void upload_progress_fn(void *context, uint64_t peer, uint64_t ref, uint64_t command_id,
                                int64_t offset, bool over, const struct berth_error *error);

/* Begin an upload. Errors: INVALID (size, name or hash), NO_SPACE (quota), BUSY (too many in
 * parallel), EXISTS, IO. */
int upload_new(struct uploads *uploads, const struct msg_upload_begin *begin, uint64_t peer,
               upload_progress_fn *progress, void *context, struct upload **ret,
               struct berth_error *reterr) berth_must_check;

/* Add the next chunk, from message `ref`; `progress` is called later. Errors (the caller must then
 * call upload_drop): STATE (the last chunk is not acknowledged yet), INVALID (offset, base64, too
 * much data).
 */
int upload_add(struct upload *upload, uint64_t ref, const struct msg_upload_chunk *chunk,
               struct berth_error *reterr) berth_must_check;

/* Cancel; `progress` is not called any more. NULL is allowed. */
void upload_drop(struct upload *upload);

struct upload_stats {
    int64_t stored, refused, bytes;
};
void uploads_stats(const struct uploads *uploads, struct upload_stats *ret);

#endif
