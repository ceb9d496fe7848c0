/* test_ending.c - sessions end, however long the queue of a host is and whatever it answers, and
 * whatever is in transition has a flow that works on it. */
#include <jansson.h>

#include "core/index.h"
#include "flow/quarantine.h"
#include "flow/release.h"
#include "flow/session_detach.h"

#include "story.h"

#define PEOPLE 16

static const char *name_of(const char *what, int i)
{
    static char names[2 * PEOPLE][16];
    static int next;
    char *name = names[next++ % (2 * PEOPLE)];

    (void)snprintf(name, 16, "%s%02d", what, i);
    return name;
}

/* A ward of many, each with a terminal. */
static struct world *crowd(uint64_t seed, const char *pool)
{
    char lines[8192] = "place ward-3\nhost kvm1 max 40 starting 20\nimage debian\n";

    for (int i = 0; i < PEOPLE; i++) {
        size_t length = strlen(lines);

        (void)snprintf(lines + length, sizeof(lines) - length,
                       "user %s password secret12\nterminal %s place ward-3\n", name_of("p", i),
                       name_of("t", i));
    }
    (void)snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "%s", pool);
    return world_new(seed, lines);
}

static int living(struct world *w)
{
    int count = 0;

    list_each (index_list(world_core(w), SESSIONS_OF_POOL, world_pool(w, "ward-3")->row.id), node)
        count++;
    return count;
}

static void everybody_signs_on(struct world *w)
{
    for (int i = 0; i < PEOPLE; i++)
        world_sign_on(w, name_of("t", i), name_of("p", i), "secret12");
    world_run_s(w, 90);
    EXPECT_INT(living(w), PEOPLE);
}

TEST(ending, all_of_a_shift_sign_off_at_once_and_each_gets_to_the_end)
{
    struct world *w = crowd(1, "pool ward-3 floating image debian max 20 spare 18\n"
                               "entitle everyone ward-3\n");

    world_run_s(w, 70);
    everybody_signs_on(w);
    world_host(w, "kvm1")->agent_ms = 6000; /* two at a time: the last waits for most of a minute */
    for (int i = 0; i < PEOPLE; i++)
        world_sign_off(w, name_of("t", i));
    world_run_s(w, 240);
    EXPECT_INT(living(w), 0);
    world_host(w, "kvm1")->agent_ms = 0;
    world_run_s(w, 60);
    world_sign_on(w, name_of("t", 15), name_of("p", 15), "secret12");
    world_run_s(w, 20);
    EXPECT(shows_desktop_now(world_terminal(w, name_of("t", 15))));
    THE_END(w);
}

#define KEEPS                                                        \
    "pool ward-3 floating image debian max 3 spare 1 release keep\n" \
    "entitle everyone ward-3\n"

TEST(ending, a_guest_that_never_answers_is_switched_off_and_its_place_is_free)
{
    struct world *w = world_new(2, WARD KEEPS);
    const struct machine *machine;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    machine = world_machine(w, "ward-3-001");
    world_machine(w, "ward-3-001")->agent_silent = true;
    world_sign_off(w, "t1");
    world_run_s(w, 120);
    EXPECT(!world_session(w, "anna"));
    EXPECT_STR(world_owner(w, "ward-3-001"), "");
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_stop, machine->uuid, 0), 1);
    EXPECT(!world_desktop(w, "ward-3-001")->row.quarantined);
    THE_END(w);
}

/* The password was taken, and then the guest hangs: what it still runs is not the next person's. */
TEST(ending, a_guest_that_hangs_at_the_sign_off_is_not_handed_on_as_it_is)
{
    struct world *w = world_new(3, WARD KEEPS);
    struct session *session;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    session = world_session(w, "anna");
    world_sign_off(w, "t1");
    PASS_UNTIL(w, 1, session->flow && strcmp(flow_step_name(session->flow), "sign-off") == 0);
    world_machine(w, "ward-3-001")->agent_silent = true;
    world_run_s(w, 120);
    EXPECT(!world_session(w, "anna"));
    EXPECT_INT(
        hypervisors_count_calls(w->hypervisors, VIRT_stop, world_machine(w, "ward-3-001")->uuid, 0),
        1);
    THE_END(w);
}

static uint64_t flow_of_kind(struct world *w, const char *kind)
{
    list_each (&w->broker->context.engine.flows, node) {
        const struct flow *flow = list_entry(node, struct flow, node);

        if (strcmp(flow->kind->name, kind) == 0)
            return flow->id;
    }
    return 0;
}

TEST(ending, what_must_come_to_its_end_is_not_called_off)
{
    struct world *w = world_new(4, WARD FLOATING);
    struct berth_error error = { 0 };

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_host(w, "kvm1")->agent_ms = 3000;
    world_sign_off(w, "t1");
    world_run_s(w, 1);
    EXPECT(flow_of_kind(w, "release") != 0);
    EXPECT_ERR(
        admin_flow_cancel(&w->broker->context, world_actor(), flow_of_kind(w, "release"), &error),
        BERTH_E_STATE);
    EXPECT_SAYS(error.text, "cannot be cancelled");
    world_run_s(w, 60);
    EXPECT(!world_session(w, "anna"));
    EXPECT_ERR(admin_flow_cancel(&w->broker->context, world_actor(), 4711, &error),
               BERTH_E_NOT_FOUND);
    THE_END(w);
}

/* Whatever ends the flow, the session is not left to itself. */
TEST(ending, a_release_that_fails_is_begun_again)
{
    struct world *w = world_new(5, WARD FLOATING);
    struct session *session;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    session = world_session(w, "anna");
    world_host(w, "kvm1")->agent_ms = 3000;
    world_sign_off(w, "t1");
    world_run_s(w, 1);
    flow_cancel(session->flow, BERTH_E_INTERNAL, "a fault of the broker's own");
    EXPECT(!session->flow);
    EXPECT(timer_armed(&session->release_retry));
    world_run_s(w, 60);
    EXPECT(!world_session(w, "anna"));
    THE_END(w);
}

TEST(ending, a_sign_off_that_the_broker_forgot_goes_on_after_its_restart)
{
    struct world *w = world_new(6, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_host(w, "kvm1")->agent_ms = 3000;
    world_sign_off(w, "t1");
    world_run_s(w, 1);
    world_crash(w);
    world_restart(w);
    world_run_s(w, 60);
    EXPECT(!world_session(w, "anna"));
    THE_END(w);
}

/* After a start nothing is destroyed for a while: a guest that is silent then may be on its way up.
 */
TEST(ending, a_guest_that_is_silent_after_a_restart_is_given_the_recovery_window)
{
    struct world *w = world_new(8, WARD DEDICATED);
    struct machine *machine;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on own-001");
    machine = world_machine(w, "own-001");
    machine->agent_silent = true;
    world_sign_off(w, "t1");
    world_run_ms(w, 500);
    world_crash(w);
    world_restart(w);
    world_run_ms(w, w->recovery_ms - 100);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_stop, machine->uuid, 0), 0);
    EXPECT(world_session(w, "anna"));
    world_run_s(w, 20);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_stop, machine->uuid, 0), 1);
    EXPECT(!world_session(w, "anna"));
    THE_END(w);
}

/* As without the restart: the sign-off's own patience, then the machine is switched off. The start
 * limit is of machines that start.
 */
TEST(ending, a_guest_that_is_silent_after_a_restart_is_no_fault_of_its_machine)
{
    struct world *w = world_new(41, WARD KEEPS);
    struct machine *machine;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    machine = world_machine(w, "ward-3-001");
    machine->agent_silent = true;
    world_sign_off(w, "t1");
    world_run_ms(w, 500);
    world_crash(w);
    world_restart(w);
    world_run_ms(w, w->recovery_ms - 100);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_stop, machine->uuid, 0), 0);
    EXPECT(world_session(w, "anna"));
    world_run_s(w, 20);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_stop, machine->uuid, 0), 1);
    EXPECT(!world_session(w, "anna"));
    world_run_s(w, 120);
    EXPECT(!world_desktop(w, "ward-3-001")->row.quarantined);
    THE_END(w);
}

TEST(ending, a_guest_that_is_silent_after_a_restart_goes_with_its_disk_by_policy)
{
    struct world *w = world_new(42, WARD FLOATING);
    struct machine *machine;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    machine = world_machine(w, "ward-3-001");
    world_host(w, "kvm1")->agent_ms = 3000; /* the broker dies before it has an answer */
    machine->agent_silent = true;
    world_sign_off(w, "t1");
    world_run_s(w, 1);
    EXPECT_INT(machine->generation, 1);
    world_crash(w);
    world_host(w, "kvm1")->agent_ms = 0;
    world_restart(w);
    world_run_ms(w, w->recovery_ms - 100);
    EXPECT_INT(machine->generation, 1); /* nothing is destroyed in the recovery window */
    world_run_s(w, 20);
    EXPECT(!world_session(w, "anna"));
    EXPECT_INT(machine->generation, 2);
    world_run_s(w, 120);
    EXPECT(!world_desktop(w, "ward-3-001")->row.quarantined);
    EXPECT(!world_desktop(w, "ward-3-001")->row.dirty);
    THE_END(w);
}

TEST(ending, a_guest_that_speaks_again_in_the_recovery_window_is_not_switched_off)
{
    struct world *w = world_new(9, WARD KEEPS);
    struct machine *machine;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    machine = world_machine(w, "ward-3-001");
    machine->agent_silent = true;
    world_sign_off(w, "t1");
    world_run_ms(w, 500);
    world_crash(w);
    world_restart(w);
    world_run_s(w, 40);
    machine->agent_silent = false;
    world_run_s(w, 10);
    EXPECT(!world_session(w, "anna"));
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_stop, machine->uuid, 0), 0);
    THE_END(w);
}

/* A host that goes and comes back while it is being listed. */
TEST(ending, a_host_that_came_back_in_the_midst_of_its_list_is_listed_again)
{
    struct world *w = world_new(7, WARD FLOATING);
    struct host *host;

    world_run_s(w, 70);
    host = container_of(core_find_name(world_core(w), ENTITY_host, "kvm1"), struct host, base);
    for (int i = 0; i < 5; i++) {
        world_host_down(w, "kvm1", true);
        world_run_s(w, 3);
        world_host_down(w, "kvm1", false);
        PASS_UNTIL(w, 1, host->state == host_OPENING);
        flow_cancel(host->inventory, BERTH_E_INTERNAL, "a fault of the broker's own");
        EXPECT_INT(host->state, host_OPENING);
        world_run_s(w, 10);
        EXPECT_INT(host->state, host_UP);
    }
    THE_END(w);
}

/* Each of the two calls has its own three tries. */
TEST(ending, a_guest_that_was_slow_to_take_a_password_may_be_slow_to_sign_off)
{
    struct world *w = world_new(40, WARD "pool ward-3 floating image debian max 1 spare 1 "
                                         "release keep\n"
                                         "entitle everyone ward-3\n");
    struct machine *machine;
    struct secret known;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    machine = world_machine(w, "ward-3-001");
    known = machine->password;
    machine->agent_silent = true;
    world_sign_off(w, "t1");
    world_run_ms(w, 3500); /* two passwords refused */
    machine->agent_silent = false;
    for (int i = 0; i < 3000 && strcmp(machine->password.text, known.text) == 0; i++)
        world_run_ms(w, 1);
    EXPECT(strcmp(machine->password.text, known.text) != 0);
    machine->agent_silent = true;
    world_run_ms(w, 1000); /* and a sign-off */
    machine->agent_silent = false;
    world_run_s(w, 20);
    EXPECT(!world_session(w, "anna"));
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_stop, NULL, 0), 0);
    EXPECT(machine->running);
    THE_END(w);
}

/* ---- what a used desktop owes to the next person ---- */

#define SINGLE                                          \
    "pool ward-3 floating image debian max 1 spare 1\n" \
    "entitle everyone ward-3\n"

static void set_release(struct world *w, enum pool_release release)
{
    struct row_pool row = world_pool(w, "ward-3")->row;

    row.release = release;
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row, world_op(w))));
}

/* Anna works on the only desktop. */
static struct world *at_work(uint64_t seed, const char *pool)
{
    struct world *w = world_new(seed, pool);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    return w;
}

/* Her session ends, and its host, which is away, cannot make its disk anew yet. */
static void leaves_while_the_host_is_away(struct world *w)
{
    world_host_down(w, "kvm1", true);
    world_sign_off(w, "t1");
    world_run_s(w, 20);
    EXPECT(!world_session(w, "anna"));
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 1);
}

static void bob_gets_a_new_disk(struct world *w)
{
    world_host_down(w, "kvm1", false);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 2);
    THE_END(w);
}

TEST(ending, a_refresh_that_waits_is_owed_also_by_a_pool_that_keeps_from_now_on)
{
    struct world *w = at_work(60, WARD SINGLE);

    leaves_while_the_host_is_away(w);
    set_release(w, pool_release_KEEP);
    bob_gets_a_new_disk(w);
}

TEST(ending, a_refresh_that_waits_is_owed_also_after_a_restart)
{
    struct world *w = at_work(61, WARD SINGLE);

    leaves_while_the_host_is_away(w);
    set_release(w, pool_release_KEEP);
    world_crash(w);
    world_restart(w);
    world_run_s(w, 70);
    bob_gets_a_new_disk(w);
}

/* Who came when the pool made disks anew leaves nothing to others, whatever it does by then. */
TEST(ending, a_pool_that_keeps_from_now_on_refreshes_what_was_taken_before)
{
    struct world *w = at_work(62, WARD SINGLE);

    set_release(w, pool_release_KEEP);
    leaves_while_the_host_is_away(w);
    bob_gets_a_new_disk(w);
}

TEST(ending, a_session_that_ends_while_the_pool_refreshes_owes_it)
{
    struct world *w = at_work(63, WARD "pool ward-3 floating image debian max 1 spare 1 "
                                       "release keep\n"
                                       "entitle everyone ward-3\n");

    set_release(w, pool_release_REFRESH);
    leaves_while_the_host_is_away(w);
    set_release(w, pool_release_KEEP);
    bob_gets_a_new_disk(w);
}

/* Only what was owed: from then on the pool keeps. */
TEST(ending, a_refresh_is_owed_once)
{
    struct world *w = at_work(64, WARD SINGLE);

    set_release(w, pool_release_KEEP);
    world_sign_off(w, "t1");
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 2);
    world_sign_off(w, "t2");
    world_sign_on(w, "t3", "carl", "secret12");
    EVENTUALLY(w, "t3", "carl on ward-3-001");
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 2);
    THE_END(w);
}

/* ---- long reasons ---- */

/* Cut it is, visibly, and no character of two bytes is halved. */
static void expect_cut(const char *text)
{
    size_t size = strlen(text);
    json_t *json = json_string(text);

    if (!json || size < 4 || strcmp(text + size - 3, "...") != 0)
        fail_msg("'%s' is not cut after a whole character", text);
    json_decref(json);
}

/* Three long reasons, one after the other: why it came off its screen, why it ends, and why its
 * desktop is in quarantine. */
static void tell_at_length(struct world *w, const char *why)
{
    struct context *context = &w->broker->context;
    const struct ending ending = { .action = "session.sign_off",
                                   .reason = "signed-off",
                                   .why = why,
                                   .actor = "admin",
                                   .role = "operator" };

    session_detach_retried(context, world_session(w, "anna"), "limit", why);
    world_run_s(w, 2);
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    expect_cut(world_session(w, "anna")->row.reason);
    world_host(w, "kvm1")->agent_ms = 3000;
    session_end_retried(context, world_session(w, "anna")->row.id, &ending);
    world_run_s(w, 1);
    EXPECT_INT(world_session(w, "anna")->row.state, session_ENDING);
    expect_cut(world_session(w, "anna")->row.reason);
    desktop_quarantine(context, world_desktop(w, "ward-3-001"), why);
    world_run_s(w, 2);
    expect_cut(world_desktop(w, "ward-3-001")->row.reason);
    expect_cut(world_desktop(w, "ward-3-001")->reason);
}

TEST(ending, a_long_reason_is_cut_after_a_whole_character)
{
    char why[402] = "n";

    for (size_t i = 1; i + 2 < sizeof(why); i += 2)
        memcpy(why + i, "\xc3\xa4", 3);
    for (int shift = 0; shift < 2; shift++) {
        struct world *w = world_new(65, WARD FLOATING);

        world_run_s(w, 70);
        world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        tell_at_length(w, why + shift);
        THE_END(w);
    }
}

TEST_MAIN()
