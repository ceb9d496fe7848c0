/* auth.h - authentication: from evidence (password, badge, kiosk terminal) to a user.
 *
 * Module auth. Thread: loop; passwords are hashed on a bounded thread pool (argon2id, libsodium).
 * Failed attempts delay the next ones (limiter.h), but failures at one terminal never refuse the
 * right password at another, so that users cannot be locked out.
 */
#ifndef BERTH_AUTH_AUTH_H
#define BERTH_AUTH_AUTH_H

#include "berth/message.h"
#include "berth/op.h"

#include "core/evidence.h"

struct auth;

struct auth_result {
    uint64_t user_id;
    bool badge_alone; /* badge only, in the grace period after a password: no password to pass on */
    struct evidence_shown shown; /* checked again by the caller after a wait: core/evidence.h */
    /* the user's own, only with `keep_password`; the caller wipes it */
    struct secret password;
};

/* Identify a user. The evidence is copied, and the copy wiped. terminal_id: the terminal at which
 * the user signs on. Errors: CREDENTIALS (same text and same duration for an unknown user),
 * DISABLED, TOO_MANY (with the seconds to wait), BUSY (hashing queue full, with an estimate),
 * PASSWORD_NEEDED (a PIN; or a badge alone that is unknown or outside the grace period of
 * core/grace.h).
 */
int auth_begin(struct auth *auth, const struct msg_evidence *evidence, size_t count,
               uint64_t terminal_id, bool keep_password, struct auth_result *ret,
               struct op *op) berth_must_check;

/* Estimated milliseconds until the last password of the queue of sign-ons is checked; 0: none
 * waits. *ret_waiting: number of passwords in that queue. */
int64_t auth_wait_ms(const struct auth *auth, int *ret_waiting);

/* Where an administrator signs in from. Passwords from unknown sources are hashed with low
 * priority, whatever name is given. */
struct auth_source {
    const char *name; /* address, or "socket" */
    /* a valid token was used from there before; or the socket, by a user who needs no token there
     */
    bool known;
};

/* Check the password of an administrator; *ret_admin_id. Same limits and errors as auth_begin. */
int auth_admin_begin(struct auth *auth, const char *name, const struct secret *password,
                     const struct auth_source *source, uint64_t *ret_admin_id,
                     struct op *op) berth_must_check;

/* Compute the argon2id string of a new password (at least 8 bytes). ret: 160 bytes. */
int auth_hash_begin(struct auth *auth, const struct secret *password, char *ret,
                    struct op *op) berth_must_check;

/* Keyed hash of a badge's identifier, as stored in its row. ret: 72 bytes. */
void auth_badge_hash(struct auth *auth, const char *uid, char *ret);

/* Keyed hash of a request, which the store keeps to recognise a repetition. Keyed, because a body
 * may contain a password, which could be guessed from a plain hash. ret: 72 bytes.
 */
void auth_request_hash(struct auth *auth, const void *data, size_t size, char *ret);

#endif
