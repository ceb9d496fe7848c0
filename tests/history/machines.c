/* machines.c - what hypervisors did: a broker that starts touches no machine in use (I12), at rest
 * the running machines are those of the rows (I13), a machine is started once at a time (I15), and
 * no machine is taken from under a session (I11). */
#include <stdio.h>
#include <string.h>

#include "history/judge_internal.h"

static unsigned long long number(uint64_t id)
{
    return (unsigned long long)id;
}

/* ---- I11, I12: what is destructive ---- */

/* The open session on this machine that was on a screen, or 0. */
static uint64_t living_on(struct judge *judge, const struct slot *slot)
{
    struct user *user = slot->owner ? map_get_id(&judge->users, slot->owner->user_id) : NULL;

    if (!user)
        return 0;
    list_each (&user->sessions, node) {
        const struct fact *fact = list_entry(node, struct fact, of_user);
        const struct session *session = session_find(judge, fact->id);

        judge->steps++;
        if (session && session->slot == slot && session->was_shown &&
            (fact->state == ROW_ACTIVE || fact->state == ROW_DISCONNECTED))
            return fact->id;
    }
    return 0;
}

static bool in_recovery(const struct judge *judge)
{
    return judge->life.number > 0 && judge->life.up &&
           judge->now_us <= judge->life.started_us + judge->life.recovery_us;
}

/* A berth-virt of an earlier broker finishes the orders of that broker. (The simulator's processes
 * have no start line; its earlier ones have ended when a broker starts.) */
static bool is_former(const struct judge *judge, int64_t by)
{
    const uint64_t *begun = map_get_id(&judge->virts, (uint64_t)by);

    return begun && *begun < judge->life.nth;
}

/* by: the process that asked; events of the machine itself are not judged. */
static void touched(struct judge *judge, struct machine *machine,
                    const struct history_machine *line, bool destroyed)
{
    uint64_t session_id;

    if (!line->by || !machine->desktop)
        return;
    list_each (&machine->desktop->slots, node) {
        const struct slot *slot = list_entry(node, struct slot, of_desktop);

        if (!slot->owner)
            continue;
        session_id = living_on(judge, slot);
        if (destroyed) {
            judge_check(judge, 11);
            if (session_id)
                judge_broken(judge, 11, "machine %s is %s while session %llu lives on it",
                             machine->uuid, history_machine_event_names[line->event],
                             number(session_id));
        }
        if (!in_recovery(judge) || !session_id)
            continue;
        judge_check(judge, 12);
        if (is_former(judge, line->by))
            continue;
        judge_broken(judge, 12, "machine %s of user %llu: %s, %lld ms after the broker was started",
                     machine->uuid, number(slot->owner->user_id),
                     history_machine_event_names[line->event],
                     (long long)(judge->now_us - judge->life.started_us) / 1000);
    }
}

/* ---- I15 ---- */

static void start(struct judge *judge, struct machine *machine, const struct history_machine *line)
{
    const uint64_t *begun = map_get_id(&judge->virts, (uint64_t)line->by);
    /* A dead berth-virt gives no answer; the next one lists first. (It may have the same process
     * id.) */
    bool orphan = begun && *begun > machine->starting_nth;
    /* Events of a machine without a connected berth-virt are in no line. */
    bool certain = machine->runs && machine->runs_nth > judge->virt_begun;

    judge_check(judge, 15);
    if (machine->starting_by && !orphan)
        judge_broken(judge, 15, "machine %s is started while its start of line %llu is unanswered",
                     machine->uuid, number(machine->starting_line));
    else if (certain && machine->host[0] && strcmp(machine->host, line->host) != 0)
        judge_broken(judge, 15, "machine %s is started on host %s while it runs on host %s",
                     machine->uuid, line->host, machine->host);
    if (machine->runs)
        touched(judge, machine, line, false);
    machine->starting_by = line->by;
    machine->starting_line = judge->number;
    machine->starting_nth = judge->verdict.lines;
    machine->defined = true;
}

void machines_run(struct judge *judge, const struct history_run *run)
{
    uint64_t *begun = map_get_id(&judge->virts, (uint64_t)run->pid);

    judge->virt = true;
    if (!begun) {
        begun = judge_make(judge, sizeof(*begun));
        map_put_id(&judge->virts, (uint64_t)run->pid, begun);
    }
    *begun = judge->verdict.lines;
    judge->virt_begun = judge->verdict.lines;
}

static void runs(struct judge *judge, struct machine *machine, const struct history_machine *line)
{
    machine->starting_by = 0;
    machine->runs = true;
    machine->runs_nth = judge->verdict.lines;
    machine->defined = true;
    (void)snprintf(machine->host, sizeof(machine->host), "%s", line->host);
}

static void stops(struct machine *machine)
{
    machine->starting_by = 0;
    machine->runs = false;
}

void machines_take(struct judge *judge, const struct history_machine *line)
{
    struct machine *machine = machine_make(judge, line->uuid);

    judge->virt = true;
    machine->heard = true;
    switch (line->event) {
    case history_machine_event_DEFINED:
        machine->defined = true;
        return;
    case history_machine_event_START:
        start(judge, machine, line);
        return;
    case history_machine_event_STARTED:
    case history_machine_event_SEEN:
        runs(judge, machine, line);
        return;
    case history_machine_event_FAILED:
        machine->starting_by = 0;
        return;
    case history_machine_event_STOPPED:
        if (machine->runs)
            touched(judge, machine, line, false);
        stops(machine);
        epochs_stopped(judge, machine);
        return;
    case history_machine_event_DISK:
        touched(judge, machine, line, true);
        owners_disk(judge, machine);
        epochs_disk(judge, machine);
        return;
    case history_machine_event_REMOVED:
        touched(judge, machine, line, true);
        stops(machine);
        epochs_disk(judge, machine);
        machine->defined = false;
        return;
    case history_machine_event_NONE:
    case history_machine_event_END:
        return;
    }
}

/* ---- I13 ---- */

/* A session that is on a screen has a machine that runs. */
static void check_shown(struct judge *judge, struct desktop *desktop)
{
    list_each (&desktop->slots, node) {
        const struct slot *slot = list_entry(node, struct slot, of_desktop);
        uint64_t session_id = living_on(judge, slot);
        const struct fact *fact = fact_find(judge, history_entity_SESSION, session_id);

        if (fact && fact->state == ROW_ACTIVE)
            judge_broken(judge, 13, "machine %s does not run, but session %llu is shown from it",
                         desktop->machine->uuid, number(session_id));
    }
}

void machines_rest(struct judge *judge)
{
    list_each (&judge->machines_all, node) {
        const struct machine *machine = list_entry(node, struct machine, node);
        struct desktop *desktop = machine->desktop;

        judge->steps++;
        if (!machine->had_row || !machine->heard)
            continue; /* not one of ours, or its end is unknown */
        epochs_rest(judge, machine);
        judge_check(judge, 13);
        if (machine->defined && !desktop->row)
            judge_broken(judge, 13, "machine %s %s, but desktop %llu is gone", machine->uuid,
                         machine->runs ? "runs" : "is defined", number(desktop->id));
        else if (!machine->runs && desktop->row && desktop->should_run)
            judge_broken(judge, 13, "desktop %llu should run, but machine %s does not",
                         number(desktop->id), machine->uuid);
        else if (!machine->runs && desktop->row)
            check_shown(judge, desktop);
    }
}
