/* presence_file.h - presence.db: when each terminal was last seen.
 *
 * Module store, private; writer's thread. WAL with synchronous=NORMAL: a power cut may cost the
 * last seconds, never the file.
 */
#ifndef BERTH_STORE_PRESENCE_FILE_H
#define BERTH_STORE_PRESENCE_FILE_H

#include "store/store.h"

#include "sql.h"

struct presence_file {
    sqlite3 *db;
    sqlite3_stmt *put;
};

/* Open, migrate, prepare. */
int presence_file_open(const char *folder, struct presence_file *file,
                       struct berth_error *reterr) berth_must_check;

/* Write the rows in one transaction. */
enum sql_status presence_file_put(struct presence_file *file, const struct presence_row *rows,
                                  size_t count, struct berth_error *reterr);

/* Checkpoint the write-ahead log. */
enum sql_status presence_file_checkpoint(struct presence_file *file, struct berth_error *reterr);

/* A failure is returned: rows that were flushed may not be on disk. */
int presence_file_close(struct presence_file *file, struct berth_error *reterr) berth_must_check;

#endif
