/* test_change.c - decisions in flight: versions, and several changes of one row. */
#include "core/change.h"

#include "test.h"

TEST(change, versions_are_given_here)
{
    struct changes *changes = changes_new("anna", "user", "session.claim");
    const struct row_user fresh = { .id = 5, .version = 77 };
    const struct row_user known = { .id = 6, .version = 3 };
    const struct row_user *row;

    row = changes_add(changes, ENTITY_user, &fresh);
    EXPECT_INT(row->version, 1);
    EXPECT_INT(changes->at[0]->base_version, 0);
    row = changes_set(changes, ENTITY_user, &known);
    EXPECT_INT(row->version, 4);
    EXPECT_INT(changes->at[1]->base_version, 3);
    changes_drop(changes, ENTITY_user, &known);
    EXPECT_INT(changes->at[2]->base_version, 3);
    EXPECT_STR(changes->audit.outcome, "done");
    changes_free(changes);
}

TEST(change, a_row_changed_twice_is_one_change)
{
    struct changes *changes = changes_new("anna", "user", "x");
    struct row_user row = { .id = 6, .version = 3 };
    struct row_user *first = changes_set(changes, ENTITY_user, &row);
    struct row_user *second;

    first->disabled = true;
    second = changes_set(changes, ENTITY_user, changes_find(changes, ENTITY_user, 6));
    (void)snprintf(second->title, sizeof(second->title), "Anna");
    EXPECT_INT(changes->count, 1);
    EXPECT(second->disabled);
    EXPECT_INT(second->version, 4);
    changes_free(changes);
}

TEST(change, what_is_not_touched_is_not_found)
{
    struct changes *changes = changes_new("anna", "user", "x");
    const struct row_user row = { .id = 6, .version = 3 };

    EXPECT(changes_find(changes, ENTITY_user, 6) == NULL);
    changes_drop(changes, ENTITY_user, &row);
    EXPECT(changes_find(changes, ENTITY_user, 6) == NULL);
    EXPECT(changes_find(changes, ENTITY_admin, 6) == NULL);
    changes_freep(&changes);
    EXPECT(changes == NULL);
}

TEST(change, long_words_are_cut_not_overrun)
{
    struct changes *changes =
        changes_new("somebody whose name is very much longer than the eighty bytes of "
                    "an actor in the audit trail can hold",
                    "a role that is too long for its field", "x");

    changes_object(changes, "%0200d", 1);
    changes_detail(changes, "%0999d", 1);
    EXPECT_INT(strlen(changes->audit.actor), sizeof(changes->audit.actor) - 1);
    EXPECT_INT(strlen(changes->audit.object), sizeof(changes->audit.object) - 1);
    EXPECT_INT(strlen(changes->audit.detail), sizeof(changes->audit.detail) - 1);
    changes_free(changes);
}

TEST_MAIN()
