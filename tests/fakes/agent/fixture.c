/* fixture.c - what stories do and see, and the answers that the fake broker gives by itself. */
#include "fakes/agent/fixture.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "random_seeded.h"

#define WALL_START 1700000000000LL

static void news(struct agent_observer *observer, enum agent_event what,
                 const struct berth_error *why)
{
    struct fixture *fixture = container_of(observer, struct fixture, observer);

    fixture->news[what]++;
    if (why)
        fixture->last_news = *why;
}

struct fixture *fixture_new(uint64_t seed)
{
    struct fixture *fixture = berth_new(struct fixture);

    timers_init(&fixture->timers, 1000, WALL_START);
    random_seeded(&fixture->random, seed);
    fixture->uplink.fixture = fixture;
    fixture->locator.fixture = fixture;
    fixture->viewer.fixture = fixture;
    fixture->identity.facts = (struct agent_identity_facts){ .known = true,
                                                             .terminal = "ICU-07",
                                                             .accepted_ms = WALL_START,
                                                             .not_after_ms = WALL_START + 86400000,
                                                             .authority_hash = "aa" };
    (void)snprintf(fixture->device.facts.boot_id, sizeof(fixture->device.facts.boot_id), "boot-1");
    fixture->device.logs_size = 30000;
    fixture->screen.there = true;
    fixture->broker_up = true;
    fixture->grants = true;
    fixture->renew_after_ms = 10000;
    fixture->expires_in_ms = 30000;
    fixture->spread_ms = 20000;
    fixture->incarnation = 1;
    fixture->agent = (struct agent_flow){
        .timers = &fixture->timers,
        .random = &fixture->random,
        .uplink = &fixture->uplink,
        .locator = &fixture->locator,
        .identity = &fixture->identity,
        .viewer = &fixture->viewer,
        .screen = &fixture->screen,
        .device = &fixture->device,
        .options = { .agent_version = "test",
                     .links = { .count = 1, .at = { { "broker", 7001 } } },
                     .joins = { .count = 1, .at = { { "broker", 7002 } } } },
    };
    fixture->observer.notify = news;
    return fixture;
}

void fixture_free(struct fixture *fixture)
{
    if (!fixture->agent.stopping)
        agent_flow_stop(&fixture->agent);
    fixture_run(fixture, 10000); /* what was told to end has ended then */
    timers_free(&fixture->timers);
    free(fixture->device.profile);
    free(fixture);
}

void fixture_start(struct fixture *fixture)
{
    agent_flow_start(&fixture->agent);
    agent_flow_add_observer(&fixture->agent, &fixture->observer);
    fixture_run(fixture, 1000);
}

void fixture_run(struct fixture *fixture, int64_t ms)
{
    int64_t until_ms = fixture->timers.mono_ms + ms;
    int64_t start_ms = fixture->timers.mono_ms;
    int64_t wall_ms = fixture->timers.wall_ms;

    for (;;) {
        int64_t next_ms = timers_next(&fixture->timers);
        int64_t at_ms = next_ms < 0 ? until_ms : fixture->timers.mono_ms + next_ms;

        if (at_ms > until_ms)
            at_ms = until_ms;
        timers_advance(&fixture->timers, at_ms, wall_ms + at_ms - start_ms);
        if (at_ms >= until_ms && timers_next(&fixture->timers) != 0)
            return;
    }
}

size_t fixture_sent_count(const struct fixture *fixture, enum msg_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < fixture->sent_count; i++)
        count += fixture->sent[i].type == type;
    return count;
}

const struct msg *fixture_sent(const struct fixture *fixture, enum msg_type type)
{
    for (size_t i = fixture->sent_count; i > 0; i--)
        if (fixture->sent[i - 1].type == type)
            return &fixture->sent[i - 1];
    return NULL;
}

void fixture_msg(struct msg *msg, enum msg_type type)
{
    memset(msg, 0, sizeof(*msg));
    msg->type = type;
}

/* The request that such a message answers; MSG_TYPES: none. */
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

void fixture_say(struct fixture *fixture, struct msg *msg)
{
    enum msg_type question = question_of(msg);

    assert(fixture->uplink.open);
    if (msg->ref == 0 && question != MSG_TYPES && fixture_sent(fixture, question))
        msg->ref = fixture_sent(fixture, question)->ref;
    fixture->uplink.events->message(fixture->uplink.owner, msg);
    msg_wipe(msg);
    fixture_run(fixture, 0);
}

void fixture_refuse(struct fixture *fixture, const char *about, const char *code, const char *text)
{
    struct msg msg;

    fixture_msg(&msg, MSG_refused);
    (void)snprintf(msg.refused.about, sizeof(msg.refused.about), "%s", about);
    (void)snprintf(msg.refused.code, sizeof(msg.refused.code), "%s", code);
    (void)snprintf(msg.refused.text, sizeof(msg.refused.text), "%s", text);
    fixture_say(fixture, &msg);
}

void fixture_show_msg(const struct fixture *fixture, struct msg *msg, uint64_t session,
                      int64_t epoch, uint64_t connection)
{
    struct msg_show *show = &msg->show;

    fixture_msg(msg, MSG_show);
    show->session_id = session;
    show->epoch = epoch;
    show->connection_id = connection;
    show->port = 3389;
    show->clipboard = true;
    show->resume_ms = fixture->resume_ms;
    (void)snprintf(show->user, sizeof(show->user), "anna");
    (void)snprintf(show->pool, sizeof(show->pool), "ward-3");
    (void)snprintf(show->host, sizeof(show->host), "10.0.0.%d", (int)session);
    (void)snprintf(show->account, sizeof(show->account), "user");
    (void)snprintf(show->fingerprint, sizeof(show->fingerprint), "%064d", 7);
    if (!secret_set(&show->password, "one-time", 8))
        abort();
}

void fixture_show(struct fixture *fixture, uint64_t session, int64_t epoch, uint64_t connection)
{
    struct msg msg;

    fixture_show_msg(fixture, &msg, session, epoch, connection);
    if (fixture->agent.sign_on.running)
        msg.ref = fixture_sent(fixture, MSG_sign_on)->ref;
    fixture_say(fixture, &msg);
}

void fixture_hide(struct fixture *fixture, uint64_t session, int64_t epoch, const char *reason,
                  const char *text)
{
    struct msg msg;

    fixture_msg(&msg, MSG_hide);
    msg.hide.session_id = session;
    msg.hide.epoch = epoch;
    (void)snprintf(msg.hide.reason, sizeof(msg.hide.reason), "%s", reason);
    (void)snprintf(msg.hide.text, sizeof(msg.hide.text), "%s", text);
    fixture_say(fixture, &msg);
}

void fixture_cut(struct fixture *fixture)
{
    struct berth_error why = { 0 };

    (void)berth_fail(&why, BERTH_E_IO, "the wire was cut");
    assert(fixture->uplink.open);
    fixture->uplink.open = false;
    fixture->uplink.events->lost(fixture->uplink.owner, &why);
    fixture_run(fixture, 0);
}

void fixture_submit(struct fixture *fixture, const char *user, const char *password)
{
    struct greeter_event event = { .kind = greeter_event_kind_SUBMIT };

    (void)snprintf(event.user, sizeof(event.user), "%s", user);
    if (!secret_set(&event.password, password, strlen(password)))
        abort();
    fixture->screen.event(fixture->screen.owner, &event);
    greeter_event_wipe(&event);
    fixture_run(fixture, 0);
}

void fixture_greeter_event(struct fixture *fixture, enum greeter_event_kind kind)
{
    const struct greeter_event event = { .kind = kind };

    fixture->screen.event(fixture->screen.owner, &event);
    fixture_run(fixture, 0);
}

void fixture_idle(struct fixture *fixture, int64_t idle_ms)
{
    const struct greeter_event event = { .kind = greeter_event_kind_IDLE, .idle_ms = idle_ms };

    fixture->screen.event(fixture->screen.owner, &event);
    fixture_run(fixture, 0);
}

void fixture_connected(struct fixture *fixture)
{
    assert(fixture->viewer.running);
    fixture->viewer.events->connected(fixture->viewer.owner);
    fixture_run(fixture, 0);
}

void fixture_exits(struct fixture *fixture, int exit_code)
{
    assert(fixture->viewer.running);
    fixture->viewer.running = false;
    timer_stop(&fixture->timers, &fixture->viewer.end_timer);
    fixture->viewer.events->ended(fixture->viewer.owner, exit_code, 0);
    fixture_run(fixture, 0);
}

void fixture_to_picture(struct fixture *fixture, uint64_t session, int64_t epoch,
                        uint64_t connection)
{
    fixture_submit(fixture, "anna", "secret");
    fixture_run(fixture, 10);
    fixture_show(fixture, session, epoch, connection);
    fixture_run(fixture, 400);
    fixture_connected(fixture);
    fixture_run(fixture, 300);
    fixture_greeter_event(fixture, greeter_event_kind_PICTURE);
}
