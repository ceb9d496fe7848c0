/* blob.h - bundles of logs that terminals send in chunks, kept in the data folder's blobs/.
 *
 * Module link, private but for blob_path. Thread: core loop; files are written on a thread of their
 * own, one chunk at a time: the next is asked for (acknowledged) when the last is on disk. Names
 * are made by us: <command id>.log, mode 0600, in a folder of mode 0700. A file has its name only
 * when it is whole and its SHA-256 is right; until then it is .part, and a start removes what an
 * earlier life left of those.
 */
#ifndef BERTH_LINK_BLOB_H
#define BERTH_LINK_BLOB_H

#include "berth/loop.h"
#include "berth/message.h"

struct blobs;
struct blob;

/* Bundles being received at once, over all terminals. */
#define BLOBS_OPEN_MAX 64

/* quota: bytes of all bundles together, whole or not. */
int blobs_new(struct berth_loop *loop, const char *folder, int64_t quota, struct blobs **ret,
              struct berth_error *reterr) berth_must_check;
void blobs_free(struct blobs *blobs);

#define BLOB_PATH 1024

/* Where the bundle of a command is once it is whole. folder: the data folder. */
int blob_path(const char *folder, uint64_t command_id, char out[BLOB_PATH],
              struct berth_error *reterr) berth_must_check;

/* News of a bundle: so much is on disk. ref: of the chunk that the news is about. over: it is
 * whole, verified and has its name, or (error->code != 0) it failed and is gone; in both cases the
 * blob is freed after the call and must not be dropped any more.
 */
typedef void blob_news_fn(void *context, uint64_t peer, uint64_t ref, uint64_t command_id,
                          int64_t offset, bool over, const struct berth_error *error);

/* Begin. Errors: INVALID (size, name or hash), NO_SPACE (quota), BUSY (too many at once), EXISTS,
 * IO. */
int blob_new(struct blobs *blobs, const struct msg_upload_begin *begin, uint64_t peer,
             blob_news_fn *news, void *context, struct blob **ret,
             struct berth_error *reterr) berth_must_check;

/* The next chunk, of the message `ref`; news follow. Errors (the caller then drops the blob): STATE
 * (the last one is not acknowledged yet), INVALID (offset, base64, too much).
 */
int blob_add(struct blob *blob, uint64_t ref, const struct msg_upload_chunk *chunk,
             struct berth_error *reterr) berth_must_check;

/* Give it up; no news follow. NULL is fine. */
void blob_drop(struct blob *blob);

struct blob_stats {
    int64_t stored, refused, bytes;
};
void blobs_stats(const struct blobs *blobs, struct blob_stats *ret);

#endif
