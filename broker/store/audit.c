/* audit.c - hash, seal, append and read records of the audit trail. */
#include "audit.h"

#include <string.h>

/* Larger than the texts of a note with their lengths, the sealed part and the numbers. */
#define RECORD_BYTES 2048
#define SEALED_TEXTS 512

/* ---- canonical bytes ---- */

struct bytes {
    size_t length;
    bool overflow;
    unsigned char at[RECORD_BYTES];
};

static void put_bytes(struct bytes *bytes, const void *data, size_t size)
{
    if (size > sizeof(bytes->at) - bytes->length) {
        bytes->overflow = true;
        return;
    }
    memcpy(bytes->at + bytes->length, data, size);
    bytes->length += size;
}

static void put_big_endian(struct bytes *bytes, uint64_t number, int size)
{
    unsigned char out[8];

    for (int i = 0; i < size; i++)
        out[i] = (unsigned char)(number >> (8 * (size - 1 - i)));
    put_bytes(bytes, out, (size_t)size);
}

static void put_sized(struct bytes *bytes, const void *data, size_t size)
{
    put_big_endian(bytes, size, 4);
    put_bytes(bytes, data, size);
}

/* The texts of a record, in the order of the hash and of the columns. */
struct audit_fields {
    int64_t numbers[7];
    const char *texts[6];
};

static struct audit_fields fields_of(const struct audit_record *record)
{
    return (struct audit_fields){
        .numbers = { record->sequence, record->at_ms, record->mono_ms, record->incarnation,
                     (int64_t)record->subject_id, (int64_t)record->terminal_id, record->rev },
        .texts = { record->actor, record->role, record->action, record->object, record->outcome,
                   record->detail },
    };
}

bool audit_hash(const struct audit_record *record, unsigned char out[32])
{
    static const char version[] = "berth-audit/1"; /* with its NUL */
    const struct audit_fields fields = fields_of(record);
    struct bytes bytes;

    bytes.length = 0;
    bytes.overflow = false;
    put_bytes(&bytes, version, sizeof(version));
    put_bytes(&bytes, record->previous, sizeof(record->previous));
    for (size_t i = 0; i < BERTH_COUNT(fields.numbers); i++)
        put_big_endian(&bytes, (uint64_t)fields.numbers[i], 8);
    for (size_t i = 0; i < BERTH_COUNT(fields.texts); i++)
        put_sized(&bytes, fields.texts[i], strlen(fields.texts[i]));
    put_big_endian(&bytes, record->sealed ? 1 : 0, 1);
    if (record->sealed)
        put_sized(&bytes, record->sealed, record->sealed_size);
    if (!bytes.overflow)
        seal_sha256(bytes.at, bytes.length, out);
    return !bytes.overflow;
}

void audit_hex(const unsigned char hash[32], char hex[72])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < 32; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    hex[64] = '\0';
}

/* ---- the sealed part ---- */

struct personal {
    char actor[80], object[96], detail[256];
};

static size_t put_short(unsigned char *out, const char *text, size_t length)
{
    out[0] = (unsigned char)(length >> 8);
    out[1] = (unsigned char)length;
    memcpy(out + 2, text, length);
    return length + 2;
}

/* false: it does not fit, or the bytes end early. */
static bool take_short(const unsigned char **at, size_t *left, char *out, size_t size)
{
    size_t length;

    if (*left < 2)
        return false;
    length = ((size_t)(*at)[0] << 8) | (*at)[1];
    if (length > *left - 2 || length >= size)
        return false;
    memcpy(out, *at + 2, length);
    out[length] = '\0';
    *at += length + 2;
    *left -= length + 2;
    return true;
}

static enum sql_status seal_note(struct audit_chain *chain, const struct audit_note *note,
                                 bool actor_too, unsigned char sealed[SEALED_TEXTS + SEAL_OVERHEAD],
                                 size_t *ret_size, struct berth_error *reterr)
{
    unsigned char plain[SEALED_TEXTS];
    unsigned char key[SEAL_KEY];
    enum sql_status status;
    size_t size = 0;
    int r;

    _Static_assert(sizeof(note->actor) + sizeof(note->object) + sizeof(note->detail) + 6 <=
                       SEALED_TEXTS,
                   "the personal fields of a note fit");
    status = keyring_get_or_make(chain->keys, note->subject_user_id, key, reterr);
    if (status != SQL_OK)
        return status;
    size += put_short(plain + size, note->actor, actor_too ? strlen(note->actor) : 0);
    size += put_short(plain + size, note->object, strlen(note->object));
    size += put_short(plain + size, note->detail, strlen(note->detail));
    r = seal_encrypt(key, &chain->random, plain, size, sealed, reterr);
    explicit_bzero(key, sizeof(key));
    explicit_bzero(plain, sizeof(plain));
    *ret_size = size + SEAL_OVERHEAD;
    return r < 0 ? SQL_BROKEN : SQL_OK;
}

static bool unseal(const struct audit_record *record, struct keyring *keys, struct personal *ret)
{
    unsigned char plain[SEALED_TEXTS];
    unsigned char key[SEAL_KEY];
    const unsigned char *at = plain;
    size_t left;
    bool good;

    if (record->sealed_size < SEAL_OVERHEAD ||
        record->sealed_size > sizeof(plain) + SEAL_OVERHEAD ||
        !keyring_get(keys, record->subject_id, key))
        return false;
    left = record->sealed_size - SEAL_OVERHEAD;
    good = seal_decrypt(key, record->sealed, record->sealed_size, plain, NULL) == 0 &&
           take_short(&at, &left, ret->actor, sizeof(ret->actor)) &&
           take_short(&at, &left, ret->object, sizeof(ret->object)) &&
           take_short(&at, &left, ret->detail, sizeof(ret->detail));
    explicit_bzero(key, sizeof(key));
    explicit_bzero(plain, sizeof(plain));
    return good;
}

/* ---- the chain ---- */

/* Another program appended records. Ours continue after them, chained to our own last record, so
 * that `audit verify` reports it. Refusing to start would let that program stop the broker.
 */
static int skip_foreign(struct audit_chain *chain, struct berth_error *reterr)
{
    int64_t last;
    int r;

    r = sql_number(chain->db, "SELECT max(\"sequence\") FROM \"audit\"", 0, &last, reterr);
    if (r == 0 && last > chain->head.sequence)
        chain->head.sequence = last;
    return r;
}

static int read_head(struct audit_chain *chain, struct berth_error *reterr)
{
    sqlite3_stmt *statement;
    int rc;
    int r;

    r = sql_prepare(chain->db, "SELECT \"sequence\", \"hash\" FROM \"audit_head\"", &statement,
                    reterr);
    if (r < 0)
        return r;
    rc = sql_step(statement);
    chain->head.sequence = sqlite3_column_int64(statement, 0);
    if (rc != SQLITE_ROW || !sql_hash(statement, 1, chain->head.hash))
        r = berth_fail(reterr, BERTH_E_STORE,
                       "berth.db has no row audit_head, which names the end of the audit trail");
    sql_drop(&statement);
    return r == 0 ? skip_foreign(chain, reterr) : r;
}

int audit_open(sqlite3 *db, struct keyring *keys, struct audit_chain *chain,
               struct berth_error *reterr)
{
    int r;

    *chain = (struct audit_chain){ .db = db, .keys = keys };
    random_system(&chain->random);
    r = read_head(chain, reterr);
    if (r == 0) {
        r = sql_prepare(db,
                        "INSERT INTO \"audit\" (" AUDIT_COLUMNS ") VALUES "
                        "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                        &chain->add, reterr);
    }
    if (r == 0) {
        r = sql_prepare(db,
                        "UPDATE \"audit_head\" SET \"sequence\" = ?1, \"hash\" = ?2, \"seal\" = ?3",
                        &chain->set_head, reterr);
    }
    return r;
}

void audit_close(struct audit_chain *chain)
{
    sql_drop(&chain->add);
    sql_drop(&chain->set_head);
}

static void bind_record(sqlite3_stmt *statement, const struct audit_record *record,
                        const unsigned char hash[32])
{
    const struct audit_fields fields = fields_of(record);
    int at = 1;

    for (size_t i = 0; i < BERTH_COUNT(fields.numbers); i++)
        (void)sqlite3_bind_int64(statement, at++, fields.numbers[i]);
    for (size_t i = 0; i < BERTH_COUNT(fields.texts); i++)
        sql_bind_text(statement, at++, fields.texts[i]);
    if (record->sealed)
        sql_bind_blob(statement, at, record->sealed, record->sealed_size);
    else
        (void)sqlite3_bind_null(statement, at);
    sql_bind_blob(statement, at + 1, record->previous, 32);
    sql_bind_blob(statement, at + 2, hash, 32);
}

/* Chain it to the present head and write it. Returns SQLite's code. */
static int add_record(struct audit_chain *chain, struct audit_record *record)
{
    unsigned char hash[32];
    int rc;

    record->sequence = chain->head.sequence + 1;
    memcpy(record->previous, chain->head.hash, sizeof(record->previous));
    if (!audit_hash(record, hash))
        abort(); /* a note is a struct of fixed size, so it always fits */

    bind_record(chain->add, record, hash);
    rc = sql_step_once(chain->add);
    if (rc == SQLITE_DONE) {
        chain->head.sequence = record->sequence;
        memcpy(chain->head.hash, hash, sizeof(hash));
        chain->moved = true;
    }
    return rc;
}

enum sql_status audit_append(struct audit_chain *chain, const struct audit_note *note,
                             int64_t at_ms, int64_t mono_ms, uint64_t rev,
                             struct berth_error *reterr)
{
    bool personal = note->subject_user_id != 0;
    bool actor_too = personal && strcmp(note->role, "user") == 0;
    struct audit_record record = { .at_ms = at_ms,
                                   .mono_ms = mono_ms,
                                   .incarnation = chain->incarnation,
                                   .subject_id = note->subject_user_id,
                                   .terminal_id = note->terminal_id,
                                   .rev = (int64_t)rev,
                                   .actor = actor_too ? "" : note->actor,
                                   .role = note->role,
                                   .action = note->action,
                                   .object = personal ? "" : note->object,
                                   .outcome = note->outcome,
                                   .detail = personal ? "" : note->detail };
    unsigned char sealed[SEALED_TEXTS + SEAL_OVERHEAD];
    int rc;

    if (personal) {
        enum sql_status status =
            seal_note(chain, note, actor_too, sealed, &record.sealed_size, reterr);

        if (status != SQL_OK)
            return status;
        record.sealed = sealed;
    }
    rc = add_record(chain, &record);
    if ((rc & 0xff) == SQLITE_CONSTRAINT && skip_foreign(chain, reterr) == 0)
        rc = add_record(chain, &record);
    return rc == SQLITE_DONE ? SQL_OK : sql_failed(chain->db, rc, "audit trail", reterr);
}

enum sql_status audit_write_head(struct audit_chain *chain, struct berth_error *reterr)
{
    char seal[72];
    int rc;

    if (!chain->moved)
        return SQL_OK;
    keyring_seal(chain->keys, chain->head.sequence, chain->head.hash, seal);
    (void)sqlite3_bind_int64(chain->set_head, 1, chain->head.sequence);
    sql_bind_blob(chain->set_head, 2, chain->head.hash, 32);
    sql_bind_text(chain->set_head, 3, seal);
    rc = sql_step_once(chain->set_head);
    return rc == SQLITE_DONE ? SQL_OK : sql_failed(chain->db, rc, "audit trail", reterr);
}

/* ---- reading ---- */

bool audit_read(sqlite3_stmt *statement, struct audit_record *ret, unsigned char hash[32])
{
    ret->sequence = sqlite3_column_int64(statement, 0);
    ret->at_ms = sqlite3_column_int64(statement, 1);
    ret->mono_ms = sqlite3_column_int64(statement, 2);
    ret->incarnation = sqlite3_column_int64(statement, 3);
    ret->subject_id = (uint64_t)sqlite3_column_int64(statement, 4);
    ret->terminal_id = (uint64_t)sqlite3_column_int64(statement, 5);
    ret->rev = sqlite3_column_int64(statement, 6);
    ret->actor = sql_text(statement, 7);
    ret->role = sql_text(statement, 8);
    ret->action = sql_text(statement, 9);
    ret->object = sql_text(statement, 10);
    ret->outcome = sql_text(statement, 11);
    ret->detail = sql_text(statement, 12);
    ret->sealed = sqlite3_column_blob(statement, 13);
    ret->sealed_size = (size_t)sqlite3_column_bytes(statement, 13);
    return sql_hash(statement, 14, ret->previous) && sql_hash(statement, 15, hash);
}

static json_t *id_json(uint64_t id)
{
    return id ? json_integer((json_int_t)id) : json_null();
}

json_t *audit_json(const struct audit_record *record, const unsigned char hash[32],
                   struct keyring *keys)
{
    struct personal personal = { .actor = "", .object = "(erased)", .detail = "(erased)" };
    bool sealed = record->sealed != NULL;
    const char *actor = record->actor;
    char hex[72];
    json_t *json;

    if (sealed && !unseal(record, keys, &personal)) {
        personal = (struct personal){ .actor = "", .object = "(erased)", .detail = "(erased)" };
        actor = *actor ? actor : "(erased)";
    } else if (sealed && *personal.actor) {
        actor = personal.actor;
    }
    audit_hex(hash, hex);
    json = json_pack(
        "{s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:s}", "sequence",
        (json_int_t)record->sequence, "at_ms", (json_int_t)record->at_ms, "mono_ms",
        (json_int_t)record->mono_ms, "incarnation", (json_int_t)record->incarnation, "actor", actor,
        "role", record->role, "action", record->action, "object",
        sealed ? personal.object : record->object, "outcome", record->outcome, "detail",
        sealed ? personal.detail : record->detail, "user_id", id_json(record->subject_id),
        "terminal_id", id_json(record->terminal_id), "rev", (json_int_t)record->rev, "hash", hex);
    explicit_bzero(&personal, sizeof(personal));
    return json ? json : json_null(); /* not UTF-8: only in a trail that was tampered with */
}
