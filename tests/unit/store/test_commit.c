/* test_commit.c - decisions: durable, all or nothing, refused with a reason, never applied twice.
 */
#include "world.h"

TEST(commit, survives_a_restart)
{
    struct world *w = world_new();
    uint64_t id = add_user(w, "anna");
    struct row_user row = *ROW(w, user, id);
    uint64_t rev;

    row.disabled = true;
    (void)snprintf(row.title, sizeof(row.title), "Anna 'the' Ärztin");
    (void)snprintf(row.password_hash, sizeof(row.password_hash), "$argon2id$x");
    EXPECT_OK(set_row(w, ENTITY_user, &row));
    EXPECT_INT(ROW(w, user, id)->version, 2);
    rev = w->core->rev;
    EXPECT_INT(rev, 2);

    world_close(w);
    EXPECT_OK(world_open(w));
    EXPECT_STR(ROW(w, user, id)->name, "anna");
    EXPECT_STR(ROW(w, user, id)->title, "Anna 'the' Ärztin");
    EXPECT_STR(ROW(w, user, id)->password_hash, "$argon2id$x");
    EXPECT_INT(ROW(w, user, id)->kind, user_kind_PERSON);
    EXPECT(ROW(w, user, id)->disabled);
    EXPECT_INT(ROW(w, user, id)->version, 2);
    EXPECT_INT(w->core->rev, rev);
    world_free(w);
}

/* Rows that name others are of one kind each, and hold what belongs to that kind only. */
static void name_one(union row *row, enum entity_kind kind, int turn, uint64_t host_id)
{
    if (kind == ENTITY_entitlement) {
        row->entitlement.subject_kind = turn ? subject_kind_GROUP : subject_kind_EVERYONE;
        row->entitlement.subject[0] = '\0';
        row->entitlement.user_id = row->entitlement.terminal_id = row->entitlement.place_id = 0;
    }
    if (kind == ENTITY_profile) {
        row->profile.level = turn ? profile_level_PLACE : profile_level_EVERYWHERE;
        row->profile.subject[0] = '\0';
        row->profile.site_id = row->profile.terminal_id = 0;
    }
    if (kind == ENTITY_invitation && turn)
        row->invitation.terminal[0] = '\0';
    if (kind == ENTITY_pool)
        (void)snprintf(row->pool.hosts, sizeof(row->pool.hosts), "%llu",
                       (unsigned long long)host_id);
}

TEST(commit, every_kind_of_row_comes_back_as_it_was)
{
    struct world *w = world_new();
    uint64_t ids[ENTITY_KINDS] = { 0 };
    int checked = 0;

    /* Twice over: the second row of a kind may refer to the first of any kind. */
    for (int turn = 0; turn < 2; turn++) {
        for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
            const struct record *record = entity_row((enum entity_kind)kind)->record;
            union row row;

            memset(&row, 0, sizeof(row)); /* { 0 } would be the first kind's row only */
            for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                char *member = (char *)&row + field->offset;
                int64_t number = field->max ? 1 : WALL_MS;
                int word = 1;

                if (field->type == FIELD_INT || field->type == FIELD_TIME)
                    memcpy(member, &number, sizeof(number));
                else if (field->type == FIELD_BOOL)
                    *(bool *)(void *)member = true;
                else if (field->type == FIELD_ENUM)
                    memcpy(member, &word, sizeof(word));
                else if (field->type == FIELD_ID && turn == 1)
                    memcpy(member, &ids[entity_kind_of(field->refers)], sizeof(uint64_t));
                else if (field->type == FIELD_TEXT || field->type == FIELD_LINES)
                    (void)snprintf(member, field->size, "%d-%s", turn, field->name);
            }
            name_one(&row, (enum entity_kind)kind, turn, ids[ENTITY_host]);
            row.id = core_next_id(w->core);
            row.version = 0;
            /* On these a living row must be whole, and its slot must be there: see the tests below.
             */
            if (turn == 0 &&
                (kind == ENTITY_assignment || kind == ENTITY_session || kind == ENTITY_connection))
                continue;
            if (kind == ENTITY_session)
                row.session.slot = row.session.epoch = 1;
            if (kind == ENTITY_slot)
                row.slot.number = row.slot.epoch = 1;
            if (add_row(w, (enum entity_kind)kind, &row) < 0)
                fail_msg("%s: %s", record->name, w->error.text);
            ids[kind] = row.id;
            if (turn == 1)
                checked++;
        }
    }
    EXPECT_INT(checked, ENTITY_KINDS - 1);

    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        const struct record *record = entity_row((enum entity_kind)kind)->record;
        union row before;
        json_t *was;
        json_t *is;

        memcpy(&before, entity_row_of(core_find(w->core, (enum entity_kind)kind, ids[kind])),
               record->size);
        was = record_encode(record, &before, SEE_MASK_WIRE);
        world_close(w);
        EXPECT_OK(world_open(w));
        is = record_encode(record,
                           entity_row_of(core_find(w->core, (enum entity_kind)kind, ids[kind])),
                           SEE_MASK_WIRE);
        if (!json_equal(was, is))
            fail_msg("%s was %s and is %s", record->name, json_text(was), json_text(is));
        json_decref(was);
        json_decref(is);
    }
    world_free(w);
}

TEST(commit, an_older_version_is_refused)
{
    struct world *w = world_new();
    uint64_t id = add_user(w, "anna");
    struct row_user stale = *ROW(w, user, id);
    struct row_user fresh = stale;

    EXPECT_OK(set_row(w, ENTITY_user, &fresh));
    EXPECT_ERR(set_row(w, ENTITY_user, &stale), BERTH_E_CONFLICT);
    EXPECT_STR(w->error.text, "user 'anna' was changed meanwhile: it has version 2, not 1");
    EXPECT_ERR(drop_row(w, ENTITY_user, &stale), BERTH_E_CONFLICT);

    fresh = *ROW(w, user, id);
    EXPECT_OK(drop_row(w, ENTITY_user, &fresh));
    EXPECT_ERR(set_row(w, ENTITY_user, &fresh), BERTH_E_NOT_FOUND);
    EXPECT_STR(w->error.text, "user 'anna' does not exist any more");
    world_free(w);
}

TEST(commit, a_name_is_given_once)
{
    struct world *w = world_new();
    struct row_user row;

    (void)add_user(w, "anna");
    row = new_user(w, "anna");
    EXPECT_ERR(add_row(w, ENTITY_user, &row), BERTH_E_EXISTS);
    EXPECT_STR(w->error.text, "a user 'anna' exists already");
    world_free(w);
}

TEST(commit, one_refused_decision_leaves_the_others_of_its_batch_alone)
{
    enum { MANY = 40 };
    struct world *w = world_new();
    struct wait waits[MANY];
    struct changes *changes[MANY];
    struct store_stats stats;

    /* Begun in one turn, so that they meet in few transactions; every fourth wants a name that is
     * taken. */
    for (int i = 0; i < MANY; i++) {
        char name[32];
        struct row_user row;

        (void)snprintf(name, sizeof(name), i % 4 == 3 ? "user-0" : "user-%d", i);
        row = new_user(w, name);
        changes[i] = deciding("user.add");
        (void)changes_add(changes[i], ENTITY_user, &row);
        wait_init(w, &waits[i]);
        EXPECT_OK(store_commit_begin(w->store, changes[i], &waits[i].op));
    }
    for (int i = 0; i < MANY; i++) {
        EXPECT_INT(finish(w, &waits[i]) == 0, i % 4 != 3);
        if (waits[i].result == 0)
            core_apply(w->core, changes[i]);
        else
            changes_free(changes[i]);
    }
    store_stats(w->store, &stats);
    EXPECT(stats.commits < MANY);
    EXPECT_INT(stats.operations, MANY);
    EXPECT_INT(w->core->rev, MANY * 3 / 4);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM users"), MANY * 3 / 4);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM audit"), MANY * 3 / 4);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT max(rev) FROM change"), MANY * 3 / 4);
    world_free(w);
}

TEST(commit, a_decision_is_whole_or_not_at_all)
{
    struct world *w = world_new();
    uint64_t anna = add_user(w, "anna");
    struct changes *changes = deciding("test.both");
    struct row_user good = new_user(w, "bert");
    struct row_user bad = *ROW(w, user, anna);

    bad.version = 9;
    (void)changes_add(changes, ENTITY_user, &good);
    (void)changes_set(changes, ENTITY_user, &bad);
    EXPECT_ERR(commit(w, changes), BERTH_E_CONFLICT);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM users"), 1);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM change"), 1);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM audit"), 1);
    world_free(w);
}

TEST(commit, the_same_request_has_one_effect)
{
    struct world *w = world_new();
    struct wait waits[2];
    struct changes *changes[2];
    uint64_t ids[2];

    for (int i = 0; i < 2; i++) { /* both in flight, as after a retry over a new connection */
        struct row_user row = new_user(w, "anna");

        ids[i] = row.id;
        changes[i] = deciding("user.add");
        (void)changes_add(changes[i], ENTITY_user, &row);
        (void)snprintf(changes[i]->request_id, sizeof(changes[i]->request_id), "r-17");
        wait_init(w, &waits[i]);
        EXPECT_OK(store_commit_begin(w->store, changes[i], &waits[i].op));
    }
    EXPECT_OK(finish(w, &waits[0]));
    EXPECT_OK(finish(w, &waits[1]));
    EXPECT(!changes[0]->repeated);
    EXPECT(changes[1]->repeated);
    EXPECT_INT(changes[1]->added_id, ids[0]);
    EXPECT_INT(changes[0]->rev, changes[1]->rev);
    core_apply(w->core, changes[0]);
    core_apply(w->core, changes[1]);
    EXPECT_INT(w->core->of[ENTITY_user].count, 1);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM users"), 1);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM audit"), 1);

    /* Also after a restart; then it is told which row was added. */
    world_close(w);
    EXPECT_OK(world_open(w));
    changes[0] = deciding("user.add");
    (void)snprintf(changes[0]->request_id, sizeof(changes[0]->request_id), "r-17");
    wait_init(w, &waits[0]);
    EXPECT_OK(store_commit_begin(w->store, changes[0], &waits[0].op));
    EXPECT_OK(finish(w, &waits[0]));
    EXPECT(changes[0]->repeated);
    EXPECT_INT(changes[0]->added_id, ids[0]);
    core_apply(w->core, changes[0]);
    EXPECT_INT(w->core->rev, 1);
    world_free(w);
}

/* Renames that user to `name` under the id of a request that asked for `what`. */
static int rename_as(struct world *w, uint64_t user_id, const char *name, const char *what)
{
    struct changes *changes = deciding("user.set");
    struct row_user row = *ROW(w, user, user_id);

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    (void)changes_set(changes, ENTITY_user, &row);
    (void)snprintf(changes->request_id, sizeof(changes->request_id), "r-19");
    (void)snprintf(changes->request_fingerprint, sizeof(changes->request_fingerprint), "%s", what);
    return commit(w, changes);
}

TEST(commit, the_id_of_a_request_is_refused_for_another_one)
{
    struct world *w = world_new();
    uint64_t anna = add_user(w, "anna");
    uint64_t bob = add_user(w, "bob");

    EXPECT_OK(rename_as(w, anna, "anne", "anna is anne"));
    world_close(w);
    EXPECT_OK(world_open(w));
    EXPECT_ERR(rename_as(w, bob, "bert", "bob is bert"), BERTH_E_CONFLICT);
    EXPECT_STR(w->error.text, "this Idempotency-Key was used for another request");
    EXPECT_STR(ROW(w, user, bob)->name, "bob");
    EXPECT_INT(ROW(w, user, bob)->version, 1);
    EXPECT_OK(rename_as(w, anna, "anne", "anna is anne"));
    EXPECT_INT(ROW(w, user, anna)->version, 2);
    world_free(w);
}

static void decide_part(struct world *w, const char *user, bool unfinished, bool repeated)
{
    struct changes *changes = deciding("user.add");
    struct row_user row = new_user(w, user);
    struct wait wait;

    (void)changes_add(changes, ENTITY_user, &row);
    (void)snprintf(changes->request_id, sizeof(changes->request_id), "r-18");
    changes->unfinished = unfinished;
    wait_init(w, &wait);
    EXPECT_OK(settle(w, &wait, store_commit_begin(w->store, changes, &wait.op)));
    EXPECT_INT(changes->repeated, repeated);
    core_apply(w->core, changes);
}

TEST(commit, a_request_of_several_decisions_is_done_with_the_last)
{
    struct world *w = world_new();

    decide_part(w, "anna", true, false);
    world_close(w); /* half done: sent again, it goes on */
    EXPECT_OK(world_open(w));
    decide_part(w, "bob", true, false);
    decide_part(w, "carl", false, false);
    world_close(w); /* done: sent again, nothing of it happens */
    EXPECT_OK(world_open(w));
    decide_part(w, "dora", true, true);
    decide_part(w, "erik", false, true);
    EXPECT_INT(w->core->of[ENTITY_user].count, 3);
    world_free(w);
}

TEST(commit, a_decision_has_as_many_rows_as_it_needs)
{
    struct world *w = world_new();
    struct changes *changes = deciding("user.add");

    for (int i = 0; i < 500; i++) {
        struct row_user row = new_user(w, "");

        (void)snprintf(row.name, sizeof(row.name), "user-%d", i);
        (void)changes_add(changes, ENTITY_user, &row);
    }
    EXPECT_OK(commit(w, changes));
    EXPECT_INT(w->core->of[ENTITY_user].count, 500);
    world_close(w);
    EXPECT_OK(world_open(w));
    EXPECT_INT(w->core->of[ENTITY_user].count, 500);
    world_free(w);
}

TEST(commit, ids_are_never_given_twice)
{
    struct world *w = world_new();
    uint64_t id = add_user(w, "anna");
    struct row_user row = *ROW(w, user, id);

    EXPECT_OK(drop_row(w, ENTITY_user, &row));
    world_close(w);
    EXPECT_OK(world_open(w));
    EXPECT_INT(w->core->last_id, id);
    EXPECT(core_next_id(w->core) > id);
    world_free(w);
}

TEST(commit, each_start_has_a_higher_incarnation)
{
    struct world *w = world_new();

    EXPECT_INT(w->core->incarnation, 1);
    world_close(w);
    EXPECT_OK(world_open(w));
    EXPECT_INT(w->core->incarnation, 2);
    world_free(w);
}

TEST(commit, references_are_checked_at_the_end_of_each_decision)
{
    struct world *w = world_new();
    uint64_t pool = add_pool(w, "ward-3");
    uint64_t desktop = add_desktop(w, pool, "w11-1");
    struct row_desktop lost = { .id = core_next_id(w->core), .pool_id = 999, .name = "w11-2" };
    struct row_pool row = *ROW(w, pool, pool);
    struct row_desktop old = *ROW(w, desktop, desktop);
    struct row_slot slot = *ROW(w, slot, desktop + 1);
    struct changes *changes = deciding("pool.drop");

    EXPECT_ERR(add_row(w, ENTITY_desktop, &lost), BERTH_E_CONFLICT);
    EXPECT_STR(w->error.text, "desktop 'w11-2': pool 999 does not exist");
    EXPECT_ERR(drop_row(w, ENTITY_pool, &row), BERTH_E_CONFLICT);
    EXPECT_STR(w->error.text, "pool 'ward-3' is still used by desktops");

    changes_drop(changes, ENTITY_pool, &row); /* parents first: the whole decision is what counts */
    changes_drop(changes, ENTITY_desktop, &old);
    changes_drop(changes, ENTITY_slot, &slot);
    EXPECT_OK(commit(w, changes));
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM pools"), 0);
    world_free(w);
}

TEST(commit, a_value_that_must_be_given_is_named)
{
    struct world *w = world_new();
    struct row_pool row = { .id = core_next_id(w->core),
                            .name = "ward-3",
                            .kind = pool_kind_MANUAL };

    EXPECT_ERR(add_row(w, ENTITY_pool, &row), BERTH_E_INVALID);
    EXPECT_STR(w->error.text, "pool 'ward-3': 'pools.release' is required");
    world_free(w);
}

TEST(commit, a_file_that_another_program_holds_is_refused_and_tried_again)
{
    struct world *w = world_new();
    sqlite3 *other = sql_peek(w, "berth.db");
    struct row_user row = new_user(w, "anna");

    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    EXPECT_ERR(add_row(w, ENTITY_user, &row), BERTH_E_BUSY);
    EXPECT_SAYS(w->error.text, "another program has locked the database");
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(other);
    EXPECT_OK(add_row(w, ENTITY_user, &row));
    EXPECT_INT(w->failures, 0);
    world_free(w);
}

TEST(commit, after_close_nothing_is_begun_and_what_was_begun_is_told)
{
    struct world *w = world_new();
    struct row_user row = new_user(w, "anna");
    struct changes *changes = deciding("user.add");
    struct wait wait;

    (void)changes_add(changes, ENTITY_user, &row);
    wait_init(w, &wait);
    EXPECT_OK(store_commit_begin(w->store, changes, &wait.op));
    store_close(w->store); /* finishes what is queued */
    w->store = NULL;
    EXPECT(wait.done);
    EXPECT_OK(wait.result);
    EXPECT_INT(changes->rev, 1);
    changes_free(changes);
    EXPECT_INT(w->failures, 0);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM users"), 1);
    EXPECT(access(world_path(w, "berth.db-wal"), F_OK) < 0); /* folded back */
    world_free(w);
}

TEST_MAIN()
