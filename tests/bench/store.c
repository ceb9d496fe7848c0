/* store.c - bench-store: durable sign-ons a second, and their latency.
 *
 *     bench-store FOLDER [decisions] [in flight] [a second]
 *
 * Each decision is what a sign-on records: an open assignment, its session, a connection, the
 * slot's next epoch; four rows, four changes of the feed, one sealed audit record. Every other
 * decision ends what the one before began, so the tables look like those of a site at work. With a
 * rate, decisions are due at even times whether or not earlier ones are done, and their wait counts
 * from the moment they were due. Prints figures; asserts none. FOLDER should be on the disk that
 * the broker will use.
 */
#include "store/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/core.h"

#define IN_FLIGHT_MAX 4096

struct bench {
    struct berth_timers timers;
    struct store *store;
    int woken;
    int64_t *latency_us;
    size_t measured;
    int64_t cpu_us; /* of the whole program when the run began */
    uint64_t last_id;
};

/* One user with a desktop and a terminal of their own, signing on and off. */
struct person {
    struct bench *bench;
    struct op op;
    struct changes *changes;
    int64_t began_us;
    bool idle;
    uint64_t user_id, desktop_id, terminal_id;
    struct row_slot slot;
    struct row_assignment assignment;
    struct row_session session;
    struct row_connection connection;
};

static uint64_t pool_id;

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Spent by all threads: what a figure is worth on a machine that others use too. */
static int64_t cpu_us(void)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    return (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static void wake(void *context)
{
    uint64_t one = 1;

    (void)!write(((struct bench *)context)->woken, &one, sizeof(one));
}

static void failed(void *context, const struct berth_error *error)
{
    (void)context;
    (void)fprintf(stderr, "bench-store: %s\n", error->text);
    exit(1);
}

/* Until the store has something, or `until_us`; 0: no limit. */
static void turn_until(struct bench *bench, int64_t until_us)
{
    struct pollfd fd = { .fd = bench->woken, .events = POLLIN };
    int64_t left_us = until_us - now_us();
    struct timespec left = { .tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000 };
    uint64_t count;

    if (until_us && (left_us <= 0 || ppoll(&fd, 1, &left, NULL) <= 0))
        return;
    (void)!read(bench->woken, &count, sizeof(count));
    store_turn(bench->store);
}

static void turn(struct bench *bench)
{
    uint64_t count;

    (void)!read(bench->woken, &count, sizeof(count)); /* blocks until the store has something */
    store_turn(bench->store);
}

/* ---- people ---- */

static void sign_on(struct person *person, struct changes *changes)
{
    struct bench *bench = person->bench;

    person->slot.epoch++;
    person->assignment = (struct row_assignment){ .id = ++bench->last_id,
                                                  .user_id = person->user_id,
                                                  .pool_id = pool_id,
                                                  .desktop_id = person->desktop_id,
                                                  .state = assignment_OPEN,
                                                  .opened_ms = bench->timers.wall_ms };
    person->session = (struct row_session){ .id = ++bench->last_id,
                                            .assignment_id = person->assignment.id,
                                            .user_id = person->user_id,
                                            .pool_id = pool_id,
                                            .desktop_id = person->desktop_id,
                                            .terminal_id = person->terminal_id,
                                            .epoch = person->slot.epoch,
                                            .state = session_PREPARING };
    person->connection = (struct row_connection){ .id = ++bench->last_id,
                                                  .session_id = person->session.id,
                                                  .terminal_id = person->terminal_id,
                                                  .epoch = person->slot.epoch,
                                                  .state = connection_CONNECTING };
    (void)changes_set(changes, ENTITY_slot, &person->slot);
    (void)changes_add(changes, ENTITY_assignment, &person->assignment);
    (void)changes_add(changes, ENTITY_session, &person->session);
    (void)changes_add(changes, ENTITY_connection, &person->connection);
    person->slot.version++;
    person->assignment.version = person->session.version = person->connection.version = 1;
}

static void sign_off(struct person *person, struct changes *changes)
{
    person->connection.state = connection_ENDED;
    person->session.state = session_ENDED;
    person->assignment.state = assignment_CLOSED;
    (void)changes_set(changes, ENTITY_connection, &person->connection);
    (void)changes_set(changes, ENTITY_session, &person->session);
    (void)changes_set(changes, ENTITY_assignment, &person->assignment);
}

static void decide(struct person *person)
{
    bool on = person->assignment.state != assignment_OPEN;
    char name[32];

    (void)snprintf(name, sizeof(name), "user-%llu", (unsigned long long)person->user_id);
    person->changes = changes_new(name, "user", on ? "session.claim" : "session.end");
    changes_object(person->changes, "desktop %llu", (unsigned long long)person->desktop_id);
    person->changes->audit.subject_user_id = person->user_id;
    person->changes->audit.terminal_id = person->terminal_id;
    if (on)
        sign_on(person, person->changes);
    else
        sign_off(person, person->changes);
    person->began_us = now_us();
    person->idle = false;
    if (store_commit_begin(person->bench->store, person->changes, &person->op) < 0)
        failed(person->bench, &person->op.error);
}

static void decided(struct op *op, int result)
{
    struct person *person = container_of(op, struct person, op);
    struct bench *bench = person->bench;

    if (result < 0)
        failed(bench, &op->error);
    bench->latency_us[bench->measured++] = now_us() - person->began_us;
    changes_free(person->changes);
    person->idle = true;
}

/* ---- the site ---- */

static void wait_for(struct bench *bench, struct person *person)
{
    person->idle = false;
    if (store_commit_begin(bench->store, person->changes, &person->op) < 0)
        failed(bench, &person->op.error);
    while (!person->idle)
        turn(bench);
}

static void provision_pool(struct bench *bench)
{
    struct row_pool pool = { .name = "ward-3",
                             .kind = pool_kind_FLOATING,
                             .release = pool_release_REFRESH,
                             .credential = pool_credential_PER_SESSION,
                             .roam = pool_roam_ALWAYS,
                             .address = pool_address_AGENT };
    struct person nobody = { .bench = bench,
                             .changes = changes_new("bench", "broker", "bench.provision") };

    pool.id = pool_id = ++bench->last_id;
    op_init(&nobody.op, &bench->timers, decided);
    (void)changes_add(nobody.changes, ENTITY_pool, &pool);
    wait_for(bench, &nobody);
}

static void provision(struct bench *bench, struct person *person)
{
    struct row_user user = { .id = ++bench->last_id, .kind = user_kind_PERSON };
    struct row_desktop desktop = { .id = ++bench->last_id, .pool_id = pool_id };
    struct row_terminal terminal = { .id = ++bench->last_id, .state = terminal_ACCEPTED };

    *person = (struct person){
        .bench = bench, .user_id = user.id, .desktop_id = desktop.id, .terminal_id = terminal.id
    };
    person->slot = (struct row_slot){ .id = ++bench->last_id, .desktop_id = desktop.id };
    op_init(&person->op, &bench->timers, decided);
    (void)snprintf(user.name, sizeof(user.name), "user-%llu", (unsigned long long)user.id);
    (void)snprintf(desktop.name, sizeof(desktop.name), "desktop-%llu",
                   (unsigned long long)desktop.id);
    (void)snprintf(terminal.name, sizeof(terminal.name), "terminal-%llu",
                   (unsigned long long)terminal.id);
    person->changes = changes_new("bench", "broker", "bench.provision");
    person->changes->audit.subject_user_id = user.id; /* so that the person's key is there */
    (void)changes_add(person->changes, ENTITY_user, &user);
    (void)changes_add(person->changes, ENTITY_desktop, &desktop);
    (void)changes_add(person->changes, ENTITY_terminal, &terminal);
    (void)changes_add(person->changes, ENTITY_slot, &person->slot);
    wait_for(bench, person);
    person->slot.version = 1;
}

/* ---- figures ---- */

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void report(struct bench *bench, size_t in_flight, int64_t took_us)
{
    struct store_stats stats;
    size_t n = bench->measured;

    store_stats(bench->store, &stats);
    qsort(bench->latency_us, n, sizeof(int64_t), by_size);
    printf("in flight %4zu: %8.0f decisions/s, p50 %.2f ms, p99 %.2f ms, max %.2f ms, CPU %.0f us "
           "each, "
           "largest batch %lld, log %lld KiB\n",
           in_flight, (double)n * 1e6 / (double)took_us, (double)bench->latency_us[n / 2] / 1e3,
           (double)bench->latency_us[n * 99 / 100] / 1e3, (double)bench->latency_us[n - 1] / 1e3,
           (double)(cpu_us() - bench->cpu_us) / (double)n, (long long)stats.batch_max,
           (long long)stats.wal_bytes / 1024);
}

static void run(struct bench *bench, struct person *people, size_t in_flight, size_t decisions)
{
    int64_t began_us = now_us();
    size_t begun = 0;

    bench->measured = 0;
    bench->cpu_us = cpu_us();
    for (size_t i = 0; i < in_flight && begun < decisions; i++, begun++)
        decide(&people[i]);
    while (bench->measured < decisions) {
        turn(bench);
        for (size_t i = 0; i < in_flight && begun < decisions; i++) {
            if (people[i].idle) {
                decide(&people[i]);
                begun++;
            }
        }
    }
    report(bench, in_flight, now_us() - began_us);
}

/* The next person who is idle, going round. */
static struct person *next_idle(struct person *people, size_t count, size_t *at)
{
    for (size_t i = 0; i < count; i++) {
        struct person *person = &people[(*at)++ % count];

        if (person->idle)
            return person;
    }
    return NULL;
}

static void run_paced(struct bench *bench, struct person *people, size_t count, size_t decisions,
                      size_t rate)
{
    int64_t began_us = now_us();
    size_t begun = 0;
    size_t at = 0;

    bench->measured = 0;
    bench->cpu_us = cpu_us();
    while (bench->measured < decisions) {
        int64_t due_us = began_us + (int64_t)(begun * 1000000 / rate);
        bool due = begun < decisions && now_us() >= due_us;
        struct person *person = due ? next_idle(people, count, &at) : NULL;

        if (person) {
            decide(person);
            person->began_us = due_us;
            begun++;
        } else {
            turn_until(bench, due || begun == decisions ? 0 : due_us);
        }
    }
    report(bench, count, now_us() - began_us);
}

static void verified(struct op *op, int result)
{
    if (result < 0)
        failed(NULL, &op->error);
    op->handle = op; /* seen below: it is done */
}

static void verify(struct bench *bench)
{
    struct audit_verdict verdict = { 0 };
    int64_t began_us = now_us();
    int64_t took_us;
    struct op op;

    op_init(&op, &bench->timers, verified);
    if (store_audit_verify_begin(bench->store, &verdict, &op) < 0)
        failed(bench, &op.error);
    while (op.in_flight)
        turn(bench);
    took_us = now_us() - began_us;
    printf("audit verify: %lld records in %.2f s, %.2f s for a million; %s\n",
           (long long)verdict.records, (double)took_us / 1e6,
           (double)took_us / (double)verdict.records,
           verdict.first_bad ? verdict.reason : "the chain holds");
}

int main(int argc, char **argv)
{
    static const size_t steps[] = { 1, 16, 64, 256, 1024 };
    struct bench bench = { .woken = eventfd(0, EFD_CLOEXEC) };
    const struct store_setup setup = { .folder = argc > 1 ? argv[1] : "",
                                       .timers = &bench.timers,
                                       .wake = wake,
                                       .failed = failed,
                                       .context = &bench };
    size_t decisions = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
    size_t only = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    size_t rate = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    struct person *people = berth_new_array(struct person, IN_FLIGHT_MAX);
    struct berth_error error = { 0 };

    if (argc < 2 || decisions == 0 || only > IN_FLIGHT_MAX) {
        (void)fprintf(stderr,
                      "usage: bench-store FOLDER [decisions] [in flight, at most %d] [a second]\n",
                      IN_FLIGHT_MAX);
        return 2;
    }
    timers_init(&bench.timers, now_us() / 1000, INT64_C(1000) * time(NULL));
    if (store_open(&setup, &bench.store, &error) < 0)
        failed(&bench, &error);
    bench.latency_us = berth_new_array(int64_t, decisions + IN_FLIGHT_MAX + 1);
    provision_pool(&bench);
    for (size_t i = 0; i < (only ? only : steps[BERTH_COUNT(steps) - 1]); i++)
        provision(&bench, &people[i]);
    if (only && rate)
        run_paced(&bench, people, only, decisions, rate);
    else if (only)
        run(&bench, people, only, decisions);
    for (size_t i = 0; !only && i < BERTH_COUNT(steps); i++)
        run(&bench, people, steps[i], steps[i] == 1 ? decisions / 10 + 1 : decisions);
    verify(&bench);
    store_close(bench.store);
    free(bench.latency_us);
    free(people);
    timers_free(&bench.timers);
    return 0;
}
