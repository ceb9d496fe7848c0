/* virt_qemu.c - every call of module virt on a real guest under QEMU, also when libvirtd or the
 * guest hangs.
 *
 * Run by virt.sh and virt_session.sh, which set BERTH_TEST_URI, _IMAGE (folder), _TEMPLATE,
 * _ACCOUNT, _RESTART (a command that starts the daemon again), _DAEMON_PID, _ADDRESS (of this
 * machine, not 127.0.0.1) and _PORT. All tests use one guest, in the order of the file.
 */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>

#include "rdp/probe_setup.h"
#include "unit/virt/world.h"

#define UUID "01234567-89ab-4def-8123-0000000000e2"
#define NAME "berth-e2e"
#define VOLUME "berth-e2e.qcow2"

static struct world *world;
static struct virt_args args;
static char fingerprint[72];
static unsigned starts; /* of berth-virt, when the host was up: a slow machine needs several */

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    if (!value)
        fail_msg("%s is not set: run tests/e2e/virt.sh", name);
    return value;
}

static void note(const char *what, int64_t ms)
{
    print_message("%-42s %6d ms\n", what, (int)ms);
}

/* Ask, expect this result, print the time. */
static struct asked timed(const char *what, enum virt_call call, int wanted)
{
    int64_t began = clock_mono_ms();
    struct asked asked;

    asked = ask(world, call, &args);
    if (asked.result != wanted)
        fail_msg("%s: %s", what, berth_error_text(&asked.op.error));
    note(what, clock_mono_ms() - began);
    return asked;
}

/* One probe; 0 and the fingerprint when the desktop is ready. */
struct probing {
    struct op op;
    bool done;
    int result;
    struct probe_result ret;
};

static void probed(struct op *op, int result)
{
    struct probing *probing = container_of(op, struct probing, op);

    probing->done = true;
    probing->result = result;
}

/* Until it is ready; milliseconds. */
static int64_t until_ready(char learnt[72])
{
    struct probe *probe = probe_new(&world->loop);
    int64_t began = clock_mono_ms();
    struct probing probing = { .result = -1 };

    while (probing.result < 0 && clock_mono_ms() - began < test_wait_limit_ms()) {
        probing.done = false;
        op_init(&probing.op, &world->loop.timers, probed);
        EXPECT_OK(probe_begin(probe,
                              &(struct probe_target){ .address = args.forward_address,
                                                      .port = (int)args.forward_port },
                              &probing.ret, &probing.op));
        AWAIT(world, probing.done);
        for (int i = 0; i < 10 && probing.result < 0; i++)
            loop_turn(&world->loop, 20);
    }
    EXPECT_OK(probing.result);
    (void)snprintf(learnt, 72, "%s", probing.ret.fingerprint);
    probe_free(probe);
    return clock_mono_ms() - began;
}

/* The QEMU process of our guest: by its name, in our network, because the same test may run for
 * another account at the same time. The pattern does not match the command line of the shell that
 * searches. */
static pid_t qemu_pid(void)
{
    char command[96];
    FILE *found;
    int pid = 0, another = 0;

    (void)snprintf(command, sizeof(command),
                   "pgrep --ns %d --nslist net -f -- '[-]name guest=" NAME "'", (int)getpid());
    found = popen(command, "re");
    EXPECT(found && fscanf(found, "%d", &pid) == 1);
    EXPECT(fscanf(found, "%d", &another) != 1);
    (void)pclose(found);
    return pid;
}

/* Tests that do not depend on the account run once: each needs the boot of a guest. */
static void skip_unless_all(void)
{
    if (getenv("BERTH_TEST_RIGHTS_ONLY"))
        skip(); /* virt.sh runs it, on the same guest and libvirt */
}

TEST(qemu, the_host_is_up_and_can_everything)
{
    world = world_new(setting("BERTH_TEST_URI"));
    note("host up", AWAIT(world, world->up));
    starts = facts(world).starts;
    EXPECT_INT(world->facts.capabilities, VIRT_CAN_AGENT | VIRT_CAN_STORAGE | VIRT_CAN_EVENTS |
                                              VIRT_CAN_PASSWORD | VIRT_CAN_LEASE);
    print_message("%s, %d MiB\n", world->facts.text, (int)world->facts.memory_mib);

    args = (struct virt_args){ .uuid = UUID,
                               .name = NAME,
                               .desktop_id = 42,
                               .pool = "e2e",
                               .storage = "berth",
                               .volume = VOLUME,
                               .address = pool_address_FORWARDED };
    args.forward_port = atol(setting("BERTH_TEST_PORT"));
    (void)snprintf(args.forward_address, sizeof(args.forward_address), "%s",
                   setting("BERTH_TEST_ADDRESS"));
    (void)snprintf(args.image, sizeof(args.image), "%s/desktop.qcow2", setting("BERTH_TEST_IMAGE"));
    (void)snprintf(args.kernel, sizeof(args.kernel), "%s/vmlinuz", setting("BERTH_TEST_IMAGE"));
    (void)snprintf(args.initrd, sizeof(args.initrd), "%s/initrd.img", setting("BERTH_TEST_IMAGE"));
    (void)snprintf(args.template, sizeof(args.template), "%s", setting("BERTH_TEST_TEMPLATE"));
    (void)snprintf(args.account, sizeof(args.account), "%s", setting("BERTH_TEST_ACCOUNT"));
}

TEST(qemu, from_nothing_to_a_ready_desktop)
{
    int64_t began;

    (void)timed("create (clone and define)", VIRT_create, 0);
    (void)timed("create again", VIRT_create, 0);
    began = clock_mono_ms();
    (void)timed("start", VIRT_start, 0);
    AWAIT(world, world->started == 1);
    (void)timed("start again", VIRT_start, 0);
    (void)until_ready(fingerprint);
    note("start to RDP answer", clock_mono_ms() - began);
    AWAIT(world, world->agent_up == 1);
    note("start to agent", clock_mono_ms() - began);
}

TEST(qemu, the_guest_answers)
{
    struct asked asked;

    asked = timed("address (forwarded)", VIRT_address, 0);
    EXPECT_STR(asked.ret.address, args.forward_address);
    EXPECT_INT(asked.ret.port, args.forward_port);
    args.address = pool_address_AGENT;
    asked = timed("address (agent)", VIRT_address, 0);
    EXPECT_STR(asked.ret.address, "10.0.2.15");
    args.address = pool_address_FORWARDED;
    (void)timed("agent_ping", VIRT_agent_ping, 0);
    asked = timed("fingerprint", VIRT_fingerprint, 0);
    EXPECT_STR(asked.ret.text, fingerprint); /* the agent reports the fingerprint that RDP shows */
    asked = timed("guest_state", VIRT_guest_state, 0);
    EXPECT_STR(asked.ret.text, ""); /* nobody has signed on */
    EXPECT(secret_set(&args.secret, "e2e-marker-word", 15));
    (void)timed("password", VIRT_password, 0);
    (void)timed("sign_off", VIRT_sign_off, 0);
    (void)snprintf(args.account, sizeof(args.account), "nobody-of-this-name");
    EXPECT_ERR(ask(world, VIRT_password, &args).result, BERTH_E_DESKTOP);
    secret_wipe(&args.secret);
    (void)snprintf(args.account, sizeof(args.account), "%s", setting("BERTH_TEST_ACCOUNT"));
}

TEST(qemu, a_list_tells_also_of_the_agent)
{
    int agents = world->agent_up;

    EXPECT_INT(timed("list", VIRT_list, 0).ret.count, 1);
    EXPECT_INT(world->running, 1);
    EXPECT_INT(world->agent_up, agents + 1);
    EXPECT_STR(world->last.name, NAME);
}

TEST(qemu, a_reset_is_told_once)
{
    virConnectPtr connection;
    virDomainPtr domain;

    skip_unless_all();
    connection = virConnectOpen(setting("BERTH_TEST_URI"));
    domain = virDomainLookupByUUIDString(connection, UUID);
    EXPECT_OK(virDomainReset(domain, 0));
    (void)virDomainFree(domain);
    (void)virConnectClose(connection);
    AWAIT(world, world->rebooted == 1);
    for (int i = 0; i < 50; i++)
        loop_turn(&world->loop, 20);
    EXPECT_INT(world->rebooted, 1);
    note("reset to RDP answer", until_ready(fingerprint));
}

TEST(qemu, a_killed_daemon_leaves_the_guest_alone)
{
    pid_t qemu = qemu_pid();
    char before[72];
    int ups = world->ups;

    (void)kill((pid_t)atol(setting("BERTH_TEST_DAEMON_PID")), SIGKILL);
    note("daemon killed to noticed", AWAIT(world, !world->up));
    EXPECT_OK(system(setting("BERTH_TEST_RESTART")));
    AWAIT(world, world->up);
    EXPECT_INT(world->ups, ups + 1);
    EXPECT(timed("inspect after restart", VIRT_inspect, 0).ret.running);
    EXPECT_INT(qemu_pid(), qemu);
    (void)snprintf(before, sizeof(before), "%s", fingerprint);
    (void)until_ready(fingerprint);
    EXPECT_STR(fingerprint, before);
}

TEST(qemu, a_hung_guest_holds_up_nobody_and_can_be_switched_off)
{
    pid_t qemu = qemu_pid();
    int64_t began = clock_mono_ms();
    struct asked asked;

    (void)kill(qemu, SIGSTOP);
    asked = ask(world, VIRT_agent_ping, &args);
    note("hung guest: agent_ping", clock_mono_ms() - began);
    EXPECT_ERR(asked.result, BERTH_E_DESKTOP);
    EXPECT(timed("hung guest: inspect", VIRT_inspect, 0).ret.running);
    args.force = true;
    (void)timed("hung guest: stop by force", VIRT_stop, 0);
    args.force = false;
    EXPECT(!timed("inspect", VIRT_inspect, 0).ret.running);
    EXPECT(world->up);
}

TEST(qemu, a_refreshed_desktop_has_a_new_key)
{
    char before[72];

    skip_unless_all();
    (void)snprintf(before, sizeof(before), "%s", fingerprint);
    (void)timed("refresh", VIRT_refresh, 0);
    (void)timed("start", VIRT_start, 0);
    note("start to RDP answer", until_ready(fingerprint));
    EXPECT(strcmp(before, fingerprint) != 0);
}

/* The agent may come later than RDP. */
static void until_agent(void)
{
    int64_t began = clock_mono_ms();
    struct asked asked;

    do {
        for (int i = 0; i < 10; i++)
            loop_turn(&world->loop, 20);
        asked = ask(world, VIRT_agent_ping, &args);
    } while (asked.result < 0 && clock_mono_ms() - began < test_wait_limit_ms());
    if (asked.result < 0)
        fail_msg("%s", asked.op.error.text);
    note("RDP answer to agent", clock_mono_ms() - began);
}

TEST(qemu, a_polite_stop_and_a_start_and_a_stop_by_force)
{
    skip_unless_all();
    until_agent();
    (void)timed("stop (asked)", VIRT_stop, 0);
    /* The event and the answer may come in any order. */
    AWAIT(world, world->last.what == virt_event_kind_STOPPED);
    EXPECT_STR(world->last.reason, "shutdown");
    (void)timed("start", VIRT_start, 0);
    args.force = true;
    (void)timed("stop (by force)", VIRT_stop, 0);
    AWAIT(world, world->last.what == virt_event_kind_STOPPED);
    EXPECT_STR(world->last.reason, "destroyed");
}

TEST(qemu, nothing_is_left_behind)
{
    EXPECT_INT(timed("orphans", VIRT_orphans, 0).ret.count, 0);
    (void)timed("delete", VIRT_delete, 0);
    (void)timed("delete again", VIRT_delete, 0);
    EXPECT_INT(timed("list", VIRT_list, 0).ret.count, 0);
    EXPECT_INT(timed("orphans", VIRT_orphans, 0).ret.count, 0);
    EXPECT_INT(facts(world).starts, starts); /* berth-virt was never restarted */
    world_free(world);
}

TEST_MAIN()
