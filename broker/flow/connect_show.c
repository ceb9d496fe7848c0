/* connect_show.c - what a terminal is told on the way to a desktop. */
#include <stdio.h>
#include <string.h>

#include "flow/connect_state.h"
#include "flow/reactor.h"

#define COPY(to, from) (void)snprintf((to), sizeof(to), "%s", (from))

void connect_progress(struct connect *c, const char *step, const char *text, int place,
                      int64_t estimate_ms)
{
    struct msg msg = { .type = MSG_progress, .ref = c->ref };

    COPY(msg.progress.step, step);
    COPY(msg.progress.text, text);
    msg.progress.queue_place = place;
    msg.progress.estimate_ms = estimate_ms;
    context_tell(c->context, c->terminal->peer, &msg);
}

const char *connect_words(const struct berth_error *error)
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

void connect_ask_pool(struct connect *c, const struct policy_verdict *verdicts, size_t count)
{
    struct msg *msg = berth_new(struct msg);
    size_t max = BERTH_COUNT(msg->choose.choices);

    msg->type = MSG_choose;
    msg->ref = c->ref;
    for (size_t i = 0; i < count && msg->choose.choices_count < max; i++) {
        const struct pool *pool = pool_find(c->context->core, verdicts[i].pool_id);
        struct msg_choice *choice = &msg->choose.choices[msg->choose.choices_count++];

        COPY(choice->pool, pool->row.name);
        COPY(choice->title, pool->row.title[0] ? pool->row.title : pool->row.name);
    }
    context_tell(c->context, c->terminal->peer, msg);
    free(msg);
}

static int64_t shortest_ms(int64_t a_s, int64_t b_s)
{
    int64_t shortest_s = a_s;

    if (shortest_s == 0 || (b_s > 0 && b_s < shortest_s))
        shortest_s = b_s;
    return shortest_s > 86400 ? 86400000 : shortest_s * 1000;
}

/* What an entitlement allows, a terminal's profile may still forbid. */
static void put_policy(const struct connect *c, const struct pool *pool, struct msg_show *show)
{
    struct effective *effective = berth_new(struct effective);
    const struct settings *settings = &effective->settings;
    const struct policy_flags *flags = &c->verdict.flags;

    effective_settings(c->context->core, c->terminal, effective);
    show->clipboard = flags->clipboard && settings->clipboard;
    show->drives = flags->drives && settings->drives;
    show->usb = flags->usb && settings->usb;
    show->sound = flags->sound && settings->sound;
    show->printers = flags->printers && settings->printers;
    show->idle_lock_ms = shortest_ms(settings->idle_lock_s, pool->row.idle_s);
    free(effective);
}

void connect_show(struct connect *c)
{
    struct core *core = c->context->core;
    const struct pool *pool = pool_find(core, c->claim.pool_id);
    const struct desktop *desktop = desktop_find(core, c->claim.desktop_id);
    const struct session *session = session_find(core, c->claim.session_id);
    struct msg msg = { .type = MSG_show, .ref = c->ref };
    struct msg_show *show = &msg.show;

    show->session_id = c->claim.session_id;
    show->epoch = c->claim.epoch;
    show->connection_id = c->claim.connection_id;
    COPY(show->user, c->user);
    COPY(show->pool, pool->row.name);
    COPY(show->host, desktop->address);
    show->port = desktop->port;
    COPY(show->account, session->account[0] ? session->account : c->user);
    COPY(show->domain, pool->row.domain);
    COPY(show->fingerprint, desktop->fingerprint);
    show->password = c->password;
    show->resume_ms = core->limits.resume_ms;
    put_policy(c, pool, show);
    context_tell(c->context, c->terminal->peer, &msg);
    msg_wipe(&msg);
    secret_wipe(&c->password);
}
