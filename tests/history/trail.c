/* trail.c - the audit trail has no gap and every change has its record (I20); a record names the
 * person it is about (I21).
 *
 * The store records the rows of a decision and then its audit record, so each record covers the
 * rows since the one before it. When the record has their number, it must match.
 */
#include <string.h>

#include "history/judge_internal.h"

static unsigned long long number(uint64_t id)
{
    return (unsigned long long)id;
}

/* ---- I20 ---- */

static void check_sequence(struct judge *judge, const struct history_audit *audit)
{
    const struct trail *trail = &judge->trail;
    bool new_life = trail->life != judge->life.number;

    if (!trail->seq)
        return;
    if (new_life)
        rows_recorded(judge, audit->seq > trail->seq + 1);
    judge_check(judge, 20);
    if (audit->seq <= trail->seq)
        judge_broken(judge, 20, "audit record %lld comes after record %lld", (long long)audit->seq,
                     (long long)trail->seq);
    else if (audit->seq != trail->seq + 1 && (!new_life || judge->simulated))
        /* What was committed as the broker died may be missing here, though not in the trail. */
        judge_broken(judge, 20, "audit records %lld to %lld are missing", (long long)trail->seq + 1,
                     (long long)audit->seq - 1);
}

static void check_cover(struct judge *judge, const struct history_audit *audit)
{
    const struct trail *trail = &judge->trail;
    int64_t first = audit->changes ? audit->rev - audit->changes + 1 : trail->rev + 1;

    if (!audit->rev)
        return;
    judge_check(judge, 20);
    if (trail->rev && audit->rev <= trail->rev)
        judge_broken(judge, 20, "audit record %lld is of change %lld, which has a record already",
                     (long long)audit->seq, (long long)audit->rev);
    if (trail->pending && trail->pending < first)
        judge_broken_at(judge, 20, trail->pending_line, "change %lld has no audit record",
                        (long long)trail->pending);
}

/* ---- I21 ---- */

static void check_names(struct judge *judge, const struct history_audit *audit)
{
    bool of_person = strncmp(audit->action, "session.", 8) == 0;

    if (!audit->desktop)
        return;
    judge_check(judge, 21);
    if (!audit->role[0] && !audit->terminal_id)
        judge_broken(judge, 21, "audit record %lld ('%s') names neither a terminal nor a role",
                     (long long)audit->seq, audit->action);
    if (!audit->outcome[0])
        judge_broken(judge, 21, "audit record %lld ('%s') has no outcome", (long long)audit->seq,
                     audit->action);
    /* Work on an unused machine concerns no person. */
    if (of_person && !audit->user_id)
        judge_broken(judge, 21, "audit record %lld ('%s') names no person", (long long)audit->seq,
                     audit->action);
}

void trail_audit(struct judge *judge, const struct history_audit *audit)
{
    struct trail *trail = &judge->trail;

    check_sequence(judge, audit);
    check_cover(judge, audit);
    check_names(judge, audit);
    trail->seq = audit->seq;
    trail->life = judge->life.number;
    if (strcmp(audit->role, "administrator") == 0)
        trail->administrator++;
    if (audit->rev > trail->rev)
        trail->rev = audit->rev;
    if (audit->rev && trail->pending <= trail->rev)
        trail->pending = 0;
}

void trail_row(struct judge *judge, const struct history_row *row)
{
    struct trail *trail = &judge->trail;

    if (!row->rev)
        return;
    if (row->verb == history_verb_STORED) {
        if (!trail->pending) {
            trail->pending = row->rev;
            trail->pending_line = judge->number;
        }
        return;
    }
    /* Announced: its record came before it, or the history has none. */
    if (!trail->seq)
        return;
    judge_check(judge, 20);
    if (row->rev > trail->rev)
        judge_broken(judge, 20, "change %lld of %s %llu is announced without an audit record",
                     (long long)row->rev, history_entity_names[row->entity], number(row->id));
}

void trail_started(struct judge *judge)
{
    judge->trail.pending = 0; /* the line of its record may be lost with the broker */
}

void trail_end(struct judge *judge)
{
    if (judge->trail.pending && judge->trail.seq && judge->simulated)
        judge_broken_at(judge, 20, judge->trail.pending_line, "change %lld has no audit record",
                        (long long)judge->trail.pending);
}
