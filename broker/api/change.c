/* change.c - add, change and delete rows, and plan what deleting one would do. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/table/value.h"
#include "core/index.h"
#include "flow/admin_rules.h"

#include "api_internal.h"

static const char *name_of(struct entity *entity, char out[80])
{
    const struct record *record = entity_row(entity->kind)->record;
    const struct field *name = record_field(record, "name");
    const char *row = (const char *)entity_row_of(entity);
    char kind_name[48];

    verb_name_for_cli(record->name, kind_name);
    if (name)
        (void)snprintf(out, 80, "%.16s '%.56s'", kind_name, row + name->offset);
    else
        (void)snprintf(out, 80, "%.16s %llu", kind_name,
                       (unsigned long long)((const union row *)(const void *)row)->id);
    return out;
}

static int added(struct request *request, struct berth_error *reterr)
{
    (void)snprintf(request->answer.location, sizeof(request->answer.location), "/v1/%s/%llu",
                   entity_row(request->verb->entity)->table, (unsigned long long)request->id);
    return answer_row(request, MHD_HTTP_CREATED, request->verb->entity, request->id, reterr);
}

int plain_add(struct request *request, struct berth_error *reterr)
{
    if (request->step)
        return added(request, reterr);
    return request_wait(request,
                        admin_add(request->api->context, &request->caller.actor,
                                  request->verb->entity, request->row, &request->id, &request->op),
                        reterr);
}

static int changed(struct request *request, struct berth_error *reterr)
{
    return answer_row(request, MHD_HTTP_OK, request->verb->entity, request->id, reterr);
}

int plain_set(struct request *request, struct berth_error *reterr)
{
    if (request->step)
        return changed(request, reterr);
    request->id = request->row->id;
    request->row->version = request->if_version;
    return request_wait(request,
                        admin_set(request->api->context, &request->caller.actor,
                                  request->verb->entity, request->row, &request->op),
                        reterr);
}

/* ---- deleting ---- */

struct deletion {
    char name[80];
};

static int deleted(struct request *request, struct berth_error *reterr)
{
    const struct deletion *deletion = (const struct deletion *)request->scratch;

    (void)reterr;
    return answer_result(request, "%s is deleted", deletion->name);
}

/* A desktop has a machine and a disk, which are deleted first. */
static bool has_machine(const struct entity *entity)
{
    return entity->kind == ENTITY_desktop &&
           ((const struct row_desktop *)entity_row_of_const(entity))->host_id;
}

static struct desktop_action delete_action(const struct entity *entity)
{
    return (struct desktop_action){
        .desktop_id = ((const struct row_desktop *)entity_row_of_const(entity))->id,
        .act = DESKTOP_DELETE,
        .why = "deleted by an administrator"
    };
}

int plain_delete(struct request *request, struct berth_error *reterr)
{
    struct api *api = request->api;
    struct entity *entity = request->entity;
    struct deletion *deletion;

    if (request->step)
        return deleted(request, reterr);
    if (request->dry_run) {
        return plan_delete(request, entity);
    }
    deletion = (struct deletion *)request_scratch(request, sizeof(*deletion));
    (void)name_of(entity, deletion->name);
    request->id = ((const union row *)entity_row_of(entity))->id;

    if (has_machine(entity)) {
        struct desktop_action action = delete_action(entity);

        return request_wait(
            request, admin_desktop(api->context, &request->caller.actor, &action, &request->op),
            reterr);
    }
    return request_wait(
        request,
        admin_drop(api->context, &request->caller.actor, entity->kind, request->id, &request->op),
        reterr);
}

/* ---- plans ---- */

void plan_add(struct view_plan *plan, const char *format, ...)
{
    va_list arguments;

    if (plan->changes_count == BERTH_COUNT(plan->changes))
        return;
    va_start(arguments, format);
    berth_vtext(plan->changes[plan->changes_count].text, sizeof(plan->changes[0].text), format,
                arguments);
    va_end(arguments);
    plan->changes_count++;
}

int plan_answer(struct request *request, struct view_plan *plan)
{
    plan->dry_run = true;
    (void)answer_view(request, &view_plan_record, plan);
    free(plan);
    return 0;
}

/* How many rows of `kind` that have not ended refer to this one, and the name of the first. Ended
 * rows are not counted, because memory has only those that ended since the start. */
static size_t count_references(struct core *core, enum entity_kind kind,
                               const struct entity *entity, uint64_t id, char first[80])
{
    const struct record *record = entity_row(kind)->record;
    const char *target = entity_row(entity->kind)->name;
    struct entity *other = NULL;
    size_t count = 0;

    for (size_t i = 0; i < record->count; i++)
        if (record->fields[i].type == FIELD_ID && strcmp(record->fields[i].refers, target) == 0)
            count += core_count_references(core, kind, record->fields[i].offset, id, &other);
    if (other)
        (void)name_of(other, first);
    return count;
}

/* The row, and the rows that are deleted or changed in the same decision. */
static void plan_row(struct core *core, const struct admin_rule *rule, struct entity *entity,
                     struct view_plan *plan)
{
    berth_cleanup(changes_freep) struct changes *changes = changes_new("", "", "");
    char name[80];

    plan_add(plan, "%s would be deleted", name_of(entity, name));
    if (rule->with_gone)
        rule->with_gone(core, entity_row_of(entity), changes);
    for (size_t i = 0; i < changes->count; i++) {
        struct entity *other = core_find(core, changes->at[i]->kind, changes->at[i]->row.id);

        if (other)
            plan_add(plan, "%s would %s with it", name_of(other, name),
                     changes->at[i]->verb == CHANGE_DROP ? "go" : "change");
    }
}

/* Ended rows are kept when a row that they refer to is deleted. */
static void plan_history(const struct entity *entity, struct view_plan *plan)
{
    const char *target = entity_row(entity->kind)->name;

    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        const struct record *record = entity_row((enum entity_kind)kind)->record;

        for (size_t i = 0; core_keeps_history((enum entity_kind)kind) && i < record->count; i++) {
            if (record->fields[i].type != FIELD_ID || strcmp(record->fields[i].refers, target) != 0)
                continue;
            plan_add(plan, "past %s stay listed, but no longer say which %s it was",
                     entity_row((enum entity_kind)kind)->table, target);
        }
    }
}

/* Runs the checks of the delete itself. */
static int check_delete(struct core *core, struct entity *entity, struct berth_error *reterr)
{
    struct desktop_action action;

    if (!has_machine(entity))
        return admin_drop_check(core, entity, reterr);
    action = delete_action(entity);
    return admin_desktop_check(core, &action, reterr);
}

int plan_delete(struct request *request, struct entity *entity)
{
    struct core *core = request->api->context->core;
    uint64_t id = ((const union row *)entity_row_of(entity))->id;
    struct view_plan *plan = berth_new(struct view_plan);
    struct berth_error refusal = { 0 };
    char first[80];

    if (check_delete(core, entity, &refusal) < 0) {
        plan_add(plan, "it would be refused: %s", berth_error_text(&refusal));
    } else {
        plan_row(core, admin_rule(entity->kind), entity, plan);
        plan_history(entity, plan);
        if (has_machine(entity))
            plan_add(plan, "its machine would be stopped; machine and disk would be deleted");
    }
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        size_t count = count_references(core, (enum entity_kind)kind, entity, id, first);

        if (count == 1)
            plan_add(plan, "it is referred to by %s", first);
        else if (count)
            plan_add(plan, "it is referred to by %zu %s, such as %s", count,
                     entity_row((enum entity_kind)kind)->table, first);
    }
    return plan_answer(request, plan);
}
