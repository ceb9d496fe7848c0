/* site.c - draws a site from the seed: hosts, pools, people, terminals, and the timing of presence.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "sim/sim_internal.h"

#include "random_seeded.h"

#define LINES_MAX 65536
#define HOUR_MS INT64_C(3600000)

struct text {
    char lines[LINES_MAX];
    size_t used;
};

static void say(struct text *text, const char *format, ...) berth_printf(2, 3);
static void say(struct text *text, const char *format, ...)
{
    size_t space = sizeof(text->lines) - text->used;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text->lines + text->used, space, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= space)
        abort(); /* a site larger than this needs more room */
    text->used += (size_t)length;
}

static uint32_t draw(struct sim *sim, uint32_t least, uint32_t most)
{
    return least + (uint32_t)random_below(&sim->site, most - least + 1);
}

const char *site_host(uint32_t number)
{
    static const char *const names[SIM_HOSTS] = { "kvm1", "kvm2", "kvm3" };

    return names[number % SIM_HOSTS];
}

uint32_t site_people(uint32_t terminals)
{
    return terminals + terminals / 4 + 2;
}

/* ---- the lines of its world ---- */

static void say_pools(struct sim *sim, struct text *text)
{
    uint32_t people = sim->people_count;

    say(text, "pool float floating image debian max %u spare %u disconnected %u idle %u limit 60\n",
        draw(sim, people / 3 + 1, people + 1), draw(sim, 1, 3), draw(sim, 0, 2) * 900,
        draw(sim, 0, 1) * 1800);
    say(text, "pool own dedicated image debian max %u spare 1 limit 60\n",
        draw(sim, 2, people / 3 + 2));
    say(text, "pool stay floating image debian max %u spare 1 roam %s idle 600 absolute %u\n",
        draw(sim, 2, people / 3 + 2), draw(sim, 0, 1) ? "disconnected-only" : "same-terminal",
        draw(sim, 0, 2) * 7200);
    say(text, "pool keep floating image debian max %u spare 1 release keep disconnected 1200\n",
        draw(sim, 1, people / 4 + 1));
    say(text, "pool old manual max 8\n");
    for (uint32_t i = 1; i <= 3; i++)
        say(text, "machine old-%u pool old at 10.9.0.%u:3389\n", i, i);
    say(text, "entitle everyone float priority 1\n");
}

/* Entitlements besides the pool that all users may use. */
static void say_people(struct sim *sim, struct text *text)
{
    static const char *const pools[] = { "own", "stay", "keep", "old" };

    for (uint32_t i = 0; i < sim->people_count; i++) {
        struct person *person = &sim->people[i];
        uint32_t pool = draw(sim, 0, 9);

        (void)snprintf(person->name, sizeof(person->name), "u%u", i);
        (void)snprintf(person->badge, sizeof(person->badge), "04badge%u", i);
        say(text, "user %s password secret12\nbadge %s %s\n", person->name, person->name,
            person->badge);
        if (pool < BERTH_COUNT(pools))
            say(text, "entitle user %s %s priority 5\n", person->name, pools[pool]);
    }
}

static void say_terminals(struct sim *sim, struct text *text)
{
    uint32_t kiosks = sim->clients_count > 8 ? draw(sim, 0, 2) : draw(sim, 0, 1);

    for (uint32_t i = 0; i < sim->clients_count; i++) {
        bool kiosk = i < kiosks;

        if (kiosk)
            say(text, "kioskuser kiosk%u\n", i);
        say(text, "agent t%u place ward-%u tags %s", i, i % 3 + 1, i % 2 ? "odd" : "even");
        if (kiosk)
            say(text, " kiosk kiosk%u\nprofile kiosk%u terminal t%u priority 9 kiosk=yes", i, i, i);
        say(text, "\n");
    }
    for (uint32_t i = 0; i < SIM_OLD; i++)
        say(text, "terminal old%u place ward-1\n", i);
}

static void say_site(struct sim *sim, struct text *text)
{
    say(text, "place ward-1\nplace ward-2\nplace ward-3\n");
    for (uint32_t i = 0; i < sim->hosts_count; i++)
        say(text, "host %s max %u starting %u\n", site_host(i), draw(sim, 8, 40), draw(sim, 1, 4));
    say(text, "image debian\n");
    say_pools(sim, text);
    say_people(sim, text);
    say_terminals(sim, text);
    say(text, "profile all everywhere - greeting=Hello\n");
    if (draw(sim, 0, 1))
        say(text, "profile odd tag odd priority 2 idle_lock_s=%u\n", draw(sim, 1, 20) * 60);
}

/* ---- its timing ---- */

/* Administrators may choose 5 to 300 seconds; a site that renews every two seconds takes as much
 * CPU as fifty others, so it is drawn that seldom. */
static void draw_timing(struct sim *sim)
{
    static const struct {
        uint32_t below;
        int64_t grant_ms;
    } table[] = { { 10, 5000 },   { 40, 10000 },   { 200, 30000 },
                  { 400, 60000 }, { 650, 120000 }, { 1000, 300000 } };
    uint32_t at = draw(sim, 0, 999);
    size_t i = 0;

    while (at >= table[i].below)
        i++;
    sim->limits.grant_ms = sim->params.grant_ms ? sim->params.grant_ms : table[i].grant_ms;
    sim->limits.renew_ms = sim->limits.grant_ms / 3;
    sim->limits.suspect_ms = sim->limits.grant_ms / 2;
    sim->limits.link_grace_ms = 1000 * draw(sim, 1, 10);
    /* Certificates of hours are renewed within a run. */
    sim->certificate_ms = HOUR_MS * (draw(sim, 0, 1) ? 168 : draw(sim, 3, 12));
}

/* ---- the world ---- */

static void broker_made(struct world *world, struct core *core)
{
    struct sim *sim = world->context;

    core->history = &sim->recorder.history;
    core->limits.grant_ms = sim->limits.grant_ms;
    core->limits.renew_ms = sim->limits.renew_ms;
    core->limits.suspect_ms = sim->limits.suspect_ms;
    core->limits.link_grace_ms = sim->limits.link_grace_ms;
}

static void heard(void *context, const char *note)
{
    struct sim *sim = context;

    sim->params.tell(sim->params.context, note);
}

void site_make(struct sim *sim)
{
    struct text *text = berth_new(struct text);
    struct environment *environment;

    random_seeded(&sim->site, sim->params.seed * UINT64_C(1000003) + UINT64_C(999999));
    sim->clients_count = sim->params.terminals;
    sim->people_count = site_people(sim->clients_count);
    sim->hosts_count = draw(sim, 1, SIM_HOSTS);
    sim->clients = berth_new_array(struct client, sim->clients_count);
    sim->waiters = berth_new_array(struct waiter, sim->clients_count);
    sim->people = berth_new_array(struct person, sim->people_count);
    say_site(sim, text);
    draw_timing(sim);
    sim->w = world_made(sim->params.seed, text->lines);
    free(text);

    log_setup("sim", false, getenv("SIM_LOG") ? LOG_DEBUG : LOG_ERROR);
    environment = &sim->w->environment;
    environment->notes_off = !sim->params.tell;
    if (sim->params.tell) {
        environment->on_note = heard;
        environment->context = sim;
    }
    recorder_init(&sim->recorder, environment);
    environment->history = &sim->recorder.history;
    sim->w->context = sim;
    sim->w->broker_made = broker_made;
    sim->w->each_turn = sim_judge;
    sim->w->recovery_ms = 1000 * draw(sim, 10, 60);
    sim->w->network.effect_of = client_network_effect;
    for (uint32_t i = 0; i < sim->hosts_count; i++) {
        struct hypervisor *host = world_host(sim->w, site_host(i));

        host->late = draw(sim, 0, 20);
        host->twice = draw(sim, 0, 20);
    }
}

/* One recorder gets everything, so that the history is complete. */
static void record_run(struct sim *sim)
{
    struct history_line line = { .kind = HISTORY_run, .run = { .whole = true } };

    (void)snprintf(line.run.program, sizeof(line.run.program), "berth-sim");
    environment_record(&sim->w->environment, &line);
}

void site_begin(struct sim *sim)
{
    char name[32];

    record_run(sim);
    world_begin(sim->w);
    for (uint32_t i = 0; i < sim->people_count; i++)
        sim->people[i].user_id = world_user(sim->w, sim->people[i].name)->row.id;
    for (uint32_t i = 0; i < sim->clients_count; i++) {
        struct client *client = &sim->clients[i];

        (void)snprintf(name, sizeof(name), "t%u", i);
        client_init(client, sim->w, i, name, &sim->recorder.history);
        client->memory.not_after_ms = client->memory.accepted_ms + sim->certificate_ms;
        client_certified(client);
        client->news = person_news;
        client->context = sim;
        client_power(client, true);
    }
    sim->start_ms = world_now_ms(sim->w);
}
