/* admin_rules_terminal.c - rules of sites, places and terminals. */
#include <string.h>

#include "core/index.h"
#include "flow/admin_check.h"
#include "flow/admin_references.h"
#include "flow/admin_rules.h"

/* ---- site, place ---- */

static int check_site(berth_unused struct core *core, void *row_, const void *now,
                      berth_unused struct berth_error *reterr)
{
    struct row_site *row = row_;

    if (!row->join_policy)
        row->join_policy = join_policy_ACCEPT;
    if (!now && !row->renew_days)
        row->renew_days = 14;
    return 0;
}

const struct admin_rule admin_rule_site = {
    .check = check_site,
};

/* When there is one site only, it is the default. */
static int check_place(struct core *core, void *row_, berth_unused const void *now,
                       struct berth_error *reterr)
{
    struct row_place *row = row_;
    struct list *sites = core_all(core, ENTITY_site);

    if (row->name[0] == '/' || strstr(row->name, "//") ||
        (row->name[0] && row->name[strlen(row->name) - 1] == '/'))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "place '%s': a path has a name between any two '/', and none around it",
                          row->name);
    if (!row->site_id && core->of[ENTITY_site].count == 1)
        row->site_id = container_of(entity_of(sites->next), struct site, base)->row.id;
    if (!row->site_id)
        return berth_fail(reterr, BERTH_E_INVALID, "place '%s': the site is missing", row->name);
    return 0;
}

const struct admin_rule admin_rule_place = {
    .name_also = "/",
    .check = check_place,
    .with_set = admin_place_renamed,
};

/* ---- terminal: joins by itself; administrators name and place it ---- */

static int check_terminal(struct core *core, void *row_, berth_unused const void *now,
                          struct berth_error *reterr)
{
    struct row_terminal *row = row_;
    const struct user *kiosk = user_find(core, row->kiosk_user_id);

    admin_normalize_tags(row->tags);
    if (row->kiosk_user_id && (!kiosk || kiosk->row.kind != user_kind_KIOSK))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "terminal '%s': signs on by itself as a kiosk user only", row->name);
    return 0;
}

static int terminal_may_go(berth_unused struct core *core, struct entity *entity,
                           struct berth_error *reterr)
{
    const struct row_terminal *row = entity_row_of(entity);

    if (row->state != terminal_REVOKED && row->state != terminal_WAITING)
        return admin_in_use(entity, reterr, "revoke it first");
    return 0;
}

static void terminal_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_terminal *row = row_;

    changes_drop_all(changes, core, IDENTITIES_OF_TERMINAL, row->id);
    admin_drop_rules_of(core, ENTITY_terminal, row->id, changes);
}

const struct admin_rule admin_rule_terminal = {
    .check = check_terminal,
    .may_go = terminal_may_go,
    .with_gone = terminal_gone,
};
