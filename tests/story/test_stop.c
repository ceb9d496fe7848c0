/* test_stop.c - the broker stops while much is under way: a sign-on, a command, a joining, requests
 * of administrators. No message goes to a closed peer, every waiting request is answered, and
 * nothing leaks. The broker may stop because of a failed disk, so the store completes its last
 * writes only after the flows have ended, or never.
 */
#include "core/index.h"

#include "story.h"

#define ASKED 7

struct asked {
    struct op op;
    int results;
    int result;
};

static void told(struct op *op, int result)
{
    struct asked *asked = container_of(op, struct asked, op);

    asked->results++;
    asked->result = result;
}

static uint64_t free_one(struct world *w)
{
    list_each (core_all(world_core(w), ENTITY_desktop), node) {
        const struct desktop *desktop = container_of(entity_of(node), struct desktop, base);

        if (!*world_owner(w, desktop->row.name))
            return desktop->row.id;
    }
    fail_msg("all desktops are somebody's");
    return 0;
}

/* Everything at once; how much of it is on its way to disk depends on the moment. */
static void begin_all(struct world *w, struct asked asked[ASKED], uint64_t *id,
                      struct secret *secret)
{
    struct context *context = &w->broker->context;
    const struct command_spec message = {
        .terminal_id = terminal_by_name(world_core(w), "t3")->row.id,
        .kind = command_kind_MESSAGE,
        .text = "Tea is ready",
    };
    const struct desktop_action restart = { .desktop_id = free_one(w), .act = DESKTOP_RESTART };
    const struct row_user user = { .name = "erik", .kind = user_kind_PERSON };
    uint64_t anna = world_session(w, "anna")->row.id;

    for (int i = 0; i < ASKED; i++)
        op_init(&asked[i].op, &w->broker->timers, told);
    EXPECT_OK(admin_command(context, world_actor(), &message, id, &asked[0].op));
    EXPECT_OK(admin_desktop(context, world_actor(), &restart, &asked[1].op));
    EXPECT_OK(admin_add(context, world_actor(), ENTITY_user, &user, id, &asked[2].op));
    EXPECT_OK(admin_session_sign_off(context, world_actor(), anna, "", &asked[3].op));
    EXPECT_OK(admin_image(
        context, world_actor(),
        &(struct image_action){ .act = IMAGE_RECOMPOSE, .id = world_pool(w, "ward-3")->row.id },
        &asked[4].op));
    EXPECT(secret_set(secret, "new-secret", 10));
    EXPECT_OK(admin_password(context, world_actor(), ENTITY_user, world_user(w, "carl")->row.id,
                             secret, &asked[5].op));
    EXPECT_OK(admin_audit(context, world_actor(), "user.where", "user bob", 0, &asked[6].op));
}

static void stop_in_the_midst(int after_ms)
{
    struct world *w =
        world_new(100 + (uint64_t)after_ms, WARD "pool ward-3 floating image debian max 4 spare 3\n"
                                                 "entitle everyone ward-3\n");
    struct asked asked[ASKED] = { 0 };
    struct row_invitation invitation = { .uses_left = 5 };
    struct secret token = { 0 };
    uint64_t id = 0;

    world_run_s(w, 70);
    EXPECT_OK(world_await(w, admin_invite(&w->broker->context, world_actor(), &invitation, &id,
                                          &token, world_op(w))));
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 10);
    EXPECT(shows_desktop_now(world_terminal(w, "t1")));
    world_sign_on(w, "t2", "bob", "secret12");
    world_add_terminal(w, "t9", token.text);
    world_run_ms(w, after_ms * 4);
    begin_all(w, asked, &id, &token);
    world_run_ms(w, after_ms);
    world_crash(w);
    for (int i = 0; i < ASKED; i++)
        EXPECT_INT(asked[i].results, 1);
    world_restart(w);
    world_run_s(w, 120);
    EXPECT(!world_session(w, "anna") || world_session(w, "anna")->row.state != session_ENDING);
    THE_END(w);
}

TEST(stop, whatever_is_under_way_everybody_is_told_and_nothing_is_left_over)
{
    for (int after_ms = 0; after_ms < 60; after_ms++)
        stop_in_the_midst(after_ms);
}

/* The store comes back to a decision when the flows have ended. */
TEST(stop, a_command_on_its_way_to_disk)
{
    struct world *w = world_new(2, WARD FLOATING);
    const struct command_spec message = {
        .terminal_id = terminal_by_name(world_core(w), "t1")->row.id,
        .kind = command_kind_MESSAGE,
        .text = "Tea is ready",
    };
    struct asked asked = { 0 };
    const struct command *command = NULL;
    uint64_t id = 0;

    world_run_s(w, 20);
    w->broker->context.store->slowest_ms = 200;
    op_init(&asked.op, &w->broker->timers, told);
    EXPECT_OK(admin_command(&w->broker->context, world_actor(), &message, &id, &asked.op));
    /* Queued, and then its sending is on its way. */
    PASS_UNTIL(w, 1, (command = command_find(world_core(w), id)) && command->writing);
    world_crash(w);
    world_restart(w);
    world_run_s(w, 30);
    EXPECT_INT(world_terminal(w, "t1")->commands_done, 1);
    THE_END(w);
}

TEST_MAIN()
