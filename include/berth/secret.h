/* secret.h - text that must not be seen: passwords, tokens, tickets.
 *
 * Module shared. A secret is a fixed buffer, wiped after use; no formatter prints one. Fields of kind
 * SECRET in the tables are of this type, and record_encode writes "***" for them unless the
 * receiver is their purpose.
 */
#ifndef BERTH_SECRET_H
#define BERTH_SECRET_H

#include "berth/base.h"

#define SECRET_MAX 256

struct secret {
    char text[SECRET_MAX]; /* NUL-terminated */
};

void secret_wipe(struct secret *secret);
void secret_wipep(struct secret *secret); /* for berth_cleanup on a struct */

/* false (and an empty secret) when it does not fit. */
bool secret_set(struct secret *secret, const char *text, size_t length) berth_must_check;

static inline bool secret_empty(const struct secret *secret)
{
    return secret->text[0] == '\0';
}

/* Compare in constant time for the length of `a`. */
bool secret_equal(const struct secret *a, const struct secret *b);

/* No core files, not traceable by others: called first thing in every main. Failure ends the
 * program. */
void secret_harden_process(void);

#endif
