/* service.c - figures of other programs (I22, I23 and any other), the queue (I24), profiles (I25).
 *
 * The queue of a pool is judged by its order: among equals first come, first served, and no kiosk
 * while a person waits. Where the order is not enough (a storm of handshakes), a measure compares
 * the longest wait with the median.
 */
#include <stdlib.h>
#include <string.h>

#include "history/judge_internal.h"

static unsigned long long number(uint64_t id)
{
    return (unsigned long long)id;
}

/* "I5" is 5; anything else is 0. */
static int number_of(const char *invariant)
{
    char *end;
    long parsed;

    if (invariant[0] != 'I' || !invariant[1])
        return 0;
    parsed = strtol(invariant + 1, &end, 10);
    return *end || parsed < 1 || parsed > JUDGE_INVARIANTS ? 0 : (int)parsed;
}

void service_measure(struct judge *judge, const struct history_measure *measure)
{
    int invariant = number_of(measure->invariant);

    if (!invariant)
        return;
    judge_check(judge, invariant);
    if (measure->value > measure->most)
        judge_broken(judge, invariant, "%s: %lld, but at most %lld", measure->name,
                     (long long)measure->value, (long long)measure->most);
}

/* ---- I24 ---- */

struct waiting {
    struct list node;
    struct terminal *terminal;
    uint64_t pool_id;
    bool person;
    uint64_t line;
};

struct line_up {
    struct list node; /* judge.line_ups */
    uint64_t pool_id;
    struct list persons, kiosks; /* in the order they joined */
};

static struct line_up *line_up_of(struct judge *judge, uint64_t pool_id)
{
    struct line_up *queue = map_get_id(&judge->queues, pool_id);

    if (queue)
        return queue;
    queue = judge_make(judge, sizeof(*queue));
    queue->pool_id = pool_id;
    list_init(&queue->persons);
    list_init(&queue->kiosks);
    list_append(&judge->line_ups, &queue->node);
    map_put_id(&judge->queues, pool_id, queue);
    return queue;
}

static void check_order(struct judge *judge, struct line_up *queue, const struct waiting *waiting)
{
    struct list *alike = waiting->person ? &queue->persons : &queue->kiosks;
    const struct waiting *first = list_entry(alike->next, struct waiting, node);

    judge_check(judge, 24);
    if (first != waiting)
        judge_broken(
            judge, 24,
            "terminal %llu (line %llu) is served from the queue of pool %llu before terminal "
            "%llu, which waits longer (line %llu)",
            number(waiting->terminal->id), number(waiting->line), number(queue->pool_id),
            number(first->terminal->id), number(first->line));
    if (!waiting->person && !list_empty(&queue->persons))
        judge_broken(judge, 24,
                     "kiosk %llu is served from the queue of pool %llu while a person waits (line "
                     "%llu)",
                     number(waiting->terminal->id), number(queue->pool_id),
                     number(list_entry(queue->persons.next, struct waiting, node)->line));
}

/* A terminal waits in one place. */
static void leave(struct waiting *waiting)
{
    waiting->terminal->waiting = NULL;
    list_remove(&waiting->node);
    judge_drop(waiting);
}

static void join(struct judge *judge, const struct history_queue *line, struct line_up *queue)
{
    struct terminal *terminal = terminal_make(judge, line->terminal_id);
    struct waiting *waiting;

    if (terminal->waiting)
        leave(terminal->waiting);
    waiting = judge_make(judge, sizeof(*waiting));
    waiting->terminal = terminal;
    waiting->pool_id = line->pool_id;
    waiting->person = line->person;
    waiting->line = judge->number;
    terminal->waiting = waiting;
    list_append(line->person ? &queue->persons : &queue->kiosks, &waiting->node);
}

void service_queue(struct judge *judge, const struct history_queue *line)
{
    struct line_up *queue = line_up_of(judge, line->pool_id);
    struct waiting *waiting = terminal_make(judge, line->terminal_id)->waiting;

    if (line->event == history_queue_event_JOINED) {
        join(judge, line, queue);
        return;
    }
    if (!waiting || waiting->pool_id != line->pool_id)
        return;
    if (line->event == history_queue_event_SERVED)
        check_order(judge, queue, waiting);
    leave(waiting);
}

/* The queue lives in the broker's memory. */
void service_started(struct judge *judge)
{
    list_each (&judge->line_ups, node) {
        struct line_up *queue = list_entry(node, struct line_up, node);

        while (!list_empty(&queue->persons))
            leave(list_entry(queue->persons.next, struct waiting, node));
        while (!list_empty(&queue->kiosks))
            leave(list_entry(queue->kiosks.next, struct waiting, node));
    }
}

/* ---- I25 ---- */

void service_profile(struct judge *judge, const struct history_profile *profile)
{
    struct terminal *terminal = terminal_named(judge, profile->terminal);

    judge_check(judge, 25);
    if (profile->applied && profile->applied != profile->sent)
        judge_broken(judge, 25, "terminal %s applies %lld of the %lld settings of profile %lld",
                     profile->terminal, (long long)profile->applied, (long long)profile->sent,
                     (long long)profile->version);
    if (profile->version && profile->version < terminal->profile)
        judge_broken(judge, 25, "terminal %s goes back from profile %lld to %lld",
                     profile->terminal, (long long)terminal->profile, (long long)profile->version);
    if (profile->version)
        terminal->profile = profile->version;
}
