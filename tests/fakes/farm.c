/* farm.c - hypervisors, machines, guests. What is asked of them is in farm_errands.c. */
#include "fakes/farm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fakes/farm_inner.h"

#define EVENT_SOON_MS 30
#define EVENT_LATE_MS 5000
#define EVENT_HELD_MS 300

/* An event on its way. */
struct tiding {
    struct list node;
    struct berth_timer timer;
    struct hypervisor *hypervisor;
    struct virt_event event;
};

struct farm *farm_new(struct outside *outside)
{
    struct farm *farm = berth_new(struct farm);

    farm->outside = outside;
    list_init(&farm->hypervisors);
    list_init(&farm->machines);
    list_init(&farm->tidings);
    map_init(&farm->by_uuid, random_map_key(&outside->dice));
    map_init(&farm->by_address, random_map_key(&outside->dice));
    farm->deeds = berth_new_array(struct deed, DEEDS_MAX);
    return farm;
}

static void machines_free(struct list *machines)
{
    list_each (machines, node)
        free(list_entry(node, struct machine, node));
}

static void hypervisor_free(struct hypervisor *hypervisor)
{
    list_each (&hypervisor->errands, node) {
        struct errand *errand = list_entry(node, struct errand, node);

        timer_stop(&hypervisor->farm->outside->timers, &errand->timer);
        free(errand);
    }
    machines_free(&hypervisor->machines);
    free(hypervisor);
}

void farm_free(struct farm *farm)
{
    list_each (&farm->tidings, node) {
        struct tiding *tiding = list_entry(node, struct tiding, node);

        timer_stop(&farm->outside->timers, &tiding->timer);
        free(tiding);
    }
    list_each (&farm->hypervisors, node)
        hypervisor_free(list_entry(node, struct hypervisor, node));
    machines_free(&farm->machines);
    map_clear(&farm->by_uuid);
    map_clear(&farm->by_address);
    free(farm->deeds);
    free(farm);
}

/* ---- hosts ---- */

struct hypervisor *farm_add_host(struct farm *farm, const char *name, const char *uri)
{
    struct hypervisor *hypervisor = berth_new(struct hypervisor);

    hypervisor->farm = farm;
    hypervisor->up = true;
    (void)snprintf(hypervisor->name, sizeof(hypervisor->name), "%s", name);
    (void)snprintf(hypervisor->uri, sizeof(hypervisor->uri), "%s", uri);
    list_each (&farm->hypervisors, node)
        hypervisor->number++;
    list_init(&hypervisor->machines);
    list_init(&hypervisor->errands);
    list_append(&farm->hypervisors, &hypervisor->node);
    return hypervisor;
}

struct hypervisor *farm_host(struct farm *farm, const char *name)
{
    list_each (&farm->hypervisors, node) {
        struct hypervisor *hypervisor = list_entry(node, struct hypervisor, node);

        if (strcmp(hypervisor->name, name) == 0)
            return hypervisor;
    }
    return NULL;
}

struct hypervisor *farm_host_by_uri(struct farm *farm, const char *uri)
{
    list_each (&farm->hypervisors, node) {
        struct hypervisor *hypervisor = list_entry(node, struct hypervisor, node);

        if (strcmp(hypervisor->uri, uri) == 0)
            return hypervisor;
    }
    return NULL;
}

/* ---- the history ---- */

static struct outside *outside_of(const struct machine *machine)
{
    return machine->farm->outside;
}

int64_t farm_process(const struct hypervisor *hypervisor, unsigned life, unsigned process)
{
    return ((int64_t)life << 32) + ((int64_t)hypervisor->number << 24) + process + 1;
}

void farm_record_machine(const struct machine *machine, enum history_machine_event event, int64_t by)
{
    struct history_line line = { .kind = HISTORY_machine, .machine = { .event = event, .by = by } };

    if (!outside_of(machine)->history)
        return;
    (void)snprintf(line.machine.host, sizeof(line.machine.host), "%s", machine->hypervisor->name);
    (void)snprintf(line.machine.uuid, sizeof(line.machine.uuid), "%s", machine->uuid);
    outside_record(outside_of(machine), &line);
}

void farm_record_guest(const struct machine *machine, enum history_guest_event event,
                       const struct picture *picture, const struct secret *password)
{
    static const struct map_key key = { .k0 = 1, .k1 = 2 };
    struct history_line line = { .kind = HISTORY_guest, .guest = { .event = event } };

    if (!outside_of(machine)->history)
        return;
    (void)snprintf(line.guest.uuid, sizeof(line.guest.uuid), "%s",
                   machine->uuid[0] ? machine->uuid : machine->address);
    if (picture) {
        line.guest.session_id = picture->session_id;
        line.guest.epoch = picture->epoch;
        (void)snprintf(line.guest.terminal, sizeof(line.guest.terminal), "%s", picture->terminal);
    }
    if (password)
        line.guest.secret =
            (int64_t)(map_siphash(key, password->text, strlen(password->text)) >> 1) | 1;
    outside_record(outside_of(machine), &line);
}

/* ---- events ---- */

static void tiding_arrives(struct berth_timer *timer)
{
    struct tiding *tiding = container_of(timer, struct tiding, timer);
    struct hypervisor *hypervisor = tiding->hypervisor;

    if (hypervisor->watcher && hypervisor->up && hypervisor->hung) {
        /* It tells when it goes on, if the connection lasts that long. */
        timer_start(&hypervisor->farm->outside->timers, timer, EVENT_HELD_MS, tiding_arrives);
        return;
    }
    if (hypervisor->watcher && hypervisor->up && !hypervisor->hung)
        hypervisor->farm->event(hypervisor->watcher, &tiding->event);
    list_remove(&tiding->node);
    free(tiding);
}

static void send_event(struct hypervisor *hypervisor, const struct virt_event *event,
                       int64_t delay_ms)
{
    struct tiding *tiding = berth_new(struct tiding);

    tiding->hypervisor = hypervisor;
    tiding->event = *event;
    list_append(&hypervisor->farm->tidings, &tiding->node);
    timer_start(&hypervisor->farm->outside->timers, &tiding->timer, delay_ms, tiding_arrives);
}

void farm_tell(struct machine *machine, const char *what, const char *reason)
{
    struct hypervisor *hypervisor = machine->hypervisor;
    struct outside *outside = hypervisor ? hypervisor->farm->outside : NULL;
    struct virt_event event = { .running = machine->running,
                                .desktop_id = machine->desktop_id,
                                .forward_port = machine->forward_port };
    int64_t delay_ms;

    if (!hypervisor || !hypervisor->watcher)
        return;
    (void)snprintf(event.what, sizeof(event.what), "%s", what);
    (void)snprintf(event.uuid, sizeof(event.uuid), "%s", machine->uuid);
    (void)snprintf(event.name, sizeof(event.name), "%s", machine->name);
    (void)snprintf(event.reason, sizeof(event.reason), "%s", reason);
    delay_ms = outside_draw_ms(outside, 1, EVENT_SOON_MS);
    if (outside_chance(outside, hypervisor->late))
        delay_ms += outside_draw_ms(outside, 0, EVENT_LATE_MS);
    send_event(hypervisor, &event, delay_ms);
    if (outside_chance(outside, hypervisor->twice))
        send_event(hypervisor, &event, delay_ms + outside_draw_ms(outside, 0, EVENT_LATE_MS));
}

/* ---- machines ---- */

static void machine_keys(struct farm *farm, struct machine *machine)
{
    (void)snprintf(machine->key, sizeof(machine->key), "%s:%d", machine->address, machine->port);
    map_put_text(&farm->by_address, machine->key, machine);
    if (machine->uuid[0])
        map_put_text(&farm->by_uuid, machine->uuid, machine);
}

struct machine *farm_add_machine(struct farm *farm, const char *name, const char *address, int port)
{
    struct machine *machine = berth_new(struct machine);

    machine->farm = farm;
    (void)snprintf(machine->name, sizeof(machine->name), "%s", name);
    (void)snprintf(machine->address, sizeof(machine->address), "%s", address);
    machine->port = port;
    machine->running = true;
    machine->generation = 1;
    list_append(&farm->machines, &machine->node);
    machine_keys(farm, machine);
    return machine;
}

struct machine *farm_define(struct hypervisor *hypervisor, const struct virt_args *args)
{
    struct farm *farm = hypervisor->farm;
    struct machine *machine = berth_new(struct machine);
    unsigned number = ++farm->next_address;

    machine->farm = farm;
    machine->hypervisor = hypervisor;
    machine->desktop_id = args->desktop_id;
    machine->generation = 1;
    machine->forward_port = args->forward_port;
    (void)snprintf(machine->uuid, sizeof(machine->uuid), "%s", args->uuid);
    (void)snprintf(machine->name, sizeof(machine->name), "%s", args->name);
    (void)snprintf(machine->pool, sizeof(machine->pool), "%s", args->pool);
    if (args->forward_port)
        (void)snprintf(machine->address, sizeof(machine->address), "%s", args->forward_address);
    else
        (void)snprintf(machine->address, sizeof(machine->address), "10.%u.%u.%u", number >> 16,
                       (number >> 8) & 255, number & 255);
    machine->port = args->forward_port ? (int)args->forward_port : (int)args->guest_port;
    if (machine->port == 0)
        machine->port = 3389;
    list_append(&hypervisor->machines, &machine->node);
    machine_keys(farm, machine);
    return machine;
}

void farm_readdress(struct machine *machine, const char *address)
{
    struct farm *farm = machine->hypervisor->farm;

    (void)map_take_text(&farm->by_address, machine->key);
    (void)snprintf(machine->address, sizeof(machine->address), "%s", address);
    machine_keys(farm, machine);
}

void farm_undefine(struct machine *machine, int64_t by)
{
    struct farm *farm = machine->hypervisor->farm;

    farm_record_machine(machine, history_machine_event_REMOVED, by);
    list_remove(&machine->node);
    (void)map_take_text(&farm->by_uuid, machine->uuid);
    (void)map_take_text(&farm->by_address, machine->key);
    list_each (&machine->hypervisor->errands, node) {
        struct errand *errand = list_entry(node, struct errand, node);

        if (errand->starts == machine)
            errand->starts = NULL;
    }
    free(machine);
}

struct machine *farm_machine(const struct farm *farm, const char *uuid)
{
    return map_get_text(&farm->by_uuid, uuid);
}

struct machine *farm_at(const struct farm *farm, const char *address, int port)
{
    char key[96];

    (void)snprintf(key, sizeof(key), "%s:%d", address, port);
    return map_get_text(&farm->by_address, key);
}

bool machine_answers(const struct machine *machine)
{
    if (!machine->running)
        return false;
    return !machine->hypervisor ||
           machine->answers_ms <= machine->hypervisor->farm->outside->timers.mono_ms;
}

void machine_fingerprint(const struct machine *machine, char out[72])
{
    struct map_key key = { .k0 = (uint64_t)machine->generation };

    for (uint64_t i = 0; i < 4; i++) {
        const char *text = machine->uuid[0] ? machine->uuid : machine->name;

        key.k1 = i;
        (void)snprintf(out + 16 * i, 17, "%016" PRIx64, map_siphash(key, text, strlen(text)));
    }
}

static void end_picture(struct machine *machine, int exit_code, const char *word)
{
    struct picture *picture = machine->picture;

    if (!picture)
        return;
    machine->picture = NULL;
    picture->machine = NULL;
    picture->ended(picture, exit_code, word);
}

void farm_off(struct machine *machine, int64_t by)
{
    machine->running = false;
    farm_record_machine(machine, history_machine_event_STOPPED, by);
    machine->guest[0] = '\0';
    machine->inside[0] = '\0';
    end_picture(machine, 147, "network");
}

void farm_kill(struct machine *machine, const char *reason)
{
    outside_note(machine->hypervisor->farm->outside, "machine %s: %s", machine->name, reason);
    if (!machine->running)
        return;
    farm_off(machine, 0);
    farm_tell(machine, "stopped", reason);
}

void farm_save(struct machine *machine)
{
    outside_note(machine->hypervisor->farm->outside, "machine %s is saved", machine->name);
    machine->running = false;
    machine->saved = true;
    farm_record_machine(machine, history_machine_event_STOPPED, 0);
    end_picture(machine, 147, "network");
    farm_tell(machine, "stopped", "saved");
}

void farm_boot(struct machine *machine, bool keep_saved)
{
    if (!machine->saved || !keep_saved) {
        machine->guest[0] = '\0';
        machine->inside[0] = '\0';
        machine->boots++;
    }
    machine->saved = false;
    machine->running = true;
}

void farm_restore(struct machine *machine)
{
    outside_note(machine->hypervisor->farm->outside, "machine %s is restored", machine->name);
    farm_boot(machine, true);
    farm_record_machine(machine, history_machine_event_STARTED, 0);
    farm_tell(machine, "started", "");
}

void farm_lose(struct machine *machine)
{
    outside_note(machine->hypervisor->farm->outside, "machine %s is lost", machine->name);
    if (machine->running)
        farm_kill(machine, "destroyed");
    farm_tell(machine, "undefined", "");
    farm_undefine(machine, 0);
}

/* ---- guests ---- */

void farm_guest_ends(struct machine *machine)
{
    if (machine->hypervisor)
        (void)snprintf(machine->guest, sizeof(machine->guest), "ended %" PRId64,
                       machine->hypervisor->farm->outside->timers.wall_ms / 1000);
    machine->inside[0] = '\0';
    farm_record_guest(machine, history_guest_event_LOGGED_OFF, machine->picture, NULL);
    end_picture(machine, 12, "logoff");
}

/* With one account for everybody, whoever logs on gets the session that runs there. */
static void judge_inside(struct machine *machine, const struct picture *picture,
                         const char *account)
{
    if (!machine->hypervisor || strcmp(account, picture->user) == 0)
        return;
    if (machine->inside[0] && strcmp(machine->inside, picture->user) != 0)
        outside_fault(machine->farm->outside, "%s gets the running session of %s on %s",
                      picture->user, machine->inside, machine->name);
    (void)snprintf(machine->inside, sizeof(machine->inside), "%s", picture->user);
}

static bool may_log_on(const struct machine *machine, const char *account,
                       const struct secret *password, const char *user)
{
    if (strcmp(account, user) == 0) /* with the user's own password, which the directory checks */
        return !secret_empty(password);
    return strcmp(machine->account, account) == 0 && !secret_empty(password) &&
           secret_equal(&machine->password, password);
}

/* The user's own password (NULL) is no secret of one session, and tells the guest of no epoch. */
static void record_admitted(const struct machine *machine, const struct picture *picture,
                            const struct secret *password)
{
    struct picture as_known = *picture;

    if (!password)
        as_known.epoch = 0;
    farm_record_guest(machine, history_guest_event_ADMITTED, &as_known, password);
}

int machine_log_on(struct machine *machine, struct picture *picture, const char *account,
                   const struct secret *password, const char **word)
{
    if (!machine_answers(machine)) {
        *word = "network";
        return 147;
    }
    if (!may_log_on(machine, account, password, picture->user)) {
        farm_record_guest(machine, history_guest_event_REFUSED, picture, NULL);
        *word = "wrong-password";
        return 154;
    }
    if (machine->picture && machine->picture != picture) {
        farm_record_guest(machine, history_guest_event_DROPPED, machine->picture, NULL);
        end_picture(machine, 5, "replaced");
    }
    record_admitted(machine, picture, strcmp(account, picture->user) == 0 ? NULL : password);
    judge_inside(machine, picture, account);
    machine->picture = picture;
    picture->machine = machine;
    (void)snprintf(machine->guest, sizeof(machine->guest), "active");
    (void)snprintf(machine->touched_by, sizeof(machine->touched_by), "%s", picture->user);
    return 0;
}

void machine_leave(struct picture *picture)
{
    if (!picture->machine)
        return;
    picture->machine->picture = NULL;
    picture->machine = NULL;
}
