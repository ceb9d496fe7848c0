/* pool_queue.c - the order of a pool's queue, serving it, and the positions that users see. */
#include "flow/pool_queue.h"

#include <stdio.h>

#include "core/history_lines.h"
#include "core/placement.h"

static void note(const struct queue_entry *entry, enum history_queue_event event)
{
    const struct core *core = entry->context->core;

    history_write(core->history, core_us(core), HISTORY_queue, queue, .event = event,
                  .terminal_id = entry->terminal_id, .pool_id = entry->pool_id,
                  .person = entry->person);
}

static void entry_cancelled(struct op *op)
{
    struct queue_entry *entry = op->handle;

    note(entry, history_queue_event_LEFT);
    list_remove(&entry->node);
    context_mark_pool(entry->context, entry->pool_id); /* the entries behind it have moved up */
}

/* Persons come before kiosks, each in the order of their arrival: a kiosk that signs on by itself
 * keeps no person waiting.
 */
static void enqueue(struct pool *pool, struct queue_entry *entry)
{
    struct list *before = &pool->waiting;

    while (entry->person && before->prev != &pool->waiting &&
           !list_entry(before->prev, struct queue_entry, node)->person)
        before = before->prev;
    list_append(before, &entry->node);
}

int pool_request_desktop(struct context *context, struct pool *pool, struct queue_entry *entry,
                         struct op *op)
{
    if (context->stopping)
        return berth_fail(&op->error, BERTH_E_CLOSING, "the broker is stopping");
    entry->op = op;
    entry->context = context;
    entry->pool_id = pool->row.id;
    entry->told_position = 0;
    note(entry, history_queue_event_JOINED);
    enqueue(pool, entry);
    context_mark_pool(context, pool->row.id);
    return op_begun(op, entry_cancelled, entry);
}

void pool_queue_close(struct pool *pool)
{
    struct berth_error deleted = { 0 };
    struct list *node;

    (void)berth_fail(&deleted, BERTH_E_NOT_FOUND, "pool '%s' was deleted", pool->row.name);
    while ((node = list_shift(&pool->waiting)) != NULL) {
        struct queue_entry *entry = list_entry(node, struct queue_entry, node);

        note(entry, history_queue_event_LEFT);
        op_complete_deferred(entry->op, deleted.code, &deleted);
    }
}

void pool_queue_serve(struct context *context, struct pool *pool)
{
    while (!list_empty(&pool->waiting)) {
        struct desktop *desktop = placement_best(context->core, pool);
        struct queue_entry *entry;
        struct berth_error error = { 0 };

        if (!desktop)
            return;
        entry = list_entry(pool->waiting.next, struct queue_entry, node);
        list_remove(&entry->node);
        if (reservation_new(desktop, entry->user_id, &entry->reservation, &error) < 0) {
            list_prepend(&pool->waiting, &entry->node);
            return;
        }
        note(entry, history_queue_event_SERVED);
        op_complete_deferred(entry->op, 0, NULL);
    }
}

/* Positions near the front are sent whenever they change; those far behind only when a tenth of the
 * way is done: with ten thousand in the queue every desktop that is handed out moves them all.
 */
static bool should_tell(int told, int number)
{
    if (number <= 10)
        return number != told;
    return number > told || number <= told - told / 10;
}

static void tell_position(const struct queue_entry *entry, int number, int64_t estimate_ms)
{
    const struct terminal *terminal = terminal_find(entry->context->core, entry->terminal_id);
    struct msg msg = { .type = MSG_progress, .ref = entry->ref };

    if (estimate_ms > 0)
        (void)snprintf(msg.progress.text, sizeof(msg.progress.text),
                       "A desktop is being made ready for you: place %d, about %lld s", number,
                       (long long)(estimate_ms + 999) / 1000);
    else
        (void)snprintf(msg.progress.text, sizeof(msg.progress.text),
                       "All desktops are in use: you are number %d in the queue", number);
    (void)snprintf(msg.progress.step, sizeof(msg.progress.step), "queue");
    msg.progress.queue_place = number;
    msg.progress.estimate_ms = estimate_ms;
    context_tell(entry->context, terminal ? terminal->peer : 0, &msg);
}

void pool_queue_tell(struct context *context, struct pool *pool)
{
    int number = 0;

    list_each (&pool->waiting, node) {
        struct queue_entry *entry = list_entry(node, struct queue_entry, node);

        number++;
        if (entry->told_position && !should_tell(entry->told_position, number))
            continue;
        entry->told_position = number;
        tell_position(entry, number, placement_estimate_ms(context->core, pool, number));
    }
}
