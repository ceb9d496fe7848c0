/* test_recompose.c - a pool's desktops are moved to another version of the image: one first, the
 * others when that one is ready. What a bad version causes, and how it is cleaned up when it is
 * withdrawn. */
#include <jansson.h>
#include <string.h>

#include "core/desktop_class.h"
#include "core/index.h"
#include "core/placement.h"
#include "flow/image_check.h"
#include "flow/recompose.h"

#include "story.h"

#define NEXT "/images/2.qcow2"

#define FULL                                            \
    "pool ward-3 floating image debian max 2 spare 2\n" \
    "entitle everyone ward-3\n"

static struct context *context_of(struct world *w)
{
    return &w->broker->context;
}

static struct pool *pool_of(struct world *w)
{
    return world_pool(w, "ward-3");
}

static struct image *image_of(struct world *w)
{
    return container_of(core_find_name(world_core(w), ENTITY_image, "debian"), struct image, base);
}

static uint64_t add_version(struct world *w, const char *path)
{
    struct row_image_version row = { .state = image_version_DRAFT,
                                     .image_id = image_of(w)->row.id };
    uint64_t id = 0;

    (void)snprintf(row.path, sizeof(row.path), "%s", path);
    EXPECT_OK(world_await(
        w, admin_add(context_of(w), world_actor(), ENTITY_image_version, &row, &id, world_op(w))));
    return id;
}

static int act(struct world *w, enum image_act act, uint64_t id, bool dry_run, char *unchecked)
{
    const struct image_action action = {
        .act = act, .id = id, .dry_run = dry_run, .ret_unchecked = unchecked
    };

    return world_await(w, admin_image(context_of(w), world_actor(), &action, world_op(w)));
}

static uint64_t publish(struct world *w)
{
    uint64_t id = add_version(w, NEXT);

    EXPECT_OK(act(w, IMAGE_PUBLISH, id, false, NULL));
    return id;
}

static int recompose(struct world *w)
{
    return act(w, IMAGE_RECOMPOSE, pool_of(w)->row.id, false, NULL);
}

static int roll_back(struct world *w)
{
    return act(w, IMAGE_ROLLBACK, image_of(w)->row.id, false, NULL);
}

static int order(struct world *w, const char *desktop, enum desktop_act act, const char *why)
{
    const struct desktop_action action = { .desktop_id = world_desktop(w, desktop)->row.id,
                                           .act = act,
                                           .why = why };

    return world_await(w, admin_desktop(context_of(w), world_actor(), &action, world_op(w)));
}

/* Desktops of the current version, or of others, that are in service. */
static int count(struct world *w, bool current, bool ready)
{
    int count = 0;

    list_each (index_list(world_core(w), DESKTOPS_OF_POOL, pool_of(w)->row.id), node) {
        const struct desktop *desktop =
            container_of(index_entry(DESKTOPS_OF_POOL, node), struct desktop, base);
        bool is_current = desktop->row.image_version_id == image_of(w)->row.current_id;

        count += is_current == current && !desktop->row.delete_pending &&
                 !desktop->row.quarantined && (!ready || desktop->state == desktop_READY);
    }
    return count;
}

static int quarantined(struct world *w)
{
    struct placement_count count;

    placement_count(world_core(w), pool_of(w), &count);
    return count.quarantined;
}

static const char *text(struct world *w)
{
    static char text[400];

    recompose_text(world_core(w), pool_of(w), text, sizeof(text));
    return text;
}

static void break_image(struct world *w)
{
    (void)snprintf(w->hypervisors->dead_image, sizeof(w->hypervisors->dead_image), NEXT);
}

static void lose_image(struct world *w)
{
    (void)snprintf(w->hypervisors->bad_image, sizeof(w->hypervisors->bad_image), NEXT);
}

/* ---- the files are looked at first ---- */

TEST(recompose, a_version_without_its_file_is_refused_and_nothing_is_touched)
{
    struct world *w = world_new(1, WARD FLOATING);
    uint64_t current, next;

    world_run_s(w, 70);
    lose_image(w);
    next = add_version(w, NEXT);
    current = image_of(w)->row.current_id;
    for (int dry_run = 1; dry_run >= 0; dry_run--) {
        EXPECT_ERR(act(w, IMAGE_PUBLISH, next, dry_run, NULL), BERTH_E_INVALID);
        EXPECT_SAYS(world_await_text(), "version 2 of image 'debian'");
        EXPECT_SAYS(world_await_text(), "host kvm1");
        EXPECT_SAYS(world_await_text(), NEXT);
        EXPECT_SAYS(world_await_text(), "put the file there");
    }
    EXPECT_INT(image_of(w)->row.current_id, current);

    /* It went after it was published: the pool is not given up for it. */
    w->hypervisors->bad_image[0] = '\0';
    EXPECT_OK(act(w, IMAGE_PUBLISH, next, true, NULL));
    EXPECT_INT(image_of(w)->row.current_id, current); /* a dry run */
    EXPECT_OK(act(w, IMAGE_PUBLISH, next, false, NULL));
    lose_image(w);
    EXPECT_ERR(act(w, IMAGE_RECOMPOSE, pool_of(w)->row.id, true, NULL), BERTH_E_INVALID);
    EXPECT_ERR(recompose(w), BERTH_E_INVALID);
    world_run_s(w, 60);
    EXPECT_INT(count(w, false, true), 1);

    /* Back to a version whose file is gone meanwhile. */
    (void)snprintf(w->hypervisors->bad_image, sizeof(w->hypervisors->bad_image), "%s",
                   image_version_find(world_core(w), current)->row.path);
    EXPECT_ERR(act(w, IMAGE_ROLLBACK, image_of(w)->row.id, true, NULL), BERTH_E_INVALID);
    EXPECT_ERR(roll_back(w), BERTH_E_INVALID);
    EXPECT_INT(image_of(w)->row.current_id, next);
    THE_END(w);
}

static int try_version(struct world *w, const char *path, const char *kernel, const char *initrd)
{
    struct row_image_version row = { .image_id = image_of(w)->row.id };
    uint64_t id = 0;

    (void)snprintf(row.path, sizeof(row.path), "%s", path);
    (void)snprintf(row.kernel, sizeof(row.kernel), "%s", kernel);
    (void)snprintf(row.initrd, sizeof(row.initrd), "%s", initrd);
    return world_await(
        w, admin_add(context_of(w), world_actor(), ENTITY_image_version, &row, &id, world_op(w)));
}

TEST(recompose, the_files_of_a_version_have_absolute_paths)
{
    struct world *w = world_new(17, WARD);

    world_run_s(w, 10);
    EXPECT_ERR(try_version(w, "2.qcow2", "", ""), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "path '2.qcow2' is not an absolute path");
    EXPECT_ERR(try_version(w, NEXT "/", "", ""), BERTH_E_INVALID);
    EXPECT_ERR(try_version(w, NEXT " ", "", ""), BERTH_E_INVALID);
    EXPECT_ERR(try_version(w, NEXT, "vmlinuz", ""), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "kernel 'vmlinuz' is not an absolute path");
    EXPECT_ERR(try_version(w, NEXT, " ", ""), BERTH_E_INVALID);
    EXPECT_ERR(try_version(w, NEXT, "/vmlinuz", "/boot/"), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "initrd '/boot/' ends with '/' or a blank");
    EXPECT_OK(try_version(w, NEXT, "/vmlinuz", "/initrd"));
    THE_END(w);
}

/* An older Berth took such a kernel. The host has looked, and says no. */
TEST(recompose, a_path_that_the_host_refuses_is_a_bad_file)
{
    struct world *w = world_new(18, WARD FLOATING);
    char unchecked[IMAGE_UNCHECKED_TEXT];
    uint64_t next;

    world_run_s(w, 70);
    next = add_version(w, NEXT);
    (void)snprintf(image_version_find(world_core(w), next)->row.kernel, 16, "vmlinuz");
    EXPECT_ERR(act(w, IMAGE_PUBLISH, next, false, unchecked), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "'vmlinuz' is not an absolute path of a file");
    EXPECT_STR(unchecked, "");
    THE_END(w);
}

#define THIRTY "a-folder-of-thirty-characters/"

TEST(recompose, a_refusal_names_host_and_file_however_long_the_path_is)
{
    static const char *const paths[] = {
        "/" THIRTY THIRTY THIRTY "debian-2.qcow2",
        "/" THIRTY THIRTY THIRTY THIRTY THIRTY "debian-2.qcow2",
        "/" THIRTY THIRTY THIRTY THIRTY THIRTY THIRTY THIRTY "debian-2.qcow2",
    };

    for (size_t i = 0; i < BERTH_COUNT(paths); i++) {
        struct world *w = world_new(19, WARD FLOATING);

        world_run_s(w, 70);
        (void)snprintf(w->hypervisors->bad_image, sizeof(w->hypervisors->bad_image), "%s",
                       paths[i]);
        EXPECT_ERR(act(w, IMAGE_PUBLISH, add_version(w, paths[i]), false, NULL), BERTH_E_INVALID);
        EXPECT_SAYS(world_await_text(), "version 2 of image 'debian': host kvm1: no file '/a-");
        EXPECT_SAYS(world_await_text(), "/debian-2.qcow2'");
        THE_END(w);
    }
}

/* The middle of it is left out, and no character of two bytes is halved. */
TEST(recompose, a_refusal_leaves_whole_characters_of_a_long_path)
{
    for (int shift = 0; shift < 4; shift++) {
        struct world *w = world_new(56, WARD FLOATING);
        char path[256] = "/nnn";
        json_t *json;

        for (size_t i = 1 + (size_t)shift; i < 215; i += 2)
            memcpy(path + i, "\xc3\xa4", 3);
        world_run_s(w, 70);
        (void)snprintf(w->hypervisors->bad_image, sizeof(w->hypervisors->bad_image), "%s", path);
        EXPECT_ERR(act(w, IMAGE_PUBLISH, add_version(w, path), false, NULL), BERTH_E_INVALID);
        EXPECT_SAYS(world_await_text(), "...");
        json = json_string(world_await_text());
        EXPECT(json != NULL);
        json_decref(json);
        THE_END(w);
    }
}

TEST(recompose, a_host_that_cannot_be_asked_is_named_and_stands_in_nobodys_way)
{
    struct world *w =
        world_new(2, WARD "host kvm2 max 20\n"
                          "host kvm3 max 20\n"
                          "image other\n"
                          "pool ward-4 floating image other max 1 hosts kvm1\n" FLOATING);
    const struct host *kvm3 =
        container_of(core_find_name(world_core(w), ENTITY_host, "kvm3"), struct host, base);
    char unchecked[IMAGE_UNCHECKED_TEXT];

    world_run_s(w, 70);
    world_host_down(w, "kvm2", true);
    EXPECT_OK(world_await(w, admin_host_mode(context_of(w), world_actor(), kvm3->row.id,
                                             host_mode_MAINTENANCE, world_op(w))));
    world_run_s(w, 10);
    EXPECT_OK(act(w, IMAGE_PUBLISH, add_version(w, NEXT), false, unchecked));
    EXPECT_STR(unchecked, "host kvm2 (down), kvm3 (in maintenance)");
    /* The hosts that are not of the pool have no say. */
    EXPECT_OK(act(w, IMAGE_RECOMPOSE, world_pool(w, "ward-4")->row.id, true, unchecked));
    EXPECT_STR(unchecked, "");
    lose_image(w);
    EXPECT_ERR(recompose(w), BERTH_E_INVALID); /* the one that can tell says no */
    THE_END(w);
}

TEST(recompose, while_no_pool_uses_the_image_one_host_that_has_it_is_enough)
{
    struct world *w = world_new(3, WARD);
    uint64_t next;

    world_run_s(w, 10);
    lose_image(w);
    next = add_version(w, NEXT);
    EXPECT_ERR(act(w, IMAGE_PUBLISH, next, false, NULL), BERTH_E_INVALID);
    w->hypervisors->bad_image[0] = '\0';
    EXPECT_OK(act(w, IMAGE_PUBLISH, next, false, NULL));
    THE_END(w);
}

TEST(recompose, without_a_host_the_files_are_checked_on_none)
{
    struct world *w = world_new(30, "image debian\n");
    char unchecked[IMAGE_UNCHECKED_TEXT];

    world_run_s(w, 10);
    EXPECT_OK(act(w, IMAGE_PUBLISH, add_version(w, NEXT), false, unchecked));
    EXPECT_STR(unchecked, "any host (no host to ask)");
    THE_END(w);
}

/* ---- one first ---- */

TEST(recompose, of_forty_desktops_most_are_in_service_all_the_time)
{
    struct world *w = world_new(4, "place ward-3\n"
                                   "host kvm1 max 60 starting 20\n"
                                   "image debian\n"
                                   "pool ward-3 floating image debian max 40 spare 40\n"
                                   "entitle everyone ward-3\n");
    int least = 40;
    int s = 0;

    world_run_s(w, 120);
    EXPECT_INT(world_spares(w, "ward-3"), 40);
    (void)publish(w);
    EXPECT_OK(recompose(w));
    for (; s < 600 && pool_of(w)->row.recompose_version_id; s++) {
        world_run_s(w, 1);
        if (world_spares(w, "ward-3") < least)
            least = world_spares(w, "ward-3");
    }
    EXPECT(s < 600);
    EXPECT_INT(count(w, false, false), 0);
    EXPECT(least >= 34); /* a tenth is on its way at once */
    EXPECT_STR(text(w), "");
    world_run_s(w, 30);
    EXPECT_INT(world_spares(w, "ward-3"), 40);
    THE_END(w);
}

TEST(recompose, the_first_is_made_beside_the_old_ones_where_there_is_room)
{
    struct world *w = world_new(5, WARD "pool ward-3 floating image debian max 3 spare 2\n"
                                        "entitle everyone ward-3\n");

    world_run_s(w, 70);
    world_host(w, "kvm1")->slow_ms = 4000;
    (void)publish(w);
    EXPECT_OK(recompose(w));
    for (int turns = 0; count(w, true, true) == 0; turns++) {
        EXPECT_INT(count(w, false, true), 2);
        EXPECT(turns < 1000);
        world_run_ms(w, 200);
    }
    EXPECT_SAYS(text(w), "version 2: 2 desktops are left to be replaced");
    world_run_s(w, 90);
    EXPECT_INT(count(w, false, false), 0);
    EXPECT_INT(world_spares(w, "ward-3"), 2);
    THE_END(w);
}

TEST(recompose, in_a_full_pool_one_that_nobody_uses_makes_room_and_no_second)
{
    struct world *w = world_new(6, WARD FULL);

    world_run_s(w, 70);
    (void)publish(w);
    EXPECT_OK(recompose(w));
    for (int turns = 0; count(w, true, true) == 0; turns++) {
        EXPECT(turns < 1000);
        EXPECT(count(w, false, true) >= 1);
        EXPECT_SAYS(text(w), "waits for its first desktop to become ready");
        world_run_ms(w, 200);
    }
    world_run_s(w, 60);
    EXPECT_INT(count(w, false, false), 0);
    EXPECT_INT(world_spares(w, "ward-3"), 2);
    THE_END(w);
}

TEST(recompose, when_all_are_in_use_it_waits_and_says_so)
{
    struct world *w = world_new(7, WARD "pool ward-3 floating image debian max 1 spare 1\n"
                                        "entitle everyone ward-3\n");

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    (void)publish(w);
    EXPECT_OK(recompose(w));
    world_run_s(w, 60);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    EXPECT_SAYS(text(w), "all 1 others are in use");
    world_sign_off(w, "t1");
    world_run_s(w, 60);
    EXPECT_INT(count(w, true, true), 1);
    EXPECT_INT(pool_of(w)->row.recompose_version_id, 0);
    THE_END(w);
}

TEST(recompose, without_a_host_it_waits_for_one_and_says_so)
{
    struct world *w = world_new(28, WARD "pool ward-3 floating image debian max 1 spare 1\n"
                                         "entitle everyone ward-3\n");

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    (void)publish(w);
    EXPECT_OK(recompose(w));
    EXPECT_SAYS(text(w), "all 1 others are in use");
    world_host_down(w, "kvm1", true);
    world_run_s(w, 10);
    EXPECT_SAYS(text(w), "version 2: waits for a host for its first desktop: no host of the pool");
    world_host_down(w, "kvm1", false);
    world_run_s(w, 20);
    world_sign_off(w, "t1");
    world_run_s(w, 90);
    EXPECT_INT(count(w, true, true), 1);
    EXPECT_STR(text(w), "");
    THE_END(w);
}

TEST(recompose, how_many_it_would_replace)
{
    struct world *w = world_new(29, WARD FULL);
    int used;

    world_run_s(w, 70);
    EXPECT_INT(recompose_count(world_core(w), pool_of(w), &used), 0);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-002");
    (void)publish(w);
    EXPECT_INT(recompose_count(world_core(w), pool_of(w), &used), 2);
    EXPECT_INT(used, 1);
    THE_END(w);
}

/* ---- without a recompose: those whose users leave ---- */

#define THREE                                           \
    "pool ward-3 floating image debian max 3 spare 0\n" \
    "entitle everyone ward-3\n"

static struct world *three_at_work(uint64_t seed)
{
    struct world *w = world_new(seed, WARD THREE);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 40);
    EXPECT_INT(count(w, true, true), 3);
    return w;
}

static void all_leave(struct world *w)
{
    world_sign_off(w, "t1");
    world_sign_off(w, "t2");
    world_sign_off(w, "t3");
    world_run_s(w, 40);
}

TEST(recompose, who_leaves_brings_one_desktop_to_a_version_that_none_has_proved)
{
    struct world *w = three_at_work(50);

    break_image(w);
    (void)publish(w);
    all_leave(w);
    EXPECT_INT(count(w, true, false), 1);
    EXPECT_INT(count(w, false, false), 2);

    /* It fails; who waited for it gets a new one of the version before, and the others serve. */
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 60);
    EXPECT_INT(quarantined(w), 1);
    EXPECT_INT(count(w, false, true), 3);
    all_leave(w);
    EXPECT_INT(count(w, false, false), 3);

    /* The version is taken back, and all serve again. */
    EXPECT_OK(roll_back(w));
    world_run_s(w, 60);
    EXPECT_INT(quarantined(w), 0);
    EXPECT_INT(count(w, true, false), 3);
    THE_END(w);
}

TEST(recompose, when_it_is_proved_whoever_leaves_brings_theirs_to_it)
{
    struct world *w = three_at_work(51);

    (void)publish(w);
    all_leave(w);
    EXPECT_INT(count(w, true, false), 1);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 60);
    EXPECT_INT(count(w, true, true), 1);
    all_leave(w);
    EXPECT_INT(count(w, true, false), 3); /* though the one that proved it is off again */
    THE_END(w);
}

/* Desktops of a version that are not in quarantine. */
static int of_number(struct world *w, int64_t number)
{
    int count = 0;

    list_each (index_list(world_core(w), DESKTOPS_OF_POOL, pool_of(w)->row.id), node) {
        const struct desktop *desktop =
            container_of(index_entry(DESKTOPS_OF_POOL, node), struct desktop, base);
        const struct image_version *version =
            image_version_find(world_core(w), desktop->row.image_version_id);

        if (!desktop->row.quarantined)
            count += version->row.number == number;
    }
    return count;
}

static void set_spare(struct world *w, int64_t spare)
{
    struct row_pool row = pool_of(w)->row;

    row.spare = spare;
    EXPECT_OK(
        world_await(w, admin_set(context_of(w), world_actor(), ENTITY_pool, &row, world_op(w))));
}

/* Three spares were taken, and three new ones are made. */
static struct world *three_taken(uint64_t seed)
{
    struct world *w = world_new(seed, WARD "pool ward-3 floating image debian max 9 spare 3\n"
                                           "entitle everyone ward-3\n");

    world_run_s(w, 70);
    EXPECT_INT(world_spares(w, "ward-3"), 3);
    (void)publish(w);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_sign_on(w, "t3", "carl", "secret12");
    return w;
}

TEST(recompose, of_new_desktops_one_proves_a_version_that_none_has_proved)
{
    struct world *w = three_taken(57);

    world_run_s(w, 60);
    EXPECT_INT(of_number(w, 2), 1);
    EXPECT_INT(of_number(w, 1), 5);
    EXPECT_INT(world_spares(w, "ward-3"), 3);
    THE_END(w);
}

/* When the new version has failed, waiting users get desktops of the proved one. */
TEST(recompose, who_waits_is_not_given_a_version_that_failed)
{
    struct world *w = world_new(58, WARD "pool ward-3 floating image debian max 9 spare 1\n"
                                         "entitle everyone ward-3\n");
    const struct desktop *desktop;

    world_run_s(w, 70);
    break_image(w);
    (void)publish(w);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_sign_on(w, "t2", "bob", "secret12");
    PASS_UNTIL(w, 100, quarantined(w) == 1);
    PASS_UNTIL(w, 100, shows_desktop_now(world_terminal(w, "t2")));
    desktop = desktop_find(world_core(w), world_session(w, "bob")->row.desktop_id);
    EXPECT_INT(image_version_find(world_core(w), desktop->row.image_version_id)->row.number, 1);
    THE_END(w);
}

TEST(recompose, new_desktops_take_a_version_that_is_proved)
{
    struct world *w = three_taken(59);

    world_run_s(w, 60);
    EXPECT_INT(of_number(w, 1), 5);
    EXPECT_INT(of_number(w, 2), 1);
    set_spare(w, 5);
    world_run_s(w, 60);
    EXPECT_INT(of_number(w, 1), 5);
    EXPECT_INT(of_number(w, 2), 3);
    THE_END(w);
}

/* What a rollback withdrew is not gone back to, though it had come up. */
TEST(recompose, new_desktops_never_take_a_version_that_was_withdrawn)
{
    struct world *w = three_taken(67);

    world_run_s(w, 60);
    EXPECT_INT(of_number(w, 2), 1);
    EXPECT_OK(roll_back(w));
    EXPECT_OK(act(w, IMAGE_PUBLISH, add_version(w, "/images/3.qcow2"), false, NULL));
    EXPECT_INT(of_number(w, 2), 1);
    set_spare(w, 6);
    world_run_s(w, 2);
    EXPECT_INT(of_number(w, 2), 1);
    EXPECT_INT(of_number(w, 3), 1);
    THE_END(w);
}

/* What was proved stays so when the broker has forgotten it: a desktop of it is up. */
TEST(recompose, after_a_restart_a_version_is_proved_by_a_desktop_that_is_up)
{
    struct world *w = three_at_work(52);

    (void)publish(w);
    all_leave(w);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 60);
    EXPECT_INT(count(w, true, true), 1);
    world_crash(w);
    world_restart(w);
    world_run_s(w, 70);
    all_leave(w);
    EXPECT_INT(count(w, true, false), 3);
    THE_END(w);
}

/* A desktop that is off and waits for its own user starts at an unknown time. */
TEST(recompose, after_a_restart_what_is_off_for_its_user_proves_nothing)
{
    struct world *w = world_new(69, WARD "pool ward-3 dedicated image debian max 9 spare 0\n"
                                         "entitle everyone ward-3\n");

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    (void)publish(w);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-002");
    EXPECT_INT(of_number(w, 2), 1);
    world_sign_off(w, "t2");
    world_run_s(w, 20);
    EXPECT_OK(order(w, "ward-3-002", DESKTOP_STOP, ""));
    world_crash(w);
    world_restart(w);
    world_run_s(w, 70);
    EXPECT_STR(world_desktop_state(w, "ward-3-002"), "off");
    world_sign_on(w, "t3", "carl", "secret12");
    EVENTUALLY(w, "t3", "carl on ward-3-003");
    EXPECT_INT(of_number(w, 1), 1);
    EXPECT_INT(of_number(w, 2), 2);
    THE_END(w);
}

/* ---- the first fails ---- */

TEST(recompose, when_the_first_fails_it_stops_and_says_why_and_the_others_stay)
{
    struct world *w = world_new(8, WARD "pool ward-3 floating image debian max 4 spare 3\n"
                                        "entitle everyone ward-3\n");

    world_run_s(w, 70);
    break_image(w);
    (void)publish(w);
    EXPECT_OK(recompose(w));
    world_run_s(w, 120);
    EXPECT_INT(count(w, false, true), 3);
    EXPECT_INT(quarantined(w), 1);
    EXPECT_INT(pool_of(w)->row.recompose_version_id, 0);
    EXPECT_SAYS(text(w), "stopped: version 2: ");
    EXPECT_SAYS(text(w), "no bootable disk");
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 20);
    SHOWS(w, "t1", "anna on ward-3-00");

    /* It is repaired, the pool is told so, and asked again. */
    w->hypervisors->dead_image[0] = '\0';
    EXPECT_OK(world_await(
        w, admin_pool_retry(context_of(w), world_actor(), pool_of(w)->row.id, world_op(w))));
    EXPECT_OK(recompose(w));
    EXPECT_STR(pool_of(w)->row.recompose_reason, "");
    world_sign_off(w, "t1");
    world_run_s(w, 200);
    EXPECT_INT(count(w, false, false), 0);
    THE_END(w);
}

TEST(recompose, a_file_that_goes_in_the_midst_stops_it)
{
    struct world *w = world_new(9, WARD "pool ward-3 floating image debian max 8 spare 8\n"
                                        "entitle everyone ward-3\n");

    world_run_s(w, 90);
    (void)publish(w);
    EXPECT_OK(recompose(w));
    PASS_UNTIL(w, 200, count(w, true, true) >= 2);
    lose_image(w);
    world_run_s(w, 120);
    EXPECT_INT(pool_of(w)->row.recompose_version_id, 0);
    EXPECT_SAYS(text(w), NEXT);
    EXPECT(count(w, false, true) >= 4);
    EXPECT_INT(quarantined(w), 0);
    THE_END(w);
}

/* ---- restarts ---- */

TEST(recompose, it_goes_on_after_a_restart_wherever_that_comes)
{
    for (int after_ms = 0; after_ms < 20000; after_ms += 1300) {
        struct world *w = world_new(10 + (uint64_t)after_ms, WARD FULL);

        world_run_s(w, 70);
        (void)publish(w);
        EXPECT_OK(recompose(w));
        world_run_ms(w, after_ms);
        world_crash(w);
        world_restart(w);
        world_run_s(w, 200);
        EXPECT_INT(count(w, false, false), 0);
        EXPECT_INT(world_spares(w, "ward-3"), 2);
        EXPECT_INT(pool_of(w)->row.recompose_version_id, 0);
        THE_END(w);
    }
}

TEST(recompose, that_it_stopped_is_known_after_a_restart)
{
    struct world *w = world_new(11, WARD FULL);

    world_run_s(w, 70);
    break_image(w);
    (void)publish(w);
    EXPECT_OK(recompose(w));
    world_run_s(w, 30);
    EXPECT_SAYS(text(w), "stopped: version 2: ");
    world_crash(w);
    world_restart(w);
    world_run_s(w, 120);
    EXPECT_SAYS(text(w), "no bootable disk");
    EXPECT_INT(count(w, false, true), 1);
    THE_END(w);
}

/* ---- it is withdrawn ---- */

TEST(recompose, a_rollback_ends_it_and_lets_what_still_runs_stay)
{
    struct world *w = world_new(12, WARD "pool ward-3 floating image debian max 8 spare 8\n"
                                         "entitle everyone ward-3\n");
    uint64_t next;

    world_run_s(w, 90);
    next = publish(w);
    EXPECT_OK(recompose(w));
    PASS_UNTIL(w, 200, count(w, true, true) >= 2);
    EXPECT_OK(roll_back(w));
    EXPECT_INT(pool_of(w)->row.recompose_version_id, 0);
    world_run_s(w, 60);
    EXPECT(count(w, true, true) >= 4);
    EXPECT_INT(world_spares(w, "ward-3"), 8);
    EXPECT_SAYS(text(w), "version 1 became the current one");

    /* Nothing goes on by itself when that version is published again. */
    EXPECT_OK(act(w, IMAGE_PUBLISH, next, false, NULL));
    world_run_s(w, 60);
    EXPECT(count(w, false, true) >= 4);
    THE_END(w);
}

/* A version that was withdrawn by hand is not put back, whatever its number. */
TEST(recompose, a_rollback_goes_to_what_was_current_before_whatever_its_number)
{
    struct world *w = world_new(14, WARD);
    uint64_t first = image_of(w)->row.current_id;
    uint64_t bad, other;

    world_run_s(w, 10);
    bad = add_version(w, NEXT);
    other = add_version(w, "/images/3.qcow2");
    EXPECT_ERR(roll_back(w), BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "image 'debian': which version was current before version 1");
    EXPECT_OK(act(w, IMAGE_PUBLISH, bad, false, NULL));
    EXPECT_OK(act(w, IMAGE_PUBLISH, first, false, NULL)); /* back by hand */
    EXPECT_OK(act(w, IMAGE_PUBLISH, other, false, NULL));
    world_crash(w);
    world_restart(w);
    world_run_s(w, 10);
    EXPECT_OK(roll_back(w));
    EXPECT_INT(image_of(w)->row.current_id, first);

    /* What a rollback withdrew comes back by its number only. */
    EXPECT_ERR(roll_back(w), BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "publish the one you want by its number");
    EXPECT_INT(image_of(w)->row.current_id, first);
    THE_END(w);
}

TEST(recompose, a_rollback_after_a_publish_of_a_lower_number_goes_up)
{
    struct world *w = world_new(15, WARD);
    uint64_t first = image_of(w)->row.current_id;
    uint64_t next;

    world_run_s(w, 10);
    next = publish(w);
    EXPECT_OK(act(w, IMAGE_PUBLISH, first, false, NULL));
    EXPECT_OK(roll_back(w));
    EXPECT_INT(image_of(w)->row.current_id, next);
    THE_END(w);
}

static int change_image(struct world *w, const char *name, uint64_t previous_id)
{
    struct row_image row = image_of(w)->row;

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    row.previous_id = previous_id;
    return world_await(w, admin_set(context_of(w), world_actor(), ENTITY_image, &row, world_op(w)));
}

TEST(recompose, a_deleted_version_is_no_longer_what_was_current_before)
{
    struct world *w = world_new(16, WARD);
    uint64_t first = image_of(w)->row.current_id;

    world_run_s(w, 10);
    (void)publish(w);
    EXPECT_OK(change_image(w, "debian", 0)); /* it is not for people to change */
    EXPECT_INT(image_of(w)->row.previous_id, first);
    EXPECT_OK(world_await(
        w, admin_drop(context_of(w), world_actor(), ENTITY_image_version, first, world_op(w))));
    EXPECT_INT(image_of(w)->row.previous_id, 0);
    EXPECT_ERR(roll_back(w), BERTH_E_STATE);
    THE_END(w);
}

/* What was to go, and could not yet for its host is down, stays. */
TEST(recompose, a_rollback_takes_back_what_was_not_begun)
{
    struct world *w = world_new(13, WARD FULL);
    int delete_pending = 0;

    world_run_s(w, 70);
    (void)publish(w);
    EXPECT_OK(recompose(w));
    world_host_down(w, "kvm1", true);
    world_run_s(w, 5);
    EXPECT_OK(roll_back(w));
    list_each (core_all(world_core(w), ENTITY_desktop), node)
        delete_pending += container_of(entity_of(node), struct desktop, base)->row.delete_pending;
    world_host_down(w, "kvm1", false);
    world_run_s(w, 60);
    EXPECT_INT(delete_pending, 0);
    EXPECT_INT(world_spares(w, "ward-3"), 2);
    THE_END(w);
}

/* The recompose has decided that one desktop goes, and its host has just gone down; its name. */
static const char *one_is_to_go(struct world *w)
{
    world_run_s(w, 70);
    (void)publish(w);
    EXPECT_OK(recompose(w));
    world_host_down(w, "kvm1", true);
    world_run_s(w, 5);
    list_each (core_all(world_core(w), ENTITY_desktop), node) {
        const struct desktop *desktop = container_of(entity_of(node), struct desktop, base);

        if (desktop->row.delete_pending)
            return desktop->row.name;
    }
    fail_msg("no desktop is to go");
    return "";
}

TEST(recompose, what_an_administrator_deletes_goes_whatever_reason_they_give)
{
    struct world *w = world_new(54, WARD FULL);
    char name[64];

    (void)snprintf(name, sizeof(name), "%s", one_is_to_go(w));
    EXPECT_ERR(order(w, name, DESKTOP_DELETE, "its pool is recomposed"), BERTH_E_HOST_DOWN);
    EXPECT_OK(roll_back(w));
    EXPECT(world_desktop(w, name)->row.delete_pending);
    world_host_down(w, "kvm1", false);
    world_run_s(w, 60);
    EXPECT(!world_desktop(w, name));
    THE_END(w);
}

TEST(recompose, a_rollback_takes_back_what_was_in_quarantine_meanwhile)
{
    struct world *w = world_new(55, WARD FULL);
    char name[64];

    (void)snprintf(name, sizeof(name), "%s", one_is_to_go(w));
    EXPECT_OK(order(w, name, DESKTOP_QUARANTINE, "somebody looks at it"));
    EXPECT_OK(order(w, name, DESKTOP_RELEASE, "nothing was wrong"));
    EXPECT_OK(roll_back(w));
    EXPECT(!world_desktop(w, name)->row.delete_pending);
    world_host_down(w, "kvm1", false);
    world_run_s(w, 60);
    EXPECT_INT(world_spares(w, "ward-3"), 2);
    EXPECT_STR(world_desktop_state(w, name), "ready");
    THE_END(w);
}

TEST(recompose, a_rollback_takes_back_what_an_administrator_keeps_in_quarantine)
{
    struct world *w = world_new(70, WARD FULL);
    char name[64];

    (void)snprintf(name, sizeof(name), "%s", one_is_to_go(w));
    EXPECT_OK(order(w, name, DESKTOP_QUARANTINE, "somebody looks at it"));
    EXPECT_OK(roll_back(w));
    EXPECT(!world_desktop(w, name)->row.delete_pending);
    EXPECT_STR(world_desktop(w, name)->row.reason, "somebody looks at it");
    world_host_down(w, "kvm1", false);
    world_run_s(w, 60);
    EXPECT(world_desktop(w, name) != NULL);
    EXPECT(world_desktop(w, name)->row.quarantined);
    THE_END(w);
}

/* It goes when it is released: it is of an old version. */
TEST(recompose, what_an_administrator_keeps_in_quarantine_is_not_deleted_for_it)
{
    struct world *w = world_new(71, WARD FULL);
    char name[64];

    (void)snprintf(name, sizeof(name), "%s", one_is_to_go(w));
    EXPECT_OK(order(w, name, DESKTOP_QUARANTINE, "somebody looks at it"));
    world_host_down(w, "kvm1", false);
    world_run_s(w, 120);
    EXPECT_INT(pool_of(w)->row.recompose_version_id, 0);
    EXPECT_INT(world_spares(w, "ward-3"), 2);
    EXPECT(world_desktop(w, name) != NULL);
    EXPECT(world_desktop(w, name)->row.quarantined);
    EXPECT_OK(order(w, name, DESKTOP_RELEASE, "nothing was wrong"));
    world_run_s(w, 60);
    EXPECT(!world_desktop(w, name));
    THE_END(w);
}

/* Its host goes down just when the last one of the old version is to go. */
TEST(recompose, the_last_one_goes_when_its_host_is_back)
{
    for (int restart = 0; restart < 2; restart++) {
        struct world *w = world_new(72, WARD FULL);

        world_run_s(w, 70);
        (void)publish(w);
        EXPECT_OK(recompose(w));
        PASS_UNTIL(w, 1, count(w, true, true) == 1);
        EXPECT_INT(of_number(w, 1), 1);
        world_host_down(w, "kvm1", true);
        PASS_UNTIL(w, 100, !pool_of(w)->row.recompose_version_id);
        EXPECT_INT(of_number(w, 1), 1);
        EXPECT_INT(count(w, false, false), 0); /* it is to go */
        if (restart) {
            world_crash(w);
            world_restart(w);
        }
        world_host_down(w, "kvm1", false);
        world_run_s(w, 90);
        EXPECT_INT(of_number(w, 1), 0);
        EXPECT_INT(world_spares(w, "ward-3"), 2);
        THE_END(w);
    }
}

/* ---- reasons ---- */

TEST(recompose, why_it_stopped_is_told_to_the_end)
{
    static const char path[] = "/" THIRTY THIRTY THIRTY THIRTY THIRTY "debian-2.qcow2";
    struct world *w = world_new(53, WARD FULL);

    world_run_s(w, 70);
    EXPECT_OK(act(w, IMAGE_PUBLISH, add_version(w, path), false, NULL));
    EXPECT_OK(recompose(w));
    (void)snprintf(w->hypervisors->bad_image, sizeof(w->hypervisors->bad_image), "%s", path);
    world_run_s(w, 30);
    EXPECT_SAYS(pool_of(w)->backoff_why, "/debian-2.qcow2'");
    EXPECT_SAYS(pool_of(w)->row.recompose_reason, "/debian-2.qcow2'");
    EXPECT_SAYS(text(w), "/debian-2.qcow2'");
    THE_END(w);
}

/* ---- the back-off ---- */

/* Three of the version have failed, and the pool is held back for it. */
static struct world *in_backoff(uint64_t seed)
{
    struct world *w = world_new(seed, WARD "pool ward-3 floating image debian max 6 spare 1\n"
                                           "entitle everyone ward-3\n");

    world_run_s(w, 70);
    break_image(w);
    (void)publish(w);
    world_sign_on(w, "t1", "anna", "secret12"); /* takes the only spare */
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 40);
    EXPECT_INT(quarantined(w), 3);
    EXPECT(pool_of(w)->backoff_until_ms > 0);
    return w;
}

TEST(backoff, it_names_the_image_where_no_desktop_of_it_comes_up)
{
    struct world *w = in_backoff(20);

    EXPECT_SAYS(pool_of(w)->backoff_why, "version 2 of image 'debian'");
    EXPECT_SAYS(pool_of(w)->backoff_why, "no bootable disk");
    THE_END(w);
}

TEST(backoff, a_rollback_lifts_it_and_what_failed_is_made_anew)
{
    struct world *w = in_backoff(21);

    EXPECT_OK(roll_back(w));
    world_run_s(w, 20);
    EXPECT_INT(pool_of(w)->backoff_until_ms, 0);
    EXPECT_INT(quarantined(w), 0);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(backoff, another_template_or_storage_pool_lifts_it)
{
    for (int i = 0; i < 3; i++) {
        struct world *w = in_backoff(22);
        struct row_pool pool = pool_of(w)->row;
        struct row_host host =
            container_of(core_find_name(world_core(w), ENTITY_host, "kvm1"), struct host, base)
                ->row;

        (void)snprintf(pool.template, sizeof(pool.template), "/etc/other.xml");
        (void)snprintf(host.storage, sizeof(host.storage), "other");
        w->hypervisors->dead_image[0] = '\0';
        if (i == 0)
            EXPECT_OK(world_await(
                w, admin_set(context_of(w), world_actor(), ENTITY_pool, &pool, world_op(w))));
        if (i == 1)
            EXPECT_OK(world_await(
                w, admin_set(context_of(w), world_actor(), ENTITY_host, &host, world_op(w))));
        world_run_s(w, 30);
        EXPECT_INT(world_spares(w, "ward-3"), i < 2 ? 1 : 0); /* by itself it takes five minutes */
        EXPECT_INT(quarantined(w), i < 2 ? 0 : 3);
        THE_END(w);
    }
}

TEST(backoff, a_word_lifts_it_also_after_a_restart)
{
    for (int restart = 0; restart < 2; restart++) {
        struct world *w = in_backoff(23);

        w->hypervisors->dead_image[0] = '\0';
        if (restart) {
            world_crash(w);
            world_restart(w);
            world_run_s(w, 60);
        }
        EXPECT_INT(quarantined(w), 3);
        EXPECT_OK(world_await(
            w, admin_pool_retry(context_of(w), world_actor(), pool_of(w)->row.id, world_op(w))));
        world_run_s(w, 20);
        EXPECT_INT(pool_of(w)->backoff_until_ms, 0);
        EXPECT_INT(quarantined(w), 0);
        EXPECT_INT(world_spares(w, "ward-3"), 1);
        THE_END(w);
    }
}

TEST(backoff, what_a_person_put_into_quarantine_stays_there)
{
    struct world *w = in_backoff(24);
    struct desktop_action action = { .act = DESKTOP_QUARANTINE, .why = "to be looked at" };

    w->hypervisors->dead_image[0] = '\0';
    EXPECT_OK(roll_back(w));
    world_run_s(w, 30);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    list_each (pool_list(pool_of(w), CLASS_SPARE), node)
        action.desktop_id = pool_entry(node)->row.id;
    EXPECT_OK(world_await(w, admin_desktop(context_of(w), world_actor(), &action, world_op(w))));
    EXPECT_OK(act(w, IMAGE_PUBLISH, add_version(w, "/images/third.qcow2"), false, NULL));
    world_run_s(w, 60);
    EXPECT_INT(quarantined(w), 1);
    EXPECT(desktop_find(world_core(w), action.desktop_id)->row.quarantined);
    THE_END(w);
}

/* It was never used and may have failed before: it stays for an administrator. */
TEST(backoff, a_retry_spares_what_a_person_put_into_quarantine)
{
    for (int restart = 0; restart < 2; restart++) {
        struct world *w = in_backoff(26);
        struct desktop_action action = { .act = DESKTOP_QUARANTINE, .why = "to be looked at" };

        w->hypervisors->dead_image[0] = '\0';
        list_each (pool_list(pool_of(w), CLASS_QUARANTINED), node)
            action.desktop_id = pool_entry(node)->row.id;
        EXPECT_OK(
            world_await(w, admin_desktop(context_of(w), world_actor(), &action, world_op(w))));
        if (restart) {
            world_crash(w);
            world_restart(w);
            world_run_s(w, 60);
        }
        EXPECT_INT(quarantined(w), 3);
        EXPECT_OK(world_await(
            w, admin_pool_retry(context_of(w), world_actor(), pool_of(w)->row.id, world_op(w))));
        world_run_s(w, 20);
        EXPECT_INT(quarantined(w), 1);
        EXPECT(desktop_find(world_core(w), action.desktop_id)->row.quarantined);
        EXPECT(!desktop_find(world_core(w), action.desktop_id)->row.delete_pending);
        EXPECT_STR(desktop_find(world_core(w), action.desktop_id)->row.reason, "to be looked at");

        /* Out of quarantine it is like any other again. */
        action.act = DESKTOP_RELEASE;
        EXPECT_OK(
            world_await(w, admin_desktop(context_of(w), world_actor(), &action, world_op(w))));
        EXPECT(!desktop_find(world_core(w), action.desktop_id)->row.quarantined_by_admin);
        THE_END(w);
    }
}

/* No new desktop of the failed version; waiting users get one of the version before. */
TEST(backoff, who_waits_gets_a_desktop_of_the_version_that_is_proved)
{
    for (int lost = 0; lost < 2; lost++) {
        struct world *w = world_new(27, WARD "pool ward-3 floating image debian max 9 spare 2\n"
                                             "entitle everyone ward-3\n");

        world_run_s(w, 70);
        (void)publish(w);
        if (lost)
            lose_image(w);
        else
            break_image(w);
        world_sign_on(w, "t1", "anna", "secret12");
        PASS_UNTIL(w, 100, pool_of(w)->backoff_until_ms > 0);
        EXPECT_INT(quarantined(w), lost ? 0 : 3);
        world_sign_on(w, "t2", "bob", "secret12"); /* takes the last spare */
        PASS_UNTIL(w, 100, shows_desktop_now(world_terminal(w, "t2")));
        EXPECT_INT(of_number(w, 1), 2);
        world_sign_on(w, "t3", "carl", "secret12");
        PASS_UNTIL(w, 100, shows_desktop_now(world_terminal(w, "t3")));
        EXPECT(pool_of(w)->backoff_until_ms > 0);
        EXPECT_INT(quarantined(w), lost ? 0 : 3);
        EXPECT(of_number(w, 1) >= 3);
        EXPECT(of_number(w, 2) <= lost);
        THE_END(w);
    }
}

/* One machine of many fails: that is no fault of what they share, and a person looks at it. */
TEST(backoff, a_machine_that_failed_alone_stays_in_quarantine)
{
    struct world *w = world_new(25, WARD "pool ward-3 floating image debian max 4 spare 1\n"
                                         "entitle everyone ward-3\n");

    world_run_s(w, 70);
    world_host(w, "kvm1")->fail_starts = 1;
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 30);
    EXPECT_INT(quarantined(w), 1);
    (void)publish(w);
    world_run_s(w, 30);
    EXPECT_INT(quarantined(w), 1);
    THE_END(w);
}

TEST_MAIN()
