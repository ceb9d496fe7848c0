/* admin.c - rows that administrators add, change and delete, by the rules of admin_rules.c. */
#include "flow/admin.h"

#include <stdio.h>
#include <string.h>

#include "flow/admin_check.h"
#include "flow/admin_job.h"
#include "flow/admin_references.h"
#include "flow/admin_rules.h"
#include "flow/decide.h"

/* Names the row in the audit record: by its name where it has one, else by its id. */
static void name_object(struct changes *changes, enum entity_kind kind, const union row *row)
{
    const struct field *name = record_field(entity_row(kind)->record, "name");

    if (name)
        changes_object(changes, "%s %s", entity_row(kind)->name, (const char *)row + name->offset);
    else
        changes_object(changes, "%s %llu", entity_row(kind)->name, (unsigned long long)row->id);
    if (kind == ENTITY_user)
        changes->audit.subject_user_id = row->id;
}

static struct changes *action(const struct admin_actor *actor, enum entity_kind kind,
                              const char *verb)
{
    char text[48];

    (void)snprintf(text, sizeof(text), "%s.%s", entity_row(kind)->name, verb);
    return admin_changes(actor, text);
}

static int add_checked(struct context *context, const struct admin_actor *actor,
                       enum entity_kind kind, const void *given, uint64_t *ret_id, struct op *op)
{
    const struct admin_rule *rule = admin_rule(kind);
    berth_cleanup(berth_freep) union row *row = berth_new(union row);
    struct changes *changes;
    int r;

    if (!(entity_row(kind)->can & (CAN_ADD | ADDED_BY_VERB)))
        return berth_fail(&op->error, BERTH_E_UNSUPPORTED, "a %s is not added this way",
                          entity_row(kind)->name);
    entity_merge_given(kind, row, given);
    r = admin_check_row(context->core, kind, row, NULL, &op->error);
    if (r < 0)
        return r;
    row->id = core_next_id(context->core);
    *ret_id = row->id;
    changes = action(actor, kind, "add");
    name_object(changes, kind, row);
    (void)changes_add(changes, kind, row);
    if (rule->with_new)
        rule->with_new(context->core, row, changes);
    return decide_begin(context, changes, &(struct decide_then){ .adds = kind }, op);
}

static struct entity *find(struct context *context, enum entity_kind kind, uint64_t id,
                           struct op *op)
{
    struct entity *entity = core_find(context->core, kind, id);

    if (!entity)
        (void)berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no %s with the id %llu",
                         entity_row(kind)->name, (unsigned long long)id);
    return entity;
}

static int set_checked(struct context *context, const struct admin_actor *actor,
                       enum entity_kind kind, const void *given_, struct op *op)
{
    const struct admin_rule *rule = admin_rule(kind);
    const union row *given = given_;
    berth_cleanup(berth_freep) union row *row = berth_new(union row);
    struct entity *entity;
    const union row *now;
    struct changes *changes;
    int r;

    if (!(entity_row(kind)->can & CAN_SET))
        return berth_fail(&op->error, BERTH_E_UNSUPPORTED, "a %s is not changed this way",
                          entity_row(kind)->name);
    entity = find(context, kind, given->id, op);
    if (!entity)
        return BERTH_E_NOT_FOUND;
    now = entity_row_of(entity);
    if (given->version && given->version != now->version)
        return berth_fail(
            &op->error, BERTH_E_CONFLICT, "the %s changed meanwhile (version %lld, not %lld)",
            entity_row(kind)->name, (long long)now->version, (long long)given->version);
    memcpy(row, now, entity_row(kind)->record->size);
    entity_merge_given(kind, row, given);
    r = admin_check_row(context->core, kind, row, now, &op->error);
    if (r < 0)
        return r;
    changes = action(actor, kind, "set");
    name_object(changes, kind, row);
    (void)changes_set(changes, kind, row);
    r = rule->with_set ? rule->with_set(context->core, row, now, changes, &op->error) : 0;
    if (r < 0) {
        changes_free(changes);
        return r;
    }
    return decide_begin(context, changes, NULL, op);
}

/* ---- the template of a pool is checked before the pool is written ---- */

struct pool_job {
    struct admin_job job; /* its steps: the check of the template, then the decision */
    struct row_pool row;
    uint64_t *ret_id; /* NULL: the pool is changed, not added */
};

static void pool_job_done(struct op *op, int result)
{
    admin_job_end(container_of(op, struct admin_job, step), result);
}

static void template_checked(struct op *op, int result)
{
    struct pool_job *pool = container_of(op, struct pool_job, job.step);
    struct berth_error error = op->error;
    struct context *context = pool->job.context;
    const struct admin_actor *actor = &pool->job.actor;
    int r = result;

    op_init(op, context->timers, pool_job_done);
    op->error = error;
    if (r >= 0)
        r = admin_check_right(actor, &op->error);
    if (r >= 0)
        r = pool->ret_id ? add_checked(context, actor, ENTITY_pool, &pool->row, pool->ret_id, op)
                         : set_checked(context, actor, ENTITY_pool, &pool->row, op);
    if (r < 0)
        pool_job_done(op, r);
}

/* Does this row contain a template that was not checked yet? */
static bool has_new_template(struct context *context, enum entity_kind kind, const void *given)
{
    const struct row_pool *row = given;
    const struct pool *pool = kind == ENTITY_pool ? pool_find(context->core, row->id) : NULL;

    if (kind != ENTITY_pool || row->template[0] != '/' || row->kind == pool_kind_MANUAL)
        return false;
    return !pool || pool->row.kind == pool_kind_MANUAL ||
           strcmp(pool->row.template, row->template) != 0 || pool->row.address != row->address;
}

static int check_template_first(struct context *context, const struct admin_actor *actor,
                                const struct row_pool *row, uint64_t *ret_id, struct op *op)
{
    struct pool_job *pool = admin_job_new(context, actor, sizeof(*pool));

    pool->row = *row;
    pool->ret_id = ret_id;
    op_init(&pool->job.step, context->timers, template_checked);
    return admin_job_begun(&pool->job,
                           virt_check_template(context->virt, row->template,
                                               row->address == pool_address_FORWARDED,
                                               &pool->job.step),
                           op);
}

int admin_add(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
              const void *given, uint64_t *ret_id, struct op *op)
{
    return has_new_template(context, kind, given)
               ? check_template_first(context, actor, given, ret_id, op)
               : add_checked(context, actor, kind, given, ret_id, op);
}

int admin_set(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
              const void *given, struct op *op)
{
    return has_new_template(context, kind, given)
               ? check_template_first(context, actor, given, NULL, op)
               : set_checked(context, actor, kind, given, op);
}

int admin_drop_check(struct core *core, struct entity *entity, struct berth_error *reterr)
{
    const struct admin_rule *rule = admin_rule(entity->kind);
    int r;

    if (!(entity_row(entity->kind)->can & CAN_DELETE))
        return berth_fail(reterr, BERTH_E_UNSUPPORTED, "a %s is not deleted this way",
                          entity_row(entity->kind)->name);
    r = rule->may_go ? rule->may_go(core, entity, reterr) : 0;
    if (r >= 0)
        r = admin_check_unused(core, entity, reterr);
    return r < 0 ? r : admin_check_unreferenced(core, entity, reterr);
}

int admin_drop(struct context *context, const struct admin_actor *actor, enum entity_kind kind,
               uint64_t id, struct op *op)
{
    const struct admin_rule *rule = admin_rule(kind);
    struct entity *entity = find(context, kind, id, op);
    struct changes *changes;
    const union row *row;
    int r;

    if (!entity)
        return BERTH_E_NOT_FOUND;
    r = admin_drop_check(context->core, entity, &op->error);
    if (r < 0)
        return r;
    row = entity_row_of(entity);
    changes = action(actor, kind, "delete");
    name_object(changes, kind, row);
    if (rule->with_gone)
        rule->with_gone(context->core, row, changes);
    changes_drop(changes, kind, row);
    return decide_begin(context, changes, NULL, op);
}

int admin_host_mode(struct context *context, const struct admin_actor *actor, uint64_t host_id,
                    enum host_mode mode, struct op *op)
{
    struct host *host = host_find(context->core, host_id);
    struct changes *changes;
    struct row_host *row;

    if (!host)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no host with the id %llu",
                          (unsigned long long)host_id);
    changes = admin_changes(actor, "host.mode");
    changes_object(changes, "host %s", host->row.name);
    changes_detail(changes, "%s -> %s", host_mode_names[host->row.mode], host_mode_names[mode]);
    row = changes_set(changes, ENTITY_host, &host->row);
    row->mode = mode;
    return decide_begin(context, changes, NULL, op);
}

int admin_audit(struct context *context, const struct admin_actor *actor, const char *action_,
                const char *object, uint64_t subject_user_id, struct op *op)
{
    struct changes *changes = admin_changes(actor, action_);

    changes->request_id[0] = '\0';
    changes_object(changes, "%s", object);
    changes->audit.subject_user_id = subject_user_id;
    return decide_begin(context, changes, NULL, op);
}

int admin_flow_find(struct context *context, uint64_t flow_id, struct flow **ret,
                    struct berth_error *reterr)
{
    list_each (&context->engine.flows, node) {
        struct flow *flow = list_entry(node, struct flow, node);

        if (flow->id != flow_id)
            continue;
        if (!flow->kind->admin_cancel)
            return berth_fail(reterr, BERTH_E_STATE,
                              "flow %llu (%s, %s) cannot be cancelled: its work would be left half "
                              "done; it ends by itself",
                              (unsigned long long)flow_id, flow->kind->name, flow->who);
        *ret = flow;
        return 0;
    }
    return berth_fail(reterr, BERTH_E_NOT_FOUND, "no flow %llu is running",
                      (unsigned long long)flow_id);
}

int admin_flow_cancel(struct context *context, const struct admin_actor *actor, uint64_t flow_id,
                      struct berth_error *reterr)
{
    struct flow *flow = NULL;
    int r = admin_flow_find(context, flow_id, &flow, reterr);

    if (flow)
        flow_cancel(flow, BERTH_E_CANCELLED, "cancelled by %s", actor->name);
    return r;
}
