/* disk_rules.h - the constraints of the schema, for disk.c.
 *
 * Module tests, internal header of disk.
 */
#ifndef BERTH_TESTS_FAKES_DISK_RULES_H
#define BERTH_TESTS_FAKES_DISK_RULES_H

#include "fakes/disk.h"

#define DISK_KEYS 4

struct disk_row {
    struct list node;
    enum entity_kind kind;
    uint64_t id;
    void *row;
    size_t keys_count;
    char *keys[DISK_KEYS]; /* texts that no other row may have, such as "assignments.slot 7/0" */
};

struct disk_request {
    struct list node;
    char id[REQUEST_ID_SIZE];
    char what[REQUEST_ID_SIZE];
    uint64_t rev, added_id;
};

struct disk_presence {
    struct list node;
    struct presence_row row;
};

struct disk {
    struct map rows[ENTITY_KINDS]; /* id -> struct disk_row */
    struct list order[ENTITY_KINDS];
    struct map keys; /* text -> struct disk_row */
    struct map requests, presence;
    struct list request_list, presence_list;
    struct audit_note *audit; /* the last ones */
    size_t audits;
    uint64_t last_id, rev, commits, constraint_refusals;
    int64_t incarnation;
};

struct disk_row *disk_find(const struct disk *disk, enum entity_kind kind, uint64_t id);

/* Fill row->keys from its contents: its entries in the unique indexes. */
void rules_keys(struct disk_row *row);

/* May `row` replace `was` (NULL: it is new)? `was` is not in the indexes any more. */
int rules_may_put(const struct disk *disk, const struct disk_row *was, const struct disk_row *row,
                  struct berth_error *reterr) berth_must_check;
int rules_may_drop(const struct disk *disk, const struct disk_row *row,
                   struct berth_error *reterr) berth_must_check;

/* Do all rows exist that the added or changed row refers to? */
int rules_references(const struct disk *disk, const struct change *change,
                     struct berth_error *reterr) berth_must_check;

/* A row was dropped: refuse when an open row refers to it; clear it in past rows. */
int rules_forget(struct disk *disk, enum entity_kind kind, uint64_t id,
                 struct berth_error *reterr) berth_must_check;

#endif
