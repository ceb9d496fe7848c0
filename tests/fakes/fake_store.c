/* fake_store.c - batches of decisions on the fake disk, and crashes around a commit. */
#include "fakes/fake_store.h"

#include "core/history_lines.h"

#define SLOWEST_MS 20

struct fake_commit {
    struct list node;
    struct changes *changes;
    struct op *op;
    bool begun; /* in the batch that is being written */
};

static void write_batch(struct berth_timer *timer);

struct store *fake_store_new(struct environment *environment, struct disk *disk,
                             struct berth_timers *timers)
{
    struct store *store = berth_new(struct store);

    store->environment = environment;
    store->disk = disk;
    store->timers = timers;
    store->slowest_ms = SLOWEST_MS;
    list_init(&store->queue);
    return store;
}

/* ---- the history: what is on the disk, before it is acknowledged ---- */

static void note_commit(struct store *store, const struct changes *changes)
{
    struct environment *environment = store->environment;
    struct history_line line = { .kind = HISTORY_row };

    if (!environment->history)
        return;
    for (size_t i = 0; i < changes->count; i++) {
        line.row = history_of_change(&changes->audit, changes->at, changes->count, i, changes->rev);
        line.row.over |= line.row.verb == history_verb_DROP;
        line.row.verb = history_verb_STORED;
        line.row.incarnation = disk_incarnation(store->disk);
        environment_record(environment, &line);
    }
    line = (struct history_line){ .kind = HISTORY_audit };
    line.audit = history_of_audit(&changes->audit, changes->at, changes->count, changes->rev,
                                  (int64_t)disk_audits(store->disk));
    environment_record(environment, &line);
}

static int commit_now(struct store *store, struct changes *changes, struct berth_error *reterr)
{
    int r = disk_commit(store->disk, changes, reterr);

    if (r == 0 && !changes->repeated)
        note_commit(store, changes);
    return r;
}

static void record_degraded(struct store *store, bool degraded)
{
    struct history_line line = { .kind = HISTORY_broker };

    if (store->degraded == degraded)
        return;
    store->degraded = degraded;
    line.broker.event = degraded ? history_broker_event_DEGRADED : history_broker_event_WRITABLE;
    line.broker.incarnation = disk_incarnation(store->disk);
    environment_record(store->environment, &line);
}

void fake_store_die(struct store *store)
{
    bool reached = environment_chance(store->environment, 50);

    if (store->dead)
        return;
    store->dead = true;
    timer_stop(store->timers, &store->next);
    list_each (&store->queue, node) {
        struct fake_commit *commit = list_entry(node, struct fake_commit, node);

        if (!commit->begun || !reached || store->full)
            break;
        if (commit_now(store, commit->changes, NULL) == 0)
            environment_note(store->environment, "committed and never acknowledged: %s %s",
                             commit->changes->audit.action, commit->changes->audit.object);
    }
}

void fake_store_let_go(struct store *store)
{
    struct berth_error error = { 0 };
    struct list *node;

    (void)berth_fail(&error, BERTH_E_CLOSING, "the broker is dead");
    while ((node = list_shift(&store->queue)) != NULL) {
        struct fake_commit *commit = list_entry(node, struct fake_commit, node);
        struct op *op = commit->op;

        free(commit);
        op_complete(op, error.code, &error);
    }
}

void fake_store_free(struct store *store)
{
    timer_stop(store->timers, &store->next);
    free(store);
}

size_t fake_store_waiting(const struct store *store)
{
    size_t count = 0;

    list_each (&store->queue, node)
        count++;
    return count;
}

/* ---- writing ---- */

static void begin_batch(struct store *store)
{
    if (list_empty(&store->queue) || timer_armed(&store->next))
        return;
    list_each (&store->queue, node)
        list_entry(node, struct fake_commit, node)->begun = true;
    timer_start(store->timers, &store->next,
                environment_draw_ms(store->environment, 0, store->slowest_ms), write_batch);
}

static int refuse(struct store *store, const struct changes *changes, struct berth_error *reterr)
{
    int code = store->fail_next;

    /* A repeated request is not refused: the store looks for it first. */
    if (!store->full && disk_knows(store->disk, changes))
        return 0;
    store->fail_next = 0;
    if (code)
        return berth_fail(reterr, code, "%s", berth_error_row(code)->sentence);
    record_degraded(store, store->full);
    if (store->full)
        return berth_fail(reterr, BERTH_E_NO_SPACE,
                          "the broker's disk is full; nothing was changed");
    return 0;
}

static void crash(struct store *store)
{
    environment_note(store->environment, "the broker crashes at commit %llu",
                     (unsigned long long)store->commits);
    store->dead = true;
    if (store->crashed)
        store->crashed(store->context);
}

/* Frees the commit, unless the broker dies before the acknowledgement. */
static void write_one(struct store *store, struct fake_commit *commit)
{
    struct berth_error error = { 0 };
    bool crashes;
    struct op *op;
    int r;

    r = refuse(store, commit->changes, &error);
    if (r == 0)
        store->commits++;
    crashes = r == 0 && store->crash != CRASH_NEVER && store->commits == store->crash_at;
    if (crashes && store->crash == CRASH_BEFORE_COMMIT) {
        list_prepend(&store->queue, &commit->node);
        crash(store);
        return;
    }

    if (r == 0)
        r = commit_now(store, commit->changes, &error);
    if (r != BERTH_E_NO_SPACE)
        environment_note(store->environment, "commit %llu: %s %s%s%s",
                         (unsigned long long)store->commits, commit->changes->audit.action,
                         commit->changes->audit.object, r < 0 ? ": " : "", r < 0 ? error.text : "");
    if (crashes && store->crash == CRASH_AFTER_COMMIT) {
        list_prepend(&store->queue, &commit->node);
        crash(store);
        return;
    }

    op = commit->op;
    free(commit);
    op_complete(op, r, &error);
    if (crashes)
        crash(store);
}

static void write_batch(struct berth_timer *timer)
{
    struct store *store = container_of(timer, struct store, next);

    while (!store->dead && !list_empty(&store->queue)) {
        struct fake_commit *commit = list_entry(store->queue.next, struct fake_commit, node);

        if (!commit->begun)
            break;
        list_remove(&commit->node);
        write_one(store, commit);
    }
    if (!store->dead)
        begin_batch(store);
}

/* ---- the port ---- */

int store_load(struct store *store, struct core *core, struct berth_error *reterr)
{
    return disk_load(store->disk, core, reterr);
}

int store_commit_begin(struct store *store, struct changes *changes, struct op *op)
{
    struct fake_commit *commit;
    int r;

    if (store->dead)
        return berth_fail(&op->error, BERTH_E_CLOSING, "the broker is dead");
    commit = berth_new(struct fake_commit);
    commit->changes = changes;
    commit->op = op;
    list_append(&store->queue, &commit->node);
    r = op_begun(op, NULL, commit);
    begin_batch(store);
    return r;
}

void store_presence(struct store *store, const struct presence_row *rows, size_t count)
{
    if (store->dead || store->full)
        return;
    for (size_t i = 0; i < count; i++)
        disk_presence(store->disk, &rows[i]);
}

int store_presence_load(struct store *store,
                        void (*each)(void *context, const struct presence_row *row), void *context,
                        struct berth_error *reterr)
{
    (void)reterr; /* memory does not fail */
    disk_presence_each(store->disk, each, context);
    return 0;
}

void store_stats(const struct store *store, struct store_stats *ret)
{
    *ret = (struct store_stats){ .commits = (int64_t)store->commits,
                                 .operations = (int64_t)store->commits,
                                 .queue = (int64_t)fake_store_waiting(store),
                                 .degraded = store->full };
}
