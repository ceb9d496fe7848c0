/* test_backup.c - backups made under load, and restored. */
#include <sched.h>
#include <sys/mount.h>

#include "world.h"

static int backup(struct world *w, const char *path)
{
    struct wait wait;

    wait_init(w, &wait);
    return settle(w, &wait, store_backup_begin(w->store, path, &wait.op));
}

/* A folder beside the first, for what is restored. */
static struct world *world_beside(void)
{
    struct world *w = world_at("/tmp");

    return w;
}

static void fill(struct world *w, int users)
{
    for (int i = 0; i < users; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "user-%d", i);
        (void)add_user(w, name);
    }
}

TEST(backup, is_whole_private_and_of_one_moment)
{
    struct world *w = world_new();
    struct wait copy;
    struct stat facts;
    char path[512];
    int during = 0;

    fill(w, 2000); /* some hundred pages: several steps */
    (void)snprintf(path, sizeof(path), "%s", world_path(w, "copy.db"));
    wait_init(w, &copy);
    EXPECT_OK(store_backup_begin(w->store, path, &copy.op));
    while (!copy.done) { /* commits go on between its steps */
        char name[32];

        (void)snprintf(name, sizeof(name), "during-%d", during++);
        (void)add_user(w, name);
    }
    EXPECT_OK(copy.result);
    EXPECT(during > 0);
    assert_int_equal(stat(path, &facts), 0);
    EXPECT_INT(facts.st_mode & 0777, 0600);
    EXPECT(access(world_path(w, "copy.db-wal"), F_OK) < 0);
    EXPECT(access(world_path(w, "copy.db.unfinished"), F_OK) < 0);

    EXPECT_INT(
        sql_count(w, "copy.db",
                  "SELECT count(*) = 1 FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1);
    EXPECT_INT(sql_count(w, "copy.db", "SELECT journal_mode = 'delete' FROM pragma_journal_mode"),
               1);
    EXPECT(sql_count(w, "copy.db", "SELECT count(*) FROM users") >= 2000);
    /* One moment: as many users as changes as records. */
    EXPECT_INT(sql_count(w, "copy.db",
                         "SELECT (SELECT count(*) FROM users) = (SELECT max(rev) FROM change)"),
               1);
    EXPECT_INT(sql_count(w, "copy.db",
                         "SELECT (SELECT count(*) FROM users) = (SELECT sequence FROM audit_head)"),
               1);
    EXPECT_INT(log_count(EV_BACKUP_DONE), 1);
    world_free(w);
}

TEST(backup, never_replaces_a_file)
{
    struct world *w = world_new();
    char path[512];

    (void)snprintf(path, sizeof(path), "%s", world_path(w, "copy.db"));
    EXPECT_OK(backup(w, path));
    EXPECT_ERR(backup(w, path), BERTH_E_EXISTS);
    EXPECT_SAYS(w->error.text, "choose another name");
    EXPECT_ERR(backup(w, "/nowhere/at/all/copy.db"), BERTH_E_IO);
    EXPECT_SAYS(w->error.text, "/nowhere/at/all/copy.db");
    fill(w, 1); /* a backup that fails is its own matter */
    EXPECT_INT(w->failures, 0);
    world_free(w);
}

/* As PrivateTmp=yes: a folder of the service's own lies over one that everybody sees. */
static void hide(struct world *w, const char *name)
{
    char own[512], over[512];

    (void)snprintf(own, sizeof(own), "%s", world_path(w, "systemd-private-0f1e-berthd.service-x"));
    (void)snprintf(over, sizeof(over), "%s", world_path(w, name));
    EXPECT_OK(mkdir(own, 0700));
    EXPECT_OK(mkdir(over, 0700));
    EXPECT_OK(mount(own, over, NULL, MS_BIND, NULL));
}

TEST(backup, writes_nothing_where_nobody_would_find_it)
{
    struct world *w;
    char path[512];

    if (unshare(CLONE_NEWNS) < 0) { /* before the writer's thread is there, which is to see it */
        EXPECT_INT(errno, EPERM);   /* only root may mount */
        skip();
    }
    EXPECT_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    w = world_new();
    hide(w, "hidden");
    (void)snprintf(path, sizeof(path), "%s", world_path(w, "hidden/copy.db"));
    EXPECT_ERR(backup(w, path), BERTH_E_INVALID);
    EXPECT_SAYS(w->error.text, path);
    EXPECT_SAYS(w->error.text, "use a folder such as /var/lib/berth");
    EXPECT(access(path, F_OK) < 0);
    EXPECT(access(world_path(w, "hidden/copy.db.unfinished"), F_OK) < 0);
    EXPECT_INT(w->failures, 0);
    EXPECT_OK(umount(world_path(w, "hidden")));
    EXPECT_OK(backup(w, path));
    world_free(w);
}

/* ---- restore ---- */

static void expect_no_restore(struct world *w, const char *path, int code, const char *why)
{
    struct world *fresh = world_beside();
    struct berth_error error = { 0 };

    EXPECT_ERR(store_restore(path, fresh->folder, &error), code);
    EXPECT_SAYS(error.text, why);
    EXPECT(access(world_path(fresh, "berth.db"), F_OK) < 0); /* and nothing is left behind */
    EXPECT(access(world_path(fresh, "berth.db.unfinished"), F_OK) < 0);
    world_free(fresh);
    (void)w;
}

TEST(restore, brings_everything_back_and_moves_ahead)
{
    struct world *w = world_new();
    struct world *fresh = world_beside();
    uint64_t user = add_user(w, "anna");
    uint64_t pool = add_pool(w, "ward-3");
    uint64_t desktop = add_desktop(w, pool, "w11-1");
    uint64_t terminal = add_terminal(w, "t-1");
    struct claim claim = { .desktop_id = desktop, .user_id = user, .pool_id = pool };
    struct store_page page = { 0 };
    struct audit_verdict verdict = { 0 };
    struct berth_error error = { 0 };
    struct wait wait;
    uint64_t last_id;
    uint64_t rev;
    char path[512];

    EXPECT_OK(commit(w, claiming(w, &claim, terminal)));
    (void)snprintf(path, sizeof(path), "%s", world_path(w, "copy.db"));
    EXPECT_OK(backup(w, path));
    last_id = w->core->last_id;
    rev = w->core->rev;

    EXPECT_OK(store_restore(path, fresh->folder, &error));
    EXPECT_OK(world_open(fresh));
    EXPECT_STR(ROW(fresh, user, user)->name, "anna");
    EXPECT_INT(ROW(fresh, session, claim.session_id)->state, session_PREPARING);
    /* Whatever was given out after the backup is not given again. */
    EXPECT(fresh->core->last_id >= last_id + 1000000);
    EXPECT(fresh->core->rev >= rev + 1000000);
    EXPECT(fresh->core->incarnation > w->core->incarnation + 100);
    EXPECT_INT(ROW(fresh, slot, desktop + 1)->epoch, 1000001);
    EXPECT_INT(ROW(fresh, session, claim.session_id)->epoch, 1000001);

    wait_init(fresh, &wait);
    EXPECT_ERR(
        settle(fresh, &wait, store_feed_begin(fresh->store, (int64_t)rev, 10, &page, &wait.op)),
        BERTH_E_NOT_FOUND); /* a client of the feed begins anew */
    wait_init(fresh, &wait);
    EXPECT_OK(settle(fresh, &wait, store_audit_verify_begin(fresh->store, &verdict, &wait.op)));
    EXPECT_INT(verdict.first_bad, 0);
    EXPECT_INT(
        sql_count(fresh, "berth.db", "SELECT count(*) FROM audit WHERE action = 'store.restore'"),
        1);
    (void)add_user(fresh, "bert");
    world_free(fresh);
    world_free(w);
}

TEST(restore, in_place_keeps_the_keys_and_what_they_sealed)
{
    struct world *w = world_new();
    struct changes *changes = changes_new("anna", "user", "session.sign-on");
    struct store_page page = { 0 };
    struct audit_verdict verdict = { 0 };
    struct berth_error error = { 0 };
    struct wait wait;
    char path[512];

    changes->audit.subject_user_id = 100;
    EXPECT_OK(commit(w, changes));
    (void)snprintf(path, sizeof(path), "%s", world_path(w, "copy.db"));
    EXPECT_OK(backup(w, path));
    fill(w, 3); /* the trail goes on behind the backup, and keys.db knows */
    world_close(w);

    EXPECT_ERR(store_restore(path, w->folder, &error), BERTH_E_EXISTS);
    EXPECT_SAYS(error.text, "move it (and berth.db-wal) away first");
    assert_int_equal(rename(world_path(w, "berth.db"), world_path(w, "away.db")), 0);
    EXPECT_OK(store_restore(path, w->folder, &error));
    EXPECT_OK(world_open(w));
    wait_init(w, &wait);
    EXPECT_OK(settle(w, &wait, store_audit_begin(w->store, 0, 10, &page, &wait.op)));
    EXPECT_STR(json_string_value(json_object_get(json_array_get(page.items, 0), "actor")), "anna");
    json_decref(page.items);
    wait_init(w, &wait);
    EXPECT_OK(settle(w, &wait, store_audit_verify_begin(w->store, &verdict, &wait.op)));
    if (verdict.first_bad)
        fail_msg("%s", verdict.reason);
    world_free(w);
}

TEST(restore, refuses_a_living_folder)
{
    struct world *w = world_new();
    struct berth_error error = { 0 };
    char path[512];

    (void)snprintf(path, sizeof(path), "%s", world_path(w, "copy.db"));
    EXPECT_OK(backup(w, path));
    EXPECT_ERR(store_restore(path, w->folder, &error), BERTH_E_CONFLICT);
    EXPECT_SAYS(error.text, "is in use by a running broker");
    (void)add_user(w, "anna");
    world_free(w);
}

TEST(restore, refuses_what_is_damaged_foreign_or_newer)
{
    struct world *w = world_new();
    char path[512];
    FILE *file;

    fill(w, 300);
    (void)snprintf(path, sizeof(path), "%s", world_path(w, "copy.db"));

    EXPECT_OK(backup(w, path));
    sql_do(w, "copy.db", "PRAGMA user_version = 99");
    expect_no_restore(w, path, BERTH_E_SCHEMA, "has schema 99");
    assert_int_equal(unlink(path), 0);

    EXPECT_OK(backup(w, path));
    sql_do(w, "copy.db", "PRAGMA application_id = 7");
    expect_no_restore(w, path, BERTH_E_SCHEMA, "not a file of Berth");
    assert_int_equal(unlink(path), 0);

    EXPECT_OK(backup(w, path));
    sql_do(
        w, "copy.db",
        "DROP TRIGGER audit_is_never_changed; UPDATE audit SET outcome = 'x' WHERE sequence = 17");
    expect_no_restore(w, path, BERTH_E_STORE, "record 17 was altered");
    assert_int_equal(unlink(path), 0);

    EXPECT_OK(backup(w, path));
    sql_do(w, "copy.db",
           "DROP TRIGGER audit_is_never_shortened; DELETE FROM audit WHERE sequence > 250");
    expect_no_restore(w, path, BERTH_E_STORE, "the trail ends at record 250, but 300 were written");
    assert_int_equal(unlink(path), 0);

    EXPECT_OK(backup(w, path));
    file = fopen(path, "r+b");
    assert_non_null(file);
    (void)fseek(file, 4096 * 10, SEEK_SET);
    for (int i = 0; i < 4096 * 10; i++)
        (void)fputc(0x5a, file);
    (void)fclose(file);
    expect_no_restore(w, path, BERTH_E_STORE, "");
    assert_int_equal(truncate(path, 5000), 0);
    expect_no_restore(w, path, BERTH_E_STORE, "");
    assert_int_equal(truncate(path, 0), 0);
    expect_no_restore(w, path, BERTH_E_SCHEMA, "is not a backup of Berth");
    expect_no_restore(w, "/nowhere/copy.db", BERTH_E_IO,
                      "cannot read the backup '/nowhere/copy.db'");
    world_free(w);
}

TEST_MAIN()
