/* test_audit.c - every decision leaves one record, which names who, where and what for. */
#include "story.h"

static const struct audit_note *last(struct world *w, const char *action)
{
    const struct audit_note *note = disk_audit_last(w->disk, action);

    if (!note)
        fail_msg("there is no record of '%s'", action);
    return note;
}

TEST(audit, a_sign_on_and_its_end_name_person_terminal_and_desktop)
{
    struct world *w = world_new(1, WARD FLOATING);
    uint64_t anna, t1;

    world_run_s(w, 70);
    anna = world_user(w, "anna")->row.id;
    t1 = terminal_by_name(world_core(w), "t1")->row.id;
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_INT(last(w, "session.claim")->subject_user_id, anna);
    EXPECT_INT(last(w, "session.claim")->terminal_id, t1);
    EXPECT_SAYS(last(w, "session.claim")->object, "ward-3-001");
    EXPECT_STR(last(w, "session.claim")->outcome, "done");

    world_run_s(w, 5);
    world_sign_off(w, "t1");
    world_run_s(w, 30);
    EXPECT_STR(last(w, "session.sign_off")->actor, "anna");
    EXPECT_STR(last(w, "session.sign_off")->role, "user");
    EXPECT_INT(last(w, "session.sign_off")->subject_user_id, anna);
    EXPECT_SAYS(last(w, "desktop.refresh")->object, "ward-3-001");
    THE_END(w);
}

TEST(audit, an_administrator_is_named_with_role_and_reason)
{
    struct world *w = world_new(2, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_OK(world_await(w, admin_session_sign_off(&w->broker->context, world_actor(),
                                                    world_session(w, "anna")->row.id,
                                                    "the ward closes", world_op(w))));
    EXPECT_STR(last(w, "session.sign_off")->actor, "root");
    EXPECT_STR(last(w, "session.sign_off")->role, "administrator");
    EXPECT_SAYS(last(w, "session.sign_off")->detail, "the ward closes");
    EXPECT_INT(last(w, "session.sign_off")->subject_user_id, world_user(w, "anna")->row.id);
    THE_END(w);
}

TEST(audit, whoever_looked_is_noted)
{
    struct world *w = world_new(3, WARD FLOATING);

    world_run_s(w, 5);
    EXPECT_OK(world_await(w, admin_audit(&w->broker->context, world_actor(), "user.where",
                                         "user anna", world_user(w, "anna")->row.id, world_op(w))));
    EXPECT_STR(last(w, "user.where")->actor, "root");
    EXPECT_INT(last(w, "user.where")->subject_user_id, world_user(w, "anna")->row.id);
    THE_END(w);
}

TEST(audit, what_was_refused_by_the_disk_left_no_record)
{
    struct world *w = world_new(4, WARD FLOATING);

    world_run_s(w, 70);
    world_disk_full(w, true);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "refused: NO_SPACE");
    EXPECT_INT(disk_audited(w->disk, "session.claim"), 0);
    THE_END(w);
}

TEST_MAIN()
