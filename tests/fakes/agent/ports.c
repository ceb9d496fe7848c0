/* ports.c - the ports of the agent as fakes: they record calls and do what the fixture says. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "fakes/agent/fixture.h"

/* ---- uplink ---- */

void uplink_set_events(struct uplink *uplink, const struct uplink_events *events, void *owner)
{
    uplink->events = events;
    uplink->owner = owner;
}

static void dialled(struct berth_timer *timer)
{
    struct uplink *uplink = container_of(timer, struct uplink, dial_timer);
    struct fixture *fixture = uplink->fixture;
    struct op *op = berth_take(uplink->dialling);
    struct berth_error error = { 0 };

    if (fixture->broker_up) {
        uplink->open = true;
        op_complete(op, 0, NULL);
        return;
    }
    (void)berth_fail(&error, fixture->dial_fails ? fixture->dial_fails : BERTH_E_IO,
                     "nobody answers");
    op_complete(op, error.code, &error);
}

static void dial_cancelled(struct op *op)
{
    struct uplink *uplink = op->handle;

    timer_stop(&uplink->fixture->timers, &uplink->dial_timer);
    uplink->dialling = NULL;
}

int uplink_dial_begin(struct uplink *uplink, const struct uplink_target *target, struct op *op)
{
    assert(!uplink->dialling);
    uplink->open = false;
    uplink->dialling = op;
    uplink->listener = target->listener;
    uplink->port = target->port;
    uplink->dialled_at_wall_ms = target->now_ms;
    (void)snprintf(uplink->host, sizeof(uplink->host), "%s", target->host);
    if (uplink->dials < (int)BERTH_COUNT(uplink->dialled_at_ms))
        uplink->dialled_at_ms[uplink->dials] = uplink->fixture->timers.mono_ms;
    uplink->dials++;
    timer_start(&uplink->fixture->timers, &uplink->dial_timer, 5, dialled);
    return op_begun(op, dial_cancelled, uplink);
}

struct answer {
    struct berth_timer timer;
    struct fixture *fixture;
    struct msg msg;
};

static void answered(struct berth_timer *timer)
{
    struct answer *answer = container_of(timer, struct answer, timer);

    if (answer->fixture->uplink.open)
        answer->fixture->uplink.events->message(answer->fixture->uplink.owner, &answer->msg);
    free(answer);
}

static void grant(struct fixture *fixture, uint64_t ref)
{
    struct answer *answer = berth_new(struct answer);
    struct msg_granted *granted = &answer->msg.granted;

    answer->fixture = fixture;
    answer->msg.type = MSG_granted;
    answer->msg.ref = ref;
    (void)snprintf(granted->presence_id, sizeof(granted->presence_id), "presence-%lld",
                   (long long)fixture->incarnation);
    (void)snprintf(granted->terminal, sizeof(granted->terminal), "ICU-07");
    granted->presence_expires_in_ms = fixture->expires_in_ms;
    granted->renew_after_ms = fixture->renew_after_ms;
    granted->reconnect_spread_ms = fixture->spread_ms;
    granted->server_time_ms = fixture->timers.wall_ms + 5000;
    granted->incarnation = fixture->incarnation;
    timer_start(&fixture->timers, &answer->timer, 2, answered);
}

int uplink_send(struct uplink *uplink, const struct msg *msg, struct berth_error *reterr)
{
    struct fixture *fixture = uplink->fixture;

    if (!uplink->open)
        return berth_fail(reterr, BERTH_E_STATE, "not connected");
    assert(fixture->sent_count < FIXTURE_SENT);
    fixture->sent[fixture->sent_count++] = *msg;
    if (fixture->grants && (msg->type == MSG_announce || msg->type == MSG_renew))
        grant(fixture, msg->ref);
    return 0;
}

void uplink_close(struct uplink *uplink)
{
    uplink->open = false;
}

bool uplink_is_open(const struct uplink *uplink)
{
    return uplink->open;
}

/* ---- locator ---- */

int locator_find_begin(struct locator *locator, const char *service, struct broker_addresses *ret,
                       struct op *op)
{
    struct berth_error error = { 0 };

    locator->asked++;
    (void)snprintf(locator->service, sizeof(locator->service), "%s", service);
    *ret = locator->answer;
    if (locator->answer.count == 0)
        (void)berth_fail(&error, BERTH_E_NOT_FOUND, "no such record");
    op_complete_deferred(op, error.code, &error);
    return 0;
}

/* ---- identity ---- */

const struct agent_identity_facts *agent_identity_facts(const struct agent_identity *identity)
{
    return &identity->facts;
}

const char *agent_identity_certificate(const struct agent_identity *identity)
{
    return identity->facts.known ? "certificate" : NULL;
}

const char *agent_identity_key(const struct agent_identity *identity)
{
    return identity->facts.known ? "key" : NULL;
}

const char *agent_identity_authority(const struct agent_identity *identity)
{
    return identity->facts.known ? "authority" : NULL;
}

int agent_identity_trust(struct agent_identity *identity, const char *authority_hash,
                         struct berth_error *reterr)
{
    (void)reterr;
    (void)snprintf(identity->facts.authority_hash, sizeof(identity->facts.authority_hash), "%s",
                   authority_hash);
    return 0;
}

int agent_identity_request(struct agent_identity *identity, bool again, char request[1024],
                           struct msg_join_evidence *ret_old, struct berth_error *reterr)
{
    (void)reterr;
    identity->requests++;
    if (!again || !identity->pending)
        identity->keys++;
    identity->pending = true;
    (void)snprintf(request, 1024, "request for key %d", identity->keys);
    if (ret_old && identity->old_key) {
        ret_old->kind = join_evidence_kind_OLD_KEY;
        (void)snprintf(ret_old->certificate, sizeof(ret_old->certificate), "old certificate");
        (void)snprintf(ret_old->signature, sizeof(ret_old->signature), "00");
    }
    return 0;
}

int agent_identity_accept(struct agent_identity *identity, const char *certificate,
                          const char *authority, const char *terminal, int64_t now_ms,
                          struct berth_error *reterr)
{
    (void)certificate;
    (void)authority;
    if (identity->refuse)
        return berth_fail(reterr, identity->refuse, "not for our key");
    identity->pending = false;
    identity->facts.known = true;
    identity->facts.accepted_ms = now_ms;
    identity->facts.not_after_ms = now_ms + 86400000;
    if (terminal)
        (void)snprintf(identity->facts.terminal, sizeof(identity->facts.terminal), "%s", terminal);
    return 0;
}

/* ---- viewer ---- */

void viewer_set_events(struct viewer *viewer, const struct viewer_events *events, void *owner)
{
    viewer->events = events;
    viewer->owner = owner;
}

int viewer_start(struct viewer *viewer, const struct viewer_request *request,
                 struct berth_error *reterr)
{
    assert(!viewer->running);
    if (viewer->refuse)
        return berth_fail(reterr, viewer->refuse, "the viewer does not start");
    viewer->running = true;
    viewer->told_to_end = false;
    viewer->starts++;
    viewer->request = *request;
    return 0;
}

static void viewer_gone(struct berth_timer *timer)
{
    struct viewer *viewer = container_of(timer, struct viewer, end_timer);

    viewer->running = false;
    viewer->events->ended(viewer->owner, viewer->stubborn ? -1 : 145, viewer->stubborn ? 9 : 0);
}

void viewer_end(struct viewer *viewer)
{
    if (!viewer->running || viewer->told_to_end)
        return;
    viewer->told_to_end = true;
    timer_start(&viewer->fixture->timers, &viewer->end_timer, viewer->stubborn ? 2000 : 20,
                viewer_gone);
}

bool viewer_is_running(const struct viewer *viewer)
{
    return viewer->running;
}

/* ---- screen ---- */

void screen_set_events(struct screen *screen, screen_event_fn *event, void *owner)
{
    screen->event = event;
    screen->owner = owner;
}

int64_t screen_show(struct screen *screen, const struct page *page)
{
    const struct agent_flow *agent = screen->owner;

    if (!screen->there)
        return 0;
    if (page->kind == page_kind_BANNER)
        screen->banner = *page;
    else
        screen->page = *page;
    assert(screen->count < FIXTURE_PAGES);
    screen->viewer_ran[screen->count] = agent->viewer->running && !agent->viewer->told_to_end;
    screen->kinds[screen->count++] = page->kind;
    return ++screen->serial;
}

bool screen_is_up(const struct screen *screen)
{
    return screen->there;
}

/* ---- device ---- */

const struct device_facts *device_facts(const struct device *device)
{
    return &device->facts;
}

int64_t device_slept_ms(const struct device *device)
{
    return device->slept_ms;
}

int device_save(struct device *device, const char *name, const char *text,
                struct berth_error *reterr)
{
    if (device->refuse_save)
        return berth_fail(reterr, device->refuse_save, "the disk is full");
    if (strcmp(name, "profile") == 0) {
        free(device->profile);
        device->profile = berth_strdup(text);
    }
    return 0;
}

char *device_load(struct device *device, const char *name)
{
    return device->profile && strcmp(name, "profile") == 0 ? berth_strdup(device->profile) : NULL;
}

int device_reboot_begin(struct device *device, struct op *op)
{
    if (device->refuse_reboot)
        return berth_fail(&op->error, device->refuse_reboot, "no command is configured");
    device->reboots++;
    op_complete_deferred(op, 0, NULL);
    return 0;
}

int device_logs_begin(struct device *device, struct device_logs *ret, struct op *op)
{
    ret->size = device->logs_size;
    ret->data = berth_alloc(device->logs_size + 1);
    memset(ret->data, 'x', device->logs_size);
    (void)snprintf(ret->sha256, sizeof(ret->sha256), "%064d", 1);
    op_complete_deferred(op, 0, NULL);
    return 0;
}
