/* keys.c - what a key permits, and retiring or revoking the other keys of its terminal. */
#include "flow/keys.h"

#include "core/index.h"
#include "flow/decide.h"

#define DAY_MS 86400000
#define RENEW_DAYS 14 /* without a site */

const struct site *keys_site(struct core *core, uint64_t place_id)
{
    const struct place *place = place_find(core, place_id);
    struct list *sites = core_all(core, ENTITY_site);

    if (place)
        return site_find(core, place->row.site_id);
    return list_empty(sites) ? NULL : entity_at(sites->next, site);
}

static int64_t renew_ms(struct core *core, const struct terminal *terminal)
{
    const struct site *site = keys_site(core, terminal->row.place_id);

    return (site ? site->row.renew_days : RENEW_DAYS) * DAY_MS;
}

int key_may(struct context *context, const struct identity *identity, enum key_use use,
            struct berth_error *reterr)
{
    const struct terminal *terminal =
        identity ? terminal_find(context->core, identity->row.terminal_id) : NULL;

    if (!terminal)
        return berth_fail(reterr, BERTH_E_CERTIFICATE, "the key of this terminal is not known");
    if (identity->row.state == identity_REVOKED || terminal->row.state == terminal_REVOKED)
        return berth_fail(reterr, BERTH_E_REVOKED, "terminal '%s' was revoked", terminal->row.name);
    if (identity->row.state == identity_RETIRED)
        return berth_fail(reterr, BERTH_E_CERTIFICATE,
                          "terminal '%s': a newer key took the place of this one",
                          terminal->row.name);
    /* At the link TLS has checked the certificate itself, by the same clock. */
    if (use == KEY_RENEW &&
        identity->row.not_after_ms + renew_ms(context->core, terminal) < context->timers->wall_ms)
        return berth_fail(reterr, BERTH_E_CERTIFICATE,
                          "terminal '%s': its key expired too long ago", terminal->row.name);
    return 0;
}

/* Retire or revoke all keys of the terminal except two. */
static void set_other_keys(struct core *core, uint64_t terminal_id, const uint64_t but[2],
                           enum identity_state state, struct changes *changes)
{
    list_each (index_list(core, IDENTITIES_OF_TERMINAL, terminal_id), node) {
        struct identity *identity = index_at(IDENTITIES_OF_TERMINAL, node, identity);

        if (identity->row.id != but[0] && identity->row.id != but[1])
            (void)identity_transition(identity, state, changes);
    }
}

/* Is an older key still current? The lowest id is the key that was in use; higher ones were issued
 * later. */
static bool is_first_use(struct core *core, uint64_t terminal_id, uint64_t identity_id)
{
    list_each (index_list(core, IDENTITIES_OF_TERMINAL, terminal_id), node) {
        const struct row_identity *now = entity_row_of(index_entry(IDENTITIES_OF_TERMINAL, node));

        if (now->state == identity_CURRENT && now->id < identity_id)
            return true;
    }
    return false;
}

void keys_used(struct context *context, const struct terminal *terminal, uint64_t identity_id)
{
    const uint64_t but[2] = { identity_id, 0 };
    struct changes *changes;

    if (!is_first_use(context->core, terminal->row.id, identity_id))
        return;
    changes = changes_new("terminal", "terminal", "terminal.key");
    changes_object(changes, "terminal %s", terminal->row.name);
    changes_detail(changes, "its other keys are retired");
    changes->audit.terminal_id = terminal->row.id;
    set_other_keys(context->core, terminal->row.id, but, identity_RETIRED, changes);
    /* A failure is logged; the next connection tries again. */
    (void)decide_begin(context, changes, NULL, NULL);
}

void keys_replaced(struct context *context, uint64_t terminal_id, const uint64_t but[2],
                   struct changes *changes)
{
    set_other_keys(context->core, terminal_id, but, but[0] ? identity_RETIRED : identity_REVOKED,
                   changes);
}
