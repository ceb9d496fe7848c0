/* test_space.c - the disk is full: nothing is lost, changes are refused with a reason, and it
 * recovers by itself. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "world.h"

#define DISK "/tmp/berth-store-disk"

static char disk[64]; /* "" when none is mounted */

/* Also when a test failed in the middle: nothing stays mounted. */
static void unmount_small(void)
{
    if (!*disk)
        return;
    (void)umount2(disk, MNT_DETACH);
    (void)rmdir(disk);
    disk[0] = '\0';
}

static bool mount_small(char where[64])
{
    static bool registered;

    if (!registered)
        (void)atexit(unmount_small);
    registered = true;
    unmount_small();
    (void)snprintf(where, 64, "%s-%d", DISK, (int)getpid());
    (void)mkdir(where, 0700);
    if (mount("none", where, "tmpfs", 0, "size=3m,mode=0700") == 0) {
        (void)snprintf(disk, sizeof(disk), "%s", where);
        return true;
    }
    print_message("# no permission to mount a small disk (%s): this test needs CAP_SYS_ADMIN\n",
                  strerror(errno));
    (void)rmdir(where);
    return false;
}

/* Take all that is left of the disk. */
static void fill_disk(const char *path)
{
    static const char block[65536] = "x";
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    ssize_t done;

    assert_true(fd >= 0);
    do
        done = write(fd, block, sizeof(block));
    while (done > 0);
    do
        done = write(fd, block, 512);
    while (done > 0);
    EXPECT_INT(errno, ENOSPC);
    (void)close(fd);
}

static int add_numbered(struct world *w, int number)
{
    struct row_user row = new_user(w, "x");

    (void)snprintf(row.name, sizeof(row.name), "user-%d", number);
    (void)snprintf(row.title, sizeof(row.title), "%0100d", number);
    return add_row(w, ENTITY_user, &row);
}

TEST(space, full_is_refused_and_heals_by_itself)
{
    struct presence_row seen = { .terminal_id = 7, .presence_hash = "h", .seen_ms = 1 };
    struct audit_verdict verdict = { 0 };
    struct store_stats stats;
    struct world *w;
    struct wait wait;
    char where[64];
    int acknowledged = 0;
    int refused = 0;

    if (!mount_small(where))
        skip();
    w = world_at(where);
    EXPECT_OK(world_open(w));
    for (int i = 0; i < 50; i++)
        acknowledged += add_numbered(w, i) == 0;
    EXPECT_INT(acknowledged, 50);
    fill_disk(world_path(w, "ballast"));

    for (int i = 50; i < 20000 && refused < 5; i++) {
        int r = add_numbered(w, i);

        if (r < 0) {
            EXPECT_ERR(r, BERTH_E_NO_SPACE);
            EXPECT_STR(w->error.text, "the broker's disk is full; nothing was changed");
            refused++;
        }
        acknowledged += r == 0;
    }
    EXPECT_INT(refused, 5);
    store_stats(w->store, &stats);
    EXPECT(stats.degraded);
    EXPECT_INT(log_count(EV_STORE_DEGRADED), 1); /* told once */
    EXPECT_INT(w->failures, 0);                  /* the broker stands */
    store_presence(w->store, &seen, 1);          /* dropped */

    /* It still reads. */
    wait_init(w, &wait);
    EXPECT_OK(settle(w, &wait, store_audit_verify_begin(w->store, &verdict, &wait.op)));
    EXPECT_INT(verdict.records, acknowledged);

    /* Some time passes without room: nothing changes, nothing is told again. */
    sleep(2);
    EXPECT_ERR(add_numbered(w, 30000), BERTH_E_NO_SPACE);
    EXPECT_INT(log_count(EV_STORE_DEGRADED), 1);
    EXPECT_INT(log_count(EV_STORE_RECOVERED), 0);

    assert_int_equal(unlink(world_path(w, "ballast")), 0);
    world_recovers(w, &stats);
    EXPECT(!stats.degraded);
    EXPECT_INT(log_count(EV_STORE_RECOVERED), 1);
    EXPECT_OK(add_numbered(w, 30001));
    acknowledged++;
    store_presence(w->store, &seen, 1); /* resumes */

    world_close(w);
    EXPECT_INT(w->failures, 0);
    EXPECT_INT(sql_count(w, "presence.db", "SELECT count(*) FROM presence"), 1);
    EXPECT_OK(world_open(w));
    EXPECT_INT(w->core->of[ENTITY_user].count, acknowledged);
    world_free(w);
    unmount_small();
}

TEST(space, a_start_on_a_full_disk_says_so_or_serves)
{
    struct world *w;
    char where[64];
    int r;

    if (!mount_small(where))
        skip();
    w = world_at(where);
    fill_disk(world_path(w, "ballast"));
    r = world_open(w);
    EXPECT_ERR(r, BERTH_E_NO_SPACE);
    assert_int_equal(unlink(world_path(w, "ballast")), 0);
    EXPECT_OK(world_open(w)); /* what was begun half is no hindrance */
    (void)add_user(w, "anna");
    world_free(w);
    unmount_small();
}

/* A change that is about a person: it gives them a key in keys.db. */
static int add_about_person(struct world *w, int number)
{
    struct changes *changes = deciding("test.add");
    struct row_user row = new_user(w, "x");

    (void)snprintf(row.name, sizeof(row.name), "person-%d", number);
    (void)changes_add(changes, ENTITY_user, &row);
    changes->audit.subject_user_id = row.id;
    return commit(w, changes);
}

/* keys.db has a rollback journal, which is a file that must be opened. */
TEST(space, no_descriptor_is_left_for_a_while)
{
    struct world *w = world_new();
    struct rlimit before, none;
    int lowest;

    EXPECT_OK(add_about_person(w, 1));
    EXPECT_OK(getrlimit(RLIMIT_NOFILE, &before));
    lowest = dup(STDERR_FILENO);
    none = (struct rlimit){ .rlim_cur = (rlim_t)lowest, .rlim_max = before.rlim_max };
    (void)close(lowest);
    EXPECT_OK(setrlimit(RLIMIT_NOFILE, &none));
    EXPECT_ERR(add_about_person(w, 2), BERTH_E_BUSY);
    EXPECT_SAYS(w->error.text, "no file descriptor is left; nothing was changed");
    EXPECT_OK(setrlimit(RLIMIT_NOFILE, &before));
    EXPECT_OK(add_about_person(w, 3));
    EXPECT_INT(w->failures, 0);
    world_close(w);
    EXPECT_OK(world_open(w));
    EXPECT_INT(w->core->of[ENTITY_user].count, 2);
    world_free(w);
}

TEST(space, a_backup_that_does_not_fit_is_its_own_matter)
{
    struct world *w;
    struct wait wait;
    char where[64];
    char path[128];

    if (!mount_small(where))
        skip();
    w = world_new();
    for (int i = 0; i < 10; i++)
        EXPECT_OK(add_numbered(w, i));
    (void)snprintf(path, sizeof(path), "%s/ballast", where);
    fill_disk(path);
    (void)snprintf(path, sizeof(path), "%s/copy.db", where);
    wait_init(w, &wait);
    EXPECT_ERR(settle(w, &wait, store_backup_begin(w->store, path, &wait.op)), BERTH_E_NO_SPACE);
    EXPECT_SAYS(w->error.text, "no disk space for the backup");
    EXPECT(access(path, F_OK) < 0);
    EXPECT_OK(add_numbered(w, 11));
    EXPECT_INT(w->failures, 0);
    world_free(w);
    unmount_small();
}

TEST_MAIN()
