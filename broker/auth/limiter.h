/* limiter.h - how often somebody may try a password, without giving anybody a way to lock others
 * out.
 *
 * Module auth, private. Passive: monotonic time comes as an argument.
 *
 * An attempt is charged before the password is looked at, and given back when it was right: many at
 * once gain nothing. pair (who, where)  1, 2, 4 ... 60 s after each failure; the right password
 * elsewhere is never refused where              the same, but from the 11th failure on: one
 * terminal guessing many names who                from the 31st failure on every failure costs at
 * least 8 s at that place: many terminals guessing one name are slowed, yet the first try at
 * another terminal is still taken Forgotten ten minutes after the last failure. At most LIMITER_MAX
 * are remembered; the oldest goes first.
 */
#ifndef BERTH_AUTH_LIMITER_H
#define BERTH_AUTH_LIMITER_H

#include "berth/list.h"
#include "berth/map.h"

#define LIMITER_MAX 65536

struct limiter {
    struct map by_key;
    struct list oldest; /* struct attempts, the longest untouched first */
    size_t count;
};

/* Empty; the key is for its hash table. */
void limiter_init(struct limiter *limiter, struct map_key key);
void limiter_clear(struct limiter *limiter);

/* May `who` try at `where` now? 0: yes, and the attempt is charged. Else milliseconds to wait. */
int64_t limiter_charge(struct limiter *limiter, const char *who, const char *where, int64_t now_ms);

/* It was wrong, as was found at now_ms: the delay counts from here, however long the hash took. */
void limiter_failure(struct limiter *limiter, const char *who, const char *where, int64_t now_ms);

/* It was right: the pair is forgotten, the place and the name get their charge back. */
void limiter_success(struct limiter *limiter, const char *who, const char *where);

/* It was never looked at: all get their charge back. */
void limiter_refund(struct limiter *limiter, const char *who, const char *where);

#endif
