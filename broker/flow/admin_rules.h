/* admin_rules.h - what a row that people write must be like.
 *
 * Room flow, inner header of admin*.c. One rule per entity that people may add, change or delete;
 * the table in admin_rules.c is the list of them.
 */
#ifndef BERTH_FLOW_ADMIN_RULES_H
#define BERTH_FLOW_ADMIN_RULES_H

#include "flow/admin.h"

struct admin_rule {
    /* Fill in what was left open, and refuse what cannot be. `now` is the row as it stands, NULL
     * for a new one; fields that only flows decide are taken from it.
     */
    int (*check)(struct core *core, void *row, const void *now, struct berth_error *reterr);
    /* Who needs it? Refuses with a sentence. NULL: can always go. */
    int (*unused)(struct core *core, const void *row, struct berth_error *reterr);
    /* Rows that come or go with it. NULL: none. */
    void (*with_new)(struct core *core, const void *row, struct changes *changes);
    void (*with_gone)(struct core *core, const void *row, struct changes *changes);
    bool may_add, may_set, may_drop;
};

/* NULL: people do not write rows of this kind. */
const struct admin_rule *admin_rule(enum entity_kind kind);

/* Words in `list` (separated by spaces) that name no entity of `kind` are refused. */
int admin_names_exist(struct core *core, enum entity_kind kind, const char *list,
                      struct berth_error *reterr) berth_must_check;

#endif
