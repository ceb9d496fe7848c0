/* policy.c - matching the subjects of entitlements, and the verdict for a pool. */
#include "core/policy.h"

#include <stdio.h>
#include <string.h>

#include "core/index.h"
#include "core/match.h"
#include "core/place.h"
#include "core/reference.h"

/* ---- subjects ---- */

static bool in_group(struct core *core, const struct user *user, uint64_t group_id)
{
    list_each (index_list(core, MEMBERSHIPS_OF_USER, user->row.id), node) {

        if (index_at(MEMBERSHIPS_OF_USER, node, membership)->row.group_id == group_id)
            return true;
    }
    return false;
}

static bool fits_terminal(struct core *core, const struct terminal *terminal,
                          const struct row_entitlement *row)
{
    if (!terminal)
        return false;
    switch (row->subject_kind) {
    case subject_kind_TERMINAL:
        return terminal->row.id == row->terminal_id;
    case subject_kind_TAG:
        return match_word(terminal->row.tags, row->subject);
    case subject_kind_PLACE:
        return place_is_within(core, terminal->row.place_id, row->place_id);
    case subject_kind_NETWORK:
        return match_network(terminal->from, row->subject);
    case subject_kind_EVERYONE:
    case subject_kind_USER:
    case subject_kind_GROUP:
    case subject_kind_NONE:
    case subject_kind_END:
        return false;
    }
    return false;
}

/* Its subject is gone (core/reference.h): a deny then holds for everybody until an administrator
 * changes it, an allow for nobody. */
static bool lacks_subject(const struct row_entitlement *row)
{
    const struct subject named = entitlement_subject(row);

    return subject_is_gone(&named);
}

static bool fits(struct core *core, const struct policy_subject *subject,
                 const struct row_entitlement *row)
{
    if (lacks_subject(row))
        return row->effect == effect_DENY;
    switch (row->subject_kind) {
    case subject_kind_EVERYONE:
        return true;
    case subject_kind_USER:
        return subject->user && subject->user->row.id == row->user_id;
    case subject_kind_GROUP:
        return subject->user && in_group(core, subject->user, row->group_id);
    case subject_kind_TERMINAL:
    case subject_kind_TAG:
    case subject_kind_PLACE:
    case subject_kind_NETWORK:
        return fits_terminal(core, subject->terminal, row);
    case subject_kind_NONE:
    case subject_kind_END:
        return false;
    }
    return false;
}

/* ---- verdicts ---- */

static void because(struct core *core, struct policy_verdict *verdict, const char *what,
                    const struct row_entitlement *row)
{
    const struct subject named = entitlement_subject(row);
    const char *name = subject_name(core, &named);

    verdict->entitlement_id = row->id;
    (void)snprintf(verdict->reason, sizeof(verdict->reason),
                   "%s by entitlement %llu: %s%s%.128s%s%s", what, (unsigned long long)row->id,
                   subject_kind_names[row->subject_kind], name[0] ? " '" : "", name,
                   name[0] ? "'" : "", lacks_subject(row) ? " is gone" : "");
}

static void allow(struct core *core, struct policy_verdict *verdict,
                  const struct row_entitlement *row)
{
    if (verdict->allowed && row->priority < verdict->priority)
        return;
    if (!verdict->allowed || row->priority > verdict->priority) {
        verdict->allowed = true;
        verdict->priority = row->priority;
        verdict->flags = (struct policy_flags){ 0 };
        because(core, verdict, "allowed", row);
    }
    verdict->flags.clipboard |= row->clipboard;
    verdict->flags.drives |= row->drives;
    verdict->flags.usb |= row->usb;
    verdict->flags.sound |= row->sound;
    verdict->flags.printers |= row->printers;
}

void policy_evaluate(struct core *core, const struct policy_subject *subject,
                     const struct pool *pool, struct policy_verdict *ret)
{
    *ret = (struct policy_verdict){ .pool_id = pool->row.id };
    (void)snprintf(ret->reason, sizeof(ret->reason), "no entitlement fits");
    list_each (index_list(core, ENTITLEMENTS_OF_POOL, pool->row.id), node) {
        const struct row_entitlement *row = &index_at(ENTITLEMENTS_OF_POOL, node, entitlement)->row;

        if (!fits(core, subject, row))
            continue;
        if (row->effect == effect_DENY) {
            *ret = (struct policy_verdict){ .pool_id = pool->row.id };
            because(core, ret, "denied", row);
            return;
        }
        allow(core, ret, row);
    }
}

static const char *name_of(struct core *core, uint64_t pool_id)
{
    const struct pool *pool = pool_find(core, pool_id);

    return pool ? pool->row.name : "";
}

/* Should `a` stand before `b`? */
static bool before(struct core *core, const struct policy_verdict *a,
                   const struct policy_verdict *b)
{
    if (a->allowed != b->allowed)
        return a->allowed;
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return strcmp(name_of(core, a->pool_id), name_of(core, b->pool_id)) < 0;
}

size_t policy_list(struct core *core, const struct policy_subject *subject,
                   struct policy_verdict *ret, size_t capacity)
{
    size_t count = 0;

    list_each (core_all(core, ENTITY_pool), node) {
        struct policy_verdict verdict;
        size_t at;

        policy_evaluate(core, subject, entity_at(node, pool), &verdict);
        for (at = count; at > 0 && before(core, &verdict, &ret[at - 1]); at--)
            if (at < capacity)
                ret[at] = ret[at - 1];
        if (at >= capacity)
            continue;
        ret[at] = verdict;
        if (count < capacity)
            count++;
    }
    return count;
}
