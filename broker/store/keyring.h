/* keyring.h - keys.db: a key per user for the audit trail, and the key that authenticates the end
 * of the trail.
 *
 * Module store, private. The file has mode 0600, is not part of a backup, and is written by the
 * writer's thread only. The keys are held in memory, so that the reader's thread decrypts pages of
 * the trail without access to the file.
 *
 * A user's key is durable before the first record that is encrypted with it: the writer commits
 * this file first. Erasing a user deletes the key here (overwritten in the file: secure_delete) and
 * in memory; the encrypted fields are then unreadable for ever, and the hash chain over the
 * encrypted bytes still verifies.
 */
#ifndef BERTH_STORE_KEYRING_H
#define BERTH_STORE_KEYRING_H

#include "berth/random.h"
#include "berth/seal.h"

#include "sql.h"

struct keyring;

/* *ret_new: the key of the trail was created just now, so earlier seals cannot be verified. */
int keyring_open(const char *folder, struct keyring **ret, bool *ret_new,
                 struct berth_error *reterr) berth_must_check;

/* Wipe the keys and close the file; fails when closing does. */
int keyring_close(struct keyring *keyring, struct berth_error *reterr);

/* Any thread: get the key of a user; false when there is none (never created, or erased). The
 * caller wipes it. */
bool keyring_get(struct keyring *keyring, uint64_t user_id, unsigned char key[SEAL_KEY]);

/* Writer: as keyring_get, but creates a missing key within the open transaction of the file. */
enum sql_status keyring_get_or_make(struct keyring *keyring, uint64_t user_id,
                                    unsigned char key[SEAL_KEY], struct berth_error *reterr);

/* Writer: commit or roll back the keys created since the last commit or rollback. */
enum sql_status keyring_commit(struct keyring *keyring, struct berth_error *reterr);
void keyring_rollback(struct keyring *keyring);

/* Writer: destroy the key of a user; durable on return. A missing key is not a failure. */
enum sql_status keyring_erase(struct keyring *keyring, uint64_t user_id,
                              struct berth_error *reterr);

/* Any thread: the seal of a trail that ends with this record (HMAC over sequence and hash, as hex).
 */
void keyring_seal(struct keyring *keyring, int64_t sequence, const unsigned char hash[32],
                  char seal[72]);

/* Writer: store sequence and hash of a record in keys.db, so that an older copy of berth.db is
 * detected. */
enum sql_status keyring_anchor(struct keyring *keyring, int64_t sequence,
                               const unsigned char hash[32], struct berth_error *reterr);

/* Any thread: the record stored last by keyring_anchor; 0: none. */
int64_t keyring_anchored(struct keyring *keyring, unsigned char hash[32]);

#endif
