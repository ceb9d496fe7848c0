/* test_shortage.c - what administrators read when a pool has fewer ready desktops than it should:
 * in the pool's status, and in explain. */
#include <ctype.h>

#include "core/desktop_class.h"
#include "flow/context.h"
#include "flow/explain.h"
#include "flow/shortage.h"

#include "story.h"

/* Of the pool 'ward-3'. */
static const char *why(struct world *w)
{
    static char text[SHORTAGE_TEXT];

    shortage_text(world_core(w), world_pool(w, "ward-3"), 0, text);
    return text;
}

/* Of anna, and of the first desktop that was looked at. */
static struct explain *explained(struct world *w)
{
    struct explain *explain = calloc(1, sizeof(*explain));
    struct berth_error error = { 0 };

    EXPECT_OK(explain_user(&w->broker->context, world_user(w, "anna")->row.id, 0, explain, &error));
    return explain;
}

static void set_spare(struct world *w, int64_t spare)
{
    struct row_pool row = world_pool(w, "ward-3")->row;

    row.spare = spare;
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row, world_op(w))));
}

static void set_mode(struct world *w, enum host_mode mode)
{
    uint64_t id =
        ((const union row *)entity_row_of(core_find_name(world_core(w), ENTITY_host, "kvm1")))->id;

    EXPECT_OK(
        world_await(w, admin_host_mode(&w->broker->context, world_actor(), id, mode, world_op(w))));
}

TEST(shortage, nothing_is_said_while_enough_are_spare)
{
    struct world *w = world_new(1, WARD FLOATING);

    world_run_s(w, 70);
    EXPECT_STR(why(w), "");
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 70);
    EXPECT_STR(why(w), "");
    THE_END(w);
}

TEST(shortage, a_host_that_is_down_is_named_with_its_reason)
{
    struct world *w = world_new(2, WARD FLOATING);
    struct explain *explain;

    world_run_s(w, 70);
    world_host_down(w, "kvm1", true);
    world_run_s(w, 10);
    EXPECT_SAYS(why(w), "host 'kvm1' is down: ");
    EXPECT(isalpha((unsigned char)why(w)[strlen("host 'kvm1' is down: ")]));
    EXPECT_SAYS(why(w), "1 on a host that does not serve");
    explain = explained(w);
    EXPECT_SAYS(explain->verdict, "host 'kvm1' is down: ");
    EXPECT_SAYS(explain->pools[0].desktops[0].reason, "its host 'kvm1' is down: ");
    free(explain);
    world_host_down(w, "kvm1", false);
    world_run_s(w, 70);
    EXPECT_STR(why(w), "");
    THE_END(w);
}

TEST(shortage, who_has_a_desktop_reads_that_its_host_is_down)
{
    struct world *w = world_new(3, WARD FLOATING);
    struct explain *explain;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_host_down(w, "kvm1", true);
    world_run_s(w, 10);
    explain = explained(w);
    EXPECT_SAYS(explain->verdict, "return to the session on desktop 'ward-3-001'");
    EXPECT_SAYS(explain->verdict, "its host 'kvm1' is down: ");
    free(explain);
    world_host_down(w, "kvm1", false);
    world_run_s(w, 70);
    THE_END(w);
}

TEST(shortage, a_host_in_maintenance_or_drained_is_named)
{
    struct world *w = world_new(4, WARD FLOATING);

    world_run_s(w, 70);
    set_mode(w, host_mode_DRAIN);
    EXPECT_SAYS(why(w), "host 'kvm1' is drained and takes no new sessions");
    set_mode(w, host_mode_MAINTENANCE);
    world_run_s(w, 5);
    EXPECT_SAYS(why(w), "host 'kvm1' is in maintenance");
    THE_END(w);
}

TEST(shortage, a_backoff_says_what_to_do)
{
    struct world *w = world_new(5, WARD FLOATING);

    world_host(w, "kvm1")->fail_starts = 1000;
    world_run_s(w, 120);
    EXPECT_SAYS(why(w), "nothing new is made for ");
    EXPECT_SAYS(why(w), world_pool(w, "ward-3")->backoff_why);
    EXPECT_SAYS(why(w), "berthctl pool retry ward-3");
    EXPECT_SAYS(why(w), "3 in quarantine ('ward-3-001': ");
    THE_END(w);
}

TEST(shortage, the_maximum_is_named_with_where_its_desktops_are)
{
    struct world *w = world_new(6, WARD "pool ward-3 floating image debian max 1 spare 1\n"
                                        "entitle everyone ward-3\n");
    struct explain *explain;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "bob", "secret12");
    EVENTUALLY(w, "t1", "bob on ward-3-001");
    EXPECT_STR(why(w),
               "the pool has its maximum of 1 desktops (max); raise max for more; 1 in use");
    explain = explained(w);
    EXPECT_SAYS(explain->verdict, "the pool has its maximum of 1 desktops (max)");
    free(explain);
    THE_END(w);
}

TEST(shortage, without_spares_only_the_queue_asks)
{
    struct world *w = world_new(7, WARD "pool ward-3 floating image debian max 1 spare 0\n"
                                        "entitle everyone ward-3\n");

    world_run_s(w, 70);
    EXPECT_STR(why(w), "");
    world_sign_on(w, "t1", "bob", "secret12");
    EVENTUALLY(w, "t1", "bob on ward-3-001");
    EXPECT_STR(why(w), "");
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "queue 1");
    EXPECT_SAYS(why(w), "maximum of 1");
    THE_END(w);
}

TEST(shortage, full_hosts_and_used_ports_are_named)
{
    struct world *w =
        world_new(8, "place ward-3\nhost kvm1 max 2 ports 40000\nimage debian\n"
                     "user anna password secret12\nterminal t1 place ward-3\n"
                     "pool ward-3 floating image debian max 4 spare 3 address forwarded\n"
                     "entitle everyone ward-3\n");
    struct row_host row;

    world_run_s(w, 70);
    EXPECT_STR(why(w), "host 'kvm1' holds 2 of 2 machines (max_desktops); 2 spare");
    row = container_of(core_find_name(world_core(w), ENTITY_host, "kvm1"), struct host, base)->row;
    row.max_desktops = 20;
    row.port_last = row.port_first + 1;
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_host, &row, world_op(w))));
    world_run_s(w, 70);
    EXPECT_STR(why(w), "host 'kvm1' has no free port for another desktop (port_first=40000, "
                       "port_last=40001); raise port_last with `berthctl host set kvm1 "
                       "port_last=NUMBER`; 2 spare");
    THE_END(w);
}

TEST(shortage, a_new_desktop_that_cannot_be_recorded_says_so)
{
    struct world *w = world_new(9, WARD FLOATING);

    world_run_s(w, 70);
    set_spare(w, 0);
    world_pool(w, "ward-3")->row.spare = 2; /* as it was set, and the disk is full since */
    w->broker->context.store->fail_next = BERTH_E_NO_SPACE;
    context_mark_pool(&w->broker->context, world_pool(w, "ward-3")->row.id);
    world_run_ms(w, 1000);
    EXPECT_SAYS(why(w), "a new desktop could not be recorded: ");
    world_run_s(w, 70);
    EXPECT_STR(why(w), "");
    THE_END(w);
}

/* A text of half a character is no JSON, and its field would be left out. */
static void expect_json(const char *text)
{
    json_t *json = json_string(text);

    EXPECT(json != NULL);
    json_decref(json);
}

TEST(shortage, a_long_reason_is_cut_after_a_whole_character)
{
    struct world *w = world_new(10, WARD FLOATING);
    struct pool *pool;

    world_host(w, "kvm1")->fail_starts = 1000;
    world_run_s(w, 120);
    pool = world_pool(w, "ward-3");
    /* With one byte more before them a cut by bytes halves one of the two-byte characters. */
    for (int shift = 0; shift < 2; shift++) {
        char umlauts[400];
        struct explain *explain;

        for (size_t i = 0; i + 1 < sizeof(umlauts); i += 2)
            memcpy(umlauts + i, "\xc3\xa4", 2);
        umlauts[sizeof(umlauts) - 2] = '\0';
        (void)snprintf(pool->backoff_why, sizeof(pool->backoff_why), "%s%.396s", shift ? "n" : "",
                       umlauts);
        (void)snprintf(pool->row.recompose_reason, sizeof(pool->row.recompose_reason), "%.298s",
                       umlauts);
        list_each (&pool->by_class[CLASS_QUARANTINED], node) {
            struct desktop *desktop = pool_entry(node);

            (void)snprintf(desktop->row.reason, sizeof(desktop->row.reason), "%.278s", umlauts);
        }
        EXPECT_SAYS(why(w), "`berthctl pool retry ward-3` does not wait");
        EXPECT_SAYS(why(w), "3 in quarantine ('ward-3-001': ");
        EXPECT_INT(strcmp(why(w) + strlen(why(w)) - 3, "..."), 0);
        expect_json(why(w));
        explain = explained(w);
        expect_json(explain->verdict);
        free(explain);
    }
    THE_END(w);
}

TEST(shortage, desktops_that_are_switched_off_are_counted)
{
    struct world *w = world_new(11, WARD "pool ward-3 floating image debian max 2 spare 2\n"
                                         "entitle everyone ward-3\n");
    struct desktop_action action = { .act = DESKTOP_STOP, .why = "a story" };

    world_run_s(w, 70);
    set_spare(w, 0);
    action.desktop_id = world_desktop(w, "ward-3-002")->row.id;
    EXPECT_OK(
        world_await(w, admin_desktop(&w->broker->context, world_actor(), &action, world_op(w))));
    world_run_s(w, 70);
    world_pool(w, "ward-3")->row.spare = 2; /* set, without a refill since */
    EXPECT_STR(why(w), "the pool has its maximum of 2 desktops (max); raise max for more; 1 spare, "
                       "1 switched off");
    THE_END(w);
}

TEST_MAIN()
