/* admin_rules.h - rules for rows that administrators write: one struct for each kind of entity,
 * beside its functions in admin_rules_*.c and admin_references.c.
 *
 * Module flow; inner header of admin*.c, and read by module api for the plans of a dry run. What
 * may be given, added, changed and deleted is in entities.def; a kind, and a field, without rules of
 * its own needs nothing here.
 */
#ifndef BERTH_FLOW_ADMIN_RULES_H
#define BERTH_FLOW_ADMIN_RULES_H

#include "flow/context.h"

/* All members may be NULL. */
struct admin_rule {
    /* Characters of a name beside those that all names may have. */
    const char *name_also;
    /* Fill in defaults and refuse what is not valid. row: the row as it shall be; fields that people
     * may not give are as in `now`, the present row, or zero for a new one (now: NULL).
     */
    int (*check)(struct core *core, void *row, const void *now, struct berth_error *reterr);
    /* Refuse to delete a row by what it is; which rows refer to it is checked after this. */
    int (*may_go)(struct core *core, struct entity *entity, struct berth_error *reterr);
    /* Rows that are added or dropped with it. */
    void (*with_new)(struct core *core, const void *row, struct changes *changes);
    void (*with_gone)(struct core *core, const void *row, struct changes *changes);
    /* Rows that change with it. */
    int (*with_set)(struct core *core, const void *row, const void *now, struct changes *changes,
                    struct berth_error *reterr);
};

extern const struct admin_rule admin_rule_site, admin_rule_place, admin_rule_terminal;
extern const struct admin_rule admin_rule_host, admin_rule_image_version;
extern const struct admin_rule admin_rule_pool, admin_rule_desktop;
extern const struct admin_rule admin_rule_user, admin_rule_membership;
extern const struct admin_rule admin_rule_admin;
extern const struct admin_rule admin_rule_entitlement, admin_rule_profile;

/* Never NULL; empty for kinds without rules. */
const struct admin_rule *admin_rule(enum entity_kind kind);

/* Check a row by the rule of its kind, and by what holds for all kinds: the name is valid and not
 * taken, and what a given field refers to exists. row, now: as in admin_rule.check.
 *
 * Errors: INVALID, NOT_FOUND, EXISTS, and those of the rule.
 */
int admin_check_row(struct core *core, enum entity_kind kind, void *row, const void *now,
                    struct berth_error *reterr) berth_must_check;

#endif
