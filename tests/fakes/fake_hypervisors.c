/* fake_hypervisors.c - hypervisors, machines and guests. */
#include "fakes/fake_hypervisors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fakes/fake_hypervisors_internal.h"

#define EVENT_DELAY_MS 30
#define EVENT_LATE_MS 5000
#define EVENT_HELD_MS 300

/* An event in flight. */
struct event_in_flight {
    struct list node;
    struct berth_timer timer;
    struct hypervisor *hypervisor;
    struct virt_event event;
};

struct fake_hypervisors *hypervisors_new(struct environment *environment)
{
    struct fake_hypervisors *hypervisors = berth_new(struct fake_hypervisors);

    hypervisors->environment = environment;
    list_init(&hypervisors->all);
    list_init(&hypervisors->machines);
    list_init(&hypervisors->events_in_flight);
    map_init(&hypervisors->by_uuid, random_map_key(&environment->random));
    map_init(&hypervisors->by_address, random_map_key(&environment->random));
    hypervisors->call_records = berth_new_array(struct call_record, CALL_RECORDS_MAX);
    return hypervisors;
}

static void machines_free(struct list *machines)
{
    list_each (machines, node)
        free(list_entry(node, struct machine, node));
}

static void hypervisor_free(struct hypervisor *hypervisor)
{
    list_each (&hypervisor->jobs, node) {
        struct hypervisor_job *job = list_entry(node, struct hypervisor_job, node);

        timer_stop(&hypervisor->hypervisors->environment->timers, &job->timer);
        free(job);
    }
    machines_free(&hypervisor->machines);
    free(hypervisor);
}

void hypervisors_free(struct fake_hypervisors *hypervisors)
{
    list_each (&hypervisors->events_in_flight, node) {
        struct event_in_flight *event_in_flight = list_entry(node, struct event_in_flight, node);

        timer_stop(&hypervisors->environment->timers, &event_in_flight->timer);
        free(event_in_flight);
    }
    list_each (&hypervisors->all, node)
        hypervisor_free(list_entry(node, struct hypervisor, node));
    machines_free(&hypervisors->machines);
    map_clear(&hypervisors->by_uuid);
    map_clear(&hypervisors->by_address);
    free(hypervisors->call_records);
    free(hypervisors);
}

/* ---- hosts ---- */

struct hypervisor *hypervisor_add(struct fake_hypervisors *hypervisors, const char *name,
                                  const char *uri)
{
    struct hypervisor *hypervisor = berth_new(struct hypervisor);

    hypervisor->hypervisors = hypervisors;
    hypervisor->up = true;
    (void)snprintf(hypervisor->name, sizeof(hypervisor->name), "%s", name);
    (void)snprintf(hypervisor->uri, sizeof(hypervisor->uri), "%s", uri);
    list_each (&hypervisors->all, node)
        hypervisor->number++;
    list_init(&hypervisor->machines);
    list_init(&hypervisor->jobs);
    list_append(&hypervisors->all, &hypervisor->node);
    return hypervisor;
}

struct hypervisor *hypervisor_by_name(struct fake_hypervisors *hypervisors, const char *name)
{
    list_each (&hypervisors->all, node) {
        struct hypervisor *hypervisor = list_entry(node, struct hypervisor, node);

        if (strcmp(hypervisor->name, name) == 0)
            return hypervisor;
    }
    return NULL;
}

struct hypervisor *hypervisor_by_uri(struct fake_hypervisors *hypervisors, const char *uri)
{
    list_each (&hypervisors->all, node) {
        struct hypervisor *hypervisor = list_entry(node, struct hypervisor, node);

        if (strcmp(hypervisor->uri, uri) == 0)
            return hypervisor;
    }
    return NULL;
}

/* ---- the history ---- */

static struct environment *environment_of(const struct machine *machine)
{
    return machine->hypervisors->environment;
}

int64_t hypervisor_process_id(const struct hypervisor *hypervisor, unsigned life, unsigned process)
{
    return ((int64_t)life << 32) + ((int64_t)hypervisor->number << 24) + process + 1;
}

void machine_record(const struct machine *machine, enum history_machine_event event, int64_t by)
{
    struct history_line line = { .kind = HISTORY_machine, .machine = { .event = event, .by = by } };

    if (!environment_of(machine)->history)
        return;
    (void)snprintf(line.machine.host, sizeof(line.machine.host), "%s", machine->hypervisor->name);
    (void)snprintf(line.machine.uuid, sizeof(line.machine.uuid), "%s", machine->uuid);
    environment_record(environment_of(machine), &line);
}

void machine_record_guest(const struct machine *machine, enum history_guest_event event,
                          const struct picture *picture, const struct secret *password)
{
    static const struct map_key key = { .k0 = 1, .k1 = 2 };
    struct history_line line = { .kind = HISTORY_guest, .guest = { .event = event } };

    if (!environment_of(machine)->history)
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
    environment_record(environment_of(machine), &line);
}

/* ---- events ---- */

static void event_arrives_at_broker(struct berth_timer *timer)
{
    struct event_in_flight *event_in_flight = container_of(timer, struct event_in_flight, timer);
    struct hypervisor *hypervisor = event_in_flight->hypervisor;

    if (hypervisor->broker_end && hypervisor->up && hypervisor->hung) {
        /* Sent when it continues, if the connection still exists then. */
        timer_start(&hypervisor->hypervisors->environment->timers, timer, EVENT_HELD_MS,
                    event_arrives_at_broker);
        return;
    }
    if (hypervisor->broker_end && hypervisor->up && !hypervisor->hung)
        hypervisor->hypervisors->event(hypervisor->broker_end, &event_in_flight->event);
    list_remove(&event_in_flight->node);
    free(event_in_flight);
}

static void send_event(struct hypervisor *hypervisor, const struct virt_event *event,
                       int64_t delay_ms)
{
    struct event_in_flight *event_in_flight = berth_new(struct event_in_flight);

    event_in_flight->hypervisor = hypervisor;
    event_in_flight->event = *event;
    list_append(&hypervisor->hypervisors->events_in_flight, &event_in_flight->node);
    timer_start(&hypervisor->hypervisors->environment->timers, &event_in_flight->timer, delay_ms,
                event_arrives_at_broker);
}

void machine_send_event(struct machine *machine, enum virt_event_kind what, const char *reason)
{
    struct hypervisor *hypervisor = machine->hypervisor;
    struct environment *environment = hypervisor ? hypervisor->hypervisors->environment : NULL;
    struct virt_event event = { .what = what,
                                .running = machine->running,
                                .desktop_id = machine->desktop_id,
                                .forward_port = machine->forward_port };
    int64_t delay_ms;

    if (!hypervisor || !hypervisor->broker_end)
        return;
    (void)snprintf(event.uuid, sizeof(event.uuid), "%s", machine->uuid);
    (void)snprintf(event.name, sizeof(event.name), "%s", machine->name);
    (void)snprintf(event.reason, sizeof(event.reason), "%s", reason);
    delay_ms = environment_draw_ms(environment, 1, EVENT_DELAY_MS);
    if (environment_chance(environment, hypervisor->late))
        delay_ms += environment_draw_ms(environment, 0, EVENT_LATE_MS);
    send_event(hypervisor, &event, delay_ms);
    if (environment_chance(environment, hypervisor->twice))
        send_event(hypervisor, &event,
                   delay_ms + environment_draw_ms(environment, 0, EVENT_LATE_MS));
}

/* ---- machines ---- */

static void machine_keys(struct fake_hypervisors *hypervisors, struct machine *machine)
{
    (void)snprintf(machine->key, sizeof(machine->key), "%s:%d", machine->address, machine->port);
    map_put_text(&hypervisors->by_address, machine->key, machine);
    if (machine->uuid[0])
        map_put_text(&hypervisors->by_uuid, machine->uuid, machine);
}

struct machine *machine_add_existing(struct fake_hypervisors *hypervisors, const char *name,
                                     const char *address, int port)
{
    struct machine *machine = berth_new(struct machine);

    machine->hypervisors = hypervisors;
    (void)snprintf(machine->name, sizeof(machine->name), "%s", name);
    (void)snprintf(machine->address, sizeof(machine->address), "%s", address);
    machine->port = port;
    machine->running = true;
    machine->generation = 1;
    list_append(&hypervisors->machines, &machine->node);
    machine_keys(hypervisors, machine);
    return machine;
}

struct machine *machine_define(struct hypervisor *hypervisor, const struct virt_args *args)
{
    struct fake_hypervisors *hypervisors = hypervisor->hypervisors;
    struct machine *machine = berth_new(struct machine);
    unsigned number = ++hypervisors->next_address;

    machine->hypervisors = hypervisors;
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
    machine_keys(hypervisors, machine);
    return machine;
}

void machine_set_address(struct machine *machine, const char *address)
{
    struct fake_hypervisors *hypervisors = machine->hypervisor->hypervisors;

    (void)map_take_text(&hypervisors->by_address, machine->key);
    (void)snprintf(machine->address, sizeof(machine->address), "%s", address);
    machine_keys(hypervisors, machine);
}

void machine_undefine(struct machine *machine, int64_t by)
{
    struct fake_hypervisors *hypervisors = machine->hypervisor->hypervisors;

    machine_record(machine, history_machine_event_REMOVED, by);
    list_remove(&machine->node);
    (void)map_take_text(&hypervisors->by_uuid, machine->uuid);
    (void)map_take_text(&hypervisors->by_address, machine->key);
    list_each (&machine->hypervisor->jobs, node) {
        struct hypervisor_job *job = list_entry(node, struct hypervisor_job, node);

        if (job->starts == machine)
            job->starts = NULL;
    }
    free(machine);
}

struct machine *machine_by_uuid(const struct fake_hypervisors *hypervisors, const char *uuid)
{
    return map_get_text(&hypervisors->by_uuid, uuid);
}

struct machine *machine_at(const struct fake_hypervisors *hypervisors, const char *address,
                           int port)
{
    char key[96];

    (void)snprintf(key, sizeof(key), "%s:%d", address, port);
    return map_get_text(&hypervisors->by_address, key);
}

bool machine_answers(const struct machine *machine)
{
    if (!machine->running)
        return false;
    return !machine->hypervisor ||
           machine->answers_ms <= machine->hypervisor->hypervisors->environment->timers.mono_ms;
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

void machine_power_off(struct machine *machine, int64_t by)
{
    machine->running = false;
    machine_record(machine, history_machine_event_STOPPED, by);
    machine->guest[0] = '\0';
    machine->guest_user[0] = '\0';
    machine_end_picture(machine, 147, "network");
}

void machine_kill(struct machine *machine, const char *reason)
{
    environment_note(machine->hypervisor->hypervisors->environment, "machine %s: %s", machine->name,
                     reason);
    if (!machine->running)
        return;
    machine_power_off(machine, 0);
    machine_send_event(machine, virt_event_kind_STOPPED, reason);
}

void machine_save(struct machine *machine)
{
    environment_note(machine->hypervisor->hypervisors->environment, "machine %s is saved",
                     machine->name);
    machine->running = false;
    machine->saved = true;
    machine_record(machine, history_machine_event_STOPPED, 0);
    machine_end_picture(machine, 147, "network");
    machine_send_event(machine, virt_event_kind_STOPPED, "saved");
}

void machine_boot(struct machine *machine, bool keep_saved)
{
    if (!machine->saved || !keep_saved) {
        machine->guest[0] = '\0';
        machine->guest_user[0] = '\0';
        machine->boots++;
    }
    machine->saved = false;
    machine->running = true;
}

void machine_restore(struct machine *machine)
{
    environment_note(machine->hypervisor->hypervisors->environment, "machine %s is restored",
                     machine->name);
    machine_boot(machine, true);
    machine_record(machine, history_machine_event_STARTED, 0);
    machine_send_event(machine, virt_event_kind_STARTED, "");
}

void machine_lose(struct machine *machine)
{
    environment_note(machine->hypervisor->hypervisors->environment, "machine %s is lost",
                     machine->name);
    if (machine->running)
        machine_kill(machine, "destroyed");
    machine_send_event(machine, virt_event_kind_UNDEFINED, "");
    machine_undefine(machine, 0);
}

/* ---- guests ---- */

void machine_guest_logs_off(struct machine *machine)
{
    if (machine->hypervisor)
        (void)snprintf(machine->guest, sizeof(machine->guest), "ended %" PRId64,
                       machine->hypervisor->hypervisors->environment->timers.wall_ms / 1000);
    machine->guest_user[0] = '\0';
    machine_record_guest(machine, history_guest_event_LOGGED_OFF, machine->picture, NULL);
    machine_end_picture(machine, 12, "logoff");
}
