/* sim_internal.h - between the files of one simulated site.
 *
 * Module tests, internal header of sim.
 */
#ifndef BERTH_TESTS_SIM_SIM_INTERNAL_H
#define BERTH_TESTS_SIM_SIM_INTERNAL_H

#include "sim/sim.h"

#define SIM_OPS 64
#define SIM_HOSTS 3
#define SIM_OLD 2 /* terminals that are no real agents: old ones, and liars */

struct person {
    char name[16];
    char badge[16];
    uint64_t user_id;
    uint32_t at; /* the client where the person was last */
};

/* Somebody waits for the answer to a sign-on at a client. */
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
    bool recorded;   /* its invocation stands in the history */
    int64_t request; /* asked under this number, twice; 0: once, without one */
    bool had_effect; /* the first of the two was answered with ok */
};

struct sim {
    struct sim_params params;
    struct sim_outcome *outcome;
    struct world *w;
    struct recorder recorder;
    struct schedule schedule;
    struct berth_random site; /* of the site itself, not of what happens to it */
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
    bool asked_by_admin; /* somebody ordered work on machines in this life of the broker */
    bool crash_at_start; /* the next start of a machine is the broker's end */
    bool quiescing;      /* no more faults */
};

/* site.c: draw the site and its people; the world is made and not begun. */
void site_make(struct sim *sim);
void site_begin(struct sim *sim);
const char *site_host(uint32_t number);
uint32_t site_people(uint32_t terminals);

/* acts.c: do one thing. */
void act_do(struct sim *sim, const struct action *action);

/* endings.c: what lasts for a while ends by itself. */
void end_fault_in(struct sim *sim, int64_t ms, void (*end)(struct sim *sim, uint32_t what),
                  uint32_t what);
/* All of them now. */
void end_faults_now(struct sim *sim);
/* None of them; for the end. */
void drop_fault_ends(struct sim *sim);

/* people.c */
typedef void act_fn(struct sim *sim, const struct action *action);
act_fn person_come, person_walk_away, person_disconnect, person_sign_off, person_call_off,
    person_mistype, person_two_taps, person_touch, person_tap_badge;
/* Signs on at the next terminal. */
void person_signs_on_next(struct sim *sim, uint32_t person);
/* Somebody signs on there, and a moment later elsewhere. */
void person_roams_from(struct sim *sim, const struct action *action);
void person_news(void *context, struct client *client, enum agent_news what,
                 const struct berth_error *why);
/* Nobody will hear what became of it. */
void person_unknown(struct sim *sim, uint32_t client);

/* fault_terminals.c */
act_fn fault_loss, fault_delay, fault_repeat, fault_reorder, fault_cut, fault_partition,
    fault_half_open, fault_power, fault_freeze, fault_suspend, fault_terminal_clock,
    fault_rogue_repeat, fault_rogue_forge, fault_silence, fault_picture_breaks;
/* Somebody is silent while the action happens: what follows from that must not change. */
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
/* A profile is changed, and again and again at once. */
void profile_often(struct sim *sim, uint32_t what, int64_t pause_ms);
/* Terminals that were revoked and found again are looked after. */
void admins_approve(struct sim *sim);
/* Operations in flight died with their broker. */
void admins_forget(struct sim *sim);

/* quiesce.c: everything heals, comes to rest, and is looked at. */
void quiesce(struct sim *sim);

/* sim.c */
void sim_judge(struct world *world);

#endif
