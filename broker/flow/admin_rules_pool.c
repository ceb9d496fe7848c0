/* admin_rules_pool.c - rules of pools and desktops. */
#include <stdio.h>
#include <string.h>

#include "core/address.h"
#include "core/index.h"
#include "flow/admin_check.h"
#include "flow/admin_references.h"
#include "flow/admin_rules.h"

/* ---- pool ---- */

static void complete_pool(struct row_pool *row)
{
    bool managed = row->kind == pool_kind_FLOATING || row->kind == pool_kind_DEDICATED;

    if (!row->title[0])
        copy_text(row->title, row->name);
    if (!row->release)
        row->release = row->kind == pool_kind_FLOATING ? pool_release_REFRESH : pool_release_KEEP;
    if (!row->credential)
        row->credential = managed ? pool_credential_PER_SESSION : pool_credential_PASSTHROUGH;
    if (!row->roam)
        row->roam = pool_roam_ALWAYS;
    if (!row->address)
        row->address = managed ? pool_address_AGENT : pool_address_FIXED;
    if (!row->port)
        row->port = 3389;
    if (!row->start_limit_s)
        row->start_limit_s = 120;
    if (row->kind == pool_kind_MANUAL && !row->max)
        row->max = 1000; /* its machines are added one by one */
    if (managed && !row->account[0])
        (void)snprintf(row->account, sizeof(row->account), "berth");
}

/* A recompose ends when the pool gets another image. */
static void end_recompose(struct row_pool *row, const struct row_pool *now)
{
    if (!now || now->image_id == row->image_id)
        return;
    row->recompose_version_id = 0;
    row->recompose_reason[0] = '\0';
}

static int check_pool_machines(struct core *core, const struct row_pool *row,
                               struct berth_error *reterr)
{
    if (!image_find(core, row->image_id))
        return berth_fail(reterr, BERTH_E_INVALID, "pool '%s': a %s pool needs an image", row->name,
                          pool_kind_names[row->kind]);
    if (row->template[0] != '/')
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': the template must be an absolute path", row->name);
    if (row->address == pool_address_FIXED)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': fixed addresses are for manual pools", row->name);
    return 0;
}

static int check_pool_manual(const struct row_pool *row, struct berth_error *reterr)
{
    if (row->spare)
        return berth_fail(reterr, BERTH_E_INVALID, "pool '%s': a manual pool keeps no spares",
                          row->name);
    if (row->credential != pool_credential_PASSTHROUGH)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': the machines of a manual pool take the user's own password "
                          "(credential passthrough)",
                          row->name);
    if (row->release != pool_release_KEEP)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': a manual machine cannot be refreshed", row->name);
    return 0;
}

/* Guests with an open session have a password for the present account, which the end of the session
 * changes. */
static int check_pool_account(struct core *core, const struct row_pool *row,
                              const struct row_pool *now, struct berth_error *reterr)
{
    size_t sessions = now ? index_count(core, SESSIONS_OF_POOL, row->id) : 0;

    if (sessions == 0 ||
        (row->credential == now->credential && strcmp(row->account, now->account) == 0))
        return 0;
    return berth_fail(reterr, BERTH_E_STATE,
                      "pool '%s' has %zu open session%s, which began with the present account and "
                      "credential; sign off all of its sessions first, or make another pool",
                      row->name, sessions, sessions == 1 ? "" : "s");
}

static int check_pool(struct core *core, void *row_, const void *now_, struct berth_error *reterr)
{
    struct row_pool *row = row_;
    const struct row_pool *now = now_;
    int r;

    if (!row->kind)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': kind is missing; give floating, dedicated or manual",
                          row->name);
    if (row->kind == pool_kind_SHARED)
        return berth_fail(reterr, BERTH_E_UNSUPPORTED,
                          "pool '%s': shared pools are not supported yet", row->name);
    if (now && now->kind != row->kind && index_first(core, DESKTOPS_OF_POOL, row->id))
        return berth_fail(reterr, BERTH_E_STATE,
                          "pool '%s': its kind cannot change while it has desktops", row->name);
    complete_pool(row);
    end_recompose(row, now);
    if (now &&
        (now->address == pool_address_FORWARDED) != (row->address == pool_address_FORWARDED) &&
        index_first(core, DESKTOPS_OF_POOL, row->id))
        return berth_fail(reterr, BERTH_E_STATE,
                          "pool '%s': its desktops were made with address %s; that cannot change "
                          "to %s while it has desktops",
                          row->name, pool_address_names[now->address],
                          pool_address_names[row->address]);
    r = check_pool_account(core, row, now, reterr);
    if (r < 0)
        return r;
    if (row->spare > row->max)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': more spares (%lld) than desktops (%lld)", row->name,
                          (long long)row->spare, (long long)row->max);
    r = admin_normalize_hosts(core, row, now, reterr);
    if (r < 0)
        return r;
    return row->kind == pool_kind_MANUAL ? check_pool_manual(row, reterr)
                                         : check_pool_machines(core, row, reterr);
}

/* Entitlements to a pool go with it. */
static void pool_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_pool *row = row_;

    changes_drop_all(changes, core, ENTITLEMENTS_OF_POOL, row->id);
}

const struct admin_rule admin_rule_pool = {
    .check = check_pool,
    .with_gone = pool_gone,
    .with_set = admin_pool_renamed,
};

/* ---- desktop: added and changed by administrators in manual pools only ---- */

/* Two desktops on one machine would put two users on it. Rows of older versions stay as they are
 * until they are changed. */
static int check_place_of(struct core *core, struct row_desktop *row, const struct row_desktop *now,
                          struct berth_error *reterr)
{
    const struct desktop *other;
    char whose[80];
    char address[ADDRESS_TEXT];
    int r;

    if (now && strcmp(now->address, row->address) == 0 && now->port == row->port)
        return 0;
    (void)snprintf(whose, sizeof(whose), "desktop '%s'", row->name);
    r = address_normalize(whose, row->address, address, reterr);
    if (r < 0)
        return r;
    other = address_taken(core, row->id, address, row->port);
    if (other)
        return berth_fail(reterr, BERTH_E_EXISTS, "%s: desktop '%s' is at %s port %lld already",
                          whose, other->row.name, address, (long long)row->port);
    copy_text(row->address, address);
    return 0;
}

static int check_desktop(struct core *core, void *row_, const void *now_,
                         struct berth_error *reterr)
{
    struct row_desktop *row = row_;
    const struct row_desktop *now = now_;
    struct pool *pool = pool_find(core, row->pool_id);

    if (!pool)
        return admin_check_refers(core, ENTITY_pool, row->pool_id, "desktop", reterr);
    if (pool->row.kind != pool_kind_MANUAL)
        return berth_fail(reterr, BERTH_E_STATE,
                          "desktop '%s': pool '%s' makes its desktops by itself", row->name,
                          pool->row.name);
    if (now && now->pool_id != row->pool_id)
        return berth_fail(reterr, BERTH_E_STATE,
                          "desktop '%s' cannot move to pool '%s'; delete it, and add it there",
                          row->name, pool->row.name);
    if (!row->port)
        row->port = pool->row.port;
    if (!row->address[0])
        return berth_fail(reterr, BERTH_E_INVALID, "desktop '%s': an address is needed", row->name);
    return check_place_of(core, row, now, reterr);
}

static int desktop_may_go(struct core *core, struct entity *entity, struct berth_error *reterr)
{
    const struct row_desktop *row = entity_row_of(entity);
    const struct pool *pool = pool_find(core, row->pool_id);

    if (pool && pool->row.kind != pool_kind_MANUAL)
        return berth_fail(reterr, BERTH_E_STATE,
                          "desktop '%s' has a machine: use the verb that deletes both", row->name);
    return 0;
}

static void desktop_new(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_desktop *row = row_;
    struct row_slot slot = { .id = core_next_id(core), .desktop_id = row->id };

    (void)changes_add(changes, ENTITY_slot, &slot);
}

static void desktop_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_desktop *row = row_;

    changes_drop_all(changes, core, SLOTS_OF_DESKTOP, row->id);
}

const struct admin_rule admin_rule_desktop = {
    .check = check_desktop,
    .may_go = desktop_may_go,
    .with_new = desktop_new,
    .with_gone = desktop_gone,
};
