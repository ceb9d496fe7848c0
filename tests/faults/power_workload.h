/* power_workload.h - the real store on a disk that can lose its power: a workload that
 * decides, and what must be there afterwards.
 *
 * Test code. Thread: the caller's, which acts as the loop. The store is the product's own object
 * code with its writer and reader threads, on power_vfs. Every decision is recorded with the rows
 * it changes, the number of journal entries when it was submitted and when it completed, and its
 * rev. From that follows for every moment what the disk must hold, may hold and must not hold.
 */
#ifndef BERTH_TESTS_FAULTS_POWER_WORKLOAD_H
#define BERTH_TESTS_FAULTS_POWER_WORKLOAD_H

#include <semaphore.h>

#include "core/core.h"
#include "store/store.h"

#include "power_disk.h"

#define POWER_PERSONS 12
#define POWER_NEVER SIZE_MAX
#define POWER_KEY 32

struct power_decision {
    uint64_t rev; /* of its last change; 0: its outcome is not known */
    size_t begun_at, acked_at;
    size_t count;
    struct change *changes;
    uint64_t about; /* user whose key sealed its audit record, 0 = none */
};

/* A person who was erased, with the key that must not come back. */
struct power_erasure {
    uint64_t user_id;
    uint64_t user_rev; /* of the row that is removed from the feed */
    unsigned char key[POWER_KEY];
    size_t begun_at, acked_at;
};

/* All decisions since the disk was empty, in the order of their begin. */
struct power_record {
    struct power_decision *decisions;
    size_t count, capacity;
    struct power_erasure erasures[32];
    size_t erased;
    int64_t incarnation; /* of the broker that wrote the journal */
    size_t opened_at;    /* number of entries when it had opened */
};

struct power_workload {
    char folder[256];
    bool own_folder;
    struct power_disk *disk;
    /* How far the disk has come: entries of the journal, or of the log of a block device. NULL: the
     * disk's own journal. */
    size_t (*position)(struct power_workload *workload);
    int log_fd;                  /* of `position` */
    struct power_record *record; /* NULL: not recorded */
    struct berth_timers timers;
    struct berth_random random;
    struct core *core;
    struct store *store;
    sem_t woken;
    struct berth_error error;
    bool failed;
};

/* folder: NULL makes a temporary one, which holds only the files that the store makes outside the
 * VFS. */
void power_workload_init(struct power_workload *workload, uint64_t seed, const char *folder);
void power_workload_end(struct power_workload *workload);

/* Open the store on workload->disk and load the core; 0 or the failure, with workload->error. */
int power_workload_open(struct power_workload *workload) berth_must_check;
void power_workload_close(struct power_workload *workload);

/* Run until `op` is complete; its result. */
int power_workload_wait(struct power_workload *workload, struct op *op) berth_must_check;

/* Some days of a small site: people sign on and off, several at once, terminals are seen, people
 * are added and erased. All decisions have completed when it returns; 0 or the store's failure. */
int power_workload_work(struct power_workload *workload, int steps) berth_must_check;

/* The present key in keys.db; false when there is none. */
bool power_workload_key(struct power_workload *workload, uint64_t user_id,
                        unsigned char key[POWER_KEY]);

/* Begin a new journal on a disk that holds everything up to `rev`, cut at `point`: lost decisions
 * are removed from the record, the others are certain. */
void power_record_settle(struct power_record *record, uint64_t rev, size_t point);
void power_record_clear(struct power_record *record);

#endif
