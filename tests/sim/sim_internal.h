/* sim_internal.h - between the files of one simulated site.
 *
 * Module tests, internal header of sim.
 */
#ifndef BERTH_TESTS_SIM_SIM_INTERNAL_H
#define BERTH_TESTS_SIM_SIM_INTERNAL_H

#include "sim/sim.h"

#define SIM_OPS 64
#define SIM_HOSTS 3
#define SIM_OLD 2 /* terminals without a real agent: old ones, also hostile ones */

struct person {
    char name[16];
    char badge[16];
    uint64_t user_id;
    uint32_t at; /* the client where the person was last */
};

/* A person who waits for the answer to a sign-on at a client. */
struct waiter {
    bool waits;
    uint32_t person;
    int64_t op;
};

/* What an administrator asked for. */
struct admin_op {
    struct op op;
    struct sim *sim;
    int64_t number;
    enum history_request what;
    bool recorded;   /* its invocation is in the history */
    int64_t request; /* asked under this number, twice; 0: once, without one */
    bool had_effect; /* the first of the two was answered with ok */
};

struct sim {
    struct sim_params params;
    struct sim_outcome *outcome;
    struct world *w;
    struct recorder recorder;
    struct schedule schedule;
    struct berth_random site; /* for the site itself, not for what happens to it */
    int64_t start_ms;

    struct client *clients;
    struct waiter *waiters;
    uint32_t clients_count;
    struct person *people;
    uint32_t people_count;
    uint32_t hosts_count;
    int64_t last_op;
    struct core_limits limits;
    int64_t certificate_ms;

    struct list endings;
    struct admin_op ops[SIM_OPS];
    uint64_t call_records_judged;
    uint64_t draft_id, command_id;
    /* An administrator ordered work on machines since the start of this broker. */
    bool asked_by_admin;
    bool crash_at_start; /* kill the broker at the next start of a machine */
    bool quiescing;      /* no more faults */
};

/* site.c: draw the site and its people; the world is made and not begun. */
void site_make(struct sim *sim);
void site_begin(struct sim *sim);
const char *site_host(uint32_t number);
uint32_t site_people(uint32_t terminals);

/* acts.c: do one thing. */
void act_do(struct sim *sim, const struct action *action);

/* endings.c: end a fault after a while. */
void end_fault_in(struct sim *sim, int64_t ms, void (*end)(struct sim *sim, uint32_t what),
                  uint32_t what);
/* End all now. */
void end_faults_now(struct sim *sim);
/* Forget them, at the end of a run. */
void drop_fault_ends(struct sim *sim);

/* people.c */
typedef void act_fn(struct sim *sim, const struct action *action);
act_fn person_come, person_walk_away, person_disconnect, person_sign_off, person_call_off,
    person_mistype, person_two_taps, person_touch, person_tap_badge;
/* Signs on at the next terminal. */
void person_signs_on_next(struct sim *sim, uint32_t person);
/* A person signs on there, and a moment later elsewhere. */
void person_roams_from(struct sim *sim, const struct action *action);
void person_news(void *context, struct client *client, enum agent_news what,
                 const struct berth_error *why);
/* The outcome of the sign-on will never be known. */
void person_unknown(struct sim *sim, uint32_t client);

/* fault_terminals.c */
act_fn fault_loss, fault_delay, fault_repeat, fault_reorder, fault_cut, fault_partition,
    fault_half_open, fault_power, fault_freeze, fault_suspend, fault_terminal_clock,
    fault_rogue_repeat, fault_rogue_forge, fault_silence, fault_picture_breaks;
/* A terminal is silent while the action happens: what follows from its silence must not change. */
void silence_before(struct sim *sim, const struct action *action);

/* fault_broker.c */
act_fn fault_clock, fault_stall, fault_broker_freeze, fault_broker_crash, fault_commit_crash,
    fault_broker_stop, fault_start_crash, fault_commit_fails, fault_no_space, fault_slow_commits;
void broker_back(struct sim *sim);
/* A turn is over: is it time for the crash that waits for a start? */
void crash_at_start(struct sim *sim);

/* fault_hosts.c */
act_fn fault_host_down, fault_host_hang, fault_host_slow, fault_virt_restart, fault_start_fails,
    fault_boot_mute, fault_machine_dies, fault_machine_lost, fault_host_lies, fault_late_events,
    fault_guest_ends;

/* admins.c */
act_fn fault_disable_user, fault_disable_badge, fault_revoke, fault_rejoin, fault_drain,
    fault_pool_change, fault_publish, fault_profile, fault_desktop_order, fault_session_order,
    fault_command;
/* Change a profile several times in a row. */
void profile_often(struct sim *sim, uint32_t what, int64_t pause_ms);
/* Approve terminals that were revoked and found again. */
void admins_approve(struct sim *sim);
/* Forget operations in flight: their broker has died. */
void admins_forget(struct sim *sim);

/* quiesce.c: end all faults, wait until everything is at rest, check it. */
void quiesce(struct sim *sim);

/* sim.c */
void sim_judge(struct world *world);

#endif
