/* small.h - a core with a few entities under virtual time, for the unit tests of the module.
 *
 * Module tests. One header, for each test is a program of its own. Rows go in as the store would
 * load them; decisions are applied as if they had been committed.
 */
#ifndef BERTH_TESTS_UNIT_CORE_SMALL_H
#define BERTH_TESTS_UNIT_CORE_SMALL_H

#include "core/assignment.h"
#include "core/command.h"
#include "core/connection.h"
#include "core/desktop.h"
#include "core/host.h"
#include "core/identity.h"
#include "core/image.h"
#include "core/place.h"
#include "core/pool.h"
#include "core/presence.h"
#include "core/session.h"
#include "core/terminal.h"
#include "core/user.h"

#include "random_seeded.h"
#include "test.h"

struct small {
    struct berth_timers timers;
    struct berth_random random;
    struct core *core;
};

/* Not a hash for the world: enough to tell ids apart. */
static void small_digest(const char *text, char hex[72])
{
    const struct map_key key = { 1, 2 };

    (void)snprintf(hex, 72, "%016llx", (unsigned long long)map_siphash(key, text, strlen(text)));
}

static inline void small_open(struct small *s)
{
    memset(s, 0, sizeof(*s));
    timers_init(&s->timers, 1000000, 1700000000000);
    random_seeded(&s->random, 7);
    s->core = core_new(&s->timers, &s->random);
    s->core->digest = small_digest;
}

static inline void small_close(struct small *s)
{
    core_free(s->core);
    timers_free(&s->timers);
}

/* Let time pass, timer by timer. */
static inline void small_run(struct small *s, int64_t ms)
{
    int64_t until = s->timers.mono_ms + ms;

    for (;;) {
        int64_t next = timers_next(&s->timers);

        if (next < 0 || s->timers.mono_ms + next > until)
            break;
        timers_advance(&s->timers, s->timers.mono_ms + next, s->timers.wall_ms + next);
    }
    timers_advance(&s->timers, until, s->timers.wall_ms + until - s->timers.mono_ms);
}

static inline void small_load(struct small *s, enum entity_kind kind, const void *row)
{
    struct berth_error error = { 0 };

    if (core_load(s->core, kind, row, &error) < 0)
        fail_msg("%s", error.text);
}

static inline void small_apply(struct small *s, struct changes *changes)
{
    changes->rev = s->core->rev + 1;
    core_apply(s->core, changes);
}

/* 0 when there is none: a subject that is gone. */
static inline uint64_t small_id(struct small *s, enum entity_kind kind, const char *name)
{
    struct entity *entity = core_find_name(s->core, kind, name);

    return entity ? ((const union row *)entity_row_of(entity))->id : 0;
}

static inline struct terminal *small_terminal(struct small *s, uint64_t id, const char *name,
                                              uint64_t place_id)
{
    struct row_terminal row = {
        .id = id, .version = 1, .state = terminal_ACCEPTED, .place_id = place_id
    };

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    small_load(s, ENTITY_terminal, &row);
    return terminal_find(s->core, id);
}

static inline struct user *small_user(struct small *s, uint64_t id, const char *name)
{
    struct row_user row = { .id = id, .version = 1, .kind = user_kind_PERSON };

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    small_load(s, ENTITY_user, &row);
    return user_find(s->core, id);
}

static inline struct pool *small_pool(struct small *s, uint64_t id, const char *name)
{
    struct row_pool row = { .id = id,
                            .version = 1,
                            .kind = pool_kind_FLOATING,
                            .release = pool_release_REFRESH,
                            .credential = pool_credential_PER_SESSION,
                            .roam = pool_roam_ALWAYS,
                            .address = pool_address_AGENT,
                            .max = 10,
                            .spare = 1 };

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    small_load(s, ENTITY_pool, &row);
    return pool_find(s->core, id);
}

static inline struct host *small_host(struct small *s, uint64_t id, const char *name)
{
    struct row_host row = { .id = id,
                            .version = 1,
                            .mode = host_mode_ACTIVE,
                            .weight = 100,
                            .max_starting = 4,
                            .max_desktops = 10 };
    struct host *host;

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    small_load(s, ENTITY_host, &row);
    host = host_find(s->core, id);
    host_set_state(host, host_OPENING, "test");
    host_set_state(host, host_UP, "test");
    return host;
}

/* Ready to be handed out. */
static inline struct desktop *small_desktop(struct small *s, uint64_t id, const char *name,
                                            uint64_t pool_id, uint64_t host_id)
{
    struct row_desktop row = { .id = id, .version = 1, .pool_id = pool_id, .host_id = host_id };
    struct desktop *desktop;

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    (void)snprintf(row.uuid, sizeof(row.uuid), "uuid-%s", name);
    small_load(s, ENTITY_desktop, &row);
    desktop = desktop_find(s->core, id);
    desktop_set_state(desktop, desktop_STARTING, "test");
    desktop_set_state(desktop, desktop_READY, "test");
    return desktop;
}

#endif
