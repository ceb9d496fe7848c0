/* admin.h - administrative changes: the entry points of the management API into the flows.
 *
 * Module flow. Thread: loop. Called by module api, which has checked the role (verbs.def) and
 * decoded a whole row. Here the row is checked against the present facts (references exist, a pool
 * has what its kind needs, nothing in use is deleted), then decided durably, applied and announced.
 *
 * Contract of all functions with an op (op.h): either the result is < 0 and op->error says why, or
 * the op completes once, later. The writes behind them cannot be cancelled, so the op must live
 * until it completes; so must what ret_... points to, which is filled before the completion.
 *
 * Errors of all of them: CREDENTIALS (the actor's right ended while the call waited; nothing was
 * changed), and those of the store.
 */
#ifndef BERTH_FLOW_ADMIN_H
#define BERTH_FLOW_ADMIN_H

#include "flow/context.h"

/* Who asks, for the audit trail, and the idempotency key of the request (struct changes).
 * request_id "" = no key.
 *
 * A request that was done before completes with 0 and changes nothing. One that adds a row
 * completes with EXISTS instead, and the error names the row of that time: its secrets cannot be
 * shown again.
 */
struct admin_actor {
    char name[80];
    enum role role;
    char request_id[REQUEST_ID_SIZE];
    char request_fingerprint[REQUEST_ID_SIZE];
    /* Does the actor still have the right to ask this? NULL: always. Called again when something
     * was waited for before the decision; `asker` must live until the op has completed. */
    bool (*holds)(const void *asker);
    const void *asker;
};

/* Check the actor's right again, after a wait and before the next decision. Errors: CREDENTIALS. */
int admin_check_right(const struct admin_actor *actor, struct berth_error *reterr) berth_must_check;

/* Add an entity. row: a struct row_<kind>; its id is assigned here and returned in *ret_id.
 *
 * Desktops can be added to manual pools only. Identities, invitations, commands, slots,
 * assignments, sessions, connections, badges and tokens are added by other functions or by flows.
 * Errors: UNSUPPORTED (such a kind), INVALID, NOT_FOUND (a reference), EXISTS (the name).
 */
int admin_add(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
              const void *row, uint64_t *ret_id, struct op *op) berth_must_check;

/* Change an entity; row: the whole row as it shall be. row->version: the version that it is based
 * on, 0 = whatever is present. Fields that only flows decide (states, hashes, epochs) are ignored.
 *
 * Errors: as admin_add, and CONFLICT (another version).
 */
int admin_set(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
              const void *row, struct op *op) berth_must_check;

/* Delete an entity. A pool must have no desktops: delete them with admin_desktop(DESKTOP_DELETE),
 * or set its max to 0.
 *
 * Errors: NOT_FOUND, UNSUPPORTED, STATE (in use; the error says by what).
 */
int admin_drop(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
               uint64_t id, struct op *op) berth_must_check;

/* Would admin_drop refuse this at once? For dry runs. */
int admin_drop_check(struct core *core, struct entity *entity,
                     struct berth_error *reterr) berth_must_check;

enum desktop_act {
    DESKTOP_START,      /* its machine runs and answers */
    DESKTOP_STOP,       /* its machine is off */
    DESKTOP_RESTART,    /* its machine is stopped, then started */
    DESKTOP_REFRESH,    /* its disk is created again; what is on it is lost */
    DESKTOP_QUARANTINE, /* it is not handed out; a session on it goes on */
    DESKTOP_RELEASE,    /* it leaves quarantine */
    DESKTOP_DELETE,     /* machine, disk and row are deleted; refused while it is assigned */
};

struct desktop_action {
    uint64_t desktop_id;
    enum desktop_act act;
    /* Stop, restart, refresh: also while a session is on it, which ends with its machine or is
     * disconnected. */
    bool force;
    const char *why;
};

/* Would admin_desktop refuse this at once? For dry runs. */
int admin_desktop_check(struct core *core, const struct desktop_action *action,
                        struct berth_error *reterr) berth_must_check;

/* Act on a desktop. Completes when the decision is durable (quarantine, release) or when the
 * machine has done it (start, stop, restart, refresh, delete).
 *
 * Errors: NOT_FOUND, STATE (a session is on it and `force` is not set; it is assigned), UNSUPPORTED
 * (a machine that Berth does not run), HOST, HOST_DOWN.
 */
int admin_desktop(struct context *context, const struct admin_actor *actor,
                  const struct desktop_action *action, struct op *op) berth_must_check;

/* End a session for good, or disconnect it from its terminal. Completes when that is durable and
 * the terminal was told. why: for the person and the audit record; NULL or "" = a default sentence.
 *
 * Errors: NOT_FOUND, STATE (it is ending already; it is on no screen).
 */
int admin_session_sign_off(struct context *context, const struct admin_actor *actor,
                           uint64_t session_id, const char *why, struct op *op) berth_must_check;
int admin_session_disconnect(struct context *context, const struct admin_actor *actor,
                             uint64_t session_id, const char *why, struct op *op) berth_must_check;

/* Set the mode of a host (active, drain, maintenance). Sessions on it go on in any mode. Errors:
 * NOT_FOUND. */
int admin_host_mode(struct context *context, const struct admin_actor *actor, uint64_t host_id,
                    enum host_mode mode, struct op *op) berth_must_check;

/* Set the state of a terminal. ACCEPTED also approves one that waits; REVOKED refuses its keys for
 * ever and closes its connection; WAITING lets a revoked one ask again.
 *
 * Errors: NOT_FOUND, STATE (the transition is not permitted).
 */
int admin_terminal_state(struct context *context, const struct admin_actor *actor,
                         uint64_t terminal_id, enum terminal_state state, const char *why,
                         struct op *op) berth_must_check;

/* Invite terminals to join. row: terminal, place_id, tags, uses_left (0 = 1), expires_ms (0 = in 24
 * hours).
 *
 * ret_token: made here, INVITE_TOKEN_DIGITS hexadecimal digits; only its hash is stored. The caller
 * wipes it.
 * Errors: NOT_FOUND, INVALID.
 */
int admin_invite(struct context *context, const struct admin_actor *actor,
                 const struct row_invitation *row, uint64_t *ret_id, struct secret *ret_token,
                 struct op *op) berth_must_check;

struct command_spec {
    uint64_t terminal_id;
    enum command_kind kind;
    const char *text;      /* message: the text to show */
    int64_t expires_in_ms; /* not to be started later than that; 0: ten minutes */
};

/* Give a terminal a command. Completes when it is durable; it is sent as soon as the terminal is
 * connected. For a request that was done before *ret_id is the command of that time.
 *
 * Errors: NOT_FOUND, STATE (the terminal is not admitted), INVALID (a message without text).
 */
int admin_command(struct context *context, const struct admin_actor *actor,
                  const struct command_spec *spec, uint64_t *ret_id,
                  struct op *op) berth_must_check;

/* Set the password of a user (ENTITY_user) or of an administrator (ENTITY_admin). An empty one
 * removes it. Errors: NOT_FOUND.
 */
int admin_password(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
                   uint64_t id, const struct secret *password, struct op *op) berth_must_check;

/* Add an API token. row: admin_id, label, expires_ms (0 = in a year).
 *
 * ret_token: made here, "berth_" and 64 hexadecimal digits; only its hash is stored. The caller
 * wipes it.
 * Errors: NOT_FOUND.
 */
int admin_token(struct context *context, const struct admin_actor *actor,
                const struct row_token *row, uint64_t *ret_id, struct secret *ret_token,
                struct op *op) berth_must_check;

/* Add a badge of a user. uid: its identifier, of which only a keyed hash is stored. Errors:
 * NOT_FOUND, INVALID. */
int admin_badge(struct context *context, const struct admin_actor *actor, uint64_t user_id,
                const char *uid, const char *label, uint64_t *ret_id,
                struct op *op) berth_must_check;

enum image_act {
    IMAGE_PUBLISH,   /* id of a version: new desktops are made from it */
    IMAGE_ROLLBACK,  /* id of an image: the version before the current one becomes current again */
    IMAGE_RECOMPOSE, /* id of a pool: its desktops are moved to the current version (recompose.h) */
};

struct image_action {
    enum image_act act;
    uint64_t id;
    bool dry_run;        /* only check whether it could be done */
    char *ret_unchecked; /* NULL, or as in image_check.h */
};

/* Act on an image. The hosts are asked first whether the files of the version are there
 * (image_check.h). Existing desktops stay until their pool is recomposed. Completes when the
 * decision is durable.
 *
 * Errors: NOT_FOUND, STATE, INVALID (a file, with a sentence).
 */
int admin_image(struct context *context, const struct admin_actor *actor,
                const struct image_action *action, struct op *op) berth_must_check;

/* 0 when the broker creates the desktops of this pool; UNSUPPORTED for a manual pool. */
int admin_pool_is_managed(const struct pool *pool, struct berth_error *reterr);

/* The version that a rollback would make current: the one that was current before the last publish,
 * whatever its number. NULL: there was none, a rollback has taken it already, or it was deleted. */
struct image_version *admin_image_previous(struct core *core, const struct image *image);

/* End the back-off of a pool, and create again the desktops in quarantine that failed and were not
 * used since: backoff.h. Completes when the decision is durable. Errors: NOT_FOUND, UNSUPPORTED.
 */
int admin_pool_retry(struct context *context, const struct admin_actor *actor, uint64_t pool_id,
                     struct op *op) berth_must_check;

/* Cancel a running flow (`berthctl flow cancel`): a sign-on or a join. Other flows must come to
 * their end, or a session would stay ENDING or a machine half made. admin_flow_find checks whether
 * the flow could be cancelled.
 *
 * Errors: NOT_FOUND, STATE (not that kind of flow).
 */
int admin_flow_find(struct context *context, uint64_t flow_id, struct flow **ret,
                    struct berth_error *reterr) berth_must_check;
int admin_flow_cancel(struct context *context, const struct admin_actor *actor, uint64_t flow_id,
                      struct berth_error *reterr) berth_must_check;

/* Record that the actor looked at the presence of users, or explained a user: one audit record, no
 * change. Each look is recorded, also with a request_id that was used before.
 */
int admin_audit(struct context *context, const struct admin_actor *actor, const char *action,
                const char *object, uint64_t subject_user_id, struct op *op) berth_must_check;

#endif
