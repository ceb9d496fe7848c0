/* do_broker.c - verbs for the broker itself: flows, audit trail, backup, CA, configuration, health.
 */
#include <stdio.h>
#include <string.h>

#include "berth/tls.h"

#include "core/index.h"

#include "api_internal.h"

/* ---- flows ---- */

int do_flow_list(struct request *request, struct berth_error *reterr)
{
    struct context *context = request->api->context;
    int64_t now_ms = context->timers->mono_ms;
    json_t *items = json_array();

    (void)reterr;
    list_each (&context->engine.flows, node) {
        const struct flow *flow = list_entry(node, struct flow, node);
        struct view_flow view = { .id = flow->id,
                                  .step_s = (now_ms - flow->step_since_ms) / 1000,
                                  .age_s = (now_ms - flow->started_ms) / 1000 };

        put(view.kind, flow->kind->name);
        put(view.step, flow_step_name(flow));
        put(view.who, flow->who);
        (void)json_array_append_new(items,
                                    record_encode(&view_flow_record, &view, request->caller.see));
    }
    return answer_items(request, items, 0);
}

static int plan_cancel(struct request *request, uint64_t id, struct berth_error *reterr)
{
    struct view_plan *plan;
    struct flow *flow;
    int r = admin_flow_find(request->api->context, id, &flow, reterr);

    if (r < 0)
        return r;
    plan = berth_new(struct view_plan);
    plan_add(plan, "flow '%s' in step '%s' for %s would be cancelled", flow->kind->name,
             flow_step_name(flow), flow->who);
    plan_add(plan, "its steps would be rolled back, the last first");
    return plan_answer(request, plan);
}

int do_flow_cancel(struct request *request, struct berth_error *reterr)
{
    const struct verb_flow_cancel *in = request->params;
    int r;

    if (request->dry_run)
        return plan_cancel(request, (uint64_t)in->flow, reterr);
    r = admin_flow_cancel(request->api->context, &request->caller.actor, (uint64_t)in->flow,
                          reterr);
    if (r < 0)
        return r;
    return answer_result(request, "flow %lld is cancelled", (long long)in->flow);
}

/* ---- the audit trail ---- */

#define AUDIT_PAGE 100

struct auditing {
    struct audit_verdict verdict;
    int64_t limit;
    char name[64];
};

static void text_of(const json_t *item, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(item, name));

    berth_copy_text(out, size, text ? text : "");
}

static json_t *audit_item(const json_t *item, unsigned see)
{
    struct view_audit_record view = {
        .id = (uint64_t)json_integer_value(json_object_get(item, "sequence")),
        .at_ms = json_integer_value(json_object_get(item, "at_ms")),
        .rev = json_integer_value(json_object_get(item, "rev")),
    };

    text_of(item, "actor", view.actor, sizeof(view.actor));
    text_of(item, "role", view.role, sizeof(view.role));
    text_of(item, "action", view.action, sizeof(view.action));
    text_of(item, "object", view.object, sizeof(view.object));
    text_of(item, "outcome", view.outcome, sizeof(view.outcome));
    text_of(item, "detail", view.detail, sizeof(view.detail));
    text_of(item, "hash", view.hash, sizeof(view.hash));
    return record_encode(&view_audit_record_record, &view, see);
}

static int audit_read(struct request *request, struct berth_error *reterr)
{
    const struct auditing *auditing = (const struct auditing *)request->scratch;
    json_t *items = json_array();
    size_t count = json_array_size(request->records.items);

    (void)reterr;
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(
            items, audit_item(json_array_get(request->records.items, i), request->caller.see));
    return answer_items(request, items,
                        (int64_t)count == auditing->limit ? request->records.last : 0);
}

int do_audit_list(struct request *request, struct berth_error *reterr)
{
    const struct verb_audit_list *in = request->params;
    struct store *store = request->api->context->store;
    struct auditing *auditing = (struct auditing *)request_scratch(request, sizeof(*auditing));

    if (request->step)
        return audit_read(request, reterr);
    if (in->after && in->before)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "'after' and 'before' are two directions; give one of them");
    auditing->limit = in->limit ? in->limit : AUDIT_PAGE;
    return request_wait(request,
                        in->after
                            ? store_audit_begin(store, in->after, (int)auditing->limit,
                                                &request->records, &request->op)
                            : store_audit_newest_begin(store, in->before, (int)auditing->limit,
                                                       &request->records, &request->op),
                        reterr);
}

static int audit_judged(struct request *request, struct berth_error *reterr)
{
    const struct audit_verdict *verdict = &((const struct auditing *)request->scratch)->verdict;
    struct view_audit_verdict view = { .holds = verdict->first_bad == 0 && !verdict->reason[0],
                                       .records = verdict->records,
                                       .first_bad = verdict->first_bad };

    (void)reterr;
    put(view.head, verdict->head);
    put(view.reason, verdict->reason);
    return answer_view(request, &view_audit_verdict_record, &view);
}

int do_audit_verify(struct request *request, struct berth_error *reterr)
{
    struct auditing *auditing = (struct auditing *)request_scratch(request, sizeof(*auditing));

    if (request->step)
        return audit_judged(request, reterr);
    return request_wait(
        request,
        store_audit_verify_begin(request->api->context->store, &auditing->verdict, &request->op),
        reterr);
}

/* The key is destroyed; record that, without the user's name. */
static int record_erased(struct request *request, struct berth_error *reterr)
{
    char object[96];

    (void)snprintf(object, sizeof(object), "user %llu", (unsigned long long)request->id);
    return request_wait(request,
                        admin_audit(request->api->context, &request->caller.actor, "audit.erase",
                                    object, 0, &request->op),
                        reterr);
}

int do_audit_erase(struct request *request, struct berth_error *reterr)
{
    const struct verb_audit_erase *in = request->params;

    request->id = in->user;
    if (request->step == 1)
        return record_erased(request, reterr);
    if (request->step) {
        return answer_result(request,
                             "the personal data of user %llu in the audit trail is unreadable now",
                             (unsigned long long)request->id);
    }
    if (request->dry_run) {
        struct view_plan *plan = berth_new(struct view_plan);

        plan_add(plan, "the key of user %llu would be destroyed", (unsigned long long)in->user);
        plan_add(plan, "the user's personal data in the audit trail would be unreadable for ever; "
                       "that something happened, and when, would stay");
        return plan_answer(request, plan);
    }
    return request_wait(
        request, store_erase_begin(request->api->context->store, in->user, &request->op), reterr);
}

/* ---- backup ---- */

int do_backup(struct request *request, struct berth_error *reterr)
{
    const struct verb_backup *in = request->params;

    if (request->step == 1)
        return request_wait(request,
                            admin_audit(request->api->context, &request->caller.actor,
                                        "store.backup", in->file, 0, &request->op),
                            reterr);
    if (request->step) {
        return answer_result(request, "the backup is in '%.120s'", in->file);
    }
    if (in->file[0] != '/')
        return berth_fail(reterr, BERTH_E_INVALID,
                          "file: an absolute path is required, because the broker writes the file");
    return request_wait(
        request, store_backup_begin(request->api->context->store, in->file, &request->op), reterr);
}

/* ---- certificate authority and configuration ---- */

int do_ca_show(struct request *request, struct berth_error *reterr)
{
    struct view_authority view = { 0 };
    char key_hash[72];
    int r;

    if (!request->api->authority)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "this broker has no certificate authority");
    r = tls_certificate_info(request->api->authority, view.hash, key_hash, &view.not_after_ms,
                             reterr);
    if (r < 0)
        return r;
    put(view.certificate, request->api->authority);
    return answer_view(request, &view_authority_record, &view);
}

int do_ca_init(struct request *request, struct berth_error *reterr)
{
    return do_ca_show(request, reterr);
}

int do_config_show(struct request *request, struct berth_error *reterr)
{
    struct api *api = request->api;

    (void)reterr;
    return answer_items(request, api->options ? api->options(api->owner) : json_array(), 0);
}

/* ---- health ---- */

int do_healthz(struct request *request, struct berth_error *reterr)
{
    (void)reterr;
    return answer_result(request, "ok");
}

static void obstacle(struct view_readiness *view, bool fatal, const char *text)
{
    if (view->obstacles_count < BERTH_COUNT(view->obstacles)) {
        struct view_obstacle *one = &view->obstacles[view->obstacles_count++];

        put(one->text, text);
    }
    if (fatal)
        view->ready = false;
}

static size_t hosts_up(struct core *core)
{
    size_t count = 0;

    list_each (core_all(core, ENTITY_host), node) {
        enum host_state state = entity_at(node, host)->state;

        count += state == host_UP || state == host_DEGRADED;
    }
    return count;
}

/* Ready: sign-ons can be served and stored. Limitations that do not prevent this are listed as
 * well. */
int do_readyz(struct request *request, struct berth_error *reterr)
{
    struct api *api = request->api;
    struct core *core = api->context->core;
    struct view_readiness view = { .ready = true };
    struct store_stats stats;
    size_t hosts = core->of[ENTITY_host].count;
    size_t up = hosts_up(core);

    (void)reterr;
    store_stats(api->context->store, &stats);
    if (api->stopping)
        obstacle(&view, true, "the broker is stopping");
    if (stats.degraded)
        obstacle(&view, true, "the disk is full: changes are refused until there is room");
    if (core->timers->mono_ms < core->recovery_until_ms)
        obstacle(&view, false,
                 "started recently: destructive actions wait for the end of the recovery window");
    if (up < hosts) {
        char text[200];

        (void)snprintf(text, sizeof(text), "%zu of %zu hosts do not answer", hosts - up, hosts);
        obstacle(&view, false, text);
    }
    answer_view(request, &view_readiness_record, &view);
    if (!view.ready)
        request->answer.status = MHD_HTTP_SERVICE_UNAVAILABLE;
    return 0;
}

/* ---- texts ---- */

int do_metrics(struct request *request, struct berth_error *reterr)
{
    (void)reterr;
    answer_text(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                metrics_text(request->api));
    return 0;
}

int do_openapi(struct request *request, struct berth_error *reterr)
{
    struct api *api = request->api;

    (void)reterr;
    if (!api->openapi)
        api->openapi = openapi_text();
    answer_text(request, MHD_HTTP_OK, "application/json; charset=utf-8",
                berth_strdup(api->openapi));
    return 0;
}
