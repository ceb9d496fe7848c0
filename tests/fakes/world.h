/* world.h - a whole site under virtual time: core and flow of a broker on fake ports, terminals,
 * machines, a disk.
 *
 * Module tests. A story makes a world from lines of text, calls functions for what happens, and
 * reads what people would see back as text:
 *
 *     struct world *w = world_new(1, "place ward-3\n"
 *                                    "host kvm1 max 20\n"
 *                                    "image debian\n"
 *                                    "pool ward-3 floating image debian max 4 spare 1\n"
 *                                    "user anna password secret12\n"
 *                                    "terminal t1 place ward-3\n"
 *                                    "entitle everyone ward-3\n");
 *     world_run_s(w, 20);
 *     world_sign_on(w, "t1", "anna", "secret12");
 *     world_run_s(w, 5);
 *     EXPECT_STR(world_screen(w, "t1"), "anna on ward-3-001");
 *     world_free(w);
 *
 * Lines:
 *
 *     site NAME join accept|quarantine|approve renew_days N     (a site "main" always exists)
 *     place NAME site S
 *     host NAME max N starting N mode M
 *     image NAME
 *     pool NAME KIND image I max N spare N release R roam R credential C account A address A
 *          disconnected S idle S absolute S limit S hosts H
 *     machine NAME pool P at ADDRESS:PORT                       (an existing machine)
 *     user NAME password P | kioskuser NAME
 *     group NAME | member GROUP USER | badge USER UID
 *     terminal NAME place P tags T kiosk USER state S
 *     agent ...      as terminal, but only the rows: the caller has the terminal, its key is NAME
 *     entitle everyone POOL | entitle KIND SUBJECT POOL priority N clipboard yes | deny ...
 *     profile NAME LEVEL SUBJECT priority N KEY=VALUE ...       (SUBJECT "-" for everywhere)
 *     admin NAME ROLE
 */
#ifndef BERTH_TESTS_FAKES_WORLD_H
#define BERTH_TESTS_FAKES_WORLD_H

#include "fakes/disk.h"
#include "fakes/fake_network.h"
#include "fakes/fake_ports.h"
#include "fakes/fake_store.h"
#include "fakes/fake_terminal.h"
#include "fakes/fake_virt.h"
#include "flow/admin.h"
#include "flow/reactor.h"

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

/* Lines end with a line feed. Starts the broker and switches the terminals on within half a second.
 * A line that is not understood ends the program with an error.
 */
struct world *world_new(uint64_t seed, const char *lines);

/* Also checks that there were no faults and that the broker freed everything. Returns the first
 * fault ("" when there was none) in a static buffer.
 */
const char *world_free(struct world *world);

/* ---- time ---- */
void world_run_ms(struct world *world, int64_t ms);
void world_run_s(struct world *world, int64_t s);
/* Run until the terminal shows this, at most most_s; true: it does. */
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
/* Stop the broker's process for this long while time passes for all others. */
void world_freeze(struct world *world, int64_t ms);
void world_silence(struct world *world, const char *terminal);
void world_cut(struct world *world, const char *terminal, bool cut);
void world_power(struct world *world, const char *terminal, bool on);
void world_host_down(struct world *world, const char *host, bool down);
void world_host_hangs(struct world *world, const char *host, bool hangs);
void world_disk_full(struct world *world, bool full);

/* ---- queries ---- */
struct fake_terminal *world_terminal(struct world *world, const char *name);
struct hypervisor *world_host(struct world *world, const char *name);
struct machine *world_machine(struct world *world, const char *desktop);
struct core *world_core(struct world *world);
struct desktop *world_desktop(struct world *world, const char *name);
struct pool *world_pool(struct world *world, const char *name);
struct user *world_user(struct world *world, const char *name);
/* The open session of a user in any pool, or NULL. */
struct session *world_session(struct world *world, const char *user);
/* The user whose desktop it is, or "". */
const char *world_owner(struct world *world, const char *desktop);
const char *world_desktop_state(struct world *world, const char *desktop);
const char *world_presence(struct world *world, const char *terminal);
int world_spares(struct world *world, const char *pool);
int64_t world_epoch(struct world *world, const char *desktop);
size_t world_flows(struct world *world);

/* ---- administrators ---- */
/* Call an entry point of flow/admin.h and wait for its outcome:
 *
 *     world_await(w, admin_host_mode(&w->broker->context, world_actor(), id, mode, world_op(w)))
 *
 * The actor is root, with a new idempotency key at every call, as berthctl sends one.
 */
const struct admin_actor *world_actor(void);
struct op *world_op(struct world *world);
int world_await(struct world *world, int begun);
const char *world_await_text(void); /* sentence of the last failure */

/* Add a line while the world runs: only "terminal" (switched on at once). */
void world_add_terminal(struct world *world, const char *name, const char *invitation);

#endif
