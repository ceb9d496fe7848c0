/* power_house.c - see power_house.h. */
#include "power_house.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/runtime.h"
#include "core/placement.h"

#define WALL_MS INT64_C(1790000000000)
#define ANSWER_S 30

/* ---- the loop ---- */

static void wake(void *context)
{
    (void)sem_post(&((struct power_house *)context)->woken);
}

static void failed(void *context, const struct berth_error *error)
{
    struct power_house *house = context;

    house->failed = true;
    house->error = *error;
}

static void make_folder(struct power_house *house)
{
    (void)snprintf(house->folder, sizeof(house->folder), "%s/berth-power-XXXXXX",
                   getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(house->folder)) {
        perror(house->folder);
        exit(2);
    }
    house->own_folder = true;
}

void power_house_init(struct power_house *house, uint64_t seed, const char *folder)
{
    memset(house, 0, sizeof(*house));
    if (folder)
        (void)snprintf(house->folder, sizeof(house->folder), "%s", folder);
    else
        make_folder(house);
    timers_init(&house->timers, 1000, WALL_MS);
    random_seeded(&house->random, seed);
    (void)sem_init(&house->woken, 0, 0);
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *at)
{
    (void)facts;
    (void)kind;
    (void)at;
    return remove(path);
}

void power_house_end(struct power_house *house)
{
    timers_free(&house->timers);
    (void)sem_destroy(&house->woken);
    if (house->own_folder && nftw(house->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
        perror(house->folder);
}

static size_t journal_length(struct power_house *house)
{
    size_t count;

    if (house->position)
        return house->position(house);
    (void)pthread_mutex_lock(&house->disk->lock);
    count = house->disk->journal ? house->disk->journal->count : 0;
    (void)pthread_mutex_unlock(&house->disk->lock);
    return count;
}

int power_house_open(struct power_house *house)
{
    const struct store_setup setup = { .folder = house->folder,
                                       .timers = &house->timers,
                                       .wake = wake,
                                       .failed = failed,
                                       .context = house };
    int r;

    house->failed = false;
    house->error = (struct berth_error){ 0 };
    house->core = core_new(&house->timers, &house->random);
    r = store_open(&setup, &house->store, &house->error);
    if (r < 0) {
        house->store = NULL;
        return r;
    }
    r = store_load(house->store, house->core, &house->error);
    if (house->record) {
        house->record->incarnation = house->core->incarnation;
        house->record->opened_at = journal_length(house);
    }
    return r;
}

void power_house_close(struct power_house *house)
{
    store_close(house->store);
    house->store = NULL;
    deferred_run(&house->timers);
    core_free(house->core);
    house->core = NULL;
}

static bool turn(struct power_house *house)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ANSWER_S;
    if (sem_timedwait(&house->woken, &until) < 0) {
        (void)fprintf(stderr, "the store did not answer in %d s\n", ANSWER_S);
        return false;
    }
    store_turn(house->store);
    deferred_run(&house->timers);
    return !house->failed;
}

int power_house_wait(struct power_house *house, struct op *op)
{
    while (op->in_flight)
        if (!turn(house))
            return BERTH_E_STORE;
    return op->result;
}

/* ---- the record ---- */

static size_t record_decision(struct power_house *house, const struct changes *changes)
{
    struct power_record *record = house->record;
    struct power_decision *decision;

    if (record->count == record->capacity) {
        record->capacity = record->capacity * 2 + 64;
        record->decisions =
            berth_realloc(record->decisions, record->capacity * sizeof(*record->decisions));
    }
    decision = &record->decisions[record->count];
    *decision = (struct power_decision){ .begun_at = journal_length(house),
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
struct errand {
    struct power_house *house;
    struct op op;
    struct changes *changes;
    size_t number; /* in the record */
    int result;
};

static void decided(struct op *op, int result)
{
    struct errand *errand = container_of(op, struct errand, op);
    struct power_decision *decision = &errand->house->record->decisions[errand->number];

    errand->result = result;
    if (result < 0) {
        errand->house->failed = true;
        errand->house->error = op->error;
        changes_free(errand->changes);
        return;
    }
    decision->rev = errand->changes->rev;
    decision->acked_at = journal_length(errand->house);
    core_apply(errand->house->core, errand->changes);
}

static int errand_begin(struct power_house *house, struct changes *changes, struct errand *errand)
{
    *errand = (struct errand){ .house = house, .changes = changes };
    op_init(&errand->op, &house->timers, decided);
    errand->number = record_decision(house, changes);
    return store_commit_begin(house->store, changes, &errand->op);
}

static int commit(struct power_house *house, struct changes *changes)
{
    struct errand errand;
    int r = errand_begin(house, changes, &errand);

    return r < 0 ? r : power_house_wait(house, &errand.op);
}

/* ---- the house ---- */

static struct pool *ward(struct power_house *house)
{
    return pool_by_name(house->core, "ward");
}

static struct desktop *desktop_named(struct power_house *house, const char *name)
{
    struct entity *entity = core_find_name(house->core, ENTITY_desktop, name);

    return entity ? container_of(entity, struct desktop, base) : NULL;
}

static int add_pool(struct power_house *house)
{
    struct row_pool row = { .id = core_next_id(house->core),
                            .kind = pool_kind_FLOATING,
                            .release = pool_release_REFRESH,
                            .credential = pool_credential_PER_SESSION,
                            .roam = pool_roam_ALWAYS,
                            .address = pool_address_AGENT };
    struct changes *changes = changes_new("power", "administrator", "pool.add");

    (void)snprintf(row.name, sizeof(row.name), "ward");
    (void)changes_add(changes, ENTITY_pool, &row);
    return commit(house, changes);
}

/* A user alone in a decision, so that the rev of the row in the feed is known. */
static int add_user(struct power_house *house, const char *name)
{
    struct row_user row = { .id = core_next_id(house->core), .kind = user_kind_PERSON };
    struct changes *changes = changes_new(name, "administrator", "user.add");

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    changes->audit.subject_user_id = row.id; /* makes the person's key */
    (void)changes_add(changes, ENTITY_user, &row);
    return commit(house, changes);
}

static int add_place(struct power_house *house, int number)
{
    struct row_desktop desktop = { .id = core_next_id(house->core),
                                   .pool_id = ward(house)->row.id };
    struct row_slot slot = { .id = core_next_id(house->core), .desktop_id = desktop.id };
    struct row_terminal terminal = { .id = core_next_id(house->core), .state = terminal_ACCEPTED };
    struct changes *changes = changes_new("power", "broker", "desktop.plan");

    (void)snprintf(desktop.name, sizeof(desktop.name), "desktop-%d", number);
    (void)snprintf(terminal.name, sizeof(terminal.name), "terminal-%d", number);
    (void)changes_add(changes, ENTITY_desktop, &desktop);
    (void)changes_add(changes, ENTITY_slot, &slot);
    (void)changes_add(changes, ENTITY_terminal, &terminal);
    return commit(house, changes);
}

/* What a power cut took of the house is furnished again. */
static int furnish(struct power_house *house, int number)
{
    char name[32];
    int r = 0;

    if (!ward(house))
        r = add_pool(house);
    (void)snprintf(name, sizeof(name), "user-%d", number);
    if (r == 0 && !user_by_name(house->core, name))
        r = add_user(house, name);
    (void)snprintf(name, sizeof(name), "desktop-%d", number);
    if (r == 0 && !desktop_named(house, name))
        r = add_place(house, number);
    return r;
}

/* ---- signing on and off: what broker/flow/claim.c and release.c write ---- */

static void sign_on(struct power_house *house, struct changes *changes, const struct user *user,
                    const struct desktop *desktop, const struct terminal *terminal)
{
    struct row_slot slot = slot_of(house->core, desktop->row.id, 0)->row;
    struct row_desktop dirty = desktop->row;
    struct row_assignment assignment = { .id = core_next_id(house->core),
                                         .user_id = user->row.id,
                                         .pool_id = desktop->row.pool_id,
                                         .desktop_id = desktop->row.id,
                                         .state = assignment_OPEN,
                                         .opened_ms = WALL_MS };
    struct row_session session = { .id = core_next_id(house->core),
                                   .assignment_id = assignment.id,
                                   .user_id = user->row.id,
                                   .pool_id = desktop->row.pool_id,
                                   .desktop_id = desktop->row.id,
                                   .terminal_id = terminal->row.id,
                                   .epoch = slot.epoch + 1,
                                   .state = session_PREPARING };
    struct row_connection connection = { .id = core_next_id(house->core),
                                         .session_id = session.id,
                                         .terminal_id = terminal->row.id,
                                         .epoch = session.epoch,
                                         .state = connection_CONNECTING };

    slot.epoch++;
    (void)placement_note_use(desktop, &dirty);
    (void)changes_set(changes, ENTITY_slot, &slot);
    (void)changes_set(changes, ENTITY_desktop, &dirty);
    (void)changes_add(changes, ENTITY_assignment, &assignment);
    (void)changes_add(changes, ENTITY_session, &session);
    (void)changes_add(changes, ENTITY_connection, &connection);
}

static void sign_off(struct power_house *house, struct changes *changes,
                     const struct assignment *open)
{
    const struct session *of = session_on(house->core, open->row.id);
    struct row_assignment assignment = open->row;
    struct row_session session = of->row;
    struct row_connection connection = connection_of(house->core, session.id)->row;

    assignment.state = assignment_CLOSED;
    session.state = session_ENDED;
    connection.state = connection_ENDED;
    (void)changes_set(changes, ENTITY_connection, &connection);
    (void)changes_set(changes, ENTITY_session, &session);
    (void)changes_set(changes, ENTITY_assignment, &assignment);
}

static struct changes *next_of(struct power_house *house, int number)
{
    char names[3][32];
    const struct assignment *open;
    const struct desktop *desktop;
    const struct user *user;
    struct changes *changes;

    (void)snprintf(names[0], sizeof(names[0]), "user-%d", number);
    (void)snprintf(names[1], sizeof(names[1]), "desktop-%d", number);
    (void)snprintf(names[2], sizeof(names[2]), "terminal-%d", number);
    user = user_by_name(house->core, names[0]);
    desktop = desktop_named(house, names[1]);
    open = assignment_open_of(house->core, user->row.id, desktop->row.pool_id);
    changes = changes_new(names[0], "user", open ? "session.end" : "session.claim");
    changes_object(changes, "desktop %s", desktop->row.name);
    changes->audit.subject_user_id = user->row.id;
    if (open)
        sign_off(house, changes, open);
    else
        sign_on(house, changes, user, desktop, terminal_by_name(house->core, names[2]));
    return changes;
}

/* Several people at once, each at most once: the writer makes of them one batch or more. */
static int tap(struct power_house *house)
{
    struct errand errands[POWER_PERSONS];
    int first = (int)random_below(&house->random, POWER_PERSONS);
    int people = 1 + (int)random_below(&house->random, POWER_PERSONS);
    int begun = 0;
    int r = 0;

    for (int i = 0; r == 0 && i < people; i++)
        r = furnish(house, (first + i) % POWER_PERSONS);
    for (; r == 0 && begun < people; begun++)
        r = errand_begin(house, next_of(house, (first + begun) % POWER_PERSONS), &errands[begun]);
    for (int i = 0; i < begun && r == 0; i++)
        r = power_house_wait(house, &errands[i].op);
    return r;
}

/* ---- the rest of a day ---- */

static void see_terminals(struct power_house *house)
{
    struct presence_row rows[POWER_PERSONS] = { { 0 } };

    for (size_t i = 0; i < POWER_PERSONS; i++) {
        rows[i] = (struct presence_row){ .terminal_id = i + 1,
                                         .granted_ms = 30000,
                                         .seen_ms = WALL_MS,
                                         .incarnation = house->core->incarnation };
        random_hex(&house->random, rows[i].presence_hash, 32);
    }
    store_presence(house->store, rows, POWER_PERSONS);
}

static void erased(struct op *op, int result)
{
    (void)op;
    (void)result; /* op->result holds it for the one that waits */
}

bool power_house_key(struct power_house *house, uint64_t user_id, unsigned char key[POWER_KEY])
{
    char path[sizeof(house->folder) + 16];
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    bool found = false;

    (void)snprintf(path, sizeof(path), "%s/keys.db", house->folder);
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

/* Somebody joins and is forgotten again. */
static int come_and_go(struct power_house *house)
{
    struct power_record *record = house->record;
    struct power_erasure *erasure = &record->erasures[record->erased];
    const struct user *user;
    char name[32];
    struct op op;
    int r;

    if (record->erased == BERTH_COUNT(record->erasures))
        return 0;
    (void)snprintf(name, sizeof(name), "leaver-%llu",
                   (unsigned long long)core_next_id(house->core));
    r = add_user(house, name);
    user = user_by_name(house->core, name);
    if (r < 0 || !user)
        return r;
    *erasure = (struct power_erasure){ .user_id = user->row.id,
                                       .user_rev = record->decisions[record->count - 1].rev,
                                       .acked_at = POWER_NEVER };
    if (!power_house_key(house, user->row.id, erasure->key))
        return berth_fail(&house->error, BERTH_E_STORE, "%s has no key", name);
    erasure->begun_at = journal_length(house);
    record->erased++;
    op_init(&op, &house->timers, erased);
    r = store_erase_begin(house->store, user->row.id, &op);
    if (r == 0)
        r = power_house_wait(house, &op);
    erasure->acked_at = journal_length(house);
    return r;
}

int power_house_work(struct power_house *house, int steps)
{
    int r = 0;

    for (int i = 0; r == 0 && i < steps; i++) {
        uint64_t what = random_below(&house->random, 100);

        if (what < 80)
            r = tap(house);
        else if (what < 93)
            see_terminals(house);
        else
            r = come_and_go(house);
    }
    return r;
}
