/* test_references.c - rows are renamed, deleted, made again: no right returns, and a new row
 * inherits nothing from an earlier one of its name. */
#include "core/index.h"
#include "core/policy.h"

#include "story.h"

#define COPY(to, from) (void)snprintf((to), sizeof(to), "%s", (from))

/* ---- what administrators do ---- */

static struct context *context_in(struct world *w)
{
    return &w->broker->context;
}

static struct entity *named(struct world *w, enum entity_kind kind, const char *name)
{
    struct entity *entity = core_find_name(world_core(w), kind, name);

    if (!entity)
        fail_msg("there is no %s '%s'", entity_row(kind)->name, name);
    return entity;
}

static uint64_t id_of(struct world *w, enum entity_kind kind, const char *name)
{
    return ((const union row *)entity_row_of(named(w, kind, name)))->id;
}

static int rename_it(struct world *w, enum entity_kind kind, const char *from, const char *to)
{
    const struct field *name = record_field(entity_row(kind)->record, "name");
    union row row = { 0 };

    memcpy(&row, entity_row_of(named(w, kind, from)), entity_row(kind)->record->size);
    row.version = 0;
    (void)snprintf((char *)&row + name->offset, name->size, "%s", to);
    return world_await(w, admin_set(context_in(w), world_actor(), kind, &row, world_op(w)));
}

static int delete_it(struct world *w, enum entity_kind kind, const char *name)
{
    return world_await(
        w, admin_drop(context_in(w), world_actor(), kind, id_of(w, kind, name), world_op(w)));
}

static int add_it(struct world *w, enum entity_kind kind, const void *row)
{
    uint64_t id;

    return world_await(w, admin_add(context_in(w), world_actor(), kind, row, &id, world_op(w)));
}

static void must(int r)
{
    if (r < 0)
        fail_msg("%s", world_await_text());
}

static int rule(struct world *w, enum effect effect, enum subject_kind kind, const char *subject)
{
    struct row_entitlement row = { .subject_kind = kind,
                                   .effect = effect,
                                   .pool_id = id_of(w, ENTITY_pool, "ward-3") };

    (void)snprintf(row.subject, sizeof(row.subject), "%s", subject);
    return add_it(w, ENTITY_entitlement, &row);
}

static void add_user(struct world *w, const char *name)
{
    struct row_user row = { .kind = user_kind_PERSON };

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    must(add_it(w, ENTITY_user, &row));
}

static void join_group(struct world *w, const char *group, const char *user)
{
    const struct row_membership row = { .group_id = id_of(w, ENTITY_group, group),
                                        .user_id = id_of(w, ENTITY_user, user) };

    must(add_it(w, ENTITY_membership, &row));
}

static struct policy_verdict judged(struct world *w, const char *user, const char *terminal)
{
    const struct policy_subject subject = {
        .user = world_user(w, user),
        .terminal = container_of(named(w, ENTITY_terminal, terminal), struct terminal, base),
    };
    struct policy_verdict verdict;

    policy_evaluate(world_core(w), &subject, world_pool(w, "ward-3"), &verdict);
    return verdict;
}

static bool may(struct world *w, const char *user, const char *terminal)
{
    return judged(w, user, terminal).allowed;
}

#define POOL "pool ward-3 floating image debian max 4 spare 1\n"

/* ---- what is closed stays closed ---- */

TEST(references, a_deny_follows_its_group_to_a_new_name)
{
    struct world *w =
        world_new(1, WARD FLOATING "group temps\nmember temps anna\ndeny group temps ward-3\n");

    world_run_s(w, 10);
    EXPECT(!may(w, "anna", "t1"));
    must(rename_it(w, ENTITY_group, "temps", "agency"));
    EXPECT(!may(w, "anna", "t1"));
    EXPECT_SAYS(judged(w, "anna", "t1").reason, "group 'agency'");
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 20);
    EXPECT(!shows_desktop_now(world_terminal(w, "t1")));

    world_crash(w);
    world_restart(w);
    world_run_s(w, 10);
    EXPECT(!may(w, "anna", "t1"));
    THE_END(w);
}

TEST(references, a_deny_follows_its_user_and_its_terminal)
{
    struct world *w =
        world_new(2, WARD FLOATING "deny user anna ward-3\ndeny terminal t2 ward-3\n");

    world_run_s(w, 10);
    EXPECT(!may(w, "anna", "t1"));
    EXPECT(!may(w, "bob", "t2"));
    must(rename_it(w, ENTITY_user, "anna", "anna.berg"));
    must(rename_it(w, ENTITY_terminal, "t2", "icu-07"));
    EXPECT(!may(w, "anna.berg", "t1"));
    EXPECT(!may(w, "bob", "icu-07"));
    EXPECT(may(w, "bob", "t1"));
    must(rename_it(w, ENTITY_terminal, "icu-07", "t2"));
    THE_END(w);
}

TEST(references, a_place_keeps_its_rules_and_what_is_below_it)
{
    struct world *w =
        world_new(3, "place house-2\nplace house-2/ward-3\nplace house-5\n" WARD
                     "terminal t4 place house-2/ward-3\n" FLOATING "deny place house-2 ward-3\n");

    world_run_s(w, 10);
    EXPECT(!may(w, "anna", "t4"));
    (void)rename_it(w, ENTITY_place, "house-2", "building-2");
    EXPECT(!may(w, "anna", "t4"));
    /* Out of what is closed by a name alone: never. */
    list_each (core_all(world_core(w), ENTITY_place), node) {
        char name[128];

        (void)snprintf(name, sizeof(name), "%s",
                       container_of(entity_of(node), struct place, base)->row.name);
        if (strstr(name, "/ward-3"))
            (void)rename_it(w, ENTITY_place, name, "house-5/ward-3");
    }
    EXPECT(!may(w, "anna", "t4"));
    THE_END(w);
}

/* ---- what was another's is never given ---- */

TEST(references, a_user_made_again_inherits_nothing)
{
    struct world *w = world_new(4, WARD POOL "group nurses\nentitle user dora ward-3\n");

    world_run_s(w, 10);
    EXPECT(may(w, "dora", "t1"));
    must(delete_it(w, ENTITY_user, "dora"));
    add_user(w, "dora");
    EXPECT(!may(w, "dora", "t1"));

    /* Nor does a new row with an abandoned name. */
    must(rule(w, effect_ALLOW, subject_kind_USER, "anna"));
    must(rename_it(w, ENTITY_user, "anna", "anna.berg"));
    add_user(w, "anna");
    EXPECT(!may(w, "anna", "t1"));
    EXPECT(may(w, "anna.berg", "t1"));
    THE_END(w);
}

TEST(references, a_group_that_a_rule_names_is_not_deleted)
{
    struct world *w =
        world_new(5, WARD FLOATING "group temps\nmember temps anna\ndeny group temps ward-3\n");

    world_run_s(w, 10);
    must(world_await(
        w, admin_drop(context_in(w), world_actor(), ENTITY_membership,
                      ((const union row *)entity_row_of(index_first(
                           world_core(w), MEMBERSHIPS_OF_USER, id_of(w, ENTITY_user, "anna"))))
                          ->id,
                      world_op(w))));
    EXPECT_ERR(delete_it(w, ENTITY_group, "temps"), BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "(deny, pool 'ward-3') names it");
    join_group(w, "temps", "anna");
    EXPECT(!may(w, "anna", "t1"));
    THE_END(w);
}

TEST(references, a_group_made_again_has_none_of_the_old_ones_rights)
{
    struct world *w = world_new(6, WARD POOL "group nurses\nentitle group nurses ward-3\n");
    const struct row_group again = { .name = "nurses" };

    world_run_s(w, 10);
    must(rename_it(w, ENTITY_group, "nurses", "staff"));
    must(add_it(w, ENTITY_group, &again));
    join_group(w, "nurses", "anna");
    join_group(w, "staff", "bob");
    EXPECT(!may(w, "anna", "t1"));
    EXPECT(may(w, "bob", "t1"));
    THE_END(w);
}

/* ---- hosts of a pool ---- */

TEST(references, a_pool_stays_on_its_host_whatever_the_host_is_called)
{
    struct world *w = world_new(
        7, WARD "host kvm2 max 20\n"
                "pool ward-3 floating image debian max 2 spare 1 hosts kvm2\nentitle everyone "
                "ward-3\n");
    struct row_pool row;
    uint64_t host_id;

    world_run_s(w, 10);
    host_id = id_of(w, ENTITY_host, "kvm2");
    must(rename_it(w, ENTITY_host, "kvm2", "kvm9"));
    must(rename_it(w, ENTITY_host, "kvm1", "kvm2"));
    row = world_pool(w, "ward-3")->row;
    row.spare = 2;
    must(world_await(w, admin_set(context_in(w), world_actor(), ENTITY_pool, &row, world_op(w))));
    world_run_s(w, 30);
    EXPECT_INT(index_count(world_core(w), DESKTOPS_OF_POOL, row.id), 2);
    list_each (index_list(world_core(w), DESKTOPS_OF_POOL, row.id), node) {
        const struct row_desktop *desktop = entity_row_of(index_entry(DESKTOPS_OF_POOL, node));

        EXPECT_INT(desktop->host_id, host_id);
    }
    must(rename_it(w, ENTITY_host, "kvm2", "kvm1"));
    must(rename_it(w, ENTITY_host, "kvm9", "kvm2"));
    THE_END(w);
}

TEST(references, a_host_that_a_pool_names_is_not_deleted)
{
    struct world *w =
        world_new(8, WARD "host kvm2 max 20\n"
                          "pool ward-3 floating image debian max 2 spare 0 hosts kvm2\n");
    struct row_pool row;
    char ids[64];

    world_run_s(w, 10);
    EXPECT_ERR(delete_it(w, ENTITY_host, "kvm2"), BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "pool 'ward-3' is limited to it");
    row = world_pool(w, "ward-3")->row;
    COPY(row.hosts, "  kvm2 kvm1 kvm2 ");
    must(world_await(w, admin_set(context_in(w), world_actor(), ENTITY_pool, &row, world_op(w))));
    (void)snprintf(ids, sizeof(ids), "%llu %llu", (unsigned long long)id_of(w, ENTITY_host, "kvm1"),
                   (unsigned long long)id_of(w, ENTITY_host, "kvm2"));
    EXPECT_STR(world_pool(w, "ward-3")->row.hosts, ids);
    row = world_pool(w, "ward-3")->row;
    COPY(row.hosts, "kvm3");
    EXPECT_ERR(
        world_await(w, admin_set(context_in(w), world_actor(), ENTITY_pool, &row, world_op(w))),
        BERTH_E_NOT_FOUND);
    EXPECT_SAYS(world_await_text(), "there is no host 'kvm3'");
    THE_END(w);
}

/* ---- what goes with its user or terminal ---- */

static size_t count(struct world *w, enum entity_kind kind)
{
    return world_core(w)->of[kind].count;
}

TEST(references, rules_about_one_person_go_with_them)
{
    struct world *w = world_new(9, WARD FLOATING "entitle user dora ward-3\ndeny user dora ward-3\n"
                                                 "deny user bob ward-3\n");

    world_run_s(w, 10);
    EXPECT_INT(count(w, ENTITY_entitlement), 4);
    must(delete_it(w, ENTITY_user, "dora"));
    EXPECT_INT(count(w, ENTITY_entitlement), 2);
    EXPECT(!may(w, "bob", "t1"));
    THE_END(w);
}

TEST(references, a_rule_without_its_subject_or_with_another_kind_is_refused)
{
    struct world *w = world_new(10, WARD FLOATING "group nurses\n");
    struct row_entitlement row;

    world_run_s(w, 10);
    EXPECT_ERR(rule(w, effect_DENY, subject_kind_GROUP, ""), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "the group is missing");
    EXPECT_ERR(rule(w, effect_DENY, subject_kind_GROUP, "temps"), BERTH_E_NOT_FOUND);
    EXPECT_SAYS(world_await_text(), "there is no group 'temps'");
    EXPECT_ERR(rule(w, effect_DENY, subject_kind_TAG, "two words"), BERTH_E_INVALID);
    must(rule(w, effect_DENY, subject_kind_TAG, " window "));
    EXPECT(!may(w, "anna", "t1"));

    /* The kind is changed, so is the subject; and the old one is not kept beside it. */
    must(rule(w, effect_DENY, subject_kind_USER, "bob"));
    row = *(const struct row_entitlement *)entity_row_of(
        entity_of(core_all(world_core(w), ENTITY_entitlement)->prev));
    row.subject_kind = subject_kind_GROUP;
    EXPECT_ERR(world_await(w, admin_set(context_in(w), world_actor(), ENTITY_entitlement, &row,
                                        world_op(w))),
               BERTH_E_INVALID);
    COPY(row.subject, "nurses");
    must(world_await(
        w, admin_set(context_in(w), world_actor(), ENTITY_entitlement, &row, world_op(w))));
    row = *(const struct row_entitlement *)entity_row_of(
        core_find(world_core(w), ENTITY_entitlement, row.id));
    EXPECT_INT(row.user_id, 0);
    EXPECT_INT(row.group_id, id_of(w, ENTITY_group, "nurses"));
    EXPECT_STR(row.subject, "");
    THE_END(w);
}

/* ---- places are known by their paths ---- */

TEST(references, a_place_takes_along_what_is_below_it)
{
    struct world *w =
        world_new(11, "place house-2\nplace house-2/ward-3\nplace house-2/ward-3/a\n"
                      "place house-20\n" WARD "terminal t4 place house-2/ward-3/a\n" FLOATING
                      "deny place house-2 ward-3\n");

    world_run_s(w, 10);
    must(rename_it(w, ENTITY_place, "house-2", "building-2"));
    EXPECT(core_find_name(world_core(w), ENTITY_place, "building-2/ward-3/a"));
    EXPECT(core_find_name(world_core(w), ENTITY_place, "house-20"));
    EXPECT(!may(w, "anna", "t4"));
    EXPECT_ERR(rename_it(w, ENTITY_place, "building-2/ward-3", "house-20/ward-3"), BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "place 'building-2') would change for place");
    EXPECT_ERR(rename_it(w, ENTITY_place, "house-20", "building-2/new"), BERTH_E_STATE);
    must(rename_it(w, ENTITY_place, "building-2/ward-3", "building-2/icu"));
    EXPECT(!may(w, "anna", "t4"));
    EXPECT_ERR(delete_it(w, ENTITY_place, "building-2"), BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "(deny, pool 'ward-3') names it");
    THE_END(w);
}

/* ---- terminals and invitations ---- */

/* The token of an invitation; "" when it is refused. */
static const char *invite(struct world *w, const char *terminal)
{
    static struct secret token;
    struct row_invitation row = { .uses_left = 1 };
    uint64_t id;

    row.place_id = id_of(w, ENTITY_place, "ward-3");
    row.expires_ms = w->environment.timers.wall_ms + 3600000;
    (void)snprintf(row.terminal, sizeof(row.terminal), "%s", terminal);
    if (world_await(w, admin_invite(context_in(w), world_actor(), &row, &id, &token, world_op(w))) <
        0)
        return "";
    return token.text;
}

TEST(references, a_number_is_an_id_and_never_a_name)
{
    struct world *w = world_new(12, WARD FLOATING);

    world_run_s(w, 10);
    EXPECT_STR(invite(w, "14"), "");
    EXPECT_SAYS(world_await_text(), "a name is neither a number");
    EXPECT_STR(invite(w, "-1"), "");
    EXPECT_STR(invite(w, "icu 7"), "");
    THE_END(w);
}

TEST(references, an_invitation_is_for_the_terminal_that_had_the_name_when_it_was_made)
{
    struct world *w = world_new(13, WARD FLOATING);
    uint64_t t2, t3;
    char token[160];

    world_run_s(w, 10);
    t2 = id_of(w, ENTITY_terminal, "t2");
    t3 = id_of(w, ENTITY_terminal, "t3");
    (void)snprintf(token, sizeof(token), "%s", invite(w, "t2"));
    must(rename_it(w, ENTITY_terminal, "t2", "spare-2"));
    must(rename_it(w, ENTITY_terminal, "t3", "t2"));
    world_add_terminal(w, "t9", token);
    world_run_s(w, 20);
    /* The device that was invited is the old t2, whatever that is called; the new t2 keeps its key.
     */
    EXPECT_INT(index_count(world_core(w), IDENTITIES_OF_TERMINAL, t2), 2);
    EXPECT_INT(index_count(world_core(w), IDENTITIES_OF_TERMINAL, t3), 1);
    must(rename_it(w, ENTITY_terminal, "t2", "t3"));
    must(rename_it(w, ENTITY_terminal, "spare-2", "t2"));
    THE_END(w);
}

TEST(references, an_invitation_for_a_new_terminal_takes_nobody_over)
{
    struct world *w = world_new(14, WARD FLOATING);
    char token[160];

    world_run_s(w, 10);
    (void)snprintf(token, sizeof(token), "%s", invite(w, "icu-07"));
    must(rename_it(w, ENTITY_terminal, "t3", "icu-07"));
    world_add_terminal(w, "t9", token);
    world_run_s(w, 20);
    EXPECT_INT(
        index_count(world_core(w), IDENTITIES_OF_TERMINAL, id_of(w, ENTITY_terminal, "icu-07")), 1);
    must(rename_it(w, ENTITY_terminal, "icu-07", "t3"));
    THE_END(w);
}

/* ---- pools that profiles ask for ---- */

TEST(references, a_profile_asks_for_its_pool_by_the_new_name)
{
    struct world *w = world_new(15, WARD FLOATING "profile ward everywhere - pool=ward-3\n");
    struct row_profile row = { .name = "other", .settings = "pool = nowhere\n" };

    world_run_s(w, 10);
    must(rename_it(w, ENTITY_pool, "ward-3", "ward-4"));
    EXPECT_STR(
        ((const struct row_profile *)entity_row_of(named(w, ENTITY_profile, "ward")))->settings,
        "pool = ward-4\n");
    EXPECT_ERR(add_it(w, ENTITY_profile, &row), BERTH_E_NOT_FOUND);
    EXPECT_SAYS(world_await_text(), "there is no pool 'nowhere'");
    must(rename_it(w, ENTITY_pool, "ward-4", "ward-3"));
    THE_END(w);
}

/* ---- existing machines ---- */

static int add_machine(struct world *w, const char *pool, const char *name, const char *address,
                       int64_t port)
{
    struct row_desktop row = { .pool_id = id_of(w, ENTITY_pool, pool), .port = port };

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    (void)snprintf(row.address, sizeof(row.address), "%s", address);
    return add_it(w, ENTITY_desktop, &row);
}

TEST(references, one_machine_is_never_two_desktops)
{
    static const char *const same[] = { "10.0.0.1", "::ffff:10.0.0.1", "::FFFF:a00:1" };
    struct world *w = world_new(
        16, WARD "pool pcs manual\npool labs manual\nmachine pc-1 pool pcs at 10.0.0.1:3389\n");
    struct row_desktop row;

    world_run_s(w, 10);
    for (size_t i = 0; i < BERTH_COUNT(same); i++) {
        EXPECT_ERR(add_machine(w, "labs", "pc-2", same[i], 0), BERTH_E_EXISTS);
        EXPECT_SAYS(world_await_text(), "desktop 'pc-1' is at 10.0.0.1 port 3389 already");
    }
    must(add_machine(w, "labs", "pc-2", "::ffff:10.0.0.1", 3390));
    row = world_desktop(w, "pc-2")->row;
    EXPECT_STR(row.address, "10.0.0.1");
    row.port = 3389;
    EXPECT_ERR(
        world_await(w, admin_set(context_in(w), world_actor(), ENTITY_desktop, &row, world_op(w))),
        BERTH_E_EXISTS);
    must(add_machine(w, "labs", "pc-3", "2001:DB8:0::1", 0));
    EXPECT_STR(world_desktop(w, "pc-3")->row.address, "2001:db8::1");
    EXPECT_ERR(add_machine(w, "pcs", "pc-4", "2001:db8:0:0::0001", 0), BERTH_E_EXISTS);
    THE_END(w);
}

TEST(references, a_desktop_does_not_change_its_pool)
{
    struct world *w = world_new(
        18, WARD "pool pcs manual\npool labs manual\nmachine pc-1 pool pcs at 10.0.0.1:3389\n");
    struct row_desktop row;

    world_run_s(w, 10);
    row = world_desktop(w, "pc-1")->row;
    row.pool_id = id_of(w, ENTITY_pool, "labs");
    EXPECT_ERR(
        world_await(w, admin_set(context_in(w), world_actor(), ENTITY_desktop, &row, world_op(w))),
        BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "desktop 'pc-1' cannot move to pool 'labs'");
    EXPECT_INT(world_desktop(w, "pc-1")->row.pool_id, id_of(w, ENTITY_pool, "pcs"));
    THE_END(w);
}

TEST(references, what_is_no_address_is_refused_where_it_enters)
{
    static const char *const bad[] = {
        "localhost",        "[::1]",           "127.0.0.1:3390", " 127.0.0.1",
        "http://127.0.0.1", "127.1",           "0.0.0.0",        "::",
        "224.0.0.1",        "ff02::1",         "fe80::1",        "fe80::1%1",
        "127.0.0.01",       "0x7f.0.0.1",      "2130706433",     "pc-1.example",
        "10.0.0.1/32",      "255.255.255.255",
    };
    struct world *w = world_new(17, WARD "pool pcs manual\n");
    struct row_host host = { .name = "kvm7", .uri = "fake:///kvm7" };

    world_run_s(w, 10);
    for (size_t i = 0; i < BERTH_COUNT(bad); i++) {
        if (add_machine(w, "pcs", "pc-1", bad[i], 0) != BERTH_E_INVALID)
            fail_msg("'%s' is taken: %s", bad[i], world_await_text());
        EXPECT_SAYS(world_await_text(), bad[i]);
    }
    COPY(host.address, "kvm7.example");
    EXPECT_ERR(add_it(w, ENTITY_host, &host), BERTH_E_INVALID);
    EXPECT_SAYS(world_await_text(), "host 'kvm7': 'kvm7.example' is not a numeric address");
    THE_END(w);
}

TEST_MAIN()
