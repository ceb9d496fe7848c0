/* admin_people.c - passwords, API tokens and badges: only hashes of them are stored. */
#include <stdio.h>
#include <string.h>

#include "flow/admin_internal.h"
#include "flow/decide.h"

#define TOKEN_BYTES 32
#define TOKEN_DAYS 365

/* ---- a password: hash, then decide ---- */

struct new_password {
    struct pending_request pending;
    struct context *context;
    enum entity_kind kind;
    uint64_t id;
    struct admin_actor actor;
    struct changes *changes;
    struct op *caller;
    struct op hashing;
    struct op commit;
    char hash[160];
};

static void password_done(struct new_password *password, int result,
                          const struct berth_error *error)
{
    struct op *caller = password->caller;
    struct berth_error why = error ? *error : (struct berth_error){ 0 };

    list_remove(&password->pending.node);
    changes_free(password->changes);
    berth_wipe_free(password, sizeof(*password));
    op_complete(caller, result, &why);
}

static void new_password_drop(struct pending_request *pending)
{
    struct new_password *password = container_of(pending, struct new_password, pending);
    struct op *caller = password->caller;

    if (password->hashing.in_flight)
        op_cancel(&password->hashing);
    changes_free(password->changes);
    berth_wipe_free(password, sizeof(*password));
    op_complete(caller, BERTH_E_CLOSING, NULL);
}

static void password_stored(struct op *op, int result)
{
    struct new_password *password = container_of(op, struct new_password, commit);

    password_done(password, result, &op->error);
}

/* Change the present row: it may have changed while the password was hashed. */
static int put_hash(struct new_password *password, struct berth_error *reterr)
{
    struct entity *entity = core_find(password->context->core, password->kind, password->id);

    if (!entity)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "the account was deleted meanwhile");
    if (password->kind == ENTITY_user) {
        struct row_user *row = changes_set(password->changes, ENTITY_user, entity_row_of(entity));

        (void)snprintf(row->password_hash, sizeof(row->password_hash), "%s", password->hash);
    } else {
        struct row_admin *row = changes_set(password->changes, ENTITY_admin, entity_row_of(entity));

        (void)snprintf(row->password_hash, sizeof(row->password_hash), "%s", password->hash);
    }
    return 0;
}

static void password_hashed(struct op *op, int result)
{
    struct new_password *password = container_of(op, struct new_password, hashing);
    struct berth_error error = op->error;
    int r = result;

    if (r >= 0)
        r = admin_check_right(&password->actor, &error);
    if (r >= 0)
        r = put_hash(password, &error);
    if (r >= 0) {
        r = decide_begin(password->context, berth_take(password->changes), NULL, &password->commit);
        error = password->commit.error;
    }
    if (r < 0)
        password_done(password, r, &error);
}

int admin_password(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
                   uint64_t id, const struct secret *secret, struct op *op)
{
    struct entity *entity = core_find(context->core, kind, id);
    struct new_password *password;
    int r = 0;

    if ((kind != ENTITY_user && kind != ENTITY_admin) || !entity)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no account with the id %llu",
                          (unsigned long long)id);
    password = berth_new(struct new_password);
    password->context = context;
    password->kind = kind;
    password->id = id;
    password->caller = op;
    password->actor = *actor;
    password->changes =
        admin_changes(actor, kind == ENTITY_user ? "user.password" : "admin.password");
    changes_object(password->changes, "%s %s", entity_row(kind)->name,
                   kind == ENTITY_user ? container_of(entity, struct user, base)->row.name
                                       : container_of(entity, struct admin, base)->row.name);
    password->changes->audit.subject_user_id = kind == ENTITY_user ? id : 0;
    op_init(&password->hashing, context->timers, password_hashed);
    op_init(&password->commit, context->timers, password_stored);
    if (secret_empty(secret))
        op_complete_deferred(&password->hashing, 0, NULL);
    else
        r = auth_hash_begin(context->auth, secret, password->hash, &password->hashing);
    if (r < 0) {
        op->error = password->hashing.error;
        changes_free(password->changes);
        berth_wipe_free(password, sizeof(*password));
        return r;
    }
    admin_pending_add(context, &password->pending, new_password_drop);
    return op_begun(op, NULL, password);
}

/* ---- tokens ---- */

int admin_token(struct context *context, const struct admin_actor *actor,
                const struct row_token *given, uint64_t *ret_id, struct secret *ret_token,
                struct op *op)
{
    struct admin *admin = admin_find(context->core, given->admin_id);
    struct row_token row = *given;
    struct changes *changes;
    char hex[2 * TOKEN_BYTES + 1];

    if (!admin)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND,
                          "there is no administrator with the id %llu",
                          (unsigned long long)given->admin_id);
    random_hex(context->random, hex, TOKEN_BYTES);
    (void)snprintf(ret_token->text, sizeof(ret_token->text), "berth_%s", hex);
    explicit_bzero(hex, sizeof(hex));
    context->core->digest(ret_token->text, row.token_hash);
    row.id = core_next_id(context->core);
    if (!row.expires_ms)
        row.expires_ms = context->timers->wall_ms + (int64_t)TOKEN_DAYS * 86400000;
    *ret_id = row.id;
    changes = admin_changes(actor, "token.add");
    changes_object(changes, "admin %s", admin->row.name);
    changes_detail(changes, "for %s", row.label);
    (void)changes_add(changes, ENTITY_token, &row);
    return decide_begin(context, changes, &(struct decide_then){ .adds = ENTITY_token }, op);
}

/* ---- badges ---- */

int admin_badge(struct context *context, const struct admin_actor *actor, uint64_t user_id,
                const char *uid, const char *label, uint64_t *ret_id, struct op *op)
{
    struct user *user = user_find(context->core, user_id);
    struct row_badge row = { .user_id = user_id };
    struct changes *changes;

    if (!user)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no user with the id %llu",
                          (unsigned long long)user_id);
    if (!uid[0])
        return berth_fail(&op->error, BERTH_E_INVALID, "a badge needs its identifier");
    auth_badge_hash(context->auth, uid, row.uid_hash);
    row.id = core_next_id(context->core);
    *ret_id = row.id;
    (void)snprintf(row.label, sizeof(row.label), "%s", label);
    changes = admin_changes(actor, "badge.add");
    changes_object(changes, "user %s", user->row.name);
    changes->audit.subject_user_id = user_id;
    (void)changes_add(changes, ENTITY_badge, &row);
    return decide_begin(context, changes, &(struct decide_then){ .adds = ENTITY_badge }, op);
}
