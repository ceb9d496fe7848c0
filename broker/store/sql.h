/* sql.h - helpers for SQLite, used by every file of this module.
 *
 * Module store, private. One connection belongs to one thread. Statements are prepared once and
 * kept.
 *
 * Every failure of SQLite is one of four kinds, and the kind decides what the store does: a row
 * that is not allowed, a full disk, a file that another program locks, or a broken file.
 */
#ifndef BERTH_STORE_SQL_H
#define BERTH_STORE_SQL_H

#include <sqlite3.h>

#include "berth/error.h"

enum sql_status {
    SQL_OK,
    SQL_REFUSED,  /* a constraint: only this decision fails */
    SQL_NO_SPACE, /* nothing was changed; it may succeed later */
    SQL_BUSY,     /* another program holds the file, or no descriptor is left to open it */
    /* I/O error, failed sync, corruption, or an internal error: acknowledge nothing any more */
    SQL_BROKEN,
};

/* The kind of the failure `rc` that the last call of this file returned on this thread. Out of
 * memory ends the program. A sync that failed is never SQL_NO_SPACE, whatever errno says: the
 * kernel may have dropped the pages, so that a second sync would wrongly succeed.
 */
enum sql_status sql_status_of(int rc);

/* BERTH_E_... for a status. */
int sql_code(enum sql_status status);

/* Fill `reterr` with SQLite's message for the failure `rc` and return its status. */
enum sql_status sql_failed(sqlite3 *db, int rc, const char *what, struct berth_error *reterr);

/* As sql_failed, but returns the error code. */
int sql_fail(sqlite3 *db, int rc, const char *what, struct berth_error *reterr);

/* How a file is opened. */
enum sql_use {
    SQL_WRITE, /* the one connection that writes and checkpoints */
    SQL_READ,  /* query only, never checkpoints */
};

/* Open an existing file with the settings of all connections (foreign keys, no trusted schema,
 * extended result codes, a busy timeout, no automatic checkpoint).
 */
int sql_open(const char *path, enum sql_use use, sqlite3 **ret,
             struct berth_error *reterr) berth_must_check;

/* Prepare a statement that is kept. */
int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret,
                struct berth_error *reterr) berth_must_check;

/* Wrappers of SQLite's calls that access files; never call those directly, because these record
 * errno. They return SQLite's code. */
int sql_exec(sqlite3 *db, const char *text);
int sql_step(sqlite3_stmt *statement);
int sql_checkpoint(sqlite3 *db, int how, int *ret_frames, int *ret_folded);
int sql_backup_step(sqlite3_backup *backup, int pages);

/* Run statements without parameters; rows are ignored. */
int sql_run(sqlite3 *db, const char *text, struct berth_error *reterr) berth_must_check;

/* The first column of the first row as a number; `missing` when there is no row or it is NULL. */
int sql_number(sqlite3 *db, const char *text, int64_t missing, int64_t *ret,
               struct berth_error *reterr) berth_must_check;

/* What a PRAGMA answers in its first row; `what` is for the error when it answers nothing. */
int sql_word(sqlite3 *db, const char *pragma, const char *what, char *out, size_t size,
             struct berth_error *reterr) berth_must_check;

/* Step a statement that returns no rows, and reset it. Returns SQLite's code: SQLITE_DONE on
 * success. */
int sql_step_once(sqlite3_stmt *statement);

/* Finalize; NULL is fine. */
void sql_drop(sqlite3_stmt **statement);

/* Bind by position, from 1. Texts and blobs must live until the statement is reset. */
void sql_bind_text(sqlite3_stmt *statement, int at, const char *text);
void sql_bind_blob(sqlite3_stmt *statement, int at, const void *bytes, size_t size);
/* 0 is bound as NULL. */
void sql_bind_id(sqlite3_stmt *statement, int at, uint64_t id);

/* The text of a column, never NULL. Valid until the next step. */
const char *sql_text(sqlite3_stmt *statement, int column);

/* Copy 32 bytes of a column; false when it has another length. */
bool sql_hash(sqlite3_stmt *statement, int column, unsigned char out[32]);

#endif
