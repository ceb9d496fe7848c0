/* index.h - finding entities by what they refer to, without walking a registry.
 *
 * Module core. Every row of indexes.def is an index. The registry updates the indexes whenever a
 * row is added, changed or dropped, or has ended. With 20,000 terminals every lookup of a sign-on
 * costs one hash.
 */
#ifndef BERTH_CORE_INDEX_H
#define BERTH_CORE_INDEX_H

#include "core/core.h"

enum index_by {
#define INDEX(name, kind, member, link) name,
#include "core/indexes.def"
    INDEX_KINDS
};

enum index_text {
#define INDEX_TEXT(name, kind, member) name,
#include "core/indexes.def"
    INDEX_TEXTS
};

/* The indexes of a core, made and freed by it. */
struct indexes *indexes_new(struct berth_random *random);
void indexes_free(struct indexes *indexes);

/* Put an entity into its indexes, or take it out, by the fields of its row; around every change of
 * that. */
void index_add(struct entity *entity, const void *row);
void index_remove(struct entity *entity, const void *row);

/* Entities that refer to `id`, in an order that means nothing but is the same in every run. The
 * list may be empty; it is valid until the next change of a row.
 *
 *   list_each (index_list(core, SLOTS_OF_DESKTOP, id), node)
 *       slot = index_at(SLOTS_OF_DESKTOP, node, slot);
 */
struct list *index_list(struct core *core, enum index_by by, uint64_t id);
struct entity *index_entry(enum index_by by, struct list *node);
#define index_at(by, node, kind) container_of(index_entry(by, node), struct kind, base)

/* The first of them, or NULL. */
struct entity *index_first(struct core *core, enum index_by by, uint64_t id);
size_t index_count(struct core *core, enum index_by by, uint64_t id);

/* Find by a unique text; NULL when absent or empty. */
struct entity *index_find_text(struct core *core, enum index_text by, const char *text);

#endif
