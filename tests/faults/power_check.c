/* power_check.c - compares what a store holds after a power cut with the record of decisions. */
#include "power_check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "berth/map.h"

#include "core/registry.h"

struct check {
    struct power_workload *workload;
    const struct power_record *record;
    size_t point;
    struct power_finding *finding;
    int64_t incarnation; /* as the disk has it, or as the store has raised it since */
    bool raised;
};

static void say(const struct check *check, const char *format, ...) berth_printf(2, 3);

/* Report the first finding. */
static void say(const struct check *check, const char *format, ...)
{
    va_list list;

    if (check->finding->text[0])
        return;
    va_start(list, format);
    (void)vsnprintf(check->finding->text, sizeof(check->finding->text), format, list);
    va_end(list);
}

/* ---- by SQLite alone ---- */

static sqlite3 *look_into(const struct check *check, const char *file)
{
    char path[sizeof(check->workload->folder) + 32];
    sqlite3 *db = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", check->workload->folder, file);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        check->finding->corrupt = true;
        say(check, "%s does not open: %s", file, sqlite3_errmsg(db));
    }
    return db;
}

typedef void each_fn(const struct check *check, sqlite3_stmt *statement, void *context);

static void for_each(const struct check *check, sqlite3 *db, const char *text, each_fn *each,
                     void *context)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, text, -1, &statement, NULL);

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW)
            each(check, statement, context);
    }
    if (rc != SQLITE_DONE) {
        check->finding->corrupt = true;
        say(check, "%s: %s", text, sqlite3_errmsg(db));
    }
    (void)sqlite3_finalize(statement);
}

static void integrity(const struct check *check, sqlite3_stmt *statement, void *file)
{
    const char *said = (const char *)sqlite3_column_text(statement, 0);

    if (strcmp(said, "ok") == 0)
        return;
    check->finding->corrupt = true;
    say(check, "%s: %.150s", (const char *)file, said);
}

/* ---- rows ---- */

static bool same_field(const struct field *field, const void *a, const void *b)
{
    const char *x = (const char *)a + field->offset;
    const char *y = (const char *)b + field->offset;

    if (field->type == FIELD_TEXT || field->type == FIELD_LINES)
        return strcmp(x, y) == 0;
    return memcmp(x, y, field->size) == 0;
}

static bool same_row(enum entity_kind kind, const void *a, const void *b)
{
    const struct record *record = entity_row(kind)->record;

    for (size_t i = 0; i < record->count; i++)
        if (!same_field(&record->fields[i], a, b))
            return false;
    return true;
}

/* The last decision about each row, up to the rev that is there. */
static void expect_rows(const struct check *check, struct map *latest)
{
    for (size_t i = 0; i < check->record->count; i++) {
        const struct power_decision *decision = &check->record->decisions[i];

        if (decision->rev == 0 || decision->rev > check->finding->rev)
            continue;
        for (size_t j = 0; j < decision->count; j++) /* ids are one series over all kinds */
            map_put_id(latest, decision->changes[j].row.id, &decision->changes[j]);
    }
}

static size_t rows_there(const struct core *core)
{
    size_t count = 0;

    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++)
        count += core->of[kind].count;
    return count;
}

struct past {
    const struct change *change;
    bool found;
};

static void past_row(const struct check *check, sqlite3_stmt *statement, void *context)
{
    struct past *past = context;

    (void)check;
    past->found = sqlite3_column_int64(statement, 0) == (sqlite3_int64)past->change->row.version;
}

/* Past rows stay in the file and are not loaded: they must be as their last decision left them. The
 * version rises with each change of a row.
 */
static bool past_is_there(const struct check *check, sqlite3 *db, const struct change *change)
{
    struct past past = { .change = change };
    char text[128];

    (void)snprintf(text, sizeof(text), "SELECT version FROM %s WHERE id = %llu",
                   entity_row(change->kind)->table, (unsigned long long)change->row.id);
    for_each(check, db, text, past_row, &past);
    return past.found;
}

static void check_rows(const struct check *check)
{
    sqlite3 *db = look_into(check, "berth.db");
    size_t over = 0;
    struct core *core = check->workload->core;
    struct map latest;

    map_init(&latest, random_map_key(&check->workload->random));
    expect_rows(check, &latest);
    for (size_t i = 0; i < latest.capacity; i++) {
        const struct change *change = latest.slots[i].hash ? latest.slots[i].value : NULL;
        struct entity *entity = change ? core_find(core, change->kind, change->row.id) : NULL;

        if (!change)
            continue;
        if (!entity && core_has_ended(change->kind, &change->row) &&
            past_is_there(check, db, change)) {
            over++;
            continue;
        }
        if (!entity || !same_row(change->kind, entity_row_of(entity), &change->row)) {
            check->finding->phantom = true;
            say(check, "%s %llu is not as the last decision left it",
                entity_row(change->kind)->table, (unsigned long long)change->row.id);
        }
    }
    if (rows_there(core) + over != latest.count) {
        check->finding->phantom = true;
        say(check, "%zu rows are there, %zu were decided", rows_there(core) + over, latest.count);
    }
    (void)sqlite3_close(db);
    map_clear(&latest);
}

/* ---- decisions: whole or not at all, acknowledged or not ---- */

static void check_decisions(const struct check *check)
{
    uint64_t rev = check->finding->rev;
    bool known = rev == 0;

    for (size_t i = 0; i < check->record->count; i++) {
        const struct power_decision *decision = &check->record->decisions[i];

        known = known || decision->rev == rev;
        if (decision->acked_at <= check->point && decision->rev > rev) {
            check->finding->lost++;
            say(check, "decision %zu was acknowledged as rev %llu; the disk ends at rev %llu", i,
                (unsigned long long)decision->rev, (unsigned long long)rev);
        }
        if (decision->begun_at > check->point && decision->rev <= rev) {
            check->finding->phantom = true;
            say(check, "decision %zu is there before it was asked for", i);
        }
    }
    if (!known) {
        check->finding->phantom = true;
        say(check, "the disk ends within a decision, at rev %llu", (unsigned long long)rev);
    }
    if (check->record->opened_at <= check->point &&
        check->incarnation - check->raised < check->record->incarnation) {
        check->finding->lost++;
        say(check, "incarnation %lld was told already, the disk has %lld",
            (long long)check->record->incarnation, (long long)check->incarnation - check->raised);
    }
}

/* ---- the feed ---- */

struct walk {
    uint64_t next;
};

/* A missing row belongs to a person who is being erased. */
static void miss(const struct check *check, uint64_t rev)
{
    for (size_t i = 0; i < check->record->erased; i++) {
        const struct power_erasure *erasure = &check->record->erasures[i];

        if (erasure->user_rev == rev && erasure->begun_at <= check->point)
            return;
    }
    check->finding->corrupt = true;
    say(check, "the feed has no rev %llu", (unsigned long long)rev);
}

static void feed_row(const struct check *check, sqlite3_stmt *statement, void *context)
{
    struct walk *walk = context;
    uint64_t rev = (uint64_t)sqlite3_column_int64(statement, 0);

    for (; walk->next < rev; walk->next++)
        miss(check, walk->next);
    walk->next = rev + 1;
}

/* ---- the trail ---- */

static void completed(struct op *op, int result)
{
    (void)op;
    (void)result; /* op->result holds it for the one that waits */
}

static void check_trail(const struct check *check)
{
    struct audit_verdict verdict = { 0 };
    struct power_workload *workload = check->workload;
    struct op op;
    int r;

    op_init(&op, &workload->timers, completed);
    r = store_audit_verify_begin(workload->store, &verdict, &op);
    if (r == 0)
        r = power_workload_wait(workload, &op);
    if (r == 0 && !verdict.first_bad)
        return;
    check->finding->corrupt = true;
    say(check, "the trail: %s", r < 0 ? op.error.text : verdict.reason);
}

static void trail_count(const struct check *check, sqlite3_stmt *statement, void *context)
{
    int64_t wanted = 0;

    (void)context;
    for (size_t i = 0; i < check->record->count; i++)
        wanted += check->record->decisions[i].rev &&
                  check->record->decisions[i].rev <= check->finding->rev;
    if (sqlite3_column_int64(statement, 0) == wanted)
        return;
    check->finding->corrupt = true;
    say(check, "%lld records in the trail for %lld decisions",
        (long long)sqlite3_column_int64(statement, 0), (long long)wanted);
}

static bool is_forgotten(const struct check *check, uint64_t user_id)
{
    for (size_t i = 0; i < check->record->erased; i++)
        if (check->record->erasures[i].user_id == user_id &&
            check->record->erasures[i].begun_at <= check->point)
            return true;
    return false;
}

/* An auditor must be able to unseal the records about people who were not erased. */
static void check_unsealed(const struct check *check)
{
    struct power_workload *workload = check->workload;
    struct store_page page = { 0 };
    struct op op;
    int r;

    op_init(&op, &workload->timers, completed);
    r = store_audit_begin(workload->store, 0, 1000, &page, &op);
    if (r == 0)
        r = power_workload_wait(workload, &op);
    for (size_t i = 0; r == 0 && i < json_array_size(page.items); i++) {
        const json_t *item = json_array_get(page.items, i);
        const char *actor = json_string_value(json_object_get(item, "actor"));
        uint64_t subject = (uint64_t)json_integer_value(json_object_get(item, "subject_id"));

        if (actor && strcmp(actor, "(erased)") == 0 && !is_forgotten(check, subject)) {
            check->finding->lost++;
            say(check, "the key of user %llu is gone", (unsigned long long)subject);
        }
    }
    if (r < 0) {
        check->finding->corrupt = true;
        say(check, "reading the trail: %s", op.error.text);
    }
    json_decref(page.items);
}

/* ---- keys ---- */

/* The users whose keys exist. */
struct ring {
    uint64_t users[256];
    size_t count;
};

static void ring_add(berth_unused const struct check *check, sqlite3_stmt *statement, void *context)
{
    struct ring *ring = context;

    if (ring->count < BERTH_COUNT(ring->users))
        ring->users[ring->count++] = (uint64_t)sqlite3_column_int64(statement, 0);
}

static bool ring_has(const struct ring *ring, uint64_t user_id)
{
    for (size_t i = 0; i < ring->count; i++)
        if (ring->users[i] == user_id)
            return true;
    return false;
}

/* The first decision about a person makes the key, before it is acknowledged. */
static void check_keys(const struct check *check, const struct ring *ring)
{
    for (size_t i = 0; i < check->record->count; i++) {
        const struct power_decision *decision = &check->record->decisions[i];

        if (!decision->about || decision->changes[0].kind != ENTITY_user || decision->rev == 0 ||
            decision->rev > check->finding->rev || is_forgotten(check, decision->about) ||
            ring_has(ring, decision->about))
            continue;
        check->finding->lost++;
        say(check, "the key of user %llu is gone", (unsigned long long)decision->about);
    }
}

/* The erased key must not be on the disk, before anything is opened: not one byte of it. */
static void check_forgotten(const struct check *check)
{
    const struct power_disk *disk = check->workload->disk;

    for (size_t i = 0; i < check->record->erased; i++) {
        const struct power_erasure *erasure = &check->record->erasures[i];

        if (erasure->acked_at > check->point)
            continue;
        for (int j = 0; j < disk->name_count; j++) {
            const struct power_inode *inode = &disk->inodes[disk->names[j].inode];

            if (inode->size && memmem(inode->bytes, inode->size, erasure->key, POWER_KEY)) {
                check->finding->lost++;
                say(check, "the key of user %llu, who was erased, is in %s again",
                    (unsigned long long)erasure->user_id, disk->names[j].name);
            }
        }
    }
}

/* ---- the whole check ---- */

static void check_files(const struct check *check)
{
    static const char *const files[] = { "berth.db", "keys.db", "presence.db" };
    struct walk walk = { .next = 1 };
    struct ring ring = { 0 };

    for (size_t i = 0; i < BERTH_COUNT(files); i++) {
        sqlite3 *db = look_into(check, files[i]);

        for_each(check, db, "PRAGMA integrity_check", integrity, (void *)(uintptr_t)files[i]);
        if (i == 0) {
            for_each(check, db, "SELECT rev FROM change ORDER BY rev", feed_row, &walk);
            for_each(check, db, "SELECT count(*) FROM audit WHERE action NOT LIKE 'audit.%'",
                     trail_count, NULL);
        }
        if (i == 1)
            for_each(check, db, "SELECT user_id FROM person", ring_add, &ring);
        (void)sqlite3_close(db); /* read only: nothing to lose */
    }
    for (; walk.next <= check->finding->rev; walk.next++)
        miss(check, walk.next);
    check_keys(check, &ring);
}

static void to_number(berth_unused const struct check *check, sqlite3_stmt *statement, void *number)
{
    *(int64_t *)number = sqlite3_column_int64(statement, 0);
}

/* False when the tables are not there yet. */
static bool look_at_files(struct check *check)
{
    sqlite3 *db = look_into(check, "berth.db");
    int64_t tables = 0;
    int64_t rev = 0;

    for_each(check, db, "SELECT count(*) FROM sqlite_schema", to_number, &tables);
    if (tables) {
        for_each(check, db, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence", to_number, &rev);
        for_each(check, db, "SELECT incarnation FROM sequence", to_number, &check->incarnation);
    }
    (void)sqlite3_close(db); /* its log stays for the next check */
    if (!tables || check->incarnation == 0)
        return check->finding->corrupt;
    check->finding->rev = (uint64_t)rev;
    check_decisions(check);
    check_files(check);
    return true;
}

static void look_through_store(struct check *check, enum power_depth depth)
{
    struct power_workload *workload = check->workload;

    workload->record = NULL;
    if (power_workload_open(workload) < 0) {
        check->finding->corrupt = true;
        say(check, "it does not open: %s", workload->error.text);
    } else {
        check->finding->rev = workload->core->rev;
        check->incarnation = workload->core->incarnation;
        check->raised = true;
        check_decisions(check);
        check_rows(check);
        check_files(check);
        check_trail(check);
        if (depth == POWER_TRAIL)
            check_unsealed(check);
    }
    power_workload_close(workload);
}

void power_check(struct power_workload *workload, const struct power_record *record, size_t point,
                 enum power_depth depth, struct power_finding *ret)
{
    struct check check = { .workload = workload, .record = record, .point = point, .finding = ret };

    *ret = (struct power_finding){ 0 };
    check_forgotten(&check);
    if (depth == POWER_FILES && look_at_files(&check))
        return;
    look_through_store(&check, depth);
}
