/* fake_auth.c - the port auth: finds users by evidence, without cryptography; a password takes a
 * tenth of a second. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/admin.h"
#include "core/grace.h"
#include "core/index.h"
#include "fakes/fake_ports.h"

#define HASHING_MS 100
#define FREE_FAILURES 5 /* of a user at a terminal, before waiting begins */
#define WAIT_MOST_S 60

/* Failures of a user at a terminal. */
struct pair {
    struct list node;
    char key[96];
    int failures;
    int64_t until_ms;
};

struct auth {
    struct environment *environment;
    struct core *core;
    struct berth_timers *timers;
    struct list checks;
    struct list pairs;
    struct map by_key;
};

struct check {
    struct list node;
    struct auth *auth;
    struct berth_timer timer;
    struct op *op;
    struct pair *pair;
    uint64_t id;
    uint64_t terminal_id;
    bool disabled;
    struct evidence_shown shown;
    struct evidence_shown *ret_shown; /* NULL: not a user's */
    char wanted[160];
    struct secret password;
    uint64_t *ret_id;
    struct secret *ret_password; /* NULL: not asked for */
    char *ret_hash;              /* hash only */
};

void fake_digest(const char *text, char hex[72])
{
    struct map_key key = { 0 };

    for (uint64_t i = 0; i < 4; i++) {
        key.k0 = i;
        (void)snprintf(hex + 16 * i, 17, "%016" PRIx64, map_siphash(key, text, strlen(text)));
    }
}

void fake_auth_hash(const char *password, char *ret)
{
    char hex[72];

    fake_digest(password, hex);
    (void)snprintf(ret, 160, "$fake$%s", hex);
}

struct auth *fake_auth_new(struct environment *environment, struct core *core,
                           struct berth_timers *timers)
{
    struct auth *auth = berth_new(struct auth);

    auth->environment = environment;
    auth->core = core;
    auth->timers = timers;
    list_init(&auth->checks);
    list_init(&auth->pairs);
    map_init(&auth->by_key, random_map_key(&environment->random));
    return auth;
}

static void check_free(struct check *check)
{
    timer_stop(check->auth->timers, &check->timer);
    list_remove(&check->node);
    berth_wipe_free(check, sizeof(*check));
}

void fake_auth_free(struct auth *auth)
{
    list_each (&auth->checks, node) {
        struct check *check = list_entry(node, struct check, node);

        check->op->in_flight = false;
        check_free(check);
    }
    list_each (&auth->pairs, node)
        free(list_entry(node, struct pair, node));
    map_clear(&auth->by_key);
    free(auth);
}

/* ---- one password ---- */

static struct pair *pair_of(struct auth *auth, const char *who, const char *where)
{
    struct pair *pair;
    char key[96];

    (void)snprintf(key, sizeof(key), "%.48s at %.40s", who, where);
    pair = map_get_text(&auth->by_key, key);
    if (pair)
        return pair;
    pair = berth_new(struct pair);
    (void)snprintf(pair->key, sizeof(pair->key), "%s", key);
    list_append(&auth->pairs, &pair->node);
    map_put_text(&auth->by_key, pair->key, pair);
    return pair;
}

static void count_failure(struct check *check)
{
    struct pair *pair = check->pair;
    int over = ++pair->failures - FREE_FAILURES;
    int64_t wait_s = over < 0 ? 0 : over > 5 ? WAIT_MOST_S : (int64_t)1 << over;

    pair->until_ms = check->auth->timers->mono_ms + wait_s * 1000;
}

static void begin_grace(const struct check *check)
{
    struct core *core = check->auth->core;
    const struct terminal *terminal = terminal_find(core, check->terminal_id);
    const struct user *user = terminal ? user_find(core, check->id) : NULL;

    if (user)
        grace_begin(core, user, terminal);
}

static int judge(struct check *check, struct berth_error *error)
{
    char hash[160];

    fake_auth_hash(check->password.text, hash);
    if (check->ret_hash) {
        (void)snprintf(check->ret_hash, 160, "%s", hash);
        return 0;
    }
    if (!check->id || !check->wanted[0] || strcmp(hash, check->wanted) != 0) {
        count_failure(check);
        return berth_fail(error, BERTH_E_CREDENTIALS, "the user name or the password is wrong");
    }
    check->pair->failures = 0;
    if (check->disabled)
        return berth_fail(error, BERTH_E_DISABLED, "the account is disabled");
    *check->ret_id = check->id;
    if (check->ret_shown)
        *check->ret_shown = check->shown;
    begin_grace(check);
    if (check->ret_password)
        *check->ret_password = check->password;
    return 0;
}

static void check_ends(struct berth_timer *timer)
{
    struct check *check = container_of(timer, struct check, timer);
    struct op *op = check->op;
    struct berth_error error = { 0 };
    int r = judge(check, &error);

    check_free(check);
    op_complete(op, r, &error);
}

static void cancel(struct op *op)
{
    check_free(op->handle);
}

static struct check *check_new(struct auth *auth, const struct secret *password, struct op *op)
{
    struct check *check = berth_new(struct check);

    check->auth = auth;
    check->op = op;
    check->password = *password;
    list_append(&auth->checks, &check->node);
    timer_start(auth->timers, &check->timer, HASHING_MS, check_ends);
    return check;
}

static int too_many(const struct auth *auth, const struct pair *pair, struct berth_error *error)
{
    int64_t left_ms = pair->until_ms - auth->timers->mono_ms;

    return berth_fail(error, BERTH_E_TOO_MANY, "too many attempts; try again in %" PRId64 " s",
                      (left_ms + 999) / 1000);
}

/* ---- the port ---- */

static const struct msg_evidence *evidence_of(const struct msg_evidence *evidence, size_t count,
                                              enum evidence_kind kind)
{
    for (size_t i = 0; i < count; i++)
        if (evidence[i].kind == kind)
            return &evidence[i];
    return NULL;
}

static struct user *badge_owner(struct auth *auth, const char *uid, uint64_t *ret_badge_id)
{
    struct entity *entity;
    struct badge *badge;
    char hash[72];

    auth_badge_hash(auth, uid, hash);
    entity = index_find_text(auth->core, BADGE_BY_UID, hash);
    badge = entity ? container_of(entity, struct badge, base) : NULL;
    *ret_badge_id = badge ? badge->row.id : 0;
    return badge && !badge->row.disabled ? user_find(auth->core, badge->row.user_id) : NULL;
}

static int identify_kiosk(struct auth *auth, uint64_t terminal_id, struct auth_result *ret,
                          struct op *op)
{
    const struct terminal *terminal = terminal_find(auth->core, terminal_id);
    const struct user *user = terminal ? user_find(auth->core, terminal->row.kiosk_user_id) : NULL;

    if (!user || user->row.kind != user_kind_KIOSK)
        return berth_fail(&op->error, BERTH_E_DENIED, "this terminal has no kiosk user");
    if (user->row.disabled)
        return berth_fail(&op->error, BERTH_E_DISABLED, "the kiosk user '%s' is disabled",
                          user->row.name);
    ret->user_id = user->row.id;
    ret->shown.kiosk = true;
    op_complete_deferred(op, 0, NULL);
    return 0;
}

/* The rule itself is in core. */
static int identify_badge(struct auth *auth, const struct msg_evidence *badge, uint64_t terminal_id,
                          struct auth_result *ret, struct op *op)
{
    const struct terminal *terminal = terminal_find(auth->core, terminal_id);
    const struct user *user = badge_owner(auth, badge->name, &ret->shown.badge_id);

    if (!user || !terminal || !grace_holds(auth->core, user, terminal))
        return berth_fail(&op->error, BERTH_E_PASSWORD_NEEDED,
                          "a badge names you; your password is needed too");
    if (user->row.disabled)
        return berth_fail(&op->error, BERTH_E_DISABLED, "the account is disabled");
    ret->user_id = user->row.id;
    ret->badge_alone = true;
    memcpy(ret->shown.password_hash, user->row.password_hash, 160);
    op_complete_deferred(op, 0, NULL);
    return 0;
}

int auth_begin(struct auth *auth, const struct msg_evidence *evidence, size_t count,
               uint64_t terminal_id, bool keep_password, struct auth_result *ret, struct op *op)
{
    const struct msg_evidence *password = evidence_of(evidence, count, evidence_kind_PASSWORD);
    const struct msg_evidence *badge = evidence_of(evidence, count, evidence_kind_BADGE);
    const struct user *user;
    struct check *check;
    struct pair *pair;
    uint64_t badge_id = 0;
    char where[40];

    *ret = (struct auth_result){ 0 };
    if (!password && evidence_of(evidence, count, evidence_kind_KIOSK))
        return identify_kiosk(auth, terminal_id, ret, op);
    if (!password && badge)
        return identify_badge(auth, badge, terminal_id, ret, op);
    if (!password)
        return berth_fail(&op->error, BERTH_E_CREDENTIALS,
                          "a user name and a password are required");

    user = badge ? badge_owner(auth, badge->name, &badge_id)
                 : user_by_name(auth->core, password->name);
    (void)snprintf(where, sizeof(where), "terminal %llu", (unsigned long long)terminal_id);
    pair = pair_of(auth, badge ? badge->name : password->name, where);
    if (pair->until_ms > auth->timers->mono_ms)
        return too_many(auth, pair, &op->error);
    check = check_new(auth, &password->value, op);
    check->pair = pair;
    check->ret_id = &ret->user_id;
    check->terminal_id = terminal_id;
    check->ret_password = keep_password ? &ret->password : NULL;
    check->ret_shown = &ret->shown;
    check->shown.badge_id = badge_id;
    if (user) {
        memcpy(check->shown.password_hash, user->row.password_hash, 160);
        check->id = user->row.id;
        check->disabled = user->row.disabled;
        memcpy(check->wanted, user->row.password_hash, sizeof(check->wanted));
    }
    return op_begun(op, cancel, check);
}

int64_t auth_wait_ms(const struct auth *auth, int *ret_waiting)
{
    (void)auth; /* all are checked at the same time here */
    *ret_waiting = 0;
    return 0;
}

int auth_admin_begin(struct auth *auth, const char *name, const struct secret *password,
                     const struct auth_source *source, uint64_t *ret_admin_id, struct op *op)
{
    struct entity *entity = core_find_name(auth->core, ENTITY_admin, name);
    const struct admin *admin = entity ? container_of(entity, struct admin, base) : NULL;
    struct pair *pair = pair_of(auth, name, source->name);
    struct check *check;

    if (pair->until_ms > auth->timers->mono_ms)
        return too_many(auth, pair, &op->error);
    check = check_new(auth, password, op);
    check->pair = pair;
    check->ret_id = ret_admin_id;
    if (admin) {
        check->id = admin->row.id;
        check->disabled = admin->row.disabled;
        memcpy(check->wanted, admin->row.password_hash, sizeof(check->wanted));
    }
    return op_begun(op, cancel, check);
}

int auth_hash_begin(struct auth *auth, const struct secret *password, char *ret, struct op *op)
{
    if (strlen(password->text) < 8)
        return berth_fail(&op->error, BERTH_E_INVALID, "a password must have at least 8 bytes");
    {
        struct check *check = check_new(auth, password, op);

        check->ret_hash = ret;
        return op_begun(op, cancel, check);
    }
}

void auth_badge_hash(struct auth *auth, const char *uid, char *ret)
{
    char keyed[128];

    (void)auth; /* the key of the fake is its prefix */
    (void)snprintf(keyed, sizeof(keyed), "badge %s", uid);
    fake_digest(keyed, ret);
}
