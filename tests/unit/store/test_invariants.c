/* test_invariants.c - what the schema itself refuses, and the errors for it. */
#include "world.h"

/* A pool with two desktops, two users, two terminals. */
struct ward {
    struct world *w;
    uint64_t pool, desktop[2], user[2], terminal[2];
};

static struct ward ward_new(void)
{
    struct ward ward = { .w = world_new() };

    ward.pool = add_pool(ward.w, "ward-3");
    for (int i = 0; i < 2; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "thing-%d", i);
        ward.desktop[i] = add_desktop(ward.w, ward.pool, name);
        ward.user[i] = add_user(ward.w, name);
        ward.terminal[i] = add_terminal(ward.w, name);
    }
    return ward;
}

static int claim(struct ward *ward, int user, int desktop, struct claim *ret)
{
    *ret = (struct claim){ .desktop_id = ward->desktop[desktop],
                           .user_id = ward->user[user],
                           .pool_id = ward->pool };
    return commit(ward->w, claiming(ward->w, ret, ward->terminal[0]));
}

static struct row_connection connecting(struct ward *ward, const struct claim *claim, int terminal)
{
    return (struct row_connection){ .id = core_next_id(ward->w->core),
                                    .session_id = claim->session_id,
                                    .terminal_id = ward->terminal[terminal],
                                    .epoch = 1,
                                    .state = connection_CONNECTING };
}

TEST(invariant, a_desktop_has_one_owner_and_a_user_one_desktop_of_a_pool)
{
    struct ward ward = ward_new();
    struct claim first;
    struct claim other;
    struct row_assignment row;
    struct row_session session;
    struct changes *changes;

    EXPECT_OK(claim(&ward, 0, 0, &first));
    EXPECT_ERR(claim(&ward, 1, 0, &other), BERTH_E_CONFLICT);
    EXPECT_STR(ward.w->error.text, "the desktop is assigned to another user");
    EXPECT_ERR(claim(&ward, 0, 1, &other), BERTH_E_CONFLICT);
    EXPECT_STR(ward.w->error.text, "the user already has a desktop of this pool");

    /* Given back and handed to the next in one decision. */
    row = *ROW(ward.w, assignment, first.assignment_id);
    session = *ROW(ward.w, session, first.session_id);
    row.state = assignment_CLOSED;
    session.state = session_ENDED;
    other = (struct claim){ .desktop_id = ward.desktop[0],
                            .user_id = ward.user[1],
                            .pool_id = ward.pool };
    changes = claiming(ward.w, &other, ward.terminal[1]);
    (void)changes_set(changes, ENTITY_session, &session);
    (void)changes_set(changes, ENTITY_assignment, &row);
    EXPECT_OK(commit(ward.w, changes));
    EXPECT_INT(ROW(ward.w, session, other.session_id)->epoch, 2);

    row = *ROW(ward.w, assignment, first.assignment_id);
    row.state = assignment_OPEN;
    EXPECT_ERR(set_row(ward.w, ENTITY_assignment, &row), BERTH_E_CONFLICT);
    EXPECT_SAYS(ward.w->error.text, "a closed assignment is never opened again");
    world_free(ward.w);
}

TEST(invariant, an_assignment_has_one_living_session)
{
    struct ward ward = ward_new();
    struct claim c;
    struct row_session second;

    EXPECT_OK(claim(&ward, 0, 0, &c));
    second = *ROW(ward.w, session, c.session_id);
    second.id = core_next_id(ward.w->core);
    EXPECT_ERR(add_row(ward.w, ENTITY_session, &second), BERTH_E_CONFLICT);
    EXPECT_STR(ward.w->error.text, "the assignment already has a session");

    second = *ROW(ward.w, session, c.session_id);
    second.state = session_ENDED;
    EXPECT_OK(set_row(ward.w, ENTITY_session, &second));
    second = *ROW(ward.w, session, c.session_id);
    second.state = session_ACTIVE;
    EXPECT_ERR(set_row(ward.w, ENTITY_session, &second), BERTH_E_CONFLICT);
    EXPECT_SAYS(ward.w->error.text, "a session that has ended never lives again");
    world_free(ward.w);
}

TEST(invariant, a_session_is_on_one_screen_and_a_screen_shows_one_session)
{
    struct ward ward = ward_new();
    struct claim c[2];
    struct row_connection row;
    struct row_connection old;
    struct changes *changes;

    EXPECT_OK(claim(&ward, 0, 0, &c[0]));
    EXPECT_OK(claim(&ward, 1, 1, &c[1]));
    row = connecting(&ward, &c[0], 0);
    EXPECT_OK(add_row(ward.w, ENTITY_connection, &row));
    old = row;

    row = connecting(&ward, &c[0], 1);
    EXPECT_ERR(add_row(ward.w, ENTITY_connection, &row), BERTH_E_CONFLICT);
    EXPECT_STR(ward.w->error.text, "the session is already shown on a terminal");
    row = connecting(&ward, &c[1], 0);
    EXPECT_ERR(add_row(ward.w, ENTITY_connection, &row), BERTH_E_CONFLICT);
    EXPECT_STR(ward.w->error.text, "the terminal already shows a session");

    /* A roam is one decision: the new connection may even stand before the end of the old one. */
    row = connecting(&ward, &c[0], 1);
    old = *ROW(ward.w, connection, old.id);
    old.state = connection_ENDED;
    changes = deciding("session.roam");
    (void)changes_add(changes, ENTITY_connection, &row);
    (void)changes_set(changes, ENTITY_connection, &old);
    EXPECT_OK(commit(ward.w, changes));
    world_free(ward.w);
}

TEST(invariant, epochs_only_rise_and_a_session_is_never_ahead)
{
    struct ward ward = ward_new();
    struct claim c;
    struct row_slot slot;
    struct row_session session;

    EXPECT_OK(claim(&ward, 0, 0, &c));
    slot = *ROW(ward.w, slot, ward.desktop[0] + 1);
    EXPECT_INT(slot.epoch, 1);
    slot.epoch = 0;
    EXPECT_ERR(set_row(ward.w, ENTITY_slot, &slot), BERTH_E_CONFLICT);
    EXPECT_SAYS(ward.w->error.text, "the epoch of a slot only rises");

    session = *ROW(ward.w, session, c.session_id);
    session.epoch = 2;
    EXPECT_ERR(set_row(ward.w, ENTITY_session, &session), BERTH_E_CONFLICT);
    EXPECT_SAYS(ward.w->error.text, "the epoch of a session is never above its slot's");
    session.epoch = 0;
    EXPECT_ERR(set_row(ward.w, ENTITY_session, &session), BERTH_E_CONFLICT);
    EXPECT_SAYS(ward.w->error.text, "the epoch of a session only rises");

    slot = *ROW(ward.w, slot, ward.desktop[0] + 1);
    EXPECT_ERR(drop_row(ward.w, ENTITY_slot, &slot), BERTH_E_CONFLICT);
    EXPECT_SAYS(ward.w->error.text, "a session is still on this slot");
    world_free(ward.w);
}

TEST(invariant, a_slot_that_comes_back_is_not_behind_its_history)
{
    struct ward ward = ward_new();
    struct claim c;
    struct row_slot slot;
    struct row_session session;
    struct row_assignment assignment;

    EXPECT_OK(claim(&ward, 0, 0, &c));
    session = *ROW(ward.w, session, c.session_id);
    session.state = session_ENDED;
    EXPECT_OK(set_row(ward.w, ENTITY_session, &session));
    assignment = *ROW(ward.w, assignment, c.assignment_id);
    assignment.state = assignment_CLOSED;
    EXPECT_OK(set_row(ward.w, ENTITY_assignment, &assignment));
    slot = *ROW(ward.w, slot, ward.desktop[0] + 1);
    EXPECT_OK(drop_row(ward.w, ENTITY_slot, &slot));

    slot.id = core_next_id(ward.w->core);
    slot.epoch = 0;
    EXPECT_ERR(add_row(ward.w, ENTITY_slot, &slot), BERTH_E_CONFLICT);
    slot.id = core_next_id(ward.w->core);
    slot.epoch = 1;
    EXPECT_OK(add_row(ward.w, ENTITY_slot, &slot));
    world_free(ward.w);
}

TEST(invariant, history_outlives_what_it_speaks_of)
{
    struct ward ward = ward_new();
    struct claim c;
    struct row_session session;
    struct row_assignment assignment;
    struct row_desktop desktop;
    struct row_slot slot;
    struct row_terminal terminal = *ROW(ward.w, terminal, ward.terminal[0]);
    struct changes *changes;

    EXPECT_OK(claim(&ward, 0, 0, &c));
    desktop = *ROW(ward.w, desktop, ward.desktop[0]);
    slot = *ROW(ward.w, slot, ward.desktop[0] + 1);

    /* Not while it is in use. */
    EXPECT_ERR(drop_row(ward.w, ENTITY_desktop, &desktop), BERTH_E_CONFLICT);
    EXPECT_SAYS(ward.w->error.text, "desktop 'thing-0': a");
    EXPECT_SAYS(ward.w->error.text, "must have");

    /* A terminal may go while its last session lives on; what the memory still names does no harm.
     */
    EXPECT_OK(drop_row(ward.w, ENTITY_terminal, &terminal));
    session = *ROW(ward.w, session, c.session_id);
    EXPECT_INT(session.terminal_id, ward.terminal[0]);
    session.state = session_ENDED;
    EXPECT_OK(set_row(ward.w, ENTITY_session, &session));

    assignment = *ROW(ward.w, assignment, c.assignment_id);
    assignment.state = assignment_CLOSED;
    changes = deciding("desktop.drop");
    changes_drop(changes, ENTITY_desktop, &desktop);
    changes_drop(changes, ENTITY_slot, &slot);
    (void)changes_set(changes, ENTITY_assignment, &assignment);
    EXPECT_OK(commit(ward.w, changes));

    EXPECT_INT(
        sql_count(ward.w, "berth.db",
                  "SELECT count(*) FROM sessions WHERE state = 'ended' AND desktop_id IS NULL"
                  " AND terminal_id IS NULL AND user_id IS NOT NULL"),
        1);
    world_close(ward.w);
    EXPECT_OK(world_open(ward.w));
    EXPECT(core_find(ward.w->core, ENTITY_session, c.session_id) == NULL);
    world_free(ward.w);
}

TEST(invariant, a_revoked_key_is_refused_for_ever)
{
    struct ward ward = ward_new();
    struct row_identity row = { .id = core_next_id(ward.w->core),
                                .terminal_id = ward.terminal[0],
                                .key_hash = "aa11",
                                .state = identity_CURRENT };
    struct row_identity again = row;

    EXPECT_OK(add_row(ward.w, ENTITY_identity, &row));
    again.id = core_next_id(ward.w->core);
    again.terminal_id = ward.terminal[1];
    EXPECT_ERR(add_row(ward.w, ENTITY_identity, &again), BERTH_E_EXISTS);
    EXPECT_STR(ward.w->error.text, "the key already belongs to a terminal");

    row = *ROW(ward.w, identity, row.id);
    row.state = identity_REVOKED;
    EXPECT_OK(set_row(ward.w, ENTITY_identity, &row));
    row = *ROW(ward.w, identity, row.id);
    row.state = identity_CURRENT;
    EXPECT_ERR(set_row(ward.w, ENTITY_identity, &row), BERTH_E_CONFLICT);
    EXPECT_SAYS(ward.w->error.text, "a revoked identity never becomes current again");

    row = *ROW(ward.w, identity, row.id);
    EXPECT_OK(drop_row(ward.w, ENTITY_identity, &row));
    again.id = core_next_id(ward.w->core);
    EXPECT_ERR(add_row(ward.w, ENTITY_identity, &again), BERTH_E_CONFLICT);
    EXPECT_SAYS(ward.w->error.text, "this key was revoked");
    world_free(ward.w);
}

TEST(invariant, an_image_version_never_changes)
{
    struct world *w = world_new();
    struct row_image image = { .id = core_next_id(w->core), .name = "w11" };
    struct row_image_version row = { .id = core_next_id(w->core),
                                     .image_id = image.id,
                                     .number = 1,
                                     .path = "w11-1.qcow2",
                                     .state = image_version_DRAFT };
    struct changes *changes = deciding("image.add");

    image.current_id = row.id; /* each names the other: one decision */
    (void)changes_add(changes, ENTITY_image, &image);
    (void)changes_add(changes, ENTITY_image_version, &row);
    EXPECT_OK(commit(w, changes));

    row = *ROW(w, image_version, row.id);
    row.state = image_version_PUBLISHED;
    EXPECT_OK(set_row(w, ENTITY_image_version, &row));
    row = *ROW(w, image_version, row.id);
    (void)snprintf(row.path, sizeof(row.path), "other.qcow2");
    EXPECT_ERR(set_row(w, ENTITY_image_version, &row), BERTH_E_CONFLICT);
    EXPECT_SAYS(w->error.text, "a version of an image never changes");
    world_free(w);
}

/* SQL can refuse what code would never write: a foreign program with the file in hand. */
static void expect_refused(const struct world *w, const char *text, const char *why)
{
    sqlite3 *db = sql_peek(w, "berth.db");
    char *message = NULL;

    EXPECT(sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK);
    EXPECT_SAYS(message, why);
    sqlite3_free(message);
    (void)sqlite3_close(db);
}

TEST(invariant, the_trail_and_the_counters_are_append_only)
{
    struct world *w = world_new();

    (void)add_user(w, "anna");
    expect_refused(w, "UPDATE audit SET outcome = 'x'", "the audit trail is never changed");
    expect_refused(w, "DELETE FROM audit", "the audit trail is never shortened");
    expect_refused(w, "UPDATE sequence SET last_id = 0", "ids and incarnations only rise");
    expect_refused(w, "UPDATE sequence SET incarnation = 0", "ids and incarnations only rise");
    expect_refused(w, "DELETE FROM sequence", "ids and incarnations only rise");
    expect_refused(w, "INSERT INTO users VALUES (9, 1, 'x', '', 'robot', 0, '')",
                   "CHECK constraint failed");
    expect_refused(w, "INSERT INTO users VALUES (9, 1, 'x', '', 'person', 'no', '')",
                   "cannot store TEXT value");
    world_free(w);
}

TEST(invariant, an_owner_is_fenced)
{
    struct ward ward = ward_new();

    sql_do(ward.w, "berth.db", "UPDATE pools SET owner_broker = 'b', owner_epoch = 3");
    expect_refused(ward.w, "UPDATE pools SET owner_epoch = 2", "a later broker owns this pool");
    world_free(ward.w);
}

TEST_MAIN()
