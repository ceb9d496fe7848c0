/* reference.h - what entitlements, profiles and pools name: by id inside, by name for people.
 *
 * Module core. A rule names its user, group, terminal, place or site by id. What a row of an older
 * Berth named and nobody had that name when the file was raised to the present schema is a subject
 * that is gone: its text is kept for people to read, an allowance or a profile of that kind fits
 * nobody, a denial fits everybody until somebody deletes it or gives it a subject (fail closed).
 */
#ifndef BERTH_CORE_REFERENCE_H
#define BERTH_CORE_REFERENCE_H

#include "core/core.h"

struct subject {
    enum entity_kind kind; /* ENTITY_NONE: a tag, a network or everybody, in `text` */
    uint64_t id;           /* 0: gone, and `text` is what it was called */
    const char *text;      /* of the row */
};

/* Whom a rule is for; it points into the row. */
struct subject entitlement_subject(const struct row_entitlement *row);
/* Which terminals a profile is for; it points into the row. */
struct subject profile_subject(const struct row_profile *row);

/* Of a kind that has an id, and without one. */
bool subject_is_gone(const struct subject *subject);

/* Its present name, or the text of the row; valid until the next change of a row. */
const char *subject_name(struct core *core, const struct subject *subject);

/* The member of the row that holds the id of a subject of this kind; NULL for those without one. */
uint64_t *entitlement_subject_id(struct row_entitlement *row);
uint64_t *profile_subject_id(struct row_profile *row);

/* Is `id` among the ids of a field of type IDS? */
bool reference_has(const char *ids, uint64_t id);

/* Their present names, with spaces between, to be freed by the caller. What is gone is "(gone)". */
char *reference_names(struct core *core, enum entity_kind kind, const char *ids);

#endif
