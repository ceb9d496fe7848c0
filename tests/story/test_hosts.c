/* test_hosts.c - hypervisors and machines that fail. */

#include "story.h"

#define TWO_HOSTS                                       \
    "host kvm2 max 20\n"                                \
    "pool ward-3 floating image debian max 8 spare 2\n" \
    "entitle everyone ward-3\n"

TEST(hosts, libvirtd_is_killed_noticed_and_adopted)
{
    struct world *w = world_new(1, WARD FLOATING);
    int64_t boots;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 10);
    boots = world_machine(w, "ward-3-001")->boots;
    world_host_down(w, "kvm1", true);
    world_run_s(w, 30);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001"); /* pictures do not need the hypervisor's daemon */
    EXPECT(world_session(w, "anna") != NULL);
    world_host_down(w, "kvm1", false);
    world_run_s(w, 20);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "ready");
    EXPECT_INT(world_machine(w, "ward-3-001")->boots, boots);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    THE_END(w);
}

TEST(hosts, without_its_host_nobody_new_gets_in_and_the_wait_is_honest)
{
    struct world *w = world_new(2, WARD FLOATING);

    world_run_s(w, 70);
    world_host_down(w, "kvm1", true);
    world_run_s(w, 2);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 10);
    EXPECT_SCREEN(w, "t1", "queue 1");
    world_host_down(w, "kvm1", false);
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(hosts, the_other_host_goes_on)
{
    struct world *w = world_new(3, WARD TWO_HOSTS);
    int served = 0;

    world_run_s(w, 70);
    world_host_hangs(w, "kvm1", true);
    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 60);
    served += strncmp(world_screen(w, "t1"), "anna on", 7) == 0;
    served += strncmp(world_screen(w, "t2"), "bob on", 6) == 0;
    served += strncmp(world_screen(w, "t3"), "carl on", 7) == 0;
    EXPECT_INT(served, 3);
    world_host_hangs(w, "kvm1", false);
    world_run_s(w, 120);
    EXPECT(world_spares(w, "ward-3") >= 2);
    THE_END(w);
}

TEST(hosts, a_start_of_unknown_outcome_keeps_its_place_until_it_is_known)
{
    struct world *w = world_new(4, WARD "pool ward-3 floating image debian max 1 spare 0\n"
                                        "entitle everyone ward-3\n");
    size_t desktops = 0;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_ms(w, 750); /* planned, being made */
    world_host_hangs(w, "kvm1", true);
    world_run_s(w, 100);
    EXPECT_SCREEN(w, "t1", "queue 1");
    world_host_hangs(w, "kvm1", false);
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    list_each (core_all(world_core(w), ENTITY_desktop), node)
        desktops++;
    EXPECT_INT(desktops, 1);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_start,
                                       world_desktop(w, "ward-3-001")->row.uuid, 0),
               world_machine(w, "ward-3-001")->boots);
    THE_END(w);
}

TEST(hosts, hung_at_any_moment_of_a_refresh_leaves_no_residue)
{
    for (int64_t ms = 0; ms < 1500; ms += 100) {
        struct world *w =
            world_new((uint64_t)ms + 1, WARD "pool ward-3 floating image debian max 1 spare 1\n"
                                             "entitle everyone ward-3\n");

        world_run_s(w, 70);
        world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        world_sign_off(w, "t1");
        world_run_ms(w, ms);
        world_host_hangs(w, "kvm1", true);
        world_run_s(w, 45);
        world_host_hangs(w, "kvm1", false);
        world_sign_on(w, "t2", "bob", "secret12");
        world_run_s(w, 200);
        SHOWS(w, "t2", "bob on ward-3-00"); /* I14 is judged with the picture */
        THE_END(w);
    }
}

TEST(hosts, a_machine_that_dies_ends_its_session)
{
    struct world *w = world_new(5, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 20);
    machine_kill(world_machine(w, "ward-3-001"), "crashed");
    world_run_s(w, 5);
    SHOWS(w, "t1", "ended: ");
    EXPECT(world_session(w, "anna") == NULL);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-002");
    world_run_s(w, 30);
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 2);
    THE_END(w);
}

/* What is kept out of use is not started again for its user, so its session has nowhere to be. */
TEST(hosts, a_machine_that_dies_in_quarantine_ends_its_session)
{
    for (int crash = 0; crash < 2; crash++) {
        struct world *w = world_new(12, WARD FLOATING);
        struct desktop_action action = { .act = DESKTOP_QUARANTINE, .why = "it is slow" };
        struct machine *machine;

        world_run_s(w, 70);
        world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        action.desktop_id = world_desktop(w, "ward-3-001")->row.id;
        EXPECT_OK(world_await(
            w, admin_desktop(&w->broker->context, world_actor(), &action, world_op(w))));
        world_run_s(w, 20);
        machine = world_machine(w, "ward-3-001");
        if (crash)
            world_crash(w);
        machine_kill(machine, "crashed");
        if (crash)
            world_restart(w);
        world_run_s(w, 20);
        EXPECT_STR(world_desktop_state(w, "ward-3-001"), "quarantined");
        EXPECT(!world_session(w, "anna"));
        EXPECT_STR(world_owner(w, "ward-3-001"), "");
        world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-002");
        THE_END(w);
    }
}

TEST(hosts, a_dedicated_machine_that_dies_is_started_again_for_its_user)
{
    struct world *w = world_new(6, WARD DEDICATED);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on own-001");
    world_run_s(w, 20);
    machine_kill(world_machine(w, "own-001"), "crashed");
    world_run_s(w, 5);
    EXPECT(world_session(w, "anna") == NULL);
    EXPECT_STR(world_owner(w, "own-001"), "anna");
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on own-001");
    EXPECT_INT(world_machine(w, "own-001")->generation, 1);
    THE_END(w);
}

TEST(hosts, a_spare_that_is_lost_is_replaced)
{
    struct world *w = world_new(7, WARD FLOATING);

    world_run_s(w, 70);
    machine_lose(world_machine(w, "ward-3-001"));
    world_run_s(w, 20);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    THE_END(w);
}

TEST(hosts, late_and_double_events_end_nobodys_session)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world *w = world_new(seed, WARD "pool ward-3 floating image debian max 2 spare 1\n"
                                               "entitle everyone ward-3\n");

        world_host(w, "kvm1")->late = 70;
        world_host(w, "kvm1")->twice = 70;
        world_run_s(w, 70);
        for (int i = 0; i < 6; i++) {
            world_sign_on(w, "t1", i % 2 ? "bob" : "anna", "secret12");
            world_run_s(w, 20);
            SHOWS(w, "t1", i % 2 ? "bob on ward-3-00" : "anna on ward-3-00");
            world_run_s(w, 10);
            SHOWS(w, "t1", i % 2 ? "bob on ward-3-00" : "anna on ward-3-00");
            world_sign_off(w, "t1");
            world_run_s(w, 1);
        }
        list_each (core_all(world_core(w), ENTITY_desktop), node)
            EXPECT(!container_of(entity_of(node), struct desktop, base)->row.quarantined);
        THE_END(w);
    }
}

TEST(hosts, a_failed_start_is_quarantined_and_another_takes_its_place)
{
    struct world *w = world_new(8, WARD FLOATING);

    world_host(w, "kvm1")->fail_starts = 1;
    world_run_s(w, 30);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "quarantined");
    EXPECT_SAYS(world_desktop(w, "ward-3-001")->row.reason, "no room for its memory");
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    THE_END(w);
}

TEST(hosts, three_failures_open_the_breaker_which_says_why_and_closes_by_itself)
{
    struct world *w = world_new(9, WARD FLOATING);
    size_t starts;

    world_host(w, "kvm1")->fail_starts = 1000;
    world_run_s(w, 60);
    EXPECT(world_pool(w, "ward-3")->backoff_until_ms > 0);
    EXPECT_SAYS(world_pool(w, "ward-3")->backoff_why, "no room for its memory");
    starts = hypervisors_count_calls(w->hypervisors, VIRT_start, NULL, 0);
    EXPECT(starts >= 3 && starts <= 5);
    world_run_s(w, 120);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_start, NULL, 0),
               starts); /* it tries nothing meanwhile */

    world_host(w, "kvm1")->fail_starts = 0;
    world_run_s(w, 300);
    EXPECT_INT(world_pool(w, "ward-3")->backoff_until_ms, 0);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    THE_END(w);
}

TEST(hosts, a_machine_that_never_answers_is_quarantined_at_its_limit)
{
    struct world *w =
        world_new(10, WARD "pool ward-3 floating image debian max 4 spare 1 limit 30\n"
                           "entitle everyone ward-3\n");

    world_host(w, "kvm1")->silent_boots = 1;
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 1);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 60);
    SHOWS(w, "t1", "anna on ward-3-00");
    world_run_s(w, 30);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "quarantined");
    THE_END(w);
}

TEST(hosts, a_drained_host_gets_nothing_new_and_keeps_what_it_has)
{
    struct world *w = world_new(11, WARD TWO_HOSTS);
    struct host *kvm1;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 5);
    kvm1 = container_of(core_find_name(world_core(w), ENTITY_host, "kvm1"), struct host, base);
    EXPECT_OK(world_await(w, admin_host_mode(&w->broker->context, world_actor(), kvm1->row.id,
                                             host_mode_DRAIN, world_op(w))));
    world_run_s(w, 30);
    SHOWS(w, "t1", "anna on ward-3-00");
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 20);
    SHOWS(w, "t2", "bob on ward-3-00");
    EXPECT_INT(desktop_find(world_core(w), world_session(w, "bob")->row.desktop_id)->row.host_id !=
                   kvm1->row.id,
               1);
    THE_END(w);
}

TEST(hosts, a_slow_host_is_waited_for_and_asked_once)
{
    struct world *w = world_new(12, WARD FLOATING);

    world_host(w, "kvm1")->slow_ms = 12000;
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 1);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 120);
    SHOWS(w, "t1", "anna on ward-3-00");
    THE_END(w);
}

TEST(hosts, a_list_that_lies_costs_nobody_their_session)
{
    struct world *w = world_new(13, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_machine(w, "ward-3-001")->hidden = true;
    world_host_down(w, "kvm1", true);
    world_run_s(w, 5);
    world_host_down(w, "kvm1", false);
    world_run_s(w, 30);
    /* The list left her machine out, the host itself still knows it when it is asked for it. */
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    EXPECT(world_session(w, "anna") != NULL);
    THE_END(w);
}

TEST(hosts, forwarded_desktops_have_each_their_port)
{
    struct world *w =
        world_new(14, "place ward-3\nhost kvm1 max 20 ports 40000\nimage debian\n"
                      "user anna password secret12\nuser bob password secret12\n"
                      "terminal t1 place ward-3\nterminal t2 place ward-3\n"
                      "pool ward-3 floating image debian max 4 spare 2 address forwarded\n"
                      "entitle everyone ward-3\n");

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 5);
    SHOWS(w, "t1", "anna on ward-3-00");
    SHOWS(w, "t2", "bob on ward-3-00");
    EXPECT(world_terminal(w, "t1")->show.port != world_terminal(w, "t2")->show.port);
    EXPECT(world_terminal(w, "t1")->show.port >= 40000);
    THE_END(w);
}

static int set_host(struct world *w, const char *address, int64_t port_first)
{
    struct row_host row =
        container_of(core_find_name(world_core(w), ENTITY_host, "kvm1"), struct host, base)->row;

    (void)snprintf(row.address, sizeof(row.address), "%s", address);
    row.port_first = port_first;
    row.port_last = port_first ? port_first + 99 : 0;
    return world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_host, &row, world_op(w)));
}

TEST(hosts, forwarded_desktops_follow_their_host_to_its_new_address)
{
    struct world *w =
        world_new(16, "place ward-3\nhost kvm1 max 20 ports 40000\nimage debian\n"
                      "user anna password secret12\nterminal t1 place ward-3\n"
                      "pool ward-3 floating image debian max 1 spare 1 address forwarded\n"
                      "entitle everyone ward-3\n");

    world_run_s(w, 15);
    EXPECT_STR(world_machine(w, "ward-3-001")->address, "127.0.0.1"); /* of a host without one */
    EXPECT_OK(set_host(w, "10.0.0.5", 40000));
    world_run_s(w, 60);
    /* What runs stays where its port is open, until it is started anew. */
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_STR(world_terminal(w, "t1")->show.host, "127.0.0.1");
    world_sign_off(w, "t1"); /* its disk is made anew, and it is started */
    world_run_s(w, 60);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_STR(world_terminal(w, "t1")->show.host, "10.0.0.5");
    EXPECT_STR(world_machine(w, "ward-3-001")->address, "10.0.0.5");
    EXPECT_STR(world_desktop(w, "ward-3-001")->row.address, "10.0.0.5");
    THE_END(w);
}

static int set_ports(struct world *w, int64_t first, int64_t last)
{
    struct row_host row =
        container_of(core_find_name(world_core(w), ENTITY_host, "kvm1"), struct host, base)->row;

    row.port_first = first;
    row.port_last = last;
    return world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_host, &row, world_op(w)));
}

static int add_host(struct world *w, const char *name, const char *address, int64_t first)
{
    struct row_host row = { .port_first = first, .port_last = first + 99 };
    uint64_t id = 0;

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    (void)snprintf(row.uri, sizeof(row.uri), "test://%s/default", name);
    (void)snprintf(row.address, sizeof(row.address), "%s", address);
    return world_await(
        w, admin_add(&w->broker->context, world_actor(), ENTITY_host, &row, &id, world_op(w)));
}

TEST(hosts, forwarded_ports_can_be_opened_and_are_one_hosts)
{
    struct world *w = world_new(19, WARD FLOATING);

    world_run_s(w, 5);
    EXPECT_ERR(set_ports(w, 13500, 13400), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "the first forwarded port (13500) is above the last (13400)");
    EXPECT_ERR(set_ports(w, 0, 13400), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "port_last is 13400; give port_first too");
    EXPECT_ERR(set_ports(w, 1000, 1100), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(),
                "port_first is 1000, but forwarded ports lie between 1024 and 65535");
    EXPECT_OK(set_ports(w, 13400, 13499));
    EXPECT_ERR(add_host(w, "kvm8", "", 13450), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "host 'kvm1' forwards ports 13400 to 13499");
    EXPECT_ERR(add_host(w, "kvm8", "127.0.0.1", 13301), BERTH_E_INVALID);
    EXPECT_OK(add_host(w, "kvm8", "10.0.0.8", 13450));
    EXPECT_OK(add_host(w, "kvm9", "", 13500));
    EXPECT_OK(set_ports(w, 13400, 13499)); /* its own are no obstacle */
    EXPECT_OK(set_ports(w, 0, 0));
    THE_END(w);
}

TEST(hosts, another_hypervisor_is_another_host)
{
    struct world *w = world_new(18, WARD FLOATING);
    struct row_host row;

    world_run_s(w, 15);
    row = container_of(core_find_name(world_core(w), ENTITY_host, "kvm1"), struct host, base)->row;
    (void)snprintf(row.uri, sizeof(row.uri), "qemu+ssh://kvm9/system");
    EXPECT_ERR(world_await(w, admin_set(&w->broker->context, world_actor(), ENTITY_host, &row,
                                        world_op(w))),
               BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "kvm1");
    EXPECT_SAYS(world_await_text(), "another host");
    THE_END(w);
}

TEST(hosts, an_ipv6_address_is_refused_for_forwarded_ports_only)
{
    struct world *w = world_new(17, "host kvm1 max 20 ports 40000\n");

    EXPECT_ERR(set_host(w, "2001:db8::5", 40000), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "IPv4");
    EXPECT_OK(set_host(w, "2001:db8::5", 0));
    EXPECT_ERR(set_host(w, "2001:db8::5", 40000), BERTH_E_INVALID);
    EXPECT_OK(set_host(w, "10.0.0.5", 40000));
    THE_END(w);
}

TEST(hosts, a_refresh_that_a_slow_host_did_not_answer_is_done_again_by_itself)
{
    struct world *w = world_new(15, WARD "pool ward-3 floating image debian max 1 spare 1\n"
                                         "entitle everyone ward-3\n");

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_host(w, "kvm1")->slow_ms = 45000; /* longer than its deadline */
    world_sign_off(w, "t1");
    world_run_s(w, 200);
    world_host(w, "kvm1")->slow_ms = 0;
    world_run_s(w, 240); /* without a sign-on nothing happens */
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    EXPECT(world_machine(w, "ward-3-001")->generation >= 2);
    THE_END(w);
}

TEST_MAIN()
