/* store_internal.h - the store's own struct: who owns what, and which thread uses it.
 *
 * Module store, private.
 *
 *   thread  file      does
 *   loop    store.c   begin functions put jobs into a queue; store_turn delivers finished jobs
 *   writer  writer.c  the one connection that writes and checkpoints: decisions, presence, backup,
 *                     pruning
 *   reader  reader.c  a query-only connection for pages and verification, so that they never delay
 *                     a commit
 *
 * store_jobs.c has what those two threads do with the queues of the loop.
 *
 * The threads share struct store under its lock, which is held only while a list is moved. The
 * thread that finds a file broken calls store_break; from then on every job ends with that error.
 */
#ifndef BERTH_STORE_STORE_INTERNAL_H
#define BERTH_STORE_STORE_INTERNAL_H

#include <pthread.h>

#include "folder.h"
#include "job.h"
#include "keyring.h"

struct schema;
struct writer;
struct reader;

struct job_queue {
    struct list jobs;
    size_t count;
    pthread_cond_t filled;
};

struct store {
    struct store_setup setup;
    char folder[FOLDER_PATH];
    int lock_fd;
    struct keyring *keys;
    struct writer *writer;
    struct reader *reader;
    bool failure_reported; /* loop: setup.failed was called */

    pthread_mutex_t lock; /* guards the members below */
    struct job_queue to_writer, to_reader;
    struct list done;
    int64_t feed_retention_ms;
    size_t presence_waiting;
    bool closing;
    struct berth_error broken; /* code 0: not broken */
    struct store_stats stats;
};

/* Any thread. Wait until the queue holds something, the store closes, or `wait_ms` passed (< 0: no
 * limit), and move up to `most` jobs to `ret`. false: the store closes and the queue is empty.
 */
bool store_take(struct store *store, struct job_queue *queue, int64_t wait_ms, size_t most,
                struct list *ret);

/* Any thread: these jobs have ended; the loop is woken to deliver them. */
void store_done(struct store *store, struct list *jobs);

/* Any thread: the store failed for good; the first error is kept. */
void store_break(struct store *store, const struct berth_error *error);

/* Any thread. */
bool store_broken(struct store *store, struct berth_error *ret);

/* Open a file of the folder for writing (open.c): create it if it is missing, refuse a file of
 * another program or a newer version, migrate. precious: synchronous=FULL, and a backup before a
 * migration.
 */
int open_migrated(const char *folder, const struct schema *schema, bool precious, sqlite3 **ret,
                  struct berth_error *reterr) berth_must_check;

/* Open the files as their threads need them (open.c). */
int open_main(const char *folder, sqlite3 **ret, struct berth_error *reterr) berth_must_check;
int open_presence(const char *folder, sqlite3 **ret, struct berth_error *reterr) berth_must_check;
int open_read_only(const char *folder, const struct schema *schema, sqlite3 **ret,
                   struct berth_error *reterr) berth_must_check;

#endif
