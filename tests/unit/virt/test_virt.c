/* test_virt.c - the whole module with real processes: berth-virt, and a libvirtd that is killed and
 * stopped. */
#include "daemon.h"
#include "world.h"

#define PASSWORD "marker-correct-horse"

static const char template[] =
    "<domain type='test'><name>x</name><memory unit='MiB'>16</memory><os><type>hvm</type></os>"
    "<devices><disk type='file' device='disk'><source file='/x'/><target "
    "dev='vda'/></disk></devices>"
    "</domain>";

static char template_file[40];

/* The module with a template on disk. */
static struct world *template_world(const char *uri)
{
    int file;

    (void)snprintf(template_file, sizeof(template_file), "/tmp/berth-template-XXXXXX");
    file = mkstemp(template_file);
    EXPECT(file >= 0 && write(file, template, strlen(template)) > 0 && close(file) == 0);
    return world_new(uri);
}

static void template_world_free(struct world *world)
{
    world_free(world);
    (void)unlink(template_file);
}

static struct virt_args machine(int number)
{
    struct virt_args args = { .desktop_id = (uint64_t)number + 1,
                              .pool = "ward-3",
                              .storage = "default-pool",
                              .image = "/default-pool/golden.qcow2",
                              .account = "desk" };

    (void)snprintf(args.uuid, sizeof(args.uuid), "01234567-89ab-4def-8123-%012d", number);
    (void)snprintf(args.name, sizeof(args.name), "ward-3-%d", number);
    (void)snprintf(args.volume, sizeof(args.volume), "berth-%d.qcow2", number);
    (void)snprintf(args.template, sizeof(args.template), "%s", template_file);
    return args;
}

/* Begin many calls at once and wait for all; milliseconds. */
static int64_t ask_many(struct world *world, enum virt_call call, int count, int wanted)
{
    struct asked *all = berth_new_array(struct asked, (size_t)count);
    int64_t began = clock_mono_ms();

    for (int i = 0; i < count; i++) {
        struct virt_args args = machine(i);
        EXPECT_OK(begin(world, call, &args, &all[i]));
    }
    for (int i = 0; i < count; i++) {
        AWAIT(world, all[i].done);
        EXPECT_INT(all[i].result, wanted);
    }
    free(all);
    return clock_mono_ms() - began;
}

TEST(virt, two_hundred_desktops_on_the_test_driver)
{
    enum { COUNT = 200 };
    struct world *world = template_world("test:///default");
    struct virt_args none = { 0 };
    int64_t took;
    struct asked listed;

    AWAIT(world, world->up);
    EXPECT(world->facts.capabilities & VIRT_CAN_EVENTS);
    EXPECT_SAYS(world->facts.text, "TEST");
    took = ask_many(world, VIRT_create, COUNT, 0);
    print_message("create %d: %d ms\n", COUNT, (int)took);
    took = ask_many(world, VIRT_start, COUNT, 0);
    print_message("start %d: %d ms\n", COUNT, (int)took);
    listed = ask(world, VIRT_list, &none);
    EXPECT_INT(listed.ret.count, COUNT);
    EXPECT_INT(world->listed, COUNT);
    EXPECT_INT(world->running, COUNT);
    AWAIT(world, world->started == COUNT);
    took = ask_many(world, VIRT_delete, COUNT, 0);
    print_message("delete %d: %d ms\n", COUNT, (int)took);
    AWAIT(world, world->undefined == COUNT);
    EXPECT_INT(facts(world).in_flight, 0);
    template_world_free(world);
}

TEST(virt, answers_and_refusals_are_told_apart)
{
    struct world *world = template_world("test:///default");
    struct virt_args args = machine(1);
    struct asked asked;
    struct asked early;

    EXPECT_ERR(begin(world, VIRT_start, &args, &early), BERTH_E_HOST_DOWN); /* not up yet */
    EXPECT_SAYS(early.op.error.text, "kvm2");
    AWAIT(world, world->up);
    asked = ask(world, VIRT_start, &args);
    EXPECT_ERR(asked.result, BERTH_E_NOT_FOUND);
    EXPECT_SAYS(asked.op.error.text, "host kvm2: ");
    EXPECT_OK(ask(world, VIRT_create, &args).result);
    EXPECT_OK(ask(world, VIRT_start, &args).result);
    asked = ask(world, VIRT_inspect, &args);
    EXPECT(asked.ret.known && asked.ret.running);
    EXPECT_ERR(ask(world, VIRT_agent_ping, &args).result, BERTH_E_UNSUPPORTED);
    EXPECT(secret_set(&args.secret, PASSWORD, strlen(PASSWORD)));
    EXPECT_OK(ask(world, VIRT_password, &args).result);
    template_world_free(world);
}

TEST(virt, actions_on_one_machine_take_turns_in_the_order_given)
{
    static const enum virt_call life[] = { VIRT_create, VIRT_start, VIRT_refresh, VIRT_start,
                                           VIRT_stop,   VIRT_start, VIRT_delete };
    struct world *world = template_world("test:///default");
    struct virt_args args = machine(1);
    static struct asked all[BERTH_COUNT(life)];

    AWAIT(world, world->up);
    for (size_t i = 0; i < BERTH_COUNT(life); i++)
        EXPECT_OK(begin(world, life[i], &args, &all[i]));
    for (size_t i = 0; i < BERTH_COUNT(life); i++) {
        AWAIT(world, all[i].done);
        EXPECT_OK(all[i].result);
    }
    AWAIT(world, world->undefined == 2); /* a refresh defines it anew */
    EXPECT_INT(world->started, 3);
    EXPECT_INT(world->stopped, 3);
    template_world_free(world);
}

TEST(virt, what_somebody_waits_for_goes_before_the_rest)
{
    enum { COUNT = 60, WANTED = COUNT - 1 };
    struct world *world = template_world("test:///default");
    static struct asked all[COUNT + 1];
    int before = 0;

    AWAIT(world, world->up);
    for (int i = 0; i < COUNT; i++) {
        struct virt_args args = machine(i);

        EXPECT_OK(begin(world, VIRT_create, &args, &all[i]));
    }
    struct virt_args wanted = machine(WANTED);

    EXPECT_OK(begin(world, VIRT_start, &wanted, &all[COUNT]));
    virt_prioritise(world->virt, HOST, wanted.uuid);
    AWAIT(world, all[COUNT].done);
    EXPECT_OK(all[COUNT].result); /* created before it was started: its own order stayed */
    for (int i = 0; i < WANTED; i++)
        before += all[i].done;
    EXPECT(before < WANTED);
    AWAIT(world, facts(world).in_flight == 0);
    template_world_free(world);
}

TEST(virt, what_was_not_sent_can_be_called_off)
{
    enum { COUNT = 20 };
    struct world *world = template_world("test:///default");
    static struct asked all[COUNT];

    AWAIT(world, world->up);
    for (int i = 0; i < COUNT; i++) {
        struct virt_args args = machine(i);
        EXPECT_OK(begin(world, VIRT_create, &args, &all[i]));
    }
    for (int i = 0; i < COUNT; i++)
        op_cancel(&all[i].op);
    AWAIT(world, facts(world).in_flight == 0);
    for (int i = 0; i < COUNT; i++) {
        struct virt_args args = machine(i);

        EXPECT(!all[i].done);
        /* The first few were on their way already: their outcome is asked for, as a flow does. */
        EXPECT_INT(ask(world, VIRT_inspect, &args).ret.known, i < 3);
    }
    template_world_free(world);
}

TEST(virt, a_killed_process_is_replaced_and_its_calls_have_an_unknown_outcome)
{
    struct daemon daemon;
    struct world *world;
    struct virt_args args;
    struct asked asked;

    daemon_start(&daemon);
    world = template_world(daemon.uri);
    args = machine(1);
    AWAIT(world, world->up);
    EXPECT_OK(ask(world, VIRT_create, &args).result);

    (void)kill(daemon.pid, SIGSTOP); /* so that the call is in flight for sure */
    EXPECT_OK(begin(world, VIRT_start, &args, &asked));
    loop_turn(&world->loop, 50);
    (void)kill(facts(world).pid, SIGKILL);
    AWAIT(world, asked.done);
    EXPECT_ERR(asked.result, BERTH_E_UNKNOWN_OUTCOME);
    EXPECT(!world->up);
    EXPECT_ERR(begin(world, VIRT_start, &args, &asked), BERTH_E_HOST_DOWN);
    (void)kill(daemon.pid, SIGCONT);

    /* The next one finds out: the machine is known, and starting it is safe to repeat. */
    AWAIT(world, world->up);
    EXPECT_INT(facts(world).starts, 2);
    EXPECT(ask(world, VIRT_inspect, &args).ret.known);
    EXPECT_OK(ask(world, VIRT_start, &args).result);
    template_world_free(world);
    daemon_stop(&daemon);
}

TEST(virt, a_stopped_process_is_noticed_and_replaced)
{
    struct world *world = template_world("test:///default");
    int64_t took;
    int pid;

    AWAIT(world, world->up);
    pid = facts(world).pid;
    (void)kill(pid, SIGSTOP);
    took = AWAIT(world, !world->up);
    print_message("noticed after %d ms\n", (int)took);
    EXPECT_SAYS(world->reason, "does not answer");
    AWAIT(world, world->up);
    EXPECT(facts(world).pid != pid);
    EXPECT(kill(pid, 0) < 0); /* it was killed, and reaped */
    template_world_free(world);
}

TEST(virt, a_killed_daemon_is_noticed_and_its_host_comes_back)
{
    struct daemon daemon;
    struct world *world;
    struct virt_args args;
    int64_t took;
    int pid;

    daemon_start(&daemon);
    world = template_world(daemon.uri);
    args = machine(1);
    AWAIT(world, world->up);
    pid = facts(world).pid;
    EXPECT_OK(ask(world, VIRT_create, &args).result);
    daemon_kill(&daemon);
    took = AWAIT(world, !world->up);
    print_message("noticed after %d ms\n", (int)took);
    EXPECT_SAYS(world->reason, "ended");
    daemon_run(&daemon);
    took = AWAIT(world, world->up);
    print_message("back after %d ms\n", (int)took);
    EXPECT_INT(facts(world).pid, pid); /* the process itself was not at fault */
    EXPECT_OK(ask(world, VIRT_create, &args).result);
    template_world_free(world);
    daemon_stop(&daemon);
}

TEST(virt, a_stopped_daemon_is_adopted_again_with_its_machines)
{
    struct daemon daemon;
    struct world *world;
    struct virt_args args;
    struct virt_args none = { 0 };
    struct asked asked;
    int64_t took;

    daemon_start(&daemon);
    world = template_world(daemon.uri);
    args = machine(1);
    AWAIT(world, world->up);
    EXPECT_OK(ask(world, VIRT_create, &args).result);
    EXPECT_OK(ask(world, VIRT_start, &args).result);

    (void)kill(daemon.pid, SIGSTOP);
    EXPECT_OK(begin(world, VIRT_inspect, &args, &asked));
    took = AWAIT(world, asked.done); /* by its deadline of 3 s */
    EXPECT_ERR(asked.result, BERTH_E_UNKNOWN_OUTCOME);
    print_message("deadline after %d ms\n", (int)took);
    took += AWAIT(world, !world->up);
    print_message("noticed after %d ms\n", (int)took);
    (void)kill(daemon.pid, SIGCONT);
    AWAIT(world, world->up);
    EXPECT_INT(ask(world, VIRT_list, &none).ret.count, 1);
    EXPECT_INT(world->running, 1);
    EXPECT(ask(world, VIRT_inspect, &args).ret.running);
    template_world_free(world);
    daemon_stop(&daemon);
}

TEST(virt, a_host_that_is_not_there_says_why_and_comes_when_it_comes)
{
    struct daemon daemon;
    struct world *world;

    daemon_start(&daemon);
    daemon_kill(&daemon);
    world = template_world(daemon.uri);
    AWAIT(world, world->downs > 0);
    EXPECT_SAYS(world->reason, "cannot connect to 'test+unix:///default?socket=/tmp/berth-daemon-");
    EXPECT_SAYS(world->reason, ": Failed to connect socket to ");
    daemon_run(&daemon);
    AWAIT(world, world->up);
    template_world_free(world);
    daemon_stop(&daemon);
}

/* "The connection ended" is what happened; why it does not come back is what helps. */
TEST(virt, a_host_that_stays_away_says_why_it_cannot_be_reached)
{
    struct daemon daemon;
    struct world *world;

    daemon_start(&daemon);
    world = template_world(daemon.uri);
    AWAIT(world, world->up);
    daemon_kill(&daemon);
    AWAIT(world, !world->up);
    AWAIT(world, strstr(world->reason, ": Failed to connect socket to ") != NULL);
    EXPECT_INT(world->downs, 2); /* each reason is told once */
    template_world_free(world);
    daemon_stop(&daemon);
}

TEST(virt, machines_that_others_change_are_heard_of)
{
    struct daemon daemon;
    struct world *world;
    struct virt_args args;
    virDomainPtr domain;

    daemon_start(&daemon);
    world = template_world(daemon.uri);
    args = machine(1);
    AWAIT(world, world->up);
    EXPECT_OK(ask(world, VIRT_create, &args).result);
    domain = virDomainLookupByUUIDString(daemon.held, args.uuid);
    EXPECT_OK(virDomainCreate(domain));
    AWAIT(world, world->started == 1);
    EXPECT_STR(world->last.uuid, args.uuid);
    EXPECT(world->last.running);
    EXPECT_OK(virDomainDestroy(domain));
    AWAIT(world, world->stopped == 1);
    EXPECT_STR(world->last.reason, "destroyed");
    (void)virDomainFree(domain);
    template_world_free(world);
    daemon_stop(&daemon);
}

TEST(virt, a_host_taken_out_of_use_answers_what_waits)
{
    enum { COUNT = 10 };
    struct world *world = template_world("test:///default");
    static struct asked all[COUNT];
    int unknown = 0;

    AWAIT(world, world->up);
    for (int i = 0; i < COUNT; i++) {
        struct virt_args args = machine(i);
        EXPECT_OK(begin(world, VIRT_create, &args, &all[i]));
    }
    virt_host_stop(world->virt, HOST);
    for (int i = 0; i < COUNT; i++) {
        EXPECT(all[i].done);
        unknown += all[i].result == BERTH_E_UNKNOWN_OUTCOME;
    }
    EXPECT_INT(unknown, 3); /* those that had been sent */
    EXPECT_ERR(begin(world, VIRT_list, &(struct virt_args){ 0 }, &all[0]), BERTH_E_HOST_DOWN);
    template_world_free(world);
}

static struct asked look_at(struct world *world, const char *file, bool forwarded)
{
    static struct asked asked;

    asked = (struct asked){ 0 };
    op_init(&asked.op, &world->loop.timers, asked_done);
    EXPECT_OK(virt_check_template(world->virt, file, forwarded, &asked.op));
    EXPECT(!asked.done);
    AWAIT(world, asked.done);
    return asked;
}

TEST(virt, a_template_is_looked_at_without_any_host)
{
    struct world *world = template_world("test:///nonexistent");
    struct asked asked;
    int file;

    EXPECT_OK(look_at(world, template_file, false).result);
    asked = look_at(world, template_file, true);
    EXPECT_ERR(asked.result, BERTH_E_INVALID); /* nothing to forward a port with */
    EXPECT_SAYS(asked.op.error.text, "forward");
    asked = look_at(world, "/nonexistent/t.xml", false);
    EXPECT_ERR(asked.result, BERTH_E_INVALID);
    EXPECT_SAYS(asked.op.error.text, "/nonexistent/t.xml");
    EXPECT_SAYS(asked.op.error.text, "No such file");
    file = open(template_file, O_WRONLY | O_TRUNC | O_CLOEXEC);
    EXPECT(file >= 0 && write(file, "<domain>", 8) == 8 && close(file) == 0);
    asked = look_at(world, template_file, false);
    EXPECT_ERR(asked.result, BERTH_E_INVALID);
    EXPECT_SAYS(asked.op.error.text, template_file);
    op_init(&asked.op, &world->loop.timers, asked_done);
    EXPECT_OK(virt_check_template(world->virt, template_file, false, &asked.op));
    template_world_free(world); /* one under way is ended and waited for */
}

TEST(virt, a_program_that_is_not_there_is_said)
{
    struct world *world = berth_new(struct world);
    struct virt_listener listener = { .host = on_host, .machine = on_machine, .context = world };

    EXPECT_OK(loop_init(&world->loop, NULL));
    world->virt = virt_new(&world->loop, "/nonexistent/berth-virt", &listener);
    virt_host_start(world->virt, HOST, "kvm2", "test:///default");
    AWAIT(world, world->downs > 0);
    EXPECT_SAYS(world->reason, "/nonexistent/berth-virt");
    world_free(world);
}

TEST_MAIN()
