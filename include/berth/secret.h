/* secret.h - text that must not be seen: passwords, tokens, tickets.
 *
 * Module shared. A secret is a fixed buffer, wiped after use; no formatting function prints one.
 * Fields of type SECRET in the tables are of this type, and record_encode writes "***" for them
 * unless its mask is SEE_MASK_WIRE.
 */
#ifndef BERTH_SECRET_H
#define BERTH_SECRET_H

#include "berth/base.h"

#define SECRET_MAX 256

struct berth_random;

struct secret {
    char text[SECRET_MAX]; /* NUL-terminated */
};

/* Overwrite the whole buffer; the compiler does not remove this. */
void secret_wipe(struct secret *secret);

/* Copy `length` bytes of `text`. False, and an empty secret, when they do not fit. */
bool secret_set(struct secret *secret, const char *text, size_t length) berth_must_check;

/* A random password: 24 letters and digits that are not easily confused, 120 bits. */
void secret_random(struct berth_random *random, struct secret *ret);

static inline bool secret_empty(const struct secret *secret)
{
    return secret->text[0] == '\0';
}

/* Compare in constant time for the length of `a`. */
bool secret_equal(const struct secret *a, const struct secret *b);

/* Disable core files and tracing by other processes; called first in every main. Failure ends the
 * program. */
void secret_harden_process(void);

#endif
