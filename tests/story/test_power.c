/* test_power.c - work on machines while their host is in trouble, busy or in maintenance. */
#include "core/index.h"

#include "story.h"

#define ONE                                             \
    "pool ward-3 floating image debian max 1 spare 1\n" \
    "entitle everyone ward-3\n"

#define THREE                                           \
    "pool ward-3 floating image debian max 4 spare 3\n" \
    "entitle everyone ward-3\n"

static struct context *context_of(struct world *w)
{
    return &w->broker->context;
}

static struct host *host_of(struct world *w, const char *name)
{
    return container_of(core_find_name(world_core(w), ENTITY_host, name), struct host, base);
}

static struct desktop_action action_for(struct world *w, const char *desktop, enum desktop_act act)
{
    return (struct desktop_action){ .desktop_id = world_desktop(w, desktop)->row.id,
                                    .act = act,
                                    .why = "a story" };
}

static int order(struct world *w, const char *desktop, enum desktop_act act)
{
    const struct desktop_action action = action_for(w, desktop, act);

    return world_await(w, admin_desktop(context_of(w), world_actor(), &action, world_op(w)));
}

static void until_it_runs(struct world *w, const char *desktop)
{
    PASS_UNTIL(w, 10,
               world_desktop(w, desktop) && world_machine(w, desktop) &&
                   world_machine(w, desktop)->running);
}

static void expect_blameless(struct world *w)
{
    list_each (core_all(world_core(w), ENTITY_desktop), node) {
        const struct desktop *desktop = container_of(entity_of(node), struct desktop, base);

        EXPECT_STR(desktop->row.reason, "");
        EXPECT(!desktop->row.quarantined);
    }
    EXPECT_INT(disk_audited(w->disk, "desktop.quarantine"), 0);
    EXPECT_STR(world_pool(w, "ward-3")->backoff_why, "");
}

/* ---- an administrator and a person want the same desktop in the same moment ---- */

/* Either the order is refused, or the person gets a desktop that it does not touch; in no case is one
 * worked on below a session. */
static void order_beside_a_sign_on(enum desktop_act act)
{
    int refused = 0, done = 0;

    for (int ms = 0; ms < 40; ms++) {
        struct world *w = world_new((uint64_t)ms + 1, WARD
                                    "pool ward-3 floating image debian max 2 spare 1 release keep\n"
                                    "entitle everyone ward-3\n");
        struct desktop_action action;
        struct machine *machine;
        int64_t boots, generation;
        char desktop[80];
        int r;

        world_run_s(w, 70);
        world_sign_on(w, "t1", "anna", "secret12"); /* its first use */
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        world_sign_off(w, "t1");
        world_run_s(w, 20);
        action = action_for(w, "ward-3-001", act);
        world_sign_on(w, "t1", "bob", "secret12");
        world_run_ms(w, ms * 5);
        r = admin_desktop(context_of(w), world_actor(), &action, world_op(w));
        PASS_UNTIL(w, 300,
                   world_session(w, "bob") && world_session(w, "bob")->row.state == session_ACTIVE);
        copy_text(desktop,
                  desktop_find(world_core(w), world_session(w, "bob")->row.desktop_id)->row.name);
        machine = world_machine(w, desktop);
        boots = machine->boots;
        generation = machine->generation;
        r = world_await(w, r);
        world_run_s(w, 30);
        EXPECT(r == 0 || r == BERTH_E_STATE || r == BERTH_E_CONFLICT);
        refused += r != 0;
        done += r == 0;
        machine = world_machine(w, desktop);
        EXPECT(machine && machine->boots == boots && machine->generation == generation);
        EXPECT(world_session(w, "bob") && world_session(w, "bob")->row.state == session_ACTIVE);
        THE_END(w);
    }
    EXPECT(refused > 0 && done > 0);
}

TEST(power, no_restart_below_a_session_that_begins)
{
    order_beside_a_sign_on(DESKTOP_RESTART);
}

TEST(power, no_refresh_below_a_session_that_begins)
{
    order_beside_a_sign_on(DESKTOP_REFRESH);
}

TEST(power, no_stop_below_a_session_that_begins)
{
    order_beside_a_sign_on(DESKTOP_STOP);
}

TEST(power, no_deletion_below_a_session_that_begins)
{
    order_beside_a_sign_on(DESKTOP_DELETE);
}

/* ---- its host is away ---- */

/* For 400 s, begun at many moments of a start. */
static void costs_no_machine(void (*trouble)(struct world *, const char *, bool))
{
    for (int64_t ms = 0; ms < 4000; ms += 500) {
        struct world *w = world_made((uint64_t)ms + 1, WARD THREE);

        world_begin(w);
        until_it_runs(w, "ward-3-001");
        world_run_ms(w, ms);
        trouble(w, "kvm1", true);
        world_run_s(w, 400);
        trouble(w, "kvm1", false);
        world_run_s(w, 120);
        expect_blameless(w);
        EXPECT_INT(world_spares(w, "ward-3"), 3);
        THE_END(w);
    }
}

TEST(power, a_host_that_is_away_while_machines_start_costs_no_machine)
{
    costs_no_machine(world_host_down);
}

static void switch_off(struct world *w, const char *host)
{
    list_each (&world_host(w, host)->machines, node) {
        struct machine *machine = list_entry(node, struct machine, node);

        if (machine->running)
            machine_kill(machine, "the host lost its power");
    }
}

TEST(power, a_host_that_loses_its_power_while_machines_start_costs_no_machine)
{
    for (int64_t ms = 0; ms < 4000; ms += 500) {
        for (int forwarded = 0; forwarded < 2; forwarded++) {
            struct world *w = world_made(
                (uint64_t)ms + 1,
                forwarded ? "place ward-3\nhost kvm1 max 20 ports 40000\nimage debian\n"
                            "pool ward-3 floating image debian max 4 spare 3 address forwarded\n"
                          : WARD THREE);

            world_begin(w);
            until_it_runs(w, "ward-3-001");
            world_run_ms(w, ms);
            world_host_down(w, "kvm1", true);
            switch_off(w, "kvm1");
            world_run_s(w, 400);
            world_host_down(w, "kvm1", false);
            world_run_s(w, 120);
            expect_blameless(w);
            EXPECT_INT(world_spares(w, "ward-3"), 3);
            THE_END(w);
        }
    }
}

TEST(power, a_host_that_hangs_while_machines_start_costs_no_machine)
{
    costs_no_machine(world_host_hangs);
}

/* A password that was set on a used desktop stays secret, so a machine that died under a session
 * waits for its guest before it is served again. */
TEST(power, a_host_that_is_away_while_a_used_desktop_comes_back_costs_no_machine)
{
    struct world *w = world_new(5, WARD DEDICATED);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on own-001");
    world_run_s(w, 10);
    world_sign_off(w, "t1");
    world_run_s(w, 10);
    machine_kill(world_machine(w, "own-001"), "crashed");
    world_run_s(w, 5);
    world_host(w, "kvm1")->agent_ms = 3000;
    EXPECT_OK(
        admin_desktop(context_of(w), world_actor(),
                      &(struct desktop_action){ .desktop_id = world_desktop(w, "own-001")->row.id,
                                                .act = DESKTOP_START },
                      world_op(w)));
    world_run_s(w, 8);
    EXPECT_STR(world_desktop_state(w, "own-001"), "starting");
    world_host_down(w, "kvm1", true);
    world_run_s(w, 400);
    world_host(w, "kvm1")->agent_ms = 0;
    world_host_down(w, "kvm1", false);
    world_run_s(w, 60);
    EXPECT_STR(world_desktop_state(w, "own-001"), "ready");
    EXPECT_INT(disk_audited(w->disk, "desktop.quarantine"), 0);
    THE_END(w);
}

/* ---- its host has no time ---- */

TEST(power, a_call_that_was_not_begun_is_made_again_and_costs_no_machine)
{
    for (int calls = 1; calls <= 40; calls += 3) {
        struct world *w = world_made((uint64_t)calls, WARD THREE);

        world_host(w, "kvm1")->busy_calls = calls;
        world_begin(w);
        world_run_s(w, 300);
        expect_blameless(w);
        EXPECT_INT(world_host(w, "kvm1")->busy_calls, 0);
        EXPECT_INT(world_spares(w, "ward-3"), 3);
        THE_END(w);
    }
}

TEST(power, a_release_whose_calls_were_not_begun_waits_and_switches_nothing_off)
{
    struct world *w = world_new(7, WARD "pool ward-3 floating image debian max 1 spare 1 release "
                                        "keep\nentitle everyone ward-3\n");

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 10);
    world_host(w, "kvm1")->busy_calls = 8;
    world_sign_off(w, "t1");
    world_run_s(w, 60);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_stop, NULL, 0), 0);
    EXPECT_INT(world_machine(w, "ward-3-001")->boots, 1);
    EXPECT_SAYS(world_machine(w, "ward-3-001")->guest, "ended");
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    expect_blameless(w);
    THE_END(w);
}

TEST(power, a_machine_that_cannot_be_switched_off_yet_is_no_fault_of_it)
{
    struct world *w = world_new(8, WARD "pool ward-3 floating image debian max 1 spare 1 release "
                                        "keep\nentitle everyone ward-3\n");

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 10);
    world_machine(w, "ward-3-001")->agent_silent = true;
    world_sign_off(w, "t1");
    world_run_ms(w, 4500); /* its guest did not answer: it is about to be switched off */
    world_host(w, "kvm1")->busy_calls = 12;
    world_run_s(w, 120);
    EXPECT_INT(world_host(w, "kvm1")->busy_calls, 0);
    EXPECT_INT(world_machine(w, "ward-3-001")->boots, 2);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    expect_blameless(w);
    THE_END(w);
}

/* ---- all places of the probe are taken ---- */

TEST(power, a_ready_desktop_that_could_not_be_asked_is_asked_later)
{
    struct world *w = world_new(9, WARD FLOATING);

    world_run_s(w, 70);
    fake_probe_full(context_of(w)->probe, true);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 60);
    expect_blameless(w);
    fake_probe_full(context_of(w)->probe, false);
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(power, a_started_machine_that_could_not_be_asked_has_not_failed)
{
    struct world *w = world_made(10, WARD THREE);

    world_begin(w);
    until_it_runs(w, "ward-3-001");
    fake_probe_full(context_of(w)->probe, true);
    world_run_s(w, 400);
    expect_blameless(w);
    fake_probe_full(context_of(w)->probe, false);
    world_run_s(w, 30);
    EXPECT_INT(world_spares(w, "ward-3"), 3);
    THE_END(w);
}

/* ---- its RDP server is dead ---- */

TEST(power, a_machine_whose_rdp_server_does_not_answer_says_so_meanwhile)
{
    struct world *w = world_made(12, WARD THREE);
    struct desktop *desktop;
    int64_t answers_ms;

    world_begin(w);
    until_it_runs(w, "ward-3-001");
    desktop = world_desktop(w, "ward-3-001");
    world_run_s(w, 2);
    EXPECT_SAYS(desktop->reason, " s): 'ward-3-001' has no address yet");
    PASS_UNTIL(w, 60, desktop->address[0]);
    answers_ms = world_machine(w, "ward-3-001")->answers_ms;
    world_machine(w, "ward-3-001")->answers_ms = INT64_MAX;
    world_run_s(w, 10);
    EXPECT_INT(desktop->state, desktop_STARTING);
    EXPECT_SAYS(desktop->reason, "its machine runs, but does not answer yet (given up in ");
    EXPECT_SAYS(desktop->reason, " refused the connection");
    world_machine(w, "ward-3-001")->answers_ms = answers_ms;
    world_run_s(w, 30);
    EXPECT_INT(desktop->state, desktop_READY);
    EXPECT(!strstr(desktop->reason, "given up"));
    THE_END(w);
}

/* How long it has left is not known then: its time begins anew when the host is back. */
TEST(power, a_start_whose_host_goes_away_says_that_instead)
{
    for (int found = 0; found < 2; found++) {
        struct world *w = world_made(13, WARD THREE);
        struct desktop *desktop;

        world_begin(w);
        until_it_runs(w, "ward-3-001");
        desktop = world_desktop(w, "ward-3-001");
        world_run_s(w, 2);
        if (found) {
            PASS_UNTIL(w, 60, desktop->address[0]);
            world_machine(w, "ward-3-001")->answers_ms = INT64_MAX;
            world_run_s(w, 10);
        }
        EXPECT_SAYS(desktop->reason, "given up in ");
        world_host_down(w, "kvm1", true);
        world_run_s(w, 20);
        EXPECT_INT(desktop->state, desktop_STARTING);
        EXPECT_STR(desktop->reason, "host 'kvm1' does not answer");
        world_host_down(w, "kvm1", false);
        if (found) {
            world_run_s(w, 20);
            EXPECT_SAYS(desktop->reason, "given up in ");
        } else {
            world_run_s(w, 60);
            EXPECT_INT(desktop->state, desktop_READY);
        }
        THE_END(w);
    }
}

/* ---- in the recovery window after a start ---- */

TEST(power, a_fault_that_machines_share_has_none_deleted_in_the_recovery_window)
{
    struct world *w = world_made(43, WARD ONE);

    (void)snprintf(w->hypervisors->bad_image, sizeof(w->hypervisors->bad_image), "/images/1.qcow2");
    world_begin(w);
    world_run_ms(w, w->recovery_ms - 100);
    EXPECT(hypervisors_count_calls(w->hypervisors, VIRT_create, NULL, 0) > 0);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_delete, NULL, 0), 0);
    world_run_s(w, 30);
    EXPECT(hypervisors_count_calls(w->hypervisors, VIRT_delete, NULL, 0) >
           0); /* so that another is planned */
    w->hypervisors->bad_image[0] = '\0';
    world_run_s(w, 60);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    THE_END(w);
}

/* ---- another version while a disk is made anew ---- */

static const char *recorded_image(struct world *w, const char *desktop)
{
    const struct image_version *version =
        image_version_find(world_core(w), world_desktop(w, desktop)->row.image_version_id);

    return version ? version->row.path : "";
}

/* Up to where the host is at work on the new disk. */
static struct world *until_a_refresh(uint64_t seed)
{
    struct world *w = world_new(seed, WARD ONE);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_host(w, "kvm1")->slow_ms = 8000;
    world_sign_off(w, "t1");
    world_run_s(w, 4);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "stopping");
    return w;
}

TEST(power, a_version_published_during_a_refresh_is_not_taken_for_what_the_disk_was_made_from)
{
    struct world *w = until_a_refresh(11);

    (void)publish_version(w, "/images/next.qcow2");
    world_host(w, "kvm1")->slow_ms = 0;
    world_run_s(w, 60);
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 2);
    EXPECT_STR(recorded_image(w, "ward-3-001"), world_machine(w, "ward-3-001")->image);
    EXPECT(!world_desktop(w, "ward-3-001")->row.dirty);
    THE_END(w);
}

/* The connection was lost after the old description went and before the new one was there. */
TEST(power, a_machine_that_is_gone_in_the_middle_of_its_refresh_is_replaced)
{
    struct world *w = until_a_refresh(13);

    world_host_down(w, "kvm1", true);
    machine_lose(world_machine(w, "ward-3-001"));
    world_run_s(w, 5);
    world_host(w, "kvm1")->slow_ms = 0;
    world_host_down(w, "kvm1", false);
    world_run_s(w, 90);
    EXPECT(!world_desktop(w, "ward-3-001"));
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    THE_END(w);
}

TEST(power, a_version_deleted_during_a_refresh_to_it_leaves_no_desktop_on_it)
{
    struct world *w = world_new(12, WARD ONE);
    uint64_t second;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    second = publish_version(w, "/images/second.qcow2");
    world_host(w, "kvm1")->slow_ms = 8000;
    world_sign_off(w, "t1");
    world_run_s(w, 4);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "stopping");
    (void)publish_version(w, "/images/third.qcow2");
    EXPECT_OK(world_await(
        w, admin_drop(context_of(w), world_actor(), ENTITY_image_version, second, world_op(w))));
    world_host(w, "kvm1")->slow_ms = 0;
    world_run_s(w, 90);
    EXPECT_STR(world_machine(w, "ward-3-001")->image, "/images/third.qcow2");
    EXPECT_STR(recorded_image(w, "ward-3-001"), "/images/third.qcow2");
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    THE_END(w);
}

/* ---- maintenance ---- */

static void mode(struct world *w, enum host_mode mode)
{
    EXPECT_OK(world_await(w, admin_host_mode(context_of(w), world_actor(),
                                             host_of(w, "kvm1")->row.id, mode, world_op(w))));
}

TEST(power, in_maintenance_a_start_is_refused_with_a_sentence_and_nothing_is_blamed)
{
    struct world *w = world_new(13, WARD ONE);

    world_run_s(w, 70);
    mode(w, host_mode_MAINTENANCE);
    EXPECT_OK(order(w, "ward-3-001", DESKTOP_STOP));
    EXPECT_ERR(order(w, "ward-3-001", DESKTOP_START), BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "host 'kvm1' is in maintenance");
    EXPECT_ERR(order(w, "ward-3-001", DESKTOP_RESTART), BERTH_E_STATE);
    expect_blameless(w);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "off");
    world_run_s(w, 60);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "off");
    mode(w, host_mode_ACTIVE);
    world_run_s(w, 30);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    THE_END(w);
}

TEST(power, in_maintenance_a_desktop_can_be_deleted)
{
    struct world *w = world_new(14, WARD ONE);

    world_run_s(w, 70);
    mode(w, host_mode_MAINTENANCE);
    EXPECT_OK(order(w, "ward-3-001", DESKTOP_STOP));
    EXPECT_ERR(order(w, "ward-3-001", DESKTOP_START), BERTH_E_STATE);
    EXPECT_OK(order(w, "ward-3-001", DESKTOP_DELETE));
    EXPECT(!world_desktop(w, "ward-3-001"));
    THE_END(w);
}

TEST(power, a_restart_in_maintenance_leaves_a_running_machine_as_it_is)
{
    struct world *w = world_new(15, WARD ONE);

    world_run_s(w, 70);
    mode(w, host_mode_MAINTENANCE);
    EXPECT_ERR(order(w, "ward-3-001", DESKTOP_RESTART), BERTH_E_STATE);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "ready");
    EXPECT_INT(world_machine(w, "ward-3-001")->boots, 1);
    THE_END(w);
}

TEST(power, whoever_wants_their_own_desktop_in_maintenance_is_told_why_not)
{
    struct world *w = world_new(16, WARD DEDICATED);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on own-001");
    world_sign_off(w, "t1");
    world_run_s(w, 10);
    mode(w, host_mode_MAINTENANCE);
    EXPECT_OK(order(w, "own-001", DESKTOP_STOP));
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 5);
    EXPECT_SAYS(world_said(w, "t1"), "host 'kvm1' is in maintenance");
    EXPECT(!world_session(w, "anna"));
    EXPECT_INT(world_flows(w), 0);
    mode(w, host_mode_ACTIVE);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on own-001");
    THE_END(w);
}

struct answer {
    struct op op;
    bool done;
    int result;
};

static void answered(struct op *op, int result)
{
    struct answer *answer = container_of(op, struct answer, op);

    answer->done = true;
    answer->result = result;
}

/* Begun, and not waited for. */
static void begin_order(struct world *w, const char *desktop, enum desktop_act act,
                        struct answer *ret)
{
    const struct desktop_action action = action_for(w, desktop, act);

    *ret = (struct answer){ 0 };
    op_init(&ret->op, context_of(w)->timers, answered);
    EXPECT_OK(admin_desktop(context_of(w), world_actor(), &action, &ret->op));
}

/* One machine starts at a time, and the first takes minutes. */
static struct world *with_a_queue_of_starts(uint64_t seed, struct answer answers[2])
{
    struct world *w = world_new(seed, "place ward-3\nhost kvm1 max 20 starting 1\nimage debian\n"
                                      "pool ward-3 floating image debian max 2 spare 2 limit 900\n"
                                      "entitle everyone ward-3\n");

    world_run_s(w, 90);
    EXPECT_INT(world_spares(w, "ward-3"), 2);
    mode(w, host_mode_DRAIN); /* the pool itself starts nothing */
    EXPECT_OK(order(w, "ward-3-001", DESKTOP_STOP));
    EXPECT_OK(order(w, "ward-3-002", DESKTOP_STOP));
    world_host(w, "kvm1")->silent_boots = 1;
    begin_order(w, "ward-3-001", DESKTOP_START, &answers[0]);
    world_run_s(w, 5);
    begin_order(w, "ward-3-002", DESKTOP_START, &answers[1]);
    world_run_s(w, 5);
    EXPECT_STR(world_desktop_state(w, "ward-3-002"), "off");
    EXPECT(!answers[1].done);
    return w;
}

TEST(power, a_start_that_waits_for_its_turn_makes_way_for_a_delete)
{
    struct answer answers[2];
    struct world *w = with_a_queue_of_starts(17, answers);

    EXPECT_OK(order(w, "ward-3-002", DESKTOP_DELETE));
    EXPECT(!world_desktop(w, "ward-3-002"));
    EXPECT(answers[1].done);
    EXPECT_INT(answers[1].result, BERTH_E_CANCELLED);
    world_run_s(w, 1000);
    EXPECT(answers[0].done);
    THE_END(w);
}

TEST(power, a_start_that_waits_for_its_turn_is_over_when_a_stop_is_asked_for)
{
    struct answer answers[2];
    struct world *w = with_a_queue_of_starts(18, answers);

    EXPECT_OK(order(w, "ward-3-002", DESKTOP_STOP));
    EXPECT(answers[1].done);
    EXPECT_INT(answers[1].result, BERTH_E_CANCELLED);
    world_run_s(w, 1000);
    EXPECT_STR(world_desktop_state(w, "ward-3-002"), "off"); /* and is not begun afterwards */
    EXPECT(!world_desktop(w, "ward-3-002")->row.quarantined);
    THE_END(w);
}

TEST(power, a_start_that_waits_for_its_turn_is_refused_when_maintenance_begins)
{
    struct answer answers[2];
    struct world *w = with_a_queue_of_starts(19, answers);

    mode(w, host_mode_MAINTENANCE);
    world_run_s(w, 5);
    EXPECT(answers[1].done);
    EXPECT_INT(answers[1].result, BERTH_E_STATE);
    EXPECT(!world_desktop(w, "ward-3-002")->row.quarantined);
    world_run_s(w, 1000);
    THE_END(w);
}

/* ---- to be deleted, and in quarantine ---- */

TEST(power, a_quarantined_desktop_that_is_to_be_deleted_goes_when_its_host_is_back)
{
    struct world *w = world_new(20, WARD ONE);

    world_run_s(w, 70);
    EXPECT_OK(order(w, "ward-3-001", DESKTOP_QUARANTINE));
    world_host_down(w, "kvm1", true);
    world_run_s(w, 5);
    EXPECT_ERR(order(w, "ward-3-001", DESKTOP_DELETE), BERTH_E_HOST_DOWN);
    world_host_down(w, "kvm1", false);
    world_run_s(w, 60);
    EXPECT(!world_desktop(w, "ward-3-001"));
    THE_END(w);
}

TEST(power, a_delete_that_fails_is_tried_again_and_counted_once)
{
    struct world *w = world_new(21, WARD ONE);
    char uuid[40];

    world_run_s(w, 70);
    (void)snprintf(uuid, sizeof(uuid), "%s", world_desktop(w, "ward-3-001")->row.uuid);
    world_host(w, "kvm1")->fail_deletes = 4;
    EXPECT_ERR(order(w, "ward-3-001", DESKTOP_DELETE), BERTH_E_HOST);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "quarantined");
    world_run_s(w, 60);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_delete, uuid, 0), 1);
    world_run_s(w, 1500);
    EXPECT(!world_desktop(w, "ward-3-001"));
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_delete, uuid, 0), 5);
    EXPECT_STR(world_pool(w, "ward-3")->backoff_why, "");
    EXPECT_INT(disk_audited(w->disk, "desktop.quarantine"), 1);
    THE_END(w);
}

/* ---- where machines are reached ---- */

TEST(power, how_desktops_are_reached_does_not_change_under_them)
{
    struct world *w = world_new(22, "place ward-3\nhost kvm1 max 20 ports 40000\nimage debian\n"
                                    "pool ward-3 floating image debian max 1 spare 1\n"
                                    "entitle everyone ward-3\n");
    struct row_pool row;

    world_run_s(w, 70);
    row = world_pool(w, "ward-3")->row;
    row.address = pool_address_FORWARDED;
    EXPECT_ERR(
        world_await(w, admin_set(context_of(w), world_actor(), ENTITY_pool, &row, world_op(w))),
        BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "pool 'ward-3': ");
    EXPECT_SAYS(world_await_text(), "desktops");
    /* Without desktops it may. */
    row.address = pool_address_AGENT;
    row.max = 0;
    row.spare = 0;
    EXPECT_OK(
        world_await(w, admin_set(context_of(w), world_actor(), ENTITY_pool, &row, world_op(w))));
    world_run_s(w, 30);
    row = world_pool(w, "ward-3")->row;
    row.address = pool_address_FORWARDED;
    row.max = 1;
    row.spare = 1;
    EXPECT_OK(
        world_await(w, admin_set(context_of(w), world_actor(), ENTITY_pool, &row, world_op(w))));
    world_run_s(w, 30);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    EXPECT(world_desktop(w, "ward-3-002")->row.port >= 40000);
    THE_END(w);
}

TEST_MAIN()
