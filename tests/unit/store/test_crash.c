/* test_crash.c - the process is killed at a random moment, again and again: what was acknowledged
 * is there. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "world.h"

#define ROUNDS 25
#define IN_FLIGHT 16

/* The child: sign-ons as fast as it can, IN_FLIGHT at a time; each acknowledged one goes into the
 * pipe by its id. */
struct load {
    struct wait wait;
    struct changes *changes;
    uint64_t user_id;
};

static void begin_one(struct world *w, struct load *load)
{
    struct row_user row = new_user(w, "x");
    struct changes *changes = changes_new("anna", "user", "user.add");

    (void)snprintf(row.name, sizeof(row.name), "user-%llu", (unsigned long long)row.id);
    (void)changes_add(changes, ENTITY_user, &row);
    changes->audit.subject_user_id = row.id % 50 + 1; /* some keys are made on the way */
    load->changes = changes;
    load->user_id = row.id;
    wait_init(w, &load->wait);
    if (store_commit_begin(w->store, changes, &load->wait.op) < 0)
        _exit(3);
}

static void run_child(struct world *w, int acknowledge)
{
    struct load loads[IN_FLIGHT];

    if (world_open(w) < 0)
        _exit(2);
    for (int i = 0; i < IN_FLIGHT; i++)
        begin_one(w, &loads[i]);
    for (;;) {
        world_turn(w);
        for (int i = 0; i < IN_FLIGHT; i++) {
            if (!loads[i].wait.done)
                continue;
            if (loads[i].wait.result < 0)
                _exit(4);
            if (write(acknowledge, &loads[i].user_id, sizeof(uint64_t)) != sizeof(uint64_t))
                _exit(5);
            core_apply(w->core, loads[i].changes);
            begin_one(w, &loads[i]);
        }
    }
}

TEST(crash, no_acknowledged_decision_is_lost)
{
    struct world *w = world_at("/tmp");
    uint64_t *acknowledged = berth_new_array(uint64_t, 1 << 20);
    size_t count = 0;
    int64_t last_incarnation = 0;

    for (int round = 0; round < ROUNDS; round++) {
        struct audit_verdict verdict = { 0 };
        struct timespec life = { .tv_nsec = (long)random_below(&w->random, 120) * 1000000 };
        struct wait wait;
        int pipes[2];
        pid_t child;
        int status;

        assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
        child = fork();
        if (child == 0)
            run_child(w, pipes[1]);
        (void)close(pipes[1]);
        /* A third of them while it opens, migrates or loads; the others in the middle of work. */
        if (round % 3 && read(pipes[0], &acknowledged[count], sizeof(uint64_t)) == sizeof(uint64_t))
            count++;
        (void)nanosleep(&life, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status))
            fail_msg("the child ended by itself with %d", WEXITSTATUS(status));
        while (count < (1 << 20) &&
               read(pipes[0], &acknowledged[count], sizeof(uint64_t)) == sizeof(uint64_t))
            count++;
        (void)close(pipes[0]);

        EXPECT_OK(world_open(w));
        for (size_t i = 0; i < count; i++)
            if (!core_find(w->core, ENTITY_user, acknowledged[i]))
                fail_msg("round %d: user %llu was acknowledged and is gone", round,
                         (unsigned long long)acknowledged[i]);
        EXPECT(w->core->incarnation > last_incarnation);
        last_incarnation = w->core->incarnation;
        wait_init(w, &wait);
        EXPECT_OK(settle(w, &wait, store_audit_verify_begin(w->store, &verdict, &wait.op)));
        if (verdict.first_bad)
            fail_msg("round %d: %s", round, verdict.reason);
        /* One record, one change, one row each, whatever was cut off. */
        EXPECT_INT(verdict.records, w->core->of[ENTITY_user].count);
        EXPECT_INT(w->core->rev, w->core->of[ENTITY_user].count);
        world_close(w);
    }
    printf("# %d kills, %zu acknowledged decisions, none lost\n", ROUNDS, count);
    EXPECT(count > ROUNDS);
    free(acknowledged);
    world_free(w);
}

TEST_MAIN()
