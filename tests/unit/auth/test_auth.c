/* test_auth.c - real argon2id on a real thread pool, with users in a real core. */
#include <sodium.h>
#include <sys/resource.h>
#include <unistd.h>

#include "berth/tls.h"

#include "auth/auth_setup.h"
#include "core/user.h"

#include "test.h"

static struct berth_loop loop;
static struct berth_random system_random;
static struct offload *pool;
static struct core *core;
static struct auth *auth;
static char folder[32];
static char password_hash[160];

enum { ANNA = 11, BERT, KIOSK, BADGE, OLD_BADGE, ICU, LOBBY, ROOT };

struct asked {
    struct op op;
    int done, result;
    struct auth_result user;
    uint64_t admin;
};

static void asked_done(struct op *op, int result)
{
    struct asked *asked = container_of(op, struct asked, op);

    asked->done++;
    asked->result = result;
}

static void load(enum entity_kind kind, const void *row)
{
    struct berth_error error = { 0 };

    if (core_load(core, kind, row, &error) < 0)
        fail_msg("%s", error.text);
}

static void load_people(void)
{
    struct row_user anna = { .id = ANNA, .version = 1, .name = "anna", .kind = user_kind_PERSON };
    struct row_user bert = {
        .id = BERT, .version = 1, .name = "bert", .kind = user_kind_PERSON, .disabled = true
    };
    struct row_user kiosk = { .id = KIOSK, .version = 1, .name = "lobby", .kind = user_kind_KIOSK };
    struct row_admin root = {
        .id = ROOT, .version = 1, .name = "root", .role = role_ADMINISTRATOR
    };

    (void)snprintf(anna.password_hash, sizeof(anna.password_hash), "%s", password_hash);
    (void)snprintf(bert.password_hash, sizeof(bert.password_hash), "%s", password_hash);
    (void)snprintf(root.password_hash, sizeof(root.password_hash), "%s", password_hash);
    load(ENTITY_user, &anna);
    load(ENTITY_user, &bert);
    load(ENTITY_user, &kiosk);
    load(ENTITY_admin, &root);
}

static void load_things(void)
{
    struct row_badge badge = { .id = BADGE, .version = 1, .user_id = ANNA };
    struct row_badge old = { .id = OLD_BADGE, .version = 1, .user_id = ANNA, .disabled = true };
    struct row_terminal icu = {
        .id = ICU, .version = 1, .name = "icu-07", .state = terminal_ACCEPTED
    };
    struct row_terminal lobby = { .id = LOBBY,
                                  .version = 1,
                                  .name = "lobby-1",
                                  .state = terminal_ACCEPTED,
                                  .kiosk_user_id = KIOSK };

    auth_badge_hash(auth, "04a1b2c3", badge.uid_hash);
    auth_badge_hash(auth, "04ffffff", old.uid_hash);
    load(ENTITY_badge, &badge);
    load(ENTITY_badge, &old);
    load(ENTITY_terminal, &icu);
    load(ENTITY_terminal, &lobby);
}

static void begin_queue(size_t queue)
{
    struct auth_setup setup = { .timers = &loop.timers, .random = &system_random };
    struct berth_error error = { 0 };

    (void)snprintf(folder, sizeof(folder), "/tmp/auth-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    EXPECT_OK(loop_init(&loop, NULL));
    random_system(&system_random);
    pool = offload_new(&loop, 1, queue);
    core = core_new(&loop.timers, &system_random);
    setup.folder = folder;
    setup.core = core;
    setup.hashing = pool;
    if (auth_new(&setup, &auth, &error) < 0)
        fail_msg("%s", error.text);
    if (!password_hash[0])
        EXPECT_OK(crypto_pwhash_str(password_hash, "correct horse", 13,
                                    crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                    crypto_pwhash_MEMLIMIT_INTERACTIVE));
    load_people();
    load_things();
}

static void begin(void)
{
    begin_queue(8);
}

static void finish(void)
{
    char path[64];

    offload_free(pool);
    auth_free(auth);
    core_free(core);
    loop_close(&loop);
    (void)snprintf(path, sizeof(path), "%s/badge.key", folder);
    EXPECT_OK(unlink(path));
    EXPECT_OK(rmdir(folder));
}

static struct msg_evidence evidence(enum evidence_kind kind, const char *name, const char *value)
{
    struct msg_evidence evidence = { .kind = kind };

    (void)snprintf(evidence.name, sizeof(evidence.name), "%s", name);
    if (!secret_set(&evidence.value, value, strlen(value)))
        abort();
    return evidence;
}

/* Ask and wait; the error stands in asked->op.error. */
static int ask(struct asked *asked, const struct msg_evidence *shown, size_t count,
               uint64_t terminal_id)
{
    int r;

    *asked = (struct asked){ 0 };
    op_init(&asked->op, &loop.timers, asked_done);
    r = auth_begin(auth, shown, count, terminal_id, true, &asked->user, &asked->op);
    if (r < 0)
        return r;
    assert_int_equal(asked->done, 0);
    (void)UNTIL(asked->done, loop_turn(&loop, 1000));
    return asked->result;
}

static int ask_password(struct asked *asked, const char *name, const char *password,
                        uint64_t terminal_id)
{
    struct msg_evidence shown = evidence(evidence_kind_PASSWORD, name, password);

    return ask(asked, &shown, 1, terminal_id);
}

TEST(auth, the_right_password_names_the_user)
{
    struct asked asked;

    begin();
    EXPECT_OK(ask_password(&asked, "anna", "correct horse", ICU));
    EXPECT_INT(asked.user.user_id, ANNA);
    EXPECT_STR(asked.user.password.text, "correct horse");
    finish();
}

/* Work, not time: the machine may be busy with other things. */
static int64_t cpu_us(void)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    return (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

/* Every start of the broker opens it, on the loop's thread. */
TEST(auth, opening_it_computes_no_hash)
{
    struct auth_setup setup = { .timers = &loop.timers, .random = &system_random };
    struct asked asked;
    struct auth *other = NULL;
    int64_t wrong_us, open_us;

    begin();
    wrong_us = -cpu_us();
    EXPECT_ERR(ask_password(&asked, "anna", "incorrect", ICU), BERTH_E_CREDENTIALS);
    wrong_us += cpu_us();
    setup.folder = folder;
    setup.core = core;
    setup.hashing = pool;
    open_us = -cpu_us();
    EXPECT_OK(auth_new(&setup, &other, NULL));
    open_us += cpu_us();
    EXPECT(open_us * 4 < wrong_us);
    auth_free(other);
    finish();
}

/* While the hash is computed. */
TEST(auth, a_password_that_was_changed_meanwhile_is_wrong)
{
    struct msg_evidence shown = evidence(evidence_kind_PASSWORD, "anna", "correct horse");
    struct user *anna;
    struct asked asked = { 0 };

    begin();
    anna = user_find(core, ANNA);
    op_init(&asked.op, &loop.timers, asked_done);
    EXPECT(auth_begin(auth, &shown, 1, ICU, true, &asked.user, &asked.op) >= 0);
    anna->row.password_hash[0] = '!';
    (void)UNTIL(asked.done, loop_turn(&loop, 1000));
    EXPECT_ERR(asked.result, BERTH_E_CREDENTIALS);
    EXPECT_INT(asked.user.user_id, 0);
    EXPECT(secret_empty(&asked.user.password));
    finish();
}

/* What is judged again when the sign-on had to wait. */
TEST(auth, the_answer_says_what_it_rests_on)
{
    struct msg_evidence shown[2] = { evidence(evidence_kind_PASSWORD, "", "correct horse"),
                                     evidence(evidence_kind_BADGE, "04a1b2c3", "") };
    struct asked asked;

    begin();
    EXPECT_OK(ask(&asked, shown, 2, ICU));
    EXPECT_STR(asked.user.shown.password_hash, user_find(core, ANNA)->row.password_hash);
    EXPECT_INT(asked.user.shown.badge_id, BADGE);
    EXPECT(!asked.user.shown.kiosk);
    finish();
}

TEST(auth, wrong_and_unknown_read_the_same_and_take_as_long)
{
    struct asked asked;
    char wrong[BERTH_ERROR_TEXT];
    int64_t wrong_us, unknown_us;

    begin();
    wrong_us = -cpu_us();
    EXPECT_ERR(ask_password(&asked, "anna", "incorrect", ICU), BERTH_E_CREDENTIALS);
    wrong_us += cpu_us();
    (void)snprintf(wrong, sizeof(wrong), "%s", asked.op.error.text);
    unknown_us = -cpu_us();
    EXPECT_ERR(ask_password(&asked, "nobody", "incorrect", ICU), BERTH_E_CREDENTIALS);
    unknown_us += cpu_us();
    EXPECT_STR(asked.op.error.text, wrong);
    /* A hash takes tens of milliseconds, a look into a table none: unknown names cost a hash too.
     */
    EXPECT(unknown_us * 4 > wrong_us);
    EXPECT_ERR(ask_password(&asked, "lobby", "", ICU),
               BERTH_E_CREDENTIALS); /* no password at all */
    EXPECT_STR(asked.op.error.text, wrong);
    finish();
}

TEST(auth, disabled_is_told_only_to_who_knows_the_password)
{
    struct asked asked;

    begin();
    EXPECT_ERR(ask_password(&asked, "bert", "incorrect", ICU), BERTH_E_CREDENTIALS);
    loop.timers.mono_ms += 2000;
    EXPECT_ERR(ask_password(&asked, "bert", "correct horse", LOBBY), BERTH_E_DISABLED);
    EXPECT_SAYS(asked.op.error.text, "the account 'bert' is disabled");
    EXPECT_INT(asked.user.user_id, 0);
    finish();
}

TEST(auth, failures_delay_the_pair_and_not_the_ward)
{
    struct asked asked;

    begin();
    EXPECT_ERR(ask_password(&asked, "anna", "incorrect", ICU), BERTH_E_CREDENTIALS);
    EXPECT_ERR(ask_password(&asked, "anna", "correct horse", ICU), BERTH_E_TOO_MANY);
    EXPECT_SAYS(asked.op.error.text, "too many attempts; try again in 1 s");
    EXPECT_OK(ask_password(&asked, "anna", "correct horse", LOBBY));
    finish();
}

TEST(auth, two_at_once_are_one_attempt)
{
    struct asked first = { 0 };
    struct asked second = { 0 };
    struct msg_evidence shown = evidence(evidence_kind_PASSWORD, "anna", "guess");

    begin();
    op_init(&first.op, &loop.timers, asked_done);
    op_init(&second.op, &loop.timers, asked_done);
    EXPECT_OK(auth_begin(auth, &shown, 1, ICU, false, &first.user, &first.op));
    EXPECT_ERR(auth_begin(auth, &shown, 1, ICU, false, &second.user, &second.op), BERTH_E_TOO_MANY);
    (void)UNTIL(first.done, loop_turn(&loop, 1000));
    finish();
}

TEST(auth, a_full_queue_is_busy_with_an_estimate_and_charges_nobody)
{
    struct asked asked[3] = { 0 };
    static const char *const names[] = { "a", "b", "anna" };
    int busy = 0;

    begin_queue(1);
    for (int i = 0; i < 3; i++) {
        struct msg_evidence shown = evidence(evidence_kind_PASSWORD, names[i], "correct horse");

        op_init(&asked[i].op, &loop.timers, asked_done);
        if (auth_begin(auth, &shown, 1, ICU, false, &asked[i].user, &asked[i].op) == BERTH_E_BUSY) {
            busy++;
            EXPECT_SAYS(asked[i].op.error.text, "try again in about");
            asked[i].done = 1;
        }
    }
    EXPECT(busy >= 1);
    (void)UNTIL(asked[0].done && asked[1].done && asked[2].done, loop_turn(&loop, 1000));
    EXPECT_OK(ask_password(&asked[0], "anna", "correct horse", LOBBY));
    finish();
}

TEST(auth, called_off_is_silent)
{
    struct asked asked = { 0 };
    struct msg_evidence shown = evidence(evidence_kind_PASSWORD, "anna", "correct horse");

    begin();
    op_init(&asked.op, &loop.timers, asked_done);
    EXPECT_OK(auth_begin(auth, &shown, 1, ICU, true, &asked.user, &asked.op));
    op_cancel(&asked.op);
    for (int i = 0; i < 5; i++)
        loop_turn(&loop, 100);
    EXPECT_INT(asked.done, 0);
    EXPECT_INT(asked.user.user_id, 0);
    finish();
}

TEST(auth, a_badge_names_and_the_password_proves)
{
    struct asked asked;
    struct msg_evidence both[2] = { evidence(evidence_kind_BADGE, "04a1b2c3", ""),
                                    evidence(evidence_kind_PASSWORD, "", "correct horse") };

    begin();
    EXPECT_ERR(ask(&asked, both, 1, ICU), BERTH_E_PASSWORD_NEEDED);
    EXPECT_SAYS(asked.op.error.text, "your password is needed too");
    EXPECT_OK(ask(&asked, both, 2, ICU));
    EXPECT_INT(asked.user.user_id, ANNA);
    both[1] = evidence(evidence_kind_PASSWORD, "bert", "correct horse");
    EXPECT_ERR(ask(&asked, both, 2, ICU), BERTH_E_CREDENTIALS); /* another name than the badge's */
    both[0] = evidence(evidence_kind_BADGE, "04ffffff", "");
    both[1] = evidence(evidence_kind_PASSWORD, "", "correct horse");
    EXPECT_ERR(ask(&asked, both, 2, ICU), BERTH_E_CREDENTIALS); /* a disabled badge */
    both[0] = evidence(evidence_kind_BADGE, "04deadbe", "");
    EXPECT_ERR(ask(&asked, both, 2, ICU), BERTH_E_CREDENTIALS);
    finish();
}

TEST(auth, a_badge_alone_is_enough_for_a_while_after_a_password)
{
    struct asked asked;
    struct msg_evidence password = evidence(evidence_kind_PASSWORD, "anna", "correct horse");
    struct msg_evidence badge = evidence(evidence_kind_BADGE, "04a1b2c3", "");
    struct msg_evidence nobodys = evidence(evidence_kind_BADGE, "04deadbe", "");

    begin();
    core->limits.badge_grace_ms = 3600000;
    EXPECT_ERR(ask(&asked, &badge, 1, ICU), BERTH_E_PASSWORD_NEEDED);
    EXPECT_OK(ask(&asked, &password, 1, ICU));
    EXPECT(!asked.user.badge_alone);
    for (int i = 0; i < 20; i++) {
        EXPECT_OK(ask(&asked, &badge, 1, LOBBY)); /* tapping is not limited */
        EXPECT_INT(asked.user.user_id, ANNA);
        EXPECT(asked.user.badge_alone);
    }
    /* Trying identifiers is. */
    EXPECT_ERR(ask(&asked, &nobodys, 1, ICU), BERTH_E_PASSWORD_NEEDED);
    EXPECT_ERR(ask(&asked, &nobodys, 1, ICU), BERTH_E_TOO_MANY);
    core->limits.badge_grace_ms = 0;
    EXPECT_ERR(ask(&asked, &badge, 1, ICU), BERTH_E_PASSWORD_NEEDED);
    finish();
}

TEST(auth, a_kiosk_terminal_is_its_own_evidence)
{
    struct asked asked;
    struct msg_evidence kiosk = evidence(evidence_kind_KIOSK, "", "");

    begin();
    EXPECT_OK(ask(&asked, &kiosk, 1, LOBBY));
    EXPECT_INT(asked.user.user_id, KIOSK);
    EXPECT_ERR(ask(&asked, &kiosk, 1, ICU), BERTH_E_DENIED);
    EXPECT_SAYS(asked.op.error.text, "this terminal has no kiosk user");
    finish();
}

TEST(auth, pins_and_nothing_are_refused)
{
    struct asked asked;
    struct msg_evidence pin = evidence(evidence_kind_PIN, "", "1234");

    begin();
    EXPECT_ERR(ask(&asked, &pin, 1, ICU), BERTH_E_PASSWORD_NEEDED);
    EXPECT_ERR(ask(&asked, &pin, 0, ICU), BERTH_E_CREDENTIALS);
    finish();
}

TEST(auth, administrators_by_name_and_source)
{
    struct asked asked = { 0 };
    struct secret right = { "correct horse" };
    struct secret wrong = { "battery staple" };
    struct auth_source source = { .name = "192.0.2.1" };

    begin();
    op_init(&asked.op, &loop.timers, asked_done);
    EXPECT_OK(auth_admin_begin(auth, "root", &right, &source, &asked.admin, &asked.op));
    (void)UNTIL(asked.done, loop_turn(&loop, 1000));
    EXPECT_INT(asked.result, 0);
    EXPECT_INT(asked.admin, ROOT);
    asked.done = 0;
    EXPECT_OK(auth_admin_begin(auth, "root", &wrong, &source, &asked.admin, &asked.op));
    (void)UNTIL(asked.done, loop_turn(&loop, 1000));
    EXPECT_ERR(asked.result, BERTH_E_CREDENTIALS);
    EXPECT_ERR(auth_admin_begin(auth, "root", &right, &source, &asked.admin, &asked.op),
               BERTH_E_TOO_MANY);
    finish();
}

TEST(auth, a_new_password_is_hashed_and_short_ones_are_refused)
{
    struct asked asked = { 0 };
    struct secret password = { "a new password" };
    struct secret weak = { "1234567" };
    char hash[160] = "";

    begin();
    op_init(&asked.op, &loop.timers, asked_done);
    EXPECT_ERR(auth_hash_begin(auth, &weak, hash, &asked.op), BERTH_E_INVALID);
    EXPECT_OK(auth_hash_begin(auth, &password, hash, &asked.op));
    (void)UNTIL(asked.done, loop_turn(&loop, 1000));
    EXPECT_INT(strncmp(hash, "$argon2id$", 10), 0);
    EXPECT_OK(crypto_pwhash_str_verify(hash, "a new password", 14));
    finish();
}

TEST(auth, the_badge_key_is_kept)
{
    struct auth_setup setup = { .timers = &loop.timers, .random = &system_random };
    struct auth *again = NULL;
    char first[72], second[72];

    begin();
    auth_badge_hash(auth, "04a1b2c3", first);
    setup.folder = folder;
    setup.core = core;
    setup.hashing = pool;
    EXPECT_OK(auth_new(&setup, &again, NULL));
    auth_badge_hash(again, "04a1b2c3", second);
    EXPECT_STR(first, second);
    auth_free(again);
    finish();
}

TEST(auth, the_hash_of_a_request_hangs_on_the_key_of_the_site)
{
    struct auth_setup setup = { .timers = &loop.timers, .random = &system_random };
    char first[72], second[72], plain[72];
    struct auth *again = NULL;
    char path[256];

    begin();
    auth_request_hash(auth, "04a1b2c3", 8, first);
    auth_badge_hash(auth, "04a1b2c3", second);
    EXPECT(strcmp(first, second) != 0);
    tls_sha256_hex("04a1b2c3", 8, plain);
    EXPECT(strcmp(first, plain) != 0);
    setup.folder = folder;
    setup.core = core;
    setup.hashing = pool;
    EXPECT_OK(auth_new(&setup, &again, NULL));
    auth_request_hash(again, "04a1b2c3", 8, second);
    EXPECT_STR(first, second);
    auth_free(again);
    (void)snprintf(path, sizeof(path), "%s/badge.key", folder);
    EXPECT_OK(unlink(path));
    EXPECT_OK(auth_new(&setup, &again, NULL));
    auth_request_hash(again, "04a1b2c3", 8, second);
    EXPECT(strcmp(first, second) != 0);
    auth_free(again);
    finish();
}

TEST_MAIN()
