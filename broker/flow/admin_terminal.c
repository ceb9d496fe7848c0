/* admin_terminal.c - invitations, states and commands of terminals. */
#include <stdio.h>
#include <string.h>

#include "berth/invite.h"

#include "core/index.h"
#include "flow/admin_check.h"
#include "flow/admin_job.h"
#include "flow/admin_references.h"
#include "flow/decide.h"

#define INVITE_HOURS 24

/* The keys of a revoked terminal are refused for ever. */
static void revoke_keys(struct core *core, const struct terminal *terminal, struct changes *changes)
{
    list_each (index_list(core, IDENTITIES_OF_TERMINAL, terminal->row.id), node) {
        (void)identity_transition(index_at(IDENTITIES_OF_TERMINAL, node, identity),
                                  identity_REVOKED, changes);
    }
}

int admin_terminal_state(struct context *context, const struct admin_actor *actor,
                         uint64_t terminal_id, enum terminal_state state, const char *why,
                         struct op *op)
{
    struct terminal *terminal = terminal_find(context->core, terminal_id);
    char action[48];
    struct changes *changes;
    int r;

    if (!terminal)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no terminal with the id %llu",
                          (unsigned long long)terminal_id);
    (void)snprintf(action, sizeof(action), "terminal.%s", terminal_state_names[state]);
    changes = admin_changes(actor, action);
    changes_object(changes, "terminal %s", terminal->row.name);
    changes_detail(changes, "%s", why);
    changes->audit.terminal_id = terminal_id;
    r = terminal_transition(terminal, state, why, changes, NULL, &op->error);
    if (r < 0) {
        changes_free(changes);
        return r;
    }
    if (state == terminal_REVOKED)
        revoke_keys(context->core, terminal, changes);
    return decide_begin(context, changes, NULL, op);
}

/* Only the latest invitation for a terminal is valid: an earlier one that was lost could be used to
 * take the place of the new device.
 */
static void void_earlier(struct core *core, const struct row_invitation *latest,
                         struct changes *changes)
{
    if (!latest->terminal[0] && !latest->replaces_id)
        return;
    list_each (core_all(core, ENTITY_invitation), node) {
        const struct row_invitation *now = entity_row_of(entity_of(node));
        struct row_invitation *row;

        if (now->uses_left < 1 || now->replaces_id != latest->replaces_id ||
            strcmp(now->terminal, latest->terminal) != 0)
            continue;
        row = changes_set(changes, ENTITY_invitation, now);
        row->uses_left = 0;
    }
}

/* An invitation that names an existing terminal is for that one, whatever it is called when it
 * comes; otherwise the name is kept for a new one. */
static int resolve_invited(struct core *core, struct row_invitation *row,
                           struct berth_error *reterr)
{
    const struct terminal *known = terminal_by_name(core, row->terminal);
    int r;

    if (known)
        row->replaces_id = known->row.id;
    if (row->replaces_id && !terminal_find(core, row->replaces_id))
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no terminal with the id %llu",
                          (unsigned long long)row->replaces_id);
    if (row->replaces_id)
        row->terminal[0] = '\0';
    if (!row->terminal[0])
        return 0;
    r = admin_check_name("terminal", row->terminal, "", reterr);
    return r < 0 ? r : 0;
}

int admin_invite(struct context *context, const struct admin_actor *actor,
                 const struct row_invitation *given, uint64_t *ret_id, struct secret *ret_token,
                 struct op *op)
{
    struct row_invitation row = *given;
    struct changes *changes;
    int r;

    if (row.place_id && !place_find(context->core, row.place_id))
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no place with the id %llu",
                          (unsigned long long)row.place_id);
    if (row.terminal[0] && row.uses_left > 1)
        return berth_fail(&op->error, BERTH_E_INVALID,
                          "an invitation for terminal '%s' can be used once only", row.terminal);
    admin_normalize_tags(row.tags);
    r = resolve_invited(context->core, &row, &op->error);
    if (r < 0)
        return r;
    secret_wipe(ret_token);
    random_hex(context->random, ret_token->text, INVITE_TOKEN_DIGITS / 2);
    context->core->digest(ret_token->text, row.token_hash);
    row.id = core_next_id(context->core);
    if (!row.uses_left)
        row.uses_left = 1;
    if (!row.expires_ms)
        row.expires_ms = context->timers->wall_ms + (int64_t)INVITE_HOURS * 3600000;
    *ret_id = row.id;
    changes = admin_changes(actor, "terminal.invite");
    changes_object(changes, "terminal %s", given->terminal[0] ? given->terminal : "(any)");
    void_earlier(context->core, &row, changes);
    (void)changes_add(changes, ENTITY_invitation, &row);
    return decide_begin(context, changes, &(struct decide_then){ .adds = ENTITY_invitation }, op);
}

int admin_command(struct context *context, const struct admin_actor *actor,
                  const struct command_spec *spec, uint64_t *ret_id, struct op *op)
{
    const struct terminal *terminal = terminal_find(context->core, spec->terminal_id);
    struct row_command row = { .terminal_id = spec->terminal_id,
                               .kind = spec->kind,
                               .state = command_QUEUED };
    struct changes *changes;

    if (!terminal)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no terminal with the id %llu",
                          (unsigned long long)spec->terminal_id);
    if (terminal->row.state != terminal_ACCEPTED && terminal->row.state != terminal_QUARANTINED)
        return berth_fail(&op->error, BERTH_E_STATE, "terminal '%s' is %s and takes no commands",
                          terminal->row.name, terminal_state_names[terminal->row.state]);
    if (spec->kind == command_kind_MESSAGE && !spec->text[0])
        return berth_fail(&op->error, BERTH_E_INVALID, "a message needs a text");
    row.id = core_next_id(context->core);
    row.created_ms = context->timers->wall_ms;
    row.expires_ms = row.created_ms + (spec->expires_in_ms > 0 ? spec->expires_in_ms : 600000);
    copy_text(row.text, spec->text);
    (void)snprintf(row.by, sizeof(row.by), "%.63s", actor->name);
    *ret_id = row.id;
    changes = admin_changes(actor, "terminal.command");
    changes_object(changes, "terminal %s", terminal->row.name);
    changes_detail(changes, "%s", command_kind_names[spec->kind]);
    changes->audit.terminal_id = spec->terminal_id;
    (void)changes_add(changes, ENTITY_command, &row);
    /* The notice of the new row sends it. */
    return decide_begin(context, changes, &(struct decide_then){ .ret_added_id = ret_id }, op);
}
