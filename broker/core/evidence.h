/* evidence.h - does what somebody showed to sign on still count?
 *
 * Module core: no I/O. Between the check of a password and the picture minutes may pass: in a queue,
 * and while a machine starts. What was shown is remembered by the rows it was checked against, and
 * judged again before anything is opened by it.
 */
#ifndef BERTH_CORE_EVIDENCE_H
#define BERTH_CORE_EVIDENCE_H

#include "core/runtime.h"

/* All empty: nothing that could stop to count. */
struct evidence_shown {
    uint64_t badge_id;       /* 0: no badge */
    bool kiosk;              /* the terminal signed on by itself */
    char password_hash[160]; /* of the password that was shown, now or for the grace of a badge */
};

/* Errors: CREDENTIALS (another password since, the badge is disabled, deleted or somebody else's),
 * DENIED (not the terminal's kiosk user any more); the sentence is for the person.
 */
int evidence_check(struct core *core, const struct evidence_shown *shown, const struct user *user,
                   const struct terminal *terminal, struct berth_error *reterr) berth_must_check;

#endif
