/* test_policy.c - who may use which pool: subjects, deny, priority, what is redirected, and the
 * sentence for it. */
#include "core/policy.h"
#include "core/reference.h"

#include "small.h"

static uint64_t next = 100;

static void entitle(struct small *s, enum effect effect, enum subject_kind kind,
                    const char *subject, uint64_t pool_id, int64_t priority)
{
    struct row_entitlement row = { .id = next++,
                                   .version = 1,
                                   .subject_kind = kind,
                                   .pool_id = pool_id,
                                   .effect = effect,
                                   .priority = priority };

    if (entitlement_subject_id(&row))
        *entitlement_subject_id(&row) = small_id(s, entitlement_subject(&row).kind, subject);
    else
        (void)snprintf(row.subject, sizeof(row.subject), "%s", subject);
    small_load(s, ENTITY_entitlement, &row);
}

static struct policy_verdict judge(struct small *s, const char *user, const char *terminal)
{
    const struct policy_subject subject = { .user = user_by_name(s->core, user),
                                            .terminal = terminal_by_name(s->core, terminal) };
    struct policy_verdict verdict;

    policy_evaluate(s->core, &subject, pool_by_name(s->core, "ward"), &verdict);
    return verdict;
}

static void open_ward(struct small *s)
{
    const struct row_site site = { .id = 1, .version = 1, .name = "main" };
    const struct row_place place = {
        .id = 2, .version = 1, .name = "house-2/ward-3/room-12", .site_id = 1
    };
    static const struct row_place above[] = {
        { .id = 30, .version = 1, .name = "house-2", .site_id = 1 },
        { .id = 31, .version = 1, .name = "house-2/ward-3", .site_id = 1 },
        { .id = 32, .version = 1, .name = "house-2/ward", .site_id = 1 },
    };
    const struct row_group group = { .id = 3, .version = 1, .name = "nurses" };
    const struct row_membership member = { .id = 4, .version = 1, .group_id = 3, .user_id = 10 };
    struct terminal *terminal;

    small_open(s);
    next = 100;
    small_pool(s, 5, "ward");
    small_load(s, ENTITY_site, &site);
    small_load(s, ENTITY_place, &place);
    for (size_t i = 0; i < BERTH_COUNT(above); i++)
        small_load(s, ENTITY_place, &above[i]);
    small_load(s, ENTITY_group, &group);
    small_user(s, 10, "anna");
    small_user(s, 11, "bob");
    small_load(s, ENTITY_membership, &member);
    terminal = small_terminal(s, 20, "t1", 2);
    (void)snprintf(terminal->row.tags, sizeof(terminal->row.tags), "window mobile-cart");
    (void)snprintf(terminal->from, sizeof(terminal->from), "10.20.30.40");
    small_terminal(s, 21, "t2", 0);
}

TEST(policy, nobody_may_without_an_entitlement)
{
    struct small s;

    open_ward(&s);
    EXPECT(!judge(&s, "anna", "t1").allowed);
    EXPECT_STR(judge(&s, "anna", "t1").reason, "no entitlement fits");
    small_close(&s);
}

TEST(policy, every_kind_of_subject_fits_whom_it_names)
{
    static const struct {
        enum subject_kind kind;
        const char *subject;
        bool anna_t1, bob_t1, anna_t2;
    } cases[] = {
        { subject_kind_EVERYONE, "", true, true, true },
        { subject_kind_USER, "anna", true, false, true },
        { subject_kind_GROUP, "nurses", true, false, true },
        { subject_kind_TERMINAL, "t1", true, true, false },
        { subject_kind_TAG, "mobile-cart", true, true, false },
        { subject_kind_TAG, "mobile", false, false, false },
        { subject_kind_PLACE, "house-2", true, true, false },
        { subject_kind_PLACE, "house-2/ward-3", true, true, false },
        { subject_kind_PLACE, "house-2/ward", false, false, false },
        { subject_kind_NETWORK, "10.20.0.0/16", true, true, false },
        { subject_kind_NETWORK, "10.21.0.0/16", false, false, false },
    };

    for (size_t i = 0; i < BERTH_COUNT(cases); i++) {
        struct small s;

        open_ward(&s);
        entitle(&s, effect_ALLOW, cases[i].kind, cases[i].subject, 5, 1);
        EXPECT_INT(judge(&s, "anna", "t1").allowed, cases[i].anna_t1);
        EXPECT_INT(judge(&s, "bob", "t1").allowed, cases[i].bob_t1);
        EXPECT_INT(judge(&s, "anna", "t2").allowed, cases[i].anna_t2);
        small_close(&s);
    }
}

TEST(policy, deny_wins_over_everything)
{
    struct small s;
    struct policy_verdict verdict;

    open_ward(&s);
    entitle(&s, effect_ALLOW, subject_kind_USER, "anna", 5, 1000);
    entitle(&s, effect_DENY, subject_kind_PLACE, "house-2", 5, 0);
    verdict = judge(&s, "anna", "t1");
    EXPECT(!verdict.allowed);
    EXPECT_STR(verdict.reason, "denied by entitlement 101: place 'house-2'");
    EXPECT(judge(&s, "anna", "t2").allowed);
    small_close(&s);
}

/* A row of an older version with the name of an unknown group. */
static void entitle_gone(struct small *s, enum effect effect)
{
    const struct row_entitlement row = { .id = next++,
                                         .version = 1,
                                         .subject_kind = subject_kind_GROUP,
                                         .subject = "temps",
                                         .pool_id = 5,
                                         .effect = effect };

    small_load(s, ENTITY_entitlement, &row);
}

TEST(policy, a_subject_that_is_gone_opens_nothing)
{
    struct small s;

    open_ward(&s);
    entitle_gone(&s, effect_ALLOW);
    EXPECT(!judge(&s, "anna", "t1").allowed);
    entitle(&s, effect_ALLOW, subject_kind_EVERYONE, "", 5, 1);
    EXPECT(judge(&s, "anna", "t1").allowed);
    entitle_gone(&s, effect_DENY); /* it is unknown who was meant: all are denied */
    EXPECT(!judge(&s, "anna", "t1").allowed);
    EXPECT(!judge(&s, "bob", "t2").allowed);
    EXPECT_STR(judge(&s, "bob", "t2").reason, "denied by entitlement 102: group 'temps' is gone");
    small_close(&s);
}

TEST(policy, the_highest_priority_says_what_is_redirected)
{
    struct small s;
    struct policy_verdict verdict;

    open_ward(&s);
    entitle(&s, effect_ALLOW, subject_kind_EVERYONE, "", 5, 1);
    entitlement_find(s.core, 100)->row.usb = true;
    entitle(&s, effect_ALLOW, subject_kind_GROUP, "nurses", 5, 9);
    entitlement_find(s.core, 101)->row.clipboard = true;
    entitle(&s, effect_ALLOW, subject_kind_TERMINAL, "t1", 5, 9);
    entitlement_find(s.core, 102)->row.sound = true;
    verdict = judge(&s, "anna", "t1");
    EXPECT_INT(verdict.priority, 9);
    EXPECT_STR(verdict.reason, "allowed by entitlement 101: group 'nurses'");
    EXPECT(verdict.flags.clipboard && verdict.flags.sound);
    EXPECT(!verdict.flags.usb && !verdict.flags.drives && !verdict.flags.printers);
    small_close(&s);
}

TEST(policy, pools_are_listed_by_priority_then_name)
{
    struct small s;
    struct policy_verdict list[4];
    struct policy_subject subject;

    open_ward(&s);
    small_pool(&s, 6, "office");
    small_pool(&s, 7, "clinic");
    small_pool(&s, 8, "zoo");
    entitle(&s, effect_ALLOW, subject_kind_EVERYONE, "", 5, 1);
    entitle(&s, effect_ALLOW, subject_kind_EVERYONE, "", 6, 7);
    entitle(&s, effect_ALLOW, subject_kind_EVERYONE, "", 7, 1);
    subject = (struct policy_subject){ .user = user_by_name(s.core, "anna") };
    EXPECT_INT(policy_list(s.core, &subject, list, 4), 4);
    EXPECT_INT(list[0].pool_id, 6);
    EXPECT_INT(list[1].pool_id, 7);
    EXPECT_INT(list[2].pool_id, 5);
    EXPECT(!list[3].allowed);
    EXPECT_INT(policy_list(s.core, &subject, list, 2), 2);
    EXPECT_INT(list[0].pool_id, 6);
    EXPECT_INT(list[1].pool_id, 7);
    small_close(&s);
}

TEST_MAIN()
