/* test_core.c - registries, decisions made visible, notices, pins, indexes and history. */
#include "core/index.h"
#include "core/notice.h"

#include "small.h"

struct ear {
    struct notice_listener listener;
    struct notice heard[16];
    int count;
};

static void note(struct notice_listener *listener, const struct notice *notice)
{
    struct ear *ear = container_of(listener, struct ear, listener);

    if (ear->count < 16)
        ear->heard[ear->count++] = *notice;
}

TEST(core, rows_are_found_by_id_and_name)
{
    struct small s;

    small_open(&s);
    small_user(&s, 3, "anna");
    small_user(&s, 4, "bob");
    EXPECT_STR(user_find(s.core, 4)->row.name, "bob");
    EXPECT_INT(user_by_name(s.core, "anna")->row.id, 3);
    EXPECT(user_find(s.core, 5) == NULL);
    EXPECT(user_find(s.core, 0) == NULL);
    EXPECT(user_by_name(s.core, "") == NULL);
    EXPECT(user_by_name(s.core, "carl") == NULL);
    EXPECT_INT(core_next_id(s.core), 5);
    small_close(&s);
}

TEST(core, two_rows_with_one_id_are_refused)
{
    struct small s;
    const struct row_user row = { .id = 3, .version = 1, .name = "anna" };
    struct berth_error error = { 0 };

    small_open(&s);
    small_load(&s, ENTITY_user, &row);
    EXPECT_ERR(core_load(s.core, ENTITY_user, &row, &error), BERTH_E_STORE);
    EXPECT_SAYS(error.text, "two rows with id 3");
    small_close(&s);
}

TEST(core, a_rename_moves_the_name)
{
    struct small s;
    struct changes *changes = changes_new("root", "administrator", "user.set");
    struct row_user *row;

    small_open(&s);
    row = changes_set(changes, ENTITY_user, &small_user(&s, 3, "anna")->row);
    (void)snprintf(row->name, sizeof(row->name), "anne");
    small_apply(&s, changes);
    EXPECT(user_by_name(s.core, "anna") == NULL);
    EXPECT_INT(user_by_name(s.core, "anne")->row.version, 2);
    small_close(&s);
}

TEST(core, a_listener_sees_the_decision_whole_and_once)
{
    struct small s;
    struct ear ear = { .listener = { .notify = note } };
    struct changes *changes = changes_new("root", "administrator", "user.add");
    const struct row_user anna = { .id = 8, .name = "anna" };
    const struct row_group nurses = { .id = 9, .name = "nurses" };

    small_open(&s);
    core_listen(s.core, &ear.listener);
    changes_add(changes, ENTITY_user, &anna);
    changes_add(changes, ENTITY_group, &nurses);
    small_apply(&s, changes);
    EXPECT_INT(ear.count, 2);
    EXPECT_INT(ear.heard[0].entity, ENTITY_user);
    EXPECT_INT(ear.heard[0].verb, CHANGE_ADD);
    EXPECT_INT(ear.heard[0].rev, 1);
    EXPECT_INT(ear.heard[1].id, 9);
    small_close(&s);
}

TEST(core, a_pinned_entity_outlives_its_drop)
{
    struct small s;
    struct changes *changes = changes_new("root", "administrator", "user.drop");
    struct user *anna;

    small_open(&s);
    anna = small_user(&s, 3, "anna");
    entity_pin(&anna->base);
    changes_drop(changes, ENTITY_user, &anna->row);
    small_apply(&s, changes);
    small_run(&s, 10);
    EXPECT(user_find(s.core, 3) == NULL);
    EXPECT(anna->base.dropped);
    EXPECT_STR(anna->row.name, "anna");
    entity_unpin(&anna->base); /* the address sanitizer sees to the rest */
    small_run(&s, 1);
    small_close(&s);
}

TEST(core, indexes_follow_the_rows)
{
    struct small s;
    struct changes *changes = changes_new("broker", "broker", "x");
    struct row_session session = {
        .id = 20, .user_id = 3, .pool_id = 4, .state = session_PREPARING
    };
    struct row_session *row;

    small_open(&s);
    small_user(&s, 3, "anna");
    changes_add(changes, ENTITY_session, &session);
    small_apply(&s, changes);
    EXPECT_INT(index_count(s.core, SESSIONS_OF_USER, 3), 1);
    EXPECT(session_of_user(s.core, 3, 4) != NULL);
    EXPECT(session_of_user(s.core, 3, 5) == NULL);
    EXPECT(session_of_user(s.core, 3, 0) != NULL);

    changes = changes_new("broker", "broker", "x");
    row = changes_set(changes, ENTITY_session, &session_find(s.core, 20)->row);
    row->state = session_ENDED;
    small_apply(&s, changes);
    EXPECT_INT(index_count(s.core, SESSIONS_OF_USER, 3), 0);
    EXPECT(session_find(s.core, 20) != NULL);
    small_close(&s);
}

TEST(core, keys_and_uuids_are_found)
{
    struct small s;
    const struct row_identity identity = {
        .id = 5, .version = 1, .terminal_id = 2, .key_hash = "aa11"
    };

    small_open(&s);
    small_pool(&s, 1, "ward");
    small_host(&s, 2, "kvm1");
    small_desktop(&s, 3, "ward-001", 1, 2);
    small_load(&s, ENTITY_identity, &identity);
    EXPECT_INT(identity_by_key(s.core, "aa11")->row.id, 5);
    EXPECT(identity_by_key(s.core, "") == NULL);
    EXPECT_INT(desktop_by_uuid(s.core, "uuid-ward-001")->row.id, 3);
    small_close(&s);
}

/* A session that was open at the start and has ended since. */
static void load_and_end(struct small *s, uint64_t id)
{
    const struct row_session row = { .id = id, .version = 1, .state = session_ENDING };
    struct changes *changes = changes_new("broker", "broker", "session.ended");

    small_load(s, ENTITY_session, &row);
    ((struct row_session *)changes_set(changes, ENTITY_session, &row))->state = session_ENDED;
    core_apply(s->core, changes);
}

TEST(core, memory_keeps_the_latest_of_history_only)
{
    struct small s;

    small_open(&s);
    for (uint64_t id = 1; id <= ENDED_KEPT + 100; id++)
        load_and_end(&s, id);
    small_run(&s, 1);
    EXPECT_INT(s.core->of[ENTITY_session].count, ENDED_KEPT);
    EXPECT(session_find(s.core, 100) == NULL);
    EXPECT(session_find(s.core, 101) != NULL);
    EXPECT_INT(core_next_id(s.core), ENDED_KEPT + 101);
    small_close(&s);
}

TEST(core, what_was_over_before_the_start_makes_no_entity)
{
    const struct row_session session = { .id = 7, .version = 3, .state = session_ENDED };
    const struct row_assignment assignment = { .id = 8, .version = 2, .state = assignment_CLOSED };
    const struct row_connection connection = { .id = 9, .version = 2, .state = connection_ENDED };
    const struct row_command command = { .id = 10, .version = 2, .state = command_EXPIRED };
    const struct row_command waits = { .id = 5, .version = 1, .state = command_QUEUED };
    struct small s;

    small_open(&s);
    small_load(&s, ENTITY_session, &session);
    small_load(&s, ENTITY_assignment, &assignment);
    small_load(&s, ENTITY_connection, &connection);
    small_load(&s, ENTITY_command, &command);
    small_load(&s, ENTITY_command, &waits);
    EXPECT_INT(s.core->loaded, 1);
    EXPECT_INT(s.core->of[ENTITY_session].count, 0);
    EXPECT_INT(s.core->of[ENTITY_assignment].count, 0);
    EXPECT_INT(s.core->of[ENTITY_connection].count, 0);
    EXPECT_INT(s.core->of[ENTITY_command].count, 1);
    EXPECT_INT(core_next_id(s.core), 11);
    small_close(&s);
}

TEST(core, a_forbidden_transition_is_not_made)
{
    struct small s;
    struct desktop *desktop;

    small_open(&s);
    small_pool(&s, 1, "ward");
    small_host(&s, 2, "kvm1");
    desktop = small_desktop(&s, 3, "ward-001", 1, 2);
    desktop_set_state(desktop, desktop_GONE, "a mistake");
    EXPECT_INT(desktop->state, desktop_READY);
    desktop_set_state(desktop, desktop_OFF, "it was switched off");
    EXPECT_INT(desktop->state, desktop_OFF);
    EXPECT_STR(desktop->reason, "it was switched off");
    small_close(&s);
}

static int announced;

static void count_hosts(struct notice_listener *listener, const struct notice *notice)
{
    (void)listener;
    announced += notice->kind == NOTICE_OBSERVED && notice->entity == ENTITY_host;
}

/* A host is down from the start: that it cannot be reached is a reason without a change of state.
 */
TEST(core, a_host_that_never_was_up_says_why)
{
    struct notice_listener listener = { .notify = count_hosts };
    struct row_host row = { .id = 2, .version = 1, .name = "h4" };
    struct host *host;
    struct small s;

    small_open(&s);
    small_load(&s, ENTITY_host, &row);
    core_listen(s.core, &listener);
    host = host_find(s.core, 2);
    EXPECT_INT(host->state, host_DOWN);
    announced = 0;
    host_set_state(host, host_DOWN, "cannot connect to 'qemu:///system'");
    EXPECT_STR(host->reason, "cannot connect to 'qemu:///system'");
    EXPECT_INT(announced, 1);
    host_set_state(host, host_DOWN, "cannot connect to 'qemu:///system'");
    EXPECT_INT(announced, 1); /* the same again is no news */
    small_close(&s);
}

TEST(core, moves_of_decided_states_are_checked)
{
    struct small s;
    const struct row_session active = { .id = 10, .version = 2, .state = session_ACTIVE };
    struct changes *changes = changes_new("broker", "broker", "x");
    struct berth_error error = { 0 };
    struct row_session *row;

    small_open(&s);
    load_and_end(&s, 9);
    small_load(&s, ENTITY_session, &active);
    EXPECT_ERR(
        session_transition(session_find(s.core, 9), session_ACTIVE, "again", changes, NULL, &error),
        BERTH_E_STATE);
    EXPECT_INT(changes->count, 0);
    EXPECT_OK(
        session_transition(session_find(s.core, 10), session_ENDING, "bye", changes, &row, &error));
    EXPECT_INT(row->version, 3);
    EXPECT_STR(row->reason, "bye");
    EXPECT_INT(session_find(s.core, 10)->row.state, session_ACTIVE); /* not before it is durable */
    small_apply(&s, changes);
    EXPECT_INT(session_find(s.core, 10)->row.state, session_ENDING);
    small_close(&s);
}

/* A retired key may still be revoked; a revoked one stays revoked. */
TEST(core, states_of_keys_are_checked)
{
    struct small s;
    const struct row_identity retired = { .id = 5, .version = 1, .state = identity_RETIRED };
    const struct row_identity revoked = { .id = 6, .version = 1, .state = identity_REVOKED };
    struct changes *changes = changes_new("broker", "broker", "x");

    small_open(&s);
    small_load(&s, ENTITY_identity, &retired);
    small_load(&s, ENTITY_identity, &revoked);
    EXPECT(!identity_transition(identity_find(s.core, 5), identity_CURRENT, changes));
    EXPECT(!identity_transition(identity_find(s.core, 6), identity_RETIRED, changes));
    EXPECT_INT(changes->count, 0);
    EXPECT(identity_transition(identity_find(s.core, 5), identity_REVOKED, changes));
    small_apply(&s, changes);
    EXPECT_INT(identity_find(s.core, 5)->row.state, identity_REVOKED);
    small_close(&s);
}

TEST(core, states_of_image_versions_are_checked)
{
    struct small s;
    const struct row_image_version draft = { .id = 7, .version = 1, .state = image_version_DRAFT };
    struct changes *changes = changes_new("broker", "broker", "x");
    struct berth_error error = { 0 };

    small_open(&s);
    small_load(&s, ENTITY_image_version, &draft);
    EXPECT_OK(image_version_transition(image_version_find(s.core, 7), image_version_PUBLISHED,
                                       changes, &error));
    small_apply(&s, changes);
    changes = changes_new("broker", "broker", "x");
    EXPECT_ERR(image_version_transition(image_version_find(s.core, 7), image_version_DRAFT, changes,
                                        &error),
               BERTH_E_STATE);
    EXPECT_STR(error.text, "the image version is published and cannot become draft");
    changes_free(changes);
    small_close(&s);
}

TEST_MAIN()
