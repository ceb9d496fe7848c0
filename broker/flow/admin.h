/* admin.h - what people may change: the entry points of the management API.
 *
 * Module flow. Thread: loop. The API has checked the role (verbs.def) and decoded a whole row; here
 * it is checked against the facts (references exist, a pool has what its kind needs, nothing in use
 * is deleted), decided durably, applied and announced. Every function follows the contract of op.h:
 * < 0 and op->error says why, or one completion later. The writes behind them cannot be cancelled:
 * the op must live until it completes. Pointers called ret_... are filled before completion and
 * must live as long. CREDENTIALS from any of them: the actor's right ended while it waited, and
 * nothing was changed.
 */
#ifndef BERTH_FLOW_ADMIN_H
#define BERTH_FLOW_ADMIN_H

#include "flow/context.h"

/* Who asks, for the audit trail, and which request it is: see struct changes. request_id is "" when
 * it has no key. A request that was done before completes with 0 and changes nothing, but for one
 * that adds a row: EXISTS, with a sentence that names the row of then; its secrets cannot be told
 * again.
 */
struct admin_actor {
    char name[80];
    enum role role;
    char request_id[REQUEST_ID_SIZE];
    char request_fingerprint[REQUEST_ID_SIZE];
    /* May they still ask this? NULL: nobody can take it from them. Asked again when something was
     * waited for before the decision; `asker` lives until the call's op has completed. */
    bool (*holds)(const void *asker);
    const void *asker;
};

/* To be asked after a wait, before anything more is decided for the actor. Errors: CREDENTIALS. */
int admin_check_right(const struct admin_actor *actor, struct berth_error *reterr) berth_must_check;

/* Make an entity. row: struct row_<kind>; its id is given here. Desktops can be added to manual
 * pools only; identities, invitations, commands, slots, assignments, sessions, connections and
 * tokens have their own ways (UNSUPPORTED). Errors: INVALID, NOT_FOUND (a reference), EXISTS (the
 * name).
 */
int admin_add(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
              const void *row, uint64_t *ret_id, struct op *op) berth_must_check;

/* Change an entity: the whole row as it shall be. row->version: the version it was based on, 0 =
 * whatever it is now. Fields that only flows decide (states, hashes, epochs) keep what they are.
 * Errors: as admin_add, CONFLICT.
 */
int admin_set(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
              const void *row, struct op *op) berth_must_check;

/* Delete an entity. Errors: NOT_FOUND, STATE (in use, with a sentence by what). A pool must have no
 * desktops: its desktops are deleted with admin_desktop(DESKTOP_DELETE) or by max = 0.
 */
int admin_drop(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
               uint64_t id, struct op *op) berth_must_check;

/* Would it be refused at once? For a dry run; admin_drop asks the same. */
int admin_drop_check(struct core *core, struct entity *entity,
                     struct berth_error *reterr) berth_must_check;

enum desktop_act {
    DESKTOP_START,      /* its machine up and answering */
    DESKTOP_STOP,       /* its machine off */
    DESKTOP_RESTART,    /* off and on again */
    DESKTOP_REFRESH,    /* its disk made anew; what is on it is lost */
    DESKTOP_QUARANTINE, /* kept out of hand-out; a session on it goes on */
    DESKTOP_RELEASE,    /* out of quarantine */
    DESKTOP_DELETE,     /* machine, disk and row deleted; refused while it belongs to a user */
};

struct desktop_action {
    uint64_t desktop_id;
    enum desktop_act act;
    bool force; /* stop, restart, refresh: also under a session, which ends with its machine or is
                   disconnected */
    const char *why;
};

/* Would it be refused at once? For a dry run; admin_desktop asks the same. */
int admin_desktop_check(struct core *core, const struct desktop_action *action,
                        struct berth_error *reterr) berth_must_check;

/* Completes when it is decided (quarantine, release) or the machine has done it (start, stop,
 * restart, refresh, delete). Errors: STATE (a session is on it and `force` is not set), HOST,
 * HOST_DOWN, UNSUPPORTED (manual desktops).
 */
int admin_desktop(struct context *context, const struct admin_actor *actor,
                  const struct desktop_action *action, struct op *op) berth_must_check;

/* End a session for good (completes when ENDING is durable and the terminal was told), or take it
 * off its screen. */
int admin_session_sign_off(struct context *context, const struct admin_actor *actor,
                           uint64_t session_id, const char *why, struct op *op) berth_must_check;
int admin_session_disconnect(struct context *context, const struct admin_actor *actor,
                             uint64_t session_id, const char *why, struct op *op) berth_must_check;

/* What a host is wanted for from now on; sessions on it go on, whatever it is. */
int admin_host_mode(struct context *context, const struct admin_actor *actor, uint64_t host_id,
                    enum host_mode mode, struct op *op) berth_must_check;

/* ACCEPTED (also approves one that waits), QUARANTINED, REVOKED (its keys are refused for ever, its
 * connection is closed), WAITING (a revoked one may ask again).
 */
int admin_terminal_state(struct context *context, const struct admin_actor *actor,
                         uint64_t terminal_id, enum terminal_state state, const char *why,
                         struct op *op) berth_must_check;

/* Permission for terminals to join. row: terminal, place_id, tags, uses_left, expires_ms; the token
 * is made here and told once, as INVITE_TOKEN_DIGITS hexadecimal digits; the caller wipes it.
 */
int admin_invite(struct context *context, const struct admin_actor *actor,
                 const struct row_invitation *row, uint64_t *ret_id, struct secret *ret_token,
                 struct op *op) berth_must_check;

struct command_spec {
    uint64_t terminal_id;
    enum command_kind kind;
    const char *text;      /* message: what to show */
    int64_t expires_in_ms; /* not to be started later; 0: ten minutes */
};

/* Something a terminal shall do once. Completes when it is durable; it is sent as soon as the
 * terminal is there. Done before: 0, and *ret_id is the command of then.
 */
int admin_command(struct context *context, const struct admin_actor *actor,
                  const struct command_spec *spec, uint64_t *ret_id,
                  struct op *op) berth_must_check;

/* Set the password of a user (ENTITY_user) or an administrator (ENTITY_admin); empty takes it away.
 */
int admin_password(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
                   uint64_t id, const struct secret *password, struct op *op) berth_must_check;

/* A key for programs. row: admin_id, label, expires_ms. Told once: "berth_" and 64 hexadecimal
 * digits. */
int admin_token(struct context *context, const struct admin_actor *actor,
                const struct row_token *row, uint64_t *ret_id, struct secret *ret_token,
                struct op *op) berth_must_check;

/* A badge for a user: its identifier is kept as a keyed hash only. */
int admin_badge(struct context *context, const struct admin_actor *actor, uint64_t user_id,
                const char *uid, const char *label, uint64_t *ret_id,
                struct op *op) berth_must_check;

enum image_act {
    IMAGE_PUBLISH,   /* id of a version: it becomes the one that new desktops are made from */
    IMAGE_ROLLBACK,  /* id of an image: the version before the current one becomes that again */
    IMAGE_RECOMPOSE, /* id of a pool: its desktops are moved to the current version (recompose.h) */
};

struct image_action {
    enum image_act act;
    uint64_t id;
    bool dry_run;        /* only look whether it could be done */
    char *ret_unchecked; /* NULL, or as in image_check.h */
};

/* The hosts are asked first whether the version's files are there: image_check.h. Desktops that
 * exist stay until their pool is recomposed. Completes when it is decided. Errors: NOT_FOUND,
 * STATE, INVALID (the files, with a sentence).
 */
int admin_image(struct context *context, const struct admin_actor *actor,
                const struct image_action *action, struct op *op) berth_must_check;

/* 0 when the broker makes the desktops of this pool; UNSUPPORTED for a manual pool. */
int admin_pool_is_managed(const struct pool *pool, struct berth_error *reterr);

/* What a rollback would make current again: the version that was current before the last publish,
 * whatever its number. NULL: none was, a rollback took it already, or it was deleted. */
struct image_version *admin_image_previous(struct core *core, const struct image *image);

/* A back-off ends, and desktops in quarantine that failed and that nobody used are made
 * anew: backoff.h.
 * Completes when it is decided.
 */
int admin_pool_retry(struct context *context, const struct admin_actor *actor, uint64_t pool_id,
                     struct op *op) berth_must_check;

/* Call a running flow off (`berthctl flow cancel`): a sign-on or a joining. What else runs is
 * brought to its end, or a session would stay `ending` and a machine half made. `find` only looks
 * whether that could be done. Errors: NOT_FOUND, STATE.
 */
int admin_flow_find(struct context *context, uint64_t flow_id, struct flow **ret,
                    struct berth_error *reterr) berth_must_check;
int admin_flow_cancel(struct context *context, const struct admin_actor *actor, uint64_t flow_id,
                      struct berth_error *reterr) berth_must_check;

/* Somebody looked at who is where, or explained a person: one audit record, no change. Who looks
 * again is recorded again, also under the same key.
 */
int admin_audit(struct context *context, const struct admin_actor *actor, const char *action,
                const char *object, uint64_t subject_user_id, struct op *op) berth_must_check;

#endif
