/* sign_on_messages.c - messages to the terminal during a sign-on. */
#include <stdio.h>
#include <string.h>

#include "flow/context.h"
#include "flow/sign_on_state.h"

void sign_on_send_progress(struct sign_on *s, const char *step, const char *text, int place,
                           int64_t estimate_ms)
{
    struct msg msg = { .type = MSG_progress, .ref = s->ref };

    copy_text(msg.progress.step, step);
    copy_text(msg.progress.text, text);
    msg.progress.queue_place = place;
    msg.progress.estimate_ms = estimate_ms;
    context_tell(s->context, s->terminal->peer, &msg);
}

const char *sign_on_error_text(const struct berth_error *error)
{
    static const int technical[] = { BERTH_E_DESKTOP,         BERTH_E_HOST,     BERTH_E_HOST_DOWN,
                                     BERTH_E_UNKNOWN_OUTCOME, BERTH_E_TIMEOUT,  BERTH_E_UNSUPPORTED,
                                     BERTH_E_CERTIFICATE,     BERTH_E_PROTOCOL, BERTH_E_STORE,
                                     BERTH_E_NO_SPACE,        BERTH_E_IO,       BERTH_E_CONFIG,
                                     BERTH_E_SCHEMA,          BERTH_E_INTERNAL };

    for (size_t i = 0; i < BERTH_COUNT(technical); i++) {
        if (error->code != technical[i])
            continue;
        return berth_error_row(error->code)->retry
                   ? "Your desktop is not ready yet. Try again in a moment; if that fails too, "
                     "call your IT service."
                   : "Your desktop cannot be opened. Call your IT service.";
    }
    return berth_error_text(error);
}

void sign_on_send_choices(struct sign_on *s, const struct policy_verdict *verdicts, size_t count)
{
    struct msg *msg = berth_new(struct msg);
    size_t max = BERTH_COUNT(msg->choose.choices);

    msg->type = MSG_choose;
    msg->ref = s->ref;
    for (size_t i = 0; i < count && msg->choose.choices_count < max; i++) {
        const struct pool *pool = pool_find(s->context->core, verdicts[i].pool_id);
        struct msg_choice *choice = &msg->choose.choices[msg->choose.choices_count++];

        copy_text(choice->pool, pool->row.name);
        copy_text(choice->title, pool->row.title[0] ? pool->row.title : pool->row.name);
    }
    context_tell(s->context, s->terminal->peer, msg);
    free(msg);
}

static int64_t shortest_ms(int64_t a_s, int64_t b_s)
{
    int64_t shortest_s = a_s;

    if (shortest_s == 0 || (b_s > 0 && b_s < shortest_s))
        shortest_s = b_s;
    return shortest_s > 86400 ? 86400000 : shortest_s * 1000;
}

/* A terminal's profile may forbid redirections that the entitlement grants. */
static void put_policy(const struct sign_on *s, const struct pool *pool, struct msg_show *show)
{
    struct effective *effective = berth_new(struct effective);
    const struct settings *settings = &effective->settings;
    const struct policy_flags *flags = &s->verdict.flags;

    effective_settings(s->context->core, s->terminal, effective);
    show->clipboard = flags->clipboard && settings->clipboard;
    show->drives = flags->drives && settings->drives;
    show->usb = flags->usb && settings->usb;
    show->sound = flags->sound && settings->sound;
    show->printers = flags->printers && settings->printers;
    show->idle_lock_ms = shortest_ms(settings->idle_lock_s, pool->row.idle_s);
    free(effective);
}

void sign_on_send_show(struct sign_on *s)
{
    struct core *core = s->context->core;
    const struct pool *pool = pool_find(core, s->claim.pool_id);
    const struct desktop *desktop = desktop_find(core, s->claim.desktop_id);
    const struct session *session = session_find(core, s->claim.session_id);
    struct msg msg = { .type = MSG_show, .ref = s->ref };
    struct msg_show *show = &msg.show;

    show->session_id = s->claim.session_id;
    show->epoch = s->claim.epoch;
    show->connection_id = s->claim.connection_id;
    copy_text(show->user, s->user);
    copy_text(show->pool, pool->row.name);
    copy_text(show->host, desktop->address);
    show->port = desktop->port;
    copy_text(show->account, session->account[0] ? session->account : s->user);
    copy_text(show->domain, pool->row.domain);
    copy_text(show->fingerprint, desktop->fingerprint);
    show->password = s->password;
    show->resume_ms = core->limits.resume_ms;
    put_policy(s, pool, show);
    context_tell(s->context, s->terminal->peer, &msg);
    msg_wipe(&msg);
    secret_wipe(&s->password);
}
