/* test_audit.c - the audit trail: complete, sealed, erasable; and every way of tampering is found.
 */
#include "world.h"

static struct audit_verdict verify(struct world *w)
{
    struct audit_verdict verdict = { 0 };
    struct wait wait;

    wait_init(w, &wait);
    EXPECT_OK(settle(w, &wait, store_audit_verify_begin(w->store, &verdict, &wait.op)));
    return verdict;
}

static json_t *trail(struct world *w, int64_t after)
{
    struct store_page page = { 0 };
    struct wait wait;

    wait_init(w, &wait);
    EXPECT_OK(settle(w, &wait, store_audit_begin(w->store, after, 1000, &page, &wait.op)));
    return page.items;
}

static const char *text_of(const json_t *items, size_t at, const char *name)
{
    return json_string_value(json_object_get(json_array_get(items, at), name));
}

static int erase(struct world *w, uint64_t user_id)
{
    struct wait wait;

    wait_init(w, &wait);
    return settle(w, &wait, store_erase_begin(w->store, user_id, &wait.op));
}

/* A record without a change: a refusal. */
static void note(struct world *w, const char *actor, const char *role, const char *object,
                 uint64_t subject)
{
    struct changes *changes = changes_new(actor, role, "session.sign-on");

    changes_object(changes, "%s", object);
    changes_detail(changes, "from room MARKER-room-12");
    (void)snprintf(changes->audit.outcome, sizeof(changes->audit.outcome), "NO_DESKTOP");
    changes->audit.subject_user_id = subject;
    changes->audit.terminal_id = 4;
    EXPECT_OK(commit(w, changes));
}

static struct world *world_with_trail(int records)
{
    struct world *w = world_new();

    for (int i = 0; i < records; i++)
        note(w, "MARKER-anna", "user", "desktop 'w11-1'", 100);
    return w;
}

TEST(audit, a_record_tells_who_did_what)
{
    struct world *w = world_new();
    uint64_t id = add_user(w, "anna");
    struct audit_verdict verdict;
    json_t *items;

    note(w, "anna", "user", "desktop 'w11-1'", id);
    items = trail(w, 0);
    EXPECT_INT(json_array_size(items), 2);
    EXPECT_STR(text_of(items, 0, "action"), "test.add");
    EXPECT_STR(text_of(items, 0, "actor"), "broker");
    EXPECT_STR(text_of(items, 1, "actor"), "anna");
    EXPECT_STR(text_of(items, 1, "role"), "user");
    EXPECT_STR(text_of(items, 1, "object"), "desktop 'w11-1'");
    EXPECT_STR(text_of(items, 1, "detail"), "from room MARKER-room-12");
    EXPECT_STR(text_of(items, 1, "outcome"), "NO_DESKTOP");
    EXPECT_INT(json_integer_value(json_object_get(json_array_get(items, 1), "user_id")), id);
    EXPECT_INT(json_integer_value(json_object_get(json_array_get(items, 1), "terminal_id")), 4);
    EXPECT_INT(json_integer_value(json_object_get(json_array_get(items, 1), "rev")), 1);
    EXPECT_INT(json_integer_value(json_object_get(json_array_get(items, 1), "at_ms")), WALL_MS);
    EXPECT_INT(json_integer_value(json_object_get(json_array_get(items, 1), "incarnation")), 1);

    verdict = verify(w);
    EXPECT_INT(verdict.records, 2);
    EXPECT_INT(verdict.first_bad, 0);
    EXPECT_STR(verdict.head, text_of(items, 1, "hash"));
    json_decref(items);
    world_free(w);
}

TEST(audit, what_is_about_a_person_is_sealed_on_disk)
{
    struct world *w = world_with_trail(3);
    json_t *items;

    note(w, "chief", "operator", "user MARKER-bert", 101);
    world_close(w);
    for (size_t i = 0; i < 4; i++) {
        static const char *const files[] = { "berth.db", "berth.db-wal", "keys.db", "presence.db" };

        EXPECT(!folder_holds(w, files[i], "MARKER"));
    }
    EXPECT(folder_holds(w, "berth.db", "chief")); /* staff answers with its name */

    EXPECT_OK(world_open(w));
    items = trail(w, 0);
    EXPECT_STR(text_of(items, 0, "actor"), "MARKER-anna");
    EXPECT_STR(text_of(items, 3, "object"), "user MARKER-bert");
    json_decref(items);
    world_free(w);
}

TEST(audit, an_erased_person_cannot_be_read_and_the_chain_still_holds)
{
    struct world *w = world_with_trail(3);
    uint64_t id = add_user(w, "MARKER-name");
    struct audit_verdict verdict;
    json_t *items;

    note(w, "chief", "operator", "user MARKER-bert", 101);
    EXPECT_OK(erase(w, 100));
    EXPECT_OK(erase(w, 100)); /* again is no failure */
    EXPECT_OK(erase(w, id));
    for (int turn = 0; turn < 2; turn++) { /* also after a restart */
        items = trail(w, 0);
        EXPECT_STR(text_of(items, 0, "actor"), "(erased)");
        EXPECT_STR(text_of(items, 0, "object"), "(erased)");
        EXPECT_STR(text_of(items, 0, "detail"), "(erased)");
        EXPECT_STR(text_of(items, 0, "action"), "session.sign-on");
        EXPECT_STR(text_of(items, 4, "object"), "user MARKER-bert"); /* others stay readable */
        json_decref(items);
        verdict = verify(w);
        EXPECT_INT(verdict.first_bad, 0);
        EXPECT_INT(verdict.records, 5);
        world_close(w);
        EXPECT_OK(world_open(w));
    }
    EXPECT_INT(sql_count(w, "keys.db", "SELECT count(*) FROM person"), 1);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM change WHERE body LIKE '%MARKER%'"),
               0);

    /* A later record of the same person has a key of its own; the earlier ones stay closed. */
    note(w, "MARKER-anna", "user", "desktop 'w11-1'", 100);
    items = trail(w, 0);
    EXPECT_STR(text_of(items, 0, "actor"), "(erased)");
    EXPECT_STR(text_of(items, 5, "actor"), "MARKER-anna");
    json_decref(items);
    world_free(w);
}

/* ---- tampering ---- */

#define OPEN_UP "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_shortened;"

/* While the broker runs, another program changes the file. */
static void expect_found(const char *tampering, int64_t first_bad, const char *why)
{
    struct world *w = world_with_trail(20);
    struct audit_verdict verdict = verify(w);
    char text[1024];

    EXPECT_INT(verdict.first_bad, 0);
    EXPECT_INT(verdict.records, 20);
    (void)snprintf(text, sizeof(text), OPEN_UP "%s", tampering);
    sql_do(w, "berth.db", text);
    verdict = verify(w);
    EXPECT_INT(verdict.first_bad, first_bad);
    EXPECT_SAYS(verdict.reason, why);
    world_free(w);
}

TEST(tamper, a_flipped_value_is_found)
{
    expect_found("UPDATE audit SET outcome = 'done' WHERE sequence = 7", 7, "record 7 was altered");
    expect_found("UPDATE audit SET at_ms = at_ms + 1 WHERE sequence = 1", 1,
                 "record 1 was altered");
    expect_found("UPDATE audit SET terminal_id = 5 WHERE sequence = 20", 20,
                 "record 20 was altered");
    expect_found("UPDATE audit SET subject_id = 5 WHERE sequence = 3", 3, "record 3 was altered");
    expect_found("UPDATE audit SET sealed = zeroblob(length(sealed)) WHERE sequence = 3", 3,
                 "record 3 was altered");
    expect_found("UPDATE audit SET sealed = NULL, actor = 'bert' WHERE sequence = 3", 3,
                 "record 3 was altered");
    expect_found("UPDATE audit SET hash = zeroblob(32) WHERE sequence = 9", 9,
                 "record 9 was altered");
    expect_found("UPDATE audit SET previous = zeroblob(32) WHERE sequence = 9", 9,
                 "does not follow");
    /* Text moved over a field's border hashes differently: lengths are part of it. */
    expect_found("UPDATE audit SET role = 'use', action = 'rsession.sign-on' WHERE sequence = 5", 5,
                 "record 5 was altered");
    expect_found("UPDATE audit SET outcome = printf('%.5000c', 'x') WHERE sequence = 5", 5,
                 "record 5 is malformed");
}

TEST(tamper, a_missing_record_is_found)
{
    expect_found("DELETE FROM audit WHERE sequence = 1", 1, "record 1 is missing");
    expect_found("DELETE FROM audit WHERE sequence = 8", 8, "record 8 is missing");
    expect_found("DELETE FROM audit WHERE sequence BETWEEN 5 AND 12", 5, "record 5 is missing");
    expect_found("DELETE FROM audit WHERE sequence = 8; UPDATE audit SET sequence = sequence - 1 "
                 "WHERE sequence > 8",
                 8, "record 8 does not follow the one before it");
    expect_found("DELETE FROM audit WHERE sequence > 15", 16,
                 "the trail ends at record 15, but 20 were written");
    expect_found("DELETE FROM audit", 1, "the trail ends at record 0, but 20 were written");
}

TEST(tamper, swapped_records_are_found)
{
    expect_found("UPDATE audit SET sequence = 99 WHERE sequence = 6; UPDATE audit SET sequence = 6 "
                 "WHERE sequence = 7;"
                 "UPDATE audit SET sequence = 7 WHERE sequence = 99",
                 6, "record 6 does not follow the one before it");
}

TEST(tamper, a_cut_tail_whose_note_was_put_right_is_found_by_its_seal)
{
    expect_found(
        "DELETE FROM audit WHERE sequence > 15;"
        "UPDATE audit_head SET sequence = 15, hash = (SELECT hash FROM audit WHERE sequence = 15)",
        15, "the seal of the end of the trail is wrong");
}

TEST(tamper, an_appended_forgery_is_found)
{
    struct world *w = world_with_trail(5);
    struct audit_verdict verdict;

    /* Well linked: its hash is right by the rule that everybody can read. Here the copy of a record
     * of the same trail. */
    sql_do(w, "berth.db",
           "INSERT INTO audit SELECT 6, at_ms, mono_ms, incarnation, subject_id, terminal_id, rev, "
           "actor, role, action, object,"
           " outcome, detail, sealed, hash, hash FROM audit WHERE sequence = 5");
    verdict = verify(w);
    EXPECT_INT(verdict.first_bad, 6);

    /* The broker goes on behind it, and it is still found. */
    note(w, "anna", "user", "desktop", 100);
    verdict = verify(w);
    EXPECT_INT(verdict.first_bad, 6);
    world_free(w);
}

/* While the broker was down: the same file, its end put right. */
TEST(tamper, a_forged_end_is_found_at_the_next_start_and_never_forgotten)
{
    struct world *w = world_with_trail(5);
    struct audit_verdict verdict;

    world_close(w);
    sql_do(
        w, "berth.db",
        OPEN_UP
        "DELETE FROM audit WHERE sequence = 5;"
        "UPDATE audit_head SET sequence = 4, hash = (SELECT hash FROM audit WHERE sequence = 4)");
    sql_do(w, "keys.db", "UPDATE trail SET sequence = 0"); /* even if nothing was noted there yet */
    EXPECT_OK(world_open(w));                              /* the broker goes on */
    EXPECT(log_count(EV_AUDIT_BROKEN) > 0);
    for (int turn = 0; turn < 2; turn++) {
        verdict = verify(w);
        EXPECT_INT(verdict.first_bad, 5);
        EXPECT_SAYS(verdict.reason,
                    "the end of the trail had been changed when record 5 was written");
        note(w, "anna", "user", "desktop", 100);
        world_close(w);
        EXPECT_OK(world_open(w));
    }
    world_free(w);
}

TEST(tamper, an_older_copy_of_the_file_is_found)
{
    struct world *w = world_with_trail(3);
    struct audit_verdict verdict;
    char command[1100];

    world_close(w);
    (void)snprintf(command, sizeof(command), "cp '%s' '%s'", world_path(w, "berth.db"),
                   world_path(w, "old.db"));
    assert_int_equal(system(command), 0);
    EXPECT_OK(world_open(w));
    note(w, "anna", "user", "desktop", 100);
    world_close(w); /* notes record 4 in keys.db */
    (void)snprintf(command, sizeof(command), "mv '%s' '%s'", world_path(w, "old.db"),
                   world_path(w, "berth.db"));
    assert_int_equal(system(command), 0);

    EXPECT_OK(world_open(w));
    verdict = verify(w);
    EXPECT_INT(verdict.first_bad, 4);
    world_free(w);
}

TEST(audit, lost_keys_are_told_in_the_trail)
{
    struct world *w = world_with_trail(2);
    struct audit_verdict verdict;
    json_t *items;

    world_close(w);
    assert_int_equal(unlink(world_path(w, "keys.db")), 0);
    EXPECT_OK(world_open(w));
    items = trail(w, 0);
    EXPECT_INT(json_array_size(items), 3);
    EXPECT_STR(text_of(items, 0, "actor"), "(erased)");
    EXPECT_STR(text_of(items, 2, "action"), "audit.keys-made");
    json_decref(items);
    verdict = verify(w);
    EXPECT_INT(verdict.first_bad, 0); /* the chain itself holds */
    world_free(w);
}

TEST(audit, a_long_trail_is_verified_in_steps_between_which_pages_are_read)
{
    enum { MANY = 12000 };
    struct world *w = world_new();
    struct audit_verdict verdict = { 0 };
    struct wait walk;
    struct wait waits[64];
    struct changes *changes[64];

    for (int i = 0; i < MANY; i += 64) {
        for (int j = 0; j < 64; j++) {
            changes[j] = deciding("test.note");
            wait_init(w, &waits[j]);
            EXPECT_OK(store_commit_begin(w->store, changes[j], &waits[j].op));
        }
        for (int j = 0; j < 64; j++) {
            EXPECT_OK(finish(w, &waits[j]));
            changes_free(changes[j]);
        }
    }
    wait_init(w, &walk);
    EXPECT_OK(store_audit_verify_begin(w->store, &verdict, &walk.op));
    json_decref(trail(w, 5));
    EXPECT_OK(finish(w, &walk));
    EXPECT_INT(verdict.first_bad, 0);
    EXPECT_INT(verdict.records, (MANY + 63) / 64 * 64);
    world_free(w);
}

TEST_MAIN()
