/* index.h - finding entities by what they refer to, without walking a registry.
 *
 * Module core. Every row of the table in index.c is an index: entities of one kind, found by an id
 * in their row, possibly only while a condition holds (open assignments, living sessions). The core
 * updates the indexes whenever a row is loaded, applied or dropped. With 20,000 terminals every
 * lookup of a sign-on costs one hash.
 */
#ifndef BERTH_CORE_INDEX_H
#define BERTH_CORE_INDEX_H

#include "core/core.h"

enum index_by {
    SLOTS_OF_DESKTOP,
    IDENTITIES_OF_TERMINAL,
    DESKTOPS_OF_POOL,
    DESKTOPS_OF_HOST,
    VERSIONS_OF_IMAGE,
    MEMBERSHIPS_OF_USER,
    BADGES_OF_USER,
    ENTITLEMENTS_OF_POOL,
    COMMANDS_OF_TERMINAL,    /* not ended */
    ASSIGNMENTS_OF_DESKTOP,  /* open */
    ASSIGNMENTS_OF_USER,     /* open */
    SESSIONS_OF_ASSIGNMENT,  /* not ended */
    SESSIONS_OF_USER,        /* not ended */
    SESSIONS_OF_POOL,        /* not ended */
    CONNECTIONS_OF_SESSION,  /* not ended */
    CONNECTIONS_AT_TERMINAL, /* not ended */
    TERMINALS_OF_PLACE,
    INDEX_KINDS
};

enum index_text {
    IDENTITY_BY_KEY,
    DESKTOP_BY_UUID,
    INVITATION_BY_TOKEN,
    BADGE_BY_UID,
    TOKEN_BY_HASH,
    TERMINAL_BY_WAITING_KEY,
    INDEX_TEXTS
};

/* The indexes of a core, made and freed by it. */
struct indexes *indexes_new(struct berth_random *random);
void indexes_free(struct indexes *indexes);

/* Put an entity into its indexes, or take it out; around every change of its row. */
void index_add(struct core *core, struct entity *entity);
void index_remove(struct core *core, struct entity *entity);

/* Entities that refer to `id`, in an order that means nothing but is the same in every run. The
 * list may be empty; it is valid until the next change of a row.
 *
 *   list_each (index_list(core, SLOTS_OF_DESKTOP, id), node)
 *       entity = index_entry(SLOTS_OF_DESKTOP, node);
 */
struct list *index_list(struct core *core, enum index_by by, uint64_t id);
struct entity *index_entry(enum index_by by, struct list *node);

/* The first of them, or NULL. */
struct entity *index_first(struct core *core, enum index_by by, uint64_t id);
size_t index_count(struct core *core, enum index_by by, uint64_t id);

/* Find by a unique text; NULL when absent or empty. */
struct entity *index_find_text(struct core *core, enum index_text by, const char *text);

#endif
