/* backup.h - copy berth.db while it is in use.
 *
 * Module store, private; writer's thread. The copy is made in steps on the writer's own connection,
 * so that commits between two steps are included without a restart. It is written under a temporary
 * name and renamed when it is complete and durable. It has mode 0600, rollback-journal mode (one
 * file), and never replaces a file.
 */
#ifndef BERTH_STORE_BACKUP_H
#define BERTH_STORE_BACKUP_H

#include "folder.h"
#include "sql.h"

struct backup_run {
    char path[FOLDER_PATH];
    char unfinished[FOLDER_PATH];
    sqlite3 *target;
    sqlite3_backup *backup;
};

/* Begin a backup of `source`. On failure no file is left. Errors: EXISTS. */
int backup_start(sqlite3 *source, const char *path, struct backup_run *run,
                 struct berth_error *reterr) berth_must_check;

/* Copy up to `pages` more. 1: not finished; 0: the backup is in place; negative: it failed and left
 * no file. */
int backup_step(struct backup_run *run, int pages, struct berth_error *reterr) berth_must_check;

/* Cancel and remove the file; no effect when it has not begun. */
void backup_cancel(struct backup_run *run);

/* The whole backup in one call, which blocks. */
int backup_whole(sqlite3 *source, const char *path, struct berth_error *reterr) berth_must_check;

#endif
