/* fake_hypervisor_jobs.c - carries out the calls that fake hypervisors have accepted. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fakes/fake_hypervisors.h"
#include "fakes/fake_hypervisors_internal.h"

#define START_MS 200
#define BOOT_LEAST_MS 2000
#define BOOT_MOST_MS 5000
#define NEVER_MS (INT64_MAX / 2)
/* The guest agent is ready a little before the RDP server. */
#define AGENT_EARLY_MS 500

bool virt_call_changes_machine(enum virt_call call)
{
    return call == VIRT_create || call == VIRT_start || call == VIRT_stop || call == VIRT_refresh ||
           call == VIRT_delete;
}

static int64_t duration_ms(struct hypervisor *hypervisor, enum virt_call call)
{
    struct environment *environment = hypervisor->hypervisors->environment;
    int64_t least = virt_call_row(call)->lane == LANE_READ ? 4 : 20;

    if (call == VIRT_start)
        least = START_MS;
    if (call == VIRT_create || call == VIRT_refresh)
        least = START_MS * 2;
    return environment_draw_ms(environment, least, least * 2) +
           (virt_call_row(call)->lane == LANE_ACTION ? hypervisor->slow_ms : 0) +
           (virt_call_row(call)->lane == LANE_AGENT ? hypervisor->agent_ms : 0);
}

static int64_t caller_of(const struct hypervisor_job *job)
{
    return hypervisor_process_id(job->hypervisor, job->life, job->process);
}

/* ---- the calls ---- */

static int unknown_machine(const struct hypervisor_job *job, struct berth_error *error)
{
    return berth_fail(error, BERTH_E_NOT_FOUND, "host %s knows no machine %s",
                      job->hypervisor->name, job->args.uuid);
}

static void set_image(struct machine *machine, const struct hypervisor_job *job)
{
    (void)snprintf(machine->image, sizeof(machine->image), "%.63s", job->args.image);
}

static int do_create(struct hypervisor_job *job, struct machine *machine)
{
    if (!machine) {
        machine = machine_define(job->hypervisor, &job->args);
        set_image(machine, job);
        machine_record(machine, history_machine_event_DISK, caller_of(job));
        machine_record(machine, history_machine_event_DEFINED, caller_of(job));
    }
    if (job->life != job->hypervisor->hypervisors->life || job->process != job->hypervisor->process)
        machine->from_dead_broker = true;
    machine_send_event(machine, virt_event_kind_DEFINED, "");
    return 0;
}

/* Record how a recorded start ended. */
static void record_start_outcome(struct hypervisor_job *job, enum history_machine_event event)
{
    const struct machine *machine = machine_by_uuid(job->hypervisor->hypervisors, job->args.uuid);

    if (job->recorded && machine)
        machine_record(machine, event, caller_of(job));
    job->recorded = false;
}

static int do_start(struct hypervisor_job *job, struct machine *machine, struct berth_error *error)
{
    struct hypervisor *hypervisor = job->hypervisor;
    struct environment *environment = hypervisor->hypervisors->environment;

    if (machine->running) {
        record_start_outcome(job, history_machine_event_STARTED);
        return 0;
    }
    if (machine->image[0] && strcmp(machine->image, hypervisor->hypervisors->dead_image) == 0) {
        record_start_outcome(job, history_machine_event_FAILED);
        return berth_fail(error, BERTH_E_HOST, "start of '%s': no bootable disk", machine->name);
    }
    if (hypervisor->fail_starts > 0) {
        hypervisor->fail_starts--;
        record_start_outcome(job, history_machine_event_FAILED);
        return berth_fail(error, BERTH_E_HOST, "start of '%s': no room for its memory",
                          machine->name);
    }
    if (job->args.forward_port)
        machine_set_address(machine, job->args.forward_address);
    machine_boot(machine, job->args.keep_saved);
    record_start_outcome(job, history_machine_event_STARTED);
    machine->agent_silent = false;
    machine->answers_ms =
        environment->timers.mono_ms + environment_draw_ms(environment, BOOT_LEAST_MS, BOOT_MOST_MS);
    if (hypervisor->silent_boots > 0) {
        hypervisor->silent_boots--;
        machine->answers_ms = NEVER_MS;
    }
    machine_send_event(machine, virt_event_kind_STARTED, "");
    return 0;
}

static int do_stop(const struct hypervisor_job *job, struct machine *machine)
{
    if (machine && machine->running) {
        machine_power_off(machine, caller_of(job));
        machine_send_event(machine, virt_event_kind_STOPPED, "destroyed");
    }
    return 0;
}

static int do_refresh(const struct hypervisor_job *job, struct machine *machine)
{
    (void)do_stop(job, machine);
    machine_record(machine, history_machine_event_DISK, caller_of(job));
    machine_record_guest(machine, history_guest_event_SCRAMBLED, NULL, NULL);
    machine->generation++;
    set_image(machine, job);
    machine->saved = false;
    machine->traces_of[0] = '\0';
    machine->account[0] = '\0';
    secret_wipe(&machine->password);
    return 0;
}

static int do_delete(const struct hypervisor_job *job, struct machine *machine,
                     struct berth_error *error)
{
    if (machine && job->hypervisor->fail_deletes > 0) {
        job->hypervisor->fail_deletes--;
        return berth_fail(error, BERTH_E_HOST, "disk of '%s': its storage is read-only",
                          machine->name);
    }
    if (machine) {
        (void)do_stop(job, machine);
        machine_send_event(machine, virt_event_kind_UNDEFINED, "");
        machine_undefine(machine, caller_of(job));
    }
    return 0;
}

static int do_list(struct hypervisor_job *job, struct virt_result *facts)
{
    struct hypervisor *hypervisor = job->hypervisor;

    list_each (&hypervisor->machines, node) {
        const struct machine *machine = list_entry(node, struct machine, node);
        struct virt_event event = { .what = virt_event_kind_LISTED,
                                    .running = machine->running,
                                    .desktop_id = machine->desktop_id,
                                    .forward_port = machine->forward_port };

        if (machine->hidden)
            continue;
        (void)snprintf(event.uuid, sizeof(event.uuid), "%s", machine->uuid);
        (void)snprintf(event.name, sizeof(event.name), "%s", machine->name);
        facts->count++;
        if (machine->running)
            machine_record(machine, history_machine_event_SEEN, 0);
        if (job->answer && hypervisor->broker_end)
            hypervisor->hypervisors->event(hypervisor->broker_end, &event);
    }
    return 0;
}

static int do_address(const struct machine *machine, struct virt_result *facts,
                      struct berth_error *error)
{
    if (!machine->running || machine->hypervisor->hypervisors->environment->timers.mono_ms <
                                 machine->answers_ms - AGENT_EARLY_MS)
        return berth_fail(error, BERTH_E_DESKTOP, "'%s' has no address yet", machine->name);
    (void)snprintf(facts->address, sizeof(facts->address), "%s", machine->address);
    return 0;
}

/* The calls that need the guest's agent. */
static int call_guest_agent(struct hypervisor_job *job, struct machine *machine,
                            struct virt_result *facts, struct berth_error *error)
{
    if (!machine->running || machine->agent_silent ||
        job->hypervisor->hypervisors->environment->timers.mono_ms <
            machine->answers_ms - AGENT_EARLY_MS)
        return berth_fail(error, BERTH_E_DESKTOP, "the guest agent of '%s' does not answer",
                          machine->name);
    if (job->call == VIRT_password) {
        (void)snprintf(machine->account, sizeof(machine->account), "%s", job->args.account);
        machine->password = job->args.secret;
        machine_record_guest(machine, history_guest_event_PASSWORD, NULL, &machine->password);
    }
    if (job->call == VIRT_fingerprint)
        machine_fingerprint(machine, facts->text);
    if (job->call == VIRT_guest_state)
        (void)snprintf(facts->text, sizeof(facts->text), "%s", machine->guest);
    if (job->call == VIRT_sign_off && machine->guest[0])
        machine_guest_logs_off(machine);
    return 0;
}

static int call_machine(struct hypervisor_job *job, struct machine *machine,
                        struct virt_result *facts, struct berth_error *error)
{
    switch ((int)job->call) {
    case VIRT_start:
        return do_start(job, machine, error);
    case VIRT_refresh:
        return do_refresh(job, machine);
    case VIRT_address:
        return do_address(machine, facts, error);
    default:
        return call_guest_agent(job, machine, facts, error);
    }
}

static bool is_bad_image(const struct hypervisor_job *job)
{
    const struct fake_hypervisors *hypervisors = job->hypervisor->hypervisors;

    return hypervisors->bad_image[0] && strcmp(job->args.image, hypervisors->bad_image) == 0;
}

static int check_image(const struct hypervisor_job *job, struct berth_error *error)
{
    const char *host = job->hypervisor->name;

    if (is_bad_image(job))
        return berth_fail(error, BERTH_E_CONFIG, "host %s: no file '%s'", host, job->args.image);
    if (job->args.kernel[0] && job->args.kernel[0] != '/')
        return berth_fail(error, BERTH_E_INVALID, "host %s: '%s' is not an absolute path of a file",
                          host, job->args.kernel);
    return 0;
}

/* As berth-virt does while an earlier call for the machine is stuck, or libvirt while another has
 * the machine's lock. */
static int refuse_busy(struct hypervisor_job *job, struct berth_error *error)
{
    job->hypervisor->busy_calls--;
    record_start_outcome(job, history_machine_event_FAILED);
    return berth_fail(error, BERTH_E_BUSY, "machine %s: an earlier call is stuck", job->args.uuid);
}

static int execute(struct hypervisor_job *job, struct virt_result *facts, struct berth_error *error)
{
    const struct fake_hypervisors *hypervisors = job->hypervisor->hypervisors;
    struct machine *machine = machine_by_uuid(hypervisors, job->args.uuid);

    if (job->hypervisor->busy_calls > 0 && virt_call_row(job->call)->lane != LANE_READ)
        return refuse_busy(job, error);
    if ((job->call == VIRT_create || job->call == VIRT_refresh) && is_bad_image(job))
        return berth_fail(error, BERTH_E_CONFIG, "the image '%s': No such file or directory",
                          job->args.image);
    switch ((int)job->call) {
    case VIRT_check_image:
        return check_image(job, error);
    case VIRT_list:
        return do_list(job, facts);
    case VIRT_orphans:
    case VIRT_open:
        return 0;
    case VIRT_inspect:
        facts->known = machine != NULL;
        facts->running = machine && machine->running;
        return 0;
    case VIRT_create:
        return do_create(job, machine);
    case VIRT_stop:
        return do_stop(job, machine);
    case VIRT_delete:
        return do_delete(job, machine, error);
    default:
        if (!machine)
            return unknown_machine(job, error);
        return call_machine(job, machine, facts, error);
    }
}

/* ---- jobs ---- */

static void record_call(struct hypervisor_job *job, int result, const struct berth_error *error)
{
    struct fake_hypervisors *hypervisors = job->hypervisor->hypervisors;
    struct call_record *call_record =
        &hypervisors->call_records[hypervisors->call_records_count++ % CALL_RECORDS_MAX];

    *call_record = (struct call_record){ .at_ms = hypervisors->environment->timers.mono_ms,
                                         .call = job->call,
                                         .life = job->life,
                                         .result = result };
    (void)snprintf(call_record->machine, sizeof(call_record->machine), "%s", job->args.uuid);
    (void)snprintf(call_record->host, sizeof(call_record->host), "%.23s", job->hypervisor->name);
    if (virt_call_row(job->call)->lane != LANE_READ)
        environment_note(hypervisors->environment, "%s: %s %s%s%s", job->hypervisor->name,
                         virt_call_row(job->call)->name,
                         job->args.name[0] ? job->args.name : job->args.uuid,
                         result < 0 ? ": " : "", result < 0 ? error->text : "");
}

/* berth-virt runs one action on a machine at a time: a later one waits, even when the caller of the
 * earlier one gave up. */
static bool is_blocked(const struct hypervisor_job *job)
{
    if (virt_call_row(job->call)->lane != LANE_ACTION)
        return false;
    list_each (&job->hypervisor->jobs, node) {
        const struct hypervisor_job *other = list_entry(node, struct hypervisor_job, node);

        if (other == job)
            return false;
        if (virt_call_row(other->call)->lane == LANE_ACTION && other->life == job->life &&
            other->process == job->process && strcmp(other->args.uuid, job->args.uuid) == 0)
            return true;
    }
    return false;
}

static void job_due(struct berth_timer *timer);

/* Is another start of this machine still running, so that there would be two? A slow host may still
 * work for a broker, or a berth-virt, that has died: libvirt makes the later start wait.
 */
static bool is_second_start(const struct hypervisor_job *job, const struct machine *machine)
{
    list_each (&job->hypervisor->jobs, node) {
        const struct hypervisor_job *other = list_entry(node, struct hypervisor_job, node);

        if (other != job && other->starts == machine &&
            ((other->life == job->life && other->process == job->process) || !other->slow))
            return true;
    }
    return false;
}

static void record_start(struct hypervisor_job *job)
{
    struct fake_hypervisors *hypervisors = job->hypervisor->hypervisors;
    struct machine *machine = machine_by_uuid(hypervisors, job->args.uuid);

    job->slow = job->hypervisor->slow_ms > 0;
    if (job->call != VIRT_start || !machine || machine->running)
        return;
    job->starts = machine;
    job->recorded = true;
    machine_record(machine, history_machine_event_START, caller_of(job));
    if (is_second_start(job, machine))
        environment_fault(hypervisors->environment, "two starts of machine %s are in flight (I15)",
                          machine->name);
}

static void begin_job(struct hypervisor_job *job)
{
    struct fake_hypervisors *hypervisors = job->hypervisor->hypervisors;

    record_start(job);
    timer_start(&hypervisors->environment->timers, &job->timer,
                duration_ms(job->hypervisor, job->call), job_due);
}

static void finish(struct hypervisor_job *job, bool carried_out);

/* Continue the jobs that waited for this one. Those of a berth-virt that has ended are dropped. */
static void begin_next(struct hypervisor *hypervisor, const char *uuid)
{
    struct hypervisor_job *next = NULL;

    if (hypervisor->hung)
        return;
    list_each (&hypervisor->jobs, node) {
        struct hypervisor_job *job = list_entry(node, struct hypervisor_job, node);

        if (!next && !timer_armed(&job->timer) && strcmp(job->args.uuid, uuid) == 0 &&
            !is_blocked(job))
            next = job;
    }
    if (!next)
        return;
    if (next->process == hypervisor->process && next->life == hypervisor->hypervisors->life)
        begin_job(next);
    else
        finish(next, false);
}

static void finish(struct hypervisor_job *job, bool carried_out)
{
    struct virt_result facts = { 0 };
    struct berth_error error = { 0 };
    int result = 0;

    timer_stop(&job->hypervisor->hypervisors->environment->timers, &job->timer);
    list_remove(&job->node);
    if (carried_out) {
        result = execute(job, &facts, &error);
        record_call(job, result, &error);
    } else {
        record_start_outcome(job, history_machine_event_FAILED);
    }
    begin_next(job->hypervisor, job->args.uuid);
    if (carried_out && job->answer)
        job->answer(job->context, result, &facts, &error);
    secret_wipe(&job->args.secret);
    free(job);
}

static void job_due(struct berth_timer *timer)
{
    finish(container_of(timer, struct hypervisor_job, timer), true);
}

struct hypervisor_job *
hypervisor_call(struct hypervisor *hypervisor, enum virt_call call, const struct virt_args *args,
                void (*answer)(void *, int, const struct virt_result *, const struct berth_error *),
                void *context)
{
    struct hypervisor_job *job = berth_new(struct hypervisor_job);

    job->hypervisor = hypervisor;
    job->call = call;
    job->life = hypervisor->hypervisors->life;
    job->args = *args;
    job->answer = answer;
    job->context = context;
    job->process = hypervisor->process;
    list_append(&hypervisor->jobs, &job->node);
    if (!hypervisor->hung && !is_blocked(job))
        begin_job(job);
    return job;
}

void hypervisor_job_abandon(struct hypervisor_job *job, bool crashed)
{
    job->answer = NULL;
    job->context = NULL;
    if (!crashed)
        job->starts = NULL;
}

/* A job without a caller, lost while the hypervisor hung. */
static struct hypervisor_job *lost_job(struct hypervisor *hypervisor)
{
    list_each (&hypervisor->jobs, node) {
        struct hypervisor_job *job = list_entry(node, struct hypervisor_job, node);

        if (job->lost)
            return job;
    }
    return NULL;
}

static void resume_jobs(struct hypervisor *hypervisor)
{
    struct hypervisor_job *lost;

    list_each (&hypervisor->jobs, node) {
        struct hypervisor_job *job = list_entry(node, struct hypervisor_job, node);

        job->lost = !job->answer && environment_chance(hypervisor->hypervisors->environment, 50);
    }
    while ((lost = lost_job(hypervisor)) != NULL)
        finish(lost, false);
    list_each (&hypervisor->jobs, node) {
        struct hypervisor_job *job = list_entry(node, struct hypervisor_job, node);

        if (!timer_armed(&job->timer) && !is_blocked(job))
            begin_job(job);
    }
}

void hypervisor_hang(struct hypervisor *hypervisor, bool hangs)
{
    struct environment *environment = hypervisor->hypervisors->environment;

    environment_note(environment, "host %s %s", hypervisor->name,
                     hangs ? "hangs" : "answers again");
    hypervisor->hung = hangs;
    list_each (&hypervisor->jobs, node) {
        if (hangs)
            timer_stop(&environment->timers, &list_entry(node, struct hypervisor_job, node)->timer);
    }
    if (!hangs)
        resume_jobs(hypervisor);
}

void hypervisor_drop_jobs(struct hypervisor *hypervisor)
{
    struct environment *environment = hypervisor->hypervisors->environment;
    struct list *node;

    while (!list_empty(&hypervisor->jobs)) {
        struct hypervisor_job *job;

        node = hypervisor->jobs.next;
        job = list_entry(node, struct hypervisor_job, node);
        timer_stop(&environment->timers, &job->timer);
        job->answer = NULL;
        finish(job, !hypervisor->hung && environment_chance(environment, 50));
    }
}

size_t hypervisors_count_calls(const struct fake_hypervisors *hypervisors, enum virt_call call,
                               const char *uuid, int64_t since_ms)
{
    uint64_t first = hypervisors->call_records_count > CALL_RECORDS_MAX
                         ? hypervisors->call_records_count - CALL_RECORDS_MAX
                         : 0;
    size_t count = 0;

    for (uint64_t i = first; i < hypervisors->call_records_count; i++) {
        const struct call_record *call_record = &hypervisors->call_records[i % CALL_RECORDS_MAX];

        if (call_record->call == call && call_record->at_ms >= since_ms &&
            (!uuid || strcmp(call_record->machine, uuid) == 0))
            count++;
    }
    return count;
}
