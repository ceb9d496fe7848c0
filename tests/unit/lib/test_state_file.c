/* test_state_file.c - documents are whole, private, and there again. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/state_file.h"

#include "test.h"

struct room {
    char path[64];
    struct state_dir state_dir;
};

static void enter(struct room *room)
{
    struct berth_error error = { 0 };
    char above[] = "/tmp/berth-state-XXXXXX";

    EXPECT(mkdtemp(above) != NULL);
    (void)snprintf(room->path, sizeof(room->path), "%s/state", above);
    EXPECT_OK(state_dir_open(&room->state_dir, room->path, &error));
}

static void leave(struct room *room)
{
    char command[128];

    state_dir_close(&room->state_dir);
    (void)snprintf(command, sizeof(command), "rm -rf '%.*s'", (int)(strlen(room->path) - 6),
                   room->path);
    EXPECT_OK(system(command)); /* the folder was made by mkdtemp above */
}

static void expect_document(struct state_dir *state, const char *name, const char *text)
{
    struct berth_error error = { 0 };
    size_t size = 0;
    char *data = state_file_read(state, name, &size, &error);

    EXPECT(data != NULL);
    EXPECT_STR(data, text);
    EXPECT_INT(size, strlen(text));
    berth_wipe_free(data, size);
}

static void write_read_replace(struct state_dir *state)
{
    struct berth_error error = { 0 };
    size_t size = 0;

    EXPECT(state_file_read(state, "identity", &size, &error) == NULL);
    EXPECT_INT(error.code, BERTH_E_NOT_FOUND);
    EXPECT_OK(state_file_write(state, "identity", "one", 3, &error));
    expect_document(state, "identity", "one");
    EXPECT_OK(state_file_write(state, "identity", "another", 7, &error));
    expect_document(state, "identity", "another");
    EXPECT_OK(state_file_write(state, "profile", "", 0, &error));
    expect_document(state, "profile", "");
    expect_document(state, "identity", "another");
    EXPECT_ERR(state_file_write(state, "../escape", "x", 1, &error), BERTH_E_INVALID);
    EXPECT_ERR(state_file_write(state, "", "x", 1, &error), BERTH_E_INVALID);
    EXPECT_ERR(state_file_write(state, ".hidden", "x", 1, &error), BERTH_E_INVALID);
}

TEST(state_file, in_a_folder)
{
    struct room room;
    struct stat facts;
    char path[96];

    enter(&room);
    write_read_replace(&room.state_dir);
    EXPECT_OK(stat(room.path, &facts));
    EXPECT_INT(facts.st_mode & 0777, 0700);
    (void)snprintf(path, sizeof(path), "%s/identity", room.path);
    EXPECT_OK(stat(path, &facts));
    EXPECT_INT(facts.st_mode & 0777, 0600);
    (void)snprintf(path, sizeof(path), "%s/identity.new", room.path);
    EXPECT(access(path, F_OK) < 0);
    leave(&room);
}

TEST(state_file, in_memory)
{
    struct state_dir state_dir;
    struct berth_error error = { 0 };

    EXPECT_OK(state_dir_open(&state, NULL, &error));
    write_read_replace(&state);
    state_dir_close(&state);
}

TEST(state_file, a_folder_that_others_can_read_is_refused)
{
    struct room room;
    struct state_dir again;
    struct berth_error error = { 0 };

    enter(&room);
    EXPECT_OK(chmod(room.path, 0750));
    EXPECT_ERR(state_dir_open(&again, room.path, &error), BERTH_E_DENIED);
    EXPECT_SAYS(error.text, "chmod 700");
    EXPECT_OK(chmod(room.path, 0700));
    leave(&room);
}

TEST(state_file, a_link_in_the_folder_is_not_followed)
{
    struct room room;
    struct berth_error error = { 0 };
    char path[96];
    size_t size = 0;

    enter(&room);
    (void)snprintf(path, sizeof(path), "%s/identity", room.path);
    EXPECT_OK(symlink("/etc/hostname", path));
    EXPECT(state_file_read(&room.state_dir, "identity", &size, &error) == NULL);
    EXPECT_INT(error.code, BERTH_E_IO);
    (void)snprintf(path, sizeof(path), "%s/profile.new", room.path);
    EXPECT_OK(symlink("/etc/hostname", path));
    EXPECT_ERR(state_file_write(&room.state_dir, "profile", "x", 1, &error), BERTH_E_IO);
    leave(&room);
}

TEST_MAIN()
