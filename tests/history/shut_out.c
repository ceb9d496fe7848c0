/* shut_out.c - a disabled user has no session (I16), a revoked terminal has no effect (I17), and a
 * terminal acts only for itself (I18).
 *
 * Deadlines are judged at the next line of the broker after them: a dead or stalled broker cannot
 * act, and after a start the time counts from the start.
 */
#include <stdio.h>
#include <string.h>

#include "history/judge_internal.h"

#define HIDE_US (5 * SECOND_US)
#define CLOSE_US SECOND_US

static unsigned long long number(uint64_t id)
{
    return (unsigned long long)id;
}

static void expect(struct judge *judge, struct list *queue, uint64_t id, int64_t within_us)
{
    struct pending *pending = judge_make(judge, sizeof(*pending));

    pending->id = id;
    pending->line = judge->number;
    pending->until_us = judge->now_us + within_us;
    pending->stall_us = judge->life.stall_us;
    list_append(queue, &pending->node);
}

/* ---- I16 ---- */

void shut_out_user(struct judge *judge, struct fact *fact, const struct fact *was,
                   const struct history_row *row)
{
    struct user *user = user_make(judge, fact->id);

    (void)was;
    if (!fact->over) {
        user->out_us = 0;
        return;
    }
    if (user->out_us && row->verb != history_verb_LOADED)
        return;
    if (!user->out_us) {
        user->out_us = judge->now_us;
        user->out_line = judge->number;
    }
    expect(judge, &judge->out, fact->id, HIDE_US);
}

void shut_out_connection(struct judge *judge, struct fact *fact, const struct fact *was,
                         const struct history_row *row)
{
    const struct fact *session = fact_find(judge, history_entity_SESSION, fact->session_id);
    const struct user *user = session ? map_get_id(&judge->users, session->user_id) : NULL;
    const struct terminal *terminal = map_get_id(&judge->terminals, fact->terminal_id);

    (void)was;
    if (row->verb != history_verb_ADD || fact->over)
        return;
    if (user) {
        judge_check(judge, 16);
        if (user->out_us && judge->now_us > user->out_us + SECOND_US)
            judge_broken(judge, 16, "user %llu, who is disabled (line %llu), gets session %llu",
                         number(user->id), number(user->out_line), number(session->id));
    }
    if (terminal && terminal->out_us && judge->now_us > terminal->out_us + SECOND_US)
        judge_broken(judge, 17, "terminal %llu, which is revoked (line %llu), gets session %llu",
                     number(fact->terminal_id), number(terminal->out_line),
                     number(fact->session_id));
}

void shut_out_told(struct judge *judge, const struct history_instruction *told)
{
    const struct fact *fact = fact_find(judge, history_entity_SESSION, told->session_id);
    struct session *session = session_find(judge, told->session_id);
    const struct user *user = fact && fact->known ? map_get_id(&judge->users, fact->user_id) : NULL;

    if (!told->show) {
        if (session && told->epoch > session->told_off_epoch)
            session->told_off_epoch = told->epoch;
        return;
    }
    if (!user)
        return;
    judge_check(judge, 16);
    if (user->out_us && judge->now_us > user->out_us + SECOND_US)
        judge_broken(judge, 16,
                     "terminal %llu is told to show a session of user %llu, who is disabled (line "
                     "%llu)",
                     number(told->terminal_id), number(user->id), number(user->out_line));
}

/* After five seconds: has a session of the user still a picture? */
static void check_hidden(struct judge *judge, const struct pending *pending)
{
    struct user *user = user_make(judge, pending->id);

    if (!user->out_us)
        return; /* enabled again meanwhile */
    judge_check(judge, 16);
    list_each (&user->sessions, node) {
        const struct fact *fact = list_entry(node, struct fact, of_user);
        const struct session *session = session_find(judge, fact->id);

        judge->steps++;
        if (session && session->connection && !fact->over && session->told_off_epoch < fact->epoch)
            judge_broken(judge, 16,
                         "session %llu of user %llu, who is disabled (line %llu), is on terminal "
                         "%llu still",
                         number(fact->id), number(user->id), number(pending->line),
                         number(session->terminal_id));
    }
}

/* ---- I17 ---- */

void shut_out_terminal(struct judge *judge, struct fact *fact, const struct fact *was,
                       const struct history_row *row)
{
    struct terminal *terminal;

    (void)was;
    if (row->name[0])
        terminal_name(judge, fact->id, row->name);
    terminal = terminal_make(judge, fact->id);
    if (fact->dropped) { /* its presence ends with it, without a line */
        terminal->presence.lives = false;
        return;
    }
    if (!fact->over) {
        terminal->out_us = 0;
        return;
    }
    if (terminal->out_us)
        return;
    terminal->out_us = judge->now_us;
    terminal->out_line = judge->number;
    if (terminal->open > 0)
        expect(judge, &judge->closing, fact->id, CLOSE_US);
}

struct dead_key {
    char key[72];
    int64_t at_us;
    uint64_t line;
};

void shut_out_identity(struct judge *judge, struct fact *fact, const struct fact *was,
                       const struct history_row *row)
{
    struct dead_key *dead;

    (void)was;
    if ((fact->state != ROW_REVOKED && fact->state != ROW_RETIRED) || !row->name[0] ||
        map_get_text(&judge->keys, row->name))
        return;
    dead = judge_make(judge, sizeof(*dead));
    (void)snprintf(dead->key, sizeof(dead->key), "%s", row->name);
    dead->at_us = judge->now_us;
    dead->line = judge->number;
    map_put_text(&judge->keys, dead->key, dead);
}

static void check_out(struct judge *judge, const struct terminal *terminal, const char *what)
{
    char name[64];

    judge_check(judge, 17);
    if (terminal->out_us && judge->now_us > terminal->out_us + SECOND_US)
        judge_broken(judge, 17, "terminal %s, which is revoked (line %llu), %s",
                     terminal_called(terminal, name), number(terminal->out_line), what);
}

static void check_key(struct judge *judge, const struct history_peer *peer, const char *what)
{
    const struct dead_key *dead = peer->key[0] ? map_get_text(&judge->keys, peer->key) : NULL;

    if (dead && judge->now_us > dead->at_us + SECOND_US)
        judge_broken(judge, 17, "key %.16s, which is revoked or retired (line %llu), %s", peer->key,
                     number(dead->line), what);
}

void shut_out_presence(struct judge *judge, const struct history_presence *line)
{
    if (line->event != history_presence_event_ANNOUNCED &&
        line->event != history_presence_event_RENEWED)
        return;
    check_out(judge, terminal_make(judge, line->terminal_id), "is granted presence");
}

static void check_closed(struct judge *judge, const struct pending *pending)
{
    const struct terminal *terminal = terminal_make(judge, pending->id);
    char name[64];

    judge_check(judge, 17);
    if (terminal->out_us && terminal->open > 0)
        judge_broken(judge, 17, "terminal %s, which is revoked (line %llu), is still connected",
                     terminal_called(terminal, name), number(pending->line));
}

/* ---- peers ---- */

static void acted(struct judge *judge, const struct history_peer *peer)
{
    judge_check(judge, 18);
    if (peer->terminal_id != peer->acted_id)
        judge_broken(judge, 18, "a message of terminal %llu was carried out for terminal %llu",
                     number(peer->terminal_id), number(peer->acted_id));
}

void shut_out_peer(struct judge *judge, const struct history_peer *peer)
{
    struct terminal *terminal = terminal_make(judge, peer->terminal_id);

    switch (peer->event) {
    case history_peer_event_OPENED:
        check_out(judge, terminal, "connects");
        check_key(judge, peer, "connects");
        terminal->open++;
        return;
    case history_peer_event_CLOSED:
        if (terminal->open > 0)
            terminal->open--;
        return;
    case history_peer_event_ISSUED:
        check_out(judge, terminal, "gets a certificate");
        check_key(judge, peer, "gets a certificate");
        return;
    case history_peer_event_ACTED:
        check_out(judge, terminal, "acts");
        acted(judge, peer);
        return;
    case history_peer_event_REFUSED:
    case history_peer_event_NONE:
    case history_peer_event_END:
        return;
    }
}

/* ---- time ---- */

static void due(struct judge *judge, struct list *queue,
                void (*check)(struct judge *judge, const struct pending *pending))
{
    while (!list_empty(queue)) {
        struct pending *pending = list_entry(queue->next, struct pending, node);

        /* The time of a stall is added. */
        if (pending->until_us + judge->life.stall_us - pending->stall_us >= judge->now_us)
            return;
        if (judge->life.up && !judge->life.degraded)
            check(judge, pending);
        list_remove(&pending->node);
        judge_drop(pending);
    }
}

void shut_out_due(struct judge *judge)
{
    due(judge, &judge->out, check_hidden);
    due(judge, &judge->closing, check_closed);
}

void shut_out_started(struct judge *judge)
{
    struct list *node;

    while ((node = list_shift(&judge->out)) != NULL)
        judge_drop(list_entry(node, struct pending, node));
    while ((node = list_shift(&judge->closing)) != NULL)
        judge_drop(list_entry(node, struct pending, node));
    list_each (&judge->terminals_all, at) {
        judge->steps++;
        list_entry(at, struct terminal, node)->open = 0; /* no connection outlives the broker */
    }
}
