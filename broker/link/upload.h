/* upload.h - logs that terminals send in chunks, kept in the data folder's uploads/.
 *
 * Module link, private but for upload_path. Thread: core loop; files are written on a thread of
 * their own, one chunk at a time: the next is asked for (acknowledged) when the last is on disk.
 * Names are made by us: <command id>.log, mode 0600, in a folder of mode 0700. A file has its name
 * only when it is whole and its SHA-256 is right; until then it is .part, and a start removes what
 * an earlier life left of those.
 */
#ifndef BERTH_LINK_UPLOAD_H
#define BERTH_LINK_UPLOAD_H

#include "berth/loop.h"
#include "berth/message.h"

struct uploads;
struct upload;

/* Uploads being received at once, over all terminals. */
#define UPLOADS_OPEN_MAX 64

/* quota: bytes of all log uploads together, whole or not. */
int uploads_new(struct berth_loop *loop, const char *folder, int64_t quota, struct uploads **ret,
                struct berth_error *reterr) berth_must_check;
void uploads_free(struct uploads *uploads);

#define UPLOAD_PATH 1024

/* Where the log upload of a command is once it is whole. folder: the data folder. */
int upload_path(const char *folder, uint64_t command_id, char out[UPLOAD_PATH],
                struct berth_error *reterr) berth_must_check;

/* Progress of an upload: so much is on disk. ref: of the chunk that the report is about. over: it
 * is whole, verified and has its name, or (error->code != 0) it failed and is gone; in both cases
 * the upload is freed after the call and must not be dropped any more.
 */
typedef void upload_progress_fn(void *context, uint64_t peer, uint64_t ref, uint64_t command_id,
                                int64_t offset, bool over, const struct berth_error *error);

/* Begin. Errors: INVALID (size, name or hash), NO_SPACE (quota), BUSY (too many at once), EXISTS,
 * IO. */
int upload_new(struct uploads *uploads, const struct msg_upload_begin *begin, uint64_t peer,
               upload_progress_fn *progress, void *context, struct upload **ret,
               struct berth_error *reterr) berth_must_check;

/* The next chunk, of the message `ref`; progress follows. Errors (the caller then drops the
 * upload): STATE (the last one is not acknowledged yet), INVALID (offset, base64, too much).
 */
int upload_add(struct upload *upload, uint64_t ref, const struct msg_upload_chunk *chunk,
               struct berth_error *reterr) berth_must_check;

/* Give it up; no progress follows. NULL is fine. */
void upload_drop(struct upload *upload);

struct upload_stats {
    int64_t stored, refused, bytes;
};
void uploads_stats(const struct uploads *uploads, struct upload_stats *ret);

#endif
