/* ward.c - the story's own words, and the broker as far as it answers by itself. */
#include "fakes/agent/ward.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define WALL_START 1700000000000LL

static void news(struct agent_observer *observer, enum agent_event what,
                 const struct berth_error *why)
{
    struct ward *ward = container_of(observer, struct ward, observer);

    ward->news[what]++;
    if (why)
        ward->last_news = *why;
}

struct ward *ward_new(uint64_t seed)
{
    struct ward *ward = berth_new(struct ward);

    timers_init(&ward->timers, 1000, WALL_START);
    random_seeded(&ward->random, seed);
    ward->uplink.ward = ward;
    ward->locator.ward = ward;
    ward->viewer.ward = ward;
    ward->identity.facts = (struct agent_identity_facts){ .known = true,
                                                          .terminal = "ICU-07",
                                                          .accepted_ms = WALL_START,
                                                          .not_after_ms = WALL_START + 86400000,
                                                          .authority_hash = "aa" };
    (void)snprintf(ward->device.facts.boot_id, sizeof(ward->device.facts.boot_id), "boot-1");
    ward->device.logs_size = 30000;
    ward->screen.there = true;
    ward->broker_up = true;
    ward->grants = true;
    ward->renew_after_ms = 10000;
    ward->expires_in_ms = 30000;
    ward->spread_ms = 20000;
    ward->incarnation = 1;
    ward->agent = (struct agent_flow){
        .timers = &ward->timers,
        .random = &ward->random,
        .uplink = &ward->uplink,
        .locator = &ward->locator,
        .identity = &ward->identity,
        .viewer = &ward->viewer,
        .screen = &ward->screen,
        .device = &ward->device,
        .options = { .agent_version = "test",
                     .links = { .count = 1, .at = { { "broker", 7001 } } },
                     .joins = { .count = 1, .at = { { "broker", 7002 } } } },
    };
    ward->observer.notify = news;
    return ward;
}

void ward_free(struct ward *ward)
{
    if (!ward->agent.stopping)
        agent_flow_stop(&ward->agent);
    ward_run(ward, 10000); /* what was told to end ends */
    timers_free(&ward->timers);
    free(ward->device.profile);
    free(ward);
}

void ward_start(struct ward *ward)
{
    agent_flow_start(&ward->agent);
    agent_flow_add_observer(&ward->agent, &ward->observer);
    ward_run(ward, 1000);
}

void ward_run(struct ward *ward, int64_t ms)
{
    int64_t until_ms = ward->timers.mono_ms + ms;
    int64_t start_ms = ward->timers.mono_ms;
    int64_t wall_ms = ward->timers.wall_ms;

    for (;;) {
        int64_t next_ms = timers_next(&ward->timers);
        int64_t at_ms = next_ms < 0 ? until_ms : ward->timers.mono_ms + next_ms;

        if (at_ms > until_ms)
            at_ms = until_ms;
        timers_advance(&ward->timers, at_ms, wall_ms + at_ms - start_ms);
        if (at_ms >= until_ms && timers_next(&ward->timers) != 0)
            return;
    }
}

size_t ward_sent_count(const struct ward *ward, enum msg_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < ward->sent_count; i++)
        count += ward->sent[i].type == type;
    return count;
}

const struct msg *ward_sent(const struct ward *ward, enum msg_type type)
{
    for (size_t i = ward->sent_count; i > 0; i--)
        if (ward->sent[i - 1].type == type)
            return &ward->sent[i - 1];
    return NULL;
}

void ward_msg(struct msg *msg, enum msg_type type)
{
    memset(msg, 0, sizeof(*msg));
    msg->type = type;
}

/* The question that such a message answers; MSG_TYPES: none. */
static enum msg_type question_of(const struct msg *msg)
{
    switch ((int)msg->type) {
    case MSG_progress:
    case MSG_choose:
        return MSG_sign_on;
    case MSG_joined:
    case MSG_join_wait:
    case MSG_join_pending:
        return MSG_join;
    case MSG_certificate:
        return MSG_renew_certificate;
    case MSG_refused:
        for (int type = MSG_NONE + 1; type < MSG_TYPES; type++)
            if (strcmp(msg_row((enum msg_type)type)->name, msg->refused.about) == 0)
                return (enum msg_type)type;
        return MSG_TYPES;
    default:
        return MSG_TYPES;
    }
}

void ward_say(struct ward *ward, struct msg *msg)
{
    enum msg_type question = question_of(msg);

    assert(ward->uplink.open);
    if (msg->ref == 0 && question != MSG_TYPES && ward_sent(ward, question))
        msg->ref = ward_sent(ward, question)->ref;
    ward->uplink.events->message(ward->uplink.owner, msg);
    msg_wipe(msg);
    ward_run(ward, 0);
}

void ward_refuse(struct ward *ward, const char *about, const char *code, const char *text)
{
    struct msg msg;

    ward_msg(&msg, MSG_refused);
    (void)snprintf(msg.refused.about, sizeof(msg.refused.about), "%s", about);
    (void)snprintf(msg.refused.code, sizeof(msg.refused.code), "%s", code);
    (void)snprintf(msg.refused.text, sizeof(msg.refused.text), "%s", text);
    ward_say(ward, &msg);
}

void ward_show_msg(const struct ward *ward, struct msg *msg, uint64_t session, int64_t epoch,
                   uint64_t connection)
{
    struct msg_show *show = &msg->show;

    ward_msg(msg, MSG_show);
    show->session_id = session;
    show->epoch = epoch;
    show->connection_id = connection;
    show->port = 3389;
    show->clipboard = true;
    show->resume_ms = ward->resume_ms;
    (void)snprintf(show->user, sizeof(show->user), "anna");
    (void)snprintf(show->pool, sizeof(show->pool), "ward-3");
    (void)snprintf(show->host, sizeof(show->host), "10.0.0.%d", (int)session);
    (void)snprintf(show->account, sizeof(show->account), "user");
    (void)snprintf(show->fingerprint, sizeof(show->fingerprint), "%064d", 7);
    if (!secret_set(&show->password, "one-time", 8))
        abort();
}

void ward_show(struct ward *ward, uint64_t session, int64_t epoch, uint64_t connection)
{
    struct msg msg;

    ward_show_msg(ward, &msg, session, epoch, connection);
    if (ward->agent.sign_on.running)
        msg.ref = ward_sent(ward, MSG_sign_on)->ref;
    ward_say(ward, &msg);
}

void ward_hide(struct ward *ward, uint64_t session, int64_t epoch, const char *reason,
               const char *text)
{
    struct msg msg;

    ward_msg(&msg, MSG_hide);
    msg.hide.session_id = session;
    msg.hide.epoch = epoch;
    (void)snprintf(msg.hide.reason, sizeof(msg.hide.reason), "%s", reason);
    (void)snprintf(msg.hide.text, sizeof(msg.hide.text), "%s", text);
    ward_say(ward, &msg);
}

void ward_cut(struct ward *ward)
{
    struct berth_error why = { 0 };

    (void)berth_fail(&why, BERTH_E_IO, "the wire was cut");
    assert(ward->uplink.open);
    ward->uplink.open = false;
    ward->uplink.events->lost(ward->uplink.owner, &why);
    ward_run(ward, 0);
}

void ward_submit(struct ward *ward, const char *user, const char *password)
{
    struct greeter_event event = { .kind = greeter_event_kind_SUBMIT };

    (void)snprintf(event.user, sizeof(event.user), "%s", user);
    if (!secret_set(&event.password, password, strlen(password)))
        abort();
    ward->screen.event(ward->screen.owner, &event);
    greeter_event_wipe(&event);
    ward_run(ward, 0);
}

void ward_greeter_event(struct ward *ward, enum greeter_event_kind kind)
{
    const struct greeter_event event = { .kind = kind };

    ward->screen.event(ward->screen.owner, &event);
    ward_run(ward, 0);
}

void ward_idle(struct ward *ward, int64_t idle_ms)
{
    const struct greeter_event event = { .kind = greeter_event_kind_IDLE, .idle_ms = idle_ms };

    ward->screen.event(ward->screen.owner, &event);
    ward_run(ward, 0);
}

void ward_connected(struct ward *ward)
{
    assert(ward->viewer.running);
    ward->viewer.events->connected(ward->viewer.owner);
    ward_run(ward, 0);
}

void ward_exits(struct ward *ward, int exit_code)
{
    assert(ward->viewer.running);
    ward->viewer.running = false;
    timer_stop(&ward->timers, &ward->viewer.end_timer);
    ward->viewer.events->ended(ward->viewer.owner, exit_code, 0);
    ward_run(ward, 0);
}

void ward_to_picture(struct ward *ward, uint64_t session, int64_t epoch, uint64_t connection)
{
    ward_submit(ward, "anna", "secret");
    ward_run(ward, 10);
    ward_show(ward, session, epoch, connection);
    ward_run(ward, 400);
    ward_connected(ward);
    ward_run(ward, 300);
    ward_greeter_event(ward, greeter_event_kind_PICTURE);
}
