/* world.h - a data folder, a store on it and short functions for decisions, for the tests of module
 * store.
 *
 * Real SQLite on a real folder; the loop is the test itself: `settle` waits for the writer's wake
 * and takes the turn.
 */
#ifndef BERTH_TESTS_UNIT_STORE_WORLD_H
#define BERTH_TESTS_UNIT_STORE_WORLD_H

#include <ftw.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "berth/json.h"
#include "berth/log.h"
#include "berth/loop.h"

#include "core/registry.h"
#include "store/store.h"

#include "random_seeded.h"
#include "test.h"

#define WALL_MS INT64_C(1790000000000)

struct world {
    char folder[256];
    struct berth_timers timers;
    struct berth_random random;
    struct core *core;
    struct store *store;
    sem_t woken;
    struct berth_error error; /* of the last thing that was done */
    struct berth_error failure;
    int failures;
    int64_t feed_retention_ms;
    struct history *history; /* of store and core; NULL: nothing is recorded */
};

static inline void world_wake(void *context)
{
    (void)sem_post(&((struct world *)context)->woken);
}

static inline void world_failed(void *context, const struct berth_error *error)
{
    struct world *world = context;

    world->failures++;
    world->failure = *error;
}

/* Open the store and load the core; 0 or the failure, with world->error. */
static inline int world_open(struct world *world)
{
    const struct store_setup setup = { .folder = world->folder,
                                       .timers = &world->timers,
                                       .wake = world_wake,
                                       .failed = world_failed,
                                       .context = world,
                                       .history = world->history,
                                       .feed_retention_ms = world->feed_retention_ms };
    int r;

    world->error = (struct berth_error){ 0 };
    r = store_open(&setup, &world->store, &world->error);
    if (r < 0)
        return r;
    world->core = core_new(&world->timers, &world->random);
    world->core->history = world->history;
    return store_load(world->store, world->core, &world->error);
}

static inline void world_close(struct world *world)
{
    store_close(world->store);
    world->store = NULL;
    if (world->core) {
        deferred_run(&world->timers);
        core_free(world->core);
    }
    world->core = NULL;
}

/* A folder of its own below `base`; nothing is opened yet. */
static inline struct world *world_at(const char *base)
{
    struct world *world = berth_new(struct world);

    (void)snprintf(world->folder, sizeof(world->folder), "%s/berth-store-XXXXXX", base);
    assert_non_null(mkdtemp(world->folder));
    timers_init(&world->timers, 1000, WALL_MS);
    random_seeded(&world->random, 7);
    (void)sem_init(&world->woken, 0, 0);
    return world;
}

static inline struct world *world_new(void)
{
    struct world *world = world_at("/tmp");

    EXPECT_OK(world_open(world));
    return world;
}

static inline int world_remove_one(const char *path, const struct stat *facts, int kind,
                                   struct FTW *at)
{
    (void)facts;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void world_free(struct world *world)
{
    world_close(world);
    timers_free(&world->timers);
    (void)nftw(world->folder, world_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)sem_destroy(&world->woken);
    free(world);
}

/* Path of a file in the folder; valid until the fourth call after this one. */
static inline const char *world_path(const struct world *world, const char *name)
{
    static char paths[4][512];
    static int next;

    next = (next + 1) % 4;
    (void)snprintf(paths[next], sizeof(paths[next]), "%s/%s", world->folder, name);
    return paths[next];
}

/* ---- waiting ---- */

struct wait {
    struct op op;
    bool done;
    int result;
};

static inline void wait_done(struct op *op, int result)
{
    struct wait *wait = container_of(op, struct wait, op);

    wait->done = true;
    wait->result = result;
}

/* Until the store takes changes again, as ret says then. */
static inline void world_recovers(struct world *world, struct store_stats *ret)
{
    int64_t limit_ms = clock_mono_ms() + test_wait_limit_ms();

    for (store_stats(world->store, ret); ret->degraded && clock_mono_ms() < limit_ms;
         store_stats(world->store, ret))
        (void)usleep(20000);
}

static inline void wait_init(struct world *world, struct wait *wait)
{
    *wait = (struct wait){ 0 };
    op_init(&wait->op, &world->timers, wait_done);
}

/* Take one turn of the loop, as soon as the store asks for it. */
static inline void world_turn(struct world *world)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += test_wait_limit_ms() / 1000;
    if (sem_timedwait(&world->woken, &until) < 0)
        fail_msg("the store did not answer in %d ms", (int)test_wait_limit_ms());
    store_turn(world->store);
}

/* The result of an operation that was begun, once it is there. */
static inline int finish(struct world *world, struct wait *wait)
{
    while (!wait->done)
        world_turn(world);
    world->error = wait->op.error;
    return wait->result;
}

/* `begun` is what x_begin gave: its failure, or the result of the operation once it is there. */
static inline int settle(struct world *world, struct wait *wait, int begun)
{
    assert_false(wait->done); /* never from inside begin */
    if (begun == 0)
        return finish(world, wait);
    world->error = wait->op.error;
    return begun;
}

/* Commit, and make visible; frees `changes`. */
static inline int commit(struct world *world, struct changes *changes)
{
    struct wait wait;
    int r;

    wait_init(world, &wait);
    r = settle(world, &wait, store_commit_begin(world->store, changes, &wait.op));
    if (r == 0)
        core_apply(world->core, changes);
    else
        changes_free(changes);
    deferred_run(&world->timers);
    return r;
}

/* ---- decisions ---- */

static inline struct changes *deciding(const char *action)
{
    return changes_new("broker", "broker", action);
}

static inline int add_row(struct world *world, enum entity_kind kind, const void *row)
{
    struct changes *changes = deciding("test.add");

    (void)changes_add(changes, kind, row);
    return commit(world, changes);
}

static inline int set_row(struct world *world, enum entity_kind kind, const void *row)
{
    struct changes *changes = deciding("test.set");

    (void)changes_set(changes, kind, row);
    return commit(world, changes);
}

static inline int drop_row(struct world *world, enum entity_kind kind, const void *row)
{
    struct changes *changes = deciding("test.drop");

    changes_drop(changes, kind, row);
    return commit(world, changes);
}

/* The row of an entity as the core has it. */
#define ROW(world, kind, id) \
    ((struct row_##kind *)entity_row_of(core_find((world)->core, ENTITY_##kind, (id))))

static inline struct row_user new_user(struct world *world, const char *name)
{
    struct row_user row = { .id = core_next_id(world->core), .kind = user_kind_PERSON };

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    return row;
}

static inline uint64_t add_user(struct world *world, const char *name)
{
    struct row_user row = new_user(world, name);

    EXPECT_OK(add_row(world, ENTITY_user, &row));
    return row.id;
}

static inline uint64_t add_pool(struct world *world, const char *name)
{
    struct row_pool row = { .id = core_next_id(world->core),
                            .kind = pool_kind_FLOATING,
                            .release = pool_release_REFRESH,
                            .credential = pool_credential_PER_SESSION,
                            .roam = pool_roam_ALWAYS,
                            .address = pool_address_AGENT };

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    EXPECT_OK(add_row(world, ENTITY_pool, &row));
    return row.id;
}

static inline uint64_t add_terminal(struct world *world, const char *name)
{
    struct row_terminal row = { .id = core_next_id(world->core), .state = terminal_ACCEPTED };

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    EXPECT_OK(add_row(world, ENTITY_terminal, &row));
    return row.id;
}

/* A desktop with its slot, in one decision; the slot's id is the desktop's plus one. */
static inline uint64_t add_desktop(struct world *world, uint64_t pool_id, const char *name)
{
    struct row_desktop desktop = { .id = core_next_id(world->core), .pool_id = pool_id };
    struct row_slot slot = { .id = core_next_id(world->core), .desktop_id = desktop.id };
    struct changes *changes = deciding("desktop.plan");

    (void)snprintf(desktop.name, sizeof(desktop.name), "%s", name);
    (void)changes_add(changes, ENTITY_slot,
                      &slot); /* before its desktop: the order does not matter */
    (void)changes_add(changes, ENTITY_desktop, &desktop);
    EXPECT_OK(commit(world, changes));
    return desktop.id;
}

/* What a sign-on records: an open assignment, its session, the slot's next epoch. */
struct claim {
    uint64_t assignment_id, session_id, desktop_id, user_id, pool_id;
};

static inline struct changes *claiming(struct world *world, struct claim *claim,
                                       uint64_t terminal_id)
{
    struct changes *changes = deciding("session.claim");
    struct row_slot slot = *ROW(world, slot, claim->desktop_id + 1);
    struct row_assignment assignment = { .id = core_next_id(world->core),
                                         .user_id = claim->user_id,
                                         .pool_id = claim->pool_id,
                                         .desktop_id = claim->desktop_id,
                                         .state = assignment_OPEN,
                                         .opened_ms = WALL_MS };
    struct row_session session = { .id = core_next_id(world->core),
                                   .assignment_id = assignment.id,
                                   .user_id = claim->user_id,
                                   .pool_id = claim->pool_id,
                                   .desktop_id = claim->desktop_id,
                                   .terminal_id = terminal_id,
                                   .epoch = slot.epoch + 1,
                                   .state = session_PREPARING };

    slot.epoch++;
    (void)changes_add(changes, ENTITY_session, &session); /* before what it stands on, on purpose */
    (void)changes_add(changes, ENTITY_assignment, &assignment);
    (void)changes_set(changes, ENTITY_slot, &slot);
    claim->assignment_id = assignment.id;
    claim->session_id = session.id;
    return changes;
}

/* ---- looking into the files from outside ---- */

static inline sqlite3 *sql_peek(const struct world *world, const char *file)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(world_path(world, file), &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    return db;
}

static inline void sql_do(const struct world *world, const char *file, const char *text)
{
    sqlite3 *db = sql_peek(world, file);
    char *message = NULL;

    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline int64_t sql_count(const struct world *world, const char *file, const char *text)
{
    sqlite3 *db = sql_peek(world, file);
    sqlite3_stmt *statement;
    int64_t number;

    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    number = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return number;
}

/* Does any file of the folder hold these bytes? */
static inline bool folder_holds(const struct world *world, const char *file, const char *bytes)
{
    FILE *stream = fopen(world_path(world, file), "rb");
    size_t size = strlen(bytes);
    char *content;
    long length;
    bool found;

    if (!stream)
        return false;
    (void)fseek(stream, 0, SEEK_END);
    length = ftell(stream);
    (void)fseek(stream, 0, SEEK_SET);
    content = berth_alloc((size_t)length);
    assert_int_equal(fread(content, 1, (size_t)length, stream), (size_t)length);
    (void)fclose(stream);
    found = memmem(content, (size_t)length, bytes, size) != NULL;
    free(content);
    return found;
}

#endif
