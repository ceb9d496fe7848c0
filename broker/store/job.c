/* job.c - create, deliver and free jobs. */
#include "job.h"

#include <string.h>

void *job_new(enum job_kind kind, size_t size)
{
    struct job *job = berth_alloc(size);

    job->kind = kind;
    list_init(&job->node);
    return job;
}

/* Copy only the row of the kind: the union is as large as the largest kind. */
static size_t change_size(enum entity_kind kind)
{
    return offsetof(struct change, row) + entity_row(kind)->record->size;
}

struct commit_job *job_commit_new(struct changes *changes)
{
    struct commit_job *job = job_new(JOB_COMMIT, sizeof(*job));

    job->caller_changes = changes;
    job->count = changes->count;
    job->audit = changes->audit;
    job->unfinished = changes->unfinished;
    job->at = berth_new_array(struct change *, changes->count + 1);
    memcpy(job->request_id, changes->request_id, sizeof(job->request_id));
    memcpy(job->request_fingerprint, changes->request_fingerprint,
           sizeof(job->request_fingerprint));
    for (size_t i = 0; i < changes->count; i++) {
        size_t size = change_size(changes->at[i]->kind);

        job->at[i] = memcpy(berth_alloc(size), changes->at[i], size);
    }
    return job;
}

void job_end(struct job *job, int result, const struct berth_error *error)
{
    job->result = result;
    if (result < 0)
        job->error = *error;
}

static void hand_over(struct job *job)
{
    struct commit_job *commit;
    struct verify_job *verify;
    struct page_job *page;
    struct rows_job *rows;

    switch (job->kind) {
    case JOB_COMMIT:
        commit = container_of(job, struct commit_job, base);
        commit->caller_changes->rev = commit->rev;
        commit->caller_changes->repeated = commit->repeated;
        commit->caller_changes->added_id = commit->added_id;
        return;
    case JOB_FEED:
    case JOB_AUDIT:
    case JOB_AUDIT_NEWEST:
        page = container_of(job, struct page_job, base);
        *page->caller_page = page->page;
        page->page.items = NULL;
        return;
    case JOB_ROWS:
        rows = container_of(job, struct rows_job, base);
        *rows->caller_page = rows->page;
        rows->page.rows = NULL;
        return;
    case JOB_VERIFY:
        verify = container_of(job, struct verify_job, base);
        *verify->caller_verdict = verify->walk.verdict;
        return;
    case JOB_PRESENCE:
    case JOB_BACKUP:
    case JOB_ERASE:
        return;
    }
}

void job_deliver(struct job *job)
{
    struct op *op = job->op;
    struct berth_error error = job->error;
    int result = job->result;

    if (op && result == 0)
        hand_over(job);
    job_free(job);
    if (op)
        op_complete(op, result, &error);
}

void job_free(struct job *job)
{
    struct commit_job *commit;
    struct page_job *page;
    struct rows_job *rows;

    switch (job->kind) {
    case JOB_COMMIT: /* rows may contain hashes of secrets */
        commit = container_of(job, struct commit_job, base);
        for (size_t i = 0; i < commit->count; i++)
            berth_wipe_free(commit->at[i], change_size(commit->at[i]->kind));
        free(commit->at);
        berth_wipe_free(commit, sizeof(*commit));
        return;
    case JOB_FEED:
    case JOB_AUDIT:
    case JOB_AUDIT_NEWEST:
        page = container_of(job, struct page_job, base);
        json_decref(page->page.items);
        free(page);
        return;
    case JOB_ROWS:
        rows = container_of(job, struct rows_job, base);
        free(rows->page.rows);
        free(rows);
        return;
    case JOB_PRESENCE:
    case JOB_BACKUP:
    case JOB_ERASE:
    case JOB_VERIFY:
        free(job); /* each begins with a struct job */
        return;
    }
}
