/* story.h - what the stories share: a small site, a ward of a hospital, and how a story ends.
 *
 * Module tests. A story is one situation, told with a world (fakes/world.h) and a few sentences of
 * what people see.
 */
#ifndef BERTH_TESTS_STORY_H
#define BERTH_TESTS_STORY_H

#include "fakes/world.h"

#include "test.h"

/* A host, an image, four people, three terminals. Pools are the story's own. */
#define WARD                                 \
    "place ward-3\n"                         \
    "place icu\n"                            \
    "host kvm1 max 20\n"                     \
    "image debian\n"                         \
    "user anna password secret12\n"          \
    "user bob password secret12\n"           \
    "user carl password secret12\n"          \
    "user dora password secret12\n"          \
    "terminal t1 place ward-3 tags window\n" \
    "terminal t2 place ward-3\n"             \
    "terminal t3 place icu\n"

/* The usual pool. */
#define FLOATING                                        \
    "pool ward-3 floating image debian max 4 spare 1\n" \
    "entitle everyone ward-3\n"

#define DEDICATED                                     \
    "pool own dedicated image debian max 4 spare 1\n" \
    "entitle everyone own\n"

static inline bool shows_desktop_now(const struct fake_terminal *terminal)
{
    return terminal->viewer == VIEWER_ACTIVE;
}

/* A story's last line: nothing that must never happen has happened. */
#define THE_END(world) EXPECT_STR(world_free(world), "")

/* What the screen says; on a difference the last events are printed. */
#define EXPECT_SCREEN(world, terminal, screen)                          \
    do {                                                                \
        if (strcmp(world_screen((world), (terminal)), (screen)) != 0) { \
            environment_print(&(world)->environment);                   \
            EXPECT_STR(world_screen((world), (terminal)), (screen));    \
        }                                                               \
    } while (0)

/* The screen holds this part. */
#define SHOWS(world, terminal, part)                                \
    do {                                                            \
        if (!strstr(world_screen((world), (terminal)), (part))) {   \
            environment_print(&(world)->environment);               \
            EXPECT_SAYS(world_screen((world), (terminal)), (part)); \
        }                                                           \
    } while (0)

/* Let time pass, step by step, until the condition holds: within an hour, or the story fails. */
#define PASS_UNTIL(world, step_ms, condition) \
    (void)UNTIL_(world_now_ms(world), 3600000, condition, #condition, world_run_ms(world, step_ms))

/* Another version of WARD's image, published; its id. */
static inline uint64_t publish_version(struct world *w, const char *path)
{
    struct context *context = &w->broker->context;
    struct image_action action = { .act = IMAGE_PUBLISH };
    struct entity *image = core_find_name(world_core(w), ENTITY_image, "debian");
    struct row_image_version row = { .state = image_version_DRAFT,
                                     .image_id = container_of(image, struct image, base)->row.id };

    (void)snprintf(row.path, sizeof(row.path), "%s", path);
    EXPECT_OK(world_await(
        w, admin_add(context, world_actor(), ENTITY_image_version, &row, &action.id, world_op(w))));
    EXPECT_OK(world_await(w, admin_image(context, world_actor(), &action, world_op(w))));
    return action.id;
}

/* It comes to say so within some seconds. */
#define EVENTUALLY(world, terminal, screen)                  \
    do {                                                     \
        if (!world_until((world), (terminal), (screen), 60)) \
            EXPECT_SCREEN((world), (terminal), (screen));    \
    } while (0)

#endif
