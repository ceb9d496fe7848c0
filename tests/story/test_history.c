/* test_history.c - the history that a broker records. */
#include <stdlib.h>

#include "story.h"

/* ---- a recorder that keeps all ---- */

struct tape {
    struct history history;
    struct history_line *lines;
    size_t count, capacity;
    size_t heard; /* lines that a story has told so far */
};

static void take(struct history *history, const struct history_line *line)
{
    struct tape *tape = container_of(history, struct tape, history);

    if (tape->count == tape->capacity) {
        tape->capacity = tape->capacity ? tape->capacity * 2 : 256;
        tape->lines = berth_realloc(tape->lines, tape->capacity * sizeof(*tape->lines));
    }
    tape->lines[tape->count++] = *line;
}

static void broker_made(struct world *world, struct core *core)
{
    struct tape *tape = world->context;

    core->history = &tape->history;
}

static struct world *recorded_world(uint64_t seed, struct tape *tape, const char *lines)
{
    struct world *world = world_made(seed, lines);

    *tape = (struct tape){ .history = { .take = take } };
    world->context = tape;
    world->broker_made = broker_made;
    world_begin(world);
    return world;
}

/* ---- lines as words ---- */

struct telling {
    char text[8192];
    size_t used;
    struct world *world;
};

static void say(struct telling *telling, const char *format, ...) berth_printf(2, 3);
static void say(struct telling *telling, const char *format, ...)
{
    size_t space = sizeof(telling->text) - telling->used;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(telling->text + telling->used, space, format, arguments);
    va_end(arguments);
    EXPECT(length >= 0 && (size_t)length < space);
    telling->used += (size_t)length;
}

static const char *terminal_name(const struct telling *telling, uint64_t id)
{
    const struct terminal *terminal = terminal_find(world_core(telling->world), id);

    return terminal ? terminal->row.name : "nobody";
}

/* The rows that a sign-on and its end are made of; others come and go with the machines. */
static void say_row(struct telling *telling, const struct history_row *row)
{
    if (row->entity != history_entity_ASSIGNMENT && row->entity != history_entity_SESSION &&
        row->entity != history_entity_CONNECTION)
        return;
    say(telling, "%s %s %s", history_verb_names[row->verb], history_entity_names[row->entity],
        row->state);
    if (row->cause)
        say(telling, ", %s", history_cause_names[row->cause]);
    say(telling, "\n");
}

static void say_line(struct telling *telling, const struct history_line *line)
{
    switch (line->kind) {
    case HISTORY_row:
        say_row(telling, &line->row);
        return;
    case HISTORY_instruction:
        say(telling, "tell %s to %s\n", terminal_name(telling, line->instruction.terminal_id),
            line->instruction.show ? "show" : "hide");
        return;
    case HISTORY_queue:
        say(telling, "%s\n", history_queue_event_names[line->queue.event]);
        return;
    case HISTORY_presence:
        if (line->presence.event != history_presence_event_RENEWED)
            say(telling, "%s %s\n", terminal_name(telling, line->presence.terminal_id),
                history_presence_event_names[line->presence.event]);
        return;
    case HISTORY_peer:
        say(telling, "%s %s\n", terminal_name(telling, line->peer.terminal_id),
            history_peer_event_names[line->peer.event]);
        return;
    case HISTORY_broker:
        say(telling, "broker %s\n", history_broker_event_names[line->broker.event]);
        return;
    case HISTORY_clock:
        say(telling, "%lld s stand still\n", (long long)line->clock.stall_ms / 1000);
        return;
    case HISTORY_NONE:
    case HISTORY_run:
    case HISTORY_invoke:
    case HISTORY_result:
    case HISTORY_audit:
    case HISTORY_screen:
    case HISTORY_machine:
    case HISTORY_guest:
    case HISTORY_profile:
    case HISTORY_quiescent:
    case HISTORY_measure:
    case HISTORY_KINDS:
        fail_msg("a broker does not say '%s'", history_record(line->kind)->name);
    }
}

/* Everything since the last time. */
static const char *news(struct world *world, struct tape *tape)
{
    static struct telling telling;

    telling = (struct telling){ .world = world };
    for (; tape->heard < tape->count; tape->heard++)
        say_line(&telling, &tape->lines[tape->heard]);
    return telling.text;
}

static void rewind_to_now(struct tape *tape)
{
    tape->heard = tape->count;
}

/* ---- stories ---- */

/* One terminal, so that no other lines come between. */
#define CORNER                      \
    "place ward-3\n"                \
    "host kvm1 max 20\n"            \
    "image debian\n"                \
    "user anna password secret12\n" \
    "terminal t1 place ward-3\n"

static const struct history_row *last_row(const struct tape *tape, enum history_entity entity,
                                          const char *state)
{
    for (size_t i = tape->count; i-- > 0;) {
        const struct history_line *line = &tape->lines[i];

        if (line->kind == HISTORY_row && line->row.entity == entity &&
            strcmp(line->row.state, state) == 0)
            return &line->row;
    }
    fail_msg("no row '%s' was written down", state);
    return NULL;
}

TEST(history, of_a_working_day)
{
    struct tape tape;
    struct world *w = recorded_world(1, &tape, WARD FLOATING);

    world_run_s(w, 90);
    rewind_to_now(&tape);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 3);
    EXPECT_STR(news(w, &tape), "t1 acted\n"
                               "joined\n"
                               "served\n"
                               "add assignment open\n"
                               "add session preparing\n"
                               "add connection connecting\n"
                               "tell t1 to show\n"
                               "t1 acted\n"
                               "set session active\n"
                               "t1 acted\n"
                               "set connection active\n");
    EXPECT_INT(last_row(&tape, history_entity_SESSION, "active")->epoch, 1);

    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    world_run_s(w, 3);
    EXPECT_STR(news(w, &tape), "t2 acted\n"
                               "set connection ended\n"
                               "set session preparing\n"
                               "add connection connecting\n"
                               "tell t1 to hide\n"
                               "tell t2 to show\n"
                               "set session active\n"
                               "t2 acted\n"
                               "t2 acted\n"
                               "set connection active\n");
    EXPECT_INT(last_row(&tape, history_entity_SESSION, "active")->epoch, 2);

    world_sign_off(w, "t2");
    world_run_s(w, 5);
    EXPECT_STR(news(w, &tape), "t2 acted\n"
                               "t2 acted\n"
                               "set session ending, user\n"
                               "set connection ended\n"
                               "tell t2 to hide\n"
                               "set session ended\n"
                               "set assignment closed\n");
    free(tape.lines);
    THE_END(w);
}

/* What is lost with a terminal is its presence and its connection; a limit alone ends the session.
 */
TEST(history, of_a_terminal_that_vanishes)
{
    struct tape tape;
    struct world *w = recorded_world(2, &tape,
                                     CORNER "pool ward-3 floating image debian max 4 spare 1 "
                                            "disconnected 600\nentitle everyone ward-3\n");
    const struct history_row *ending;

    world_run_s(w, 90);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 3);
    rewind_to_now(&tape);
    world_cut(w, "t1", true);
    world_run_s(w, 90);
    EXPECT_STR(news(w, &tape), "t1 suspect\n"
                               "t1 expired\n"
                               "set connection ended\n"
                               "set session disconnected\n");
    world_run_s(w, 600);
    EXPECT_STR(news(w, &tape), "set session ending, limit\n"
                               "set session ended\n"
                               "set assignment closed\n");
    ending = last_row(&tape, history_entity_SESSION, "ending");
    EXPECT_INT(ending->limit_ms, 600000);
    EXPECT(ending->waited_ms >= 600000 && ending->waited_ms < 601000);
    world_cut(w, "t1", false);
    world_run_s(w, 60);
    EXPECT_STR(news(w, &tape), "t1 opened\nt1 closed\nt1 announced\n");
    free(tape.lines);
    THE_END(w);
}

TEST(history, of_a_broker_that_dies_and_one_that_stands_still)
{
    struct tape tape;
    int64_t stood_us;
    struct world *w = recorded_world(3, &tape, CORNER FLOATING);

    world_run_s(w, 90);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 3);
    rewind_to_now(&tape);
    world_crash(w);
    world_restart(w);
    EXPECT_STR(news(w, &tape), "broker started\n"
                               "loaded assignment open\n"
                               "loaded session active\n"
                               "loaded connection active\n"
                               "broker loaded\n"
                               "t1 presumed\n");
    world_run_s(w, 70);
    EXPECT_STR(news(w, &tape), "t1 opened\nt1 announced\nbroker recovered\n");
    stood_us = world_now_ms(w) * 1000;
    world_freeze(w, 40000);
    EXPECT_STR(news(w, &tape), "40 s stand still\n");
    world_run_s(w, 60);
    (void)news(w, &tape);
    for (size_t i = 0; i < tape.count; i++) {
        const struct history_line *line = &tape.lines[i];

        /* The line says by how much deadlines moved. */
        if (line->kind == HISTORY_presence && line->at_us > stood_us)
            EXPECT_INT(line->presence.stalled_ms, 40000);
        EXPECT(line->kind != HISTORY_presence ||
               line->presence.event != history_presence_event_EXPIRED);
    }
    free(tape.lines);
    THE_END(w);
}

/* Recorded or not, the same happens, draw for draw. */
TEST(history, changes_nothing_of_what_it_records)
{
    struct tape tape;
    struct world *w[2] = { recorded_world(4, &tape, WARD FLOATING), world_new(4, WARD FLOATING) };

    for (int i = 0; i < 2; i++) {
        world_run_s(w[i], 90);
        world_sign_on(w[i], "t1", "anna", "secret12");
        world_run_s(w[i], 30);
        world_sign_on(w[i], "t2", "anna", "secret12");
        world_run_s(w[i], 30);
        world_crash(w[i]);
        world_restart(w[i]);
        world_run_s(w[i], 100);
    }
    EXPECT(tape.count > 100);
    EXPECT_INT(disk_rev(w[0]->disk), disk_rev(w[1]->disk));
    EXPECT(random_u64(&w[0]->environment.random) == random_u64(&w[1]->environment.random));
    EXPECT(random_u64(&w[0]->broker->random) == random_u64(&w[1]->broker->random));
    free(tape.lines);
    THE_END(w[0]);
    THE_END(w[1]);
}

TEST_MAIN()
