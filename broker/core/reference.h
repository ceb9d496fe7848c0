/* reference.h - whom entitlements, profiles and pools refer to: ids inside, names for display.
 *
 * Module core. A rule refers to its user, group, terminal, place or site by id. Rows of older
 * schemas had a name instead; where the migration found no entity with that name the subject is
 * gone: its text is kept for display, an allow or a profile fits nobody, and a deny fits everybody
 * until an administrator deletes it or gives it a subject (fail closed).
 */
#ifndef BERTH_CORE_REFERENCE_H
#define BERTH_CORE_REFERENCE_H

#include "core/registry.h"

struct subject {
    enum entity_kind kind; /* ENTITY_NONE: a tag, a network or everyone, in `text` */
    uint64_t id;           /* 0: gone, and `text` is its former name */
    const char *text;      /* of the row */
};

/* The subject of a rule; points into the row. */
struct subject entitlement_subject(const struct row_entitlement *row);
/* The terminals that a profile applies to; points into the row. */
struct subject profile_subject(const struct row_profile *row);

/* Is it of a kind that has an id, but without one? */
bool subject_is_gone(const struct subject *subject);

/* Its present name, or the text of the row; valid until the next change of a row. */
const char *subject_name(struct core *core, const struct subject *subject);

/* The member of the row that holds the id of a subject of this kind; NULL for those without one. */
uint64_t *entitlement_subject_id(struct row_entitlement *row);
uint64_t *profile_subject_id(struct row_profile *row);

/* Is `id` among the ids of a field of type IDS? */
bool reference_has(const char *ids, uint64_t id);

/* The present names of these ids, separated by spaces; to be freed by the caller. An id without an
 * entity becomes "(gone)". */
char *reference_names(struct core *core, enum entity_kind kind, const char *ids);

#endif
