/* backup.h - a copy of berth.db made while it is in use.
 *
 * Module store, private; writer's thread. The copy goes in steps over the writer's own connection,
 * so what is committed between two steps is in it without beginning anew. It is written under
 * another name and gets its own when it is whole and durable; it is mode 0600, in rollback-journal
 * mode (one file), and never replaces a file.
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

/* Begin a backup of `source`. EXISTS: there is such a file. On a failure nothing is left behind. */
int backup_start(sqlite3 *source, const char *path, struct backup_run *run,
                 struct berth_error *reterr) berth_must_check;

/* Up to `pages` more. 1: there is more; 0: the backup is in place; negative: it failed and left
 * nothing behind. */
int backup_step(struct backup_run *run, int pages, struct berth_error *reterr) berth_must_check;

/* Call it off and leave nothing behind; no effect on one that is not begun. */
void backup_cancel(struct backup_run *run);

/* All of it, holding everything else up. */
int backup_whole(sqlite3 *source, const char *path, struct berth_error *reterr) berth_must_check;

#endif
