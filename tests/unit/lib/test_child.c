/* test_child.c - child processes: exit codes, exact descriptors, TERM then KILL, whole groups,
 * death with the parent. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berth/child.h"

#include "test.h"

static struct berth_loop loop;
static struct child child;
static int ended, exit_code, by_signal, freed_count;

static void note_end(struct child *at, int code, int number)
{
    (void)at;
    ended++;
    exit_code = code;
    by_signal = number;
}

static void note_free(struct child *at)
{
    (void)at;
    freed_count++;
}

static void begin(void)
{
    ended = exit_code = by_signal = freed_count = 0;
    child = (struct child){ .ended = note_end };
    EXPECT_OK(loop_init(&loop, NULL));
}

static void finish(void)
{
    child_free(&child, note_free);
    (void)UNTIL(freed_count, loop_turn(&loop, 100));
    loop_close(&loop);
}

static void start_shell(const char *script, struct child_setup setup)
{
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    struct berth_error error = { 0 };

    setup.argv = argv;
    EXPECT_OK(child_start(&loop, &child, &setup, &error));
}

static void wait_end(void)
{
    (void)UNTIL(ended, loop_turn(&loop, 1000));
}

TEST(child, tells_its_exit_code)
{
    begin();
    start_shell("exit 7", (struct child_setup){ 0 });
    wait_end();
    EXPECT_INT(exit_code, 7);
    EXPECT_INT(by_signal, 0);
    EXPECT(!child.running);
    finish();
}

TEST(child, a_program_that_is_not_there_is_said_so_at_once)
{
    const char *argv[] = { "/nonexistent/program", NULL };
    struct child_setup setup = { .argv = argv };
    struct berth_error error = { 0 };

    begin();
    EXPECT_ERR(child_start(&loop, &child, &setup, &error), BERTH_E_IO);
    EXPECT_STR(error.text,
               "'/nonexistent/program' could not be started: No such file or directory");
    EXPECT(!child.running);
    loop_close(&loop);
}

TEST(child, gets_exactly_the_descriptors_it_is_given)
{
    int out[2];
    int leak = fcntl(0, F_DUPFD, 40); /* not close-on-exec, as a foreign library would leave it */
    char text[256] = "";
    ssize_t got;
    int descriptors[5] = { -1, 0, -1, 0, 0 };

    EXPECT_OK(pipe(out));
    descriptors[1] = out[1];
    descriptors[3] = out[1];
    descriptors[4] = out[0];
    begin();
    start_shell("for f in /proc/$$/fd/*; do echo -n \"${f##*/} \"; done",
                (struct child_setup){ .descriptors = descriptors, .descriptor_count = 5 });
    (void)close(out[1]);
    wait_end();
    got = read(out[0], text, sizeof(text) - 1);
    EXPECT(got > 0);
    EXPECT_STR(text, "0 1 2 3 4 5 "); /* 5 is the folder that the shell lists */
    (void)close(out[0]);
    (void)close(leak);
    finish();
}

TEST(child, one_that_ignores_term_is_killed_after_the_grace)
{
    int64_t began;
    int out[2];
    char byte;
    int descriptors[2] = { -1, 0 };

    EXPECT_OK(pipe(out));
    descriptors[1] = out[1];
    begin();
    start_shell("trap '' TERM; echo ready; while :; do sleep 0.05; done",
                (struct child_setup){
                    .descriptors = descriptors, .descriptor_count = 2, .new_group = true });
    EXPECT_INT(read(out[0], &byte, 1), 1);
    loop_turn(&loop, 0); /* the clock of a loop is set by its turns */
    began = loop.timers.mono_ms;
    child_end(&child, 300);
    wait_end();
    EXPECT_INT(by_signal, SIGKILL);
    EXPECT_INT(exit_code, -1);
    EXPECT(clock_mono_ms() - began >= 299);
    (void)close(out[0]);
    (void)close(out[1]);
    finish();
}

TEST(child, one_that_obeys_term_is_not_killed)
{
    begin();
    start_shell("exec sleep 30", (struct child_setup){ 0 });
    child_end(&child, 20000);
    wait_end();
    EXPECT_INT(by_signal, SIGTERM);
    EXPECT(!timer_armed(&child.kill_limit));
    finish();
}

TEST(child, its_whole_group_goes_with_it)
{
    int out[2];
    char text[32] = "";
    int descriptors[2] = { -1, 0 };
    int grandchild;
    int64_t limit_ms;

    EXPECT_OK(pipe(out));
    descriptors[1] = out[1];
    begin();
    start_shell("sleep 60 & echo $!; exit 3", (struct child_setup){ .descriptors = descriptors,
                                                                    .descriptor_count = 2,
                                                                    .new_group = true });
    wait_end();
    EXPECT_INT(exit_code, 3);
    EXPECT(read(out[0], text, sizeof(text) - 1) > 0);
    grandchild = (int)strtol(text, NULL, 10);
    EXPECT(grandchild > 1);
    /* Ended or a zombie: its pipe end is closed in both cases. */
    (void)close(out[1]);
    (void)fcntl(out[0], F_SETFL, O_NONBLOCK);
    limit_ms = clock_mono_ms() + test_wait_limit_ms();
    while (read(out[0], text, 1) != 0 && clock_mono_ms() < limit_ms)
        (void)usleep(10000);
    EXPECT_INT(read(out[0], text, 1), 0);
    (void)close(out[0]);
    finish();
}

TEST(child, dies_with_its_parent_where_asked)
{
    int out[2];
    char byte;
    pid_t parent;
    int status;

    EXPECT_OK(pipe(out));
    parent = fork();
    if (parent == 0) {
        int descriptors[2] = { -1, out[1] };
        const char *argv[] = { "/bin/sleep", "60", NULL };
        struct child_setup setup = {
            .argv = argv, .descriptors = descriptors, .descriptor_count = 2, .die_with_parent = true
        };

        begin();
        _exit(child_start(&loop, &child, &setup, NULL) == 0 ? 0 : 1);
    }
    EXPECT_INT(waitpid(parent, &status, 0), parent);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(out[1]);
    /* The last writer of the pipe is the grandchild: end of file means that it died. */
    EXPECT_INT(read(out[0], &byte, 1), 0);
    (void)close(out[0]);
}

TEST_MAIN()
