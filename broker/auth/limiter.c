/* limiter.c - how often somebody may try a password. */
#include "limiter.h"

#include <stdio.h>
#include <string.h>

#define FORGET_MS INT64_C(600000)
#define DELAY_MAX_MS INT64_C(60000)
#define WHERE_FREE 10
#define WHO_FREE 30
#define WHO_DELAY_MS INT64_C(8000)
#define KEY_MAX 256

struct tried {
    struct list node;
    int failures;
    int64_t last_ms;
    int64_t until_ms; /* no attempt before this */
    char key[];
};

enum about { PAIR, WHERE, WHO };

/* The three kinds of keys cannot be mixed up, whatever characters a name has: the length of the
 * place comes first. */
static void make_key(char key[KEY_MAX], enum about about, const char *who, const char *where)
{
    if (about == PAIR)
        (void)snprintf(key, KEY_MAX, "p%zu:%.120s:%.120s", strlen(where), where, who);
    else
        (void)snprintf(key, KEY_MAX, "%c%.200s", about == WHERE ? 't' : 'u',
                       about == WHERE ? where : who);
}

void limiter_init(struct limiter *limiter, struct map_key key)
{
    *limiter = (struct limiter){ 0 };
    map_init(&limiter->by_key, key);
    list_init(&limiter->oldest);
}

static void forget(struct limiter *limiter, struct tried *tried)
{
    (void)map_take_text(&limiter->by_key, tried->key);
    list_remove(&tried->node);
    limiter->count--;
    free(tried);
}

void limiter_clear(struct limiter *limiter)
{
    list_each (&limiter->oldest, node)
        forget(limiter, list_entry(node, struct tried, node));
    map_clear(&limiter->by_key);
}

static struct tried *find(struct limiter *limiter, enum about about, const char *who,
                          const char *where)
{
    char key[KEY_MAX];

    make_key(key, about, who, where);
    return map_get_text(&limiter->by_key, key);
}

static struct tried *find_or_make(struct limiter *limiter, enum about about, const char *who,
                                  const char *where, int64_t now_ms)
{
    struct tried *tried = find(limiter, about, who, where);
    char key[KEY_MAX];

    if (tried) {
        list_remove(&tried->node);
        list_append(&limiter->oldest, &tried->node);
        return tried;
    }
    if (limiter->count >= LIMITER_MAX)
        forget(limiter, list_entry(limiter->oldest.next, struct tried, node));

    make_key(key, about, who, where);
    tried = berth_alloc(sizeof(*tried) + strlen(key) + 1);
    memcpy(tried->key, key, strlen(key) + 1);
    tried->last_ms = now_ms;
    list_append(&limiter->oldest, &tried->node);
    map_put_text(&limiter->by_key, tried->key, tried);
    limiter->count++;
    return tried;
}

static void forget_old(struct limiter *limiter, int64_t now_ms)
{
    list_each (&limiter->oldest, node) {
        struct tried *tried = list_entry(node, struct tried, node);

        if (now_ms - tried->last_ms < FORGET_MS)
            return;
        forget(limiter, tried);
    }
}

/* 1, 2, 4 ... seconds for the 1st, 2nd, 3rd failure over the free ones. */
static int64_t delay_ms(int failures, int free)
{
    int over = failures - free;

    if (over <= 0)
        return 0;
    return over > 6 ? DELAY_MAX_MS : INT64_C(1000) << (over - 1);
}

static int64_t wait_ms(const struct tried *tried, int64_t now_ms)
{
    return tried && tried->until_ms > now_ms ? tried->until_ms - now_ms : 0;
}

static void delay_from(struct tried *tried, int free, int64_t least_ms, int64_t now_ms)
{
    int64_t delay;

    if (!tried)
        return;
    delay = delay_ms(tried->failures, free);
    tried->until_ms = now_ms + (delay > least_ms ? delay : least_ms);
}

static int64_t least_delay_ms(const struct tried *name)
{
    return name && name->failures > WHO_FREE ? WHO_DELAY_MS : 0;
}

static void charge(struct tried *tried, int free, int64_t least_ms, int64_t now_ms)
{
    tried->failures++;
    tried->last_ms = now_ms;
    delay_from(tried, free, least_ms, now_ms);
}

int64_t limiter_charge(struct limiter *limiter, const char *who, const char *where, int64_t now_ms)
{
    int64_t pair_wait = wait_ms(find(limiter, PAIR, who, where), now_ms);
    int64_t where_wait = wait_ms(find(limiter, WHERE, who, where), now_ms);
    struct tried *name;

    if (pair_wait || where_wait)
        return pair_wait > where_wait ? pair_wait : where_wait;

    forget_old(limiter, now_ms);
    name = find_or_make(limiter, WHO, who, where, now_ms);
    name->failures++;
    name->last_ms = now_ms;
    charge(find_or_make(limiter, PAIR, who, where, now_ms), 0, least_delay_ms(name), now_ms);
    charge(find_or_make(limiter, WHERE, who, where, now_ms), WHERE_FREE, 0, now_ms);
    return 0;
}

void limiter_wrong(struct limiter *limiter, const char *who, const char *where, int64_t now_ms)
{
    delay_from(find(limiter, PAIR, who, where), 0, least_delay_ms(find(limiter, WHO, who, where)),
               now_ms);
    delay_from(find(limiter, WHERE, who, where), WHERE_FREE, 0, now_ms);
}

static void give_back(struct limiter *limiter, struct tried *tried)
{
    if (!tried)
        return;
    tried->until_ms = 0;
    if (--tried->failures <= 0)
        forget(limiter, tried);
}

void limiter_refund(struct limiter *limiter, const char *who, const char *where)
{
    give_back(limiter, find(limiter, PAIR, who, where));
    give_back(limiter, find(limiter, WHERE, who, where));
    give_back(limiter, find(limiter, WHO, who, where));
}

void limiter_right(struct limiter *limiter, const char *who, const char *where)
{
    struct tried *pair = find(limiter, PAIR, who, where);

    if (pair)
        forget(limiter, pair);
    give_back(limiter, find(limiter, WHERE, who, where));
    give_back(limiter, find(limiter, WHO, who, where));
}
