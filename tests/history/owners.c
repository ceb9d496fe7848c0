/* owners.c - the owner of a desktop (I1), and what the earlier owner left on it (I14).
 *
 * The rows are announced in the order of their commits, so an assignment that opens while another
 * one of its slot, or of its user and pool, is open makes two owners at one point of that order.
 */
#include <stdio.h>
#include <string.h>

#include "history/judge_internal.h"

static unsigned long long number(uint64_t id)
{
    return (unsigned long long)id;
}

void owners_started(struct judge *judge)
{
    /* The loaded rows say who owns what after a restart. */
    list_each (&judge->slots_all, node) {
        struct slot *slot = list_entry(node, struct slot, node);

        judge->steps++;
        if (slot->owner) {
            list_remove(&slot->owner->of_user);
            slot->owner = NULL;
        }
    }
}

/* ---- I14 ---- */

static void check_residue(struct judge *judge, const struct slot *slot, const struct fact *fact)
{
    const struct desktop *desktop = desktop_make(judge, slot->desktop_id);

    if (!desktop->recycles || !slot->last_user || slot->last_user == fact->user_id)
        return;
    judge_check(judge, 14);
    if (!slot->clean)
        judge_broken(judge, 14,
                     "desktop %llu is given to user %llu on the disk that user %llu worked on",
                     number(slot->desktop_id), number(fact->user_id), number(slot->last_user));
}

void owners_disk(struct judge *judge, const struct machine *machine)
{
    if (!machine->desktop)
        return;
    list_each (&machine->desktop->slots, node) {
        struct slot *slot = list_entry(node, struct slot, of_desktop);

        judge->steps++;
        if (!slot->owner)
            slot->clean = true;
    }
}

void owners_desktop(struct judge *judge, struct fact *fact, const struct fact *was,
                    const struct history_row *row)
{
    struct desktop *desktop = desktop_make(judge, fact->id);

    (void)was;
    desktop->recycles = row->recycles;
    desktop->row = !fact->dropped && !fact->over;
    desktop->quarantined = fact->state == ROW_QUARANTINED;
    desktop->should_run = desktop->row && fact->state == ROW_RUNS;
    if (row->uuid[0]) {
        desktop->machine = machine_make(judge, row->uuid);
        desktop->machine->desktop = desktop;
        desktop->machine->had_row = true;
    }
    /* Without lines of machines, the row itself says that its disk is new. */
    if (row->dirty || (judge->virt && desktop->machine))
        return;
    list_each (&desktop->slots, node) {
        struct slot *slot = list_entry(node, struct slot, of_desktop);

        if (!slot->owner)
            slot->clean = true;
    }
}

/* ---- I1 ---- */

static void check_user(struct judge *judge, const struct user *user, const struct fact *fact)
{
    judge_check(judge, 1);
    list_each (&user->open, node) {
        const struct fact *other = list_entry(node, struct fact, of_user);

        judge->steps++;
        if (other != fact && other->pool_id == fact->pool_id)
            judge_broken(judge, 1,
                         "user %llu owns desktop %llu of pool %llu and still desktop %llu of it "
                         "(line %llu)",
                         number(fact->user_id), number(fact->desktop_id), number(fact->pool_id),
                         number(other->desktop_id), number(other->line));
    }
}

static void opened(struct judge *judge, struct slot *slot, struct fact *fact)
{
    struct user *user = user_make(judge, fact->user_id);

    judge_check(judge, 1);
    if (slot->owner && slot->owner != fact)
        judge_broken(judge, 1,
                     "slot %lld of desktop %llu is given to user %llu, but is user %llu's (line "
                     "%llu)",
                     (long long)fact->slot, number(fact->desktop_id), number(fact->user_id),
                     number(slot->owner->user_id), number(slot->owner->line));
    check_user(judge, user, fact);
    if (slot->owner != fact) {
        check_residue(judge, slot, fact);
        slot->clean = false;
    }
    if (slot->owner)
        list_remove(&slot->owner->of_user);
    slot->owner = fact;
    slot->last_user = fact->user_id;
    list_remove(&fact->of_user);
    list_append(&user->open, &fact->of_user);
}

void owners_assignment(struct judge *judge, struct fact *fact, const struct fact *was,
                       const struct history_row *row)
{
    struct slot *slot;

    (void)row;
    if (was->known && !was->over && !was->dropped &&
        (was->desktop_id != fact->desktop_id || was->slot != fact->slot)) {
        slot = slot_make(judge, was->desktop_id, was->slot);
        if (slot->owner == fact)
            slot->owner = NULL;
    }
    slot = slot_make(judge, fact->desktop_id, fact->slot);
    if (!fact->over && !fact->dropped) {
        opened(judge, slot, fact);
        return;
    }
    if (slot->owner == fact)
        slot->owner = NULL;
    list_remove(&fact->of_user);
}
