/* auth.h - who are you: evidence to user.
 *
 * Module auth. Thread: loop; hashing happens on a bounded pool (argon2id, libsodium). The limiter
 * counts failures per (user, terminal), per terminal and per user, in this order of reaction, and
 * delays 1-2-4-8.. at most 60 s the pair, so that nobody can lock out a ward: failures at one
 * terminal never refuse the right password at another.
 */
#ifndef BERTH_AUTH_AUTH_H
#define BERTH_AUTH_AUTH_H

#include "berth/message.h"
#include "berth/op.h"

#include "core/evidence.h"

struct auth;

struct auth_result {
    uint64_t user_id;
    bool badge_alone; /* within the grace after a password: there is no password to pass on */
    struct evidence_shown shown; /* to be judged again when something waited: core/evidence.h */
    /* the user's own, only when `keep_password` was asked; the caller wipes it */
    struct secret password;
};

/* Identify. Evidence by value (wiped when done). Looks users up in the core. terminal_id: where it
 * happens. Errors: CREDENTIALS (same sentence and same time for an unknown user), DISABLED,
 * TOO_MANY (with seconds to wait), BUSY (hashing queue full, with an estimate),
 * PASSWORD_NEEDED (kind of evidence; a badge alone outside the grace of core/grace.h, or one that
 * nobody has).
 */
int auth_begin(struct auth *auth, const struct msg_evidence *evidence, size_t count,
               uint64_t terminal_id, bool keep_password, struct auth_result *ret,
               struct op *op) berth_must_check;

/* How many passwords of people at terminals wait for hashing, the last one included, and in how
 * many milliseconds that one will have been checked; 0: none waits. */
int64_t auth_wait_ms(const struct auth *auth, int *ret_waiting);

/* Where an administrator signs in. What a stranger there makes us hash waits behind the passwords
 * of all others, whatever name is given. */
struct auth_source {
    const char *name; /* address, or "socket" */
    /* somebody with a good token came from there; or the socket, by one who may use it without a
     * token */
    bool known;
};

/* Check an administrator's password by name from `source`; *ret_admin_id. Same limits and errors.
 */
int auth_admin_begin(struct auth *auth, const char *name, const struct secret *password,
                     const struct auth_source *source, uint64_t *ret_admin_id,
                     struct op *op) berth_must_check;

/* Make the argon2id string for a new password (at least 8 bytes). ret: 160 bytes. */
int auth_hash_begin(struct auth *auth, const struct secret *password, char *ret,
                    struct op *op) berth_must_check;

/* Keyed hash of a badge's identifier: what the row holds. ret: 72 bytes. */
void auth_badge_hash(struct auth *auth, const char *uid, char *ret);

/* Keyed hash of a request: the store keeps it to know the request again. A plain hash of a body
 * that holds a password could be searched for that. ret: 72 bytes.
 */
void auth_request_hash(struct auth *auth, const void *data, size_t size, char *ret);

#endif
