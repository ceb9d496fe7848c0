/* shortage.c - one clause per reason, joined to a sentence. */
#include "flow/shortage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/desktop_class.h"
#include "core/index.h"
#include "core/placement.h"
#include "flow/plan.h"
#include "flow/recompose.h"

#define HOSTS_NAMED 2
#define CLAUSE_LEAST 12 /* bytes; with less left, the sentence was cut */

/* A sentence under construction. */
struct sentence {
    char *text;
    size_t used;
    const char *joint; /* separator before the next clause */
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *sentence, const char *format,
                                                      ...)
{
    char clause[SHORTAGE_TEXT];
    va_list arguments;

    if (sentence->used + CLAUSE_LEAST > SHORTAGE_TEXT)
        return;
    va_start(arguments, format);
    berth_vtext(clause, sizeof(clause), format, arguments);
    va_end(arguments);
    berth_text(sentence->text + sentence->used, SHORTAGE_TEXT - sentence->used, "%s%s",
               sentence->used ? sentence->joint : "", clause);
    sentence->used += strlen(sentence->text + sentence->used);
}

/* ---- why nothing is made ---- */

static void say_image(struct sentence *sentence, struct core *core, const struct pool *pool)
{
    const struct image *image = image_find(core, pool->row.image_id);

    if (image && !image->row.current_id)
        say(sentence,
            "image '%s' has no published version: publish one with `berthctl image publish`",
            image->row.name);
}

static void say_backoff(struct sentence *sentence, struct core *core, const struct pool *pool)
{
    int64_t left_ms = pool->backoff_until_ms - core->timers->mono_ms;

    if (pool->backoff_until_ms && left_ms > 0)
        say(sentence,
            "nothing new is made for %lld s: repair the cause, then `berthctl pool retry %s` does "
            "not wait; the cause: %s",
            (long long)(left_ms + 999) / 1000, pool->row.name, pool->backoff_why);
}

/* ---- which hosts can take none ---- */

/* Returns how many of the pool's hosts serve; names those that do not, each with its reason. */
static int say_hosts(struct sentence *sentence, struct core *core, const struct pool *pool)
{
    int serving = 0, silent = 0;
    char text[HOST_TEXT];

    list_each (core_all(core, ENTITY_host), node) {
        const struct host *host = entity_at(node, host);

        if (!placement_host_is_of(host, pool))
            continue;
        if (host_serves(host)) {
            serving++;
        } else if (++silent <= HOSTS_NAMED) {
            host_text(host, text, sizeof(text));
            say(sentence, "%s", text);
        }
    }
    if (silent > HOSTS_NAMED)
        say(sentence, "%d other hosts do not serve either", silent - HOSTS_NAMED);
    if (serving + silent == 0)
        say(sentence, "there is no host to make desktops on: add one with `berthctl host add`");
    return serving;
}

static void say_capacity(struct sentence *sentence, struct core *core, const struct pool *pool)
{
    char why[160];
    const struct host *host = placement_host(core, pool, why, sizeof(why));

    if (!host)
        say(sentence, "%s", why);
    else if (pool->row.address == pool_address_FORWARDED && !plan_free_port(core, host))
        say(sentence,
            "host '%s' has no free port for another desktop (port_first=%lld, port_last=%lld); "
            "raise port_last with `berthctl host set %s port_last=NUMBER`",
            host->row.name, (long long)host->row.port_first, (long long)host->row.port_last,
            host->row.name);
    else if (pool->plan_error[0])
        say(sentence, "a new desktop could not be recorded: %s", pool->plan_error);
}

/* ---- the state of the desktops ---- */

/* One desktop that is off because it failed, and is tried again soon. */
static void say_failed(struct sentence *sentence, struct core *core, const struct pool *pool)
{
    list_each (&pool->by_class[CLASS_IDLE], node) {
        const struct desktop *desktop = pool_entry(node);
        int64_t left_ms = desktop->not_before_ms - core->timers->mono_ms;

        if (left_ms <= 0)
            continue;
        say(sentence, "desktop '%s' is tried again in %lld s: %s", desktop->row.name,
            (long long)(left_ms + 999) / 1000, desktop->reason);
        return;
    }
}

static void say_count(struct sentence *sentence, int count, const char *where)
{
    if (count <= 0)
        return;
    say(sentence, "%d %s", count, where);
    sentence->joint = ", ";
}

static void say_quarantine(struct sentence *sentence, const struct pool *pool)
{
    const struct list *quarantine = &pool->by_class[CLASS_QUARANTINED];
    const struct desktop *first;

    if (list_empty(quarantine))
        return;
    first = pool_entry(quarantine->next);
    say(sentence, "%d in quarantine ('%s': %s)", pool->count_of[CLASS_QUARANTINED], first->row.name,
        first->row.reason[0] ? first->row.reason : first->reason);
}

static void say_desktops(struct sentence *sentence, const struct pool *pool,
                         const struct placement_count *count)
{
    const int *of = pool->count_of;

    say_count(sentence, of[CLASS_USED], "in use");
    say_count(sentence, count->spare, "spare");
    say_count(sentence, pool->planning + of[CLASS_PROVISIONING], "on the way");
    say_count(sentence, of[CLASS_IDLE], "switched off");
    say_count(sentence, of[CLASS_REFRESH_PENDING], "waiting for a new disk");
    say_count(sentence, of[CLASS_SPARE] - count->spare, "on a host that does not serve");
    say_count(sentence, of[CLASS_LOST], "whose machine was not found");
    say_count(sentence, of[CLASS_DELETE_PENDING], "to be deleted");
    say_quarantine(sentence, pool);
}

static void say_supply(struct sentence *sentence, struct core *core, const struct pool *pool,
                       const struct placement_count *count)
{
    char recompose[400];

    say_image(sentence, core, pool);
    say_backoff(sentence, core, pool);
    if (say_hosts(sentence, core, pool) > 0 && count->total < pool->row.max)
        say_capacity(sentence, core, pool);
    if (count->total >= pool->row.max)
        say(sentence, "the pool has its maximum of %lld desktops (max); raise max for more",
            (long long)pool->row.max);
    say_failed(sentence, core, pool);
    recompose_text(core, pool, recompose, sizeof(recompose));
    if (recompose[0])
        say(sentence, "recompose: %s", recompose);
}

void shortage_text(struct core *core, const struct pool *pool, int more, char ret[SHORTAGE_TEXT])
{
    struct sentence sentence = { .text = ret, .joint = "; " };
    struct placement_count count;

    ret[0] = '\0';
    placement_count(core, pool, &count);
    if (count.spare >= pool->row.spare + count.waiting + more)
        return;
    if (pool->row.kind != pool_kind_MANUAL)
        say_supply(&sentence, core, pool, &count);
    else if (index_count(core, DESKTOPS_OF_POOL, pool->row.id) == 0)
        say(&sentence, "it has no desktops: add machines with `berthctl desktop add`");
    say_desktops(&sentence, pool, &count);
}
