/* ports.c - the ports of a real agent in the simulator: each passes its calls to agent_callbacks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/agent/agent_internal.h"

/* ---- uplink ---- */

void uplink_set_events(struct uplink *uplink, const struct uplink_events *events, void *owner)
{
    uplink->events = events;
    uplink->owner = owner;
}

static void dial_cancelled(struct op *op)
{
    struct uplink *uplink = op->handle;
    struct agent *agent = uplink->agent;

    uplink->dialling = NULL;
    agent->callbacks.hang_up(agent->callbacks.who);
}

int uplink_dial_begin(struct uplink *uplink, const struct uplink_target *target, struct op *op)
{
    struct agent *agent = uplink->agent;

    uplink_close(uplink);
    uplink->dialling = op;
    agent->callbacks.dial(agent->callbacks.who, target->listener == UPLINK_JOIN,
                          agent->memory->key);
    return op_begun(op, dial_cancelled, uplink);
}

int uplink_send(struct uplink *uplink, const struct msg *msg, struct berth_error *reterr)
{
    struct agent *agent = uplink->agent;

    if (!uplink->open)
        return berth_fail(reterr, BERTH_E_STATE, "not connected");
    agent->callbacks.send(agent->callbacks.who, msg);
    return 0;
}

void uplink_close(struct uplink *uplink)
{
    struct agent *agent = uplink->agent;

    if (!uplink->open)
        return;
    uplink->open = false;
    agent->callbacks.hang_up(agent->callbacks.who);
}

bool uplink_is_open(const struct uplink *uplink)
{
    return uplink->open;
}

/* ---- locator ---- */

int locator_find_begin(berth_unused struct locator *locator, berth_unused const char *service,
                       berth_unused struct broker_addresses *ret, struct op *op)
{
    return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no DNS in the simulator");
}

/* ---- identity: keys are words, certificates are the fake authority's ---- */

const struct agent_identity_facts *agent_identity_facts(const struct agent_identity *identity)
{
    return &identity->facts;
}

const char *agent_identity_certificate(const struct agent_identity *identity)
{
    return identity->facts.known ? identity->agent->memory->certificate : NULL;
}

const char *agent_identity_key(const struct agent_identity *identity)
{
    return identity->facts.known ? identity->agent->memory->key : NULL;
}

const char *agent_identity_authority(const struct agent_identity *identity)
{
    return identity->facts.known ? "authority of the stories" : NULL;
}

int agent_identity_trust(struct agent_identity *identity, const char *authority_hash,
                         berth_unused struct berth_error *reterr)
{
    (void)snprintf(identity->facts.authority_hash, sizeof(identity->facts.authority_hash), "%s",
                   authority_hash);
    return 0;
}

int agent_identity_request(struct agent_identity *identity, bool again, char request[1024],
                           struct msg_join_evidence *ret_old,
                           berth_unused struct berth_error *reterr)
{
    struct agent_memory *memory = identity->agent->memory;

    if (!again || !memory->next_key[0])
        (void)snprintf(memory->next_key, sizeof(memory->next_key), "%.40s-key-%u", memory->terminal,
                       ++memory->keys);
    (void)snprintf(request, 1024, "request %s", memory->next_key);
    if (ret_old && memory->known) {
        ret_old->kind = join_evidence_kind_OLD_KEY;
        (void)snprintf(ret_old->certificate, sizeof(ret_old->certificate), "%s",
                       memory->certificate);
        identity->agent->callbacks.sign(memory->key, request, ret_old->signature,
                                        sizeof(ret_old->signature));
    }
    return 0;
}

int agent_identity_accept(struct agent_identity *identity, const char *certificate,
                          berth_unused const char *authority, const char *terminal, int64_t now_ms,
                          struct berth_error *reterr)
{
    struct agent_memory *memory = identity->agent->memory;
    int64_t until_ms = 0;

    if (!memory->next_key[0] ||
        sscanf(certificate, "certificate %*63s %*71s %" SCNd64, &until_ms) != 1)
        return berth_fail(reterr, BERTH_E_CERTIFICATE, "not for our key");
    (void)snprintf(memory->key, sizeof(memory->key), "%s", memory->next_key);
    memory->next_key[0] = '\0';
    (void)snprintf(memory->certificate, sizeof(memory->certificate), "%s", certificate);
    memory->known = true;
    memory->accepted_ms = now_ms;
    memory->not_after_ms = until_ms;
    identity->facts.known = true;
    identity->facts.accepted_ms = now_ms;
    identity->facts.not_after_ms = until_ms;
    if (terminal) {
        (void)snprintf(memory->terminal, sizeof(memory->terminal), "%s", terminal);
        (void)snprintf(identity->facts.terminal, sizeof(identity->facts.terminal), "%s", terminal);
        secret_wipe(&memory->invitation);
    }
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
    struct agent *agent = viewer->agent;
    const struct terminal_status *terminal = &agent->flow.terminal;
    struct msg_show view = { .port = request->port,
                             .password = request->password,
                             .session_id = terminal->shown.session_id,
                             .epoch = terminal->shown.epoch };

    if (viewer->running)
        return berth_fail(reterr, BERTH_E_STATE, "a viewer runs");
    copy_text(view.host, request->host);
    copy_text(view.account, request->account);
    copy_text(view.user, terminal->user);
    copy_text(view.fingerprint, request->fingerprint);
    viewer->running = true;
    viewer->told_to_end = false;
    agent->callbacks.view(agent->callbacks.who, &view);
    secret_wipe(&view.password);
    return 0;
}

void viewer_end(struct viewer *viewer)
{
    struct agent *agent = viewer->agent;

    if (!viewer->running || viewer->told_to_end)
        return;
    viewer->told_to_end = true;
    agent->callbacks.unview(agent->callbacks.who);
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

int64_t screen_show(struct screen *screen, berth_unused const struct page *page)
{
    return ++screen->serial;
}

bool screen_is_up(berth_unused const struct screen *screen)
{
    return true;
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
                berth_unused struct berth_error *reterr)
{
    struct agent_memory *memory = device->agent->memory;

    if (strcmp(name, "profile") == 0) {
        free(memory->profile);
        memory->profile = berth_strdup(text);
    }
    return 0;
}

char *device_load(struct device *device, const char *name)
{
    const struct agent_memory *memory = device->agent->memory;

    return memory->profile && strcmp(name, "profile") == 0 ? berth_strdup(memory->profile) : NULL;
}

int device_reboot_begin(struct device *device, struct op *op)
{
    struct agent *agent = device->agent;

    agent->callbacks.reboot(agent->callbacks.who);
    op_complete_deferred(op, 0, NULL);
    return 0;
}

int device_logs_begin(berth_unused struct device *device, struct device_logs *ret, struct op *op)
{
    ret->data = berth_strdup("nothing happened\n");
    ret->size = strlen(ret->data);
    (void)snprintf(ret->sha256, sizeof(ret->sha256), "%064d", 1);
    op_complete_deferred(op, 0, NULL);
    return 0;
}
