/* admin_rules.h - what a row that people write must be like.
 *
 * Module flow, inner header of admin*.c. One rule per entity that people may add, change or delete;
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
    /* Rows that change with it. NULL: none. */
    int (*with_set)(struct core *core, const void *row, const void *now, struct changes *changes,
                    struct berth_error *reterr);
    bool may_add, may_set, may_drop;
};

/* NULL: people do not write rows of this kind. */
const struct admin_rule *admin_rule(enum entity_kind kind);

/* Names are typed, listed and separated by spaces, and a number stands for an id: INVALID for what
 * cannot be told from those. what: word for the entity. also: characters that this kind may have,
 * too.
 */
int admin_check_name(const char *what, const char *name, const char *also,
                     struct berth_error *reterr) berth_must_check;

#endif
