/* test_badge.c - tap and go: a badge alone lets its owner in for a while after a password. */
#include "core/index.h"

#include "story.h"

#define SITE_LINES                           \
    "site north join accept renew_days 14\n" \
    "place ward-3 site main\n"               \
    "place clinic site north\n"              \
    "host kvm1 max 20\n"                     \
    "image debian\n"                         \
    "user anna password secret12\n"          \
    "user bert password secret34\n"          \
    "badge anna 04a1\n"                      \
    "terminal t1 place ward-3\n"             \
    "terminal t2 place ward-3\n"             \
    "terminal n1 place clinic\n"

#define POOL                                                                             \
    "pool ward-3 floating image debian max 4 spare 1 credential per-session account u\n" \
    "entitle everyone ward-3\n"

#define NEEDED "a badge names you; your password is needed too"

static void grant(struct world *w, struct core *core)
{
    (void)w;
    core->limits.badge_grace_ms = 3600000;
}

static struct world *world_with_grace(uint64_t seed, const char *lines)
{
    struct world *w = world_made(seed, lines);

    w->broker_made = grant;
    world_begin(w);
    world_run_s(w, 70);
    return w;
}

static void tap(struct world *w, const char *terminal, const char *badge)
{
    terminal_badge(world_terminal(w, terminal), badge, NULL);
}

TEST(badge, who_typed_once_taps_from_terminal_to_terminal)
{
    struct world *w = world_with_grace(1, SITE_LINES POOL);

    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_disconnect(w, "t1");
    world_run_s(w, 600);
    tap(w, "t2", "04a1");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    tap(w, "t1", "04a1");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_SCREEN(w, "t2", "moved: Your session moved to t1");
    THE_END(w);
}

TEST(badge, the_grace_ends_and_taps_do_not_prolong_it)
{
    struct world *w = world_with_grace(2, SITE_LINES POOL);

    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 3000);
    tap(w, "t2", "04a1");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    world_run_s(w, 700);
    tap(w, "t1", "04a1");
    world_run_s(w, 2);
    EXPECT_STR(world_said(w, "t1"), NEEDED);
    EXPECT_SCREEN(w, "t2", "anna on ward-3-001");
    THE_END(w);
}

TEST(badge, it_is_good_at_its_own_site_and_for_its_owner_alone)
{
    struct world *w = world_with_grace(3, SITE_LINES POOL);

    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    tap(w, "n1", "04a1");
    world_run_s(w, 2);
    EXPECT_STR(world_said(w, "n1"), NEEDED);
    world_sign_on(w, "n1", "bert", "secret34"); /* his password is no grace for her badge */
    world_run_s(w, 30);
    world_disconnect(w, "n1");
    world_run_s(w, 2);
    tap(w, "n1", "04a1");
    world_run_s(w, 2);
    EXPECT_STR(world_said(w, "n1"), NEEDED);
    tap(w, "t2", "04ff"); /* an unknown badge */
    world_run_s(w, 2);
    EXPECT_STR(world_said(w, "t2"), NEEDED);
    THE_END(w);
}

TEST(badge, a_disabled_account_does_not_come_in_by_it)
{
    struct world *w = world_with_grace(4, SITE_LINES POOL);

    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_user(w, "anna")->row.disabled = true;
    tap(w, "t2", "04a1");
    world_run_s(w, 2);
    EXPECT_SAYS(world_said(w, "t2"), "disabled");
    world_user(w, "anna")->row.disabled = false;
    THE_END(w);
}

static void set(struct world *w, enum entity_kind kind, const void *row)
{
    EXPECT_OK(
        world_await(w, admin_set(&w->broker->context, world_actor(), kind, row, world_op(w))));
}

TEST(badge, an_account_that_was_disabled_has_no_grace_when_it_is_enabled_again)
{
    struct world *w = world_with_grace(8, SITE_LINES POOL);
    struct row_user row;

    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    for (int disabled = 1; disabled >= 0; disabled--) {
        row = world_user(w, "anna")->row;
        row.disabled = disabled;
        set(w, ENTITY_user, &row);
    }
    tap(w, "t2", "04a1");
    world_run_s(w, 2);
    EXPECT_STR(world_said(w, "t2"), NEEDED);
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    tap(w, "t1", "04a1");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(badge, a_badge_that_was_disabled_needs_the_password_again)
{
    struct world *w = world_with_grace(9, SITE_LINES POOL);
    struct row_badge row;

    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    for (int disabled = 1; disabled >= 0; disabled--) {
        row =
            container_of(index_first(world_core(w), BADGES_OF_USER, world_user(w, "anna")->row.id),
                         struct badge, base)
                ->row;
        row.disabled = disabled;
        set(w, ENTITY_badge, &row);
    }
    tap(w, "t2", "04a1");
    world_run_s(w, 2);
    EXPECT_STR(world_said(w, "t2"), NEEDED);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(badge, a_new_password_and_a_new_life_of_the_broker_end_the_grace)
{
    struct world *w = world_with_grace(5, SITE_LINES POOL);

    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_crash(w);
    world_restart(w);
    world_run_s(w, 90);
    tap(w, "t2", "04a1");
    world_run_s(w, 2);
    EXPECT_STR(world_said(w, "t2"), NEEDED);
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    world_user(w, "anna")->row.password_hash[0] = '!';
    tap(w, "t1", "04a1");
    world_run_s(w, 2);
    EXPECT_STR(world_said(w, "t1"), NEEDED);
    world_user(w, "anna")->row.password_hash[0] = '$';
    THE_END(w);
}

TEST(badge, a_desktop_that_asks_for_the_own_password_is_not_opened_by_a_tap)
{
    struct world *w = world_with_grace(
        6, SITE_LINES "pool ward-3 floating image debian max 4 spare 1 credential passthrough\n"
                      "entitle everyone ward-3\n");

    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    tap(w, "t2", "04a1");
    world_run_s(w, 2);
    EXPECT_SAYS(world_said(w, "t2"), "sign on with badge and password");
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(badge, without_the_option_a_badge_alone_is_never_enough)
{
    struct world *w = world_new(7, SITE_LINES POOL);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    tap(w, "t2", "04a1");
    world_run_s(w, 2);
    EXPECT_STR(world_said(w, "t2"), NEEDED);
    THE_END(w);
}

TEST_MAIN()
