/* limiter.h - delays between password attempts, such that a user cannot be locked out by others.
 *
 * Module auth, private. Thread: loop. No clock: monotonic time comes as an argument.
 *
 * Who is a user name, where a terminal (or the source address of an administrator). An attempt is
 * charged before the password is checked, and the charge is refunded when it was right; so parallel
 * attempts gain nothing. Failures are counted three times:
 *
 *   counted per         delay after a failure
 *   pair (who, where)   1, 2, 4 ... 60 s. The right password at another terminal is never refused.
 *   where               1, 2, 4 ... 60 s, from the 11th failure on: one terminal that guesses many
 *                       names.
 *   who                 from the 31st failure on at least 8 s for that pair: many terminals that
 *                       guess one name. The first attempt at another terminal is still accepted.
 *
 * Counts are forgotten ten minutes after the last failure. At most LIMITER_MAX are kept; the one
 * unchanged for longest is dropped first.
 */
#ifndef BERTH_AUTH_LIMITER_H
#define BERTH_AUTH_LIMITER_H

#include "berth/list.h"
#include "berth/map.h"

#define LIMITER_MAX 65536

struct limiter {
    struct map by_key;
    struct list oldest; /* struct attempts, the one unchanged for longest first */
    size_t count;
};

/* Initialise; the key is for the hash table. */
void limiter_init(struct limiter *limiter, struct map_key key);
void limiter_clear(struct limiter *limiter);

/* May `who` try at `where` now? 0: yes, and the attempt is charged. Else the milliseconds to wait.
 */
int64_t limiter_charge(struct limiter *limiter, const char *who, const char *where, int64_t now_ms);

/* The password was wrong. The delay counts from now_ms, the end of the check, however long that
 * took. */
void limiter_failure(struct limiter *limiter, const char *who, const char *where, int64_t now_ms);

/* The password was right: forget the pair, refund the charges of `where` and `who`. */
void limiter_success(struct limiter *limiter, const char *who, const char *where);

/* The password was not checked: refund all charges. */
void limiter_refund(struct limiter *limiter, const char *who, const char *where);

#endif
