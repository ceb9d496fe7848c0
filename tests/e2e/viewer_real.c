/* viewer_real.c - the viewer's port with the stock xfreerdp3 and a real RDP server; run by
 * greeter.sh.
 *
 * It needs, in its environment: DISPLAY and XAUTHORITY, BERTH_TEST_AGENT (path of berth-agent),
 * BERTH_TEST_HOME (a folder, mode 0700), BERTH_TEST_PORT, BERTH_TEST_FINGERPRINT,
 * BERTH_TEST_ACCOUNT, BERTH_TEST_PASSWORD_FILE.
 */
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "viewer/xfreerdp.h"

#include "test.h"

struct world {
    struct berth_loop loop;
    struct viewer *viewer;
    struct viewer_request request;
    bool connected;
    bool ended;
    int exit_code;
};

static const char *wanted(const char *name)
{
    const char *value = getenv(name);

    if (!value)
        fail_msg("%s is not set", name);
    return value;
}

static void got_connected(void *owner)
{
    ((struct world *)owner)->connected = true;
}

static void got_ended(void *owner, int exit_code, int signal)
{
    struct world *world = owner;

    (void)signal;
    world->ended = true;
    world->exit_code = exit_code;
}

static const struct viewer_events events = { .connected = got_connected, .ended = got_ended };

static void read_file(const char *path, char *out, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, out, size - 1) : -1;

    out[got > 0 ? got : 0] = '\0';
    if (file >= 0)
        (void)close(file);
}

static void enter(struct world *world)
{
    struct berth_error error = { 0 };
    char password[SECRET_MAX];

    memset(world, 0, sizeof(*world));
    EXPECT_OK(loop_init(&world->loop, &error));
    world->viewer =
        viewer_new(&world->loop, &(struct xfreerdp_setup){ .self = wanted("BERTH_TEST_AGENT"),
                                                           .program = "/usr/bin/xfreerdp3",
                                                           .home = wanted("BERTH_TEST_HOME"),
                                                           .display = wanted("DISPLAY"),
                                                           .authority = wanted("XAUTHORITY"),
                                                           .log_file = "" });
    viewer_set_events(world->viewer, &events, world);
    world->request.port = (int)strtol(wanted("BERTH_TEST_PORT"), NULL, 10);
    (void)snprintf(world->request.host, sizeof(world->request.host), "127.0.0.1");
    (void)snprintf(world->request.account, sizeof(world->request.account), "%s",
                   wanted("BERTH_TEST_ACCOUNT"));
    (void)snprintf(world->request.fingerprint, sizeof(world->request.fingerprint), "%s",
                   wanted("BERTH_TEST_FINGERPRINT"));
    read_file(wanted("BERTH_TEST_PASSWORD_FILE"), password, sizeof(password));
    password[strcspn(password, "\n")] = '\0';
    EXPECT(secret_set(&world->request.password, password, strlen(password)));
}

static void leave(struct world *world)
{
    int64_t limit_ms = clock_mono_ms() + test_wait_limit_ms();

    viewer_end(world->viewer);
    while (!viewer_is_closed(world->viewer) && clock_mono_ms() < limit_ms)
        loop_turn(&world->loop, 50);
    EXPECT(viewer_is_closed(world->viewer));
    viewer_free(world->viewer);
    loop_close(&world->loop);
}

static void run(struct world *world, const bool *a, const bool *b)
{
    int64_t until_ms = clock_mono_ms() + test_wait_limit_ms();

    while (!*a && !*b && clock_mono_ms() < until_ms)
        loop_turn(&world->loop, 50);
}

/* Does any process of this machine have the password in its arguments or environment? */
static int processes_with(const char *password, const char *file)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int found = 0;

    EXPECT(proc != NULL);
    while ((entry = readdir(proc))) {
        char path[300];
        static char text[65536];
        int handle;
        ssize_t got;

        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        (void)snprintf(path, sizeof(path), "/proc/%s/%s", entry->d_name, file);
        handle = open(path, O_RDONLY | O_CLOEXEC);
        got = handle >= 0 ? read(handle, text, sizeof(text)) : -1;
        if (handle >= 0)
            (void)close(handle);
        found += got > 0 && memmem(text, (size_t)got, password, strlen(password)) != NULL;
    }
    (void)closedir(proc);
    return found;
}

TEST(viewer, connects_to_the_pinned_desktop_and_ends_when_told)
{
    struct world world;
    struct berth_error error = { 0 };
    int64_t told_ms;

    enter(&world);
    EXPECT_OK(viewer_start(world.viewer, &world.request, &error));
    EXPECT_ERR(viewer_start(world.viewer, &world.request, &error), BERTH_E_STATE);
    run(&world, &world.connected, &world.ended);
    EXPECT(world.connected);
    EXPECT(!world.ended);
    EXPECT_INT(processes_with(world.request.password.text, "cmdline"), 0);
    EXPECT_INT(processes_with(world.request.password.text, "environ"), 0);
    told_ms = clock_mono_ms();
    viewer_end(world.viewer);
    EXPECT(viewer_is_running(world.viewer)); /* its end comes later, on the loop */
    run(&world, &world.ended, &world.ended);
    EXPECT(world.ended);
    (void)printf("ended after %lld ms with exit code %d\n", (long long)(clock_mono_ms() - told_ms),
                 world.exit_code);
    leave(&world);
}

TEST(viewer, a_desktop_with_another_certificate_gets_nothing)
{
    struct world world;
    struct berth_error error = { 0 };

    enter(&world);
    world.request.fingerprint[0] = world.request.fingerprint[0] == '0' ? '1' : '0';
    EXPECT_OK(viewer_start(world.viewer, &world.request, &error));
    run(&world, &world.connected, &world.ended);
    EXPECT(!world.connected);
    EXPECT(world.ended);
    EXPECT_INT(world.exit_code, 143); /* "certificate" in viewer_exits.def */
    leave(&world);
}

TEST(viewer, a_wrong_password_has_an_exit_code_of_its_own)
{
    struct world world;
    struct berth_error error = { 0 };

    enter(&world);
    EXPECT(secret_set(&world.request.password, "wrong", 5));
    EXPECT_OK(viewer_start(world.viewer, &world.request, &error));
    run(&world, &world.connected, &world.ended);
    EXPECT(!world.connected);
    EXPECT(world.ended);
    EXPECT_INT(world.exit_code, 132); /* "authentication" */
    leave(&world);
}

/* Like a port that is forwarded to a machine whose RDP server does not listen yet. */
TEST(viewer, a_desktop_that_hangs_up_at_once_is_not_taken_for_another_one)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    struct world world;
    struct berth_error error = { 0 };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), connection;
    struct pollfd knock = { .fd = listener, .events = POLLIN };

    EXPECT(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0);
    EXPECT(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    enter(&world);
    world.request.port = ntohs(address.sin_port);
    EXPECT_OK(viewer_start(world.viewer, &world.request, &error));
    EXPECT_INT(poll(&knock, 1, (int)test_wait_limit_ms()), 1);
    connection = accept(listener, NULL, NULL);
    EXPECT(connection >= 0);
    (void)close(connection);
    run(&world, &world.connected, &world.ended);
    EXPECT(!world.connected);
    EXPECT(world.ended);
    EXPECT_INT(world.exit_code, 147); /* "network" */
    (void)close(listener);
    leave(&world);
}

TEST(viewer, without_a_display_it_says_so)
{
    struct world world;
    struct berth_error error = { 0 };
    struct viewer *blind;

    enter(&world);
    blind = viewer_new(&world.loop, &(struct xfreerdp_setup){ .self = wanted("BERTH_TEST_AGENT"),
                                                              .program = "/usr/bin/xfreerdp3",
                                                              .home = wanted("BERTH_TEST_HOME"),
                                                              .display = "",
                                                              .authority = "",
                                                              .log_file = "" });
    viewer_set_events(blind, &events, &world);
    EXPECT_ERR(viewer_start(blind, &world.request, &error), BERTH_E_UNSUPPORTED);
    viewer_free(blind);
    leave(&world);
}

TEST_MAIN()
