/* test_manage.c - commands, profiles, choices, explanations, and what administrators may not do. */
#include "berth/log.h"

#include "core/effective.h"
#include "flow/explain.h"

#include "story.h"

static uint64_t terminal_id(struct world *w, const char *name)
{
    return terminal_by_name(world_core(w), name)->row.id;
}

static uint64_t command(struct world *w, const char *terminal, enum command_kind kind,
                        int64_t expires_in_ms)
{
    const struct command_spec spec = { .terminal_id = terminal_id(w, terminal),
                                       .kind = kind,
                                       .text = "Tea is ready",
                                       .expires_in_ms = expires_in_ms };
    uint64_t id = 0;

    if (world_await(
            w, admin_command(&w->broker->context, world_actor(), &spec, &id, world_op(w))) != 0)
        fail_msg("command: %s", world_await_text());
    return id;
}

static const char *command_state_of(struct world *w, uint64_t id)
{
    return command_state_names[command_find(world_core(w), id)->row.state];
}

TEST(manage, a_message_is_shown_and_done)
{
    struct world *w = world_new(1, WARD FLOATING);
    uint64_t id;

    world_run_s(w, 10);
    id = command(w, "t1", command_kind_MESSAGE, 60000);
    world_run_s(w, 2);
    EXPECT_SCREEN(w, "t1", "message: Tea is ready");
    EXPECT_STR(command_state_of(w, id), "done");
    THE_END(w);
}

TEST(manage, a_command_waits_for_its_terminal)
{
    struct world *w = world_new(2, WARD FLOATING);
    uint64_t id;

    world_run_s(w, 10);
    world_power(w, "t1", false);
    world_run_s(w, 60);
    id = command(w, "t1", command_kind_MESSAGE, 3600000);
    world_run_s(w, 60);
    EXPECT_STR(command_state_of(w, id), "queued");
    world_power(w, "t1", true);
    world_run_s(w, 10);
    EXPECT_STR(command_state_of(w, id), "done");
    THE_END(w);
}

TEST(manage, a_command_expires_whether_or_not_it_was_sent)
{
    struct world *w = world_new(3, WARD FLOATING);
    uint64_t absent, lazy;

    world_run_s(w, 10);
    world_power(w, "t1", false);
    world_terminal(w, "t2")->lazy = true;
    absent = command(w, "t1", command_kind_MESSAGE, 30000);
    lazy = command(w, "t2", command_kind_MESSAGE, 30000);
    world_run_s(w, 40);
    EXPECT_STR(command_state_of(w, absent), "expired");
    EXPECT_STR(command_state_of(w, lazy), "expired");
    world_power(w, "t1", true);
    world_run_s(w, 10);
    EXPECT_INT(world_terminal(w, "t1")->commands_heard, 0);
    THE_END(w);
}

TEST(manage, what_was_never_acknowledged_is_sent_again_and_done_once)
{
    struct world *w = world_new(4, WARD FLOATING);
    uint64_t id;

    world_run_s(w, 10);
    world_terminal(w, "t1")->lazy = true;
    id = command(w, "t1", command_kind_MESSAGE, 3600000);
    world_run_s(w, 5);
    EXPECT_INT(world_terminal(w, "t1")->commands_heard, 1);
    world_crash(w);
    world_restart(w);
    world_terminal(w, "t1")->lazy = false;
    world_run_s(w, 60);
    EXPECT(world_terminal(w, "t1")->commands_heard >= 2);
    EXPECT_INT(world_terminal(w, "t1")->commands_done, 1);
    EXPECT_STR(command_state_of(w, id), "done");
    THE_END(w);
}

TEST(manage, a_command_whose_sending_the_store_refused_is_sent_a_moment_later)
{
    struct world *w = world_new(5, WARD FLOATING);
    uint64_t id;

    world_run_s(w, 20);
    id = command(w, "t1", command_kind_MESSAGE, 3600000);
    w->broker->context.store->fail_next = BERTH_E_NO_SPACE;
    world_run_s(w, 5);
    EXPECT_INT(w->broker->context.store->fail_next, 0);
    EXPECT_STR(command_state_of(w, id), "done");
    EXPECT_INT(world_terminal(w, "t1")->commands_done, 1);
    THE_END(w);
}

TEST(manage, lock_takes_the_desktop_off_the_screen)
{
    struct world *w = world_new(5, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    (void)command(w, "t1", command_kind_LOCK, 60000);
    world_run_s(w, 3);
    EXPECT(!shows_desktop_now(world_terminal(w, "t1")));
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    THE_END(w);
}

/* ---- profiles ---- */

static const char *setting(struct world *w, const char *terminal, const char *key,
                           const char **level)
{
    const struct fake_terminal *at = world_terminal(w, terminal);

    for (size_t i = 0; i < at->settings_count; i++) {
        if (strcmp(at->settings[i].key, key) != 0)
            continue;
        if (level)
            *level = at->settings[i].level;
        return at->settings[i].value;
    }
    return "";
}

TEST(manage, the_narrower_level_wins_and_says_so)
{
    const char *level = "";
    struct world *w =
        world_new(6, WARD FLOATING "profile base everywhere - idle_lock_s=100 language=de\n"
                                   "profile ward place ward-3 idle_lock_s=200 greeting=Ward\n"
                                   "profile tagged tag window idle_lock_s=300\n"
                                   "profile own terminal t1 idle_lock_s=400\n");

    world_run_s(w, 5);
    EXPECT_STR(setting(w, "t1", "idle_lock_s", &level), "400");
    EXPECT_SAYS(level, "t1");
    EXPECT_STR(setting(w, "t1", "language", &level), "de");
    EXPECT_SAYS(level, "everywhere");
    EXPECT_STR(setting(w, "t2", "idle_lock_s", &level), "200");
    EXPECT_SAYS(level, "ward-3");
    EXPECT_STR(setting(w, "t3", "idle_lock_s", NULL), "100");
    EXPECT_STR(setting(w, "t3", "notice_s", &level), "120");
    EXPECT_SAYS(level, "default");
    THE_END(w);
}

TEST(manage, a_changed_profile_reaches_those_whom_it_concerns)
{
    struct world *w = world_new(7, WARD FLOATING "profile ward place ward-3 greeting=Hello\n");
    struct row_profile row;
    int64_t version1, version3;

    world_run_s(w, 5);
    EXPECT_STR(setting(w, "t1", "greeting", NULL), "Hello");
    version1 = world_terminal(w, "t1")->profile_version;
    version3 = world_terminal(w, "t3")->profile_version;
    row = container_of(core_find_name(world_core(w), ENTITY_profile, "ward"), struct profile, base)
              ->row;
    (void)snprintf(row.settings, sizeof(row.settings), "greeting = Good evening\n");
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_profile, &row, world_op(w))));
    world_run_s(w, 3);
    EXPECT_STR(setting(w, "t1", "greeting", NULL), "Good evening");
    EXPECT(world_terminal(w, "t1")->profile_version > version1);
    EXPECT_STR(setting(w, "t3", "greeting", NULL), "");
    EXPECT(world_terminal(w, "t3")->profile_version >= version3);
    /* It is known to apply, and is not sent again after a restart. */
    EXPECT_INT(terminal_by_name(world_core(w), "t1")->profile_applied,
               world_terminal(w, "t1")->profile_version);
    THE_END(w);
}

TEST(manage, a_profile_with_a_fault_is_refused_with_line_and_reason)
{
    struct world *w = world_new(8, WARD FLOATING);
    struct row_profile row = { .name = "bad", .level = profile_level_EVERYWHERE };
    uint64_t id = 0;

    world_run_s(w, 5);
    (void)snprintf(row.settings, sizeof(row.settings), "language = de\nidle_lock_s = soon\n");
    EXPECT_ERR(world_await(w, admin_add(&w->broker->context, world_actor(), ENTITY_profile, &row,
                                        &id, world_op(w))),
               BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "idle_lock_s");
    THE_END(w);
}

/* ---- entitlements, choices ---- */

#define TWO_POOLS                                       \
    "pool office floating image debian max 2 spare 1\n" \
    "pool lab floating image debian max 2 spare 1\n"

TEST(manage, deny_wins_and_the_highest_priority_is_handed_out)
{
    struct world *w = world_new(9, WARD TWO_POOLS "group nurses\nmember nurses anna\n"
                                                  "member nurses bob\n"
                                                  "entitle everyone office priority 1\n"
                                                  "entitle group nurses lab priority 5\n"
                                                  "deny user bob lab\n");

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on lab-001");
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on office-001");
    world_sign_on_to(w, "t3", "bob", "secret12", "lab");
    EVENTUALLY(w, "t3", "refused: NO_ENTITLEMENT");
    THE_END(w);
}

TEST(manage, nobody_without_an_entitlement_gets_in)
{
    struct world *w = world_new(10, WARD TWO_POOLS "entitle user anna office\n");

    world_run_s(w, 15);
    world_sign_on(w, "t1", "bob", "secret12");
    EVENTUALLY(w, "t1", "refused: NO_ENTITLEMENT");
    THE_END(w);
}

TEST(manage, places_and_tags_of_the_terminal_count)
{
    struct world *w = world_new(11, WARD TWO_POOLS "entitle tag window office\n"
                                                   "entitle place icu lab\n");

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on office-001");
    world_sign_on(w, "t3", "bob", "secret12");
    EVENTUALLY(w, "t3", "bob on lab-001");
    world_sign_on(w, "t2", "carl", "secret12");
    EVENTUALLY(w, "t2", "refused: NO_ENTITLEMENT");
    THE_END(w);
}

TEST(manage, the_screen_offers_a_choice_where_the_profile_says_so)
{
    struct world *w = world_new(12, WARD TWO_POOLS "entitle everyone office priority 1\n"
                                                   "entitle everyone lab priority 2\n"
                                                   "profile p everywhere - choose_pool=yes\n");

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "choose: lab office");
    world_sign_on_to(w, "t1", "anna", "secret12", "office");
    EVENTUALLY(w, "t1", "anna on office-001");
    THE_END(w);
}

TEST(manage, explain_says_what_a_sign_on_would_do)
{
    struct world *w = world_new(13, WARD TWO_POOLS "entitle everyone office priority 1\n"
                                                   "deny user bob lab\n"
                                                   "entitle everyone lab priority 5\n");
    struct explain *explain = calloc(1, sizeof(*explain));
    struct berth_error error = { 0 };

    world_run_s(w, 15);
    EXPECT_OK(explain_user(&w->broker->context, world_user(w, "bob")->row.id, terminal_id(w, "t1"),
                           explain, &error));
    EXPECT_INT(explain->pool_id, world_pool(w, "office")->row.id);
    EXPECT_SAYS(explain->verdict, "office");
    for (size_t i = 0; i < explain->pools_count; i++)
        if (strcmp(explain->pools[i].pool, "lab") == 0)
            EXPECT_SAYS(explain->pools[i].reason, "bob");

    world_sign_on(w, "t1", "bob", "secret12");
    EVENTUALLY(w, "t1", "bob on office-001");
    EXPECT_OK(explain_user(&w->broker->context, world_user(w, "bob")->row.id, 0, explain, &error));
    EXPECT_INT(explain->desktop_id, world_desktop(w, "office-001")->row.id);
    EXPECT_STR(explain->last.terminal, "t1");
    EXPECT_SAYS(explain->last.outcome, "office-001");
    free(explain);
    THE_END(w);
}

TEST(manage, a_person_reads_plain_words_and_explain_tells_the_reason)
{
    struct world *w = world_new(21, WARD FLOATING);
    struct explain *explain = calloc(1, sizeof(*explain));
    struct berth_error error = { 0 };

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_disconnect(w, "t1");
    world_machine(w, "ward-3-001")->answers_ms = INT64_MAX;
    world_run_s(w, 10);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "refused: DESKTOP");
    EXPECT_STR(world_said(w, "t1"), "Your desktop is not ready yet. Try again in a moment; if that "
                                    "fails too, call your IT service.");
    EXPECT_OK(explain_user(&w->broker->context, world_user(w, "anna")->row.id, 0, explain, &error));
    EXPECT_SAYS(explain->last.outcome, "desktop 'ward-3-001' does not answer: ");
    free(explain);
    THE_END(w);
}

TEST(manage, explain_says_what_the_start_of_a_desktop_waits_for)
{
    struct world *w = world_new(22, WARD DEDICATED);
    struct explain *explain = calloc(1, sizeof(*explain));
    struct berth_error error = { 0 };
    size_t own = 0;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on own-001");
    world_sign_off(w, "t1");
    world_run_s(w, 10);
    world_host(w, "kvm1")->silent_boots = 1;
    machine_kill(world_machine(w, "own-001"), "crashed");
    world_run_s(w, 5);
    EXPECT_OK(
        admin_desktop(&w->broker->context, world_actor(),
                      &(struct desktop_action){ .desktop_id = world_desktop(w, "own-001")->row.id,
                                                .act = DESKTOP_START },
                      world_op(w)));
    world_run_s(w, 20);
    EXPECT_OK(explain_user(&w->broker->context, world_user(w, "anna")->row.id, 0, explain, &error));
    while (strcmp(explain->pools[0].desktops[own].desktop, "own-001") != 0)
        EXPECT(++own < explain->pools[0].desktops_count);
    EXPECT_SAYS(explain->pools[0].desktops[own].reason,
                "it is theirs (starting: its machine runs, but does not answer yet ");
    free(explain);
    THE_END(w);
}

/* ---- administrators ---- */

TEST(manage, what_is_in_use_cannot_be_deleted)
{
    struct world *w = world_new(14, WARD FLOATING);
    struct desktop_action action = { .act = DESKTOP_DELETE, .why = "a story" };

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_ERR(world_await(w, admin_drop(&w->broker->context, world_actor(), ENTITY_pool,
                                         world_pool(w, "ward-3")->row.id, world_op(w))),
               BERTH_E_STATE);
    EXPECT_ERR(world_await(w, admin_drop(&w->broker->context, world_actor(), ENTITY_user,
                                         world_user(w, "anna")->row.id, world_op(w))),
               BERTH_E_STATE);
    action.desktop_id = world_desktop(w, "ward-3-001")->row.id;
    EXPECT_ERR(
        world_await(w, admin_desktop(&w->broker->context, world_actor(), &action, world_op(w))),
        BERTH_E_STATE);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(manage, a_name_is_taken_once)
{
    struct world *w = world_new(15, WARD FLOATING);
    struct row_user row = { .name = "anna", .kind = user_kind_PERSON };
    uint64_t id = 0;

    world_run_s(w, 5);
    EXPECT_ERR(world_await(w, admin_add(&w->broker->context, world_actor(), ENTITY_user, &row, &id,
                                        world_op(w))),
               BERTH_E_EXISTS);
    THE_END(w);
}

TEST(manage, a_version_that_is_over_conflicts)
{
    struct world *w = world_new(16, WARD FLOATING);
    struct row_pool row;

    world_run_s(w, 5);
    row = world_pool(w, "ward-3")->row;
    row.spare = 2;
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row, world_op(w))));
    EXPECT_ERR(world_await(w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row,
                                        world_op(w))),
               BERTH_E_CONFLICT);
    THE_END(w);
}

TEST(manage, a_request_sent_twice_counts_once)
{
    struct world *w = world_new(17, WARD FLOATING);
    struct admin_actor actor = { .name = "root", .role = role_ADMINISTRATOR, .request_id = "r-1" };
    struct row_user row = { .name = "erik", .kind = user_kind_PERSON };
    uint64_t id = 0;
    size_t users = 0;

    world_run_s(w, 5);
    EXPECT_OK(world_await(
        w, admin_add(&w->broker->context, &actor, ENTITY_user, &row, &id, world_op(w))));
    (void)world_await(w,
                      admin_add(&w->broker->context, &actor, ENTITY_user, &row, &id, world_op(w)));
    list_each (core_all(world_core(w), ENTITY_user), node)
        users++;
    EXPECT_INT(users, 5);
    THE_END(w);
}

TEST(manage, a_quarantined_desktop_keeps_its_session_and_gets_no_other)
{
    struct world *w = world_new(18, WARD FLOATING);
    struct desktop_action action = { .act = DESKTOP_QUARANTINE, .why = "it is slow" };

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    action.desktop_id = world_desktop(w, "ward-3-001")->row.id;
    EXPECT_OK(
        world_await(w, admin_desktop(&w->broker->context, world_actor(), &action, world_op(w))));
    world_run_s(w, 20);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    world_sign_off(w, "t1");
    world_run_s(w, 60);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-002");
    action.act = DESKTOP_RELEASE;
    EXPECT_OK(
        world_await(w, admin_desktop(&w->broker->context, world_actor(), &action, world_op(w))));
    world_run_s(w, 60);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "off"); /* no more spares are wanted */
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 2);
    THE_END(w);
}

TEST(manage, quarantined_while_it_starts_it_is_kept_out)
{
    struct world *w = world_new(22, WARD FLOATING);
    struct desktop_action action = { .act = DESKTOP_QUARANTINE, .why = "a hunch" };

    PASS_UNTIL(w, 10,
               world_desktop(w, "ward-3-001") &&
                   strcmp(world_desktop_state(w, "ward-3-001"), "starting") == 0);
    action.desktop_id = world_desktop(w, "ward-3-001")->row.id;
    EXPECT_OK(
        world_await(w, admin_desktop(&w->broker->context, world_actor(), &action, world_op(w))));
    world_run_s(w, 30);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "quarantined");
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    /* An administrator starts it: it runs and is still in quarantine. */
    action.act = DESKTOP_RESTART;
    EXPECT_OK(
        world_await(w, admin_desktop(&w->broker->context, world_actor(), &action, world_op(w))));
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "quarantined");
    EXPECT(machine_answers(world_machine(w, "ward-3-001")));
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-002");
    EXPECT_INT((int)log_count(EV_STATE_FORBIDDEN), 0);
    THE_END(w);
}

TEST(manage, a_forced_restart_is_said_and_done)
{
    struct world *w = world_new(19, WARD DEDICATED);
    struct desktop_action action = { .act = DESKTOP_RESTART, .why = "it hangs" };

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on own-001");
    action.desktop_id = world_desktop(w, "own-001")->row.id;
    EXPECT_ERR(
        world_await(w, admin_desktop(&w->broker->context, world_actor(), &action, world_op(w))),
        BERTH_E_STATE);
    action.force = true;
    EXPECT_OK(
        world_await(w, admin_desktop(&w->broker->context, world_actor(), &action, world_op(w))));
    EXPECT_INT(world_machine(w, "own-001")->boots, 2);
    world_run_s(w, 10);
    EXPECT(!shows_desktop_now(world_terminal(w, "t1")));
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on own-001");
    THE_END(w);
}

TEST(manage, a_new_image_comes_to_new_desktops_and_by_recompose_to_all)
{
    struct world *w = world_new(20, WARD FLOATING);
    struct row_image_version row = { .number = 2, .state = image_version_DRAFT };
    struct image *image;
    uint64_t id = 0;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 10);
    image = container_of(core_find_name(world_core(w), ENTITY_image, "debian"), struct image, base);
    row.image_id = image->row.id;
    (void)snprintf(row.path, sizeof(row.path), "/images/2.qcow2");
    EXPECT_OK(world_await(w, admin_add(&w->broker->context, world_actor(), ENTITY_image_version,
                                       &row, &id, world_op(w))));
    EXPECT_OK(world_await(w, admin_image(&w->broker->context, world_actor(),
                                         &(struct image_action){ .act = IMAGE_PUBLISH, .id = id },
                                         world_op(w))));
    EXPECT_INT(image->row.current_id, id);
    EXPECT_OK(
        world_await(w, admin_image(&w->broker->context, world_actor(),
                                   &(struct image_action){ .act = IMAGE_RECOMPOSE,
                                                           .id = world_pool(w, "ward-3")->row.id },
                                   world_op(w))));
    world_run_s(w, 60);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001"); /* no session ends */
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    list_each (core_all(world_core(w), ENTITY_desktop), node) {
        const struct desktop *desktop = container_of(entity_of(node), struct desktop, base);

        if (strcmp(desktop->row.name, "ward-3-001") != 0)
            EXPECT_INT(desktop->row.image_version_id, id);
    }
    world_sign_off(w, "t1");
    world_run_s(w, 60);
    list_each (core_all(world_core(w), ENTITY_desktop), node)
        EXPECT_INT(container_of(entity_of(node), struct desktop, base)->row.image_version_id, id);
    THE_END(w);
}

TEST(manage, a_version_whose_file_went_costs_no_desktop_and_a_rollback_is_enough)
{
    struct world *w = world_new(23, WARD FLOATING);
    struct pool *pool;
    uint64_t image_id;

    world_run_s(w, 70);
    pool = world_pool(w, "ward-3");
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 10);
    image_id =
        image_version_find(world_core(w), publish_version(w, "/nosuch/2.qcow2"))->row.image_id;
    (void)snprintf(w->hypervisors->bad_image, sizeof(w->hypervisors->bad_image), "/nosuch/2.qcow2");
    world_sign_off(w, "t1");
    world_run_s(w, 30);
    EXPECT_SAYS(pool->backoff_why, "/nosuch/2.qcow2");
    EXPECT(!world_desktop(w, "ward-3-001")->row.quarantined);  /* no fault of it */
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 1); /* and it still has its disk */
    EXPECT_ERR(
        world_await(w, admin_image(&w->broker->context, world_actor(),
                                   &(struct image_action){ IMAGE_RECOMPOSE, .id = pool->row.id },
                                   world_op(w))),
        BERTH_E_INVALID);
    world_run_s(w, 60);
    list_each (core_all(world_core(w), ENTITY_desktop), node)
        EXPECT(!container_of(entity_of(node), struct desktop, base)->row.quarantined);
    EXPECT_OK(
        world_await(w, admin_image(&w->broker->context, world_actor(),
                                   &(struct image_action){ .act = IMAGE_ROLLBACK, .id = image_id },
                                   world_op(w))));
    world_run_s(w, 60);
    EXPECT_STR(pool->backoff_why, "");
    EXPECT_INT(world_spares(w, "ward-3"), (int)pool->row.spare);
    THE_END(w);
}

TEST(manage, a_template_that_cannot_be_used_is_refused_before_the_pool_is_there)
{
    struct world *w = world_new(24, WARD FLOATING);
    struct row_pool row = world_pool(w, "ward-3")->row;
    uint64_t id = 0;

    world_run_s(w, 10);
    (void)snprintf(w->hypervisors->bad_template, sizeof(w->hypervisors->bad_template),
                   "/etc/bad.xml");
    (void)snprintf(row.template, sizeof(row.template), "/etc/bad.xml");
    EXPECT_ERR(world_await(w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row,
                                        world_op(w))),
               BERTH_E_INVALID);
    row.id = 0;
    (void)snprintf(row.name, sizeof(row.name), "other");
    EXPECT_ERR(world_await(w, admin_add(&w->broker->context, world_actor(), ENTITY_pool, &row, &id,
                                        world_op(w))),
               BERTH_E_INVALID);
    EXPECT(!world_pool(w, "other"));
    (void)snprintf(row.template, sizeof(row.template), "/etc/good.xml");
    EXPECT_OK(world_await(
        w, admin_add(&w->broker->context, world_actor(), ENTITY_pool, &row, &id, world_op(w))));
    EXPECT_INT(world_pool(w, "other")->row.id, id);
    THE_END(w);
}

TEST(manage, a_manual_pool_that_becomes_floating_brings_a_template_too)
{
    struct world *w = world_new(25, WARD FLOATING);
    struct row_pool row = world_pool(w, "ward-3")->row;
    const struct row_pool floating = row;

    row.id = 0;
    row.kind = pool_kind_MANUAL;
    row.spare = 0;
    row.address = pool_address_FIXED;
    row.release = pool_release_KEEP;
    row.credential = pool_credential_PASSTHROUGH;
    (void)snprintf(row.name, sizeof(row.name), "other");
    (void)snprintf(row.template, sizeof(row.template), "/etc/bad.xml"); /* not read yet */
    (void)snprintf(w->hypervisors->bad_template, sizeof(w->hypervisors->bad_template),
                   "/etc/bad.xml");
    EXPECT_OK(world_await(
        w, admin_add(&w->broker->context, world_actor(), ENTITY_pool, &row, &row.id, world_op(w))));
    row = world_pool(w, "other")->row;
    row.kind = pool_kind_FLOATING;
    row.image_id = floating.image_id;
    row.address = pool_address_AGENT;
    EXPECT_ERR(world_await(w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row,
                                        world_op(w))),
               BERTH_E_INVALID);
    row.address = pool_address_FIXED; /* as it was, so that only the kind is new */
    EXPECT_ERR(world_await(w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row,
                                        world_op(w))),
               BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "/etc/bad.xml");
    THE_END(w);
}

TEST(manage, two_versions_never_lie_on_one_file)
{
    struct world *w = world_new(26, WARD FLOATING);
    struct row_image_version row = { .state = image_version_DRAFT };
    uint64_t id = 0;

    row.image_id =
        image_version_find(world_core(w), publish_version(w, "/images/2.qcow2"))->row.image_id;
    (void)snprintf(row.path, sizeof(row.path), "/images/2.qcow2");
    EXPECT_ERR(world_await(w, admin_add(&w->broker->context, world_actor(), ENTITY_image_version,
                                        &row, &id, world_op(w))),
               BERTH_E_EXISTS);
    EXPECT_SAYS(world_await_text(), "version 2 of image 'debian'");
    (void)snprintf(row.path, sizeof(row.path), "/images/3.qcow2");
    EXPECT_OK(world_await(w, admin_add(&w->broker->context, world_actor(), ENTITY_image_version,
                                       &row, &id, world_op(w))));
    THE_END(w);
}

TEST(manage, max_zero_empties_a_pool)
{
    struct world *w = world_new(21, WARD "pool ward-3 floating image debian max 3 spare 3\n"
                                         "entitle everyone ward-3\n");
    struct row_pool row;
    size_t left = 0;

    world_run_s(w, 70);
    row = world_pool(w, "ward-3")->row;
    row.max = 0;
    row.spare = 0;
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row, world_op(w))));
    world_run_s(w, 60);
    list_each (core_all(world_core(w), ENTITY_desktop), node)
        left++;
    EXPECT_INT(left, 0);
    EXPECT(list_empty(&world_host(w, "kvm1")->machines));
    EXPECT_OK(world_await(w, admin_drop(&w->broker->context, world_actor(), ENTITY_entitlement,
                                        ((const union row *)entity_row_of(entity_of(
                                             core_all(world_core(w), ENTITY_entitlement)->next)))
                                            ->id,
                                        world_op(w))));
    EXPECT_OK(world_await(w, admin_drop(&w->broker->context, world_actor(), ENTITY_pool,
                                        world_pool(w, "ward-3")->row.id, world_op(w))));
    THE_END(w);
}

TEST_MAIN()
