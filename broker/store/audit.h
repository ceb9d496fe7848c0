/* audit.h - the audit trail: a chain of records that cannot be changed without it being seen.
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
 * and stand in the sealed part instead: AES-256-GCM under the person's key over actor, object,
 * detail, each with a 2-byte big-endian length. The chain runs over the sealed bytes, so it holds
 * after the key was destroyed.
 *
 * audit_head says where the trail ends and is sealed by a key that is not in berth.db, which finds
 * a cut tail and a forged continuation; keys.db notes an earlier record, which finds an older copy
 * of the whole file.
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

/* A record as its row has it. Texts belong to whoever filled it. */
struct audit_record {
    int64_t sequence, at_ms, mono_ms, incarnation;
    uint64_t subject_id, terminal_id;
    int64_t rev;
    const char *actor, *role, *action, *object, *outcome, *detail;
    const unsigned char *sealed; /* NULL: nothing is */
    size_t sealed_size;
    unsigned char previous[32];
};

/* Hash by the rule above. false: the texts are longer than any record of ours. */
bool audit_hash(const struct audit_record *record, unsigned char out[32]);

/* Columns of a record in the order that audit_read expects, for statements. */
#define AUDIT_COLUMNS                                                                          \
    "\"sequence\", \"at_ms\", \"mono_ms\", \"incarnation\", \"subject_id\", \"terminal_id\", " \
    "\"rev\", "                                                                                \
    "\"actor\", \"role\", \"action\", \"object\", \"outcome\", \"detail\", \"sealed\", "       \
    "\"previous\", \"hash\""

/* A record from a statement at a row; valid until it moves. hash: as the row claims. false: hashes
 * are malformed. */
bool audit_read(sqlite3_stmt *statement, struct audit_record *ret, unsigned char hash[32]);

/* The writer's end of the chain. */
struct audit_chain {
    sqlite3 *db;
    struct keyring *keys;
    struct berth_random random;
    sqlite3_stmt *add, *set_head;
    struct audit_head head;
    int64_t incarnation;
    bool moved; /* head differs from the row audit_head */
};

/* Prepare on the writer's connection and find the end of the trail. */
int audit_open(sqlite3 *db, struct keyring *keys, struct audit_chain *chain,
               struct berth_error *reterr) berth_must_check;
void audit_close(struct audit_chain *chain);

/* Append within the open transaction. On a rollback the caller puts chain->head back. */
enum sql_status audit_append(struct audit_chain *chain, const struct audit_note *note,
                             int64_t at_ms, int64_t mono_ms, uint64_t rev,
                             struct berth_error *reterr);

/* Before a commit: write audit_head with its seal, if it moved. */
enum sql_status audit_write_head(struct audit_chain *chain, struct berth_error *reterr);

/* A record as people see it: unsealed, or "(erased)". New reference. */
json_t *audit_json(const struct audit_record *record, const unsigned char hash[32],
                   struct keyring *keys);

/* As lower-case hexadecimal. */
void audit_hex(const unsigned char hash[32], char hex[72]);

#endif
