/* grace.c - see grace.h. */
#include "core/grace.h"

#include <stdio.h>
#include <string.h>

#include "core/core.h"

/* One for each person and site, found by a text key; the longest ago first in `oldest`. */
struct grace {
    struct list node;
    char key[48];
    uint64_t user_id;
    int64_t since_ms;
    char password_hash[160]; /* another one since then: it is over */
};

struct grace_book {
    struct map by_key;
    struct list oldest;
};

struct grace_book *grace_book_new(struct map_key key)
{
    struct grace_book *book = berth_new(struct grace_book);

    map_init(&book->by_key, key);
    list_init(&book->oldest);
    return book;
}

static void forget(struct grace_book *book, struct grace *grace)
{
    (void)map_take_text(&book->by_key, grace->key);
    list_remove(&grace->node);
    berth_wipe_free(grace, sizeof(*grace));
}

void grace_book_free(struct grace_book *book)
{
    list_each (&book->oldest, node)
        forget(book, list_entry(node, struct grace, node));
    map_clear(&book->by_key);
    free(book);
}

static void make_key(struct core *core, const struct user *user, const struct terminal *terminal,
                     char key[48])
{
    const struct place *place = place_find(core, terminal->row.place_id);

    (void)snprintf(key, 48, "%llu %llu", (unsigned long long)user->row.id,
                   (unsigned long long)(place ? place->row.site_id : 0));
}

static bool is_over(const struct core *core, const struct grace *grace)
{
    return core->timers->mono_ms - grace->since_ms >= core->limits.badge_grace_ms;
}

/* They stand in the order of their beginning, so that those that are over stand in front. */
static void forget_old(struct core *core)
{
    struct grace_book *book = core->grace;

    list_each (&book->oldest, node) {
        struct grace *grace = list_entry(node, struct grace, node);

        if (!is_over(core, grace))
            return;
        forget(book, grace);
    }
}

void grace_begin(struct core *core, const struct user *user, const struct terminal *terminal)
{
    struct grace_book *book = core->grace;
    struct grace *grace;
    char key[48];

    forget_old(core);
    if (core->limits.badge_grace_ms <= 0)
        return;
    make_key(core, user, terminal, key);
    grace = map_get_text(&book->by_key, key);
    if (grace)
        forget(book, grace);
    grace = berth_new(struct grace);
    memcpy(grace->key, key, sizeof(grace->key));
    grace->user_id = user->row.id;
    grace->since_ms = core->timers->mono_ms;
    memcpy(grace->password_hash, user->row.password_hash, sizeof(grace->password_hash));
    list_append(&book->oldest, &grace->node);
    map_put_text(&book->by_key, grace->key, grace);
}

void grace_end(struct core *core, uint64_t user_id)
{
    list_each (&core->grace->oldest, node) {
        struct grace *grace = list_entry(node, struct grace, node);

        if (grace->user_id == user_id)
            forget(core->grace, grace);
    }
}

bool grace_holds(struct core *core, const struct user *user, const struct terminal *terminal)
{
    const struct grace *grace;
    char key[48];

    forget_old(core);
    make_key(core, user, terminal, key);
    grace = map_get_text(&core->grace->by_key, key);
    return grace && strcmp(grace->password_hash, user->row.password_hash) == 0;
}
