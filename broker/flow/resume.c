/* resume.c - remembering claims in memory, and checking a resume against rows and memory. */
#include "flow/resume.h"

/* What is kept in memory of a claim; in context.resumes by session id. */
struct resume {
    struct context *context;
    uint64_t session_id;
    int64_t epoch;
    int64_t resumed_epoch; /* epoch of the claim that this one replaced, 0 = none */
    struct secret password;
    struct berth_timer over; /* runs while the session is on no screen */
};

static struct resume *resume_of(struct context *context, uint64_t session_id)
{
    return map_get_id(&context->resumes, session_id);
}

static void forget(struct resume *resume)
{
    struct context *context = resume->context;

    (void)map_take_id(&context->resumes, resume->session_id);
    timer_stop(context->timers, &resume->over);
    berth_wipe_free(resume, sizeof(*resume));
}

static struct resume *resume_begin(struct context *context, uint64_t session_id, int64_t epoch)
{
    struct resume *resume = resume_of(context, session_id);

    if (!resume) {
        resume = berth_new(struct resume);
        resume->context = context;
        resume->session_id = session_id;
        map_put_id(&context->resumes, session_id, resume);
    }
    resume->epoch = epoch;
    resume->resumed_epoch = 0;
    secret_wipe(&resume->password);
    return resume;
}

void resume_keep(struct context *context, uint64_t session_id, int64_t epoch, int64_t resumed_epoch,
                 const struct secret *password)
{
    struct resume *resume;

    if (context->core->limits.resume_ms <= 0 || (secret_empty(password) && resumed_epoch == 0))
        return; /* the rows are sufficient */
    resume = resume_begin(context, session_id, epoch);
    resume->resumed_epoch = resumed_epoch;
    resume->password = *password;
}

static void time_is_over(struct berth_timer *timer)
{
    forget(container_of(timer, struct resume, over));
}

void resume_notice(struct context *context, uint64_t session_id)
{
    const struct session *session = session_find(context->core, session_id);
    struct resume *resume = resume_of(context, session_id);

    if (!resume)
        return;
    if (!session || session->row.epoch != resume->epoch || session->row.state == session_ENDING ||
        session->row.state == session_ENDED) {
        forget(resume);
    } else if (session->row.state != session_DISCONNECTED) {
        timer_stop(context->timers, &resume->over);
    } else if (!timer_armed(&resume->over)) {
        timer_start(context->timers, &resume->over, context->core->limits.resume_ms, time_is_over);
    }
}

/* Was this connection at this terminal? Then it may be told where the session is now. */
static bool was_shown_there(struct context *context, const struct terminal *terminal,
                            const struct resume_claim *claim)
{
    const struct connection *connection = connection_find(context->core, claim->connection_id);

    return connection && connection->row.terminal_id == terminal->row.id &&
           connection->row.session_id == claim->session_id && connection->row.epoch == claim->epoch;
}

/* A terminal that asks for a session that it never showed is told nothing about it. */
static int judge_owner(struct context *context, const struct terminal *terminal,
                       const struct resume_claim *claim, const struct session *session,
                       struct berth_error *reterr)
{
    const struct terminal *there;

    if (session && session->row.terminal_id == terminal->row.id)
        return 0;
    there = session && was_shown_there(context, terminal, claim)
                ? terminal_find(context->core, session->row.terminal_id)
                : NULL;
    if (there)
        return berth_fail(reterr, BERTH_E_SUPERSEDED, "Your session moved to %s", there->row.name);
    return berth_fail(reterr, BERTH_E_STATE, "Your session is shown elsewhere, or is over");
}

static int judge_claim(const struct resume *resume, const struct resume_claim *claim,
                       const struct session *session, struct berth_error *reterr)
{
    bool replaced = resume && resume->epoch == session->row.epoch && resume->resumed_epoch > 0 &&
                    resume->resumed_epoch == claim->epoch;

    if (session->row.state == session_ENDING || session->row.state == session_ENDED)
        return berth_fail(reterr, BERTH_E_STATE, "Your session is over");
    if (session->row.epoch != claim->epoch && !replaced)
        return berth_fail(reterr, BERTH_E_SUPERSEDED,
                          "Your session was taken off this screen meanwhile; sign on to return "
                          "to it");
    return 0;
}

/* How long it has been on no screen, as observed by the broker. */
static int64_t away_for_ms(const struct context *context, const struct session *session)
{
    return session->row.state == session_DISCONNECTED && session->limit_state == session->row.state
               ? context->timers->mono_ms - session->since_ms
               : 0;
}

bool resume_is_due(const struct context *context, const struct session *session)
{
    return session->row.state == session_DISCONNECTED &&
           away_for_ms(context, session) <= context->core->limits.resume_ms;
}

/* The longer of what the terminal reports and what the broker observed counts. */
static int judge_time(struct context *context, const struct resume_claim *claim,
                      const struct session *session, struct berth_error *reterr)
{
    int64_t limit_ms = context->core->limits.resume_ms;
    int64_t lost_ms = claim->lost_ms;
    int64_t away_ms = away_for_ms(context, session);

    if (away_ms > lost_ms)
        lost_ms = away_ms;
    if (lost_ms <= limit_ms)
        return 0;
    return berth_fail(reterr, BERTH_E_STATE,
                      "The picture was lost more than %lld s ago; sign on to return to your "
                      "session",
                      (long long)limit_ms / 1000);
}

static int judge_password(struct context *context, const struct resume *resume,
                          const struct session *session, struct secret *ret,
                          struct berth_error *reterr)
{
    const struct pool *pool = pool_find(context->core, session->row.pool_id);

    secret_wipe(ret);
    if (!pool || pool->row.credential != pool_credential_PASSTHROUGH)
        return 0;
    if (!resume || secret_empty(&resume->password))
        return berth_fail(reterr, BERTH_E_STATE,
                          "The broker was restarted and has not kept your password; sign on to "
                          "return to your session");
    *ret = resume->password;
    return 0;
}

int resume_check(struct context *context, const struct terminal *terminal,
                 const struct resume_claim *claim, struct session **ret_session,
                 struct secret *ret_password, struct berth_error *reterr)
{
    struct session *session = session_find(context->core, claim->session_id);
    const struct resume *resume = resume_of(context, claim->session_id);
    int r;

    if (context->core->limits.resume_ms <= 0)
        return berth_fail(reterr, BERTH_E_STATE, "Sign on to return to your session");
    r = judge_owner(context, terminal, claim, session, reterr);
    if (r < 0)
        return r;
    r = judge_claim(resume, claim, session, reterr);
    if (r < 0)
        return r;
    r = judge_time(context, claim, session, reterr);
    if (r < 0)
        return r;
    r = judge_password(context, resume, session, ret_password, reterr);
    if (r < 0)
        return r;
    *ret_session = session;
    return 0;
}

void resume_stop(struct context *context)
{
    struct map *all = &context->resumes;

    for (size_t i = 0; i < all->capacity; i++) {
        struct resume *resume = all->slots[i].hash ? all->slots[i].value : NULL;

        if (!resume)
            continue;
        timer_stop(context->timers, &resume->over);
        berth_wipe_free(resume, sizeof(*resume));
    }
    map_clear(all);
}
