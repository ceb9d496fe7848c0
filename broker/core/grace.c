/* grace.c - the table of users within their badge grace, in order of expiry. */
#include "core/grace.h"

#include <stdio.h>
#include <string.h>

#include "core/place.h"

/* One per user and site, found by a text key; `oldest` lists them, the oldest first. */
struct grace {
    struct list node;
    char key[48];
    uint64_t user_id;
    int64_t since_ms;
    char password_hash[160]; /* the grace ends when the user's hash is another one */
};

struct grace_table {
    struct map by_key;
    struct list oldest;
};

struct grace_table *grace_table_new(struct map_key key)
{
    struct grace_table *table = berth_new(struct grace_table);

    map_init(&table->by_key, key);
    list_init(&table->oldest);
    return table;
}

static void forget(struct grace_table *table, struct grace *grace)
{
    (void)map_take_text(&table->by_key, grace->key);
    list_remove(&grace->node);
    berth_wipe_free(grace, sizeof(*grace));
}

void grace_table_free(struct grace_table *table)
{
    list_each (&table->oldest, node)
        forget(table, list_entry(node, struct grace, node));
    map_clear(&table->by_key);
    free(table);
}

static void make_key(struct core *core, const struct user *user, const struct terminal *terminal,
                     char key[48])
{
    (void)snprintf(key, 48, "%llu %llu", (unsigned long long)user->row.id,
                   (unsigned long long)place_site_id(core, terminal->row.place_id));
}

static bool has_expired(const struct core *core, const struct grace *grace)
{
    return core->timers->mono_ms - grace->since_ms >= core->limits.badge_grace_ms;
}

/* They are in order of their start, so those that have expired come first. */
static void forget_old(struct core *core)
{
    struct grace_table *table = core->grace;

    list_each (&table->oldest, node) {
        struct grace *grace = list_entry(node, struct grace, node);

        if (!has_expired(core, grace))
            return;
        forget(table, grace);
    }
}

void grace_begin(struct core *core, const struct user *user, const struct terminal *terminal)
{
    struct grace_table *table = core->grace;
    struct grace *grace;
    char key[48];

    forget_old(core);
    if (core->limits.badge_grace_ms <= 0)
        return;
    make_key(core, user, terminal, key);
    grace = map_get_text(&table->by_key, key);
    if (grace)
        forget(table, grace);
    grace = berth_new(struct grace);
    memcpy(grace->key, key, sizeof(grace->key));
    grace->user_id = user->row.id;
    grace->since_ms = core->timers->mono_ms;
    memcpy(grace->password_hash, user->row.password_hash, sizeof(grace->password_hash));
    list_append(&table->oldest, &grace->node);
    map_put_text(&table->by_key, grace->key, grace);
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
