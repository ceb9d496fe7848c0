/* test_host.c - the broker's side with a berth-virt that hangs, sends garbage or wrong answers.
 *
 * The fake is this very program: started by the module with a host's name as its argument, it
 * behaves as the name says.
 */
#include <fcntl.h>

#include "berth/frame.h"
#include "berth/json.h"

#include "virt/wire.h"

#include "world.h"

/* ---- the fake ---- */

static const char *habit;

static void say(const char *text)
{
    unsigned char header[FRAME_HEADER];

    frame_header(header, strlen(text));
    if (write(WIRE_DESCRIPTOR, header, sizeof(header)) < 0 ||
        write(WIRE_DESCRIPTOR, text, strlen(text)) < 0)
        _exit(1);
}

static void say_ok(json_int_t id)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "{\"id\":%lld,\"ok\":{}}", (long long)id);
    say(text);
}

/* A wrong answer is sent before the true one, so that a test can wait for the latter. */
static void lie(json_int_t id)
{
    static const char *const bad_frames[] = {
        "{\"id\":999999,\"ok\":{}}",
        "{\"event\":{\"what\":\"a word of far more than its twenty-four bytes\"}}",
        "{\"event\":{\"uuid\":7}}",
        "{\"event\":{\"what\":\"started\",\"uuid\":\"from-the-future\",\"unheard\":[1]}}",
    };
    char text[160];

    for (size_t i = 0; i < BERTH_COUNT(bad_frames); i++)
        say(bad_frames[i]);
    (void)snprintf(text, sizeof(text),
                   "{\"id\":%lld,\"error\":{\"code\":\"NO_SUCH_CODE\",\"text\":\"bad \\n news\"}}",
                   (long long)id);
    say(text);
}

static int answer(void *context, const char *frame, size_t size)
{
    json_t *json = json_parse(frame, size, WIRE_JSON_DEPTH, NULL);
    const char *call = json_string_value(json_object_get(json, "call"));
    json_int_t id = json_integer_value(json_object_get(json, "id"));
    bool usual = call && (strcmp(call, WIRE_PING) == 0 || strcmp(call, "open") == 0);

    (void)context;
    if (usual)
        say_ok(id);
    else if (strcmp(habit, "liar") == 0)
        lie(id);
    else if (strcmp(habit, "mad") == 0 && write(WIRE_DESCRIPTOR, "\x7f\xff\xff\xffmore", 8) < 0)
        _exit(1);
    else if (strcmp(habit, "babbler") == 0)
        say("this is not JSON");
    json_decref(json);
    return 0;
}

__attribute__((constructor)) static void be_a_fake(int argc, char **argv, char **environment)
{
    struct frame_reader reader;
    char bytes[8192];
    ssize_t size;

    (void)environment;
    if (argc != 2 || fcntl(WIRE_DESCRIPTOR, F_GETFD) < 0)
        return; /* run by a person */
    habit = argv[1];
    frame_reader_init(&reader, FRAME_MAX);
    while ((size = read(WIRE_DESCRIPTOR, bytes, sizeof(bytes))) > 0) {
        if (frame_feed(&reader, bytes, (size_t)size, answer, NULL, NULL) < 0)
            _exit(1);
    }
    _exit(0);
}

/* ---- the tests ---- */

static struct world *fake_world(const char *name)
{
    struct world *world = berth_new(struct world);
    struct virt_listener listener = { .host = on_host, .machine = on_machine, .context = world };
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);

    EXPECT(size > 0);
    self[size] = '\0';
    EXPECT_OK(loop_init(&world->loop, NULL));
    world->virt = virt_new(&world->loop, self, &listener);
    virt_host_start(world->virt, HOST, name, "fake:///");
    AWAIT(world, world->up);
    return world;
}

TEST(host, three_deadlines_in_a_row_end_the_process)
{
    static struct asked asked[WIRE_AGENT_LANES + 2];
    const size_t waiting = WIRE_AGENT_LANES + 1; /* for a lane */
    struct world *world = fake_world("deaf");
    struct virt_args args = { .uuid = "x" };
    unsigned starts = facts(world).starts; /* more than one on a machine with much else to do */

    EXPECT_OK(begin(world, VIRT_inspect, &args, &asked[0]));
    for (size_t i = 1; i <= waiting; i++)
        EXPECT_OK(begin(world, VIRT_agent_ping, &args, &asked[i]));
    AWAIT(world, asked[0].done);
    EXPECT_ERR(asked[0].result, BERTH_E_UNKNOWN_OUTCOME);
    EXPECT(world->up);
    EXPECT_INT(facts(world).waiting, 1);
    AWAIT(world, asked[1].done && asked[2].done && asked[waiting].done);
    EXPECT_ERR(asked[1].result, BERTH_E_UNKNOWN_OUTCOME);
    EXPECT_ERR(asked[2].result, BERTH_E_UNKNOWN_OUTCOME);
    EXPECT_SAYS(world->reason, "without an answer");
    AWAIT(world, world->up);
    EXPECT_INT(facts(world).starts, starts + 1);
    world_free(world);
}

TEST(host, a_process_that_speaks_another_language_is_replaced)
{
    static const char *const habits[] = { "mad", "babbler" };
    struct virt_args args = { .uuid = "x" };

    for (size_t i = 0; i < BERTH_COUNT(habits); i++) {
        struct world *world = fake_world(habits[i]);
        unsigned starts = facts(world).starts;
        struct asked asked;

        EXPECT_OK(begin(world, VIRT_inspect, &args, &asked));
        AWAIT(world, asked.done);
        EXPECT_ERR(asked.result, BERTH_E_UNKNOWN_OUTCOME);
        EXPECT(!world->up);
        AWAIT(world, world->up);
        EXPECT_INT(facts(world).starts, starts + 1);
        world_free(world);
    }
}

TEST(host, what_it_says_is_checked_and_the_unknown_is_passed_over)
{
    struct world *world = fake_world("liar");
    struct virt_args args = { .uuid = "x" };
    unsigned starts = facts(world).starts;
    struct asked asked = ask(world, VIRT_inspect, &args);

    EXPECT_ERR(asked.result, BERTH_E_HOST); /* a code of some later version */
    EXPECT_SAYS(asked.op.error.text, "bad ? news");
    EXPECT_INT(world->started, 1); /* a member that we do not know is no fault */
    EXPECT_STR(world->last.uuid, "from-the-future");
    EXPECT_INT(facts(world).starts, starts);
    world_free(world);
}

TEST(host, a_uri_that_changes_starts_anew_and_the_same_does_not)
{
    struct world *world = fake_world("deaf");
    int pid = facts(world).pid;

    virt_host_start(world->virt, HOST, "deaf", "fake:///");
    EXPECT_INT(facts(world).pid, pid);
    virt_host_start(world->virt, HOST, "deaf", "fake:///other");
    AWAIT(world, facts(world).up);
    EXPECT(facts(world).pid != pid);
    world_free(world);
}

TEST(host, a_secret_stays_in_the_frame)
{
    struct world *world = fake_world("deaf");
    struct virt_args args = { .uuid = "x" };
    struct asked asked;
    char command[96];

    EXPECT(secret_set(&args.secret, "marker-in-a-frame", 17));
    EXPECT_OK(begin(world, VIRT_password, &args, &asked));
    loop_turn(&world->loop, 50);
    (void)snprintf(command, sizeof(command),
                   "! tr '\\0' '\\n' </proc/%d/cmdline | grep -q marker-in-a-frame",
                   facts(world).pid);
    EXPECT_OK(system(command));
    (void)snprintf(command, sizeof(command), "! grep -q marker-in-a-frame /proc/%d/environ",
                   facts(world).pid);
    EXPECT_OK(system(command));
    world_free(world);
}

TEST_MAIN()
