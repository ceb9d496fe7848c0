/* test_judge.c - the judge itself: its work is linear in the lines, files are merged in order of
 * time, incomplete lines of killed writers are skipped. */
#include <stdlib.h>
#include <unistd.h>

#include "history/judge.h"
#include "history/merge.h"

#include "test.h"

/* ---- linear ---- */

static int64_t clock_us;
static uint64_t lines;

static void take(struct judge *judge, struct history_line line)
{
    clock_us += 1000;
    line.at_us = clock_us;
    judge_take(judge, &line, ++lines);
}

static void take_row(struct judge *judge, enum history_verb verb, enum history_entity entity,
                     struct history_row row)
{
    row.verb = verb;
    row.entity = entity;
    take(judge, (struct history_line){ .kind = HISTORY_row, .row = row });
}

static void take_screen(struct judge *judge, unsigned terminal, enum history_screen_event event,
                        uint64_t id)
{
    struct history_line line = { .kind = HISTORY_screen,
                                 .screen = { .event = event, .session_id = id, .epoch = 1 } };

    (void)snprintf(line.screen.terminal, sizeof(line.screen.terminal), "t%u", terminal);
    take(judge, line);
}

static void take_presence(struct judge *judge, unsigned terminal, enum history_presence_event event,
                          int64_t seq)
{
    take(judge, (struct history_line){ .kind = HISTORY_presence,
                                       .presence = { .event = event,
                                                     .terminal_id = terminal + 1,
                                                     .presence = terminal + 1000000,
                                                     .seq = seq,
                                                     .granted_ms = 300000 } });
}

/* A session with its rows, on desktop `id` at terminal `id`. */
static void sign_on(struct judge *judge, uint64_t id)
{
    struct history_row row = {
        .id = id * 10 + 1, .version = 1, .user_id = id, .pool_id = 1, .desktop_id = id
    };

    take(judge, (struct history_line){ .kind = HISTORY_queue,
                                       .queue = { .event = history_queue_event_JOINED,
                                                  .terminal_id = id,
                                                  .pool_id = 1,
                                                  .person = true } });
    take_row(judge, history_verb_ADD, history_entity_ASSIGNMENT, row);
    row.id++;
    row.epoch = 1;
    row.session_id = row.id - 1;
    take_row(judge, history_verb_ADD, history_entity_SESSION, row);
    take(judge, (struct history_line){ .kind = HISTORY_queue,
                                       .queue = { .event = history_queue_event_SERVED,
                                                  .terminal_id = id,
                                                  .pool_id = 1,
                                                  .person = true } });
    take_screen(judge, (unsigned)id, history_screen_event_SHOWS, row.id);
    take_presence(judge, (unsigned)id, history_presence_event_ANNOUNCED, 0);
    for (int64_t seq = 1; seq <= 3; seq++)
        take_presence(judge, (unsigned)id, history_presence_event_RENEWED, seq);
    take_presence(judge, (unsigned)id, history_presence_event_GOODBYE, 4);
    take_screen(judge, (unsigned)id, history_screen_event_HIDES, row.id);
}

static void count(void *context, int invariant, uint64_t line, const char *sentence)
{
    unsigned *violations = context;

    (void)invariant;
    (void)line;
    (void)sentence;
    (*violations)++;
}

/* Steps per line in a history with this many sign-ons and a restart, in thousandths. */
static uint64_t steps_a_line(uint64_t sign_ons)
{
    unsigned violations = 0;
    struct judge *judge = judge_new(count, &violations);
    uint64_t steps;

    clock_us = 1000000;
    lines = 0;
    for (uint64_t i = 1; i <= sign_ons; i++)
        sign_on(judge, i);
    take(judge, (struct history_line){
                    .kind = HISTORY_broker,
                    .broker = { .event = history_broker_event_STARTED, .incarnation = 2 } });
    judge_end(judge);
    steps = judge_steps(judge) * 1000 / judge_verdict(judge)->lines;
    EXPECT_INT(judge_verdict(judge)->lines, lines);
    EXPECT_INT(violations, 0);
    judge_free(judge);
    return steps;
}

TEST(judge, does_work_in_proportion_to_the_lines)
{
    uint64_t few = steps_a_line(500);
    uint64_t many = steps_a_line(20000);

    EXPECT(few > 0);
    EXPECT(many <= few + few / 10);
}

TEST(judge, names_what_it_judges)
{
    EXPECT_STR(judge_invariant(1), "single owner");
    EXPECT_STR(judge_invariant_lines(5), "screen");
    EXPECT_SAYS(judge_invariant_sentence(28), "administrator");
}

TEST(judge, forgets_the_screen_of_a_killed_terminal)
{
    unsigned violations = 0;
    struct judge *judge = judge_new(count, &violations);

    clock_us = 0;
    take_screen(judge, 1, history_screen_event_SHOWS, 7);
    take_screen(judge, 2, history_screen_event_SHOWS, 7);
    clock_us += 60000000;
    judge_dark(judge, "t1");
    judge_end(judge);
    EXPECT_INT(violations, 0);
    judge_free(judge);
}

/* ---- files ---- */

static char *write_file(const char *text)
{
    char *path = berth_strdup("/tmp/test_judge.XXXXXX");
    int descriptor = mkstemp(path);

    if (descriptor < 0 || write(descriptor, text, strlen(text)) != (ssize_t)strlen(text))
        fail_msg("cannot write %s", path);
    (void)close(descriptor);
    return path;
}

static void remove_file(char *path)
{
    (void)unlink(path);
    free(path);
}

#define RUN(boot, at) "{\"line\": \"run\", \"boot\": \"" boot "\", \"at_us\": " at "}\n"
#define REST(at) "{\"line\": \"quiescent\", \"at_us\": " at "}\n"

TEST(merge, puts_files_in_order_of_time)
{
    char *first = write_file(RUN("b", "10") REST("30") REST("31"));
    char *second = write_file("# a comment\n\n" REST("20") REST("30") REST("40"));
    const char *paths[] = { first, second };
    static const int64_t times[] = { 10, 20, 30, 30, 31, 40 };
    static const uint64_t numbers[] = { 1, 3, 2, 4, 3, 5 };
    struct berth_error error = { 0 };
    struct merge *merge;
    struct merged at;

    EXPECT_OK(merge_open(paths, 2, &merge, &error));
    for (size_t i = 0; i < BERTH_COUNT(times); i++) {
        EXPECT_INT(merge_next(merge, &at, &error), 1);
        EXPECT_INT(at.line->at_us, times[i]); /* with equal times the first file comes first */
        EXPECT_INT(at.number, numbers[i]);
        EXPECT_STR(at.path, paths[at.file]);
    }
    EXPECT_INT(merge_next(merge, &at, &error), 0);
    EXPECT(merge_one_boot(merge));
    EXPECT_INT(merge_torn(merge), 0);
    merge_close(merge);
    remove_file(first);
    remove_file(second);
}

TEST(merge, knows_that_clocks_of_two_boots_do_not_compare)
{
    char *first = write_file(RUN("b", "10"));
    char *second = write_file(RUN("c", "20"));
    const char *paths[] = { first, second };
    struct berth_error error = { 0 };
    struct merge *merge;

    EXPECT_OK(merge_open(paths, 2, &merge, &error));
    EXPECT(!merge_one_boot(merge));
    merge_close(merge);
    remove_file(first);
    remove_file(second);
}

static int read_whole(const char *text, uint64_t *ret_lines, uint64_t *ret_torn,
                      struct berth_error *reterr)
{
    char *path = write_file(text);
    const char *paths[] = { path };
    struct merge *merge;
    struct merged at;
    int r = merge_open(paths, 1, &merge, reterr);

    *ret_lines = 0;
    *ret_torn = 0;
    if (r == 0) {
        while ((r = merge_next(merge, &at, reterr)) == 1)
            (*ret_lines)++;
        *ret_torn = merge_torn(merge);
        merge_close(merge);
    }
    remove_file(path);
    return r;
}

TEST(merge, passes_over_what_a_killed_writer_left)
{
    struct berth_error error = { 0 };
    uint64_t read;
    uint64_t torn;

    EXPECT_OK(read_whole(REST("1") "{\"line\": \"re\n" RUN("b", "2") REST("3") "{\"li", &read,
                         &torn, &error));
    EXPECT_INT(read, 3);
    EXPECT_INT(torn, 2);
}

TEST(merge, reads_on_behind_the_half_of_another_writer)
{
    struct berth_error error = { 0 };
    uint64_t read;
    uint64_t torn;

    EXPECT_OK(read_whole(REST("1") "{\"line\": \"re" REST("2") REST("3"), &read, &torn, &error));
    EXPECT_INT(read, 3);
    EXPECT_INT(torn, 1);
}

TEST(merge, refuses_what_is_no_history)
{
    struct berth_error error = { 0 };
    uint64_t read;
    uint64_t torn;

    EXPECT_ERR(read_whole(REST("1") "nonsense\n" REST("3"), &read, &torn, &error), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, ":2: ");
    EXPECT_ERR(read_whole(REST("1") "{\"line\": \"later\", \"at_us\": 2}\n" REST("3"), &read, &torn,
                          &error),
               BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "unknown line 'later'");
}

TEST(merge, names_a_file_that_is_not_there)
{
    static const char *const paths[] = { "/nonexistent/history" };
    struct berth_error error = { 0 };
    struct merge *merge;

    EXPECT_ERR(merge_open(paths, 1, &merge, &error), BERTH_E_IO);
    EXPECT_SAYS(error.text, "/nonexistent/history: ");
}

TEST_MAIN()
