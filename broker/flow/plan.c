/* plan.c - choosing host, name, UUID and port of a new desktop, and recording it. */
#include "flow/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/address.h"
#include "core/index.h"
#include "core/placement.h"
#include "flow/decide.h"
#include "flow/refill.h"

#define PLAN_RETRY_MS 2000 /* after a refusal of the store, such as a full disk */

struct plan {
    struct context *context;
    uint64_t pool_id;
    uint64_t host_id;
    bool current; /* made from the image's current version */
    struct op op;
};

/* RFC 9562, version 4. */
static void make_uuid(struct berth_random *random, char out[40])
{
    unsigned char b[16];

    random_fill(random, b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)snprintf(out, 40, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                   b[13], b[14], b[15]);
}

/* Numbers are not reused while the broker runs, so that a name in a log means one machine. */
static void make_name(struct core *core, struct pool *pool, char out[64])
{
    do {
        (void)snprintf(out, 64, "%.50s-%03" PRId64, pool->row.name, ++pool->last_number);
    } while (core_find_name(core, ENTITY_desktop, out));
}

#define PORTS 65536

/* The ports in use at one host's address, a bit for each. */
struct taken_ports {
    unsigned char bits[PORTS / 8];
};

static void take_port(struct taken_ports *taken, int64_t port)
{
    if (port > 0 && port < PORTS)
        taken->bits[port / 8] |= (unsigned char)(1u << (port % 8));
}

static bool port_is_taken(const struct taken_ports *taken, int64_t port)
{
    return port <= 0 || port >= PORTS || (taken->bits[port / 8] & (1u << (port % 8)));
}

/* Machines of manual pools may use ports of the same address. */
static void take_manual_ports(struct core *core, const struct host *host, struct taken_ports *taken)
{
    const char *address = address_of_host(host);

    list_each (core_all(core, ENTITY_pool), pool_node) {
        const struct row_pool *pool = entity_row_of(entity_of(pool_node));

        if (pool->kind != pool_kind_MANUAL)
            continue;
        list_each (index_list(core, DESKTOPS_OF_POOL, pool->id), node) {
            const struct row_desktop *row = entity_row_of(index_entry(DESKTOPS_OF_POOL, node));

            if (strcmp(row->address, address) == 0)
                take_port(taken, row->port);
        }
    }
}

/* One pass over the desktops: testing each port by itself would cost desktops times ports on a full
 * host. */
static void find_taken_ports(struct core *core, const struct host *host, struct taken_ports *ret)
{
    *ret = (struct taken_ports){ 0 };
    list_each (index_list(core, DESKTOPS_OF_HOST, host->row.id), node) {
        const struct row_desktop *row = entity_row_of(index_entry(DESKTOPS_OF_HOST, node));

        take_port(ret, row->port);
    }
    take_manual_ports(core, host, ret);
}

/* The next free port after the last one given, so that a port is not reused soon. */
int64_t plan_free_port(struct core *core, const struct host *host)
{
    int64_t first = host->row.port_first;
    int64_t count = host->row.port_last - first + 1;
    int64_t from = host->last_port >= first ? host->last_port + 1 - first : 0;
    struct taken_ports taken;

    if (first <= 0 || count <= 0)
        return 0;
    find_taken_ports(core, host, &taken);
    for (int64_t i = 0; i < count; i++) {
        int64_t port = first + (from + i) % count;

        if (!port_is_taken(&taken, port))
            return port;
    }
    return 0;
}

static void note_planned(struct pool *pool, bool current, const char *plan_error)
{
    pool->planning--;
    pool->planning_current -= current;
    berth_text(pool->plan_error, sizeof(pool->plan_error), "%s", plan_error);
}

static void planned(struct op *op, int result)
{
    struct plan *plan = container_of(op, struct plan, op);
    struct context *context = plan->context;
    struct pool *pool = pool_find(context->core, plan->pool_id);
    struct host *host = host_find(context->core, plan->host_id);

    if (pool)
        note_planned(pool, plan->current, result < 0 ? berth_error_text(&op->error) : "");
    if (host)
        host->planning--;
    if (result >= 0) {
        context_mark_pool(context, plan->pool_id);
    } else {
        log_failure(EV_FLOW_FAILED, &op->error, "plan a desktop");
        if (pool)
            context_mark_pool_later(context, pool, PLAN_RETRY_MS);
    }
    free(plan);
}

static struct changes *plan_changes(struct context *context, struct pool *pool, struct host *host,
                                    int64_t port, uint64_t version_id)
{
    struct core *core = context->core;
    struct changes *changes = changes_new("broker", "broker", "desktop.plan");
    struct row_desktop row = { .id = core_next_id(core),
                               .pool_id = pool->row.id,
                               .host_id = host->row.id,
                               .image_version_id = version_id,
                               .port = port };
    struct row_slot slot = { .id = core_next_id(core), .desktop_id = row.id, .number = 0 };
    char mark[9];

    make_name(core, pool, row.name);
    make_uuid(context->random, row.uuid);
    random_hex(context->random, mark,
               4); /* the name of a deleted desktop may be reused, its disk must not */
    (void)snprintf(row.volume, sizeof(row.volume), "berth-%s-%.8s.qcow2", row.name, mark);
    if (port)
        copy_text(row.address, address_of_host(host));
    changes_object(changes, "desktop %s", row.name);
    changes_detail(changes, "pool %s, host %s, uuid %s", pool->row.name, host->row.name, row.uuid);
    changes_add(changes, ENTITY_desktop, &row);
    changes_add(changes, ENTITY_slot, &slot);
    return changes;
}

bool plan_desktop(struct context *context, struct pool *pool, uint64_t version_id)
{
    struct host *host;
    struct plan *plan;
    int64_t port = 0;
    char why[160];

    const struct image *image = image_find(context->core, pool->row.image_id);

    if (pool->row.kind == pool_kind_MANUAL || (image && !image->row.current_id))
        return false; /* filled by administrators; or there is no published version yet */
    host = placement_host(context->core, pool, why, sizeof(why));
    if (!host)
        return false;
    if (pool->row.address == pool_address_FORWARDED) {
        port = plan_free_port(context->core, host);
        if (!port)
            return false;
        host->last_port = port;
    }
    plan = berth_new(struct plan);
    *plan = (struct plan){ .context = context,
                           .pool_id = pool->row.id,
                           .host_id = host->row.id,
                           .current = image && version_id == image->row.current_id };
    op_init(&plan->op, context->timers, planned);
    if (decide_begin(context, plan_changes(context, pool, host, port, version_id), NULL,
                     &plan->op) < 0) {
        log_failure(EV_FLOW_FAILED, &plan->op.error, "plan a desktop");
        free(plan);
        return false;
    }
    pool->planning++;
    pool->planning_current += plan->current;
    host->planning++;
    return true;
}
