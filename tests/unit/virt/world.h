/* world.h - a running virt module for tests: one host, its events, and calls that are awaited.
 *
 * Shared by the unit test of the module and the end-to-end test on QEMU.
 */
#ifndef BERTH_TESTS_VIRT_WORLD_H
#define BERTH_TESTS_VIRT_WORLD_H

#include <limits.h>
#include <unistd.h>

#include "berth/loop.h"

#include "virt/virt_setup.h"

#include "test.h"

#define HOST 5

/* What the module told. */
struct world {
    struct berth_loop loop;
    struct virt *virt;
    bool up;
    int ups, downs;
    struct virt_result facts;
    char reason[256];
    int listed, running, started, stopped, rebooted, undefined, agent_up, agent_down;
    struct virt_event last;
};

static inline void on_host(void *context, uint64_t host_id, bool up,
                           const struct virt_result *facts, const char *reason)
{
    struct world *world = context;

    EXPECT_INT(host_id, HOST);
    world->up = up;
    world->ups += up;
    world->downs += !up;
    if (facts)
        world->facts = *facts;
    (void)snprintf(world->reason, sizeof(world->reason), "%s", reason);
}

static inline void on_machine(void *context, uint64_t host_id, const struct virt_event *event)
{
    struct world *world = context;
    bool listed = event->what == virt_event_kind_LISTED;

    EXPECT_INT(host_id, HOST);
    world->listed += listed;
    world->running += listed && event->running;
    world->started += event->what == virt_event_kind_STARTED;
    world->stopped += event->what == virt_event_kind_STOPPED;
    world->rebooted += event->what == virt_event_kind_REBOOTED;
    world->undefined += event->what == virt_event_kind_UNDEFINED;
    world->agent_up += event->what == virt_event_kind_AGENT_UP;
    world->agent_down += event->what == virt_event_kind_AGENT_DOWN;
    world->last = *event;
}

/* berth-virt is built beside the folder of the tests. */
static inline void program_path(char path[PATH_MAX + 32])
{
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX);

    EXPECT(size > 0);
    path[size] = '\0';
    *strrchr(path, '/') = '\0';
    strcat(path, "/../berth-virt");
    if (access(path, X_OK) != 0)
        fail_msg("'%s' is not built", path);
}

static inline struct world *world_new(const char *uri)
{
    struct world *world = berth_new(struct world);
    struct virt_listener listener = { .host = on_host, .machine = on_machine, .context = world };
    char program[PATH_MAX + 32];

    EXPECT_OK(loop_init(&world->loop, NULL));
    program_path(program);
    world->virt = virt_new(&world->loop, program, &listener);
    virt_host_start(world->virt, HOST, "kvm2", uri);
    return world;
}

static inline void world_free(struct world *world)
{
    virt_free(world->virt);
    loop_close(&world->loop);
    free(world);
}

static inline struct virt_host_info facts(struct world *world)
{
    struct virt_host_info facts = { 0 };

    EXPECT(virt_host_info(world->virt, HOST, &facts));
    return facts;
}

/* Turn until the condition holds; the time it took. */
#define AWAIT(world, condition) UNTIL(condition, loop_turn(&(world)->loop, 20))

struct asked {
    struct op op;
    bool done;
    int result;
    struct virt_result ret;
};

static inline void asked_done(struct op *op, int result)
{
    struct asked *asked = container_of(op, struct asked, op);

    EXPECT(!asked->done);
    asked->done = true;
    asked->result = result;
}

static inline int begin(struct world *world, enum virt_call call, const struct virt_args *args,
                        struct asked *asked)
{
    *asked = (struct asked){ 0 };
    op_init(&asked->op, &world->loop.timers, asked_done);
    return virt_begin(world->virt, HOST, call, args, &asked->ret, &asked->op);
}

/* Ask and wait for the answer. */
static inline struct asked ask(struct world *world, enum virt_call call,
                               const struct virt_args *args)
{
    struct asked *asked = berth_new(struct asked);
    struct asked copy;

    EXPECT_OK(begin(world, call, args, asked));
    EXPECT(!asked->done); /* never from inside begin */
    AWAIT(world, asked->done);
    copy = *asked;
    free(asked);
    return copy;
}

#endif
