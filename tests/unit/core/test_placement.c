/* test_placement.c - which desktop a user gets, where machines are made, and the reasons. */
#include "core/desktop_class.h"
#include "core/placement.h"
#include "core/reservation.h"

#include "small.h"

static struct pool *open_pool(struct small *s)
{
    small_open(s);
    small_host(s, 2, "kvm1");
    return small_pool(s, 1, "ward");
}

static void assign(struct small *s, uint64_t id, uint64_t user_id, uint64_t desktop_id)
{
    struct changes *changes = changes_new("broker", "broker", "x");
    const struct row_assignment row = { .id = id,
                                        .user_id = user_id,
                                        .pool_id = 1,
                                        .desktop_id = desktop_id,
                                        .state = assignment_OPEN };

    changes_add(changes, ENTITY_assignment, &row);
    small_apply(s, changes);
}

TEST(placement, a_ready_desktop_of_nobody_is_handed_out)
{
    struct small s;
    struct pool *pool = open_pool(&s);
    char why[160];

    EXPECT(placement_best(s.core, pool) == NULL);
    small_desktop(&s, 10, "ward-001", 1, 2);
    EXPECT_INT(placement_best(s.core, pool)->row.id, 10);
    EXPECT(placement_fits(desktop_find(s.core, 10), why, sizeof(why)));
    EXPECT_STR(why, "it is a spare");
    small_close(&s);
}

TEST(placement, everything_that_speaks_against_a_desktop_is_said)
{
    struct small s;
    struct desktop *desktop;
    struct reservation *reservation;
    struct berth_error error = { 0 };
    char why[160];

    open_pool(&s);
    small_user(&s, 50, "bob");
    desktop = small_desktop(&s, 10, "ward-001", 1, 2);
    desktop->row.quarantined = true;
    EXPECT(!placement_fits(desktop, why, sizeof(why)));
    EXPECT_STR(why, "it is in quarantine");
    desktop->row.quarantined = false;
    desktop->row.delete_pending = true;
    EXPECT(!placement_fits(desktop, why, sizeof(why)));
    EXPECT_STR(why, "it is to be deleted");
    desktop->row.delete_pending = false;
    desktop->row.dirty = true;
    EXPECT(!placement_fits(desktop, why, sizeof(why)));
    EXPECT_SAYS(why, "it was used");
    desktop->row.dirty = false;
    EXPECT_OK(reservation_new(desktop, 50, &reservation, &error));
    EXPECT(!placement_fits(desktop, why, sizeof(why)));
    EXPECT_SAYS(why, "reserved for another user");
    reservation_return(reservation);
    host_find(s.core, 2)->row.mode = host_mode_DRAIN;
    EXPECT(!placement_fits(desktop, why, sizeof(why)));
    EXPECT_STR(why, "its host 'kvm1' is drained and takes no new sessions");
    host_find(s.core, 2)->row.mode = host_mode_ACTIVE;
    host_set_state(host_find(s.core, 2), host_DOWN, "no route to host");
    EXPECT(!placement_fits(desktop, why, sizeof(why)));
    EXPECT_STR(why, "its host 'kvm1' is down: no route to host");
    assign(&s, 60, 50, 10);
    EXPECT(!placement_fits(desktop, why, sizeof(why)));
    EXPECT_STR(why, "it belongs to bob");
    small_close(&s);
}

TEST(placement, a_used_desktop_is_for_others_only_where_the_pool_keeps_it)
{
    struct small s;
    struct pool *pool = open_pool(&s);
    struct desktop *desktop = small_desktop(&s, 10, "ward-001", 1, 2);

    desktop->row.dirty = true;
    EXPECT(desktop_must_refresh(desktop));
    pool->row.release = pool_release_KEEP;
    EXPECT(!desktop_must_refresh(desktop));
    desktop->row.refresh_due = true; /* it was used before the pool was changed */
    EXPECT(desktop_must_refresh(desktop));
    pool->row.release = pool_release_REFRESH;
    pool->row.kind = pool_kind_MANUAL;
    EXPECT(!desktop_must_refresh(desktop));
    small_close(&s);
}

TEST(placement, a_reservation_is_the_only_one)
{
    struct small s;
    struct reservation *first;
    struct reservation *second;
    struct berth_error error = { 0 };
    struct desktop *desktop;

    open_pool(&s);
    desktop = small_desktop(&s, 10, "ward-001", 1, 2);
    EXPECT_OK(reservation_new(desktop, 50, &first, &error));
    EXPECT_ERR(reservation_new(desktop, 51, &second, &error), BERTH_E_STATE);
    EXPECT_INT(desktop->base.pins, 1);
    reservation_return(first);
    EXPECT_INT(desktop->base.pins, 0);
    reservation_return(NULL);
    small_close(&s);
}

TEST(placement, the_newest_image_goes_first)
{
    struct small s;
    struct pool *pool = open_pool(&s);
    const struct row_image image = { .id = 70, .version = 1, .name = "debian", .current_id = 72 };

    small_load(&s, ENTITY_image, &image);
    pool->row.image_id = 70;
    small_desktop(&s, 10, "ward-001", 1, 2)->row.image_version_id = 71;
    small_run(&s, 1000);
    small_desktop(&s, 11, "ward-002", 1, 2)->row.image_version_id = 72;
    EXPECT_INT(placement_best(s.core, pool)->row.id, 11);
    small_close(&s);
}

TEST(placement, desktops_are_counted_by_what_they_are_good_for)
{
    struct small s;
    struct pool *pool = open_pool(&s);
    struct placement_count count;
    struct desktop *desktop;

    small_user(&s, 50, "bob");
    small_desktop(&s, 10, "ward-001", 1, 2);
    small_desktop(&s, 11, "ward-002", 1, 2);
    assign(&s, 60, 50, 11);
    desktop = small_desktop(&s, 12, "ward-003", 1, 2);
    desktop_set_state(desktop, desktop_OFF, "test");
    desktop = small_desktop(&s, 13, "ward-004", 1, 2);
    desktop_set_state(desktop, desktop_STARTING, "test");
    desktop = small_desktop(&s, 14, "ward-005", 1, 2);
    desktop_set_state(desktop, desktop_QUARANTINED, "test");
    placement_count(s.core, pool, &count);
    EXPECT_INT(count.total, 4);
    EXPECT_INT(count.spare, 1);
    EXPECT_INT(count.ready, 2);
    EXPECT_INT(count.provisioning, 1);
    EXPECT_INT(count.quarantined, 1);
    EXPECT_INT(placement_idle(s.core, pool)->row.id, 12);
    small_close(&s);
}

TEST(placement, lists_follow_a_closed_assignment)
{
    struct small s;
    struct pool *pool = open_pool(&s);
    struct changes *changes = changes_new("broker", "broker", "x");
    struct berth_error error = { 0 };
    struct row_desktop *row;

    small_desktop(&s, 10, "ward-001", 1, 2);
    assign(&s, 60, 50, 10);
    EXPECT_INT(pool->count_of[CLASS_USED], 1);
    row = changes_set(changes, ENTITY_desktop, &desktop_find(s.core, 10)->row);
    row->dirty = true;
    EXPECT_OK(assignment_transition(assignment_find(s.core, 60), assignment_CLOSED, "test", changes,
                                    &error));
    small_apply(&s, changes);
    EXPECT_INT(pool->count_of[CLASS_USED], 0);
    EXPECT_INT(pool->count_of[CLASS_REFRESH_PENDING], 1);
    EXPECT(placement_best(s.core, pool) == NULL);

    changes = changes_new("broker", "broker", "x");
    changes_drop(changes, ENTITY_desktop, &desktop_find(s.core, 10)->row);
    small_apply(&s, changes);
    EXPECT_INT(pool->count_of[CLASS_REFRESH_PENDING], 0);
    EXPECT_INT(pool->ready, 0);
    small_close(&s);
}

TEST(placement, the_least_loaded_host_for_its_weight)
{
    struct small s;
    struct pool *pool = open_pool(&s);
    char why[160];

    small_host(&s, 3, "kvm2");
    small_desktop(&s, 10, "ward-001", 1, 2);
    EXPECT_INT(placement_host(s.core, pool, why, sizeof(why))->row.id, 3);
    small_desktop(&s, 11, "ward-002", 1, 3);
    small_desktop(&s, 12, "ward-003", 1, 3);
    EXPECT_INT(placement_host(s.core, pool, why, sizeof(why))->row.id, 2);
    host_find(s.core, 3)->row.weight = 1000;
    EXPECT_INT(placement_host(s.core, pool, why, sizeof(why))->row.id, 3);
    small_close(&s);
}

TEST(placement, a_host_has_its_limits)
{
    struct small s;
    struct pool *pool = open_pool(&s);
    struct host *host = host_find(s.core, 2);
    char why[160];

    host->starting = 4;
    EXPECT(placement_host(s.core, pool, why, sizeof(why)) == NULL);
    EXPECT_STR(why, "host 'kvm1' is starting 4 machines already");
    host->starting = 2;
    host->planning = 2;
    EXPECT(placement_host(s.core, pool, why, sizeof(why)) == NULL);
    host->starting = host->planning = 0;
    host->row.max_desktops = 1;
    small_desktop(&s, 10, "ward-001", 1, 2);
    EXPECT(placement_host(s.core, pool, why, sizeof(why)) == NULL);
    EXPECT_STR(why, "host 'kvm1' holds 1 of 1 machines (max_desktops)");
    host->row.max_desktops = 0;
    host->row.mode = host_mode_MAINTENANCE;
    EXPECT(placement_host(s.core, pool, why, sizeof(why)) == NULL);
    EXPECT_SAYS(why, "no host of pool 'ward'");
    host->row.mode = host_mode_ACTIVE;
    host_set_state(host, host_DEGRADED, "test");
    EXPECT(placement_host(s.core, pool, why, sizeof(why)) == NULL);
    small_close(&s);
}

TEST(placement, a_pool_may_name_its_hosts)
{
    struct small s;
    struct pool *pool = open_pool(&s);
    char why[160];

    small_host(&s, 3, "kvm2");
    (void)snprintf(pool->row.hosts, sizeof(pool->row.hosts), "3 9");
    EXPECT_INT(placement_host(s.core, pool, why, sizeof(why))->row.id, 3);
    (void)snprintf(pool->row.hosts, sizeof(pool->row.hosts), "9");
    EXPECT(placement_host(s.core, pool, why, sizeof(why)) == NULL);
    (void)snprintf(pool->row.hosts, sizeof(pool->row.hosts), "0"); /* it is gone: not any other */
    EXPECT(placement_host(s.core, pool, why, sizeof(why)) == NULL);
    (void)snprintf(pool->row.hosts, sizeof(pool->row.hosts), "13 33");
    EXPECT(placement_host(s.core, pool, why, sizeof(why)) == NULL);
    small_close(&s);
}

TEST(placement, the_estimate_is_honest)
{
    struct small s;
    struct pool *pool = open_pool(&s);

    pool->ready_ms_estimate = 25000;
    EXPECT_INT(placement_estimate_ms(s.core, pool, 1), 0); /* no desktop is coming: unknown */
    pool->planning = 1;
    EXPECT_INT(placement_estimate_ms(s.core, pool, 1), 25000);
    EXPECT_INT(placement_estimate_ms(s.core, pool, 2), 0);
    pool->backoff_until_ms = s.timers.mono_ms + 1;
    EXPECT_INT(placement_estimate_ms(s.core, pool, 1), 0);
    small_close(&s);
}

TEST_MAIN()
