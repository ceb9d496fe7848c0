/* test_degraded.c - a host that accepts calls and does not carry them out in time. */
#include "story.h"

#define TWO_HOSTS                                            \
    WARD "host kvm2 max 20\n"                                \
         "pool ward-3 floating image debian max 6 spare 2\n" \
         "entitle everyone ward-3\n"

static bool was_degraded;

static void watch(struct world *w)
{
    list_each (core_all(world_core(w), ENTITY_host), node) {
        const struct host *host = entity_at(node, host);

        if (host->state == host_DEGRADED && strcmp(host->row.name, "kvm1") == 0)
            was_degraded = true;
    }
}

/* Machines on this host die, and starting them takes longer than any flow waits. */
static void make_slow(struct world *w, const char *name)
{
    struct hypervisor *host = world_host(w, name);

    host->slow_ms = 100000;
    list_each (&host->machines, node) {
        struct machine *machine = list_entry(node, struct machine, node);

        if (machine->running)
            machine_kill(machine, "crashed");
    }
}

TEST(degraded, others_take_its_place_and_nothing_is_quarantined)
{
    struct world *w = world_new(1, TWO_HOSTS);

    was_degraded = false;
    world_run_s(w, 80);
    w->each_turn = watch;
    make_slow(w, "kvm1");
    world_run_s(w, 400);
    EXPECT(was_degraded);
    EXPECT(world_spares(w, "ward-3") >= 2);
    EXPECT_INT(disk_audited(w->disk, "desktop.quarantine"), 0);
    EXPECT_INT(world_pool(w, "ward-3")->backoff_until_ms, 0);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 5);
    EXPECT(strncmp(world_screen(w, "t1"), "anna on ", 8) == 0);
    THE_END(w);
}

TEST(degraded, it_serves_again_when_it_answers)
{
    struct world *w = world_new(1, TWO_HOSTS);

    was_degraded = false;
    world_run_s(w, 80);
    w->each_turn = watch;
    make_slow(w, "kvm1");
    for (int s = 0; s < 300 && !was_degraded; s++)
        world_run_s(w, 1);
    EXPECT(was_degraded);
    world_host(w, "kvm1")->slow_ms = 0;
    world_run_s(w, 300);
    list_each (core_all(world_core(w), ENTITY_host), node) {
        EXPECT_INT(entity_at(node, host)->state, host_UP);
    }
    EXPECT(world_spares(w, "ward-3") >= 2);
    THE_END(w);
}

TEST_MAIN()
