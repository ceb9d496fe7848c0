/* test_linux_device.c - the machine under the agent: kernel command line, logs, a reboot that is a
 * configured program. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/tls.h"

#include "host/linux_device.h"
#include "host/log_file.h"

#include "test.h"

TEST(linux_device, values_of_the_kernel_command_line)
{
    static const char line[] = "quiet xberth.broker=no berth.broker=a:1 other=\"berth.join=no x\" "
                               "berth.join=\"b c\" berth.empty= last\n";
    char value[32];

    EXPECT(kernel_command_line_value(line, "berth.broker", value, sizeof(value)));
    EXPECT_STR(value, "a:1");
    EXPECT(kernel_command_line_value(line, "berth.join", value, sizeof(value)));
    EXPECT_STR(value, "b c");
    EXPECT(kernel_command_line_value(line, "berth.empty", value, sizeof(value)));
    EXPECT_STR(value, "");
    EXPECT(!kernel_command_line_value(line, "last", value, sizeof(value)));
    EXPECT(!kernel_command_line_value(line, "berth.bro", value, sizeof(value)));
    EXPECT(!kernel_command_line_value(line, "berth.broker", value, 3)); /* too small for it */
    EXPECT(!kernel_command_line_value("", "quiet", value, sizeof(value)));
}

struct world {
    struct berth_loop loop;
    struct state_dir state_dir;
    struct device *device;
    struct op op;
    bool done;
    char log[32];
};

static void finished(struct op *op, int result)
{
    (void)result;
    container_of(op, struct world, op)->done = true;
}

static void open_world(struct world *world, const char *reboot)
{
    struct berth_error error = { 0 };
    int file;

    memset(world, 0, sizeof(*world));
    (void)snprintf(world->log, sizeof(world->log), "/tmp/berth-log-XXXXXX");
    file = mkstemp(world->log);
    EXPECT(file >= 0);
    EXPECT_INT(write(file, "first\nsecond\n", 13), 13);
    (void)close(file);
    EXPECT_OK(loop_init(&world->loop, &error));
    EXPECT_OK(state_dir_open(&world->state_dir, NULL, &error));
    world->device =
        device_new(&world->loop, &(struct linux_device_setup){ .state_dir = &world->state_dir,
                                                               .reboot_command = reboot,
                                                               .log_file = world->log,
                                                               .viewer_log = "" });
    op_init(&world->op, &world->loop.timers, finished);
}

static void wait_for(struct world *world)
{
    (void)UNTIL(world->done, loop_turn(&world->loop, 50));
    (void)UNTIL(device_is_idle(world->device), loop_turn(&world->loop, 10));
}

static void close_world(struct world *world)
{
    device_free(world->device);
    state_dir_close(&world->state_dir);
    loop_close(&world->loop);
    (void)unlink(world->log);
}

TEST(linux_device, logs_are_whole_and_hashed)
{
    struct world world;
    struct device_logs logs;
    char hash[72];

    open_world(&world, "");
    EXPECT_OK(device_logs_begin(world.device, &logs, &world.op));
    EXPECT(!world.done); /* never from inside begin */
    wait_for(&world);
    EXPECT_SAYS(logs.data, "first\nsecond\n");
    EXPECT_SAYS(logs.data, device_facts(world.device)->boot_id);
    EXPECT_SAYS(logs.data, "(not configured)");
    tls_sha256_hex(logs.data, logs.size, hash);
    EXPECT_STR(logs.sha256, hash);
    free(logs.data);
    close_world(&world);
}

TEST(linux_device, a_reboot_is_a_program_that_succeeds_or_says_how_it_failed)
{
    struct world world;

    open_world(&world, "/bin/true");
    EXPECT_OK(device_reboot_begin(world.device, &world.op));
    wait_for(&world);
    EXPECT_INT(world.op.result, 0);
    close_world(&world);

    open_world(&world, "/bin/false");
    EXPECT_OK(device_reboot_begin(world.device, &world.op));
    wait_for(&world);
    EXPECT_INT(world.op.result, BERTH_E_IO);
    EXPECT_SAYS(world.op.error.text, "exit code 1");
    close_world(&world);

    open_world(&world, "");
    EXPECT_ERR(device_reboot_begin(world.device, &world.op), BERTH_E_UNSUPPORTED);
    close_world(&world);
}

TEST(linux_device, documents_are_recalled)
{
    struct world world;
    struct berth_error error = { 0 };
    char *text;

    open_world(&world, "");
    EXPECT(device_load(world.device, "profile") == NULL);
    EXPECT_OK(device_save(world.device, "profile", "{}", &error));
    text = device_load(world.device, "profile");
    EXPECT_STR(text, "{}");
    free(text);
    EXPECT(device_slept_ms(world.device) >= 0);
    EXPECT(device_facts(world.device)->boot_id[0]);
    close_world(&world);
}

TEST(linux_device, a_log_is_set_aside_at_its_largest)
{
    struct world world;
    struct berth_error error = { 0 };
    struct stat facts;
    char earlier[64];
    char block[1024];
    int before = dup(STDERR_FILENO);

    open_world(&world, "");
    log_file_rotated_path(world.log, earlier, sizeof(earlier));
    memset(block, 'x', sizeof(block));
    EXPECT_OK(log_file_open(world.log, &error));
    EXPECT_OK(log_file_rotate(world.log, &error));
    EXPECT(stat(earlier, &facts) < 0); /* small yet */
    for (int i = 0; i < LOG_FILE_MAX / 1024; i++)
        EXPECT_INT(write(STDERR_FILENO, block, sizeof(block)), 1024);
    EXPECT_OK(log_file_rotate(world.log, &error));
    EXPECT_INT(write(STDERR_FILENO, "anew", 4), 4);
    EXPECT_INT(dup2(before, STDERR_FILENO), STDERR_FILENO);
    (void)close(before);
    EXPECT_OK(stat(earlier, &facts));
    EXPECT(facts.st_size >= LOG_FILE_MAX);
    EXPECT_OK(stat(world.log, &facts));
    EXPECT_INT(facts.st_size, 4);
    EXPECT_INT(facts.st_mode & 0777, 0600);
    (void)unlink(earlier);
    close_world(&world);
}

TEST_MAIN()
