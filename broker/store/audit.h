/* audit.h - the audit trail: a hash chain of records, so that any change of one is detected.
 *
 * Module store, private. Each decision appends one record in its own transaction. Its hash is
 * SHA-256 over these bytes (integers 8 bytes big-endian; texts and the sealed part as 4 bytes
 * big-endian length, then the bytes as they stand in the row):
 *
 *     "berth-audit/1" 0x00   previous hash (32 bytes; zeros for the first record)
 *     sequence at_ms mono_ms incarnation subject_id terminal_id rev
 *     actor role action object outcome detail
 *     0x00, or 0x01 and the sealed part
 *
 * Sequence begins at 1 and has no gap. Personal fields of a record about a person (subject_user_id
 * of the note: object and detail, and the actor when the role is "user") are empty in their columns
 * and are in the sealed part instead: AES-256-GCM under the person's key over actor, object,
 * detail, each with a 2-byte big-endian length. The hash covers the encrypted bytes, so the chain
 * can still be verified after the key was destroyed.
 *
 * The row audit_head names the last record and is authenticated by a key that is not in berth.db,
 * so that a truncated trail and forged records at its end are detected. keys.db stores the hash of
 * an earlier record, so that an older copy of the whole file is detected.
 */
#ifndef BERTH_STORE_AUDIT_H
#define BERTH_STORE_AUDIT_H

#include "berth/json.h"

#include "core/change.h"

#include "keyring.h"
#include "sql.h"

struct audit_head {
    int64_t sequence;
    unsigned char hash[32];
};

/* A record as stored in its row. The texts belong to the function that filled it. */
struct audit_record {
    int64_t sequence, at_ms, mono_ms, incarnation;
    uint64_t subject_id, terminal_id;
    int64_t rev;
    const char *actor, *role, *action, *object, *outcome, *detail;
    const unsigned char *sealed; /* NULL: no sealed part */
    size_t sealed_size;
    unsigned char previous[32];
};

/* Hash by the rule above. false: the texts are longer than those of any valid record. */
bool audit_hash(const struct audit_record *record, unsigned char out[32]);

/* Columns of a record in the order that audit_read expects, for statements. */
#define AUDIT_COLUMNS                                                                          \
    "\"sequence\", \"at_ms\", \"mono_ms\", \"incarnation\", \"subject_id\", \"terminal_id\", " \
    "\"rev\", "                                                                                \
    "\"actor\", \"role\", \"action\", \"object\", \"outcome\", \"detail\", \"sealed\", "       \
    "\"previous\", \"hash\""

/* Read a record from a statement that is at a row; valid until the next step. hash: as stored in
 * the row. false: the hashes are malformed. */
bool audit_read(sqlite3_stmt *statement, struct audit_record *ret, unsigned char hash[32]);

/* The end of the chain, as the writer appends to it. */
struct audit_chain {
    sqlite3 *db;
    struct keyring *keys;
    struct berth_random random;
    sqlite3_stmt *add, *set_head;
    struct audit_head head;
    int64_t incarnation;
    bool moved; /* head differs from the row audit_head */
};

/* Prepare the statements on the writer's connection and find the end of the trail. */
int audit_open(sqlite3 *db, struct keyring *keys, struct audit_chain *chain,
               struct berth_error *reterr) berth_must_check;
void audit_close(struct audit_chain *chain);

/* Append within the open transaction. On a rollback the caller restores chain->head. */
enum sql_status audit_append(struct audit_chain *chain, const struct audit_note *note,
                             int64_t at_ms, int64_t mono_ms, uint64_t rev,
                             struct berth_error *reterr);

/* Before a commit: write audit_head and its seal, if records were appended. */
enum sql_status audit_write_head(struct audit_chain *chain, struct berth_error *reterr);

/* A record as JSON for the API, with the sealed fields decrypted, or "(erased)". New reference. */
json_t *audit_json(const struct audit_record *record, const unsigned char hash[32],
                   struct keyring *keys);

/* As lower-case hexadecimal. */
void audit_hex(const unsigned char hash[32], char hex[72]);

#endif
