/* test_sandbox_hint.c - finds out by mounts which folders systemd hides from a service. */
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "berth/sandbox_hint.h"

#include "test.h"

/* As Debian 12 mounts them for PrivateTmp=yes and ProtectHome=yes, ProtectSystem=strict. */
static const char service[] =
    "598 525 8:1 / / ro,relatime shared:314 - ext4 /dev/sda1 rw\n"
    "610 598 0:24 /systemd/inaccessible/dir /home ro,nosuid,nodev,noexec - tmpfs tmpfs rw\n"
    "611 598 0:24 /systemd/inaccessible/dir /root ro,nosuid,nodev,noexec - tmpfs tmpfs rw\n"
    "612 598 8:1 /tmp/systemd-private-0f1e-berthd.service-ab1/tmp /tmp rw - ext4 /dev/sda1 rw\n"
    "613 598 8:1 /var/tmp/systemd-private-0f1e-berthd.service-cd2/tmp /var/tmp rw - ext4 "
    "/dev/sda1 rw\n"
    "614 598 0:31 / /run/user rw - tmpfs tmpfs rw\n";
static const char shell[] = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                            "40 22 0:35 / /tmp rw,nosuid shared:9 - tmpfs tmpfs rw\n"
                            "41 22 8:3 / /home rw shared:10 - ext4 /dev/sda3 rw\n";

static const char live[] = "22 1 0:30 / / rw,relatime - overlay overlay rw\n"
                           "41 22 0:35 / /home rw - tmpfs tmpfs rw\n"
                           "42 22 0:36 / /root rw - tmpfs tmpfs rw\n";
static const char runner[] =
    "598 525 8:1 / / ro,relatime shared:314 - ext4 /dev/sda1 rw\n"
    "612 598 8:1 /tmp/systemd-private-0f1e-ci-runner.service-ab1/tmp /tmp rw - ext4 /dev/sda1 rw\n"
    "613 598 8:1 /var/tmp/systemd-private-0f1e-not-berthd.service-c/tmp /var/tmp rw - ext4 "
    "/dev/sda1 rw\n";

/* BindPaths= of two folders below /home, and a disk that was mounted over /var/tmp later. */
static const char bound[] =
    "598 525 8:1 / / ro,relatime shared:314 - ext4 /dev/sda1 rw\n"
    "610 598 0:24 /systemd/inaccessible/dir /home ro,nosuid,nodev,noexec - tmpfs tmpfs rw\n"
    "611 610 8:1 /home/berth /home/berth rw - ext4 /dev/sda1 rw\n"
    "612 610 8:4 / /home/with\\040space rw - ext4 /dev/sda4 rw\n"
    "613 598 8:1 /var/tmp/systemd-private-0f1e-berthd.service-cd2/tmp /var/tmp rw - ext4 "
    "/dev/sda1 rw\n"
    "614 613 8:5 / /var/tmp rw - ext4 /dev/sda5 rw\n";
/* A disk that the machine has in /tmp, over which the unit's own folder was mounted later. */
static const char covered[] =
    "598 525 8:1 / / ro,relatime shared:314 - ext4 /dev/sda1 rw\n"
    "599 598 8:4 / /tmp/backups rw - ext4 /dev/sda4 rw\n"
    "612 598 8:1 /tmp/systemd-private-0f1e-berthd.service-ab1/tmp /tmp rw - ext4 /dev/sda1 rw\n";

static char file[] = "/tmp/hidden-test-XXXXXX";

static const char *text(const char *mounts, const char *path)
{
    static char ret[SANDBOX_HINT_SIZE];
    int descriptor;

    (void)snprintf(file, sizeof(file), "/tmp/hidden-test-XXXXXX");
    descriptor = mkstemp(file);
    EXPECT(descriptor >= 0);
    EXPECT_INT(write(descriptor, mounts, strlen(mounts)), strlen(mounts));
    (void)close(descriptor);
    (void)sandbox_hint(file, path, "/etc/berth", ret);
    (void)unlink(file);
    return ret;
}

/* As systemd starts the unit's main process, and as every other process finds itself. */
static void started_by_systemd(bool is)
{
    char pid[32];

    EXPECT_OK(unsetenv("NOTIFY_SOCKET"));
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid() + !is);
    EXPECT_OK(setenv("INVOCATION_ID", "0f1e", 1)); /* a shell of the unit has it too */
    EXPECT_OK(setenv("SYSTEMD_EXEC_PID", pid, 1));
}

TEST(hidden, a_service_is_told_which_folder_it_does_not_see)
{
    started_by_systemd(true);
    EXPECT_SAYS(text(service, "/tmp/domain.xml"),
                "; the service's unit hides /tmp from it: use a folder such as /etc/berth");
    EXPECT_SAYS(text(service, "/var/tmp/b"), "hides /var/tmp from it");
    EXPECT_SAYS(text(service, "/home/anna/domain.xml"), "hides /home from it");
    EXPECT_SAYS(text(service, "/root/domain.xml"), "hides /root from it");
    EXPECT_SAYS(text(service, "/root/domain.xml"), "/etc/berth");
    started_by_systemd(false);
    EXPECT_SAYS(text(service, "/tmp/domain.xml"), "hides /tmp from it"); /* the unit is named */
}

/* ProtectHome=tmpfs, and what a live system or a container has there. */
TEST(hidden, a_home_in_memory_is_hidden_only_from_what_systemd_started)
{
    started_by_systemd(false);
    EXPECT_STR(text(live, "/root/data"), "");
    EXPECT_STR(text(live, "/home/anna/data"), "");
    EXPECT_STR(text(service, "/home/anna/data"), "");
    started_by_systemd(true);
    EXPECT_SAYS(text(live, "/root/data"), "hides /root from it");
    EXPECT_SAYS(text(live, "/home/anna/data"), "hides /home from it");
    started_by_systemd(false);
    EXPECT_OK(setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1));
    EXPECT_SAYS(text(live, "/root/data"), "hides /root from it");
    EXPECT_OK(unsetenv("NOTIFY_SOCKET"));
}

/* A shell of another unit with PrivateTmp=yes sees its own /tmp, and so does its berthd. */
TEST(hidden, what_another_unit_hides_is_not_hidden)
{
    started_by_systemd(false);
    EXPECT_STR(text(runner, "/tmp/data"), "");
    EXPECT_STR(text(runner, "/var/tmp/data"), "");
}

/* The folder in any spelling; a missing one counts as its nearest existing parent. */
TEST(hidden, a_folder_is_told_by_more_than_its_letters)
{
    char folder[] = "/var/tmp/hidden-link-XXXXXX", path[128];

    started_by_systemd(true);
    EXPECT_SAYS(text(service, "//tmp/a.db"), "hides /tmp from it");
    EXPECT_SAYS(text(service, "/./tmp/a.db"), "hides /tmp from it");
    EXPECT_SAYS(text(service, "/var/../tmp/none/a.db"), "hides /tmp from it");
    EXPECT_SAYS(text(service, "/tmp/../var/tmp/a.db"), "hides /var/tmp from it");
    EXPECT_STR(text(service, "/tmp/../etc/a.db"), "");
    EXPECT(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/link", folder);
    EXPECT_OK(symlink("/tmp", path));
    (void)snprintf(path, sizeof(path), "%s/link/none/a.db", folder);
    EXPECT_SAYS(text(service, path), "hides /tmp from it");
    (void)snprintf(path, sizeof(path), "%s/link", folder);
    EXPECT_OK(unlink(path));
    EXPECT_OK(symlink("/etc", path));
    (void)snprintf(path, sizeof(path), "%s/link/a.db", folder);
    EXPECT_STR(text(service, path), "");
    (void)snprintf(path, sizeof(path), "%s/link", folder);
    EXPECT_OK(unlink(path));
    EXPECT_OK(rmdir(folder));
}

TEST(hidden, other_folders_and_other_processes_are_left_alone)
{
    EXPECT_STR(text(service, "/etc/berth/domain.xml"), "");
    EXPECT_STR(text(service, "/tmpfiles/domain.xml"), "");
    EXPECT_STR(text(service, "/homes/a"), "");
    EXPECT_STR(text(shell, "/tmp/domain.xml"), "");
    EXPECT_STR(text(shell, "/home/anna/domain.xml"), "");
    EXPECT_STR(text("", "/tmp/domain.xml"), "");
    EXPECT_STR(
        sandbox_hint("/nothing/here", "/tmp/x", "/etc/berth", (char[SANDBOX_HINT_SIZE]){ 0 }), "");
}

TEST(hidden, what_is_mounted_over_or_in_a_hidden_folder_is_seen)
{
    started_by_systemd(true);
    EXPECT_STR(text(bound, "/home/berth/domain.xml"), "");
    EXPECT_STR(text(bound, "/home/berth"), "");
    EXPECT_STR(text(bound, "/home/with space/domain.xml"), "");
    EXPECT_SAYS(text(bound, "/home/berth2/domain.xml"), "hides /home from it");
    EXPECT_SAYS(text(bound, "/home/domain.xml"), "hides /home from it");
    EXPECT_STR(text(bound, "/var/tmp/domain.xml"), "");
}

TEST(hidden, a_mount_is_covered_by_what_was_mounted_over_it_later)
{
    EXPECT_SAYS(text(covered, "/tmp/backups/domain.xml"), "hides /tmp from it");
}

TEST_MAIN()
