/* disk.c - rows, savepoints, audit. The constraints are in disk_rules.c. */
#include "fakes/disk.h"

#include <stdio.h>
#include <string.h>

#include "fakes/disk_rules.h"

#define AUDIT_MAX 4096

struct disk *disk_new(struct berth_random *random)
{
    struct disk *disk = berth_new(struct disk);

    for (int kind = 0; kind < ENTITY_KINDS; kind++) {
        map_init(&disk->rows[kind], random_map_key(random));
        list_init(&disk->order[kind]);
    }
    map_init(&disk->keys, random_map_key(random));
    map_init(&disk->requests, random_map_key(random));
    map_init(&disk->presence, random_map_key(random));
    list_init(&disk->request_list);
    list_init(&disk->presence_list);
    disk->audit = berth_new_array(struct audit_note, AUDIT_MAX);
    return disk;
}

static void row_free(struct disk_row *row)
{
    for (size_t i = 0; i < row->keys_count; i++)
        free(row->keys[i]);
    free(row->row);
    free(row);
}

void disk_free(struct disk *disk)
{
    if (!disk)
        return;
    for (int kind = 0; kind < ENTITY_KINDS; kind++) {
        list_each (&disk->order[kind], node)
            row_free(list_entry(node, struct disk_row, node));
        map_clear(&disk->rows[kind]);
    }
    list_each (&disk->request_list, node)
        free(list_entry(node, struct disk_request, node));
    list_each (&disk->presence_list, node)
        free(list_entry(node, struct disk_presence, node));
    map_clear(&disk->keys);
    map_clear(&disk->requests);
    map_clear(&disk->presence);
    free(disk->audit);
    free(disk);
}

struct disk_row *disk_find(const struct disk *disk, enum entity_kind kind, uint64_t id)
{
    return id ? map_get_id(&disk->rows[kind], id) : NULL;
}

const void *disk_row(const struct disk *disk, enum entity_kind kind, uint64_t id)
{
    const struct disk_row *row = disk_find(disk, kind, id);

    return row ? row->row : NULL;
}

void disk_each(const struct disk *disk, enum entity_kind kind,
               void (*each)(void *context, const void *row), void *context)
{
    list_each (&disk->order[kind], node)
        each(context, list_entry(node, struct disk_row, node)->row);
}

/* ---- one change, and its undo ---- */

static void row_put(struct disk *disk, struct disk_row *row)
{
    map_put_id(&disk->rows[row->kind], row->id, row);
    list_append(&disk->order[row->kind], &row->node);
    for (size_t i = 0; i < row->keys_count; i++)
        map_put_text(&disk->keys, row->keys[i], row);
}

static void row_take(struct disk *disk, struct disk_row *row)
{
    (void)map_take_id(&disk->rows[row->kind], row->id);
    list_remove(&row->node);
    for (size_t i = 0; i < row->keys_count; i++)
        (void)map_take_text(&disk->keys, row->keys[i]);
}

static struct disk_row *row_of(enum entity_kind kind, const void *from)
{
    struct disk_row *row = berth_new(struct disk_row);
    size_t size = entity_row(kind)->record->size;

    row->kind = kind;
    row->row = berth_alloc(size);
    memcpy(row->row, from, size);
    memcpy(&row->id, from, sizeof(row->id));
    list_init(&row->node);
    rules_keys(row);
    return row;
}

/* What a change replaced and what it added: enough to undo it. */
struct step {
    struct disk_row *was;
    struct disk_row *is;
};

static int apply_one(struct disk *disk, const struct change *change, struct step *step,
                     struct berth_error *reterr)
{
    struct disk_row *was = disk_find(disk, change->kind, change->row.id);
    int r;

    if (change->verb == CHANGE_ADD && was)
        return berth_fail(reterr, BERTH_E_CONFLICT, "%s %llu exists already",
                          entity_row(change->kind)->name, (unsigned long long)change->row.id);
    if (change->verb != CHANGE_ADD && !was)
        return berth_fail(reterr, BERTH_E_CONFLICT, "%s %llu does not exist",
                          entity_row(change->kind)->name, (unsigned long long)change->row.id);
    if (was && ((const union row *)was->row)->version != change->base_version)
        return berth_fail(reterr, BERTH_E_CONFLICT, "%s %llu was changed meanwhile",
                          entity_row(change->kind)->name, (unsigned long long)change->row.id);

    if (was)
        row_take(disk, was);
    step->was = was;
    if (change->verb == CHANGE_DROP)
        return rules_may_drop(disk, was, reterr);

    step->is = row_of(change->kind, &change->row);
    r = rules_may_put(disk, was, step->is, reterr);
    if (r < 0) {
        disk->constraint_refusals++;
        row_free(step->is);
        step->is = NULL;
        return r;
    }
    row_put(disk, step->is);
    return 0;
}

static void take_back(struct disk *disk, struct step *step)
{
    if (step->is) {
        row_take(disk, step->is);
        row_free(step->is);
    }
    if (step->was)
        row_put(disk, step->was);
}

/* Foreign keys are checked after all rows of the decision, so their order does not matter. */
static int check_references(struct disk *disk, const struct changes *changes,
                            struct berth_error *reterr)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = changes->at[i];
        int r;

        if (change->verb == CHANGE_DROP)
            r = rules_forget(disk, change->kind, change->row.id, reterr);
        else
            r = rules_references(disk, change, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- a decision ---- */

static const struct disk_request *disk_request_of(const struct disk *disk,
                                                  const struct changes *changes)
{
    return changes->request_id[0] ? map_get_text(&disk->requests, changes->request_id) : NULL;
}

bool disk_knows(const struct disk *disk, const struct changes *changes)
{
    return disk_request_of(disk, changes) != NULL;
}

/* 1: done before; 0: it is new. */
static int came_before(struct disk *disk, struct changes *changes, struct berth_error *reterr)
{
    const struct disk_request *request = disk_request_of(disk, changes);

    if (!request)
        return 0;
    if (strcmp(request->what, changes->request_fingerprint) != 0)
        return berth_fail(reterr, BERTH_E_CONFLICT,
                          "this Idempotency-Key was used for another request");
    changes->repeated = true;
    changes->rev = request->rev;
    changes->added_id = request->added_id;
    return 1;
}

static void note_request(struct disk *disk, const struct changes *changes)
{
    struct disk_request *request;

    if (!changes->request_id[0] || changes->unfinished)
        return;
    request = berth_new(struct disk_request);
    (void)snprintf(request->id, sizeof(request->id), "%s", changes->request_id);
    memcpy(request->what, changes->request_fingerprint, sizeof(request->what));
    request->rev = changes->rev;
    for (size_t i = 0; request->added_id == 0 && i < changes->count; i++)
        if (changes->at[i]->verb == CHANGE_ADD)
            request->added_id = changes->at[i]->row.id;
    list_append(&disk->request_list, &request->node);
    map_put_text(&disk->requests, request->id, request);
}

int disk_commit(struct disk *disk, struct changes *changes, struct berth_error *reterr)
{
    berth_cleanup(berth_freep) struct step *steps =
        berth_new_array(struct step, changes->count + 1);
    size_t done = 0;
    int r = came_before(disk, changes, reterr);

    if (r != 0)
        return r < 0 ? r : 0;
    while (done < changes->count && r == 0) {
        r = apply_one(disk, changes->at[done], &steps[done], reterr);
        done++;
    }
    if (r == 0)
        r = check_references(disk, changes, reterr);
    if (r < 0) {
        while (done > 0)
            take_back(disk, &steps[--done]);
        return r;
    }

    for (size_t i = 0; i < changes->count; i++) {
        if (steps[i].was)
            row_free(steps[i].was);
        if (changes->at[i]->row.id > disk->last_id)
            disk->last_id = changes->at[i]->row.id;
    }
    disk->rev += changes->count;
    changes->rev = disk->rev;
    note_request(disk, changes);
    disk->audit[disk->audits++ % AUDIT_MAX] = changes->audit;
    disk->commits++;
    return 0;
}

int disk_load(struct disk *disk, struct core *core, struct berth_error *reterr)
{
    core_load_begin(core, ++disk->incarnation);
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        list_each (&disk->order[kind], node) {
            int r = core_load(core, (enum entity_kind)kind,
                              list_entry(node, struct disk_row, node)->row, reterr);

            if (r < 0)
                return r;
        }
    }
    core->last_id = disk->last_id;
    core->rev = disk->rev;
    core_load_end(core);
    return 0;
}

/* ---- queries ---- */

static size_t audit_first(const struct disk *disk)
{
    return disk->audits > AUDIT_MAX ? disk->audits - AUDIT_MAX : 0;
}

size_t disk_audited(const struct disk *disk, const char *action)
{
    size_t count = 0;

    for (size_t i = audit_first(disk); i < disk->audits; i++)
        if (strcmp(disk->audit[i % AUDIT_MAX].action, action) == 0)
            count++;
    return count;
}

const struct audit_note *disk_audit_last(const struct disk *disk, const char *action)
{
    for (size_t i = disk->audits; i > audit_first(disk); i--)
        if (strcmp(disk->audit[(i - 1) % AUDIT_MAX].action, action) == 0)
            return &disk->audit[(i - 1) % AUDIT_MAX];
    return NULL;
}

size_t disk_audits(const struct disk *disk)
{
    return disk->audits;
}

int64_t disk_incarnation(const struct disk *disk)
{
    return disk->incarnation;
}

uint64_t disk_commits(const struct disk *disk)
{
    return disk->commits;
}

uint64_t disk_constraint_refusals(const struct disk *disk)
{
    return disk->constraint_refusals;
}

uint64_t disk_rev(const struct disk *disk)
{
    return disk->rev;
}

void disk_presence(struct disk *disk, const struct presence_row *row)
{
    struct disk_presence *presence = map_get_id(&disk->presence, row->terminal_id);

    if (!presence) {
        presence = berth_new(struct disk_presence);
        list_append(&disk->presence_list, &presence->node);
        map_put_id(&disk->presence, row->terminal_id, presence);
    }
    presence->row = *row;
}

void disk_presence_each(const struct disk *disk,
                        void (*each)(void *context, const struct presence_row *row), void *context)
{
    list_each (&disk->presence_list, node)
        each(context, &list_entry(node, struct disk_presence, node)->row);
}

bool disk_contains(const struct disk *disk, const char *text)
{
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        list_each (&disk->order[kind], node) {
            const struct disk_row *row = list_entry(node, struct disk_row, node);

            if (memmem(row->row, entity_row(row->kind)->record->size, text, strlen(text)))
                return true;
        }
    }
    for (size_t i = audit_first(disk); i < disk->audits; i++)
        if (memmem(&disk->audit[i % AUDIT_MAX], sizeof(struct audit_note), text, strlen(text)))
            return true;
    return false;
}
