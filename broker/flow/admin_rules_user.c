/* admin_rules_user.c - rules of users, memberships and administrators. */
#include "core/index.h"
#include "flow/admin_check.h"
#include "flow/admin_references.h"
#include "flow/admin_rules.h"

/* ---- users, memberships ---- */

static int check_user(berth_unused struct core *core, void *row_, berth_unused const void *now,
                      berth_unused struct berth_error *reterr)
{
    struct row_user *row = row_;

    if (!row->kind)
        row->kind = user_kind_PERSON;
    return 0;
}

static void user_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_user *row = row_;

    changes_drop_all(changes, core, MEMBERSHIPS_OF_USER, row->id);
    changes_drop_all(changes, core, BADGES_OF_USER, row->id);
    admin_drop_rules_of(core, ENTITY_user, row->id, changes);
}

const struct admin_rule admin_rule_user = {
    .name_also = "\\",
    .check = check_user,
    .with_gone = user_gone,
};

static int check_membership(struct core *core, void *row_, berth_unused const void *now,
                            struct berth_error *reterr)
{
    struct row_membership *row = row_;

    if (!group_find(core, row->group_id))
        return admin_check_refers(core, ENTITY_group, row->group_id, "membership", reterr);
    if (!user_find(core, row->user_id))
        return admin_check_refers(core, ENTITY_user, row->user_id, "membership", reterr);
    list_each (index_list(core, MEMBERSHIPS_OF_USER, row->user_id), node) {
        const struct row_membership *other = entity_row_of(index_entry(MEMBERSHIPS_OF_USER, node));

        if (other->group_id == row->group_id && other->id != row->id)
            return berth_fail(reterr, BERTH_E_EXISTS, "the user is in the group already");
    }
    return 0;
}

const struct admin_rule admin_rule_membership = {
    .check = check_membership,
};

/* ---- admin ---- */

static int check_admin(berth_unused struct core *core, void *row_, berth_unused const void *now,
                       struct berth_error *reterr)
{
    const struct row_admin *row = row_;

    if (!row->role)
        return berth_fail(reterr, BERTH_E_INVALID, "admin '%s': the role is missing", row->name);
    return 0;
}

static void admin_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_admin *row = row_;

    list_each (core_all(core, ENTITY_token), node) {
        const struct row_token *token = entity_row_of(entity_of(node));

        if (token->admin_id == row->id)
            changes_drop(changes, ENTITY_token, token);
    }
}

const struct admin_rule admin_rule_admin = {
    .check = check_admin,
    .with_gone = admin_gone,
};
