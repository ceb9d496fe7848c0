/* rows.c - durable rows: what was announced must be on disk before and after (I2), and what is on
 * disk must have been decided (I3).
 *
 * A decision in flight when the broker dies may be on disk without a line about it, unless the
 * store records, too. So a row may come back one version newer than announced; two versions newer,
 * or at a version that a recording store never wrote, is a phantom. A missing row was lost, unless
 * its deletion may have been in flight: desktops whose machine is removed, past rows that may be
 * pruned, and rows that people delete when the audit trail has a record without a line.
 */
#include <stdio.h>
#include <string.h>

#include "history/judge_internal.h"

static enum row_state state_of(const char *text)
{
    static const struct {
        const char *text;
        enum row_state state;
    } states[] = {
        { "preparing", ROW_PREPARING },
        { "active", ROW_ACTIVE },
        { "disconnected", ROW_DISCONNECTED },
        { "ending", ROW_ENDING },
        { "revoked", ROW_REVOKED },
        { "retired", ROW_RETIRED },
        { "ready", ROW_RUNS },
        { "starting", ROW_RUNS },
        { "quarantined", ROW_QUARANTINED },
    };

    for (size_t i = 0; i < BERTH_COUNT(states); i++)
        if (strcmp(states[i].text, text) == 0)
            return states[i].state;
    return ROW_OTHER;
}

/* A past row: it may be pruned at any time. */
static bool is_history(const struct fact *fact)
{
    return (fact->over || fact->stored_over) &&
           (fact->kind == history_entity_ASSIGNMENT || fact->kind == history_entity_SESSION ||
            fact->kind == history_entity_CONNECTION || fact->kind == history_entity_COMMAND);
}

static void remember(struct judge *judge, struct fact *fact, const struct history_row *row)
{
    enum row_state state = state_of(row->state);
    bool loaded = row->verb == history_verb_LOADED;

    if (!fact->known || fact->state != state)
        fact->since_us = loaded ? 0 : judge->now_us;
    else if (loaded)
        fact->since_us = 0; /* its age is only known by the wall clock */
    if (loaded)
        fact->added_us = 0;
    else if (row->verb == history_verb_ADD)
        fact->added_us = judge->now_us;
    fact->known = true;
    fact->changed = !loaded;
    fact->dropped = row->verb == history_verb_DROP;
    fact->over = row->over;
    fact->state = state;
    if (row->cause != history_cause_NONE)
        fact->cause = row->cause;
    fact->version = row->version;
    if (row->rev)
        fact->rev = row->rev;
    fact->epoch = row->epoch;
    fact->user_id = row->user_id;
    fact->pool_id = row->pool_id;
    fact->desktop_id = row->desktop_id;
    fact->terminal_id = row->terminal_id;
    fact->session_id = row->session_id;
    fact->slot = row->slot;
    fact->at_us = judge->now_us;
    fact->line = judge->number;
    fact->life = judge->life.number;
}

/* Call all judges of rows of this kind. */
static void pass_on(struct judge *judge, struct fact *fact, const struct fact *was,
                    const struct history_row *row)
{
    switch (fact->kind) {
    case history_entity_DESKTOP:
        owners_desktop(judge, fact, was, row);
        return;
    case history_entity_SLOT:
        epochs_slot(judge, fact, was, row);
        return;
    case history_entity_TERMINAL:
        shut_out_terminal(judge, fact, was, row);
        return;
    case history_entity_IDENTITY:
        shut_out_identity(judge, fact, was, row);
        return;
    case history_entity_USER:
        shut_out_user(judge, fact, was, row);
        return;
    case history_entity_ASSIGNMENT:
        owners_assignment(judge, fact, was, row);
        causes_assignment(judge, fact, was, row);
        return;
    case history_entity_SESSION:
        epochs_session(judge, fact, was, row);
        causes_session(judge, fact, was, row);
        return;
    case history_entity_CONNECTION:
        epochs_connection(judge, fact, was, row);
        shut_out_connection(judge, fact, was, row);
        return;
    case history_entity_BADGE: /* calls.c checks it when a user signs on with it */
    case history_entity_OTHER:
    case history_entity_COMMAND:
    case history_entity_POOL:
    case history_entity_NONE:
    case history_entity_END:
        return;
    }
}

static const char *kind_name(const struct fact *fact)
{
    return history_entity_names[fact->kind];
}

static unsigned long long number(uint64_t id)
{
    return (unsigned long long)id;
}

/* ---- announced ---- */

/* The store records: nothing may be announced that it has not written. A deletion has no version of
 * its own. */
static void check_stored(struct judge *judge, const struct fact *fact,
                         const struct history_row *row)
{
    if (!judge->stored || row->verb == history_verb_DROP)
        return;
    judge_check(judge, 2);
    if (fact->stored_version < row->version)
        judge_broken(judge, 2, "%s %llu is announced at version %lld before it is on disk",
                     kind_name(fact), number(row->id), (long long)row->version);
}

static void check_version(struct judge *judge, const struct fact *fact,
                          const struct history_row *row)
{
    if (row->verb != history_verb_SET || !fact->known)
        return;
    judge_check(judge, 2);
    if (row->version <= fact->version)
        judge_broken(
            judge, 2,
            "%s %llu is announced at version %lld after version %lld (line %llu): a change "
            "was lost",
            kind_name(fact), number(row->id), (long long)row->version, (long long)fact->version,
            number(fact->line));
}

/* What was on disk before may be announced still. */
static void check_degraded(struct judge *judge, const struct fact *fact,
                           const struct history_row *row)
{
    bool before = judge->stored ? fact->stored_version >= row->version || fact->stored_over
                                : judge->now_us < judge->life.degraded_us + SECOND_US;

    if (!judge->life.degraded)
        return;
    judge_check(judge, 26);
    if (!before)
        judge_broken(judge, 26, "%s %llu is announced although the broker cannot commit",
                     kind_name(fact), number(row->id));
}

static void announced(struct judge *judge, const struct history_row *row)
{
    struct fact *fact = fact_make(judge, row->entity, row->id);
    struct fact was = *fact;

    check_degraded(judge, fact, row);
    check_stored(judge, fact, row);
    check_version(judge, fact, row);
    trail_row(judge, row);
    remember(judge, fact, row);
    pass_on(judge, fact, &was, row);
}

/* ---- on disk ---- */

static void stored(struct judge *judge, const struct history_row *row)
{
    struct fact *fact = fact_make(judge, row->entity, row->id);

    judge->stored = true;
    fact->stored_version = row->version;
    fact->stored_rev = row->rev;
    fact->stored_over = row->over;
    trail_row(judge, row);
    if (!fact->known)
        fact->line = judge->number;
}

static void check_kept(struct judge *judge, const struct fact *fact, const struct history_row *row)
{
    int64_t least = fact->version > fact->stored_version ? fact->version : fact->stored_version;

    if (fact->acked_version > least)
        least = fact->acked_version;
    judge_check(judge, 2);
    if (fact->dropped)
        judge_broken(judge, 2, "%s %llu is back, although its deletion was announced (line %llu)",
                     kind_name(fact), number(row->id), number(fact->line));
    else if (row->version < least)
        judge_broken(
            judge, 2,
            "%s %llu is loaded at version %lld, but version %lld was announced, written or "
            "answered (line %llu)",
            kind_name(fact), number(row->id), (long long)row->version, (long long)least,
            number(fact->acked_version == least ? fact->acked_line : fact->line));
    else if (row->epoch < fact->acked_epoch && !row->over)
        judge_broken(judge, 2, "%s %llu is loaded at epoch %lld, but %lld was answered (line %llu)",
                     kind_name(fact), number(row->id), (long long)row->epoch,
                     (long long)fact->acked_epoch, number(fact->acked_line));
}

/* Was this decided? */
static void check_phantom(struct judge *judge, const struct fact *fact,
                          const struct history_row *row)
{
    int64_t most = fact->version > fact->stored_version ? fact->version : fact->stored_version;

    /* A broker that was killed while it loaded has listed a part; only after a whole list, or from
     * an empty store, is a row without a line one that did not exist. */
    if (!judge->listed || !judge->broker_whole)
        return;
    if (!judge->simulated)
        most++; /* it was in flight */
    judge_check(judge, 3);
    if (row->version > most)
        judge_broken(judge, 3, "%s %llu is loaded at version %lld, which was never decided",
                     kind_name(fact), number(row->id), (long long)row->version);
}

static void loaded(struct judge *judge, const struct history_row *row)
{
    struct fact *fact = fact_make(judge, row->entity, row->id);
    struct fact was = *fact;

    if (fact->known || fact->stored_version || fact->acked_version || fact->acked_epoch)
        check_kept(judge, fact, row);
    check_phantom(judge, fact, row);
    remember(judge, fact, row);
    if (fact->stored_version < row->version)
        fact->stored_version = row->version;
    pass_on(judge, fact, &was, row);
}

void rows_take(struct judge *judge, const struct history_row *row)
{
    switch (row->verb) {
    case history_verb_STORED:
        stored(judge, row);
        return;
    case history_verb_LOADED:
        loaded(judge, row);
        return;
    case history_verb_ADD:
    case history_verb_SET:
    case history_verb_DROP:
        announced(judge, row);
        return;
    case history_verb_NONE:
    case history_verb_END:
        return;
    }
}

/* ---- starts of the broker ---- */

void rows_started(struct judge *judge)
{
    /* Loaded rows have lines; rows_loaded looks for those without one. */
    judge->life.loaded = false;
}

/* May its deletion have been decided when the broker died? */
static bool may_be_deleted(struct judge *judge, const struct fact *fact)
{
    const struct desktop *desktop;

    if (fact->dropped || is_history(fact))
        return true;
    if (!fact->known && !fact->acked_version && !fact->acked_epoch && !fact->stored_version)
        return true;
    if (fact->stored_over) /* written, and not announced before the end */
        return true;
    if (judge->simulated)
        return false;
    if (fact->kind != history_entity_DESKTOP && fact->kind != history_entity_SLOT)
        return false;
    if (!judge->virt)
        return true;
    desktop = desktop_make(judge, fact->kind == history_entity_SLOT ? fact->desktop_id : fact->id);
    return !desktop->machine || !desktop->machine->defined;
}

/* A row that is gone, until the audit trail says whether a decision was in flight as the broker
 * died: the deletion of what can be deleted may have been committed without a line of it. */
struct doubt {
    struct list node; /* judge.doubts */
    enum history_entity kind;
    uint64_t id, line, last_line;
    const char *how;
};

static bool can_be_deleted(enum history_entity kind)
{
    return kind == history_entity_USER || kind == history_entity_BADGE ||
           kind == history_entity_POOL || kind == history_entity_TERMINAL ||
           kind == history_entity_IDENTITY || kind == history_entity_OTHER;
}

static void gone(struct judge *judge, const struct doubt *doubt)
{
    judge_broken_at(
        judge, 2, doubt->line, "%s %llu is gone after the restart, but it was %s (line %llu)",
        history_entity_names[doubt->kind], number(doubt->id), doubt->how, number(doubt->last_line));
}

static void missed(struct judge *judge, struct fact *fact)
{
    bool announced = fact->known || fact->stored_version;
    struct doubt doubt = { .kind = fact->kind,
                           .id = fact->id,
                           .line = judge->number,
                           .last_line = announced ? fact->line : fact->acked_line,
                           .how = announced ? "announced" : "answered" };
    struct doubt *kept;

    judge_check(judge, 2);
    if (may_be_deleted(judge, fact))
        return;
    if (judge->simulated || !judge->trail.seq || !can_be_deleted(fact->kind)) {
        gone(judge, &doubt);
        return;
    }
    kept = judge_make(judge, sizeof(*kept));
    *kept = doubt;
    list_append(&judge->doubts, &kept->node);
}

void rows_recorded(struct judge *judge, bool in_flight)
{
    struct list *node;

    while ((node = list_shift(&judge->doubts)) != NULL) {
        struct doubt *doubt = list_entry(node, struct doubt, node);

        if (!in_flight)
            gone(judge, doubt);
        judge_drop(doubt);
    }
}

void rows_loaded(struct judge *judge)
{
    judge->listed = true;
    list_each (&judge->facts, node) {
        struct fact *fact = list_entry(node, struct fact, node);

        judge->steps++;
        if (fact->life == judge->life.number)
            continue;
        missed(judge, fact);
        fact->known = false;
        fact->stored_version = 0;
        fact->acked_version = 0;
        fact->acked_epoch = 0;
        if ((is_history(fact) || fact->dropped) && !fact->open_calls)
            fact_forget(judge, fact);
    }
}

void rows_end(struct judge *judge)
{
    if (!judge->broker_whole || !judge->life.number)
        return;
    list_each (&judge->facts, node) {
        const struct fact *fact = list_entry(node, struct fact, node);

        judge->steps++;
        if (fact->known || fact->stored_version || (!fact->acked_version && !fact->acked_epoch))
            continue;
        judge_check(judge, 2);
        judge_broken_at(judge, 2, fact->acked_line,
                        "%s %llu was answered with ok, and never decided", kind_name(fact),
                        number(fact->id));
    }
}

/* ---- I29 ---- */

void rows_rest(struct judge *judge)
{
    list_each (&judge->facts, node) {
        const struct fact *fact = list_entry(node, struct fact, node);

        if (fact->kind != history_entity_SESSION || !fact->known || fact->dropped)
            continue;
        judge_check(judge, 29);
        if (!fact->over && (fact->state == ROW_ENDING || fact->state == ROW_PREPARING))
            judge_broken(judge, 29, "session %llu is still %s (line %llu), and nothing goes on",
                         (unsigned long long)fact->id,
                         fact->state == ROW_ENDING ? "ending" : "being prepared",
                         (unsigned long long)fact->line);
    }
}
