/* evidence.h - is the evidence of a sign-on still valid?
 *
 * Module core: no I/O. Minutes may pass between the check of a password and the picture, in a queue
 * or while a machine starts. A sign-on remembers the rows that its evidence was checked against and
 * checks them again before it opens anything.
 */
#ifndef BERTH_CORE_EVIDENCE_H
#define BERTH_CORE_EVIDENCE_H

#include "core/terminal.h"
#include "core/user.h"

/* Zeroed: no evidence that could become invalid. */
struct evidence_shown {
    uint64_t badge_id;       /* 0: no badge */
    bool kiosk;              /* the terminal signed on by itself */
    char password_hash[160]; /* of the password that was given now, or earlier (badge grace) */
};

/* Check the evidence against the present rows.
 *
 * Errors: CREDENTIALS (the password changed; the badge is disabled, deleted or another user's),
 * DENIED (no longer the terminal's kiosk user). The text is shown to the person.
 */
int evidence_check(struct core *core, const struct evidence_shown *shown, const struct user *user,
                   const struct terminal *terminal, struct berth_error *reterr) berth_must_check;

#endif
