/* test_references.c - a database of the earlier schema, whose rows refer to each other by name:
 * their rights after the migration; and what the schema refuses from then on. */
#include "core/policy.h"
#include "core/reference.h"

#include "earlier_store.h"

#define POOL(id, name, hosts)                                                                  \
    "INSERT INTO pools VALUES (" #id ", 1, '" name "', '', 'floating', NULL, '/t', '" hosts    \
    "', 4, 1, 0, 0, 'refresh', 'per-session', '', '', 'always', 'agent', 3389, 0, 0, 0, 120, " \
    "'', 0);"
#define HOST(id, name)                                                                         \
    "INSERT INTO hosts VALUES (" #id ", 1, '" name "', 'test:///', 'active', '', 0, 0, 2, 9, " \
    "1, 'default', '', 0);"
#define USER(id, name) "INSERT INTO users VALUES (" #id ", 1, '" name "', '', 'person', 0, '');"
#define TERMINAL(id, name)                                                                     \
    "INSERT INTO terminals VALUES (" #id ", 1, '" name "', 'accepted', 21, 'window', '', '', " \
    "'', '', '', NULL, 0, '', '', 0);"
#define RULE(id, kind, subject, pool, effect)                                                     \
    "INSERT INTO entitlements VALUES (" #id ", 1, '" kind "', '" subject "', " #pool ", '" effect \
    "', 0, 0, 0, 0, 0, 0);"
#define PROFILE(id, level, subject) \
    "INSERT INTO profiles VALUES (" #id ", 1, 'p" #id "', '" level "', '" subject "', 0, '');"
#define MACHINE(id, name, address)                                                           \
    "INSERT INTO desktops VALUES (" #id ", 1, '" name "', 13, NULL, '', '', NULL, '" address \
    "', 3389, '', 0, 0, 0, '');"
#define VERSION(id, image, number, state)                                                          \
    "INSERT INTO image_versions VALUES (" #id ", 1, " #image ", " #number ", '/" #id "', '', '', " \
    "'" state "', 0);"

/* clang-format off */
static const char rows[] =
    "INSERT INTO sites VALUES (20, 1, 'main', 'accept', 14);"
    "INSERT INTO places VALUES (21, 1, 'ward-3', 20);"
    HOST(2, "kvm1") HOST(3, "kvm2")
    POOL(10, "open", "") POOL(11, "two", "kvm2 kvm1 kvm2") POOL(12, "lost", "gone") POOL(13, "half", "kvm1 gone")
    USER(30, "anna") USER(31, "bob")
    "INSERT INTO groups VALUES (40, 1, 'nurses'); INSERT INTO memberships VALUES (41, 1, 40, 30);"
    TERMINAL(50, "t1") TERMINAL(51, "14") TERMINAL(52, "15") TERMINAL(53, "t-15")
    RULE(60, "user", "anna", 10, "allow") RULE(61, "group", "nurses", 11, "allow")
    RULE(62, "terminal", "14", 12, "allow") RULE(63, "place", "ward-3", 13, "deny")
    RULE(64, "tag", "window", 10, "allow") RULE(65, "everyone", "old", 13, "allow")
    RULE(66, "group", "temps", 11, "deny") RULE(67, "user", "carl", 12, "allow")
    PROFILE(70, "site", "main") PROFILE(71, "place", "ward-3") PROFILE(72, "terminal", "t1")
    PROFILE(73, "terminal", "t9") PROFILE(74, "tag", "window") PROFILE(75, "everywhere", "x")
    "INSERT INTO invitations VALUES (80, 1, 'a', 't1', NULL, '', 1, 1);"
    "INSERT INTO invitations VALUES (81, 1, 'b', 'new', NULL, '', 1, 1);"
    "INSERT INTO invitations VALUES (82, 1, 'c', '77', NULL, '', 1, 1);"
    MACHINE(90, "pc-1", "10.0.0.1") MACHINE(91, "pc-2", "::ffff:10.0.0.1") MACHINE(92, "pc-3", "10.0.0.3")
    MACHINE(93, "pc-4", "10.0.0.1")
    "INSERT INTO images VALUES (4, 1, 'one', NULL); INSERT INTO images VALUES (5, 1, 'many', NULL);"
    VERSION(6, 4, 1, "retired") VERSION(7, 4, 2, "published") VERSION(8, 4, 3, "draft")
    VERSION(14, 5, 1, "retired") VERSION(15, 5, 2, "retired") VERSION(16, 5, 3, "published")
    "UPDATE images SET current_id = 7 WHERE id = 4; UPDATE images SET current_id = 16 WHERE id = 5;"
    "UPDATE sequence SET last_id = 100;";
/* clang-format on */

static const char *hosts(struct world *w, uint64_t pool)
{
    return ROW(w, pool, pool)->hosts;
}

TEST(references, rows_of_the_schema_before_name_by_id)
{
    struct world *w = world_migrated("0003_references", rows);

    EXPECT_INT(ROW(w, entitlement, 60)->user_id, 30);
    EXPECT_STR(ROW(w, entitlement, 60)->subject, "");
    EXPECT_INT(ROW(w, entitlement, 61)->group_id, 40);
    EXPECT_INT(ROW(w, entitlement, 62)->terminal_id, 51);
    EXPECT_INT(ROW(w, entitlement, 63)->place_id, 21);
    EXPECT_STR(ROW(w, entitlement, 64)->subject, "window");
    EXPECT_STR(ROW(w, entitlement, 65)->subject, "");
    EXPECT_INT(ROW(w, profile, 70)->site_id, 20);
    EXPECT_INT(ROW(w, profile, 71)->place_id, 21);
    EXPECT_INT(ROW(w, profile, 72)->terminal_id, 50);
    EXPECT_STR(ROW(w, profile, 74)->subject, "window");
    EXPECT_STR(ROW(w, profile, 75)->subject, "");
    EXPECT_INT(ROW(w, invitation, 80)->replaces_id, 50);
    EXPECT_STR(ROW(w, invitation, 80)->terminal, "");
    EXPECT_INT(ROW(w, invitation, 81)->replaces_id, 0);
    EXPECT_STR(ROW(w, invitation, 81)->terminal, "new");
    world_free(w);
}

TEST(references, what_nobody_is_called_any_more_opens_nothing)
{
    struct world *w = world_migrated("0003_references", rows);
    const struct policy_subject who = { .user = user_by_name(w->core, "bob"),
                                        .terminal = terminal_by_name(w->core, "t1") };
    struct policy_verdict verdict;

    EXPECT_STR(ROW(w, entitlement, 66)->subject, "temps");
    EXPECT_INT(ROW(w, entitlement, 66)->group_id, 0);
    EXPECT_STR(ROW(w, profile, 73)->subject, "t9");
    policy_evaluate(w->core, &who, pool_by_name(w->core, "two"), &verdict);
    EXPECT(!verdict.allowed);
    EXPECT_STR(verdict.reason, "denied by entitlement 66: group 'temps' is gone");
    policy_evaluate(w->core, &who, pool_by_name(w->core, "lost"), &verdict);
    EXPECT(!verdict.allowed);
    world_free(w);
}

TEST(references, hosts_of_a_pool_are_ids_and_one_that_is_gone_does_not_open_the_others)
{
    struct world *w = world_migrated("0003_references", rows);

    EXPECT_STR(hosts(w, 10), "");
    EXPECT_STR(hosts(w, 11), "2 3");
    EXPECT_STR(hosts(w, 12), "0");
    EXPECT_STR(hosts(w, 13), "0 2");
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM pool_hosts"), 3);
    world_free(w);
}

TEST(references, a_name_that_was_a_number_is_none_any_more)
{
    struct world *w = world_migrated("0003_references", rows);
    struct row_group row = { .id = core_next_id(w->core), .name = "14" };

    EXPECT_STR(ROW(w, terminal, 51)->name, "t-14");
    EXPECT_STR(ROW(w, terminal, 52)->name, "t-15-52");
    EXPECT_STR(ROW(w, terminal, 53)->name, "t-15");
    EXPECT_STR(ROW(w, invitation, 82)->terminal, "t-77");
    EXPECT_ERR(add_row(w, ENTITY_group, &row), BERTH_E_CONFLICT);
    EXPECT_SAYS(w->error.text, "a name is not a number");
    row = *ROW(w, group, 40);
    (void)snprintf(row.name, sizeof(row.name), "40");
    EXPECT_ERR(set_row(w, ENTITY_group, &row), BERTH_E_CONFLICT);
    world_free(w);
}

TEST(references, one_machine_is_one_desktop)
{
    struct world *w = world_migrated("0003_references", rows);
    struct row_desktop row = { .id = core_next_id(w->core), .name = "pc-9", .pool_id = 13 };

    EXPECT_STR(ROW(w, desktop, 90)->address, "10.0.0.1");
    EXPECT(!ROW(w, desktop, 90)->quarantined);
    for (uint64_t id = 91; id <= 93; id += 2) {
        EXPECT(ROW(w, desktop, id)->quarantined);
        EXPECT_STR(ROW(w, desktop, id)->address, "");
        EXPECT_STR(ROW(w, desktop, id)->reason,
                   "another desktop is at 10.0.0.1 port 3389; give this one its own address");
    }
    EXPECT(!ROW(w, desktop, 92)->quarantined);
    (void)snprintf(row.address, sizeof(row.address), "10.0.0.3");
    row.port = 3389;
    EXPECT_ERR(add_row(w, ENTITY_desktop, &row), BERTH_E_EXISTS);
    EXPECT_SAYS(w->error.text, "another desktop of a manual pool is at this address and port");
    row.port = 3390;
    EXPECT_OK(add_row(w, ENTITY_desktop, &row));
    row = *ROW(w, desktop, row.id);
    row.port = 3389;
    EXPECT_ERR(set_row(w, ENTITY_desktop, &row), BERTH_E_EXISTS);
    world_free(w);
}

/* ---- what holds from now on ---- */

TEST(references, where_one_version_alone_is_retired_a_rollback_goes_there)
{
    struct world *w = world_migrated("0003_references", rows);

    EXPECT_INT(ROW(w, image, 4)->previous_id, 6);
    EXPECT_INT(ROW(w, image, 5)->previous_id, 0); /* which of the two is unknown */
    world_free(w);
}

TEST(references, what_was_used_in_a_pool_that_refreshes_is_due)
{
    static const char used[] = POOL(13, "refreshes", "") MACHINE(90, "d-1", "10.0.0.1")
        MACHINE(91, "d-2", "10.0.0.2") POOL(14, "keeps", "")
            MACHINE(92, "d-3", "10.0.0.3") "UPDATE pools SET release = 'keep' WHERE id = 14;"
                                           "UPDATE desktops SET pool_id = 14 WHERE id = 92;"
                                           "UPDATE desktops SET dirty = 1 WHERE id <> 91; UPDATE "
                                           "sequence SET last_id = 100;";
    struct world *w = world_migrated("0003_references", used);

    EXPECT(ROW(w, desktop, 90)->refresh_due);
    EXPECT(!ROW(w, desktop, 91)->refresh_due);
    EXPECT(!ROW(w, desktop, 92)->refresh_due);
    world_free(w);
}

TEST(references, what_goes_for_a_recompose_is_known_by_its_reason_of_then)
{
    static const char delete_pending[] = POOL(13, "open", "") MACHINE(90, "d-1", "10.0.0.1")
        MACHINE(91, "d-2", "10.0.0.2") "UPDATE desktops SET delete_pending = 1, reason = 'its pool "
                                       "is recomposed' WHERE id = "
                                       "90;"
                                       "UPDATE desktops SET delete_pending = 1, reason = 'no "
                                       "longer needed' WHERE id = 91;"
                                       "UPDATE sequence SET last_id = 100;";
    struct world *w = world_migrated("0003_references", delete_pending);

    EXPECT(ROW(w, desktop, 90)->delete_for_recompose);
    EXPECT(!ROW(w, desktop, 91)->delete_for_recompose);
    world_free(w);
}

TEST(references, what_is_in_quarantine_counts_as_put_there_by_hand)
{
    struct world *w = world_migrated("0003_references", rows);

    EXPECT(!ROW(w, desktop, 90)->quarantined_by_admin);
    EXPECT(ROW(w, desktop, 91)->quarantined);
    EXPECT(ROW(w, desktop, 91)->quarantined_by_admin);
    world_free(w);
}

TEST(references, a_host_that_a_pool_names_stays)
{
    struct world *w = world_migrated("0003_references", rows);
    struct row_pool row = *ROW(w, pool, 11);

    EXPECT_ERR(drop_row(w, ENTITY_host, ROW(w, host, 3)), BERTH_E_CONFLICT);
    (void)snprintf(row.hosts, sizeof(row.hosts), "2");
    EXPECT_OK(set_row(w, ENTITY_pool, &row));
    EXPECT_OK(drop_row(w, ENTITY_host, ROW(w, host, 3)));
    row = *ROW(w, pool, 11);
    (void)snprintf(row.hosts, sizeof(row.hosts), "2 99");
    EXPECT_ERR(set_row(w, ENTITY_pool, &row), BERTH_E_CONFLICT);
    world_free(w);
}

TEST(references, whom_a_rule_names_stays)
{
    struct world *w = world_migrated("0003_references", rows);
    struct row_entitlement row = { .id = core_next_id(w->core),
                                   .subject_kind = subject_kind_GROUP,
                                   .subject = "nurses",
                                   .pool_id = 10,
                                   .effect = effect_DENY };

    EXPECT_ERR(drop_row(w, ENTITY_user, ROW(w, user, 30)), BERTH_E_CONFLICT);
    EXPECT_ERR(drop_row(w, ENTITY_place, ROW(w, place, 21)), BERTH_E_CONFLICT);
    EXPECT_ERR(drop_row(w, ENTITY_terminal, ROW(w, terminal, 51)), BERTH_E_CONFLICT);
    EXPECT_ERR(add_row(w, ENTITY_entitlement, &row), BERTH_E_CONFLICT);
    EXPECT_SAYS(w->error.text, "by id");
    row.subject[0] = '\0';
    EXPECT_ERR(add_row(w, ENTITY_entitlement, &row), BERTH_E_INVALID);
    row.user_id = 30; /* of another kind */
    EXPECT_ERR(add_row(w, ENTITY_entitlement, &row), BERTH_E_INVALID);
    row.user_id = 0;
    row.group_id = 40;
    EXPECT_OK(add_row(w, ENTITY_entitlement, &row));
    world_free(w);
}

TEST_MAIN()
