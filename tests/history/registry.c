/* registry.c - the state of the judge, by number and by name. */
#include <stdio.h>
#include <string.h>

#include "history/judge_internal.h"

/* All memory is in one list, so that freeing the judge is one walk. */
struct piece {
    struct list node;
    _Alignas(max_align_t) unsigned char memory[];
};

void *judge_make(struct judge *judge, size_t size)
{
    struct piece *piece = berth_alloc(sizeof(*piece) + size);

    list_append(&judge->memory, &piece->node);
    return piece->memory;
}

void judge_drop(void *memory)
{
    struct piece *piece = container_of(memory, struct piece, memory);

    list_remove(&piece->node);
    free(piece);
}

static struct map *const *maps_of(struct judge *judge, size_t *count)
{
    static _Thread_local struct map *maps[15];
    size_t n = 0;

    maps[n++] = &judge->rows;
    maps[n++] = &judge->slots;
    maps[n++] = &judge->desktops;
    maps[n++] = &judge->machines;
    maps[n++] = &judge->sessions;
    maps[n++] = &judge->terminals;
    maps[n++] = &judge->names;
    maps[n++] = &judge->users;
    maps[n++] = &judge->ids;
    maps[n++] = &judge->calls;
    maps[n++] = &judge->requests;
    maps[n++] = &judge->secrets;
    maps[n++] = &judge->keys;
    maps[n++] = &judge->queues;
    maps[n++] = &judge->virts;
    *count = n;
    return maps;
}

void registry_init(struct judge *judge)
{
    /* The checker gets no hostile names; a fixed key makes its runs repeatable. */
    const struct map_key key = { .k0 = UINT64_C(0x6265727468), .k1 = UINT64_C(0x6a75646765) };
    size_t count;
    struct map *const *maps = maps_of(judge, &count);

    for (size_t i = 0; i < count; i++)
        map_init(maps[i], key);
    list_init(&judge->memory);
    list_init(&judge->facts);
    list_init(&judge->slots_all);
    list_init(&judge->machines_all);
    list_init(&judge->terminals_all);
    list_init(&judge->operations);
    list_init(&judge->line_ups);
    list_init(&judge->doubts);
    list_init(&judge->out);
    list_init(&judge->closing);
    list_init(&judge->hidden);
    list_init(&judge->lost);
}

void registry_clear(struct judge *judge)
{
    size_t count;
    struct map *const *maps = maps_of(judge, &count);

    for (size_t i = 0; i < count; i++)
        map_clear(maps[i]);
    list_each (&judge->memory, node)
        free(list_entry(node, struct piece, node));
}

/* ---- rows ---- */

static uint64_t fact_key(enum history_entity kind, uint64_t id)
{
    return id * history_entity_END + (uint64_t)kind;
}

struct fact *fact_find(struct judge *judge, enum history_entity kind, uint64_t id)
{
    return map_get_id(&judge->rows, fact_key(kind, id));
}

struct fact *fact_make(struct judge *judge, enum history_entity kind, uint64_t id)
{
    struct fact *fact = fact_find(judge, kind, id);

    if (fact)
        return fact;
    fact = judge_make(judge, sizeof(*fact));
    fact->kind = kind;
    fact->id = id;
    list_init(&fact->of_user);
    list_append(&judge->facts, &fact->node);
    map_put_id(&judge->rows, fact_key(kind, id), fact);
    return fact;
}

void fact_forget(struct judge *judge, struct fact *fact)
{
    (void)map_take_id(&judge->rows, fact_key(fact->kind, fact->id));
    list_remove(&fact->node);
    list_remove(&fact->of_user);
    judge_drop(fact);
}

/* ---- desktops, their slots and machines ---- */

struct desktop *desktop_make(struct judge *judge, uint64_t id)
{
    struct desktop *desktop = map_get_id(&judge->desktops, id);

    if (desktop)
        return desktop;
    desktop = judge_make(judge, sizeof(*desktop));
    desktop->id = id;
    list_init(&desktop->slots);
    map_put_id(&judge->desktops, id, desktop);
    return desktop;
}

struct slot *slot_make(struct judge *judge, uint64_t desktop_id, int64_t number)
{
    uint64_t key = desktop_id * 1024 + (uint64_t)number;
    struct slot *slot = map_get_id(&judge->slots, key);

    if (slot)
        return slot;
    slot = judge_make(judge, sizeof(*slot));
    slot->desktop_id = desktop_id;
    slot->number = number;
    list_init(&slot->shown);
    list_append(&judge->slots_all, &slot->node);
    list_append(&desktop_make(judge, desktop_id)->slots, &slot->of_desktop);
    map_put_id(&judge->slots, key, slot);
    return slot;
}

struct machine *machine_make(struct judge *judge, const char *uuid)
{
    struct machine *machine = map_get_text(&judge->machines, uuid);

    if (machine)
        return machine;
    machine = judge_make(judge, sizeof(*machine));
    (void)snprintf(machine->uuid, sizeof(machine->uuid), "%s", uuid);
    list_append(&judge->machines_all, &machine->node);
    map_put_text(&judge->machines, machine->uuid, machine);
    return machine;
}

/* ---- sessions and people ---- */

struct session *session_find(struct judge *judge, uint64_t id)
{
    return id ? map_get_id(&judge->sessions, id) : NULL;
}

struct session *session_make(struct judge *judge, uint64_t id)
{
    struct session *session = session_find(judge, id);

    if (session)
        return session;
    session = judge_make(judge, sizeof(*session));
    session->id = id;
    map_put_id(&judge->sessions, id, session);
    return session;
}

struct user *user_make(struct judge *judge, uint64_t id)
{
    struct user *user = map_get_id(&judge->users, id);

    if (user)
        return user;
    user = judge_make(judge, sizeof(*user));
    user->id = id;
    list_init(&user->open);
    list_init(&user->sessions);
    map_put_id(&judge->users, id, user);
    return user;
}

/* ---- terminals: rows and the broker know numbers, the terminals know their names ---- */

static struct terminal *terminal_new(struct judge *judge)
{
    struct terminal *terminal = judge_make(judge, sizeof(*terminal));

    list_init(&terminal->shown);
    list_append(&judge->terminals_all, &terminal->node);
    return terminal;
}

struct terminal *terminal_make(struct judge *judge, uint64_t id)
{
    struct terminal *terminal = map_get_id(&judge->terminals, id);

    if (terminal)
        return terminal;
    terminal = terminal_new(judge);
    terminal->id = id;
    map_put_id(&judge->terminals, id, terminal);
    return terminal;
}

struct terminal *terminal_named(struct judge *judge, const char *name)
{
    struct terminal *terminal = map_get_text(&judge->names, name);

    if (terminal)
        return terminal;
    terminal = terminal_new(judge);
    (void)snprintf(terminal->name, sizeof(terminal->name), "%s", name);
    map_put_text(&judge->names, terminal->name, terminal);
    return terminal;
}

/* A terminal may appear with its name before the broker gave it a number. */
void terminal_name(struct judge *judge, uint64_t id, const char *name)
{
    struct terminal *numbered = map_get_id(&judge->terminals, id);
    struct terminal *named = map_get_text(&judge->names, name);

    if (numbered && strcmp(numbered->name, name) == 0)
        return;
    if (!numbered && named && !named->id) {
        named->id = id;
        map_put_id(&judge->terminals, id, named);
        return;
    }
    numbered = terminal_make(judge, id);
    if (numbered->name[0])
        (void)map_take_text(&judge->names, numbered->name);
    (void)snprintf(numbered->name, sizeof(numbered->name), "%s", name);
    if (named) { /* its picture continues under its number */
        while (!list_empty(&named->shown)) {
            struct shown *shown = list_entry(list_shift(&named->shown), struct shown, here);

            shown->terminal = numbered;
            list_append(&numbered->shown, &shown->here);
        }
        (void)map_take_text(&judge->names, name);
    }
    map_put_text(&judge->names, numbered->name, numbered);
}

const char *terminal_called(const struct terminal *terminal, char buffer[64])
{
    if (terminal->name[0])
        (void)snprintf(buffer, 64, "%s", terminal->name);
    else
        (void)snprintf(buffer, 64, "%llu", (unsigned long long)terminal->id);
    return buffer;
}
