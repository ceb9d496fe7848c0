/* row_json.c - encode rows for answers: with the names of referenced entities, and runtime facts.
 */
#include <stdio.h>
#include <string.h>

#include "api/table/value.h"
#include "core/index.h"
#include "core/placement.h"
#include "core/presence.h"
#include "core/reference.h"
#include "flow/recompose.h"
#include "flow/shortage.h"

#include "api_internal.h"

/* Seconds since a monotonic time. */
static int64_t since_s(const struct core *core, int64_t at_ms)
{
    int64_t age_ms = core->timers->mono_ms - at_ms;

    return age_ms > 0 ? age_ms / 1000 : 0;
}

static void user_name(struct core *core, uint64_t user_id, char out[64])
{
    const struct user *user = user_find(core, user_id);

    berth_copy_text(out, 64, user ? user->row.name : "");
}

/* ---- one kind each ---- */

static void terminal_fill(struct core *core, struct entity *entity, void *out)
{
    const struct terminal *terminal = container_of(entity, struct terminal, base);
    const struct presence *presence = terminal->presence;
    const struct connection *connection = connection_at(core, terminal->row.id);
    const struct session *session =
        connection ? session_find(core, connection->row.session_id) : NULL;
    struct view_terminal_runtime *view = (struct view_terminal_runtime *)out;

    view->presence = presence ? presence->state : presence_ABSENT;
    view->linked = terminal->peer != 0;
    view->last_seen_s =
        presence && presence->received_ms ? since_s(core, presence->received_ms) : 0;
    put(view->from, terminal->from);
    if (session)
        user_name(core, session->row.user_id, view->user);
    view->profile_sent = terminal->profile_sent;
    view->profile_applied = terminal->profile_applied;
}

static void desktop_fill(struct core *core, struct entity *entity, void *out)
{
    const struct desktop *desktop = container_of(entity, struct desktop, base);
    struct entity *first = index_first(core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id);
    struct view_desktop_runtime *view = (struct view_desktop_runtime *)out;

    view->state = desktop->state;
    view->since_s = since_s(core, desktop->state_since_ms);
    put(view->reason, desktop->reason);
    put(view->address, desktop->address);
    view->port = desktop->port;
    view->reserved = desktop->reserved != NULL;
    if (first) {
        const struct assignment *assignment = container_of(first, struct assignment, base);
        const struct session *session = session_on(core, assignment->row.id);

        user_name(core, assignment->row.user_id, view->user);
        view->session = session ? session->row.id : 0;
    }
}

static void host_fill(struct core *core, struct entity *entity, void *out)
{
    const struct host *host = container_of(entity, struct host, base);
    struct view_host_runtime *view = (struct view_host_runtime *)out;

    view->state = host->state;
    view->since_s = since_s(core, host->state_since_ms);
    put(view->reason, host->reason);
    view->starting = host->starting;
    view->memory_mib = host->memory_mib;
    list_each (index_list(core, DESKTOPS_OF_HOST, host->row.id), node) {
        view->desktops++;
        view->ready += index_at(DESKTOPS_OF_HOST, node, desktop)->state == desktop_READY;
    }
}

static void pool_fill(struct core *core, struct entity *entity, void *out)
{
    const struct pool *pool = container_of(entity, struct pool, base);
    struct view_pool_runtime *view = (struct view_pool_runtime *)out;
    struct placement_count count;
    int64_t backoff_ms = pool->backoff_until_ms - core->timers->mono_ms;

    placement_count(core, pool, &count);
    view->desktops = (int64_t)index_count(core, DESKTOPS_OF_POOL, pool->row.id);
    view->ready = count.ready;
    view->spare = count.spare;
    view->starting = count.provisioning;
    view->quarantined = count.quarantined;
    view->sessions = (int64_t)index_count(core, SESSIONS_OF_POOL, pool->row.id);
    view->queue = count.waiting;
    view->ready_estimate_s = pool->ready_ms_estimate / 1000;
    if (pool->backoff_until_ms && backoff_ms > 0) {
        view->backoff_s = (backoff_ms + 999) / 1000;
        put(view->backoff_why, pool->backoff_why);
    }
    recompose_text(core, pool, view->recompose, sizeof(view->recompose));
    shortage_text(core, pool, 0, view->why);
}

static void session_fill(struct core *core, struct entity *entity, void *out)
{
    const struct session *session = container_of(entity, struct session, base);
    const struct connection *connection = connection_of(core, session->row.id);
    struct view_session_runtime *view = (struct view_session_runtime *)out;

    view->shown = connection != NULL;
    if (connection) {
        const struct terminal *terminal = terminal_find(core, connection->row.terminal_id);

        put(view->shown_at, terminal ? terminal->row.name : "");
        view->idle_s = session->input_said_ms
                           ? session->input_idle_ms / 1000 + since_s(core, session->input_said_ms)
                           : 0;
    }
}

typedef void fill_fn(struct core *core, struct entity *entity, void *out);
static fill_fn *const fillers[ENTITY_KINDS] = {
    [ENTITY_terminal] = terminal_fill, [ENTITY_desktop] = desktop_fill, [ENTITY_host] = host_fill,
    [ENTITY_pool] = pool_fill,         [ENTITY_session] = session_fill,
};

bool row_runtime(struct core *core, struct entity *entity, void *view)
{
    if (!fillers[entity->kind])
        return false;
    fillers[entity->kind](core, entity, view);
    return true;
}

/* ---- the whole ---- */

/* Add "image": "debian" to "image_id": 7, for every reference to an entity with a name. */
static void add_names(struct core *core, const struct record *record, const void *row, unsigned see,
                      json_t *json)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        enum entity_kind kind =
            field->type == FIELD_ID ? entity_kind_of(field->refers) : ENTITY_NONE;
        const struct field *name = kind ? record_field(entity_row(kind)->record, "name") : NULL;
        struct entity *other;
        char shorter[48];
        uint64_t id;

        if (!name || !(field->see & see))
            continue;
        value_short_name(field, shorter);
        memcpy(&id, (const char *)row + field->offset, sizeof(id));
        other = id ? core_find(core, kind, id) : NULL;
        (void)json_object_set_new(
            json, shorter,
            other ? json_string((const char *)entity_row_of(other) + name->offset) : json_null());
    }
}

/* The names for a field that contains ids; NULL when the field is shown as it is. */
char *row_field_text(struct core *core, enum entity_kind kind, const void *row,
                     const struct field *field)
{
    struct subject subject = { 0 };

    if (field->type == FIELD_IDS && field->refers[0])
        return reference_names(core, entity_kind_of(field->refers),
                               (const char *)row + field->offset);
    if (strcmp(field->name, "subject") != 0)
        return NULL;
    if (kind == ENTITY_entitlement)
        subject = entitlement_subject(row);
    if (kind == ENTITY_profile)
        subject = profile_subject(row);
    return subject.id ? berth_strdup(subject_name(core, &subject)) : NULL;
}

static void show_texts(struct core *core, enum entity_kind kind, const void *row, unsigned see,
                       json_t *json)
{
    const struct record *record = entity_row(kind)->record;

    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        berth_cleanup(berth_freep) char *text =
            field->see & see ? row_field_text(core, kind, row, field) : NULL;

        if (text)
            (void)json_object_set_new(json, field->name, json_string(text));
    }
}

/* As large as the largest view of runtime facts. */
union any_runtime {
    struct view_terminal_runtime terminal;
    struct view_desktop_runtime desktop;
    struct view_host_runtime host;
    struct view_pool_runtime pool;
    struct view_session_runtime session;
};

static void add_runtime(struct core *core, enum entity_kind kind, const void *row, unsigned see,
                        json_t *json)
{
    const struct record *record = collection_runtime(kind);
    struct entity *entity = core_find(core, kind, ((const union row *)row)->id);
    union any_runtime runtime;

    if (!record || !entity || core_has_ended(kind, row))
        return;
    memset(&runtime, 0, sizeof(runtime)); /* { 0 } would initialise the first member only */
    if (row_runtime(core, entity, &runtime))
        (void)json_object_set_new(json, "runtime", record_encode(record, &runtime, see));
}

json_t *row_json(struct core *core, enum entity_kind kind, const void *row, unsigned see)
{
    const struct record *record = entity_row(kind)->record;
    json_t *json = record_encode(record, row, see);

    add_names(core, record, row, see, json);
    show_texts(core, kind, row, see, json);
    add_runtime(core, kind, row, see, json);
    return json;
}
