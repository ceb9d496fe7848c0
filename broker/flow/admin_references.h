/* admin_references.h - what the rows of administrators refer to: names become ids here, once.
 *
 * Module flow, inner header of admin*.c. Rules keep their subject by id (core/reference.h), so that
 * a rename changes only what is shown.
 *
 * Deleting a user or a terminal deletes the rules that are for them alone. A group, a place, a site
 * or a host cannot be deleted while a rule names it: without that rule something might become
 * permitted.
 */
#ifndef BERTH_FLOW_ADMIN_REFERENCES_H
#define BERTH_FLOW_ADMIN_REFERENCES_H

#include "flow/context.h"

/* Turn the hosts of a pool into ids in rising order; `now` as in admin_rule.check. Errors:
 * NOT_FOUND, TOO_LARGE. */
int admin_normalize_hosts(struct core *core, struct row_pool *row, const struct row_pool *now,
                          struct berth_error *reterr) berth_must_check;

/* Reduce to words that are separated by single spaces, each once. */
void admin_normalize_tags(char *tags);

/* Errors: STATE when an entitlement, a profile or a pool refers to the entity and does not go with
 * it; the error names it. */
int admin_check_unreferenced(struct core *core, struct entity *entity,
                             struct berth_error *reterr) berth_must_check;

/* Drop the entitlements, profiles and invitations that are for this user or terminal. */
void admin_drop_rules_of(struct core *core, enum entity_kind kind, uint64_t id,
                         struct changes *changes);

/* Functions for admin_rule.with_set: what contains the old name is changed with it. */
int admin_place_renamed(struct core *core, const void *row, const void *now,
                        struct changes *changes, struct berth_error *reterr) berth_must_check;
int admin_pool_renamed(struct core *core, const void *row, const void *now, struct changes *changes,
                       struct berth_error *reterr) berth_must_check;

#endif
