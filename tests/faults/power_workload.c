/* power_workload.c - the decisions of a small site on the real store, and their record. */
#include "power_workload.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/assignment.h"
#include "core/connection.h"
#include "core/desktop.h"
#include "core/desktop_class.h"
#include "core/host.h"
#include "core/image.h"
#include "core/pool.h"
#include "core/session.h"
#include "core/terminal.h"
#include "core/user.h"

#include "random_seeded.h"

#define WALL_MS INT64_C(1790000000000)
#define ANSWER_S 30

/* ---- the loop ---- */

static void wake(void *context)
{
    (void)sem_post(&((struct power_workload *)context)->woken);
}

static void failed(void *context, const struct berth_error *error)
{
    struct power_workload *workload = context;

    workload->failed = true;
    workload->error = *error;
}

static void make_folder(struct power_workload *workload)
{
    (void)snprintf(workload->folder, sizeof(workload->folder), "%s/berth-power-XXXXXX",
                   getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(workload->folder)) {
        perror(workload->folder);
        exit(2);
    }
    workload->own_folder = true;
}

void power_workload_init(struct power_workload *workload, uint64_t seed, const char *folder)
{
    memset(workload, 0, sizeof(*workload));
    if (folder)
        (void)snprintf(workload->folder, sizeof(workload->folder), "%s", folder);
    else
        make_folder(workload);
    timers_init(&workload->timers, 1000, WALL_MS);
    random_seeded(&workload->random, seed);
    (void)sem_init(&workload->woken, 0, 0);
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *at)
{
    (void)facts;
    (void)kind;
    (void)at;
    return remove(path);
}

void power_workload_end(struct power_workload *workload)
{
    timers_free(&workload->timers);
    (void)sem_destroy(&workload->woken);
    if (workload->own_folder && nftw(workload->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
        perror(workload->folder);
}

static size_t journal_length(struct power_workload *workload)
{
    size_t count;

    if (workload->position)
        return workload->position(workload);
    (void)pthread_mutex_lock(&workload->disk->lock);
    count = workload->disk->journal ? workload->disk->journal->count : 0;
    (void)pthread_mutex_unlock(&workload->disk->lock);
    return count;
}

int power_workload_open(struct power_workload *workload)
{
    const struct store_setup setup = { .folder = workload->folder,
                                       .timers = &workload->timers,
                                       .wake = wake,
                                       .failed = failed,
                                       .context = workload };
    int r;

    workload->failed = false;
    workload->error = (struct berth_error){ 0 };
    workload->core = core_new(&workload->timers, &workload->random);
    r = store_open(&setup, &workload->store, &workload->error);
    if (r < 0) {
        workload->store = NULL;
        return r;
    }
    r = store_load(workload->store, workload->core, &workload->error);
    if (workload->record) {
        workload->record->incarnation = workload->core->incarnation;
        workload->record->opened_at = journal_length(workload);
    }
    return r;
}

void power_workload_close(struct power_workload *workload)
{
    store_close(workload->store);
    workload->store = NULL;
    deferred_run(&workload->timers);
    core_free(workload->core);
    workload->core = NULL;
}

static bool turn(struct power_workload *workload)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ANSWER_S;
    if (sem_timedwait(&workload->woken, &until) < 0) {
        (void)fprintf(stderr, "the store did not answer in %d s\n", ANSWER_S);
        return false;
    }
    store_turn(workload->store);
    deferred_run(&workload->timers);
    return !workload->failed;
}

int power_workload_wait(struct power_workload *workload, struct op *op)
{
    while (op->in_flight)
        if (!turn(workload))
            return BERTH_E_STORE;
    return op->result;
}

/* ---- the record ---- */

static size_t record_decision(struct power_workload *workload, const struct changes *changes)
{
    struct power_record *record = workload->record;
    struct power_decision *decision;

    if (record->count == record->capacity) {
        record->capacity = record->capacity * 2 + 64;
        record->decisions =
            berth_realloc(record->decisions, record->capacity * sizeof(*record->decisions));
    }
    decision = &record->decisions[record->count];
    *decision = (struct power_decision){ .begun_at = journal_length(workload),
                                         .acked_at = POWER_NEVER,
                                         .count = changes->count,
                                         .changes = berth_new_array(struct change, changes->count),
                                         .about = changes->audit.subject_user_id };
    for (size_t i = 0; i < changes->count; i++)
        decision->changes[i] = *changes->at[i];
    return record->count++;
}

void power_record_settle(struct power_record *record, uint64_t rev, size_t point)
{
    size_t kept = 0;
    size_t erased = 0;

    for (size_t i = 0; i < record->count; i++) {
        struct power_decision *decision = &record->decisions[i];

        if (decision->rev == 0 || decision->rev > rev) {
            free(decision->changes);
            continue;
        }
        decision->begun_at = decision->acked_at = 0;
        record->decisions[kept++] = *decision;
    }
    record->count = kept;
    for (size_t i = 0; i < record->erased; i++) {
        struct power_erasure *erasure = &record->erasures[i];

        if (erasure->begun_at > point)
            continue; /* it never began on this disk */
        erasure->acked_at = erasure->acked_at <= point ? 0 : POWER_NEVER;
        erasure->begun_at = 0;
        record->erasures[erased++] = *erasure;
    }
    record->erased = erased;
}

void power_record_clear(struct power_record *record)
{
    for (size_t i = 0; i < record->count; i++)
        free(record->decisions[i].changes);
    free(record->decisions);
    *record = (struct power_record){ 0 };
}

/* ---- deciding ---- */

/* One decision under way; several at once share a batch of the writer's. */
struct pending_write {
    struct power_workload *workload;
    struct op op;
    struct changes *changes;
    size_t number; /* in the record */
    int result;
};

static void decided(struct op *op, int result)
{
    struct pending_write *pending = container_of(op, struct pending_write, op);
    struct power_decision *decision = &pending->workload->record->decisions[pending->number];

    pending->result = result;
    if (result < 0) {
        pending->workload->failed = true;
        pending->workload->error = op->error;
        changes_free(pending->changes);
        return;
    }
    decision->rev = pending->changes->rev;
    decision->acked_at = journal_length(pending->workload);
    core_apply(pending->workload->core, pending->changes);
}

static int pending_write_begin(struct power_workload *workload, struct changes *changes,
                               struct pending_write *pending)
{
    *pending = (struct pending_write){ .workload = workload, .changes = changes };
    op_init(&pending->op, &workload->timers, decided);
    pending->number = record_decision(workload, changes);
    return store_commit_begin(workload->store, changes, &pending->op);
}

static int commit(struct power_workload *workload, struct changes *changes)
{
    struct pending_write pending;
    int r = pending_write_begin(workload, changes, &pending);

    return r < 0 ? r : power_workload_wait(workload, &pending.op);
}

/* ---- the workload ---- */

static struct pool *ward(struct power_workload *workload)
{
    return pool_by_name(workload->core, "ward");
}

static struct desktop *desktop_named(struct power_workload *workload, const char *name)
{
    struct entity *entity = core_find_name(workload->core, ENTITY_desktop, name);

    return entity ? container_of(entity, struct desktop, base) : NULL;
}

static int add_pool(struct power_workload *workload)
{
    struct row_pool row = { .id = core_next_id(workload->core),
                            .kind = pool_kind_FLOATING,
                            .release = pool_release_REFRESH,
                            .credential = pool_credential_PER_SESSION,
                            .roam = pool_roam_ALWAYS,
                            .address = pool_address_AGENT };
    struct changes *changes = changes_new("power", "administrator", "pool.add");

    (void)snprintf(row.name, sizeof(row.name), "ward");
    (void)changes_add(changes, ENTITY_pool, &row);
    return commit(workload, changes);
}

/* A decision with one user only, so that the rev of its row in the feed is known. */
static int add_user(struct power_workload *workload, const char *name)
{
    struct row_user row = { .id = core_next_id(workload->core), .kind = user_kind_PERSON };
    struct changes *changes = changes_new(name, "administrator", "user.add");

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    changes->audit.subject_user_id = row.id; /* makes the person's key */
    (void)changes_add(changes, ENTITY_user, &row);
    return commit(workload, changes);
}

static int add_place(struct power_workload *workload, int number)
{
    struct row_desktop desktop = { .id = core_next_id(workload->core),
                                   .pool_id = ward(workload)->row.id };
    struct row_slot slot = { .id = core_next_id(workload->core), .desktop_id = desktop.id };
    struct row_terminal terminal = { .id = core_next_id(workload->core),
                                     .state = terminal_ACCEPTED };
    struct changes *changes = changes_new("power", "broker", "desktop.plan");

    (void)snprintf(desktop.name, sizeof(desktop.name), "desktop-%d", number);
    (void)snprintf(terminal.name, sizeof(terminal.name), "terminal-%d", number);
    (void)changes_add(changes, ENTITY_desktop, &desktop);
    (void)changes_add(changes, ENTITY_slot, &slot);
    (void)changes_add(changes, ENTITY_terminal, &terminal);
    return commit(workload, changes);
}

/* Recreate what a power cut took from the site. */
static int provision(struct power_workload *workload, int number)
{
    char name[32];
    int r = 0;

    if (!ward(workload))
        r = add_pool(workload);
    (void)snprintf(name, sizeof(name), "user-%d", number);
    if (r == 0 && !user_by_name(workload->core, name))
        r = add_user(workload, name);
    (void)snprintf(name, sizeof(name), "desktop-%d", number);
    if (r == 0 && !desktop_named(workload, name))
        r = add_place(workload, number);
    return r;
}

/* ---- signing on and off: what broker/flow/claim.c and release.c write ---- */

static void sign_on(struct power_workload *workload, struct changes *changes,
                    const struct user *user, const struct desktop *desktop,
                    const struct terminal *terminal)
{
    struct row_slot slot = slot_of(workload->core, desktop->row.id, 0)->row;
    struct row_desktop dirty = desktop->row;
    struct row_assignment assignment = { .id = core_next_id(workload->core),
                                         .user_id = user->row.id,
                                         .pool_id = desktop->row.pool_id,
                                         .desktop_id = desktop->row.id,
                                         .state = assignment_OPEN,
                                         .opened_ms = WALL_MS };
    struct row_session session = { .id = core_next_id(workload->core),
                                   .assignment_id = assignment.id,
                                   .user_id = user->row.id,
                                   .pool_id = desktop->row.pool_id,
                                   .desktop_id = desktop->row.id,
                                   .terminal_id = terminal->row.id,
                                   .epoch = slot.epoch + 1,
                                   .state = session_PREPARING };
    struct row_connection connection = { .id = core_next_id(workload->core),
                                         .session_id = session.id,
                                         .terminal_id = terminal->row.id,
                                         .epoch = session.epoch,
                                         .state = connection_CONNECTING };

    slot.epoch++;
    (void)desktop_note_use(desktop, &dirty);
    (void)changes_set(changes, ENTITY_slot, &slot);
    (void)changes_set(changes, ENTITY_desktop, &dirty);
    (void)changes_add(changes, ENTITY_assignment, &assignment);
    (void)changes_add(changes, ENTITY_session, &session);
    (void)changes_add(changes, ENTITY_connection, &connection);
}

static void sign_off(struct power_workload *workload, struct changes *changes,
                     const struct assignment *open)
{
    const struct session *of = session_on(workload->core, open->row.id);
    struct row_assignment assignment = open->row;
    struct row_session session = of->row;
    struct row_connection connection = connection_of(workload->core, session.id)->row;

    assignment.state = assignment_CLOSED;
    session.state = session_ENDED;
    connection.state = connection_ENDED;
    (void)changes_set(changes, ENTITY_connection, &connection);
    (void)changes_set(changes, ENTITY_session, &session);
    (void)changes_set(changes, ENTITY_assignment, &assignment);
}

static struct changes *next_of(struct power_workload *workload, int number)
{
    char names[3][32];
    const struct assignment *open;
    const struct desktop *desktop;
    const struct user *user;
    struct changes *changes;

    (void)snprintf(names[0], sizeof(names[0]), "user-%d", number);
    (void)snprintf(names[1], sizeof(names[1]), "desktop-%d", number);
    (void)snprintf(names[2], sizeof(names[2]), "terminal-%d", number);
    user = user_by_name(workload->core, names[0]);
    desktop = desktop_named(workload, names[1]);
    open = assignment_open_of(workload->core, user->row.id, desktop->row.pool_id);
    changes = changes_new(names[0], "user", open ? "session.end" : "session.claim");
    changes_object(changes, "desktop %s", desktop->row.name);
    changes->audit.subject_user_id = user->row.id;
    if (open)
        sign_off(workload, changes, open);
    else
        sign_on(workload, changes, user, desktop, terminal_by_name(workload->core, names[2]));
    return changes;
}

/* Several people at once, each at most once: the writer forms one batch or more. */
static int tap(struct power_workload *workload)
{
    struct pending_write pending_writes[POWER_PERSONS];
    int first = (int)random_below(&workload->random, POWER_PERSONS);
    int people = 1 + (int)random_below(&workload->random, POWER_PERSONS);
    int begun = 0;
    int r = 0;

    for (int i = 0; r == 0 && i < people; i++)
        r = provision(workload, (first + i) % POWER_PERSONS);
    for (; r == 0 && begun < people; begun++)
        r = pending_write_begin(workload, next_of(workload, (first + begun) % POWER_PERSONS),
                                &pending_writes[begun]);
    for (int i = 0; i < begun && r == 0; i++)
        r = power_workload_wait(workload, &pending_writes[i].op);
    return r;
}

/* ---- the rest of a day ---- */

static void see_terminals(struct power_workload *workload)
{
    struct presence_row rows[POWER_PERSONS] = { { 0 } };

    for (size_t i = 0; i < POWER_PERSONS; i++) {
        rows[i] = (struct presence_row){ .terminal_id = i + 1,
                                         .granted_ms = 30000,
                                         .seen_ms = WALL_MS,
                                         .incarnation = workload->core->incarnation };
        random_hex(&workload->random, rows[i].presence_hash, 32);
    }
    store_presence(workload->store, rows, POWER_PERSONS);
}

static void erased(struct op *op, int result)
{
    (void)op;
    (void)result; /* op->result holds it for the one that waits */
}

bool power_workload_key(struct power_workload *workload, uint64_t user_id,
                        unsigned char key[POWER_KEY])
{
    char path[sizeof(workload->folder) + 16];
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    bool found = false;

    (void)snprintf(path, sizeof(path), "%s/keys.db", workload->folder);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT key FROM person WHERE user_id = ?1", -1, &statement, NULL) ==
            SQLITE_OK &&
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)user_id) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_bytes(statement, 0) == POWER_KEY) {
        memcpy(key, sqlite3_column_blob(statement, 0), POWER_KEY);
        found = true;
    }
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db); /* read only: nothing to lose */
    return found;
}

/* A person is added and erased again. */
static int come_and_go(struct power_workload *workload)
{
    struct power_record *record = workload->record;
    struct power_erasure *erasure = &record->erasures[record->erased];
    const struct user *user;
    char name[32];
    struct op op;
    int r;

    if (record->erased == BERTH_COUNT(record->erasures))
        return 0;
    (void)snprintf(name, sizeof(name), "leaver-%llu",
                   (unsigned long long)core_next_id(workload->core));
    r = add_user(workload, name);
    user = user_by_name(workload->core, name);
    if (r < 0 || !user)
        return r;
    *erasure = (struct power_erasure){ .user_id = user->row.id,
                                       .user_rev = record->decisions[record->count - 1].rev,
                                       .acked_at = POWER_NEVER };
    if (!power_workload_key(workload, user->row.id, erasure->key))
        return berth_fail(&workload->error, BERTH_E_STORE, "%s has no key", name);
    erasure->begun_at = journal_length(workload);
    record->erased++;
    op_init(&op, &workload->timers, erased);
    r = store_erase_begin(workload->store, user->row.id, &op);
    if (r == 0)
        r = power_workload_wait(workload, &op);
    erasure->acked_at = journal_length(workload);
    return r;
}

int power_workload_work(struct power_workload *workload, int steps)
{
    int r = 0;

    for (int i = 0; r == 0 && i < steps; i++) {
        uint64_t what = random_below(&workload->random, 100);

        if (what < 80)
            r = tap(workload);
        else if (what < 93)
            see_terminals(workload);
        else
            r = come_and_go(workload);
    }
    return r;
}
