/* test_race.c - a deletion and a sign-on at once: one of the two is second, and is refused or gets
 * another desktop. */
#include "story.h"

/* A desktop that was used and is kept as it is. */
#define KEPT                                                         \
    "pool ward-3 floating image debian max 1 spare 1 release keep\n" \
    "entitle everyone ward-3\n"

#define LEAD_MS 60 /* the administrator asks up to this long before the desktop is reserved */

static struct world *used_once(void)
{
    struct world *w = world_new(1, WARD KEPT);

    world_run_s(w, 70);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    world_sign_off(w, "t2");
    world_run_s(w, 60);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "ready");
    world_sign_on(w, "t1", "anna", "secret12");
    return w;
}

static int reserved_after_ms(void)
{
    struct world *w = used_once();
    int ms = 0;

    for (; !world_desktop(w, "ward-3-001")->reserved && !*world_owner(w, "ward-3-001"); ms++)
        world_run_ms(w, 1);
    THE_END(w);
    return ms;
}

/* Is it done? */
static bool delete_after(int after_ms)
{
    struct world *w = used_once();
    struct desktop_action action = { .act = DESKTOP_DELETE, .why = "a story" };
    int r;

    world_run_ms(w, after_ms);
    action.desktop_id = world_desktop(w, "ward-3-001")->row.id;
    r = world_await(w, admin_desktop(&w->broker->context, world_actor(), &action, world_op(w)));
    EXPECT(r == 0 || r == BERTH_E_STATE || r == BERTH_E_CONFLICT);
    EVENTUALLY(w, "t1", r == 0 ? "anna on ward-3-002" : "anna on ward-3-001");
    EXPECT(r == 0 || !world_desktop(w, "ward-3-001")->row.delete_pending);
    THE_END(w);
    return r == 0;
}

TEST(race, a_desktop_is_deleted_or_given_and_what_is_refused_is_not_done)
{
    int reserved_ms = reserved_after_ms();
    int done = 0, refused = 0;

    for (int lead_ms = -LEAD_MS; lead_ms <= LEAD_MS; lead_ms++) {
        if (delete_after(reserved_ms - lead_ms))
            done++;
        else
            refused++;
    }
    EXPECT(done > 0);
    EXPECT(refused > 0);
}

TEST_MAIN()
