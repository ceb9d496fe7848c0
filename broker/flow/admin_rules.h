/* admin_rules.h - checks of rows that administrators write, one rule per kind of entity.
 *
 * Module flow, inner header of admin*.c. The table in admin_rules.c lists all rules.
 */
#ifndef BERTH_FLOW_ADMIN_RULES_H
#define BERTH_FLOW_ADMIN_RULES_H

#include "flow/admin.h"

struct admin_rule {
    /* Fill in defaults and refuse what is not valid. now: the present row, NULL for a new one;
     * fields that only flows decide are taken from it.
     */
    int (*check)(struct core *core, void *row, const void *now, struct berth_error *reterr);
    /* Refuse to delete a row that is in use. NULL: it can always be deleted. */
    int (*unused)(struct core *core, const void *row, struct berth_error *reterr);
    /* Rows that are added or dropped with it. NULL: none. */
    void (*with_new)(struct core *core, const void *row, struct changes *changes);
    void (*with_gone)(struct core *core, const void *row, struct changes *changes);
    /* Rows that change with it. NULL: none. */
    int (*with_set)(struct core *core, const void *row, const void *now, struct changes *changes,
                    struct berth_error *reterr);
    bool may_add, may_set, may_drop;
};

/* NULL: administrators do not write rows of this kind. */
const struct admin_rule *admin_rule(enum entity_kind kind);

/* Check a name. Names are typed and listed with spaces between, and a number stands for an id; a
 * name must not be confused with those.
 *
 * what: word for the entity. also: further characters that this kind permits.
 * Errors: INVALID.
 */
int admin_check_name(const char *what, const char *name, const char *also,
                     struct berth_error *reterr) berth_must_check;

#endif
