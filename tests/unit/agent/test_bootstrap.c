/* test_bootstrap.c - the addresses of the broker and the pinned CA: their order, and secrets only
 * from private files. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/linux_device.h"

#include "bootstrap.h"
#include "test.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TOKEN "0123456789abcdef0123456789abcdef"
#define INVITATION "berth-invite:invited:7001:7002:" HASH ":" TOKEN

struct world {
    struct berth_loop loop;
    struct state_dir state_dir;
    struct device *device;
    struct agent_options options;
    struct bootstrap bootstrap;
    char file[32];
};

static void enter(struct world *world)
{
    struct berth_error error = { 0 };

    memset(world, 0, sizeof(*world));
    EXPECT_OK(loop_init(&world->loop, &error));
    EXPECT_OK(state_dir_open(&world->state_dir, NULL, &error));
    world->device =
        device_new(&world->loop, &(struct linux_device_setup){ .state_dir = &world->state_dir,
                                                               .reboot_command = "",
                                                               .log_file = "",
                                                               .viewer_log = "" });
    EXPECT_OK(conf_read(agent_options_table, agent_options_count, "/nonexistent", true,
                        &world->options, &error));
}

static void leave(struct world *world)
{
    device_free(world->device);
    state_dir_close(&world->state_dir);
    loop_close(&world->loop);
    if (world->file[0])
        (void)unlink(world->file);
}

static void write_invitation(struct world *world, const char *text, mode_t mode)
{
    int file;

    (void)snprintf(world->file, sizeof(world->file), "/tmp/berth-invite-XXXXXX");
    file = mkstemp(world->file);
    EXPECT(file >= 0);
    EXPECT_INT(write(file, text, strlen(text)), strlen(text));
    EXPECT_OK(fchmod(file, mode));
    (void)close(file);
    (void)snprintf(world->options.invitation_file, sizeof(world->options.invitation_file), "%s",
                   world->file);
}

static int load(struct world *world, const char *command_line, struct berth_error *reterr)
{
    return bootstrap_load(&world->options, command_line, world->device, &world->bootstrap, reterr);
}

TEST(bootstrap, configuration_then_kernel_then_invitation)
{
    struct world world;
    struct berth_error error = { 0 };

    enter(&world);
    (void)snprintf(world.options.address, sizeof(world.options.address), "one [fd00::2]:9 one");
    write_invitation(&world, INVITATION "\n", 0600);
    EXPECT_OK(load(&world, "quiet berth.broker=three:3 berth.boot_secret=b00", &error));
    EXPECT_INT(world.bootstrap.links.count, 4);
    EXPECT_STR(world.bootstrap.links.at[0].host, "one");
    EXPECT_INT(world.bootstrap.links.at[0].port, BOOTSTRAP_LINK_PORT);
    EXPECT_STR(world.bootstrap.links.at[1].host, "fd00::2");
    EXPECT_INT(world.bootstrap.links.at[1].port, 9);
    EXPECT_STR(world.bootstrap.links.at[2].host, "three");
    EXPECT_STR(world.bootstrap.links.at[3].host, "invited");
    EXPECT_INT(world.bootstrap.joins.count, 1);
    EXPECT_INT(world.bootstrap.joins.at[0].port, 7002);
    EXPECT_STR(world.bootstrap.authority_hash, HASH);
    EXPECT_STR(world.bootstrap.invitation.text, TOKEN);
    EXPECT_STR(world.bootstrap.boot_secret.text, "b00");
    leave(&world);
}

TEST(bootstrap, an_invitation_is_remembered_without_its_token)
{
    struct world world;
    struct berth_error error = { 0 };
    char *text;

    enter(&world);
    EXPECT_OK(load(&world, "berth.invite=" INVITATION, &error));
    text = device_load(world.device, "broker");
    EXPECT(text != NULL);
    EXPECT(!strstr(text, TOKEN));
    free(text);
    EXPECT_OK(load(&world, "", &error)); /* the next start, without it */
    EXPECT_STR(world.bootstrap.links.at[0].host, "invited");
    EXPECT_STR(world.bootstrap.joins.at[0].host, "invited");
    EXPECT(secret_empty(&world.bootstrap.invitation));
    EXPECT_STR(world.bootstrap.authority_hash, ""); /* the identity knows its CA */
    leave(&world);
}

TEST(bootstrap, two_sources_that_trust_different_sites_are_a_mistake)
{
    struct world world;
    struct berth_error error = { 0 };

    enter(&world);
    (void)snprintf(world.options.authority_hash, sizeof(world.options.authority_hash), OTHER);
    EXPECT_ERR(load(&world, "berth.invite=" INVITATION, &error), BERTH_E_CONFIG);
    EXPECT_SAYS(error.text, "different CA");
    EXPECT(!strstr(error.text, TOKEN));
    leave(&world);
}

TEST(bootstrap, a_secret_that_others_can_read_is_refused)
{
    struct world world;
    struct berth_error error = { 0 };

    enter(&world);
    write_invitation(&world, INVITATION, 0644);
    EXPECT_ERR(load(&world, "", &error), BERTH_E_DENIED);
    EXPECT_SAYS(error.text, "chmod 600");
    leave(&world);
}

TEST(bootstrap, malformed_things_are_named)
{
    static const char *const bad[] = {
        "host:0", "host:70000", "host:x", "[fd00::1", ":7", "a b:c"
    };
    struct world world;
    struct berth_error error = { 0 };

    for (size_t i = 0; i < BERTH_COUNT(bad); i++) {
        enter(&world);
        (void)snprintf(world.options.address, sizeof(world.options.address), "%s", bad[i]);
        EXPECT_ERR(load(&world, "", &error), BERTH_E_CONFIG);
        EXPECT_SAYS(error.text, "not a valid address");
        leave(&world);
    }
    enter(&world);
    (void)snprintf(world.options.authority_hash, sizeof(world.options.authority_hash), "abc");
    EXPECT_ERR(load(&world, "", &error), BERTH_E_CONFIG);
    (void)snprintf(world.options.invitation_file, sizeof(world.options.invitation_file),
                   "/nonexistent");
    world.options.authority_hash[0] = '\0';
    EXPECT_ERR(load(&world, "", &error), BERTH_E_IO);
    leave(&world);
}

TEST(bootstrap, an_invitation_brought_by_a_person_goes_first)
{
    struct world world;
    struct invite invite;
    struct berth_error error = { 0 };

    enter(&world);
    (void)snprintf(world.options.address, sizeof(world.options.address), "old:1");
    EXPECT_OK(load(&world, "", &error));
    EXPECT_OK(invite_parse(INVITATION, &invite, &error));
    EXPECT_OK(bootstrap_take_invitation(&world.bootstrap, &invite, world.device, &error));
    EXPECT_INT(world.bootstrap.links.count, 2);
    EXPECT_STR(world.bootstrap.links.at[0].host, "invited");
    EXPECT_STR(world.bootstrap.links.at[1].host, "old");
    EXPECT_STR(world.bootstrap.authority_hash, HASH);
    leave(&world);
}

TEST(options, what_stands_empty_is_found_out_and_words_are_checked)
{
    struct world world;
    struct berth_error error = { 0 };

    enter(&world);
    (void)snprintf(world.options.state, sizeof(world.options.state), "/somewhere");
    EXPECT_OK(agent_options_complete(&world.options, &error));
    EXPECT_STR(world.options.socket, "/somewhere/control.sock");
    EXPECT_SAYS(world.options.greeter, "/berth-greeter");
    (void)snprintf(world.options.display, sizeof(world.options.display), "none");
    (void)snprintf(world.options.greeter, sizeof(world.options.greeter), "none");
    EXPECT_OK(agent_options_complete(&world.options, &error));
    EXPECT_STR(world.options.display, "");
    EXPECT_STR(world.options.greeter, "");
    EXPECT_ERR(conf_set(agent_options_table, agent_options_count, "terminal.identity", "tpm",
                        &world.options, &error),
               BERTH_E_CONFIG);
    EXPECT_SAYS(error.text, "one of: file boot");
    leave(&world);
}

TEST_MAIN()
