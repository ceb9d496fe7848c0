/* policy.h - who may use which pool, from where, and with which redirections.
 *
 * Module core. An entitlement has a subject; it applies when the subject fits the user and the
 * terminal. One deny refuses; otherwise the allow with the highest priority decides, and the
 * redirections are what all allows of that priority grant together. Every verdict carries the
 * sentence that explains it. Subjects are ids (core/reference.h): names are for display only.
 */
#ifndef BERTH_CORE_POLICY_H
#define BERTH_CORE_POLICY_H

#include "core/pool.h"
#include "core/terminal.h"
#include "core/user.h"

DEFINE_ENTITY(entitlement)

struct policy_flags {
    bool clipboard, drives, usb, sound, printers;
};

/* Who asks, and from where. terminal NULL: from no terminal; subjects of kind terminal, tag, place
 * and network then never fit. */
struct policy_subject {
    const struct user *user;
    const struct terminal *terminal;
};

struct policy_verdict {
    uint64_t pool_id;
    uint64_t entitlement_id; /* the one that decided; 0 = none applies */
    bool allowed;
    int64_t priority;
    struct policy_flags flags;
    char reason[200]; /* "allowed by entitlement 12: group 'nurses'" */
};

/* May the subject use this pool? Always fills *ret, including the reason. */
void policy_evaluate(struct core *core, const struct policy_subject *subject,
                     const struct pool *pool, struct policy_verdict *ret);

/* Every pool with its verdict: allowed ones first, the highest priority first, then by name.
 * Returns how many of the pools fit into `ret`.
 */
size_t policy_list(struct core *core, const struct policy_subject *subject,
                   struct policy_verdict *ret, size_t capacity);

#endif
