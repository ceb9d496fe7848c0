/* enroll.c - from a request and its evidence to a certificate, or to a place among those that wait. */
#include "flow/enroll.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/index.h"
#include "flow/decide.h"
#include "flow/desk.h"
#include "flow/waitq.h"
#include "flow/reactor.h"
#include "flow/keys.h"

static flow_step_fn look, sign, line_up, record, tell;
static void enroll_ended(struct flow *flow, const struct berth_error *error);

enum { LOOK, SIGN, LINE_UP, RECORD, TELL };

/* No limit: each wait is for work of our own that comes to its end, and whoever stands in a line
 * waits for others. A connection that ends calls its flow off.
 */
/* clang-format off */
static const struct flow_step enroll_steps[] = {
    /*             name       step     undo  limit/ms        true when it is behind us                        */
    [LOOK]    = { "look",    look,    NULL, 0 },            /* the evidence was judged, the rows are planned */
    [SIGN]    = { "sign",    sign,    NULL, FLOW_QUEUED },  /* there is a certificate, which nobody has      */
    [LINE_UP] = { "line-up", line_up, NULL, FLOW_QUEUED },  /* nobody else takes from an invitation          */
    [RECORD]  = { "record",  record,  NULL, FLOW_DURABLE }, /* terminal and key are on disk                  */
    [TELL]    = { "tell",    tell,    NULL, 0 },            /* the terminal knows                            */
};
/* clang-format on */

static const struct flow_kind enroll_kind = { .name = "enroll",
                                              .steps = enroll_steps,
                                              .count = BERTH_COUNT(enroll_steps),
                                              .people_cancel = true,
                                              .ended = enroll_ended };

#define WAITING_MAX 1000    /* terminals that may wait for approval at once */
#define WAIT_RETRY_MS 15000 /* how soon one that waits asks again */
#define PENDING_MS 8000     /* an agent gives up after 20 s without a word, the listener after 60 */
#define IDENTITIES_KEPT 8   /* retired keys of a terminal that are remembered */
#define CONFLICTS_MAX 8
#define USED_UP "the invitation was used up"

struct enroll {
    struct flow flow;
    struct context *context;
    uint64_t peer;
    uint64_t ref;
    bool renewal;         /* by a connected terminal, not through the join listener */
    struct msg_join join; /* a renewal fills the request only */
    char key_hash[72];
    struct row_terminal terminal; /* as it will be */
    uint64_t invitation_id;       /* of which this takes one use; 0: of none */
    uint64_t asks;                /* identity by whose power this is; 0: of none */
    struct waitq_entry wait;
    struct berth_timer pending; /* it is told then that its answer still comes */
    int64_t asked_ms;           /* wall clock; an invitation must have been good then */
    bool is_new;
    bool waits;
    int conflicts;
    struct changes *changes; /* owned until they are decided */
    struct ca_certificate certificate;
};

static struct enroll *enroll_of(struct flow *flow)
{
    return container_of(flow, struct enroll, flow);
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

/* A name that is free: as wished, else with a number behind it. */
static void choose_name(struct core *core, const char *wish, char name[64])
{
    char base[48];
    size_t used = 0;

    for (const char *c = wish; *c && used + 1 < sizeof(base); c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                     (*c >= 'A' && *c <= 'Z') || *c == '-' || *c == '.' || *c == '_';

        base[used++] = plain ? *c : '-';
    }
    base[used] = '\0';
    (void)snprintf(name, 64, "t-%s", used ? base : "terminal");
    for (int number = 2; terminal_by_name(core, name); number++)
        (void)snprintf(name, 64, "t-%s-%d", used ? base : "terminal", number);
}

static void new_terminal(struct enroll *enroll, enum terminal_state state, const char *name,
                         const char *why)
{
    struct context *context = enroll->context;
    struct row_terminal *row = &enroll->terminal;

    enroll->is_new = true;
    *row = (struct row_terminal){ .id = core_next_id(context->core), .state = state };
    row->joined_ms = context->timers->wall_ms;
    if (name[0])
        (void)snprintf(row->name, sizeof(row->name), "%s", name);
    else
        choose_name(context->core, enroll->join.serial, row->name);
    berth_text(row->reason, sizeof(row->reason), "%s", why);
}

/* An invitation for a terminal we knew when it was made gives that terminal another key, whatever
 * it is called by now: a replaced device, a lost disk. One for a new terminal makes a new one, and
 * never takes over what got the name meanwhile. */
static int by_invitation(struct enroll *enroll, const struct msg_join_evidence *evidence,
                         struct berth_error *reterr)
{
    struct core *core = enroll->context->core;
    struct invitation *invitation;
    struct entity *entity;
    struct terminal *known;
    char hash[72];

    core->digest(evidence->value.text, hash);
    entity = index_find_text(core, INVITATION_BY_TOKEN, hash);
    if (!entity)
        return berth_fail(reterr, BERTH_E_DENIED, "the invitation is not known");
    invitation = container_of(entity, struct invitation, base);
    if (invitation->row.uses_left < 1)
        return berth_fail(reterr, BERTH_E_DENIED, USED_UP);
    if (invitation->row.expires_ms < enroll->asked_ms)
        return berth_fail(reterr, BERTH_E_DENIED, "the invitation has expired");
    known = terminal_find(core, invitation->row.replaces_id);
    if (!known && terminal_by_name(core, invitation->row.terminal))
        return berth_fail(reterr, BERTH_E_EXISTS,
                          "another terminal is called '%s' meanwhile; invite this one anew",
                          invitation->row.terminal);
    if (known && known->row.state == terminal_REVOKED)
        return berth_fail(reterr, BERTH_E_REVOKED, "terminal '%s' was revoked", known->row.name);
    if (known) {
        enroll->terminal = known->row;
    } else {
        new_terminal(enroll, state_by_policy(policy_of(core, invitation->row.place_id)),
                     invitation->row.terminal, "joined by an invitation");
        enroll->terminal.place_id = invitation->row.place_id;
        memcpy(enroll->terminal.tags, invitation->row.tags, sizeof(enroll->terminal.tags));
    }
    enroll->invitation_id = invitation->row.id;
    return 0;
}

/* By the power of this key; its terminal's row is the one that is worked on. */
static int by_key(struct enroll *enroll, const struct identity *identity, enum key_use use,
                  struct berth_error *reterr)
{
    int r = key_may(enroll->context, identity, use, reterr);

    if (r < 0)
        return r;
    enroll->asks = identity->row.id;
    enroll->terminal = terminal_find(enroll->context->core, identity->row.terminal_id)->row;
    return 0;
}

static int by_old_key(struct enroll *enroll, const struct msg_join_evidence *evidence,
                      struct berth_error *reterr)
{
    int64_t not_after_ms;
    char key_hash[72];
    int r;

    r = ca_check_old_key(enroll->context->ca, enroll->join.request, evidence->certificate,
                         evidence->signature, key_hash, &not_after_ms, reterr);
    if (r < 0)
        return r;
    return by_key(enroll, identity_by_key(enroll->context->core, key_hash), KEY_RENEW, reterr);
}

/* One that asked before with the same key: it still waits, or somebody has decided. */
static struct terminal *asked_before(struct core *core, const char *key_hash)
{
    list_each (core_all(core, ENTITY_terminal), node) {
        struct terminal *terminal = container_of(entity_of(node), struct terminal, base);

        if (strcmp(terminal->row.waiting_key, key_hash) == 0)
            return terminal;
    }
    return NULL;
}

static int count_waiting(struct core *core)
{
    int waiting = 0;

    list_each (core_all(core, ENTITY_terminal), node) {
        waiting +=
            container_of(entity_of(node), struct terminal, base)->row.state == terminal_WAITING;
    }
    return waiting;
}

/* Without evidence it may only wait, and only where the site wants to see such terminals. */
static int by_nothing(struct enroll *enroll, struct berth_error *reterr)
{
    struct core *core = enroll->context->core;

    if (policy_of(core, 0) != join_policy_APPROVE)
        return berth_fail(reterr, BERTH_E_DENIED, "this site admits invited terminals only");
    if (count_waiting(core) >= WAITING_MAX)
        return berth_fail(reterr, BERTH_E_BUSY, "too many terminals wait for approval");
    new_terminal(enroll, terminal_WAITING, "", "it came without an invitation");
    return 0;
}

/* The first evidence that is good decides; when none is, the last reason is told. */
static int judge(struct enroll *enroll, struct berth_error *reterr)
{
    int r = BERTH_E_DENIED;

    if (enroll->join.evidence_count == 0)
        return by_nothing(enroll, reterr);
    (void)berth_fail(reterr, r, "no evidence of a kind that counts here");
    for (size_t i = 0; r < 0 && i < enroll->join.evidence_count; i++) {
        const struct msg_join_evidence *evidence = &enroll->join.evidence[i];

        if (evidence->kind == join_evidence_kind_INVITATION)
            r = by_invitation(enroll, evidence, reterr);
        else if (evidence->kind == join_evidence_kind_OLD_KEY)
            r = by_old_key(enroll, evidence, reterr);
    }
    return r;
}

/* ---- steps ---- */

/* Shown on the terminal and to the administrator: both come from the key, so they agree only for
 * the right device. */
static void make_code(const char *key_hash, char code[16])
{
    unsigned long number =
        strtoul((char[9]){ key_hash[0], key_hash[1], key_hash[2], key_hash[3], key_hash[4],
                           key_hash[5], key_hash[6], key_hash[7], 0 },
                NULL, 16);

    (void)snprintf(code, 16, "%03lu-%03lu", number / 1000 % 1000, number % 1000);
}

static void plan_terminal(struct enroll *enroll)
{
    struct row_terminal *row = &enroll->terminal;

    enroll->waits = row->state == terminal_WAITING;
    memcpy(row->serial, enroll->join.serial, sizeof(row->serial));
    memcpy(row->mac, enroll->join.mac, sizeof(row->mac));
    memcpy(row->model, enroll->join.model, sizeof(row->model));
    if (enroll->waits) {
        make_code(enroll->key_hash, row->code);
        memcpy(row->waiting_key, enroll->key_hash, sizeof(row->waiting_key));
    } else {
        row->code[0] = '\0';
        row->waiting_key[0] = '\0';
    }
    if (enroll->is_new)
        (void)changes_add(enroll->changes, ENTITY_terminal, row);
    else
        (void)changes_set(enroll->changes, ENTITY_terminal, row);
}

static int look_at_known(struct enroll *enroll, const struct row_terminal *row,
                         struct berth_error *reterr)
{
    if (row->state == terminal_REVOKED)
        return berth_fail(reterr, BERTH_E_REVOKED, "terminal '%s' was revoked", row->name);
    enroll->terminal = *row;
    return 0;
}

/* Its request is signed by a key that we know: when that is good for it, nothing else is needed. A
 * key that has lost its power is no more than a stranger's. */
static int look_at_key(struct enroll *enroll, const struct identity *identity,
                       struct berth_error *reterr)
{
    char why[151];
    int r = by_key(enroll, identity, KEY_RENEW, reterr);

    if (r == 0 || r == BERTH_E_REVOKED)
        return r;
    if (enroll->join.evidence_count > 0)
        return judge(enroll, reterr);
    berth_text(why, sizeof(why), "%s", reterr->text);
    return berth_fail(reterr, BERTH_E_DENIED, "%s; it needs an invitation", why);
}

static int look_at(struct enroll *enroll, struct berth_error *reterr)
{
    struct core *core = enroll->context->core;
    const struct peer *peer = context_peer(enroll->context, enroll->peer);
    const struct identity *identity;
    const struct terminal *terminal;
    int r;

    r = ca_request_key(enroll->join.request, enroll->key_hash, reterr);
    if (r < 0)
        return r;
    if (enroll->renewal)
        return by_key(enroll, identity_find(core, peer ? peer->identity_id : 0), KEY_CONNECT,
                      reterr);
    identity = identity_by_key(core, enroll->key_hash);
    if (identity)
        return look_at_key(enroll, identity, reterr);
    terminal = asked_before(core, enroll->key_hash);
    return terminal ? look_at_known(enroll, &terminal->row, reterr) : judge(enroll, reterr);
}

/* Not sent to a terminal that waits for approval, nor to one without good evidence: their
 * connections end after joining_ms. */
static void still_pending(struct berth_timer *timer)
{
    struct enroll *enroll = container_of(timer, struct enroll, pending);
    const struct msg msg = { .type = MSG_join_pending, .ref = enroll->ref };

    context_tell(enroll->context, enroll->peer, &msg);
    timer_start(enroll->context->timers, timer, PENDING_MS, still_pending);
}

static int look(struct flow *flow)
{
    struct enroll *enroll = enroll_of(flow);
    const struct identity *identity;
    struct berth_error error = { 0 };

    enroll->changes =
        changes_new("terminal", "terminal", enroll->renewal ? "terminal.renew" : "terminal.join");
    if (look_at(enroll, &error) < 0)
        return flow_fail_with(flow, &error);
    if (!enroll->renewal)
        plan_terminal(enroll);
    if (enroll->renewal || enroll->waits)
        timer_stop(enroll->context->timers, &enroll->pending); /* of an earlier look */
    else
        timer_start(enroll->context->timers, &enroll->pending, PENDING_MS, still_pending);
    changes_object(enroll->changes, "terminal %s", enroll->terminal.name);
    enroll->changes->audit.terminal_id = enroll->terminal.id;
    if (enroll->waits)
        return LINE_UP;
    identity = identity_by_key(enroll->context->core, enroll->key_hash);
    if (identity && identity->row.terminal_id != enroll->terminal.id)
        return flow_fail(flow, BERTH_E_CERTIFICATE, "this key belongs to another terminal");
    if (identity && identity->row.state != identity_CURRENT)
        return flow_fail(flow, BERTH_E_CERTIFICATE, "this key was replaced; make a new one");
    return SIGN;
}

static int sign(struct flow *flow)
{
    struct enroll *enroll = enroll_of(flow);

    return flow_await(flow,
                      ca_sign_begin(enroll->context->ca, enroll->join.request, enroll->terminal.name,
                                    enroll->terminal.id, &enroll->certificate, &flow->op),
                      LINE_UP);
}

/* A ward that is switched on joins with one invitation: each takes its use after the one before is
 * known, or all but one would find the invitation changed meanwhile.
 */
static int line_up(struct flow *flow)
{
    struct enroll *enroll = enroll_of(flow);
    struct reactor *reactor = reactor_of(enroll->context);

    if (enroll->invitation_id == 0)
        return RECORD;
    if (reactor->invitation_flow && reactor->invitation_flow != flow)
        return flow_await(flow, waitq_wait(&reactor->invitation_waitq, &enroll->wait, &flow->op), LINE_UP);
    reactor->invitation_flow = flow;
    return RECORD;
}

static int take_use(struct enroll *enroll, struct berth_error *reterr)
{
    struct invitation *invitation = invitation_find(enroll->context->core, enroll->invitation_id);
    struct row_invitation *row;

    if (!invitation)
        return berth_fail(reterr, BERTH_E_DENIED, "the invitation was withdrawn");
    if (invitation->row.uses_left < 1)
        return berth_fail(reterr, BERTH_E_DENIED, USED_UP);
    row = changes_set(enroll->changes, ENTITY_invitation, &invitation->row);
    row->uses_left--;
    return 0;
}

/* Retired keys are kept for old-key evidence, but a diskless terminal makes one at every boot. */
static void forget_oldest(struct enroll *enroll)
{
    struct core *core = enroll->context->core;
    struct list *keys = index_list(core, IDENTITIES_OF_TERMINAL, enroll->terminal.id);
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
        changes_drop(enroll->changes, ENTITY_identity, oldest);
}

static void plan_identity(struct enroll *enroll)
{
    struct core *core = enroll->context->core;
    const struct identity *known = identity_by_key(core, enroll->key_hash);
    const struct identity *asks = identity_find(core, enroll->asks);
    const uint64_t but[2] = { enroll->asks, known ? known->row.id : 0 };
    struct row_identity fresh = { .terminal_id = enroll->terminal.id, .state = identity_CURRENT };
    struct row_identity *row;

    /* The key that asks is written as well: of this and a replacement that is on its way to disk
     * one is refused, or the replaced device would have a key that nobody put out. */
    if (asks && asks != known)
        (void)changes_set(enroll->changes, ENTITY_identity, &asks->row);
    if (!known || enroll->invitation_id)
        keys_replaced(enroll->context, enroll->terminal.id, but, enroll->changes);
    if (known) {
        row = changes_set(enroll->changes, ENTITY_identity, &known->row);
    } else {
        fresh.id = core_next_id(core);
        memcpy(fresh.key_hash, enroll->key_hash, sizeof(fresh.key_hash));
        if (enroll->asks)
            forget_oldest(enroll);
        row = changes_add(enroll->changes, ENTITY_identity, &fresh);
    }
    row->not_after_ms = enroll->certificate.not_after_ms;
}

/* While the certificate was made, the key that asks for it may have been put out. */
static int still_may(const struct enroll *enroll, struct berth_error *reterr)
{
    const struct identity *identity = identity_find(enroll->context->core, enroll->asks);

    return key_may(enroll->context, identity, enroll->renewal ? KEY_CONNECT : KEY_RENEW, reterr);
}

static int record(struct flow *flow)
{
    struct enroll *enroll = enroll_of(flow);
    struct berth_error error = { 0 };

    if (enroll->invitation_id && take_use(enroll, &error) < 0)
        return flow_fail_with(flow, &error);
    if (enroll->asks && still_may(enroll, &error) < 0)
        return flow_fail_with(flow, &error);
    if (!enroll->waits)
        plan_identity(enroll);
    return flow_await_any(
        flow, decide_begin(enroll->context, berth_take(enroll->changes), NULL, &flow->op), TELL);
}

static void tell_wait(struct enroll *enroll)
{
    struct msg msg = { .type = MSG_join_wait, .ref = enroll->ref };

    memcpy(msg.join_wait.code, enroll->terminal.code, sizeof(msg.join_wait.code));
    msg.join_wait.retry_after_ms = WAIT_RETRY_MS;
    context_tell(enroll->context, enroll->peer, &msg);
}

static void tell_certificate(struct enroll *enroll)
{
    struct msg msg = { .type = enroll->renewal ? MSG_certificate : MSG_joined, .ref = enroll->ref };
    const struct ca_certificate *certificate = &enroll->certificate;

    if (enroll->renewal) {
        memcpy(msg.certificate.certificate, certificate->certificate,
               sizeof(msg.certificate.certificate));
    } else {
        memcpy(msg.joined.terminal, enroll->terminal.name, sizeof(msg.joined.terminal));
        memcpy(msg.joined.certificate, certificate->certificate, sizeof(msg.joined.certificate));
        memcpy(msg.joined.authority, certificate->authority, sizeof(msg.joined.authority));
    }
    context_tell(enroll->context, enroll->peer, &msg);
}

/* Another decision about this terminal's keys came first: judge by what is true now. */
static int look_again(struct enroll *enroll)
{
    enroll->is_new = false;
    enroll->waits = false;
    enroll->asks = 0;
    enroll->invitation_id = 0;
    return LOOK;
}

static int tell(struct flow *flow)
{
    struct enroll *enroll = enroll_of(flow);

    if (flow->op.result == BERTH_E_CONFLICT && ++enroll->conflicts <= CONFLICTS_MAX)
        return look_again(enroll);
    if (flow->op.result < 0)
        return flow_fail_with(flow, &flow->op.error);
    if (enroll->waits) {
        tell_wait(enroll);
    } else {
        log_event(EV_TERMINAL_JOINED, "terminal", enroll->terminal.name, "renewal", enroll->renewal,
                  "state", terminal_state_names[enroll->terminal.state]);
        context_note_peer(enroll->context, peer_word_ISSUED, enroll->terminal.id, 0, enroll->key_hash);
        tell_certificate(enroll);
    }
    return FLOW_DONE;
}

/* A refusal goes to the terminal. */
static void enroll_ended(struct flow *flow, const struct berth_error *error)
{
    struct enroll *enroll = enroll_of(flow);
    struct context *context = enroll->context;
    struct peer *peer = map_get_id(&reactor_of(context)->peers, enroll->peer);
    struct msg msg = { .type = MSG_refused, .ref = enroll->ref };
    const struct berth_error_row *row = berth_error_row(error->code);

    if (peer && peer->flow == flow)
        peer->flow = NULL;
    if (error->code) {
        (void)snprintf(msg.refused.about, sizeof(msg.refused.about), "%s",
                       enroll->renewal ? "renew_certificate" : "join");
        (void)snprintf(msg.refused.code, sizeof(msg.refused.code), "%s", row->symbol);
        berth_text(msg.refused.text, sizeof(msg.refused.text), "%s", berth_error_text(error));
        msg.refused.retry_after_ms = row->retry ? WAIT_RETRY_MS : 0;
        context_tell(context, enroll->peer, &msg);
        log_event(EV_TERMINAL_REFUSED, "who", flow->who, "error", row->symbol, "reason",
                  berth_error_text(error));
        context_note_peer(context, peer_word_REFUSED, 0, 0, enroll->key_hash);
    }
    timer_stop(context->timers, &enroll->pending);
    changes_free(enroll->changes);
    if (reactor_of(context)->invitation_flow == flow) {
        reactor_of(context)->invitation_flow = NULL;
        waitq_wake(&reactor_of(context)->invitation_waitq);
    }
    berth_wipe_free(enroll, sizeof(*enroll));
    reactor_flow_ended(context);
}

/* ---- the way in ---- */

static void start(struct context *context, uint64_t peer_id, uint64_t ref, const struct msg_join *join,
                  bool renewal)
{
    struct peer *peer = map_get_id(&reactor_of(context)->peers, peer_id);
    struct enroll *enroll;
    char who[96];

    if (!peer || peer->flow || reactor_of(context)->stopping)
        return; /* one request at a time for each connection; the terminal asks again */
    enroll = berth_new(struct enroll);
    enroll->context = context;
    enroll->peer = peer_id;
    enroll->ref = ref;
    enroll->asked_ms = context->timers->wall_ms;
    enroll->renewal = renewal;
    enroll->join = *join;
    (void)snprintf(who, sizeof(who), "%s (%.60s)",
                   renewal ? desk_terminal_name(context, peer_id) : "a new terminal", peer->address);
    flow_start(&context->engine, &enroll->flow, &enroll_kind, who);
    peer->flow = &enroll->flow;
}

void desk_join(struct context *context, uint64_t peer, const struct msg *msg)
{
    start(context, peer, msg->ref, &msg->join, false);
}

void desk_renew_certificate(struct context *context, uint64_t peer, const struct msg *msg)
{
    struct msg_join join = { .request = "" };

    memcpy(join.request, msg->renew_certificate.request, sizeof(join.request));
    start(context, peer, msg->ref, &join, true);
}
