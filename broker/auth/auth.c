/* auth.c - authenticate: passwords by argon2id on the thread pool, badges with a password, kiosk
 * terminals.
 *
 * An unknown name, an account without a password and an unknown badge take as long and give the
 * same error as a wrong password: the password is checked against a dummy hash that no password
 * matches.
 */
#include "auth/auth.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "berth/seal.h"

#include "auth/auth_setup.h"
#include "core/admin.h"
#include "core/grace.h"
#include "core/user.h"

#include "keyfile.h"
#include "limiter.h"

#define HASH_MAX 160
#define PASSWORD_MIN 8
#define WHERE_MAX 128

_Static_assert(crypto_pwhash_STRBYTES <= HASH_MAX, "an argon2id string must fit into the row");

struct auth {
    struct core *core;
    struct offload *hashing;
    struct berth_timers *timers;
    struct limiter limiter;
    struct auth_stats stats;
    unsigned char badge_key[SEAL_KEY];
    char dummy_hash[HASH_MAX]; /* a valid hash string that no password matches */
};

/* ---- opening ---- */

/* argon2id with libsodium's interactive limits: 64 MiB, two passes (compare RFC 9106, section 4).
 */
static bool make_hash(const char *password, size_t size, char out[HASH_MAX])
{
    memset(out, 0, HASH_MAX);
    return crypto_pwhash_str_alg(out, password, size, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                 crypto_pwhash_MEMLIMIT_INTERACTIVE,
                                 crypto_pwhash_ALG_ARGON2ID13) == 0;
}

/* A hash string with random salt and hash: checking a password against it takes as long as any
 * check. Computing a real one would dominate the start of the broker: 0.2 s and 64 MiB. */
static int make_dummy_hash(struct auth *auth, struct berth_random *random,
                           struct berth_error *reterr)
{
    unsigned char bytes[16 + 32];
    char salt[32];
    char hash[64];

    random_fill(random, bytes, sizeof(bytes));
    (void)sodium_bin2base64(salt, sizeof(salt), bytes, 16,
                            sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    (void)sodium_bin2base64(hash, sizeof(hash), bytes + 16, 32,
                            sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    (void)snprintf(auth->dummy_hash, sizeof(auth->dummy_hash), "$argon2id$v=19$m=%u,t=%u,p=1$%s$%s",
                   (unsigned)(crypto_pwhash_MEMLIMIT_INTERACTIVE / 1024),
                   (unsigned)crypto_pwhash_OPSLIMIT_INTERACTIVE, salt, hash);
    /* libsodium would refuse a malformed string at once, and the timing would reveal who has an
     * account. */
    if (crypto_pwhash_str_needs_rehash(auth->dummy_hash, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                       crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return berth_fail(reterr, BERTH_E_INTERNAL,
                          "libsodium uses another format of password hashes");
    return 0;
}

static int read_badge_key(struct auth *auth, const struct auth_setup *setup,
                          struct berth_error *reterr)
{
    char path[KEYFILE_PATH];
    char *bytes = NULL;
    size_t size = 0;
    int r = keyfile_path(setup->folder, "badge.key", path, reterr);

    if (r < 0)
        return r;
    if (!keyfile_exists(path)) {
        random_fill(setup->random, auth->badge_key, sizeof(auth->badge_key));
        return keyfile_write(path, 0600, auth->badge_key, sizeof(auth->badge_key), reterr);
    }
    r = keyfile_read(path, true, &bytes, &size, reterr);
    if (r < 0)
        return r;
    if (size == sizeof(auth->badge_key))
        memcpy(auth->badge_key, bytes, size);
    else
        r = berth_fail(reterr, BERTH_E_INVALID,
                       "%s must have %zu bytes; restore it from a backup, or all badges must be "
                       "enrolled again",
                       path, sizeof(auth->badge_key));
    berth_wipe_free(bytes, size);
    return r;
}

int auth_new(const struct auth_setup *setup, struct auth **ret, struct berth_error *reterr)
{
    struct auth *auth;
    int r;

    if (sodium_init() < 0)
        return berth_fail(reterr, BERTH_E_INTERNAL, "libsodium cannot be used");

    auth = berth_new(struct auth);
    auth->core = setup->core;
    auth->hashing = setup->hashing;
    auth->timers = setup->timers;
    limiter_init(&auth->limiter, random_map_key(setup->random));
    r = read_badge_key(auth, setup, reterr);
    if (r == 0)
        r = make_dummy_hash(auth, setup->random, reterr);
    if (r < 0) {
        auth_free(auth);
        return r;
    }
    *ret = auth;
    return 0;
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    limiter_clear(&auth->limiter);
    berth_wipe_free(auth, sizeof(*auth));
}

void auth_stats(const struct auth *auth, struct auth_stats *ret)
{
    *ret = auth->stats;
    ret->tracked = auth->limiter.count;
}

/* ---- checking a password ---- */

struct check_job {
    struct offload_job job;
    struct auth *auth;
    bool admin;
    uint64_t id;          /* the user or administrator with this hash; 0: none */
    uint64_t terminal_id; /* of a user; 0: an administrator at the management API */
    uint64_t badge_id;    /* the badge given with the password; 0: none */
    char hash[HASH_MAX];
    char who[80];
    char where[WHERE_MAX];
    struct secret password;
    bool keep_password;
    struct auth_result *ret_user;
    uint64_t *ret_admin;
};

/* On a pool thread. */
static int check(struct offload_job *job, struct berth_error *error)
{
    struct check_job *at = container_of(job, struct check_job, job);
    bool right =
        crypto_pwhash_str_verify(at->hash, at->password.text, strlen(at->password.text)) == 0;

    if (!right || at->id == 0)
        return berth_fail(error, BERTH_E_CREDENTIALS, "%s",
                          berth_error_row(BERTH_E_CREDENTIALS)->sentence);
    return 0;
}

/* While the hash was computed the account may have been disabled or deleted, or its password
 * changed. */
static int recheck_account(struct check_job *at, struct berth_error *error)
{
    const struct user *user = at->admin ? NULL : user_find(at->auth->core, at->id);
    const struct admin *admin = at->admin ? admin_find(at->auth->core, at->id) : NULL;
    const char *hash = user ? user->row.password_hash : admin ? admin->row.password_hash : NULL;
    const bool disabled = user ? user->row.disabled : admin && admin->row.disabled;

    if (!hash || strcmp(at->hash, hash) != 0)
        return berth_fail(error, BERTH_E_CREDENTIALS, "%s",
                          berth_error_row(BERTH_E_CREDENTIALS)->sentence);
    if (disabled)
        return berth_fail(error, BERTH_E_DISABLED, "the account '%s' is disabled", at->who);
    return 0;
}

/* From now on the badge alone is accepted for a while. */
static void begin_grace(struct check_job *at)
{
    struct core *core = at->auth->core;
    const struct terminal *terminal = terminal_find(core, at->terminal_id);
    const struct user *user = user_find(core, at->id);

    if (terminal && user)
        grace_begin(core, user, terminal);
}

static void deliver_result(struct offload_job *job, int result)
{
    struct check_job *at = container_of(job, struct check_job, job);
    struct auth *auth = at->auth;

    if (result == BERTH_E_CLOSING)
        return;
    if (result < 0) {
        auth->stats.wrong++;
        limiter_failure(&auth->limiter, at->who, at->where, auth->timers->mono_ms);
        return;
    }
    limiter_success(&auth->limiter, at->who, at->where);
    job->result = recheck_account(at, &job->error);
    if (job->result < 0)
        return;

    auth->stats.accepted++;
    if (at->admin) {
        *at->ret_admin = at->id;
        return;
    }
    begin_grace(at);
    at->ret_user->user_id = at->id;
    at->ret_user->shown.badge_id = at->badge_id;
    memcpy(at->ret_user->shown.password_hash, at->hash, sizeof(at->hash));
    if (at->keep_password)
        at->ret_user->password = at->password;
}

static void release_check_job(struct offload_job *job)
{
    struct check_job *at = container_of(job, struct check_job, job);

    berth_wipe_free(at, sizeof(*at));
}

static int fail_too_many(struct auth *auth, int64_t wait_ms, struct op *op)
{
    auth->stats.too_many++;
    return berth_fail(&op->error, BERTH_E_TOO_MANY, "too many attempts; try again in %lld s",
                      (long long)((wait_ms + 999) / 1000));
}

static int fail_busy(struct auth *auth, enum offload_priority priority, struct op *op)
{
    int64_t wait_ms = offload_wait_ms(auth->hashing, priority);

    auth->stats.busy++;
    return berth_fail(&op->error, BERTH_E_BUSY,
                      "many users are signing on; try again in about %lld s",
                      (long long)wait_ms / 1000 + 1);
}

/* Charge the attempt and give the job to the pool. Owns the job, also on failure. */
static int begin_check(struct check_job *at, struct op *op)
{
    struct auth *auth = at->auth;
    int64_t wait_ms = limiter_charge(&auth->limiter, at->who, at->where, auth->timers->mono_ms);
    enum offload_priority priority;
    int r;

    if (wait_ms > 0) {
        release_check_job(&at->job);
        return fail_too_many(auth, wait_ms, op);
    }
    if (at->hash[0] == '\0') {
        at->id = 0;
        memcpy(at->hash, auth->dummy_hash, sizeof(at->hash));
    }
    at->job.work = check;
    at->job.deliver = deliver_result;
    at->job.release = release_check_job;
    r = offload_begin(auth->hashing, &at->job, op);
    if (r < 0) {
        limiter_refund(&auth->limiter, at->who, at->where);
        priority = at->job.priority;
        release_check_job(&at->job);
        return fail_busy(auth, priority, op);
    }
    return r;
}

/* ---- evidence ---- */

static const struct msg_evidence *evidence_of(const struct msg_evidence *evidence, size_t count,
                                              enum evidence_kind kind)
{
    for (size_t i = 0; i < count; i++)
        if (evidence[i].kind == kind)
            return &evidence[i];
    return NULL;
}

/* The terminal is the evidence: the link has checked its key. */
static int identify_kiosk(struct auth *auth, uint64_t terminal_id, struct auth_result *ret,
                          struct op *op)
{
    struct terminal *terminal = terminal_find(auth->core, terminal_id);
    struct user *user = terminal ? user_find(auth->core, terminal->row.kiosk_user_id) : NULL;

    if (!user || user->row.kind != user_kind_KIOSK)
        return berth_fail(&op->error, BERTH_E_DENIED, "this terminal has no kiosk user");
    if (user->row.disabled)
        return berth_fail(&op->error, BERTH_E_DISABLED, "the kiosk user '%s' is disabled",
                          user->row.name);

    auth->stats.accepted++;
    ret->user_id = user->row.id;
    ret->shown.kiosk = true;
    op_complete_deferred(op, 0, NULL);
    return 0;
}

/* The user of the badge; NULL when it is unknown or disabled. */
static struct user *badge_user(struct auth *auth, const char *uid, uint64_t *ret_badge_id)
{
    const struct badge *badge;
    char hash[72];

    auth_badge_hash(auth, uid, hash);
    badge = badge_by_uid(auth->core, hash);
    *ret_badge_id = badge ? badge->row.id : 0;
    return badge && !badge->row.disabled ? user_find(auth->core, badge->row.user_id) : NULL;
}

static int fail_badge_alone(struct op *op)
{
    return berth_fail(&op->error, BERTH_E_PASSWORD_NEEDED,
                      "a badge names you; your password is needed too");
}

/* A badge alone: accepted in the grace period after the password was given at this site. An unknown
 * identifier gets the same answer as a badge whose grace period is over, and is delayed like a
 * password.
 */
static int identify_badge(struct auth *auth, const struct msg_evidence *badge, uint64_t terminal_id,
                          struct auth_result *ret, struct op *op)
{
    const struct terminal *terminal = terminal_find(auth->core, terminal_id);
    const struct user *user = badge_user(auth, badge->name, &ret->shown.badge_id);
    char where[WHERE_MAX];
    int64_t wait_ms;

    if (auth->core->limits.badge_grace_ms <= 0 || !terminal)
        return fail_badge_alone(op);
    (void)snprintf(where, sizeof(where), "terminal %llu", (unsigned long long)terminal_id);
    wait_ms = limiter_charge(&auth->limiter, badge->name, where, auth->timers->mono_ms);
    if (wait_ms > 0)
        return fail_too_many(auth, wait_ms, op);
    if (!user) {
        auth->stats.wrong++;
        return fail_badge_alone(op);
    }
    limiter_refund(&auth->limiter, badge->name, where);
    if (!grace_holds(auth->core, user, terminal))
        return fail_badge_alone(op);
    if (user->row.disabled)
        return berth_fail(&op->error, BERTH_E_DISABLED, "the account '%s' is disabled",
                          user->row.name);
    auth->stats.accepted++;
    ret->user_id = user->row.id;
    ret->badge_alone = true;
    memcpy(ret->shown.password_hash, user->row.password_hash, HASH_MAX);
    op_complete_deferred(op, 0, NULL);
    return 0;
}

static int identify_person(struct auth *auth, const struct msg_evidence *password,
                           const struct msg_evidence *badge, uint64_t terminal_id,
                           bool keep_password, struct auth_result *ret, struct op *op)
{
    struct check_job *at = berth_new(struct check_job);
    struct user *user = badge ? badge_user(auth, badge->name, &at->badge_id)
                              : user_by_name(auth->core, password->name);

    /* A name given with a badge must be that of the badge's user. */
    if (badge && user && password->name[0] && strcmp(password->name, user->row.name) != 0)
        user = NULL;
    at->auth = auth;
    at->ret_user = ret;
    at->keep_password = keep_password;
    at->password = password->value;
    /* The name as given, also for an unknown badge, so that guesses are counted. */
    copy_text(at->who, user ? user->row.name : badge ? badge->name : password->name);
    (void)snprintf(at->where, sizeof(at->where), "terminal %llu", (unsigned long long)terminal_id);
    at->terminal_id = terminal_id;
    if (user) {
        at->id = user->row.id;
        memcpy(at->hash, user->row.password_hash, sizeof(at->hash));
    }
    return begin_check(at, op);
}

int auth_begin(struct auth *auth, const struct msg_evidence *evidence, size_t count,
               uint64_t terminal_id, bool keep_password, struct auth_result *ret, struct op *op)
{
    const struct msg_evidence *password = evidence_of(evidence, count, evidence_kind_PASSWORD);
    const struct msg_evidence *badge = evidence_of(evidence, count, evidence_kind_BADGE);

    *ret = (struct auth_result){ 0 };
    if (evidence_of(evidence, count, evidence_kind_PIN))
        return berth_fail(&op->error, BERTH_E_PASSWORD_NEEDED,
                          "a PIN is not accepted here; use the password");
    if (password && (badge || password->name[0]))
        return identify_person(auth, password, badge, terminal_id, keep_password, ret, op);
    if (badge)
        return identify_badge(auth, badge, terminal_id, ret, op);
    if (evidence_of(evidence, count, evidence_kind_KIOSK))
        return identify_kiosk(auth, terminal_id, ret, op);
    return berth_fail(&op->error, BERTH_E_CREDENTIALS, "a user name and a password are required");
}

int64_t auth_wait_ms(const struct auth *auth, int *ret_waiting)
{
    *ret_waiting = (int)offload_waiting(auth->hashing, OFFLOAD_HIGH);
    return offload_wait_ms(auth->hashing, OFFLOAD_HIGH);
}

int auth_admin_begin(struct auth *auth, const char *name, const struct secret *password,
                     const struct auth_source *source, uint64_t *ret_admin_id, struct op *op)
{
    struct entity *entity = core_find_name(auth->core, ENTITY_admin, name);
    struct admin *admin = entity ? container_of(entity, struct admin, base) : NULL;
    struct check_job *at = berth_new(struct check_job);

    at->auth = auth;
    at->admin = true;
    at->ret_admin = ret_admin_id;
    at->password = *password;
    copy_text(at->who, name);
    at->job.priority = source->known ? OFFLOAD_HIGH : OFFLOAD_LOW;
    (void)snprintf(at->where, sizeof(at->where), "people at %s", source->name);
    if (admin) {
        at->id = admin->row.id;
        memcpy(at->hash, admin->row.password_hash, sizeof(at->hash));
    }
    return begin_check(at, op);
}

/* ---- new passwords ---- */

struct hash_job {
    struct offload_job job;
    struct secret password;
    char hash[HASH_MAX];
    char *ret;
};

/* On a pool thread. */
static int hash_password(struct offload_job *job, struct berth_error *error)
{
    struct hash_job *at = container_of(job, struct hash_job, job);

    if (!make_hash(at->password.text, strlen(at->password.text), at->hash))
        return berth_fail(error, BERTH_E_BUSY, "out of memory for a password hash (64 MiB)");
    return 0;
}

static void deliver_hash(struct offload_job *job, int result)
{
    struct hash_job *at = container_of(job, struct hash_job, job);

    if (result == 0)
        memcpy(at->ret, at->hash, HASH_MAX);
}

static void release_hash_job(struct offload_job *job)
{
    struct hash_job *at = container_of(job, struct hash_job, job);

    berth_wipe_free(at, sizeof(*at));
}

int auth_hash_begin(struct auth *auth, const struct secret *password, char *ret, struct op *op)
{
    struct hash_job *at;
    int r;

    if (strlen(password->text) < PASSWORD_MIN)
        return berth_fail(&op->error, BERTH_E_INVALID, "a password must have at least %d bytes",
                          PASSWORD_MIN);

    at = berth_new(struct hash_job);
    at->password = *password;
    at->ret = ret;
    at->job.work = hash_password;
    at->job.deliver = deliver_hash;
    at->job.release = release_hash_job;
    r = offload_begin(auth->hashing, &at->job, op);
    if (r < 0) {
        release_hash_job(&at->job);
        return fail_busy(auth, OFFLOAD_HIGH, op);
    }
    return r;
}

void auth_badge_hash(struct auth *auth, const char *uid, char *ret)
{
    seal_hmac_hex(auth->badge_key, uid, strlen(uid), ret);
}

/* With a separate key, so that hashes of badges and of requests cannot be compared. */
void auth_request_hash(struct auth *auth, const void *data, size_t size, char *ret)
{
    static const char purpose[] = "requests";
    unsigned char key[SEAL_KEY];
    char hex[72];

    seal_hmac_hex(auth->badge_key, purpose, sizeof(purpose), hex);
    seal_sha256(hex, strlen(hex), key);
    seal_hmac_hex(key, data, size, ret);
    explicit_bzero(key, sizeof(key));
    explicit_bzero(hex, sizeof(hex));
}
