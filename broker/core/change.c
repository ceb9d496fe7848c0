/* change.c - collecting the changes of a decision. */
#include "core/change.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct changes *changes_new(const char *actor, const char *role, const char *action)
{
    struct changes *changes = berth_new(struct changes);

    copy_text(changes->audit.actor, actor);
    copy_text(changes->audit.role, role);
    copy_text(changes->audit.action, action);
    (void)snprintf(changes->audit.outcome, sizeof(changes->audit.outcome), "done");
    return changes;
}

void changes_free(struct changes *changes)
{
    if (!changes)
        return;
    for (size_t i = 0; i < changes->count; i++)
        berth_wipe_free(changes->at[i], sizeof(struct change));
    free(changes->at);
    berth_wipe_free(changes, sizeof(*changes));
}

void changes_freep(struct changes **changes)
{
    changes_free(*changes);
    *changes = NULL;
}

void changes_object(struct changes *changes, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    berth_vtext(changes->audit.object, sizeof(changes->audit.object), format, list);
    va_end(list);
}

void changes_detail(struct changes *changes, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    berth_vtext(changes->audit.detail, sizeof(changes->audit.detail), format, list);
    va_end(list);
}

static struct change *change_find(struct changes *changes, enum entity_kind kind, uint64_t id)
{
    for (size_t i = 0; i < changes->count; i++)
        if (changes->at[i]->kind == kind && changes->at[i]->row.id == id)
            return changes->at[i];
    return NULL;
}

static struct change *change_put(struct changes *changes, enum entity_kind kind,
                                 enum change_verb verb, const void *row)
{
    struct change *change;

    if (changes->count == changes->capacity) {
        changes->capacity = changes->capacity ? 2 * changes->capacity : 8;
        changes->at = berth_realloc(changes->at, changes->capacity * sizeof(struct change *));
    }
    change = berth_new(struct change);
    change->kind = kind;
    change->verb = verb;
    memcpy(&change->row, row, entity_row(kind)->record->size);
    change->base_version = change->row.version;
    changes->at[changes->count++] = change;
    return change;
}

void *changes_add(struct changes *changes, enum entity_kind kind, const void *row)
{
    struct change *change = change_put(changes, kind, CHANGE_ADD, row);

    change->base_version = 0;
    change->row.version = 1;
    return &change->row;
}

void *changes_set(struct changes *changes, enum entity_kind kind, const void *row)
{
    uint64_t id;
    struct change *change;
    int64_t version;

    memcpy(&id, row, sizeof(id)); /* every row begins with it */
    change = change_find(changes, kind, id);
    if (change) {
        version = change->row.version;
        if ((const void *)&change->row != row)
            memcpy(&change->row, row, entity_row(kind)->record->size);
        change->row.version = version;
        return &change->row;
    }
    change = change_put(changes, kind, CHANGE_SET, row);
    change->row.version = change->base_version + 1;
    return &change->row;
}

void changes_drop(struct changes *changes, enum entity_kind kind, const void *row)
{
    (void)change_put(changes, kind, CHANGE_DROP, row);
}

void *changes_find(struct changes *changes, enum entity_kind kind, uint64_t id)
{
    struct change *change = change_find(changes, kind, id);

    return change && change->verb != CHANGE_DROP ? &change->row : NULL;
}
