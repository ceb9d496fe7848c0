/* do_terminal.c - verbs for terminals: invite, show, approve, quarantine, revoke, and commands to
 * one or many. */
#include <stdio.h>
#include <string.h>

#include "berth/invite.h"
#include "berth/tls.h"

#include "core/effective.h"
#include "core/index.h"
#include "core/match.h"
#include "core/presence.h"

#include "api_internal.h"

#define HOUR_MS 3600000LL
#define MINUTE_MS 60000LL
#define INVITE_HOURS 24

/* ---- invitations ---- */

struct inviting {
    struct view_invited view;
    struct invite invite;
};

static int invited(struct request *request, struct berth_error *reterr)
{
    struct inviting *inviting = (struct inviting *)request->scratch;
    char text[INVITE_TEXT];
    int r = invite_format(&inviting->invite, text, reterr);

    if (r == 0 && !secret_set(&inviting->view.invitation, text, strlen(text)))
        r = berth_fail(reterr, BERTH_E_TOO_LARGE,
                       "the invitation is too long: shorten the name in "
                       "broker.names");
    if (r == 0)
        answer_once(request, MHD_HTTP_CREATED, &view_invited_record, &inviting->view);
    explicit_bzero(text, sizeof(text));
    return r;
}

/* The default of broker.names, when it was not configured. */
static void warn_of_loopback(const char *host, char *out, size_t size)
{
    if (strcmp(host, "localhost") != 0)
        return;
    (void)snprintf(out, size,
                   "it contains the address '%s', which a terminal cannot reach: add the broker's "
                   "name or address to broker.names and restart berthd",
                   host);
}

int do_terminal_invite(struct request *request, struct berth_error *reterr)
{
    const struct verb_terminal_invite *in = request->params;
    struct api *api = request->api;
    struct inviting *inviting = (struct inviting *)request_scratch(request, sizeof(*inviting));
    struct row_invitation row = { .place_id = in->place, .uses_left = in->uses ? in->uses : 1 };
    char hash[72];
    char key_hash[72];
    int64_t not_after_ms;
    int r;

    if (request->step)
        return invited(request, reterr);
    if (!api->authority || !api->host)
        return berth_fail(reterr, BERTH_E_STATE, "this broker has no listener for terminals");
    r = tls_certificate_info(api->authority, hash, key_hash, &not_after_ms, reterr);
    if (r < 0)
        return r;
    row.expires_ms = api->loop->timers.wall_ms + (in->hours ? in->hours : INVITE_HOURS) * HOUR_MS;
    put(row.terminal, in->terminal);
    put(row.tags, in->tags);

    inviting->invite.link_port = api->link_port;
    inviting->invite.join_port = api->join_port;
    put(inviting->invite.host, api->host);
    put(inviting->invite.authority_hash, hash);
    warn_of_loopback(api->host, inviting->view.warning, sizeof(inviting->view.warning));
    inviting->view.uses_left = row.uses_left;
    inviting->view.expires_ms = row.expires_ms;
    return request_wait(request,
                        admin_invite(api->context, &request->caller.actor, &row, &inviting->view.id,
                                     &inviting->invite.token, &request->op),
                        reterr);
}

/* ---- one terminal with all its settings ---- */

static void show_row(struct core *core, const struct terminal *terminal,
                     struct view_terminal_shown *view)
{
    const struct row_terminal *row = &terminal->row;
    const struct place *place = place_find(core, row->place_id);
    const struct site *site = place ? site_find(core, place->row.site_id) : NULL;
    const struct user *kiosk = user_find(core, row->kiosk_user_id);

    view->id = row->id;
    view->state = row->state;
    view->joined_ms = row->joined_ms;
    put(view->name, row->name);
    put(view->reason, row->reason);
    put(view->site, site ? site->row.name : "");
    put(view->place, place ? place->row.name : "");
    put(view->tags, row->tags);
    put(view->serial, row->serial);
    put(view->mac, row->mac);
    put(view->model, row->model);
    put(view->code, row->code);
    put(view->kiosk_user, kiosk ? kiosk->row.name : "");
    list_each (index_list(core, IDENTITIES_OF_TERMINAL, row->id), node) {
        const struct identity *identity = index_at(IDENTITIES_OF_TERMINAL, node, identity);

        if (identity->row.state == identity_CURRENT)
            view->certificate_until_ms = identity->row.not_after_ms;
    }
}

static void show_runtime(struct core *core, struct terminal *terminal,
                         struct view_terminal_shown *view)
{
    const struct connection *connection = connection_at(core, terminal->row.id);
    const struct session *session =
        connection ? session_find(core, connection->row.session_id) : NULL;
    const struct desktop *desktop = session ? desktop_find(core, session->row.desktop_id) : NULL;
    struct view_terminal_runtime runtime = { 0 };

    (void)row_runtime(core, &terminal->base, &runtime);
    view->presence = runtime.presence;
    view->last_seen_s = runtime.last_seen_s;
    view->profile_sent = runtime.profile_sent;
    view->profile_applied = runtime.profile_applied;
    put(view->from, runtime.from);
    put(view->user, runtime.user);
    put(view->desktop, desktop ? desktop->row.name : "");
}

static void show_settings(struct core *core, const struct terminal *terminal,
                          struct view_terminal_shown *view)
{
    struct effective *effective = berth_new(struct effective);

    effective_settings(core, terminal, effective);
    for (size_t i = 0; i < effective->count && i < BERTH_COUNT(view->settings); i++) {
        const struct effective_value *value = &effective->at[i];
        struct view_setting *setting = &view->settings[view->settings_count++];

        put(setting->key, value->row->key);
        put(setting->value, value->value);
        put(setting->level, value->level);
        put(setting->profile, value->profile);
    }
    free(effective);
}

int do_terminal_show(struct request *request, struct berth_error *reterr)
{
    const struct verb_terminal_show *in = request->params;
    struct core *core = request->api->context->core;
    struct terminal *terminal = terminal_find(core, in->terminal);
    struct view_terminal_shown *view;

    if (!terminal)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "terminal not found");
    view = berth_new(struct view_terminal_shown);
    show_row(core, terminal, view);
    show_runtime(core, terminal, view);
    show_settings(core, terminal, view);
    answer_view(request, &view_terminal_shown_record, view);
    free(view);
    return 0;
}

/* ---- approve, quarantine, revoke, readmit ---- */

static int state_set(struct request *request, struct berth_error *reterr)
{
    const struct terminal *terminal = terminal_find(request->api->context->core, request->id);

    if (!terminal)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "the terminal was deleted meanwhile");
    return answer_result(request, "terminal '%s' is %s", terminal->row.name,
                         terminal_state_names[terminal->row.state]);
}

static int set_state(struct request *request, uint64_t id, enum terminal_state state,
                     const char *why, struct berth_error *reterr)
{
    if (request->step)
        return state_set(request, reterr);
    request->id = id;
    return request_wait(request,
                        admin_terminal_state(request->api->context, &request->caller.actor, id,
                                             state, why, &request->op),
                        reterr);
}

#define TERMINAL_STATE(symbol, state)                                                  \
    int do_terminal_##symbol(struct request *request, struct berth_error *reterr)      \
    {                                                                                  \
        const struct verb_terminal_##symbol *in = request->params;                     \
                                                                                       \
        return set_state(request, in->terminal, terminal_##state, in->reason, reterr); \
    }

TERMINAL_STATE(approve, ACCEPTED)
TERMINAL_STATE(quarantine, QUARANTINED)
TERMINAL_STATE(readmit, WAITING)

static int plan_revoke(struct request *request, const struct terminal *terminal)
{
    struct core *core = request->api->context->core;
    const struct connection *connection = connection_at(core, terminal->row.id);
    struct view_plan *plan = berth_new(struct view_plan);

    plan_add(plan, "terminal '%s' would be revoked, with %zu of its keys", terminal->row.name,
             index_count(core, IDENTITIES_OF_TERMINAL, terminal->row.id));
    if (terminal->peer)
        plan_add(plan, "its link from %s would be closed", terminal->from);
    if (connection)
        plan_add(plan, "session %llu on its screen would be disconnected",
                 (unsigned long long)connection->row.session_id);
    return plan_answer(request, plan);
}

int do_terminal_revoke(struct request *request, struct berth_error *reterr)
{
    const struct verb_terminal_revoke *in = request->params;
    const struct terminal *terminal = terminal_find(request->api->context->core, in->terminal);

    if (request->dry_run && terminal)
        return plan_revoke(request, terminal);
    return set_state(request, in->terminal, terminal_REVOKED, in->reason, reterr);
}

/* ---- commands ---- */

/* The terminals that get a command, one after the other: each is a separate decision. */
struct commanding {
    struct admin_actor actor;
    enum command_kind kind;
    char text[1000];
    int64_t expires_in_ms;
    bool many; /* selected by tag or place, not by name */
    size_t done;
    size_t count;
    uint64_t terminal_id[BERTH_COUNT(((struct view_commanded *)0)->commands)];
    struct view_commanded view;
};

struct command_target {
    uint64_t terminal_id;
    const char *tag;
    uint64_t place_id;
};

static bool is_selected(struct core *core, const struct command_target *target,
                        const struct terminal *terminal)
{
    if (terminal->row.state == terminal_REVOKED || terminal->row.state == terminal_WAITING)
        return false;
    if (target->tag[0])
        return match_word(terminal->row.tags, target->tag);
    return place_is_within(core, terminal->row.place_id, target->place_id);
}

static int choose(struct core *core, const struct command_target *target,
                  struct commanding *commanding, struct berth_error *reterr)
{
    int given = (target->terminal_id != 0) + (target->tag[0] != '\0') + (target->place_id != 0);

    if (given != 1)
        return berth_fail(reterr, BERTH_E_INVALID, "give one of terminal, tag and place");
    if (target->terminal_id) {
        commanding->terminal_id[commanding->count++] = target->terminal_id;
        return 0;
    }
    list_each (core_all(core, ENTITY_terminal), node) {
        const struct terminal *terminal = entity_at(node, terminal);

        if (!is_selected(core, target, terminal))
            continue;
        if (commanding->count == BERTH_COUNT(commanding->terminal_id))
            return berth_fail(reterr, BERTH_E_TOO_LARGE,
                              "the command is for more than %zu terminals; select fewer",
                              BERTH_COUNT(commanding->terminal_id));
        commanding->terminal_id[commanding->count++] = terminal->row.id;
    }
    if (!commanding->count)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "no terminal matches");
    return 0;
}

static int command_next(struct request *request, struct berth_error *reterr);

static int command_given(struct request *request, struct berth_error *reterr)
{
    struct commanding *commanding = (struct commanding *)request->scratch;
    struct view_commanded_one *one = &commanding->view.commands[commanding->view.commands_count++];
    const struct terminal *terminal =
        terminal_find(request->api->context->core, commanding->terminal_id[commanding->done]);

    one->id = request->id;
    one->linked = terminal && terminal->peer != 0;
    put(one->terminal, terminal ? terminal->row.name : "");
    commanding->done++;
    return command_next(request, reterr);
}

/* Several decisions cannot have the same request id, because the second would be taken for a
 * repetition of the first: each has its own, derived from that of the request. So a repeated
 * request, also after a restart of the broker, gives the command to the terminals that have not got
 * it.
 */
static void key_for(const struct request *request, struct commanding *commanding, uint64_t id)
{
    const char *key = request->caller.actor.request_id;
    char text[96];

    if (!commanding->many || !key[0])
        return;
    (void)snprintf(text, sizeof(text), "%s\n%llu", key, (unsigned long long)id);
    tls_sha256_hex(text, strlen(text), commanding->actor.request_id);
}

static int command_next(struct request *request, struct berth_error *reterr)
{
    struct commanding *commanding = (struct commanding *)request->scratch;
    struct command_spec spec = { .kind = commanding->kind,
                                 .text = commanding->text,
                                 .expires_in_ms = commanding->expires_in_ms };

    if (commanding->done == commanding->count) {
        (void)snprintf(commanding->view.text, sizeof(commanding->view.text),
                       "%s for %zu terminal%s", command_kind_names[commanding->kind],
                       commanding->count, commanding->count == 1 ? "" : "s");
        return answer_view(request, &view_commanded_record, &commanding->view);
    }
    if (admin_check_right(&commanding->actor, reterr) < 0)
        return reterr->code; /* earlier terminals have got the command */
    spec.terminal_id = commanding->terminal_id[commanding->done];
    key_for(request, commanding, spec.terminal_id);
    return request_wait(
        request,
        admin_command(request->api->context, &commanding->actor, &spec, &request->id, &request->op),
        reterr);
}

static int plan_command(struct request *request, enum command_kind kind,
                        const struct commanding *commanding)
{
    struct core *core = request->api->context->core;
    struct view_plan *plan = berth_new(struct view_plan);

    plan_add(plan, "%s would be given to %zu terminal%s", command_kind_names[kind],
             commanding->count, commanding->count == 1 ? "" : "s");
    for (size_t i = 0; i < commanding->count; i++) {
        const struct terminal *terminal = terminal_find(core, commanding->terminal_id[i]);
        const struct connection *connection = connection_at(core, commanding->terminal_id[i]);

        if (terminal)
            plan_add(plan, "terminal '%s'%s", terminal->row.name,
                     connection ? ", which shows a desktop; its session stays" : "");
    }
    return plan_answer(request, plan);
}

static int command(struct request *request, enum command_kind kind,
                   const struct command_target *target, int64_t minutes, struct berth_error *reterr)
{
    struct commanding *commanding =
        (struct commanding *)request_scratch(request, sizeof(*commanding));
    int r;

    if (request->step)
        return command_given(request, reterr);
    r = choose(request->api->context->core, target, commanding, reterr);
    if (r < 0)
        return r;
    if (request->dry_run)
        return plan_command(request, kind, commanding);
    commanding->kind = kind;
    commanding->expires_in_ms = minutes * MINUTE_MS;
    if (kind == command_kind_MESSAGE)
        put(commanding->text, ((const struct verb_terminal_message *)request->params)->text);
    commanding->actor = request->caller.actor;
    commanding->many = !target->terminal_id;
    return command_next(request, reterr);
}

#define COMMAND(symbol, kind, minutes_given)                                       \
    int do_terminal_##symbol(struct request *request, struct berth_error *reterr)  \
    {                                                                              \
        const struct verb_terminal_##symbol *in = request->params;                 \
        const struct command_target target = { in->terminal, in->tag, in->place }; \
                                                                                   \
        return command(request, command_kind_##kind, &target,                      \
                       in->minutes ? in->minutes : (minutes_given), reterr);       \
    }

COMMAND(message, MESSAGE, 60)
COMMAND(lock, LOCK, 10)
COMMAND(reboot, REBOOT, 10)
COMMAND(logs, LOGS, 60)

/* ---- log uploads ---- */

int do_command_logs(struct request *request, struct berth_error *reterr)
{
    const struct verb_command_logs *in = request->params;
    struct api *api = request->api;
    int descriptor = api->log_upload ? api->log_upload(api->owner, in->command) : -1;

    if (descriptor < 0)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "no logs exist for this command");
    return answer_file(request, "text/plain; charset=utf-8", descriptor, reterr);
}
