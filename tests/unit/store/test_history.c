/* test_history.c - the history that the store records of durable changes. */
#include "berth/history.h"

#include "world.h"

struct tape {
    struct history history;
    struct history_line lines[64];
    size_t count;
};

/* The writer's thread and the loop's take turns here: a decision is waited for. */
static void take(struct history *history, const struct history_line *line)
{
    struct tape *tape = container_of(history, struct tape, history);

    EXPECT(tape->count < BERTH_COUNT(tape->lines));
    tape->lines[tape->count++] = *line;
}

static struct world *recorded(struct tape *tape)
{
    struct world *w = world_at("/tmp");

    *tape = (struct tape){ .history = { .take = take } };
    w->history = &tape->history;
    EXPECT_OK(world_open(w));
    tape->count = 0;
    return w;
}

/* Stored, then the audit record, and only then applied and heard of. */
TEST(history, tells_what_is_durable_before_it_is_applied)
{
    struct tape tape;
    struct world *w = recorded(&tape);
    uint64_t id = add_user(w, "anna");
    const struct history_line *line = tape.lines;

    EXPECT_INT(tape.count, 3);
    EXPECT_INT(line[0].kind, HISTORY_row);
    EXPECT_INT(line[0].row.verb, history_verb_STORED);
    EXPECT_INT(line[0].row.entity, history_entity_USER);
    EXPECT_INT(line[0].row.id, id);
    EXPECT_INT(line[0].row.version, 1);
    EXPECT_INT(line[0].row.rev, 1);
    EXPECT_INT(line[0].row.incarnation, 1);
    EXPECT_STR(line[0].row.name, ""); /* people stand in it by number only */
    EXPECT_INT(line[1].kind, HISTORY_audit);
    EXPECT_INT(line[1].audit.seq, 1);
    EXPECT_INT(line[1].audit.rev, 1);
    EXPECT(!line[1].audit.desktop);
    EXPECT_INT(line[2].row.verb, history_verb_ADD);
    EXPECT_INT(line[2].row.rev, 1);
    world_free(w);
}

TEST(history, numbers_every_row_of_a_decision)
{
    struct tape tape;
    struct world *w = recorded(&tape);
    struct changes *changes = changes_new("boss", "administrator", "user.add");

    for (int i = 0; i < 3; i++) {
        struct row_user row = { .id = core_next_id(w->core), .kind = user_kind_PERSON };

        (void)snprintf(row.name, sizeof(row.name), "user-%d", i);
        changes_add(changes, ENTITY_user, &row);
    }
    EXPECT_OK(commit(w, changes));
    EXPECT_INT(tape.count, 7);
    for (int i = 0; i < 3; i++) {
        EXPECT_INT(tape.lines[i].row.rev, i + 1);
        EXPECT_INT(tape.lines[i + 4].row.rev, i + 1);
        EXPECT_INT(tape.lines[i].row.id, tape.lines[i + 4].row.id);
    }
    EXPECT_INT(tape.lines[3].audit.rev, 3);
    world_free(w);
}

TEST(history, does_not_tell_of_what_was_refused)
{
    struct tape tape;
    struct world *w = recorded(&tape);
    uint64_t id = add_user(w, "anna");
    struct row_user row = *ROW(w, user, id);
    struct changes *changes;

    row.disabled = true;
    EXPECT_OK(set_row(w, ENTITY_user, &row));
    EXPECT(tape.lines[tape.count - 1].row.over);
    tape.count = 0;
    row.version = 1; /* it was changed meanwhile */
    EXPECT_ERR(set_row(w, ENTITY_user, &row), BERTH_E_CONFLICT);
    EXPECT_INT(tape.count, 0);

    changes = changes_new("boss", "administrator", "user.drop");
    changes_drop(changes, ENTITY_user, ROW(w, user, id));
    EXPECT_OK(commit(w, changes));
    EXPECT_INT(tape.count, 3);
    EXPECT(tape.lines[0].row.over); /* stored: it is no more */
    EXPECT_INT(tape.lines[2].row.verb, history_verb_DROP);
    world_free(w);
}

TEST(history, of_a_new_life_begins_with_the_rows_it_found)
{
    struct tape tape;
    struct world *w = recorded(&tape);
    uint64_t id = add_user(w, "anna");

    world_close(w);
    tape.count = 0;
    EXPECT_OK(world_open(w));
    EXPECT_INT(tape.lines[0].broker.event, history_broker_event_STARTED);
    EXPECT_INT(tape.lines[0].broker.incarnation, 2);
    for (size_t i = 1; i + 1 < tape.count; i++)
        EXPECT_INT(tape.lines[i].row.verb, history_verb_LOADED);
    EXPECT_INT(tape.lines[tape.count - 2].row.id, id);
    EXPECT_INT(tape.lines[tape.count - 2].row.incarnation, 2);
    EXPECT_INT(tape.lines[tape.count - 1].broker.event, history_broker_event_LOADED);
    world_free(w);
}

TEST_MAIN()
