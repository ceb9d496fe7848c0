/* admins.c - what administrators change, by the entry points that the management API uses. */
#include <stdio.h>
#include <string.h>

#include "core/effective.h"
#include "core/index.h"
#include "sim/sim_internal.h"

static struct context *context_of(struct sim *sim)
{
    return sim->w->broker ? &sim->w->broker->context : NULL;
}

/* ---- operations and their history ---- */

static void record_result(struct admin_op *admin_op, enum history_outcome outcome, int code)
{
    struct sim *sim = admin_op->sim;
    struct history_line line = { .kind = HISTORY_result,
                                 .at_us = sim->w->environment.timers.mono_ms * 1000 };

    if (!admin_op->recorded)
        return;
    admin_op->recorded = false;
    line.result.op = admin_op->number;
    line.result.outcome = outcome;
    (void)snprintf(line.result.client, sizeof(line.result.client), "admin");
    if (code)
        (void)snprintf(line.result.code, sizeof(line.result.code), "%s",
                       berth_error_row(code)->symbol);
    sim->recorder.history.take(&sim->recorder.history, &line);
}

/* The first of the two requests has had its effect: a refusal now is final. */
static void note_effect(struct admin_op *admin_op)
{
    struct sim *sim = admin_op->sim;

    for (size_t i = 0; admin_op->request && i < SIM_OPS; i++)
        if (sim->ops[i].op.in_flight && sim->ops[i].request == admin_op->request)
            sim->ops[i].had_effect = true;
}

static void done(struct op *op, int result)
{
    struct admin_op *admin_op = container_of(op, struct admin_op, op);

    if (result >= 0) {
        note_effect(admin_op);
        record_result(admin_op, history_outcome_OK, result);
    } else if (admin_op->had_effect && result == BERTH_E_CONFLICT) {
        record_result(admin_op, history_outcome_FAIL, result);
    } else {
        record_result(admin_op, history_outcome_UNKNOWN, result);
    }
}

void admins_forget(struct sim *sim)
{
    for (size_t i = 0; i < SIM_OPS; i++) {
        if (sim->ops[i].op.in_flight)
            record_result(&sim->ops[i], history_outcome_UNKNOWN, 0);
        sim->ops[i].op.in_flight = false;
    }
}

/* A free operation, or NULL when all are busy. */
static struct admin_op *admin_op_new(struct sim *sim)
{
    for (size_t i = 0; i < SIM_OPS; i++) {
        struct admin_op *admin_op = &sim->ops[i];

        if (admin_op->op.in_flight)
            continue;
        admin_op->sim = sim;
        admin_op->number = ++sim->last_op;
        admin_op->recorded = false;
        admin_op->request = 0;
        admin_op->had_effect = false;
        op_init(&admin_op->op, &sim->w->broker->timers, done);
        return admin_op;
    }
    return NULL;
}

static void record_invoke(struct admin_op *admin_op, enum history_request what, uint64_t id)
{
    struct sim *sim = admin_op->sim;
    struct history_line line = { .kind = HISTORY_invoke,
                                 .at_us = sim->w->environment.timers.mono_ms * 1000 };

    admin_op->recorded = true;
    line.invoke.op = admin_op->number;
    line.invoke.what = what;
    line.invoke.id = id;
    if (what == history_request_DISABLE)
        line.invoke.user_id = id;
    (void)snprintf(line.invoke.client, sizeof(line.invoke.client), "admin");
    if (admin_op->request)
        (void)snprintf(line.invoke.request, sizeof(line.invoke.request), "r%lld",
                       (long long)admin_op->request);
    sim->recorder.history.take(&sim->recorder.history, &line);
}

/* It was refused at once and has no effect. */
static void begun(struct admin_op *admin_op, int r)
{
    if (r < 0)
        record_result(admin_op, history_outcome_FAIL, r);
}

/* Every other time the client of the administrator times out and repeats the request under the same
 * number. */
static void change(struct sim *sim, enum history_request what, enum entity_kind kind,
                   const void *row)
{
    struct admin_actor actor = *world_actor();
    int64_t request = sim->last_op % 2 ? sim->last_op : 0;
    uint64_t id;

    memcpy(&id, row, sizeof(id));
    if (request)
        (void)snprintf(actor.request_id, sizeof(actor.request_id), "r%lld", (long long)request);
    for (int i = 0; i < (request ? 2 : 1); i++) {
        struct admin_op *admin_op = admin_op_new(sim);

        if (!admin_op)
            return;
        admin_op->request = request;
        record_invoke(admin_op, what, id);
        begun(admin_op, admin_set(context_of(sim), &actor, kind, row, &admin_op->op));
    }
}

/* ---- people and badges ---- */

static void set_disabled(struct sim *sim, uint32_t person, bool disabled)
{
    struct context *context = context_of(sim);
    const struct user *user;
    struct row_user row;

    if (!context)
        return;
    user = user_find(context->core, sim->people[person].user_id);
    row = user->row;
    row.disabled = disabled;
    row.version = 0;
    change(sim, disabled ? history_request_DISABLE : history_request_CHANGE, ENTITY_user, &row);
}

static void enable_user(struct sim *sim, uint32_t person)
{
    set_disabled(sim, person, false);
}

#define TRIES_AGAIN_MS 2500

void fault_disable_user(struct sim *sim, const struct action *action)
{
    uint32_t person = action->who % sim->people_count;

    set_disabled(sim, person, true);
    if (action->what % 2)
        end_fault_in(sim, TRIES_AGAIN_MS, person_signs_on_next, person);
    end_fault_in(sim, action->ms, enable_user, person);
}

static void set_badge(struct sim *sim, uint32_t number, bool disabled)
{
    struct context *context = context_of(sim);

    if (!context)
        return;
    list_each (core_all(context->core, ENTITY_badge), node) {
        struct row_badge row = container_of(entity_of(node), struct badge, base)->row;

        if (row.user_id != sim->people[number].user_id)
            continue;
        row.disabled = disabled;
        row.version = 0;
        change(sim, history_request_CHANGE, ENTITY_badge, &row);
        return;
    }
}

static void enable_badge(struct sim *sim, uint32_t person)
{
    set_badge(sim, person, false);
}

void fault_disable_badge(struct sim *sim, const struct action *action)
{
    uint32_t person = action->who % sim->people_count;

    set_badge(sim, person, true);
    end_fault_in(sim, action->ms, enable_badge, person);
}

/* ---- terminals ---- */

static struct terminal *terminal_at(struct sim *sim, uint32_t client)
{
    struct context *context = context_of(sim);
    struct entity *entity =
        context ? core_find_name(context->core, ENTITY_terminal, sim->clients[client].name) : NULL;

    return entity ? container_of(entity, struct terminal, base) : NULL;
}

/* A revoked terminal that was found again may ask to join, and is approved. */
static void found_again(struct sim *sim, uint32_t client)
{
    sim->clients[client].joins_anew = true;
}

void fault_revoke(struct sim *sim, const struct action *action)
{
    uint32_t client = action->who % sim->clients_count;
    const struct terminal *terminal = terminal_at(sim, client);
    struct admin_op *admin_op = terminal ? admin_op_new(sim) : NULL;

    if (!admin_op)
        return;
    record_invoke(admin_op, history_request_REVOKE, terminal->row.id);
    begun(admin_op, admin_terminal_state(context_of(sim), world_actor(), terminal->row.id,
                                         terminal_REVOKED, "stolen", &admin_op->op));
    end_fault_in(sim, action->ms + 60000, found_again, client);
}

static void forget_and_join(struct sim *sim, uint32_t client)
{
    struct row_invitation row = { .uses_left = 1, .expires_ms = INT64_MAX / 2 };
    struct context *context = context_of(sim);
    const struct terminal *terminal = terminal_at(sim, client);
    struct secret token = { 0 };
    uint64_t id;

    if (!terminal)
        return;
    row.place_id = terminal->row.place_id;
    (void)snprintf(row.terminal, sizeof(row.terminal), "%s", terminal->row.name);
    if (world_await(sim->w,
                    admin_invite(context, world_actor(), &row, &id, &token, world_op(sim->w))) < 0)
        return; /* such as: the disk is full */
    person_unknown(sim, client);
    client_forget(&sim->clients[client], &token);
    secret_wipe(&token);
}

void fault_rejoin(struct sim *sim, const struct action *action)
{
    forget_and_join(sim, action->who % sim->clients_count);
}

static void set_terminal(struct sim *sim, const struct terminal *terminal,
                         enum terminal_state state)
{
    struct admin_op *admin_op = admin_op_new(sim);

    if (!admin_op)
        return;
    record_invoke(admin_op, history_request_CHANGE, terminal->row.id);
    begun(admin_op, admin_terminal_state(context_of(sim), world_actor(), terminal->row.id, state,
                                         "found again", &admin_op->op));
}

void admins_approve(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->clients_count; i++) {
        const struct terminal *terminal;

        if (!sim->clients[i].joins_anew)
            continue;
        terminal = terminal_at(sim, i);
        if (!terminal)
            continue;
        if (terminal->row.state == terminal_REVOKED)
            set_terminal(sim, terminal, terminal_WAITING);
        else if (terminal->row.state == terminal_ACCEPTED)
            sim->clients[i].joins_anew = false;
        else if (terminal->row.waiting_key[0])
            set_terminal(sim, terminal, terminal_ACCEPTED);
        else if (sim->clients[i].memory.known) /* its old key is refused for ever */
            forget_and_join(sim, i);
    }
}

/* ---- hosts, pools, images ---- */

static void set_mode(struct sim *sim, uint32_t host, enum host_mode mode)
{
    struct context *context = context_of(sim);
    struct admin_op *admin_op = context ? admin_op_new(sim) : NULL;
    struct entity *entity;

    if (!admin_op)
        return;
    entity = core_find_name(context->core, ENTITY_host, site_host(host));
    begun(admin_op,
          admin_host_mode(context, world_actor(), container_of(entity, struct host, base)->row.id,
                          mode, &admin_op->op));
}

static void host_active(struct sim *sim, uint32_t host)
{
    set_mode(sim, host, host_mode_ACTIVE);
}

void fault_drain(struct sim *sim, const struct action *action)
{
    uint32_t host = action->who % sim->hosts_count;

    set_mode(sim, host, action->much % 2 ? host_mode_DRAIN : host_mode_MAINTENANCE);
    end_fault_in(sim, action->ms, host_active, host);
}

static const char *const pools[] = { "float", "own", "stay", "keep" };

void fault_pool_change(struct sim *sim, const struct action *action)
{
    struct context *context = context_of(sim);
    struct row_pool row;

    if (!context)
        return;
    row = pool_by_name(context->core, pools[action->who % BERTH_COUNT(pools)])->row;
    if (action->much % 2)
        row.max = 1 + action->what % sim->people_count;
    else
        row.spare = action->what % 4;
    row.version = 0;
    change(sim, history_request_CHANGE, ENTITY_pool, &row);
}

void fault_publish(struct sim *sim, const struct action *action)
{
    struct context *context = context_of(sim);
    struct admin_op *admin_op = context ? admin_op_new(sim) : NULL;
    struct entity *image;

    if (!admin_op)
        return;
    sim->asked_by_admin = true;
    image = core_find_name(context->core, ENTITY_image, "debian");
    if (action->much % 3 == 0) {
        struct row_image_version row = {
            .image_id = container_of(image, struct image, base)->row.id,
            .state = image_version_DRAFT,
        };

        (void)snprintf(row.path, sizeof(row.path), "/images/after-%llu.qcow2",
                       (unsigned long long)sim->draft_id); /* one file is one version */
        begun(admin_op, admin_add(context, world_actor(), ENTITY_image_version, &row,
                                  &sim->draft_id, &admin_op->op));
    } else if (action->much % 3 == 1 && sim->draft_id) {
        begun(admin_op,
              admin_image(context, world_actor(),
                          &(struct image_action){ .act = IMAGE_PUBLISH, .id = sim->draft_id },
                          &admin_op->op));
    } else {
        const struct pool *pool =
            pool_by_name(context->core, pools[action->what % BERTH_COUNT(pools)]);

        begun(admin_op,
              admin_image(context, world_actor(),
                          &(struct image_action){ .act = IMAGE_RECOMPOSE, .id = pool->row.id },
                          &admin_op->op));
    }
}

static void set_profile(struct sim *sim, uint32_t what)
{
    struct context *context = context_of(sim);
    struct row_profile row;

    if (!context)
        return;
    row = container_of(core_find_name(context->core, ENTITY_profile, "all"), struct profile, base)
              ->row;
    (void)snprintf(row.settings, sizeof(row.settings), "greeting = Day %u\nidle_lock_s = %u\n",
                   what % 1000, 60 * (1 + what / 1000 % 30));
    row.version = 0;
    change(sim, history_request_CHANGE, ENTITY_profile, &row);
}

#define SECOND_THOUGHTS 5
#define SECOND_THOUGHT_MS 800

void profile_often(struct sim *sim, uint32_t what, int64_t pause_ms)
{
    set_profile(sim, what);
    for (uint32_t i = 1; i <= SECOND_THOUGHTS; i++)
        end_fault_in(sim, i * (50 + pause_ms), set_profile, what / (i + 1));
}

/* Every other time the opposite order follows at once. */
void fault_profile(struct sim *sim, const struct action *action)
{
    if (action->much % 2)
        profile_often(sim, action->what, action->ms % SECOND_THOUGHT_MS);
    else
        set_profile(sim, action->what);
}

/* ---- desktops, sessions, commands ---- */

static struct entity *some(struct core *core, enum entity_kind kind, uint32_t number)
{
    size_t count = core->of[kind].count;
    size_t wanted = count ? number % count : 0;

    list_each (core_all(core, kind), node) {
        if (wanted-- == 0)
            return entity_of(node);
    }
    return NULL;
}

void fault_desktop_order(struct sim *sim, const struct action *action)
{
    struct context *context = context_of(sim);
    struct entity *entity = context ? some(context->core, ENTITY_desktop, action->what) : NULL;
    struct admin_op *admin_op = entity ? admin_op_new(sim) : NULL;
    struct desktop_action request = { .act = (enum desktop_act)(action->much % 7),
                                      .why = "the simulator" };

    if (!admin_op)
        return;
    /* An administrator may delete the desktop of a session; the history has no line for that, so
     * the judge would take it for a mistake of the broker. Only done where nothing is lost. */
    request.force = action->who % 4 == 0 && request.act != DESKTOP_REFRESH &&
                    context->timers->mono_ms > context->core->recovery_until_ms;
    request.desktop_id = container_of(entity, struct desktop, base)->row.id;
    sim->asked_by_admin = true;
    begun(admin_op, admin_desktop(context, world_actor(), &request, &admin_op->op));
}

void fault_session_order(struct sim *sim, const struct action *action)
{
    struct context *context = context_of(sim);
    const struct session *session;
    struct entity *entity;
    struct admin_op *admin_op;

    if (!context)
        return;
    entity = index_first(context->core, SESSIONS_OF_USER,
                         sim->people[action->who % sim->people_count].user_id);
    admin_op = entity ? admin_op_new(sim) : NULL;
    if (!admin_op)
        return;
    session = container_of(entity, struct session, base);
    if (action->much % 2)
        begun(admin_op, admin_session_sign_off(context, world_actor(), session->row.id,
                                               "the simulator", &admin_op->op));
    else
        begun(admin_op, admin_session_disconnect(context, world_actor(), session->row.id,
                                                 "the simulator", &admin_op->op));
}

void fault_command(struct sim *sim, const struct action *action)
{
    static const enum command_kind kinds[] = { command_kind_MESSAGE, command_kind_LOCK,
                                               command_kind_REBOOT };
    struct context *context = context_of(sim);
    const struct terminal *terminal = terminal_at(sim, action->who % sim->clients_count);
    struct admin_op *admin_op = terminal ? admin_op_new(sim) : NULL;
    struct command_spec request = { .kind = kinds[action->much % BERTH_COUNT(kinds)],
                                    .text = "please call the desk",
                                    .expires_in_ms = action->ms + 1000 };

    if (!admin_op)
        return;
    request.terminal_id = terminal->row.id;
    record_invoke(admin_op, history_request_COMMAND, terminal->row.id);
    begun(admin_op,
          admin_command(context, world_actor(), &request, &sim->command_id, &admin_op->op));
}
