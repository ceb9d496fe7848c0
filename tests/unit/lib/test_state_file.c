/* test_state_file.c - documents are whole, private, and survive a restart. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/state_file.h"

#include "test.h"

struct folder {
    char path[64];
    struct state_dir state_dir;
};

static void make_folder(struct folder *folder)
{
    struct berth_error error = { 0 };
    char above[] = "/tmp/berth-state-XXXXXX";

    EXPECT(mkdtemp(above) != NULL);
    (void)snprintf(folder->path, sizeof(folder->path), "%s/state", above);
    EXPECT_OK(state_dir_open(&folder->state_dir, folder->path, &error));
}

static void remove_folder(struct folder *folder)
{
    char command[128];

    state_dir_close(&folder->state_dir);
    (void)snprintf(command, sizeof(command), "rm -rf '%.*s'", (int)(strlen(folder->path) - 6),
                   folder->path);
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
    struct folder folder;
    struct stat facts;
    char path[96];

    make_folder(&folder);
    write_read_replace(&folder.state_dir);
    EXPECT_OK(stat(folder.path, &facts));
    EXPECT_INT(facts.st_mode & 0777, 0700);
    (void)snprintf(path, sizeof(path), "%s/identity", folder.path);
    EXPECT_OK(stat(path, &facts));
    EXPECT_INT(facts.st_mode & 0777, 0600);
    (void)snprintf(path, sizeof(path), "%s/identity.new", folder.path);
    EXPECT(access(path, F_OK) < 0);
    remove_folder(&folder);
}

TEST(state_file, in_memory)
{
    struct state_dir state;
    struct berth_error error = { 0 };

    EXPECT_OK(state_dir_open(&state, NULL, &error));
    write_read_replace(&state);
    state_dir_close(&state);
}

TEST(state_file, a_folder_that_others_can_read_is_refused)
{
    struct folder folder;
    struct state_dir again;
    struct berth_error error = { 0 };

    make_folder(&folder);
    EXPECT_OK(chmod(folder.path, 0750));
    EXPECT_ERR(state_dir_open(&again, folder.path, &error), BERTH_E_DENIED);
    EXPECT_SAYS(error.text, "chmod 700");
    EXPECT_OK(chmod(folder.path, 0700));
    remove_folder(&folder);
}

TEST(state_file, a_link_in_the_folder_is_not_followed)
{
    struct folder folder;
    struct berth_error error = { 0 };
    char path[96];
    size_t size = 0;

    make_folder(&folder);
    (void)snprintf(path, sizeof(path), "%s/identity", folder.path);
    EXPECT_OK(symlink("/etc/hostname", path));
    EXPECT(state_file_read(&folder.state_dir, "identity", &size, &error) == NULL);
    EXPECT_INT(error.code, BERTH_E_IO);
    (void)snprintf(path, sizeof(path), "%s/profile.new", folder.path);
    EXPECT_OK(symlink("/etc/hostname", path));
    EXPECT_ERR(state_file_write(&folder.state_dir, "profile", "x", 1, &error), BERTH_E_IO);
    remove_folder(&folder);
}

TEST_MAIN()
