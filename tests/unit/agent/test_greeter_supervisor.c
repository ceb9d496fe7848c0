/* test_greeter_supervisor.c - the greeter is restarted when it ends, and ended when it hangs.
 * Greeters are small shell scripts here. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "screen/greeter_supervisor.h"

#include "test.h"

struct world {
    struct berth_loop loop;
    struct screen *screen;
    char folder[32];
    char script[64];
    int events[greeter_event_kind_END];
    char password[SECRET_MAX];
};

static void got_event(void *owner, const struct greeter_event *event)
{
    struct world *world = owner;

    world->events[event->kind]++;
    if (event->kind == greeter_event_kind_SUBMIT)
        (void)snprintf(world->password, sizeof(world->password), "%s", event->password.text);
}

/* body: what the greeter does; it may append to the file "runs" in its folder, $0's. */
static void enter(struct world *world, const char *body)
{
    struct berth_error error = { 0 };
    int file;

    memset(world, 0, sizeof(*world));
    (void)snprintf(world->folder, sizeof(world->folder), "/tmp/berth-greeter-XXXXXX");
    EXPECT(mkdtemp(world->folder) != NULL);
    (void)snprintf(world->script, sizeof(world->script), "%s/greeter", world->folder);
    file = open(world->script, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    EXPECT(file >= 0);
    EXPECT(dprintf(file, "#!/bin/sh\necho x >>\"${0%%/*}/runs\"\n%s\n", body) > 0);
    (void)close(file);
    EXPECT_OK(loop_init(&world->loop, &error));
    world->screen = screen_new(
        &world->loop,
        &(struct screen_setup){ .program = world->script, .display = ":none", .authority = "" });
    screen_set_events(world->screen, got_event, world);
    screen_begin(world->screen);
}

/* Turn until the condition holds; the time it took. */
#define RUN_UNTIL(world, condition) UNTIL(condition, loop_turn(&(world)->loop, 20))

static int runs(const struct world *world)
{
    char path[64];
    struct stat facts;

    (void)snprintf(path, sizeof(path), "%s/runs", world->folder);
    return stat(path, &facts) == 0 ? (int)(facts.st_size / 2) : 0;
}

static void leave(struct world *world)
{
    char path[64];

    screen_end(world->screen);
    (void)RUN_UNTIL(world, screen_is_closed(world->screen));
    screen_free(world->screen);
    loop_close(&world->loop);
    (void)snprintf(path, sizeof(path), "%s/runs", world->folder);
    (void)unlink(path);
    (void)unlink(world->script);
    (void)rmdir(world->folder);
}

TEST(greeter_supervisor, a_greeter_that_ends_is_started_again_but_not_without_pause)
{
    struct world world;

    enter(&world, "exit 1");
    EXPECT(RUN_UNTIL(&world, runs(&world) >= 5) >= 1400); /* at 0, 0, 200, 600, 1400 ms */
    leave(&world);
}

TEST(greeter_supervisor, pages_go_down_and_events_come_up)
{
    struct world world;
    const struct page page = { .kind = page_kind_STATUS };

    enter(&world,
          "echo '{\"kind\":\"ready\"}'\nread -r line\necho \"$line\" | grep -q '\"status\"' &&\n"
          "echo '{\"kind\":\"painted\",\"serial\":1}'\n"
          "echo '{\"kind\":\"submit\",\"user\":\"a\",\"password\":\"geheim\"}'\nexec sleep 100");
    EXPECT(screen_is_up(world.screen));
    EXPECT_INT(screen_show(world.screen, &page), 1);
    (void)RUN_UNTIL(&world, world.events[greeter_event_kind_SUBMIT] == 1);
    EXPECT_INT(world.events[greeter_event_kind_READY], 1);
    EXPECT_INT(world.events[greeter_event_kind_PAINTED], 1);
    EXPECT_STR(world.password, "geheim");
    EXPECT_INT(runs(&world), 1);
    leave(&world);
}

TEST(greeter_supervisor, a_greeter_that_hangs_is_replaced)
{
    struct world world;
    const struct page page = { .kind = page_kind_BLANK };

    enter(&world, "exec sleep 100");
    (void)RUN_UNTIL(&world, runs(&world) == 1);
    EXPECT(screen_show(world.screen, &page) > 0);
    EXPECT(RUN_UNTIL(&world, runs(&world) >= 2) >= 4000);
    leave(&world);
}

TEST(greeter_supervisor, a_greeter_that_talks_nonsense_is_replaced)
{
    struct world world;

    enter(&world, "echo 'no json'\nexec sleep 100");
    (void)RUN_UNTIL(&world, runs(&world) >= 2);
    leave(&world);
}

TEST(greeter_supervisor, without_a_display_there_is_none)
{
    struct berth_loop loop;
    struct berth_error error = { 0 };
    const struct page page = { .kind = page_kind_BLANK };
    struct screen *screen;

    EXPECT_OK(loop_init(&loop, &error));
    screen = screen_new(
        &loop, &(struct screen_setup){ .program = "/bin/false", .display = "", .authority = "" });
    screen_set_events(screen, got_event, NULL);
    screen_begin(screen);
    EXPECT(!screen_is_up(screen));
    EXPECT_INT(screen_show(screen, &page), 0);
    screen_end(screen);
    EXPECT(screen_is_closed(screen));
    screen_free(screen);
    loop_close(&loop);
}

TEST_MAIN()
