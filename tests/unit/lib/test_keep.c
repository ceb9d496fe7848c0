/* test_keep.c - documents are whole, private, and there again. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/keep.h"

#include "test.h"

struct room {
    char path[64];
    struct keep keep;
};

static void enter(struct room *room)
{
    struct berth_error error = { 0 };
    char above[] = "/tmp/berth-keep-XXXXXX";

    EXPECT(mkdtemp(above) != NULL);
    (void)snprintf(room->path, sizeof(room->path), "%s/state", above);
    EXPECT_OK(keep_open(&room->keep, room->path, &error));
}

static void leave(struct room *room)
{
    char command[128];

    keep_close(&room->keep);
    (void)snprintf(command, sizeof(command), "rm -rf '%.*s'", (int)(strlen(room->path) - 6),
                   room->path);
    EXPECT_OK(system(command)); /* the folder was made by mkdtemp above */
}

static void expect_document(struct keep *keep, const char *name, const char *text)
{
    struct berth_error error = { 0 };
    size_t size = 0;
    char *data = keep_read(keep, name, &size, &error);

    EXPECT(data != NULL);
    EXPECT_STR(data, text);
    EXPECT_INT(size, strlen(text));
    berth_wipe_free(data, size);
}

static void write_read_replace(struct keep *keep)
{
    struct berth_error error = { 0 };
    size_t size = 0;

    EXPECT(keep_read(keep, "identity", &size, &error) == NULL);
    EXPECT_INT(error.code, BERTH_E_NOT_FOUND);
    EXPECT_OK(keep_write(keep, "identity", "one", 3, &error));
    expect_document(keep, "identity", "one");
    EXPECT_OK(keep_write(keep, "identity", "another", 7, &error));
    expect_document(keep, "identity", "another");
    EXPECT_OK(keep_write(keep, "profile", "", 0, &error));
    expect_document(keep, "profile", "");
    expect_document(keep, "identity", "another");
    EXPECT_ERR(keep_write(keep, "../escape", "x", 1, &error), BERTH_E_INVALID);
    EXPECT_ERR(keep_write(keep, "", "x", 1, &error), BERTH_E_INVALID);
    EXPECT_ERR(keep_write(keep, ".hidden", "x", 1, &error), BERTH_E_INVALID);
}

TEST(keep, in_a_folder)
{
    struct room room;
    struct stat facts;
    char path[96];

    enter(&room);
    write_read_replace(&room.keep);
    EXPECT_OK(stat(room.path, &facts));
    EXPECT_INT(facts.st_mode & 0777, 0700);
    (void)snprintf(path, sizeof(path), "%s/identity", room.path);
    EXPECT_OK(stat(path, &facts));
    EXPECT_INT(facts.st_mode & 0777, 0600);
    (void)snprintf(path, sizeof(path), "%s/identity.new", room.path);
    EXPECT(access(path, F_OK) < 0);
    leave(&room);
}

TEST(keep, in_memory)
{
    struct keep keep;
    struct berth_error error = { 0 };

    EXPECT_OK(keep_open(&keep, NULL, &error));
    write_read_replace(&keep);
    keep_close(&keep);
}

TEST(keep, a_folder_that_others_can_read_is_refused)
{
    struct room room;
    struct keep again;
    struct berth_error error = { 0 };

    enter(&room);
    EXPECT_OK(chmod(room.path, 0750));
    EXPECT_ERR(keep_open(&again, room.path, &error), BERTH_E_DENIED);
    EXPECT_SAYS(error.text, "chmod 700");
    EXPECT_OK(chmod(room.path, 0700));
    leave(&room);
}

TEST(keep, a_link_in_the_folder_is_not_followed)
{
    struct room room;
    struct berth_error error = { 0 };
    char path[96];
    size_t size = 0;

    enter(&room);
    (void)snprintf(path, sizeof(path), "%s/identity", room.path);
    EXPECT_OK(symlink("/etc/hostname", path));
    EXPECT(keep_read(&room.keep, "identity", &size, &error) == NULL);
    EXPECT_INT(error.code, BERTH_E_IO);
    (void)snprintf(path, sizeof(path), "%s/profile.new", room.path);
    EXPECT_OK(symlink("/etc/hostname", path));
    EXPECT_ERR(keep_write(&room.keep, "profile", "x", 1, &error), BERTH_E_IO);
    leave(&room);
}

TEST_MAIN()
