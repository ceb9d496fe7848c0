/* test_rules.c - random rules and names: renamed, deleted, made again, with and without a restart
 * of the broker in between.
 *
 * Beside the broker the test keeps a list of what was decided, by id, written at the moment of the
 * decision. After each step both must give every person at every terminal the same rights.
 * RULES_SEEDS=N runs seeds 1..N (default 30), RULES_SEED=N only that one.
 */
#include <string.h>

#include "core/index.h"
#include "core/policy.h"
#include "core/reference.h"

#include "story.h"

#define STEPS 150
#define RULES 200
#define NAMES 4 /* so few that each is soon used again */

static const char site[] = "place p0\nplace p0/a\nplace p1\n"
                           "host h0\nhost h1\nimage debian\n"
                           "pool b0 floating image debian max 0 spare 0 hosts h0\n"
                           "pool b1 floating image debian max 0 spare 0 hosts h1\n"
                           "user u0\nuser u1\ngroup g0\ngroup g1\nmember g0 u0\n"
                           "agent t0 place p0/a\nagent t1 place p1\n"
                           "entitle everyone b0\ndeny group g0 b0\nentitle user u1 b1\n";

/* What was decided: by whom it is named then, and for what. */
struct decided {
    uint64_t id;
    enum effect effect;
    enum entity_kind kind; /* ENTITY_NONE: everyone */
    uint64_t subject_id, pool_id;
};

static struct {
    struct world *w;
    struct decided at[RULES];
    size_t count;
    char last[200]; /* what was done, for the sentence of a failure */
} run;

static uint64_t draw(uint64_t sides)
{
    return random_below(&run.w->environment.random, sides);
}

/* ---- what there is ---- */

static const enum entity_kind kinds[] = { ENTITY_user,  ENTITY_group, ENTITY_terminal,
                                          ENTITY_place, ENTITY_pool,  ENTITY_host };
static const char letters[] = "ugtpbh";

static struct entity *some(enum entity_kind kind)
{
    size_t count = world_core(run.w)->of[kind].count;
    size_t skip = count ? draw(count) : 0;

    list_each (core_all(world_core(run.w), kind), node) {
        if (skip-- == 0)
            return entity_of(node);
    }
    return NULL;
}

static uint64_t id_of(struct entity *entity)
{
    return ((const union row *)entity_row_of(entity))->id;
}

static const char *name_of(struct entity *entity)
{
    return (const char *)entity_row_of(entity) +
           record_field(entity_row(entity->kind)->record, "name")->offset;
}

static void new_name(enum entity_kind kind, char out[64])
{
    char letter = 'x';

    for (size_t i = 0; i < BERTH_COUNT(kinds); i++)
        if (kinds[i] == kind)
            letter = letters[i];
    (void)snprintf(out, 64, "%c%d%s", letter, (int)draw(NAMES),
                   kind == ENTITY_place && draw(2) ? "/a" : "");
}

static int awaited(int begun)
{
    return world_await(run.w, begun);
}

/* ---- what administrators do ---- */

static void rename_some(enum entity_kind kind)
{
    struct entity *entity = some(kind);
    union row row;
    char name[64];
    int r;

    memset(&row, 0, sizeof(row));
    if (!entity)
        return;
    new_name(kind, name);
    memcpy(&row, entity_row_of(entity), entity_row(kind)->record->size);
    row.version = 0;
    (void)snprintf((char *)&row + record_field(entity_row(kind)->record, "name")->offset, 64, "%s",
                   name);
    (void)snprintf(run.last, sizeof(run.last), "rename %s '%s' to '%s'", entity_row(kind)->name,
                   name_of(entity), name);
    r = awaited(admin_set(&run.w->broker->context, world_actor(), kind, &row, world_op(run.w)));
    (void)r; /* refused or not: nothing changes but the name */
}

/* Rules about one person or terminal go with them, the rules of a pool with it. */
static void forget_rules(enum entity_kind kind, uint64_t id)
{
    size_t kept = 0;

    for (size_t i = 0; i < run.count; i++) {
        const struct decided *rule = &run.at[i];

        if ((rule->kind == kind && rule->subject_id == id) ||
            (kind == ENTITY_pool && rule->pool_id == id) ||
            (kind == ENTITY_entitlement && rule->id == id))
            continue;
        run.at[kept++] = *rule;
    }
    run.count = kept;
}

static void delete_some(enum entity_kind kind)
{
    struct entity *entity = some(kind);
    uint64_t id;

    /* The last of a kind stays: the others are made after it, and terminals come by joining only.
     */
    if (!entity || (kind != ENTITY_entitlement && world_core(run.w)->of[kind].count == 1))
        return;
    id = id_of(entity);
    (void)snprintf(run.last, sizeof(run.last), "delete %s %llu", entity_row(kind)->name,
                   (unsigned long long)id);
    if (kind == ENTITY_terminal &&
        awaited(admin_terminal_state(&run.w->broker->context, world_actor(), id, terminal_REVOKED,
                                     "a story", world_op(run.w))) < 0)
        return;
    if (awaited(admin_drop(&run.w->broker->context, world_actor(), kind, id, world_op(run.w))) == 0)
        forget_rules(kind, id);
}

static void make_one(enum entity_kind kind)
{
    union row row;
    char name[64];
    uint64_t id;

    memset(&row, 0, sizeof(row));
    new_name(kind, name);
    (void)snprintf((char *)&row + record_field(entity_row(kind)->record, "name")->offset, 64, "%s",
                   name);
    if (kind == ENTITY_user)
        row.user.kind = user_kind_PERSON;
    if (kind == ENTITY_host)
        (void)snprintf(row.host.uri, sizeof(row.host.uri), "fake:///%s", name);
    if (kind == ENTITY_pool) {
        row.pool = world_pool(run.w, name_of(some(ENTITY_pool)))->row;
        (void)snprintf(row.pool.name, sizeof(row.pool.name), "%s", name);
    }
    (void)snprintf(run.last, sizeof(run.last), "add %s '%s'", entity_row(kind)->name, name);
    if (kind != ENTITY_terminal)
        (void)!awaited(
            admin_add(&run.w->broker->context, world_actor(), kind, &row, &id, world_op(run.w)));
}

static void join_some(void)
{
    struct entity *group = some(ENTITY_group);
    struct entity *user = some(ENTITY_user);
    struct row_membership row = { 0 };
    uint64_t id;

    if (!group || !user)
        return;
    row.group_id = id_of(group);
    row.user_id = id_of(user);
    (void)snprintf(run.last, sizeof(run.last), "join");
    (void)!awaited(admin_add(&run.w->broker->context, world_actor(), ENTITY_membership, &row, &id,
                             world_op(run.w)));
}

/* A rule by the name that its subject has now. */
static void decide_some(void)
{
    static const struct {
        enum subject_kind word;
        enum entity_kind kind;
    } subjects[] = {
        { subject_kind_EVERYONE, ENTITY_NONE }, { subject_kind_USER, ENTITY_user },
        { subject_kind_GROUP, ENTITY_group },   { subject_kind_TERMINAL, ENTITY_terminal },
        { subject_kind_PLACE, ENTITY_place },
    };
    size_t which = draw(BERTH_COUNT(subjects));
    struct entity *subject = subjects[which].kind ? some(subjects[which].kind) : NULL;
    struct row_entitlement row = { .subject_kind = subjects[which].word,
                                   .effect = draw(2) ? effect_ALLOW : effect_DENY };
    struct decided *rule = &run.at[run.count];
    struct entity *pool = some(ENTITY_pool);

    if (!pool || (subjects[which].kind && !subject) || run.count == RULES)
        return;
    row.pool_id = id_of(pool);
    if (subject)
        (void)snprintf(row.subject, sizeof(row.subject), "%s", name_of(subject));
    *rule = (struct decided){ .effect = row.effect,
                              .kind = subjects[which].kind,
                              .subject_id = subject ? id_of(subject) : 0,
                              .pool_id = row.pool_id };
    (void)snprintf(run.last, sizeof(run.last), "rule for %s", row.subject);
    if (awaited(admin_add(&run.w->broker->context, world_actor(), ENTITY_entitlement, &row,
                          &rule->id, world_op(run.w))) == 0)
        run.count++;
}

/* ---- judged twice ---- */

/* Which places are below which was drawn when a place was made or a rename was permitted; the paths
 * themselves are what people see, and here is only asked whether a rule's place is the terminal's
 * or above it. */
static bool is_meant(const struct decided *rule, const struct user *user,
                     const struct terminal *terminal)
{
    struct core *core = world_core(run.w);
    const struct place *place = place_find(core, terminal->row.place_id);
    const struct place *above = place_find(core, rule->subject_id);
    size_t length = above ? strlen(above->row.name) : 0;

    switch ((int)rule->kind) {
    case ENTITY_NONE:
        return true;
    case ENTITY_user:
        return rule->subject_id == user->row.id;
    case ENTITY_terminal:
        return rule->subject_id == terminal->row.id;
    case ENTITY_place:
        return place && above && strncmp(place->row.name, above->row.name, length) == 0 &&
               (!place->row.name[length] || place->row.name[length] == '/');
    case ENTITY_group:
        list_each (core_all(core, ENTITY_membership), node) {
            const struct row_membership *row = entity_row_of(entity_of(node));

            if (row->group_id == rule->subject_id && row->user_id == user->row.id)
                return true;
        }
        return false;
    default:
        return false;
    }
}

static bool may_by_list(const struct user *user, const struct terminal *terminal, uint64_t pool_id)
{
    bool allowed = false;

    for (size_t i = 0; i < run.count; i++) {
        if (run.at[i].pool_id != pool_id || !is_meant(&run.at[i], user, terminal))
            continue;
        if (run.at[i].effect == effect_DENY)
            return false;
        allowed = true;
    }
    return allowed;
}

/* The rights of all users at all terminals as one text: a rename does not change it. */
static void judge(char *out, size_t size)
{
    struct core *core = world_core(run.w);
    size_t length = 0;

    out[0] = '\0';
    list_each (core_all(core, ENTITY_user), user_node) {
        list_each (core_all(core, ENTITY_terminal), terminal_node) {
            list_each (core_all(core, ENTITY_pool), pool_node) {
                const struct policy_subject who = {
                    .user = container_of(entity_of(user_node), struct user, base),
                    .terminal = container_of(entity_of(terminal_node), struct terminal, base),
                };
                const struct pool *pool = container_of(entity_of(pool_node), struct pool, base);
                struct policy_verdict verdict;

                policy_evaluate(core, &who, pool, &verdict);
                if (verdict.allowed != may_by_list(who.user, who.terminal, pool->row.id))
                    fail_msg("after %s: %s at %s, pool %s: %s", run.last, who.user->row.name,
                             who.terminal->row.name, pool->row.name, verdict.reason);
                if (length < size)
                    length += (size_t)snprintf(out + length, size - length, "%llu@%llu>%llu%c ",
                                               (unsigned long long)who.user->row.id,
                                               (unsigned long long)who.terminal->row.id,
                                               (unsigned long long)pool->row.id,
                                               verdict.allowed ? '+' : '-');
            }
        }
    }
}

/* Pools stay on the hosts that they were given. */
static void judge_hosts(void)
{
    list_each (core_all(world_core(run.w), ENTITY_pool), node) {
        const struct row_pool *row = entity_row_of(entity_of(node));
        berth_cleanup(berth_freep) char *names =
            reference_names(world_core(run.w), ENTITY_host, row->hosts);

        if (!row->hosts[0] || strstr(names, "(gone)"))
            fail_msg("after %s: pool %s is on '%s' (%s)", run.last, row->name, names, row->hosts);
    }
}

static void step(void)
{
    static char before[65536];
    static char after[65536];
    enum entity_kind kind = kinds[draw(BERTH_COUNT(kinds))];
    bool only_names = false;

    judge(before, sizeof(before));
    switch (draw(8)) {
    case 0:
    case 1:
    case 2:
        rename_some(kind);
        only_names = true;
        break;
    case 3:
        delete_some(kind);
        break;
    case 4:
        make_one(kind);
        break;
    case 5:
        join_some();
        break;
    case 6:
        if (draw(2))
            decide_some();
        else
            delete_some(ENTITY_entitlement);
        break;
    default:
        world_crash(run.w);
        world_restart(run.w);
        (void)snprintf(run.last, sizeof(run.last), "a restart");
        only_names = true;
        break;
    }
    judge(after, sizeof(after));
    judge_hosts();
    if (only_names && strcmp(before, after) != 0)
        fail_msg("%s changed what is open:\n%s\n%s", run.last, before, after);
}

static void note_first(void)
{
    list_each (core_all(world_core(run.w), ENTITY_entitlement), node) {
        const struct row_entitlement *row = entity_row_of(entity_of(node));
        const struct subject subject = entitlement_subject(row);

        run.at[run.count++] = (struct decided){ .id = row->id,
                                                .effect = row->effect,
                                                .kind = subject.kind,
                                                .subject_id = subject.id,
                                                .pool_id = row->pool_id };
    }
}

static void play(uint64_t seed)
{
    memset(&run, 0, sizeof(run));
    run.w = world_new(seed, site);
    world_run_s(run.w, 1);
    note_first();
    for (int i = 0; i < STEPS; i++)
        step();
    THE_END(run.w);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

TEST(rules, whatever_is_renamed_deleted_and_made_again)
{
    uint64_t only = setting("RULES_SEED", 0);
    uint64_t seeds = setting("RULES_SEEDS", 30);

    for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds); seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        play(seed);
    }
}

/* A guest is told a password for the account, and at the end for the same account another one. */
TEST(rules, how_to_get_into_the_desktop_does_not_change_under_a_session)
{
    struct world *w = world_new(30, WARD "pool ward-3 floating image debian max 2 spare 1 "
                                         "release keep\n"
                                         "entitle everyone ward-3\n");
    struct row_pool row;
    size_t before;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    row = world_pool(w, "ward-3")->row;
    (void)snprintf(row.account, sizeof(row.account), "new");
    EXPECT_ERR(world_await(w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row,
                                        world_op(w))),
               BERTH_E_STATE);
    EXPECT_SAYS(world_await_text(), "pool 'ward-3' has 1 open session");
    EXPECT_SAYS(world_await_text(), "sign off");
    row = world_pool(w, "ward-3")->row;
    row.credential = pool_credential_PASSTHROUGH;
    EXPECT_ERR(world_await(w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row,
                                        world_op(w))),
               BERTH_E_STATE);
    before = hypervisors_count_calls(w->hypervisors, VIRT_sign_off, NULL, 0);
    world_sign_off(w, "t1");
    world_run_s(w, 20);
    EXPECT_STR(world_machine(w, "ward-3-001")->account, "berth");
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_sign_off, NULL, 0), before + 1);

    row = world_pool(w, "ward-3")->row;
    (void)snprintf(row.account, sizeof(row.account), "new");
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row, world_op(w))));
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_STR(world_terminal(w, "t1")->show.account, "new");
    EXPECT_STR(world_machine(w, "ward-3-001")->account, "new");
    THE_END(w);
}

/* The new account is on its way to disk when somebody claims a desktop: whichever account the guest
 * was told, the terminal is told too, and at the end it gets another password. */
TEST(rules, an_account_that_changes_beside_a_claim_stays_the_session_s_own)
{
    for (int at_ms = 0; at_ms < 400; at_ms += 4) {
        struct world *w = world_new(31, WARD "pool ward-3 floating image debian max 2 spare 1 "
                                             "release keep\n"
                                             "entitle everyone ward-3\n");
        struct row_pool row;
        char told[64];

        world_run_s(w, 70);
        w->broker->context.store->slowest_ms = 100;
        row = world_pool(w, "ward-3")->row;
        (void)snprintf(row.account, sizeof(row.account), "new");
        world_sign_on(w, "t1", "anna", "secret12");
        world_run_ms(w, at_ms);
        (void)world_await(
            w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row, world_op(w)));
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        berth_copy_text(told, sizeof(told), world_machine(w, "ward-3-001")->account);
        EXPECT_STR(world_terminal(w, "t1")->show.account, told);
        world_sign_off(w, "t1");
        world_run_s(w, 20);
        EXPECT_STR(world_machine(w, "ward-3-001")->account, told);
        THE_END(w);
    }
}

TEST_MAIN()
