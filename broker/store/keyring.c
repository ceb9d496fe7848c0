/* keyring.c - keys.db in memory and on disk. */
#include "keyring.h"

#include <pthread.h>
#include <string.h>

#include "berth/list.h"
#include "berth/map.h"

#include "folder.h"
#include "migrate.h"

struct person_key {
    struct list node; /* in `committed` or `uncommitted` */
    uint64_t user_id;
    unsigned char key[SEAL_KEY];
};

struct keyring {
    sqlite3 *db;
    sqlite3_stmt *add, *drop, *anchor;
    struct berth_random random;

    pthread_mutex_t lock; /* guards the members below: the reader looks up keys */
    struct map by_user;
    struct list committed;
    struct list uncommitted; /* since the last commit of the file */
    unsigned char trail_key[SEAL_KEY];
    int64_t anchored;
    unsigned char anchored_hash[32];
};

static void remember(struct keyring *keyring, struct list *where, uint64_t user_id,
                     const unsigned char key[SEAL_KEY])
{
    struct person_key *person = berth_new(struct person_key);

    person->user_id = user_id;
    memcpy(person->key, key, SEAL_KEY);
    (void)pthread_mutex_lock(&keyring->lock);
    list_append(where, &person->node);
    map_put_id(&keyring->by_user, user_id, person);
    (void)pthread_mutex_unlock(&keyring->lock);
}

/* Called with the lock held. */
static void forget(struct keyring *keyring, struct person_key *person)
{
    (void)map_take_id(&keyring->by_user, person->user_id);
    list_remove(&person->node);
    berth_wipe_free(person, sizeof(*person));
}

/* ---- opening ---- */

static int load_persons(struct keyring *keyring, struct berth_error *reterr)
{
    unsigned char key[SEAL_KEY];
    berth_cleanup(sql_drop) sqlite3_stmt *statement = NULL;
    int rc;
    int r;

    r = sql_prepare(keyring->db, "SELECT \"user_id\", \"key\" FROM \"person\"", &statement, reterr);
    if (r < 0)
        return r;
    while ((rc = sql_step(statement)) == SQLITE_ROW) {
        if (sql_hash(statement, 1, key))
            remember(keyring, &keyring->committed, (uint64_t)sqlite3_column_int64(statement, 0),
                     key);
    }
    explicit_bzero(key, sizeof(key));
    return rc == SQLITE_DONE ? 0 : sql_fail(keyring->db, rc, "reading keys.db", reterr);
}

static int make_trail_key(struct keyring *keyring, struct berth_error *reterr)
{
    static const unsigned char nothing[32];
    berth_cleanup(sql_drop) sqlite3_stmt *statement = NULL;
    int rc;
    int r;

    r = sql_prepare(keyring->db, "INSERT INTO \"trail\" VALUES (1, ?1, 0, ?2)", &statement, reterr);
    if (r < 0)
        return r;
    random_fill(&keyring->random, keyring->trail_key, SEAL_KEY);
    sql_bind_blob(statement, 1, keyring->trail_key, SEAL_KEY);
    sql_bind_blob(statement, 2, nothing, sizeof(nothing));
    rc = sql_step_once(statement);
    return rc == SQLITE_DONE ? 0 : sql_fail(keyring->db, rc, "writing keys.db", reterr);
}

static int load_trail(struct keyring *keyring, bool *ret_new, struct berth_error *reterr)
{
    berth_cleanup(sql_drop) sqlite3_stmt *statement = NULL;
    int rc;
    int r;

    r = sql_prepare(keyring->db, "SELECT \"key\", \"sequence\", \"hash\" FROM \"trail\"",
                    &statement, reterr);
    if (r < 0)
        return r;
    rc = sql_step(statement);
    *ret_new = rc == SQLITE_DONE;
    if (rc == SQLITE_ROW) {
        keyring->anchored = sqlite3_column_int64(statement, 1);
        if (!sql_hash(statement, 0, keyring->trail_key) ||
            !sql_hash(statement, 2, keyring->anchored_hash))
            r = berth_fail(reterr, BERTH_E_STORE, "keys.db has no usable key for the audit trail");
    } else if (rc != SQLITE_DONE) {
        r = sql_fail(keyring->db, rc, "reading keys.db", reterr);
    }
    return r == 0 && *ret_new ? make_trail_key(keyring, reterr) : r;
}

static int open_file(struct keyring *keyring, const char *path, struct berth_error *reterr)
{
    int version;
    int r;

    r = sql_open(path, SQL_WRITE, &keyring->db, reterr);
    if (r == 0) {
        /* No WAL, which would keep a deleted key for a while; transactions are small and rare.
         * EXTRA syncs the folder when the journal is deleted: otherwise a power cut could restore
         * an erased key.
         */
        r = sql_run(keyring->db,
                    "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = EXTRA; PRAGMA "
                    "secure_delete = ON;",
                    reterr);
    }
    if (r == 0)
        r = schema_version(keyring->db, &schema_keys, &version, reterr);
    if (r == 0)
        r = schema_migrate(keyring->db, &schema_keys, version, reterr);
    if (r == 0)
        r = sql_prepare(keyring->db, "INSERT INTO \"person\" VALUES (?1, ?2)", &keyring->add,
                        reterr);
    if (r == 0)
        r = sql_prepare(keyring->db, "DELETE FROM \"person\" WHERE \"user_id\" = ?1",
                        &keyring->drop, reterr);
    if (r == 0) {
        r = sql_prepare(keyring->db, "UPDATE \"trail\" SET \"sequence\" = ?1, \"hash\" = ?2",
                        &keyring->anchor, reterr);
    }
    return r;
}

int keyring_open(const char *folder, struct keyring **ret, bool *ret_new,
                 struct berth_error *reterr)
{
    struct keyring *keyring = berth_new(struct keyring);
    char path[FOLDER_PATH];
    int r;

    random_system(&keyring->random);
    (void)pthread_mutex_init(&keyring->lock, NULL);
    map_init(&keyring->by_user, random_map_key(&keyring->random));
    list_init(&keyring->committed);
    list_init(&keyring->uncommitted);

    r = folder_path(folder, "keys.db", path, reterr);
    if (r == 0)
        r = folder_file(path, NULL, reterr);
    if (r == 0)
        r = open_file(keyring, path, reterr);
    if (r == 0)
        r = load_trail(keyring, ret_new, reterr);
    if (r == 0)
        r = load_persons(keyring, reterr);
    if (r < 0) {
        (void)keyring_close(keyring, NULL); /* report the first failure */
        return r;
    }
    *ret = keyring;
    return 0;
}

int keyring_close(struct keyring *keyring, struct berth_error *reterr)
{
    int rc;
    int r = 0;

    if (!keyring)
        return 0;
    sql_drop(&keyring->add);
    sql_drop(&keyring->drop);
    sql_drop(&keyring->anchor);
    rc = sqlite3_close(keyring->db);
    if (rc != SQLITE_OK)
        r = berth_fail(reterr, BERTH_E_STORE, "closing keys.db failed (SQLite %d)", rc);

    list_each (&keyring->uncommitted, node)
        forget(keyring, list_entry(node, struct person_key, node));
    list_each (&keyring->committed, node)
        forget(keyring, list_entry(node, struct person_key, node));
    map_clear(&keyring->by_user);
    (void)pthread_mutex_destroy(&keyring->lock);
    berth_wipe_free(keyring, sizeof(*keyring));
    return r;
}

/* ---- keys ---- */

bool keyring_get(struct keyring *keyring, uint64_t user_id, unsigned char key[SEAL_KEY])
{
    struct person_key *person;

    (void)pthread_mutex_lock(&keyring->lock);
    person = map_get_id(&keyring->by_user, user_id);
    if (person)
        memcpy(key, person->key, SEAL_KEY);
    (void)pthread_mutex_unlock(&keyring->lock);
    return person != NULL;
}

enum sql_status keyring_get_or_make(struct keyring *keyring, uint64_t user_id,
                                    unsigned char key[SEAL_KEY], struct berth_error *reterr)
{
    int rc;

    if (keyring_get(keyring, user_id, key))
        return SQL_OK;
    if (sqlite3_get_autocommit(keyring->db)) {
        rc = sql_exec(keyring->db, "BEGIN IMMEDIATE");
        if (rc != SQLITE_OK)
            return sql_failed(keyring->db, rc, "keys.db", reterr);
    }
    random_fill(&keyring->random, key, SEAL_KEY);
    (void)sqlite3_bind_int64(keyring->add, 1, (int64_t)user_id);
    sql_bind_blob(keyring->add, 2, key, SEAL_KEY);
    rc = sql_step_once(keyring->add);
    (void)sqlite3_clear_bindings(keyring->add);
    if (rc != SQLITE_DONE)
        return sql_failed(keyring->db, rc, "keys.db", reterr);
    remember(keyring, &keyring->uncommitted, user_id, key);
    return SQL_OK;
}

enum sql_status keyring_commit(struct keyring *keyring, struct berth_error *reterr)
{
    struct list *node;
    int rc;

    if (sqlite3_get_autocommit(keyring->db))
        return SQL_OK;
    rc = sql_exec(keyring->db, "COMMIT");
    if (rc != SQLITE_OK)
        return sql_failed(keyring->db, rc, "keys.db", reterr);
    (void)pthread_mutex_lock(&keyring->lock);
    while ((node = list_shift(&keyring->uncommitted)))
        list_append(&keyring->committed, node);
    (void)pthread_mutex_unlock(&keyring->lock);
    return SQL_OK;
}

void keyring_rollback(struct keyring *keyring)
{
    /* A failed statement may have rolled back already; uncommitted data is lost at the next open
     * anyway. */
    if (!sqlite3_get_autocommit(keyring->db))
        (void)sql_exec(keyring->db, "ROLLBACK");
    (void)pthread_mutex_lock(&keyring->lock);
    list_each (&keyring->uncommitted, node)
        forget(keyring, list_entry(node, struct person_key, node));
    (void)pthread_mutex_unlock(&keyring->lock);
}

enum sql_status keyring_erase(struct keyring *keyring, uint64_t user_id, struct berth_error *reterr)
{
    struct person_key *person;
    int rc;

    (void)sqlite3_bind_int64(keyring->drop, 1, (int64_t)user_id);
    rc = sql_step_once(keyring->drop);
    if (rc != SQLITE_DONE)
        return sql_failed(keyring->db, rc, "keys.db", reterr);

    (void)pthread_mutex_lock(&keyring->lock);
    person = map_get_id(&keyring->by_user, user_id);
    if (person)
        forget(keyring, person);
    (void)pthread_mutex_unlock(&keyring->lock);
    return SQL_OK;
}

/* ---- the end of the audit trail ---- */

void keyring_seal(struct keyring *keyring, int64_t sequence, const unsigned char hash[32],
                  char seal[72])
{
    unsigned char bytes[8 + 32];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)sequence >> (56 - 8 * i));
    memcpy(bytes + 8, hash, 32);
    seal_hmac_hex(keyring->trail_key, bytes, sizeof(bytes), seal);
}

enum sql_status keyring_anchor(struct keyring *keyring, int64_t sequence,
                               const unsigned char hash[32], struct berth_error *reterr)
{
    int rc;

    (void)sqlite3_bind_int64(keyring->anchor, 1, sequence);
    sql_bind_blob(keyring->anchor, 2, hash, 32);
    rc = sql_step_once(keyring->anchor);
    if (rc != SQLITE_DONE)
        return sql_failed(keyring->db, rc, "keys.db", reterr);
    (void)pthread_mutex_lock(&keyring->lock);
    keyring->anchored = sequence;
    memcpy(keyring->anchored_hash, hash, 32);
    (void)pthread_mutex_unlock(&keyring->lock);
    return SQL_OK;
}

int64_t keyring_anchored(struct keyring *keyring, unsigned char hash[32])
{
    int64_t sequence;

    (void)pthread_mutex_lock(&keyring->lock);
    sequence = keyring->anchored;
    memcpy(hash, keyring->anchored_hash, 32);
    (void)pthread_mutex_unlock(&keyring->lock);
    return sequence;
}
