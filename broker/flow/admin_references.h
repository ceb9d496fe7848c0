/* admin_references.h - what rows that people write refer to: names become ids here, once.
 *
 * Module flow, inner header of admin*.c. Who is named by a rule is kept by id (core/reference.h), so
 * that a rename changes nothing but what is shown. What goes when its user or terminal is deleted:
 * the rules that are about them alone. What stands in the way of deleting a group, a place, a site,
 * a host: the rules that name them, for without those rules something could open.
 */
#ifndef BERTH_FLOW_ADMIN_REFERENCES_H
#define BERTH_FLOW_ADMIN_REFERENCES_H

#include "flow/admin_rules.h"

/* Rules of admin_rule.check. */
int admin_check_entitlement(struct core *core, void *row, const void *now,
                            struct berth_error *reterr) berth_must_check;
int admin_check_profile(struct core *core, void *row, const void *now,
                        struct berth_error *reterr) berth_must_check;

/* The hosts of a pool as ids in rising order; `now` as in admin_rule.check. Errors: NOT_FOUND,
 * TOO_LARGE. */
int admin_normalize_hosts(struct core *core, struct row_pool *row, const struct row_pool *now,
                          struct berth_error *reterr) berth_must_check;

/* Words separated by single spaces, each once. */
void admin_normalize_tags(char *tags);

/* STATE with a sentence, when an entitlement, a profile or a pool names the entity with this id. */
int admin_check_unreferenced(struct core *core, enum entity_kind kind, uint64_t id,
                             const char *name, struct berth_error *reterr) berth_must_check;
/* STATE, when a profile makes terminals ask for this pool. */
int admin_check_pool_unwanted(struct core *core, const struct row_pool *row,
                              struct berth_error *reterr) berth_must_check;

/* The entitlements, profiles and invitations that name a user or terminal go with it. */
void admin_drop_rules_of(struct core *core, enum entity_kind kind, uint64_t id,
                         struct changes *changes);

/* Rules of admin_rule.with_set: a rename takes along what is known by the name. */
int admin_place_renamed(struct core *core, const void *row, const void *now,
                        struct changes *changes, struct berth_error *reterr) berth_must_check;
int admin_pool_renamed(struct core *core, const void *row, const void *now, struct changes *changes,
                       struct berth_error *reterr) berth_must_check;

#endif
