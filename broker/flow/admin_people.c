/* admin_people.c - passwords, API tokens and badges: only hashes of them are stored. */
#include <stdio.h>
#include <string.h>

#include "core/admin.h"
#include "flow/admin_job.h"
#include "flow/decide.h"

#define TOKEN_BYTES 32
#define TOKEN_DAYS 365

/* ---- a password: hash, then decide ---- */

struct new_password {
    struct admin_job job; /* its steps: hashing, then the decision */
    enum entity_kind kind;
    uint64_t id;
    char hash[160];
};

static void password_stored(struct op *op, int result)
{
    admin_job_end(container_of(op, struct admin_job, step), result);
}

/* Change the present row: it may have changed while the password was hashed. NULL: reterr says
 * why. */
static struct changes *put_hash(const struct new_password *password, struct berth_error *reterr)
{
    bool user = password->kind == ENTITY_user;
    struct entity *entity = core_find(password->job.context->core, password->kind, password->id);
    struct changes *changes;
    union row *row;

    if (!entity) {
        (void)berth_fail(reterr, BERTH_E_NOT_FOUND, "the account was deleted meanwhile");
        return NULL;
    }
    changes = admin_changes(&password->job.actor, user ? "user.password" : "admin.password");
    row = changes_set(changes, password->kind, entity_row_of(entity));
    changes_object(changes, "%s %s", entity_row(password->kind)->name,
                   user ? row->user.name : row->admin.name);
    changes->audit.subject_user_id = user ? password->id : 0;
    if (user)
        copy_text(row->user.password_hash, password->hash);
    else
        copy_text(row->admin.password_hash, password->hash);
    return changes;
}

static void password_hashed(struct op *op, int result)
{
    struct new_password *password = container_of(op, struct new_password, job.step);
    struct context *context = password->job.context;
    struct berth_error error = op->error;
    struct changes *changes = NULL;
    int r = result;

    op_init(op, context->timers, password_stored);
    op->error = error;
    if (r >= 0)
        r = admin_check_right(&password->job.actor, &op->error);
    if (r >= 0) {
        changes = put_hash(password, &op->error);
        r = changes ? decide_begin(context, changes, NULL, op) : op->error.code;
    }
    if (r < 0)
        password_stored(op, r);
}

int admin_password(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
                   uint64_t id, const struct secret *secret, struct op *op)
{
    struct new_password *password;
    int r = 0;

    if ((kind != ENTITY_user && kind != ENTITY_admin) || !core_find(context->core, kind, id))
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no account with the id %llu",
                          (unsigned long long)id);
    password = admin_job_new(context, actor, sizeof(*password));
    password->kind = kind;
    password->id = id;
    op_init(&password->job.step, context->timers, password_hashed);
    if (secret_empty(secret))
        op_complete_deferred(&password->job.step, 0, NULL);
    else
        r = auth_hash_begin(context->auth, secret, password->hash, &password->job.step);
    return admin_job_begun(&password->job, r, op);
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
    copy_text(row.label, label);
    changes = admin_changes(actor, "badge.add");
    changes_object(changes, "user %s", user->row.name);
    changes->audit.subject_user_id = user_id;
    (void)changes_add(changes, ENTITY_badge, &row);
    return decide_begin(context, changes, &(struct decide_then){ .adds = ENTITY_badge }, op);
}
