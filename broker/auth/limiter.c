/* limiter.c - delays between password attempts. */
#include "limiter.h"

#include <stdio.h>
#include <string.h>

#define FORGET_MS INT64_C(600000)
#define DELAY_MAX_MS INT64_C(60000)
#define PLACE_FREE 10
#define USER_FREE 30
#define USER_DELAY_MS INT64_C(8000)
#define KEY_MAX 256

struct attempts {
    struct list node;
    int failures;
    int64_t last_ms;
    int64_t until_ms; /* no attempt before this */
    char key[];
};

enum attempts_by { BY_PAIR, BY_PLACE, BY_USER };

/* Keys of the three kinds cannot collide, whatever characters a name has: the length of `where`
 * comes first. */
static void make_key(char key[KEY_MAX], enum attempts_by by, const char *who, const char *where)
{
    if (by == BY_PAIR)
        (void)snprintf(key, KEY_MAX, "p%zu:%.120s:%.120s", strlen(where), where, who);
    else
        (void)snprintf(key, KEY_MAX, "%c%.200s", by == BY_PLACE ? 't' : 'u',
                       by == BY_PLACE ? where : who);
}

void limiter_init(struct limiter *limiter, struct map_key key)
{
    *limiter = (struct limiter){ 0 };
    map_init(&limiter->by_key, key);
    list_init(&limiter->oldest);
}

static void forget(struct limiter *limiter, struct attempts *attempts)
{
    (void)map_take_text(&limiter->by_key, attempts->key);
    list_remove(&attempts->node);
    limiter->count--;
    free(attempts);
}

void limiter_clear(struct limiter *limiter)
{
    list_each (&limiter->oldest, node)
        forget(limiter, list_entry(node, struct attempts, node));
    map_clear(&limiter->by_key);
}

static struct attempts *find(struct limiter *limiter, enum attempts_by by, const char *who,
                             const char *where)
{
    char key[KEY_MAX];

    make_key(key, by, who, where);
    return map_get_text(&limiter->by_key, key);
}

static struct attempts *find_or_make(struct limiter *limiter, enum attempts_by by, const char *who,
                                     const char *where, int64_t now_ms)
{
    struct attempts *attempts = find(limiter, by, who, where);
    char key[KEY_MAX];

    if (attempts) {
        list_remove(&attempts->node);
        list_append(&limiter->oldest, &attempts->node);
        return attempts;
    }
    if (limiter->count >= LIMITER_MAX)
        forget(limiter, list_entry(limiter->oldest.next, struct attempts, node));

    make_key(key, by, who, where);
    attempts = berth_alloc(sizeof(*attempts) + strlen(key) + 1);
    memcpy(attempts->key, key, strlen(key) + 1);
    attempts->last_ms = now_ms;
    list_append(&limiter->oldest, &attempts->node);
    map_put_text(&limiter->by_key, attempts->key, attempts);
    limiter->count++;
    return attempts;
}

static void forget_old(struct limiter *limiter, int64_t now_ms)
{
    list_each (&limiter->oldest, node) {
        struct attempts *attempts = list_entry(node, struct attempts, node);

        if (now_ms - attempts->last_ms < FORGET_MS)
            return;
        forget(limiter, attempts);
    }
}

/* 1, 2, 4 ... seconds for the 1st, 2nd, 3rd failure after the free ones. */
static int64_t delay_ms(int failures, int free)
{
    int over = failures - free;

    if (over <= 0)
        return 0;
    return over > 6 ? DELAY_MAX_MS : INT64_C(1000) << (over - 1);
}

static int64_t wait_ms(const struct attempts *attempts, int64_t now_ms)
{
    return attempts && attempts->until_ms > now_ms ? attempts->until_ms - now_ms : 0;
}

static void delay_from(struct attempts *attempts, int free, int64_t least_ms, int64_t now_ms)
{
    int64_t delay;

    if (!attempts)
        return;
    delay = delay_ms(attempts->failures, free);
    attempts->until_ms = now_ms + (delay > least_ms ? delay : least_ms);
}

static int64_t least_delay_ms(const struct attempts *name)
{
    return name && name->failures > USER_FREE ? USER_DELAY_MS : 0;
}

static void charge(struct attempts *attempts, int free, int64_t least_ms, int64_t now_ms)
{
    attempts->failures++;
    attempts->last_ms = now_ms;
    delay_from(attempts, free, least_ms, now_ms);
}

int64_t limiter_charge(struct limiter *limiter, const char *who, const char *where, int64_t now_ms)
{
    int64_t pair_wait = wait_ms(find(limiter, BY_PAIR, who, where), now_ms);
    int64_t where_wait = wait_ms(find(limiter, BY_PLACE, who, where), now_ms);
    struct attempts *name;

    if (pair_wait || where_wait)
        return pair_wait > where_wait ? pair_wait : where_wait;

    forget_old(limiter, now_ms);
    name = find_or_make(limiter, BY_USER, who, where, now_ms);
    name->failures++;
    name->last_ms = now_ms;
    charge(find_or_make(limiter, BY_PAIR, who, where, now_ms), 0, least_delay_ms(name), now_ms);
    charge(find_or_make(limiter, BY_PLACE, who, where, now_ms), PLACE_FREE, 0, now_ms);
    return 0;
}

void limiter_failure(struct limiter *limiter, const char *who, const char *where, int64_t now_ms)
{
    delay_from(find(limiter, BY_PAIR, who, where), 0,
               least_delay_ms(find(limiter, BY_USER, who, where)), now_ms);
    delay_from(find(limiter, BY_PLACE, who, where), PLACE_FREE, 0, now_ms);
}

static void refund(struct limiter *limiter, struct attempts *attempts)
{
    if (!attempts)
        return;
    attempts->until_ms = 0;
    if (--attempts->failures <= 0)
        forget(limiter, attempts);
}

void limiter_refund(struct limiter *limiter, const char *who, const char *where)
{
    refund(limiter, find(limiter, BY_PAIR, who, where));
    refund(limiter, find(limiter, BY_PLACE, who, where));
    refund(limiter, find(limiter, BY_USER, who, where));
}

void limiter_success(struct limiter *limiter, const char *who, const char *where)
{
    struct attempts *pair = find(limiter, BY_PAIR, who, where);

    if (pair)
        forget(limiter, pair);
    refund(limiter, find(limiter, BY_PLACE, who, where));
    refund(limiter, find(limiter, BY_USER, who, where));
}
