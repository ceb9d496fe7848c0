/* sign_on_desktop.c - the steps that make the claimed desktop ready: wake, probe, secret. */
#include <stdio.h>
#include <string.h>

#include "flow/power.h"
#include "flow/quarantine.h"
#include "flow/sign_on_state.h"

#define PROBE_FRESH_MS 3000         /* it answered so lately that it is not probed again */
#define PROBE_RETRY_LIMIT_MS 10000  /* how long a READY desktop is probed before it fails */
#define SECRET_RETRY_LIMIT_MS 20000 /* the guest agent may start after the RDP server */
#define SECRET_DELAY_MS 500

/* ---- wake ---- */

struct desktop *sign_on_desktop(struct flow *flow)
{
    const struct sign_on *s = sign_on_of(flow);
    const struct session *session = session_find(s->context->core, s->claim.session_id);
    struct desktop *desktop = desktop_find(s->context->core, s->claim.desktop_id);

    if (!session || session->row.epoch != s->claim.epoch ||
        session->row.state != session_PREPARING) {
        (void)flow_fail(flow, BERTH_E_SUPERSEDED, "your session was taken over or ended meanwhile");
        return NULL;
    }
    if (!desktop)
        (void)flow_fail(flow, BERTH_E_NOT_FOUND, "the desktop was deleted");
    return desktop;
}

int sign_on_wake(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    struct desktop *desktop = sign_on_desktop(flow);

    if (!desktop)
        return FLOW_FAIL;
    s->probing_since_ms = s->context->timers->mono_ms;
    if (!desktop->power &&
        (desktop->state == desktop_READY || desktop->state == desktop_QUARANTINED))
        return SIGN_ON_PROBE;
    sign_on_send_progress(s, "wake", "Your desktop is being started", 0, 0);
    return flow_await(flow, desktop_request_up(s->context, desktop, &flow->op));
}

/* ---- probe ---- */

/* A machine's certificate is learnt once per boot, and its host reports every start; the viewer
 * accepts no other certificate. For an existing machine nothing reports a replacement.
 */
static bool certificate_is_known(const struct sign_on *s, const struct desktop *desktop)
{
    const struct host *host = host_find(s->context->core, desktop->row.host_id);

    return host && host->state == host_UP && (host->capabilities & VIRT_CAN_EVENTS) &&
           desktop->fingerprint[0] && desktop->state == desktop_READY;
}

int sign_on_probe(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    int64_t now = s->context->timers->mono_ms;
    struct desktop *desktop = sign_on_desktop(flow);
    struct probe_target target;
    int begun;

    if (!desktop)
        return FLOW_FAIL;
    s->secret_since_ms = 0;
    if (desktop->probed_ms && now - desktop->probed_ms < PROBE_FRESH_MS)
        return SIGN_ON_SECRET;
    target = (struct probe_target){ .address = desktop->address,
                                    .port = desktop->port,
                                    .answer_only = certificate_is_known(s, desktop),
                                    .urgent = true };
    begun = probe_begin(s->context->probe, &target, &s->probe, &flow->op);
    return flow_await(flow, begun);
}

static int probe_failed(struct flow *flow, struct desktop *desktop)
{
    struct sign_on *s = sign_on_of(flow);

    if (desktop->state != desktop_READY && desktop->state != desktop_QUARANTINED)
        return SIGN_ON_WAKE; /* its machine stopped meanwhile */
    if (flow->op.result == BERTH_E_BUSY)
        s->probing_since_ms += SIGN_ON_PROBE_DELAY_MS; /* it was not probed at all */
    if (s->context->timers->mono_ms - s->probing_since_ms < PROBE_RETRY_LIMIT_MS)
        return flow_await_then(flow, delay_begin(&s->delay, SIGN_ON_PROBE_DELAY_MS, &flow->op),
                               SIGN_ON_PROBE);
    if (desktop->state == desktop_QUARANTINED)
        return flow_fail(flow, BERTH_E_DESKTOP, "desktop '%s' is kept out of use: %s",
                         desktop->row.name, desktop->row.reason);
    if (s->claim.fresh)
        desktop_quarantine(s->context, desktop, flow->op.error.text);
    return flow_fail(flow, BERTH_E_DESKTOP, "desktop '%s' does not answer: %s", desktop->row.name,
                     flow->op.error.text);
}

int sign_on_probed(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    struct desktop *desktop = sign_on_desktop(flow);

    if (!desktop)
        return FLOW_FAIL;
    if (flow->op.result < 0)
        return probe_failed(flow, desktop);
    desktop->probed_ms = s->context->timers->mono_ms;
    if (!s->probe.fingerprint[0])
        return SIGN_ON_SECRET;
    if (desktop->fingerprint[0] && strcmp(desktop->fingerprint, s->probe.fingerprint) != 0) {
        desktop->probed_ms = 0;
        desktop_quarantine(s->context, desktop, "it shows another certificate than at its start");
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "desktop '%s' shows another certificate than at its start",
                         desktop->row.name);
    }
    copy_text(desktop->fingerprint, s->probe.fingerprint);
    return SIGN_ON_SECRET;
}

/* ---- secret ---- */

int sign_on_secret(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    const struct pool *pool = pool_find(s->context->core, s->claim.pool_id);
    const struct desktop *desktop = sign_on_desktop(flow);
    struct session *session;
    int begun;

    if (!desktop)
        return FLOW_FAIL;
    session = session_find(s->context->core, s->claim.session_id);
    if (pool->row.credential == pool_credential_PASSTHROUGH && !session->account[0]) {
        s->password = s->who.password;
        return SIGN_ON_TELL;
    }
    if (!session->account[0])
        copy_text(session->account, pool->row.account);
    secret_random(s->context->random, &s->password);
    s->args = (struct virt_args){ .secret = s->password };
    copy_text(s->args.uuid, desktop->row.uuid);
    copy_text(s->args.account, session->account);
    begun = virt_begin(s->context->virt, desktop->row.host_id, VIRT_password, &s->args, &s->result,
                       &flow->op);
    secret_wipe(&s->args.secret);
    return flow_await(flow, begun);
}

int sign_on_secret_set(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);

    if (flow->op.result >= 0)
        return SIGN_ON_TELL;
    secret_wipe(&s->password);
    /* The retry limit counts from the first answer: before, the call may have waited in a queue. */
    if (!s->secret_since_ms)
        s->secret_since_ms = s->context->timers->mono_ms;
    if (flow->op.result == BERTH_E_UNSUPPORTED || flow->op.result == BERTH_E_HOST_DOWN ||
        s->context->timers->mono_ms - s->secret_since_ms >= SECRET_RETRY_LIMIT_MS)
        return flow_fail_with(flow, &flow->op.error);
    /* The guest agent may not run yet, or the outcome is unknown: setting another password covers
     * both. */
    return flow_await_then(flow, delay_begin(&s->delay, SECRET_DELAY_MS, &flow->op),
                           SIGN_ON_SECRET);
}
