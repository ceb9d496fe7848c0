/* screens.c - a desktop's picture is on one screen (I5), and a restart of the broker ends no
 * picture (I12).
 *
 * Two screens may show a desktop for two seconds after a roam; the newer one has the higher epoch,
 * or with equal epochs came later. An older picture beyond that limit is reported when it ends, or
 * at the end of the history. A killed terminal writes nothing, so the program that kills or unplugs
 * it writes "off" for it; a terminal that begins to record again was dark before.
 */
#include <stdio.h>
#include <string.h>

#include "history/judge_internal.h"

#define OVERLAP_US (2 * SECOND_US)

/* Pictures that end this long after the broker's end, or within the recovery window, are judged. */
#define ASKED_LATELY_US (5 * SECOND_US)

static unsigned long long number(uint64_t id)
{
    return (unsigned long long)id;
}

static struct slot *slot_of(struct judge *judge, uint64_t session_id)
{
    struct session *session = session_make(judge, session_id);

    /* Its desktop is unknown: use a desktop of its own, with a unique number. */
    if (!session->slot)
        session->slot = slot_make(judge, session_id | UINT64_C(1) << 52, 0);
    return session->slot;
}

static void bound(struct judge *judge, struct shown *shown)
{
    if (shown->until_us)
        return;
    shown->until_us = judge->now_us + OVERLAP_US;
    shown->line = judge->number;
}

static void is_gone(struct judge *judge, struct shown *shown, int64_t at_us)
{
    char name[64];

    list_remove(&shown->node);
    list_remove(&shown->here);
    if (shown->until_us && at_us > shown->until_us)
        judge_broken_at(judge, 5, shown->line,
                        "terminal %s still showed session %llu at epoch %lld for %lld ms after "
                        "another screen, or a later epoch, did",
                        terminal_called(shown->terminal, name), number(shown->session_id),
                        (long long)shown->epoch,
                        (long long)(at_us - shown->until_us + OVERLAP_US) / 1000);
    judge_drop(shown);
}

static void shows(struct judge *judge, struct terminal *terminal,
                  const struct history_screen *screen)
{
    struct slot *slot = slot_of(judge, screen->session_id);
    struct shown *shown;

    /* One viewer at a terminal: its earlier picture of this desktop has ended. */
    list_each (&terminal->shown, node) {
        shown = list_entry(node, struct shown, here);
        if (shown->slot == slot)
            is_gone(judge, shown, judge->now_us);
    }
    shown = judge_make(judge, sizeof(*shown));
    shown->terminal = terminal;
    shown->slot = slot;
    shown->session_id = screen->session_id;
    shown->epoch = screen->epoch;
    shown->since_us = judge->now_us;
    judge_check(judge, 5);
    list_each (&slot->shown, node) {
        struct shown *other = list_entry(node, struct shown, node);

        judge->steps++;
        bound(judge, other->epoch <= shown->epoch ? other : shown);
    }
    if (shown->epoch < slot->shown_epoch)
        bound(judge, shown);
    else
        slot->shown_epoch = shown->epoch;
    list_append(&slot->shown, &shown->node);
    list_append(&terminal->shown, &shown->here);
}

/* ---- I12: pictures around a restart ---- */

static bool in_recovery(const struct judge *judge)
{
    return judge->life.number > 1 && judge->life.up &&
           judge->now_us <= judge->life.started_us + judge->life.recovery_us;
}

/* A picture that ended in the recovery window without a reason so far. */
struct lost {
    struct list node; /* judge.lost */
    struct terminal *terminal;
    struct slot *slot;
    uint64_t session_id;
    int64_t epoch, at_us;
    uint64_t line;
};

#define EXPLAINED_US (5 * SECOND_US)

/* Was there a reason outside the broker? The desktop's machine may have died, the person may have
 * left or signed on elsewhere, the terminal may have been switched off. */
static bool has_reason(struct judge *judge, const struct lost *lost)
{
    const struct desktop *desktop = map_get_id(&judge->desktops, lost->slot->desktop_id);
    const struct fact *fact = fact_find(judge, history_entity_SESSION, lost->session_id);
    const struct terminal *terminal = lost->terminal;

    return terminal->out_us ||
           (terminal->asked_us && terminal->asked_us >= terminal->kept_us - ASKED_LATELY_US) ||
           (desktop && desktop->machine && !desktop->machine->runs) ||
           lost->epoch < lost->slot->claimed || !fact || fact->over || fact->state == ROW_ENDING;
}

static void check_kept(struct judge *judge, const struct shown *shown)
{
    struct lost *lost;

    /* Only a complete history proves that there was no reason. */
    if (!judge->simulated || !in_recovery(judge) || shown->since_us >= judge->life.started_us)
        return;
    judge_check(judge, 12);
    if (shown->until_us) /* it had to go */
        return;
    lost = judge_make(judge, sizeof(*lost));
    lost->terminal = shown->terminal;
    lost->slot = shown->slot;
    lost->session_id = shown->session_id;
    lost->epoch = shown->epoch;
    lost->at_us = judge->now_us;
    lost->line = judge->number;
    list_append(&judge->lost, &lost->node);
}

static void lost_due(struct judge *judge)
{
    while (!list_empty(&judge->lost)) {
        struct lost *lost = list_entry(judge->lost.next, struct lost, node);
        char name[64];

        if (lost->at_us + EXPLAINED_US > judge->now_us)
            return;
        if (!has_reason(judge, lost))
            judge_broken_at(judge, 12, lost->line,
                            "terminal %s lost the picture of session %llu by a restart of the "
                            "broker",
                            terminal_called(lost->terminal, name), number(lost->session_id));
        list_remove(&lost->node);
        judge_drop(lost);
    }
}

void screens_started(struct judge *judge)
{
    struct list *node;

    while ((node = list_shift(&judge->hidden)) != NULL) /* unknown from here on */
        judge_drop(list_entry(node, struct pending, node));
    while ((node = list_shift(&judge->lost)) != NULL)
        judge_drop(list_entry(node, struct lost, node));
    list_each (&judge->terminals_all, at) {
        struct terminal *terminal = list_entry(at, struct terminal, node);

        judge->steps++;
        terminal->kept_us = judge->life.last_us;
    }
}

/* A hide in the recovery window follows a decision, or one follows it: the person's, a claim, a
 * limit. When the broker only lost its state, there is no decision.
 */
#define EXPLAINED_US (5 * SECOND_US)

void screens_told(struct judge *judge, const struct history_instruction *told)
{
    struct session *session = session_find(judge, told->session_id);
    const struct fact *fact = fact_find(judge, history_entity_SESSION, told->session_id);
    struct pending *pending;

    if (told->show || !session || !fact || !fact->known || !in_recovery(judge))
        return;
    judge_check(judge, 12);
    if (fact->state != ROW_ACTIVE || fact->over || fact->changed || fact->epoch != told->epoch ||
        !session->connection || session->terminal_id != told->terminal_id)
        return;
    session->hidden_line = judge->number;
    pending = judge_make(judge, sizeof(*pending));
    pending->until_us = judge->now_us + EXPLAINED_US;
    pending->id = session->id;
    pending->line = judge->number;
    list_append(&judge->hidden, &pending->node);
}

void screens_due(struct judge *judge)
{
    lost_due(judge);
    while (!list_empty(&judge->hidden)) {
        struct pending *pending = list_entry(judge->hidden.next, struct pending, node);
        const struct session *session = session_find(judge, pending->id);

        if (pending->until_us > judge->now_us)
            return;
        if (session && session->hidden_line == pending->line)
            judge_broken_at(judge, 12, pending->line,
                            "terminal %llu is told to hide session %llu, which is its own, because "
                            "the broker was restarted",
                            number(session->terminal_id), number(session->id));
        list_remove(&pending->node);
        judge_drop(pending);
    }
}

/* ---- lines ---- */

static void hides(struct judge *judge, struct terminal *terminal, uint64_t session_id)
{
    list_each (&terminal->shown, node) {
        struct shown *shown = list_entry(node, struct shown, here);

        judge->steps++;
        if (session_id && shown->session_id != session_id)
            continue;
        check_kept(judge, shown);
        is_gone(judge, shown, judge->now_us);
    }
}

void screens_take(struct judge *judge, const struct history_screen *screen)
{
    struct terminal *terminal = terminal_named(judge, screen->terminal);

    switch (screen->event) {
    case history_screen_event_SHOWS:
        shows(judge, terminal, screen);
        return;
    case history_screen_event_HIDES:
        hides(judge, terminal, screen->session_id);
        return;
    case history_screen_event_OFF: /* power is not judged */
        terminal->asked_us = judge->now_us;
        hides(judge, terminal, 0);
        return;
    case history_screen_event_NONE:
    case history_screen_event_END:
        return;
    }
}

/* The guest disconnected an earlier viewer: that terminal has no picture any more. */
void screens_dropped(struct judge *judge, const struct history_guest *guest)
{
    struct terminal *terminal;

    if ((guest->event != history_guest_event_DROPPED &&
         guest->event != history_guest_event_LOGGED_OFF) ||
        !guest->terminal[0] || !guest->session_id)
        return;
    terminal = terminal_named(judge, guest->terminal);
    list_each (&terminal->shown, node) {
        struct shown *shown = list_entry(node, struct shown, here);

        if (shown->session_id == guest->session_id &&
            (!guest->epoch || shown->epoch <= guest->epoch))
            is_gone(judge, shown, judge->now_us);
    }
}

void screens_end(struct judge *judge)
{
    list_each (&judge->terminals_all, node) {
        struct terminal *terminal = list_entry(node, struct terminal, node);

        judge->steps++;
        list_each (&terminal->shown, here)
            is_gone(judge, list_entry(here, struct shown, here), judge->now_us);
    }
}

void judge_dark(struct judge *judge, const char *terminal)
{
    list_each (&terminal_named(judge, terminal)->shown, node) {
        struct shown *shown = list_entry(node, struct shown, here);

        shown->until_us = 0; /* since an unknown time */
        is_gone(judge, shown, judge->now_us);
    }
}
