/* keyring.h - keys.db: a key per person for the audit trail, and the key that seals the trail's
 * end.
 *
 * Module store, private. The file is 0600, not part of a backup, and written by the writer's thread
 * alone; the keys are held in memory, so that pages of the trail are opened on the reader's thread
 * without touching the file.
 *
 * A person's key is durable before the first record that it seals: the writer commits this file
 * first. Erasing a person deletes the key here (overwritten in the file: secure_delete) and from
 * memory; what it sealed can then not be read by anybody, and the chain over the sealed bytes still
 * holds.
 */
#ifndef BERTH_STORE_KEYRING_H
#define BERTH_STORE_KEYRING_H

#include "berth/random.h"
#include "berth/seal.h"

#include "sql.h"

struct keyring;

/* *ret_new: the key of the trail was made just now, so no earlier seal can be checked. */
int keyring_open(const char *folder, struct keyring **ret, bool *ret_new,
                 struct berth_error *reterr) berth_must_check;

/* Wipes every key. The failure of the file's last close is what it returns. */
int keyring_close(struct keyring *keyring, struct berth_error *reterr);

/* Any thread: the key of a person, false when there is none (never made, or erased). The caller
 * wipes it. */
bool keyring_get(struct keyring *keyring, uint64_t user_id, unsigned char key[SEAL_KEY]);

/* Writer: as keyring_get, but makes a missing key within the file's open transaction. */
enum sql_status keyring_get_or_make(struct keyring *keyring, uint64_t user_id,
                                    unsigned char key[SEAL_KEY], struct berth_error *reterr);

/* Writer: keep or forget the keys that were made since the last one of these. */
enum sql_status keyring_commit(struct keyring *keyring, struct berth_error *reterr);
void keyring_rollback(struct keyring *keyring);

/* Writer: destroy a person's key; durable on return. No key is no failure. */
enum sql_status keyring_erase(struct keyring *keyring, uint64_t user_id,
                              struct berth_error *reterr);

/* Any thread: the seal of a trail that ends with this record (hex of an HMAC over both). */
void keyring_seal(struct keyring *keyring, int64_t sequence, const unsigned char hash[32],
                  char seal[72]);

/* Writer: note a record outside of the trail, so that an older copy of berth.db is found out. */
enum sql_status keyring_anchor(struct keyring *keyring, int64_t sequence,
                               const unsigned char hash[32], struct berth_error *reterr);

/* Any thread: what was noted last; 0 when nothing was. */
int64_t keyring_anchored(struct keyring *keyring, unsigned char hash[32]);

#endif
