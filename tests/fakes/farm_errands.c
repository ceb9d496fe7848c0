/* farm_errands.c - what hypervisors are asked, carried out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fakes/farm.h"
#include "fakes/farm_inner.h"

#define START_MS 200
#define BOOT_LEAST_MS 2000
#define BOOT_MOST_MS 5000
#define NEVER_MS (INT64_MAX / 2)
/* The guest agent is there a little before the RDP server. */
#define AGENT_EARLY_MS 500

bool farm_changes(enum virt_call call)
{
    return call == VIRT_create || call == VIRT_start || call == VIRT_stop || call == VIRT_refresh ||
           call == VIRT_delete;
}

static int64_t takes_ms(struct hypervisor *hypervisor, enum virt_call call)
{
    struct outside *outside = hypervisor->farm->outside;
    int64_t least = virt_call_row(call)->lane == LANE_READ ? 4 : 20;

    if (call == VIRT_start)
        least = START_MS;
    if (call == VIRT_create || call == VIRT_refresh)
        least = START_MS * 2;
    return outside_draw_ms(outside, least, least * 2) +
           (virt_call_row(call)->lane == LANE_ACTION ? hypervisor->slow_ms : 0) +
           (virt_call_row(call)->lane == LANE_AGENT ? hypervisor->agent_ms : 0);
}

static int64_t by(const struct errand *errand)
{
    return farm_process(errand->hypervisor, errand->life, errand->process);
}

/* ---- the calls ---- */

static int unknown_machine(const struct errand *errand, struct berth_error *error)
{
    return berth_fail(error, BERTH_E_NOT_FOUND, "host %s knows no machine %s",
                      errand->hypervisor->name, errand->args.uuid);
}

static void lay_on(struct machine *machine, const struct errand *errand)
{
    (void)snprintf(machine->image, sizeof(machine->image), "%.63s", errand->args.image);
}

static int do_create(struct errand *errand, struct machine *machine)
{
    if (!machine) {
        machine = farm_define(errand->hypervisor, &errand->args);
        lay_on(machine, errand);
        farm_record_machine(machine, history_machine_event_DISK, by(errand));
        farm_record_machine(machine, history_machine_event_DEFINED, by(errand));
    }
    if (errand->life != errand->hypervisor->farm->life ||
        errand->process != errand->hypervisor->process)
        machine->stray = true;
    farm_tell(machine, "defined", "");
    return 0;
}

/* How a start that was recorded ended. */
static void note_start(struct errand *errand, enum history_machine_event event)
{
    const struct machine *machine = farm_machine(errand->hypervisor->farm, errand->args.uuid);

    if (errand->recorded && machine)
        farm_record_machine(machine, event, by(errand));
    errand->recorded = false;
}

static int do_start(struct errand *errand, struct machine *machine, struct berth_error *error)
{
    struct hypervisor *hypervisor = errand->hypervisor;
    struct outside *outside = hypervisor->farm->outside;

    if (machine->running) {
        note_start(errand, history_machine_event_STARTED);
        return 0;
    }
    if (machine->image[0] && strcmp(machine->image, hypervisor->farm->dead_image) == 0) {
        note_start(errand, history_machine_event_FAILED);
        return berth_fail(error, BERTH_E_HOST, "start of '%s': no bootable disk", machine->name);
    }
    if (hypervisor->fail_starts > 0) {
        hypervisor->fail_starts--;
        note_start(errand, history_machine_event_FAILED);
        return berth_fail(error, BERTH_E_HOST, "start of '%s': no room for its memory",
                          machine->name);
    }
    if (errand->args.forward_port)
        farm_readdress(machine, errand->args.forward_address);
    farm_boot(machine, errand->args.keep_saved);
    note_start(errand, history_machine_event_STARTED);
    machine->deaf = false;
    machine->answers_ms =
        outside->timers.mono_ms + outside_draw_ms(outside, BOOT_LEAST_MS, BOOT_MOST_MS);
    if (hypervisor->mute_boots > 0) {
        hypervisor->mute_boots--;
        machine->answers_ms = NEVER_MS;
    }
    farm_tell(machine, "started", "");
    return 0;
}

static int do_stop(const struct errand *errand, struct machine *machine)
{
    if (machine && machine->running) {
        farm_off(machine, by(errand));
        farm_tell(machine, "stopped", "destroyed");
    }
    return 0;
}

static int do_refresh(const struct errand *errand, struct machine *machine)
{
    (void)do_stop(errand, machine);
    farm_record_machine(machine, history_machine_event_DISK, by(errand));
    farm_record_guest(machine, history_guest_event_SCRAMBLED, NULL, NULL);
    machine->generation++;
    lay_on(machine, errand);
    machine->saved = false;
    machine->touched_by[0] = '\0';
    machine->account[0] = '\0';
    secret_wipe(&machine->password);
    return 0;
}

static int do_delete(const struct errand *errand, struct machine *machine,
                     struct berth_error *error)
{
    if (machine && errand->hypervisor->fail_deletes > 0) {
        errand->hypervisor->fail_deletes--;
        return berth_fail(error, BERTH_E_HOST, "disk of '%s': its storage is read-only",
                          machine->name);
    }
    if (machine) {
        (void)do_stop(errand, machine);
        farm_tell(machine, "undefined", "");
        farm_undefine(machine, by(errand));
    }
    return 0;
}

static int do_list(struct errand *errand, struct virt_result *facts)
{
    struct hypervisor *hypervisor = errand->hypervisor;

    list_each (&hypervisor->machines, node) {
        const struct machine *machine = list_entry(node, struct machine, node);
        struct virt_event event = { .running = machine->running,
                                    .desktop_id = machine->desktop_id,
                                    .forward_port = machine->forward_port };

        if (machine->hidden)
            continue;
        (void)snprintf(event.what, sizeof(event.what), "listed");
        (void)snprintf(event.uuid, sizeof(event.uuid), "%s", machine->uuid);
        (void)snprintf(event.name, sizeof(event.name), "%s", machine->name);
        facts->count++;
        if (machine->running)
            farm_record_machine(machine, history_machine_event_SEEN, 0);
        if (errand->answer && hypervisor->watcher)
            hypervisor->farm->event(hypervisor->watcher, &event);
    }
    return 0;
}

static int do_address(const struct machine *machine, struct virt_result *facts,
                      struct berth_error *error)
{
    if (!machine->running ||
        machine->hypervisor->farm->outside->timers.mono_ms < machine->answers_ms - AGENT_EARLY_MS)
        return berth_fail(error, BERTH_E_DESKTOP, "'%s' has no address yet", machine->name);
    (void)snprintf(facts->address, sizeof(facts->address), "%s", machine->address);
    return 0;
}

/* The calls that need the guest's agent. */
static int do_inside(struct errand *errand, struct machine *machine, struct virt_result *facts,
                     struct berth_error *error)
{
    if (!machine->running || machine->deaf ||
        errand->hypervisor->farm->outside->timers.mono_ms < machine->answers_ms - AGENT_EARLY_MS)
        return berth_fail(error, BERTH_E_DESKTOP, "the guest agent of '%s' does not answer",
                          machine->name);
    if (errand->call == VIRT_password) {
        (void)snprintf(machine->account, sizeof(machine->account), "%s", errand->args.account);
        machine->password = errand->args.secret;
        farm_record_guest(machine, history_guest_event_PASSWORD, NULL, &machine->password);
    }
    if (errand->call == VIRT_fingerprint)
        machine_fingerprint(machine, facts->text);
    if (errand->call == VIRT_guest_state)
        (void)snprintf(facts->text, sizeof(facts->text), "%s", machine->guest);
    if (errand->call == VIRT_sign_off && machine->guest[0])
        farm_guest_ends(machine);
    return 0;
}

static int act_on(struct errand *errand, struct machine *machine, struct virt_result *facts,
                  struct berth_error *error)
{
    switch ((int)errand->call) {
    case VIRT_start:
        return do_start(errand, machine, error);
    case VIRT_refresh:
        return do_refresh(errand, machine);
    case VIRT_address:
        return do_address(machine, facts, error);
    default:
        return do_inside(errand, machine, facts, error);
    }
}

static bool is_bad_image(const struct errand *errand)
{
    const struct farm *farm = errand->hypervisor->farm;

    return farm->bad_image[0] && strcmp(errand->args.image, farm->bad_image) == 0;
}

static int check_image(const struct errand *errand, struct berth_error *error)
{
    const char *host = errand->hypervisor->name;

    if (is_bad_image(errand))
        return berth_fail(error, BERTH_E_CONFIG, "host %s: no file '%s'", host, errand->args.image);
    if (errand->args.kernel[0] && errand->args.kernel[0] != '/')
        return berth_fail(error, BERTH_E_INVALID, "host %s: '%s' is no path of a file", host,
                          errand->args.kernel);
    return 0;
}

/* As berth-virt does while an earlier call for the machine is stuck, or libvirt while another has
 * the machine's lock. */
static int turn_away(struct errand *errand, struct berth_error *error)
{
    errand->hypervisor->busy_calls--;
    note_start(errand, history_machine_event_FAILED);
    return berth_fail(error, BERTH_E_BUSY, "machine %s: an earlier call is stuck",
                      errand->args.uuid);
}

static int carry_out(struct errand *errand, struct virt_result *facts, struct berth_error *error)
{
    const struct farm *farm = errand->hypervisor->farm;
    struct machine *machine = farm_machine(farm, errand->args.uuid);

    if (errand->hypervisor->busy_calls > 0 && virt_call_row(errand->call)->lane != LANE_READ)
        return turn_away(errand, error);
    if ((errand->call == VIRT_create || errand->call == VIRT_refresh) && is_bad_image(errand))
        return berth_fail(error, BERTH_E_CONFIG, "the image '%s': No such file or directory",
                          errand->args.image);
    switch ((int)errand->call) {
    case VIRT_check_image:
        return check_image(errand, error);
    case VIRT_list:
        return do_list(errand, facts);
    case VIRT_orphans:
    case VIRT_open:
        return 0;
    case VIRT_inspect:
        facts->known = machine != NULL;
        facts->running = machine && machine->running;
        return 0;
    case VIRT_create:
        return do_create(errand, machine);
    case VIRT_stop:
        return do_stop(errand, machine);
    case VIRT_delete:
        return do_delete(errand, machine, error);
    default:
        if (!machine)
            return unknown_machine(errand, error);
        return act_on(errand, machine, facts, error);
    }
}

/* ---- errands ---- */

static void write_down(struct errand *errand, int result, const struct berth_error *error)
{
    struct farm *farm = errand->hypervisor->farm;
    struct deed *deed = &farm->deeds[farm->deeds_count++ % DEEDS_MAX];

    *deed = (struct deed){ .at_ms = farm->outside->timers.mono_ms,
                           .call = errand->call,
                           .life = errand->life,
                           .result = result };
    (void)snprintf(deed->machine, sizeof(deed->machine), "%s", errand->args.uuid);
    (void)snprintf(deed->host, sizeof(deed->host), "%.23s", errand->hypervisor->name);
    if (virt_call_row(errand->call)->lane != LANE_READ)
        outside_note(farm->outside, "%s: %s %s%s%s", errand->hypervisor->name,
                     virt_call_row(errand->call)->name,
                     errand->args.name[0] ? errand->args.name : errand->args.uuid,
                     result < 0 ? ": " : "", result < 0 ? error->text : "");
}

/* berth-virt does one thing at a time to a machine: what it was asked later waits, even when nobody
 * waits for the earlier. */
static bool is_blocked(const struct errand *errand)
{
    if (virt_call_row(errand->call)->lane != LANE_ACTION)
        return false;
    list_each (&errand->hypervisor->errands, node) {
        const struct errand *other = list_entry(node, struct errand, node);

        if (other == errand)
            return false;
        if (virt_call_row(other->call)->lane == LANE_ACTION && other->life == errand->life &&
            other->process == errand->process && strcmp(other->args.uuid, errand->args.uuid) == 0)
            return true;
    }
    return false;
}

static void errand_due(struct berth_timer *timer);

/* Is another start of this machine being carried out, so that this one makes two? A host that takes
 * its time may still be at it for a broker, or a berth-virt, that has died: libvirt lets the later
 * one wait.
 */
static bool is_second_start(const struct errand *errand, const struct machine *machine)
{
    list_each (&errand->hypervisor->errands, node) {
        const struct errand *other = list_entry(node, struct errand, node);

        if (other != errand && other->starts == machine &&
            ((other->life == errand->life && other->process == errand->process) || !other->slow))
            return true;
    }
    return false;
}

static void count_start(struct errand *errand)
{
    struct farm *farm = errand->hypervisor->farm;
    struct machine *machine = farm_machine(farm, errand->args.uuid);

    errand->slow = errand->hypervisor->slow_ms > 0;
    if (errand->call != VIRT_start || !machine || machine->running)
        return;
    errand->starts = machine;
    errand->recorded = true;
    farm_record_machine(machine, history_machine_event_START, by(errand));
    if (is_second_start(errand, machine))
        outside_fault(farm->outside, "two starts of machine %s are in flight (I15)", machine->name);
}

static void begin_errand(struct errand *errand)
{
    struct farm *farm = errand->hypervisor->farm;

    count_start(errand);
    timer_start(&farm->outside->timers, &errand->timer, takes_ms(errand->hypervisor, errand->call),
                errand_due);
}

static void finish(struct errand *errand, bool carried_out);

/* Whoever waited for this one to be out of the way. What waited in a berth-virt that has ended is
 * not done at all. */
static void begin_next(struct hypervisor *hypervisor, const char *uuid)
{
    struct errand *next = NULL;

    if (hypervisor->hung)
        return;
    list_each (&hypervisor->errands, node) {
        struct errand *errand = list_entry(node, struct errand, node);

        if (!next && !timer_armed(&errand->timer) && strcmp(errand->args.uuid, uuid) == 0 &&
            !is_blocked(errand))
            next = errand;
    }
    if (!next)
        return;
    if (next->process == hypervisor->process && next->life == hypervisor->farm->life)
        begin_errand(next);
    else
        finish(next, false);
}

static void finish(struct errand *errand, bool carried_out)
{
    struct virt_result facts = { 0 };
    struct berth_error error = { 0 };
    int result = 0;

    timer_stop(&errand->hypervisor->farm->outside->timers, &errand->timer);
    list_remove(&errand->node);
    if (carried_out) {
        result = carry_out(errand, &facts, &error);
        write_down(errand, result, &error);
    } else {
        note_start(errand, history_machine_event_FAILED);
    }
    begin_next(errand->hypervisor, errand->args.uuid);
    if (carried_out && errand->answer)
        errand->answer(errand->context, result, &facts, &error);
    secret_wipe(&errand->args.secret);
    free(errand);
}

static void errand_due(struct berth_timer *timer)
{
    finish(container_of(timer, struct errand, timer), true);
}

struct errand *
farm_ask(struct hypervisor *hypervisor, enum virt_call call, const struct virt_args *args,
         void (*answer)(void *, int, const struct virt_result *, const struct berth_error *),
         void *context)
{
    struct errand *errand = berth_new(struct errand);

    errand->hypervisor = hypervisor;
    errand->call = call;
    errand->life = hypervisor->farm->life;
    errand->args = *args;
    errand->answer = answer;
    errand->context = context;
    errand->process = hypervisor->process;
    list_append(&hypervisor->errands, &errand->node);
    if (!hypervisor->hung && !is_blocked(errand))
        begin_errand(errand);
    return errand;
}

void farm_give_up(struct errand *errand, bool crashed)
{
    errand->answer = NULL;
    errand->context = NULL;
    if (!crashed)
        errand->starts = NULL;
}

/* One that nobody waits for, and that was lost on the way while the hypervisor hung. */
static struct errand *lost_errand(struct hypervisor *hypervisor)
{
    list_each (&hypervisor->errands, node) {
        struct errand *errand = list_entry(node, struct errand, node);

        if (errand->lost)
            return errand;
    }
    return NULL;
}

static void go_on(struct hypervisor *hypervisor)
{
    struct errand *lost;

    list_each (&hypervisor->errands, node) {
        struct errand *errand = list_entry(node, struct errand, node);

        errand->lost = !errand->answer && outside_chance(hypervisor->farm->outside, 50);
    }
    while ((lost = lost_errand(hypervisor)) != NULL)
        finish(lost, false);
    list_each (&hypervisor->errands, node) {
        struct errand *errand = list_entry(node, struct errand, node);

        if (!timer_armed(&errand->timer) && !is_blocked(errand))
            begin_errand(errand);
    }
}

void farm_hang(struct hypervisor *hypervisor, bool hangs)
{
    struct outside *outside = hypervisor->farm->outside;

    outside_note(outside, "host %s %s", hypervisor->name, hangs ? "hangs" : "answers again");
    hypervisor->hung = hangs;
    list_each (&hypervisor->errands, node) {
        if (hangs)
            timer_stop(&outside->timers, &list_entry(node, struct errand, node)->timer);
    }
    if (!hangs)
        go_on(hypervisor);
}

void farm_drop_errands(struct hypervisor *hypervisor)
{
    struct outside *outside = hypervisor->farm->outside;
    struct list *node;

    while (!list_empty(&hypervisor->errands)) {
        struct errand *errand;

        node = hypervisor->errands.next;
        errand = list_entry(node, struct errand, node);
        timer_stop(&outside->timers, &errand->timer);
        errand->answer = NULL;
        finish(errand, !hypervisor->hung && outside_chance(outside, 50));
    }
}

size_t farm_count(const struct farm *farm, enum virt_call call, const char *uuid, int64_t since_ms)
{
    uint64_t first = farm->deeds_count > DEEDS_MAX ? farm->deeds_count - DEEDS_MAX : 0;
    size_t count = 0;

    for (uint64_t i = first; i < farm->deeds_count; i++) {
        const struct deed *deed = &farm->deeds[i % DEEDS_MAX];

        if (deed->call == call && deed->at_ms >= since_ms &&
            (!uuid || strcmp(deed->machine, uuid) == 0))
            count++;
    }
    return count;
}
