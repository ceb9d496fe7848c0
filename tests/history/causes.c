/* causes.c - a session ends for a reason that is not the loss of presence (I11).
 *
 * When a decision begins to end a session, its row names the cause. A limit must have passed, by
 * the monotonic clock, and not before the session existed. An assignment closes when none of its
 * sessions is open.
 */
#include "history/judge_internal.h"

/* Rows have the time of their turn of the loop; waiting times are in whole milliseconds. */
#define ROUND_US INT64_C(5000)

static unsigned long long number(uint64_t id)
{
    return (unsigned long long)id;
}

static bool is_living(const struct fact *session)
{
    return session->known && !session->dropped && !session->over && session->state != ROW_ENDING;
}

static void check_limit(struct judge *judge, const struct fact *fact, const struct fact *was,
                        const struct history_row *row)
{
    if (row->limit_ms <= 0)
        judge_broken(judge, 11, "session %llu ends by a limit that its pool does not have",
                     number(fact->id));
    else if (row->waited_ms < row->limit_ms)
        judge_broken(judge, 11, "session %llu ends by its limit after %lld of %lld ms",
                     number(fact->id), (long long)row->waited_ms, (long long)row->limit_ms);
    else if (was->added_us && row->waited_ms * 1000 > judge->now_us - was->added_us + ROUND_US)
        judge_broken(judge, 11,
                     "session %llu ends by a limit of %lld ms, but is only %lld ms old (line %llu)",
                     number(fact->id), (long long)row->limit_ms,
                     (long long)(judge->now_us - was->added_us) / 1000, number(was->line));
}

void causes_session(struct judge *judge, struct fact *fact, const struct fact *was,
                    const struct history_row *row)
{
    if (row->verb == history_verb_LOADED || is_living(fact) || !is_living(was))
        return;
    judge_check(judge, 11);
    switch (row->cause) {
    case history_cause_NONE:
    case history_cause_END:
        judge_broken(judge, 11, "session %llu of user %llu ends without a cause", number(fact->id),
                     number(fact->user_id));
        return;
    case history_cause_LIMIT:
        check_limit(judge, fact, was, row);
        return;
    case history_cause_USER:
    case history_cause_ADMIN:
    case history_cause_MACHINE:
    case history_cause_GUEST:
    case history_cause_FAILED:
        return;
    }
}

void causes_assignment(struct judge *judge, struct fact *fact, const struct fact *was,
                       const struct history_row *row)
{
    bool closes = (fact->over || fact->dropped) && was->known && !was->over && !was->dropped;

    if (row->verb == history_verb_LOADED || !closes)
        return;
    judge_check(judge, 11);
    list_each (&user_make(judge, was->user_id)->sessions, node) {
        const struct fact *session = list_entry(node, struct fact, of_user);

        judge->steps++;
        if (session->session_id == fact->id && is_living(session))
            judge_broken(
                judge, 11,
                "desktop %llu is taken from user %llu, whose session %llu lives (line %llu)",
                number(was->desktop_id), number(was->user_id), number(session->id),
                number(session->line));
    }
}
