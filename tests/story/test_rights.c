/* test_rights.c - a right that ends while a sign-on waits permits nothing. */
#include "core/index.h"
#include "core/policy.h"

#include "story.h"

/* Anna has the only desktop, Bob waits for it, and Carl behind him. */
#define ONE_DESKTOP "pool ward-3 floating image debian max 1 spare 1\n"

static struct context *context_of(struct world *w)
{
    return &w->broker->context;
}

static uint64_t id_of(struct entity *entity)
{
    return ((const union row *)entity_row_of(entity))->id;
}

static uint64_t id_of_first(struct world *w, enum entity_kind kind)
{
    return id_of(entity_of(core_all(world_core(w), kind)->next));
}

static uint64_t id_of_name(struct world *w, enum entity_kind kind, const char *name)
{
    return id_of(core_find_name(world_core(w), kind, name));
}

static void drop(struct world *w, enum entity_kind kind, uint64_t id)
{
    EXPECT_OK(world_await(w, admin_drop(context_of(w), world_actor(), kind, id, world_op(w))));
}

static void set(struct world *w, enum entity_kind kind, const void *row)
{
    EXPECT_OK(world_await(w, admin_set(context_of(w), world_actor(), kind, row, world_op(w))));
}

static void deny(struct world *w, const char *user)
{
    struct row_entitlement row = { .subject_kind = subject_kind_USER, .effect = effect_DENY };
    uint64_t id;

    (void)snprintf(row.subject, sizeof(row.subject), "%s", user);
    row.user_id = world_user(w, user)->row.id;
    row.pool_id = world_pool(w, "ward-3")->row.id;
    EXPECT_OK(world_await(
        w, admin_add(context_of(w), world_actor(), ENTITY_entitlement, &row, &id, world_op(w))));
}

static void new_password(struct world *w, const char *user)
{
    const struct secret password = { .text = "another-password" };

    EXPECT_OK(world_await(w, admin_password(context_of(w), world_actor(), ENTITY_user,
                                            world_user(w, user)->row.id, &password, world_op(w))));
}

static void grant(struct world *w, struct core *core)
{
    (void)w;
    core->limits.badge_grace_ms = 3600000;
}

static struct world *with_a_queue(uint64_t seed, const char *lines)
{
    struct world *w = world_made(seed, lines);

    w->broker_made = grant;
    world_begin(w);
    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    return w;
}

static void wait_in_queue(struct world *w)
{
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 2);
    EXPECT_SCREEN(w, "t2", "queue 1");
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 2);
    EXPECT_SCREEN(w, "t3", "queue 2");
}

/* Bob is refused at once with this sentence, and Carl gets the desktop. */
#define GOES_TO_CARL(w, sentence)                       \
    do {                                                \
        world_run_s((w), 2);                            \
        EXPECT_SAYS(world_said((w), "t2"), (sentence)); \
        EXPECT_SCREEN((w), "t3", "queue 1");            \
        world_sign_off((w), "t1");                      \
        EVENTUALLY((w), "t3", "carl on ward-3-001");    \
        EXPECT(!world_session((w), "bob"));             \
    } while (0)

TEST(rights, denied_in_the_queue)
{
    struct world *w = with_a_queue(1, WARD ONE_DESKTOP "entitle everyone ward-3\n");

    wait_in_queue(w);
    deny(w, "bob");
    GOES_TO_CARL(w, "pool 'ward-3' is not open to bob here: denied by entitlement");
    THE_END(w);
}

TEST(rights, the_only_entitlement_is_deleted_under_the_queue)
{
    struct world *w = with_a_queue(2, WARD ONE_DESKTOP "entitle everyone ward-3\n");

    wait_in_queue(w);
    drop(w, ENTITY_entitlement, id_of_first(w, ENTITY_entitlement));
    world_run_s(w, 2);
    EXPECT_SAYS(world_said(w, "t2"), "no entitlement fits");
    EXPECT_SAYS(world_said(w, "t3"), "no entitlement fits");
    EXPECT(list_empty(&world_pool(w, "ward-3")->waiting));
    THE_END(w);
}

TEST(rights, the_only_entitlement_is_moved_to_another_pool_under_the_queue)
{
    struct world *w =
        with_a_queue(31, WARD ONE_DESKTOP "pool other floating image debian max 1 spare 0\n"
                                          "entitle everyone ward-3\n");
    struct row_entitlement row;

    wait_in_queue(w);
    row = container_of(entity_of(core_all(world_core(w), ENTITY_entitlement)->next),
                       struct entitlement, base)
              ->row;
    row.pool_id = world_pool(w, "other")->row.id;
    set(w, ENTITY_entitlement, &row);
    world_run_s(w, 2);
    EXPECT_SAYS(world_said(w, "t2"), "no entitlement fits");
    EXPECT_SAYS(world_said(w, "t3"), "no entitlement fits");
    EXPECT(list_empty(&world_pool(w, "ward-3")->waiting));
    THE_END(w);
}

TEST(rights, a_group_is_left_in_the_queue)
{
    struct world *w = with_a_queue(3, WARD ONE_DESKTOP "group nurses\n"
                                                       "member nurses bob\n"
                                                       "entitle group nurses ward-3\n"
                                                       "entitle user anna ward-3\n"
                                                       "entitle user carl ward-3\n");

    wait_in_queue(w);
    drop(w, ENTITY_membership, id_of_first(w, ENTITY_membership));
    GOES_TO_CARL(w, "no entitlement fits");
    THE_END(w);
}

TEST(rights, a_terminal_is_moved_in_the_queue)
{
    struct world *w = with_a_queue(4, WARD ONE_DESKTOP "entitle place ward-3 ward-3\n"
                                                       "entitle user carl ward-3\n");
    struct row_terminal row;

    wait_in_queue(w);
    row = terminal_by_name(world_core(w), "t2")->row;
    row.place_id = id_of_name(w, ENTITY_place, "icu");
    set(w, ENTITY_terminal, &row);
    GOES_TO_CARL(w, "no entitlement fits");
    THE_END(w);
}

TEST(rights, the_password_is_changed_in_the_queue)
{
    struct world *w = with_a_queue(5, WARD ONE_DESKTOP "entitle everyone ward-3\n");

    wait_in_queue(w);
    new_password(w, "bob");
    GOES_TO_CARL(w, "the password of bob was changed");
    THE_END(w);
}

TEST(rights, the_badge_is_disabled_or_deleted_in_the_queue)
{
    struct world *w = with_a_queue(6, WARD ONE_DESKTOP "badge bob 04b0\nentitle everyone ward-3\n");
    struct row_badge row = { 0 };

    for (int deleted = 0; deleted < 2; deleted++) {
        terminal_badge(world_terminal(w, "t2"), "04b0", "secret12");
        world_run_s(w, 2);
        EXPECT_SCREEN(w, "t2", "queue 1");
        row = container_of(index_first(world_core(w), BADGES_OF_USER, world_user(w, "bob")->row.id),
                           struct badge, base)
                  ->row;
        row.disabled = !deleted;
        if (deleted)
            drop(w, ENTITY_badge, row.id);
        else
            set(w, ENTITY_badge, &row);
        world_run_s(w, 2);
        EXPECT_SAYS(world_said(w, "t2"), "the badge of bob was taken out of use");
        row.disabled = false;
        row.version = 0;
        if (!deleted)
            set(w, ENTITY_badge, &row);
    }
    EXPECT(list_empty(&world_pool(w, "ward-3")->waiting));
    THE_END(w);
}

TEST(rights, a_kiosk_user_is_taken_off_its_terminal_in_the_queue)
{
    struct world *w = with_a_queue(7, WARD ONE_DESKTOP "entitle everyone ward-3\n"
                                                       "kioskuser lobby\n"
                                                       "terminal t9 place ward-3 kiosk lobby\n");
    struct row_terminal row;

    terminal_kiosk(world_terminal(w, "t9"));
    world_run_s(w, 2);
    EXPECT_SCREEN(w, "t9", "queue 1");
    row = terminal_by_name(world_core(w), "t9")->row;
    row.kiosk_user_id = 0;
    set(w, ENTITY_terminal, &row);
    world_run_s(w, 2);
    EXPECT_SAYS(world_said(w, "t9"), "lobby is not the kiosk user of t9 any more");
    THE_END(w);
}

/* The machine takes its time to come up, and that time counts too. */
TEST(rights, denied_while_the_machine_starts)
{
    struct world *w = world_new(8, WARD "pool ward-3 dedicated image debian max 2 spare 0\n"
                                        "entitle everyone ward-3\n");

    world_run_s(w, 70);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    world_sign_off(w, "t2");
    world_run_s(w, 20);
    {
        const struct desktop_action action = { .desktop_id = world_desktop(w, "ward-3-001")->row.id,
                                               .act = DESKTOP_STOP,
                                               .force = true };

        EXPECT_OK(
            world_await(w, admin_desktop(context_of(w), world_actor(), &action, world_op(w))));
    }
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 1);
    EXPECT(world_session(w, "bob") && world_session(w, "bob")->row.state == session_PREPARING);
    deny(w, "bob");
    world_run_s(w, 1);
    EXPECT_SAYS(world_said(w, "t2"), "pool 'ward-3' is not open to bob here: denied");
    world_run_s(w, 120);
    EXPECT(strcmp(world_screen(w, "t2"), "bob on ward-3-001") != 0);
    EXPECT(!world_session(w, "bob"));
    THE_END(w);
}

/* What the picture may do is what holds when it is shown. */
TEST(rights, a_permission_is_taken_back_in_the_queue)
{
    struct world *w = with_a_queue(9, WARD ONE_DESKTOP "entitle everyone ward-3 clipboard yes\n");
    struct row_entitlement row;

    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 2);
    EXPECT_SCREEN(w, "t2", "queue 1");
    row = container_of(entity_of(core_all(world_core(w), ENTITY_entitlement)->next),
                       struct entitlement, base)
              ->row;
    row.clipboard = false;
    set(w, ENTITY_entitlement, &row);
    world_sign_off(w, "t1");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    EXPECT(!world_terminal(w, "t2")->show.clipboard);
    THE_END(w);
}

/* ---- what people change ---- */

static bool holds(const void *right)
{
    return *(const bool *)right;
}

/* An administrator whose right is taken away as soon as the request has begun to wait. */
static struct admin_actor actor_with(const bool *right)
{
    struct admin_actor actor = *world_actor();

    actor.holds = holds;
    actor.asker = right;
    return actor;
}

static void is_refused(struct world *w, int begun, bool *right)
{
    *right = false;
    EXPECT_ERR(world_await(w, begun), BERTH_E_CREDENTIALS);
    EXPECT_STR(world_await_text(), "the right to ask this ended meanwhile");
    *right = true;
}

TEST(rights, a_password_is_not_set_by_who_was_disabled_while_it_was_hashed)
{
    struct world *w = world_new(10, WARD FLOATING);
    const struct secret password = { .text = "another-password" };
    bool right = true;
    struct admin_actor actor = actor_with(&right);
    uint64_t id;

    world_run_s(w, 70);
    id = world_user(w, "bob")->row.id;
    is_refused(w, admin_password(context_of(w), &actor, ENTITY_user, id, &password, world_op(w)),
               &right);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    EXPECT_OK(world_await(
        w, admin_password(context_of(w), &actor, ENTITY_user, id, &password, world_op(w))));
    THE_END(w);
}

TEST(rights, a_pool_is_not_changed_by_who_was_disabled_while_its_template_was_read)
{
    struct world *w = world_new(11, WARD FLOATING);
    bool right = true;
    struct admin_actor actor = actor_with(&right);
    struct row_pool row;

    world_run_s(w, 70);
    row = world_pool(w, "ward-3")->row;
    (void)snprintf(row.template, sizeof(row.template), "/templates/other.xml");
    is_refused(w, admin_set(context_of(w), &actor, ENTITY_pool, &row, world_op(w)), &right);
    EXPECT_STR(world_pool(w, "ward-3")->row.template, "/templates/desktop.xml");
    EXPECT_OK(world_await(w, admin_set(context_of(w), &actor, ENTITY_pool, &row, world_op(w))));
    THE_END(w);
}

TEST(rights, a_version_is_not_published_by_who_was_disabled_while_its_file_was_looked_for)
{
    struct world *w = world_new(12, WARD FLOATING);
    struct row_image_version row = { .state = image_version_DRAFT, .path = "/images/v2.qcow2" };
    struct image_action action = { .act = IMAGE_PUBLISH };
    bool right = true;
    struct admin_actor actor = actor_with(&right);

    world_run_s(w, 70);
    row.image_id = id_of_first(w, ENTITY_image);
    EXPECT_OK(world_await(w, admin_add(context_of(w), world_actor(), ENTITY_image_version, &row,
                                       &action.id, world_op(w))));
    is_refused(w, admin_image(context_of(w), &actor, &action, world_op(w)), &right);
    EXPECT_INT(image_version_find(world_core(w), action.id)->row.state, image_version_DRAFT);
    EXPECT_OK(world_await(w, admin_image(context_of(w), &actor, &action, world_op(w))));
    THE_END(w);
}

TEST_MAIN()
