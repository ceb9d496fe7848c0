/* test_notify.c - the service manager's protocols, on real sockets. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "berth/notify.h"

#include "test.h"

/* An abstract socket with a unique name. */
static int listen_abstract(char *name, size_t size)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int length = snprintf(name, size, "@berth-test-%d", (int)getpid());

    memcpy(at.sun_path, name, (size_t)length);
    at.sun_path[0] = '\0';
    EXPECT_OK(bind(descriptor, (struct sockaddr *)&at,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)));
    return descriptor;
}

TEST(notify, lines_arrive_at_the_managers_socket)
{
    char name[64];
    char text[64] = "";
    int manager = listen_abstract(name, sizeof(name));

    EXPECT_OK(setenv("NOTIFY_SOCKET", name, 1));
    EXPECT_OK(notify_send("READY=1\nSTATUS=serving", NULL));
    EXPECT_INT(recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT), 22);
    EXPECT_STR(text, "READY=1\nSTATUS=serving");
    (void)close(manager);
}

TEST(notify, without_a_manager_nothing_is_sent_and_nothing_fails)
{
    EXPECT_OK(unsetenv("NOTIFY_SOCKET"));
    EXPECT_OK(notify_send("READY=1", NULL));
}

TEST(notify, a_bad_address_is_said_so)
{
    struct berth_error error = { 0 };

    EXPECT_OK(setenv("NOTIFY_SOCKET", "relative", 1));
    EXPECT_ERR(notify_send("READY=1", &error), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "'relative'");
    EXPECT_OK(setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1));
    EXPECT_ERR(notify_send("READY=1", &error), BERTH_E_IO);
    EXPECT_OK(unsetenv("NOTIFY_SOCKET"));
}

TEST(notify, the_watchdog_is_for_this_process_only)
{
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    EXPECT_OK(setenv("WATCHDOG_USEC", "30000000", 1));
    EXPECT_OK(setenv("WATCHDOG_PID", pid, 1));
    EXPECT_INT(notify_watchdog_ms(), 15000);
    EXPECT_OK(setenv("WATCHDOG_PID", "1", 1));
    EXPECT_INT(notify_watchdog_ms(), 0);
    EXPECT_OK(setenv("WATCHDOG_USEC", "soon", 1));
    EXPECT_INT(notify_watchdog_ms(), 0);
    EXPECT_OK(unsetenv("WATCHDOG_USEC"));
    EXPECT_OK(unsetenv("WATCHDOG_PID"));
}

TEST(listen, sockets_of_the_manager_are_taken_by_name)
{
    struct listen_sockets sockets;
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    EXPECT_OK(setenv("LISTEN_PID", pid, 1));
    EXPECT_OK(setenv("LISTEN_FDS", "2", 1));
    EXPECT_OK(setenv("LISTEN_FDNAMES", "terminals:peeple", 1));
    EXPECT_INT(dup2(0, 3), 3);
    EXPECT_INT(dup2(0, 4), 4);
    EXPECT_OK(listen_take(&sockets, NULL));
    EXPECT_INT(sockets.count, 2);
    EXPECT(fcntl(3, F_GETFD) & FD_CLOEXEC);
    EXPECT_INT(listen_find(&sockets, "terminals"), 3);
    EXPECT_INT(listen_find(&sockets, "terminals"), -1);
    EXPECT_INT(listen_find(&sockets, "api"), -1);
    EXPECT_INT(listen_close_rest(&sockets), 1);
    EXPECT_INT(fcntl(4, F_GETFD), -1);
    EXPECT(getenv("LISTEN_FDS") == NULL);
    (void)close(3);
}

TEST(listen, sockets_of_another_process_are_not_ours)
{
    struct listen_sockets sockets;

    EXPECT_OK(setenv("LISTEN_PID", "1", 1));
    EXPECT_OK(setenv("LISTEN_FDS", "1", 1));
    EXPECT_OK(listen_take(&sockets, NULL));
    EXPECT_INT(sockets.count, 0);
}

TEST(listen, absurd_numbers_are_refused)
{
    struct listen_sockets sockets;
    struct berth_error error = { 0 };
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    EXPECT_OK(setenv("LISTEN_PID", pid, 1));
    EXPECT_OK(setenv("LISTEN_FDS", "1000", 1));
    EXPECT_ERR(listen_take(&sockets, &error), BERTH_E_CONFIG);
    EXPECT_SAYS(error.text, "at most 16");
    EXPECT_OK(setenv("LISTEN_FDS", "-1", 1));
    EXPECT_OK(listen_take(&sockets, NULL));
    EXPECT_INT(sockets.count, 0);
}

TEST_MAIN()
