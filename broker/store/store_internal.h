/* store_internal.h - the store from the inside: who owns what, and which thread touches it.
 *
 * Module store, private.
 *
 *     loop    store.c   begin functions put jobs into a queue; store_turn delivers those that are
 * done writer  writer.c  the one connection that writes and checkpoints: decisions, presence,
 * backup, pruning reader  reader.c  a query-only connection for pages and for verifying, so that
 * they never hold up a commit
 *
 * The three meet in struct store under its lock, for as long as it takes to move a list. A file
 * that cannot be trusted any more is told to store_break by whoever finds out; from then on every
 * job ends with that error.
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

    pthread_mutex_t lock; /* guards all below */
    struct job_queue to_writer, to_reader;
    struct list done;
    int64_t feed_retention_ms;
    size_t presence_waiting;
    bool closing;
    struct berth_error broken; /* code 0: the store is good */
    struct store_stats stats;
};

/* Any thread. Wait until the queue holds something, the store closes, or `wait_ms` passed (< 0: no
 * limit), and move up to `most` jobs to `ret`. false: the store closes and the queue is empty.
 */
bool store_take(struct store *store, struct job_queue *queue, int64_t wait_ms, size_t most,
                struct list *ret);

/* Any thread: these jobs have ended; the loop is woken to deliver them. */
void store_done(struct store *store, struct list *jobs);

/* Any thread: the store cannot be trusted any more. The first one counts. */
void store_break(struct store *store, const struct berth_error *error);

/* Any thread. */
bool store_broken(struct store *store, struct berth_error *ret);

/* Open a file of the folder to write (open.c): make it if it is missing, refuse what is not ours or
 * newer, migrate. precious: synchronous=FULL, and a backup before a
 * migration.
 */
int open_migrated(const char *folder, const struct schema *schema, bool precious, sqlite3 **ret,
                  struct berth_error *reterr) berth_must_check;

/* The files as their threads need them. */
int open_main(const char *folder, sqlite3 **ret, struct berth_error *reterr) berth_must_check;
int open_presence(const char *folder, sqlite3 **ret, struct berth_error *reterr) berth_must_check;
int open_read_only(const char *folder, const struct schema *schema, sqlite3 **ret,
                   struct berth_error *reterr) berth_must_check;

#endif
