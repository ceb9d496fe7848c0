/* join.c - how a terminal gets an identity: joining, and the next certificate of a known one.
 *
 * The request carries evidence. What valid evidence leads to is the join policy of the site:
 *   accept      the terminal may be used
 *   quarantine  it is admitted, but users cannot sign on
 *   approve     it gets no certificate until an administrator has compared the code on its screen
 * Serial number and MAC are shown to administrators, and are never evidence. An expired key that is
 * not revoked may renew for the site's renew_days.
 *
 * Terminals with the same invitation take its uses one after the other. Those in line are told
 * every few seconds that their answer still comes, so that terminal and listener keep the
 * connection. Whether an invitation has expired is judged by the time of the request, however long
 * the line is. One that was withdrawn or used up meanwhile admits nobody.
 */
#include <stdio.h>
#include <string.h>

#include "berth/log.h"
#include "berth/wait.h"

#include "core/index.h"
#include "flow/decide.h"
#include "flow/keys.h"
#include "flow/terminal_handlers.h"

static flow_begin_fn check, sign, queue_up, record, tell;
static flow_finish_fn recorded;
static void join_ended(struct flow *flow, const struct berth_error *error);

enum { CHECK, SIGN, QUEUE, RECORD, TELL };

/* No limits: each wait is for work of the broker itself that comes to its end, and a flow in the
 * queue waits for others. A flow is cancelled when its connection ends.
 */
/* clang-format off */
static const struct flow_step join_steps[] = {
    /*           name      begin     finish    undo  limit/ms        true after it */
    [CHECK]  = { "check",  check,    NULL,     NULL, 0 },            /* the evidence was judged, the rows are planned */
    [SIGN]   = { "sign",   sign,     NULL,     NULL, FLOW_QUEUED },  /* there is a certificate, not sent yet */
    [QUEUE]  = { "queue",  queue_up, NULL,     NULL, FLOW_QUEUED },  /* no other flow takes a use of an invitation */
    [RECORD] = { "record", record,   recorded, NULL, FLOW_DURABLE }, /* terminal and key are durable */
    [TELL]   = { "tell",   tell,     NULL,     NULL, 0 },            /* the terminal was answered */
};
/* clang-format on */

static const struct flow_kind join_kind = { .name = "join",
                                            .steps = join_steps,
                                            .count = BERTH_COUNT(join_steps),
                                            .admin_cancel = true,
                                            .ended = join_ended };

#define WAITING_MAX 1000    /* terminals that may wait for approval at the same time */
#define WAIT_RETRY_MS 15000 /* when a terminal that waits shall ask again */
#define PENDING_MS 8000     /* an agent gives up after 20 s of silence, the listener after 60 */
#define IDENTITIES_KEPT 8   /* retired keys that are kept per terminal */
#define CONFLICTS_MAX 8
#define USED_UP "the invitation was used up"

struct join {
    struct flow flow;
    struct context *context;
    uint64_t peer;
    uint64_t ref;
    bool renewal;         /* by a connected terminal, not at the join listener */
    struct msg_join said; /* of a renewal only `request` is set */
    char key_hash[72];
    struct row_terminal terminal; /* the row as it will be */
    uint64_t invitation_id;       /* the invitation that this uses; 0: none */
    uint64_t asking_id;           /* identity whose key asks; 0: none */
    struct waitq_entry wait;
    struct berth_timer pending; /* sends the next MSG_join_pending */
    int64_t asked_ms; /* time of the request, wall clock; an invitation must have been valid then */
    bool is_new;
    bool waits;
    int conflicts;
    struct changes *changes; /* owned until decide_begin */
    struct ca_certificate certificate;
};

static struct join *join_of(struct flow *flow)
{
    return container_of(flow, struct join, flow);
}

/* ---- evidence ---- */

static enum join_policy policy_of(struct core *core, uint64_t place_id)
{
    const struct site *site = keys_site(core, place_id);

    return site ? site->row.join_policy : join_policy_ACCEPT;
}

static enum terminal_state state_by_policy(enum join_policy policy)
{
    switch (policy) {
    case join_policy_ACCEPT:
        return terminal_ACCEPTED;
    case join_policy_QUARANTINE:
        return terminal_QUARANTINED;
    case join_policy_APPROVE:
    case join_policy_NONE:
    case join_policy_END:
        break;
    }
    return terminal_WAITING;
}

/* A name that is not taken: from the serial number, if necessary with a number behind it. */
static void choose_name(struct core *core, const char *wanted, char name[64])
{
    char base[48];
    size_t used = 0;

    for (const char *c = wanted; *c && used + 1 < sizeof(base); c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                     (*c >= 'A' && *c <= 'Z') || *c == '-' || *c == '.' || *c == '_';

        base[used++] = plain ? *c : '-';
    }
    base[used] = '\0';
    (void)snprintf(name, 64, "t-%s", used ? base : "terminal");
    for (int number = 2; terminal_by_name(core, name); number++)
        (void)snprintf(name, 64, "t-%s-%d", used ? base : "terminal", number);
}

static void new_terminal(struct join *join, enum terminal_state state, const char *name,
                         const char *why)
{
    struct context *context = join->context;
    struct row_terminal *row = &join->terminal;

    join->is_new = true;
    *row = (struct row_terminal){ .id = core_next_id(context->core), .state = state };
    row->joined_ms = context->timers->wall_ms;
    if (name[0])
        copy_text(row->name, name);
    else
        choose_name(context->core, join->said.serial, row->name);
    berth_text(row->reason, sizeof(row->reason), "%s", why);
}

/* An invitation for a terminal that existed when it was made gives that terminal another key,
 * whatever it is called by now: a replaced device, a lost disk. An invitation for a new terminal
 * makes a new one, and never takes over a terminal that got the name meanwhile. */
static int by_invitation(struct join *join, const struct msg_join_evidence *evidence,
                         struct berth_error *reterr)
{
    struct core *core = join->context->core;
    struct invitation *invitation;
    struct terminal *known;
    char hash[72];

    core->digest(evidence->value.text, hash);
    invitation = invitation_by_token(core, hash);
    if (!invitation)
        return berth_fail(reterr, BERTH_E_DENIED, "invalid invitation");
    if (invitation->row.uses_left < 1)
        return berth_fail(reterr, BERTH_E_DENIED, USED_UP);
    if (invitation->row.expires_ms < join->asked_ms)
        return berth_fail(reterr, BERTH_E_DENIED, "the invitation has expired");
    known = terminal_find(core, invitation->row.replaces_id);
    if (!known && terminal_by_name(core, invitation->row.terminal))
        return berth_fail(reterr, BERTH_E_EXISTS,
                          "another terminal has the name '%s' meanwhile; make a new invitation",
                          invitation->row.terminal);
    if (known && known->row.state == terminal_REVOKED)
        return berth_fail(reterr, BERTH_E_REVOKED, "terminal '%s' was revoked", known->row.name);
    if (known) {
        join->terminal = known->row;
    } else {
        new_terminal(join, state_by_policy(policy_of(core, invitation->row.place_id)),
                     invitation->row.terminal, "joined by an invitation");
        join->terminal.place_id = invitation->row.place_id;
        memcpy(join->terminal.tags, invitation->row.tags, sizeof(join->terminal.tags));
    }
    join->invitation_id = invitation->row.id;
    return 0;
}

/* The key permits the request; its terminal is the one that the request is for. */
static int by_key(struct join *join, const struct identity *identity, enum key_use use,
                  struct berth_error *reterr)
{
    int r = key_may(join->context, identity, use, reterr);

    if (r < 0)
        return r;
    join->asking_id = identity->row.id;
    join->terminal = terminal_find(join->context->core, identity->row.terminal_id)->row;
    return 0;
}

static int by_old_key(struct join *join, const struct msg_join_evidence *evidence,
                      struct berth_error *reterr)
{
    int64_t not_after_ms;
    char key_hash[72];
    int r;

    r = ca_check_old_key(join->context->ca, join->said.request, evidence->certificate,
                         evidence->signature, key_hash, &not_after_ms, reterr);
    if (r < 0)
        return r;
    return by_key(join, identity_by_key(join->context->core, key_hash), KEY_RENEW, reterr);
}

static int count_waiting(struct core *core)
{
    int waiting = 0;

    list_each (core_all(core, ENTITY_terminal), node) {
        waiting += entity_at(node, terminal)->row.state == terminal_WAITING;
    }
    return waiting;
}

/* Without evidence a terminal may only wait for approval, and only at a site with that policy. */
static int by_approval(struct join *join, struct berth_error *reterr)
{
    struct core *core = join->context->core;

    if (policy_of(core, 0) != join_policy_APPROVE)
        return berth_fail(reterr, BERTH_E_DENIED, "this site admits invited terminals only");
    if (count_waiting(core) >= WAITING_MAX)
        return berth_fail(reterr, BERTH_E_BUSY, "too many terminals wait for approval");
    new_terminal(join, terminal_WAITING, "", "it came without an invitation");
    return 0;
}

/* The first valid evidence decides; when none is valid, the last reason is sent. */
static int check_evidence(struct join *join, struct berth_error *reterr)
{
    int r = BERTH_E_DENIED;

    if (join->said.evidence_count == 0)
        return by_approval(join, reterr);
    (void)berth_fail(reterr, r, "no evidence of a kind that is accepted here");
    for (size_t i = 0; r < 0 && i < join->said.evidence_count; i++) {
        const struct msg_join_evidence *evidence = &join->said.evidence[i];

        if (evidence->kind == join_evidence_kind_INVITATION)
            r = by_invitation(join, evidence, reterr);
        else if (evidence->kind == join_evidence_kind_OLD_KEY)
            r = by_old_key(join, evidence, reterr);
    }
    return r;
}

/* ---- steps ---- */

/* Shown at the terminal and to the administrator. Both derive it from the key, so they agree for
 * the right device only. */
static void make_code(const char *key_hash, char code[16])
{
    char digits[9];
    unsigned long number;

    (void)snprintf(digits, sizeof(digits), "%.8s", key_hash);
    number = strtoul(digits, NULL, 16);
    (void)snprintf(code, 16, "%03lu-%03lu", number / 1000 % 1000, number % 1000);
}

static void plan_terminal(struct join *join)
{
    struct row_terminal *row = &join->terminal;

    join->waits = row->state == terminal_WAITING;
    memcpy(row->serial, join->said.serial, sizeof(row->serial));
    memcpy(row->mac, join->said.mac, sizeof(row->mac));
    memcpy(row->model, join->said.model, sizeof(row->model));
    if (join->waits) {
        make_code(join->key_hash, row->code);
        memcpy(row->waiting_key, join->key_hash, sizeof(row->waiting_key));
    } else {
        row->code[0] = '\0';
        row->waiting_key[0] = '\0';
    }
    if (join->is_new)
        (void)changes_add(join->changes, ENTITY_terminal, row);
    else
        (void)changes_set(join->changes, ENTITY_terminal, row);
}

/* The request is signed by a known key. When that key permits it, no further evidence is needed; a
 * key that does not is treated as unknown. */
static int check_key(struct join *join, const struct identity *identity, struct berth_error *reterr)
{
    char why[151];
    int r = by_key(join, identity, KEY_RENEW, reterr);

    if (r == 0 || r == BERTH_E_REVOKED)
        return r;
    if (join->said.evidence_count > 0)
        return check_evidence(join, reterr);
    berth_text(why, sizeof(why), "%s", reterr->text);
    return berth_fail(reterr, BERTH_E_DENIED, "%s; it needs an invitation", why);
}

static int check_request(struct join *join, struct berth_error *reterr)
{
    struct core *core = join->context->core;
    const struct peer *peer = context_peer(join->context, join->peer);
    const struct identity *identity;
    const struct terminal *terminal;
    int r;

    r = ca_request_key(join->said.request, join->key_hash, reterr);
    if (r < 0)
        return r;
    if (join->renewal)
        return by_key(join, identity_find(core, peer ? peer->identity_id : 0), KEY_CONNECT, reterr);
    identity = identity_by_key(core, join->key_hash);
    if (identity)
        return check_key(join, identity, reterr);
    terminal = terminal_by_waiting_key(core, join->key_hash);
    if (!terminal)
        return check_evidence(join, reterr);
    if (terminal->row.state == terminal_REVOKED)
        return berth_fail(reterr, BERTH_E_REVOKED, "terminal '%s' was revoked", terminal->row.name);
    join->terminal = terminal->row;
    return 0;
}

/* Not sent to a terminal that waits for approval, nor to one without valid evidence: their
 * connections end after joining_ms. */
static void send_pending(struct berth_timer *timer)
{
    struct join *join = container_of(timer, struct join, pending);
    const struct msg msg = { .type = MSG_join_pending, .ref = join->ref };

    context_tell(join->context, join->peer, &msg);
    timer_start(join->context->timers, timer, PENDING_MS, send_pending);
}

static int check(struct flow *flow)
{
    struct join *join = join_of(flow);
    const struct identity *identity;
    struct berth_error error = { 0 };

    join->changes =
        changes_new("terminal", "terminal", join->renewal ? "terminal.renew" : "terminal.join");
    if (check_request(join, &error) < 0)
        return flow_fail_with(flow, &error);
    if (!join->renewal)
        plan_terminal(join);
    if (join->renewal || join->waits)
        timer_stop(join->context->timers, &join->pending); /* armed by an earlier pass */
    else
        timer_start(join->context->timers, &join->pending, PENDING_MS, send_pending);
    changes_object(join->changes, "terminal %s", join->terminal.name);
    join->changes->audit.terminal_id = join->terminal.id;
    if (join->waits)
        return QUEUE;
    identity = identity_by_key(join->context->core, join->key_hash);
    if (identity && identity->row.terminal_id != join->terminal.id)
        return flow_fail(flow, BERTH_E_CERTIFICATE, "this key belongs to another terminal");
    if (identity && identity->row.state != identity_CURRENT)
        return flow_fail(flow, BERTH_E_CERTIFICATE, "this key was replaced; make a new one");
    return SIGN;
}

static int sign(struct flow *flow)
{
    struct join *join = join_of(flow);

    return flow_await(flow,
                      ca_sign_begin(join->context->ca, join->said.request, join->terminal.name,
                                    join->terminal.id, &join->certificate, &flow->op));
}

/* A ward that is switched on joins with one invitation. Each terminal waits until the use before is
 * written; otherwise all but one would find the invitation changed.
 */
static int queue_up(struct flow *flow)
{
    struct join *join = join_of(flow);
    struct context *context = join->context;

    if (join->invitation_id == 0)
        return RECORD;
    if (context->invitation_flow && context->invitation_flow != flow)
        return flow_await_then(flow, waitq_wait(&context->invitation_waitq, &join->wait, &flow->op),
                               QUEUE);
    context->invitation_flow = flow;
    return RECORD;
}

static int take_use(struct join *join, struct berth_error *reterr)
{
    struct invitation *invitation = invitation_find(join->context->core, join->invitation_id);
    struct row_invitation *row;

    if (!invitation)
        return berth_fail(reterr, BERTH_E_DENIED, "the invitation was withdrawn");
    if (invitation->row.uses_left < 1)
        return berth_fail(reterr, BERTH_E_DENIED, USED_UP);
    row = changes_set(join->changes, ENTITY_invitation, &invitation->row);
    row->uses_left--;
    return 0;
}

/* Retired keys are kept as evidence of the kind OLD_KEY, but a diskless terminal makes one at every
 * boot. */
static void drop_oldest_key(struct join *join)
{
    struct core *core = join->context->core;
    struct list *keys = index_list(core, IDENTITIES_OF_TERMINAL, join->terminal.id);
    const struct row_identity *oldest = NULL;
    int retired = 0;

    list_each (keys, node) {
        const struct row_identity *row = entity_row_of(index_entry(IDENTITIES_OF_TERMINAL, node));

        if (row->state != identity_RETIRED)
            continue;
        retired++;
        if (!oldest || row->id < oldest->id)
            oldest = row;
    }
    if (retired >= IDENTITIES_KEPT)
        changes_drop(join->changes, ENTITY_identity, oldest);
}

static void plan_identity(struct join *join)
{
    struct core *core = join->context->core;
    const struct identity *known = identity_by_key(core, join->key_hash);
    const struct identity *asking = identity_find(core, join->asking_id);
    const uint64_t but[2] = { join->asking_id, known ? known->row.id : 0 };
    struct row_identity fresh = { .terminal_id = join->terminal.id, .state = identity_CURRENT };
    struct row_identity *row;

    /* The key that asks is written as well: when this and a replacement of the device are written
     * at the same time, one of them is refused. Otherwise the replaced device would get a key that
     * is not revoked. */
    if (asking && asking != known)
        (void)changes_set(join->changes, ENTITY_identity, &asking->row);
    if (!known || join->invitation_id)
        keys_replaced(join->context, join->terminal.id, but, join->changes);
    if (known) {
        row = changes_set(join->changes, ENTITY_identity, &known->row);
    } else {
        fresh.id = core_next_id(core);
        memcpy(fresh.key_hash, join->key_hash, sizeof(fresh.key_hash));
        if (join->asking_id)
            drop_oldest_key(join);
        row = changes_add(join->changes, ENTITY_identity, &fresh);
    }
    row->not_after_ms = join->certificate.not_after_ms;
}

/* While the certificate was signed, the key that asks may have been retired or revoked. */
static int recheck_key(const struct join *join, struct berth_error *reterr)
{
    const struct identity *identity = identity_find(join->context->core, join->asking_id);

    return key_may(join->context, identity, join->renewal ? KEY_CONNECT : KEY_RENEW, reterr);
}

static int record(struct flow *flow)
{
    struct join *join = join_of(flow);
    struct berth_error error = { 0 };

    if (join->invitation_id && take_use(join, &error) < 0)
        return flow_fail_with(flow, &error);
    if (join->asking_id && recheck_key(join, &error) < 0)
        return flow_fail_with(flow, &error);
    if (!join->waits)
        plan_identity(join);
    return flow_await(flow,
                      decide_begin(join->context, berth_take(join->changes), NULL, &flow->op));
}

static void tell_wait(struct join *join)
{
    struct msg msg = { .type = MSG_join_wait, .ref = join->ref };

    memcpy(msg.join_wait.code, join->terminal.code, sizeof(msg.join_wait.code));
    msg.join_wait.retry_after_ms = WAIT_RETRY_MS;
    context_tell(join->context, join->peer, &msg);
}

static void tell_certificate(struct join *join)
{
    struct msg msg = { .type = join->renewal ? MSG_certificate : MSG_joined, .ref = join->ref };
    const struct ca_certificate *certificate = &join->certificate;

    if (join->renewal) {
        memcpy(msg.certificate.certificate, certificate->certificate,
               sizeof(msg.certificate.certificate));
    } else {
        memcpy(msg.joined.terminal, join->terminal.name, sizeof(msg.joined.terminal));
        memcpy(msg.joined.certificate, certificate->certificate, sizeof(msg.joined.certificate));
        memcpy(msg.joined.authority, certificate->authority, sizeof(msg.joined.authority));
    }
    context_tell(join->context, join->peer, &msg);
}

/* Another decision about this terminal's keys came first: judge by the present facts. */
static int check_again(struct join *join)
{
    join->is_new = false;
    join->waits = false;
    join->asking_id = 0;
    join->invitation_id = 0;
    return CHECK;
}

static int recorded(struct flow *flow)
{
    struct join *join = join_of(flow);

    if (flow->op.result == BERTH_E_CONFLICT && ++join->conflicts <= CONFLICTS_MAX)
        return check_again(join);
    return flow->op.result < 0 ? flow_fail_with(flow, &flow->op.error) : TELL;
}

static int tell(struct flow *flow)
{
    struct join *join = join_of(flow);

    if (join->waits) {
        tell_wait(join);
    } else {
        log_event(EV_TERMINAL_JOINED, "terminal", join->terminal.name, "renewal", join->renewal,
                  "state", terminal_state_names[join->terminal.state]);
        context_note_peer(join->context, history_peer_event_ISSUED, join->terminal.id, 0,
                          join->key_hash);
        tell_certificate(join);
    }
    return FLOW_DONE;
}

/* A refusal is sent to the terminal. */
static void join_ended(struct flow *flow, const struct berth_error *error)
{
    struct join *join = join_of(flow);
    struct context *context = join->context;
    struct peer *peer = context_peer(context, join->peer);

    if (peer && peer->flow == flow)
        peer->flow = NULL;
    if (error->code) {
        context_refuse(context, join->peer, join->renewal ? "renew_certificate" : "join", join->ref,
                       error, WAIT_RETRY_MS);
        log_event(EV_TERMINAL_REFUSED, "who", flow->who, "error",
                  berth_error_row(error->code)->symbol, "reason", berth_error_text(error));
        context_note_peer(context, history_peer_event_REFUSED, 0, 0, join->key_hash);
    }
    timer_stop(context->timers, &join->pending);
    changes_free(join->changes);
    if (context->invitation_flow == flow) {
        context->invitation_flow = NULL;
        waitq_wake(&context->invitation_waitq);
    }
    berth_wipe_free(join, sizeof(*join));
}

/* ---- start ---- */

static void start(struct context *context, uint64_t peer_id, uint64_t ref,
                  const struct msg_join *said, bool renewal)
{
    struct peer *peer = context_peer(context, peer_id);
    struct join *join;
    char who[96];

    if (!peer || peer->flow || context->stopping)
        return; /* one request per connection at a time; the terminal asks again */
    join = berth_new(struct join);
    join->context = context;
    join->peer = peer_id;
    join->ref = ref;
    join->asked_ms = context->timers->wall_ms;
    join->renewal = renewal;
    join->said = *said;
    (void)snprintf(who, sizeof(who), "%s (%.60s)",
                   renewal ? context_terminal_name(context, peer_id) : "a new terminal",
                   peer->address);
    flow_start(&context->engine, &join->flow, &join_kind, who);
    peer->flow = &join->flow;
}

void join_start(struct context *context, uint64_t peer, const struct msg *msg)
{
    start(context, peer, msg->ref, &msg->join, false);
}

void certificate_renewal_start(struct context *context, uint64_t peer, const struct msg *msg)
{
    struct msg_join said = { .request = "" };

    memcpy(said.request, msg->renew_certificate.request, sizeof(said.request));
    start(context, peer, msg->ref, &said, true);
}
