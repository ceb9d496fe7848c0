/* job.h - jobs that the loop passes to one of the store's threads and gets back.
 *
 * Module store, private. A job owns its data by value; only `op` and the pointers named
 * `caller_...` belong to the loop, which alone uses them, in job_deliver. A job whose op was
 * cancelled (op is NULL) is carried out, and its result dropped.
 */
#ifndef BERTH_STORE_JOB_H
#define BERTH_STORE_JOB_H

#include "store/store.h"

#include "verify.h"

enum job_kind {
    /* the writer's */
    JOB_COMMIT = 1,
    JOB_PRESENCE,
    JOB_BACKUP,
    JOB_ERASE,
    /* the reader's */
    JOB_FEED,
    JOB_AUDIT,
    JOB_AUDIT_NEWEST,
    JOB_ROWS,
    JOB_VERIFY,
};

struct job {
    struct list node;
    enum job_kind kind;
    struct op *op;
    int64_t wall_ms, mono_ms; /* of the loop, when it began */
    int result;
    struct berth_error error;
};

/* A decision. `at` are copies, each only as large as the row of its kind. */
struct commit_job {
    struct job base;
    struct changes *caller_changes;
    size_t count;
    struct change **at;
    struct audit_note audit;
    char request_id[REQUEST_ID_SIZE];
    char request_fingerprint[REQUEST_ID_SIZE];
    bool unfinished;
    uint64_t rev;
    int64_t sequence; /* of its audit record */
    bool repeated;
    uint64_t added_id; /* by the earlier request with this id */
};

struct presence_job {
    struct job base;
    size_t count, written;
    struct presence_row rows[];
};

struct backup_job {
    struct job base;
    char path[1024];
};

struct erase_job {
    struct job base;
    uint64_t user_id;
};

/* A page of the feed or of the audit trail. */
struct page_job {
    struct job base;
    struct store_page *caller_page;
    struct store_page page;
    int64_t after;
    int limit;
};

/* A page of history. */
struct rows_job {
    struct job base;
    struct rows_page *caller_page;
    struct rows_page page;
    struct rows_query query;
};

struct verify_job {
    struct job base;
    struct audit_verdict *caller_verdict;
    struct verify_walk walk;
};

/* Zeroed, of `size` bytes. */
void *job_new(enum job_kind kind, size_t size);

/* Copy a decision for the writer. */
struct commit_job *job_commit_new(struct changes *changes);

/* Set the outcome: 0, or a failure. */
void job_end(struct job *job, int result, const struct berth_error *error);

/* On the loop: copy the results to the caller, complete the operation, free the job. */
void job_deliver(struct job *job);

/* Wipe and free, without completing the operation. */
void job_free(struct job *job);

#endif
