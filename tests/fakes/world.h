/* world.h - a whole site under virtual time: a broker of core and flow on fakes, terminals,
 * machines, a disk.
 *
 * Module tests. A world is made from lines of text and told what happens; what people would see is
 * read back as text:
 *
 *     struct world *w = world_new(1, "place ward-3\n"
 *                                    "host kvm1 max 20\n"
 *                                    "image debian\n"
 *                                    "pool ward-3 floating image debian max 4 spare 1 release
 * refresh\n" "user anna password secret12\n" "terminal t1 place ward-3\n" "entitle everyone
 * ward-3\n"); world_run_s(w, 20); world_sign_on(w, "t1", "anna", "secret12"); world_run_s(w, 5);
 *     EXPECT_STR(world_screen(w, "t1"), "anna on ward-3-001");
 *     world_free(w);
 *
 * Lines: "site NAME join accept|quarantine|approve renew_days N", "place NAME site S", "host NAME
 * max N starting N mode D", "image NAME", "pool NAME KIND image I max N spare N release R roam R
 * credential C account A address A disconnected S idle S absolute S limit S hosts H", "machine NAME
 * pool P at ADDRESS:PORT" (an existing one), "user NAME password P", "kioskuser NAME", "group
 * NAME", "member GROUP USER", "badge USER UID", "terminal NAME place P tags T kiosk USER state S",
 * "entitle everyone POOL" or "entitle KIND SUBJECT POOL priority N clipboard yes" ("deny ..."
 * likewise), "profile NAME LEVEL SUBJECT priority N KEY=VALUE ..." (SUBJECT "-" for everywhere),
 * "admin NAME ROLE", "agent ..." as "terminal ..." but only its rows: whoever makes the world has
 * the terminal itself, whose key is its name. A site "main" is there by itself.
 */
#ifndef BERTH_TESTS_FAKES_WORLD_H
#define BERTH_TESTS_FAKES_WORLD_H

#include "core/runtime.h"
#include "fakes/disk.h"
#include "fakes/fake_network.h"
#include "fakes/fake_ports.h"
#include "fakes/fake_store.h"
#include "fakes/fake_terminal.h"
#include "fakes/fake_virt.h"
#include "flow/admin.h"
#include "flow/terminal_handlers.h"

/* One life of the broker. */
struct broker_life {
    struct berth_timers timers;
    struct berth_random random;
    struct context context;
};

struct world {
    struct environment environment;
    struct disk *disk;
    struct fake_hypervisors *hypervisors;
    struct fake_network network;
    struct list terminals;
    struct map by_name;         /* of terminals */
    struct broker_life *broker; /* NULL while it is dead */
    unsigned lives;
    int64_t started_ms; /* monotonic: of this life */
    bool crash_wanted;
    bool frozen;      /* the broker's process stands still */
    uint64_t last_id; /* of rows that lines made */
    int64_t recovery_ms;
    /* Called when a broker is made, before it loads. */
    void (*broker_made)(struct world *world, struct core *core);
    /* Called after each turn; for invariants that a story wants to hold all the time. */
    void (*each_turn)(struct world *world);
    void *context;
};

/* world_new in two steps: between them hooks can be set. */
struct world *world_made(uint64_t seed, const char *lines);
void world_begin(struct world *world);

/* Lines end with a line feed. The broker runs, the terminals are switched on within half a second.
 * A line that cannot be understood ends the program with a sentence.
 */
struct world *world_new(uint64_t seed, const char *lines);

/* Checks at the end, too: no faults, nothing left over of the broker. Returns the first fault (""
 * when there was none) in a buffer of its own.
 */
const char *world_free(struct world *world);

/* ---- time ---- */
void world_run_ms(struct world *world, int64_t ms);
void world_run_s(struct world *world, int64_t s);
/* Run until the terminal shows this (true), at most so long. */
bool world_until(struct world *world, const char *terminal, const char *screen, int64_t most_s);
int64_t world_now_ms(const struct world *world);

/* ---- people ---- */
void world_sign_on(struct world *world, const char *terminal, const char *user,
                   const char *password);
void world_sign_on_to(struct world *world, const char *terminal, const char *user,
                      const char *password, const char *pool);
void world_sign_off(struct world *world, const char *terminal);
void world_disconnect(struct world *world, const char *terminal);
void world_hands_off(struct world *world, const char *terminal);
const char *world_screen(struct world *world, const char *terminal);
const char *world_said(struct world *world, const char *terminal);

/* ---- faults ---- */
void world_crash(struct world *world);   /* SIGKILL */
void world_restart(struct world *world); /* same disk, same environment, a new broker */
void world_stop(struct world *world);    /* in order, then restart may follow */
void world_crash_at(struct world *world, enum store_crash when, uint64_t commit);
/* The broker's process stands still for so long while the world goes on. */
void world_freeze(struct world *world, int64_t ms);
void world_silence(struct world *world, const char *terminal);
void world_cut(struct world *world, const char *terminal, bool cut);
void world_power(struct world *world, const char *terminal, bool on);
void world_host_down(struct world *world, const char *host, bool down);
void world_host_hangs(struct world *world, const char *host, bool hangs);
void world_disk_full(struct world *world, bool full);

/* ---- questions ---- */
struct fake_terminal *world_terminal(struct world *world, const char *name);
struct hypervisor *world_host(struct world *world, const char *name);
struct machine *world_machine(struct world *world, const char *desktop);
struct core *world_core(struct world *world);
struct desktop *world_desktop(struct world *world, const char *name);
struct pool *world_pool(struct world *world, const char *name);
struct user *world_user(struct world *world, const char *name);
/* The living session of a user in whatever pool, or NULL. */
struct session *world_session(struct world *world, const char *user);
/* The user whose desktop it is, or "". */
const char *world_owner(struct world *world, const char *desktop);
const char *world_desktop_state(struct world *world, const char *desktop);
const char *world_presence(struct world *world, const char *terminal);
int world_spares(struct world *world, const char *pool);
int64_t world_epoch(struct world *world, const char *desktop);
size_t world_flows(struct world *world);

/* ---- people who manage ---- */
/* Do what the call asks for and wait for its outcome: world_admin(w,
 * admin_host_mode(&w->broker->context, world_actor(), id, mode, world_op(w))).
 */
/* root, with an idempotency key of its own at every call, as berthctl sends one. */
const struct admin_actor *world_actor(void);
struct op *world_op(struct world *world);
int world_await(struct world *world, int begun);
const char *world_await_text(void); /* sentence of the last failure */

/* Another line, while the world runs: only "terminal" (switched on at once). */
void world_add_terminal(struct world *world, const char *name, const char *invitation);

#endif
