/* test_presence.c - when terminals were last seen. */
#include "world.h"

#define MANY 2600

static void count_row(void *context, const struct presence_row *row)
{
    int64_t *sums = context;

    sums[0]++;
    sums[1] += row->seen_ms;
    if (row->terminal_id == 5)
        EXPECT_STR(row->presence_hash, "hash-5");
}

static struct presence_row *make_rows(int64_t seen_ms)
{
    struct presence_row *rows = berth_new_array(struct presence_row, MANY);

    for (uint64_t i = 0; i < MANY; i++) {
        rows[i] = (struct presence_row){
            .terminal_id = i + 1, .granted_ms = 30000, .seen_ms = seen_ms, .incarnation = 3
        };
        (void)snprintf(rows[i].presence_hash, sizeof(rows[i].presence_hash), "hash-%llu",
                       (unsigned long long)i + 1);
    }
    return rows;
}

TEST(presence, the_latest_of_each_terminal_is_there_after_a_restart)
{
    struct world *w = world_new();
    int64_t sums[2] = { 0 };

    for (int64_t turn = 1; turn <= 2; turn++) {
        struct presence_row *rows = make_rows(turn);

        store_presence(w->store, rows, MANY);
        free(rows); /* the store keeps a copy */
    }
    store_presence(w->store, NULL, 0);
    world_close(w);
    EXPECT_OK(world_open(w));
    EXPECT_OK(store_presence_load(w->store, count_row, sums, &w->error));
    EXPECT_INT(sums[0], MANY);
    EXPECT_INT(sums[1], 2 * MANY);
    world_free(w);
}

TEST(presence, a_flood_is_dropped_and_holds_nobody_up)
{
    struct world *w = world_new();
    struct presence_row *rows = make_rows(1);

    for (int i = 0; i < 400; i++)
        store_presence(w->store, rows, MANY);
    (void)add_user(w, "anna"); /* comes between the steps */
    free(rows);
    world_free(w);
}

TEST_MAIN()
