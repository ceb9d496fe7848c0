/* test_history.c - lines of a history as text and back, and the file that holds them. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "berth/history_file.h"
#include "berth/log.h"

#include "test.h"

static char path[64];

static const char *fresh_path(void)
{
    int descriptor;

    (void)snprintf(path, sizeof(path), "/tmp/berth-history-XXXXXX");
    descriptor = mkstemp(path);
    EXPECT(descriptor >= 0);
    (void)close(descriptor);
    return path;
}

/* The whole file, to free. */
static char *contents(void)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length;

    EXPECT(file != NULL);
    length = getdelim(&text, &capacity, '\0', file);
    (void)fclose(file);
    if (length < 0)
        text[0] = '\0';
    return text;
}

/* ---- text ---- */

static int words_of(const struct field *field)
{
    int count = 1;

    while (field->names[count])
        count++;
    return count;
}

/* The largest that each field may hold. */
static void fill(const struct field *field, char *row)
{
    int64_t number = field->type == FIELD_INT ? field->max : INT64_MAX;
    bool truth = true;
    int word;

    switch (field->type) {
    case FIELD_BOOL:
        memcpy(row + field->offset, &truth, sizeof(truth));
        return;
    case FIELD_INT:
    case FIELD_ID:
        memcpy(row + field->offset, &number, sizeof(number));
        return;
    case FIELD_TEXT:
        memset(row + field->offset, '"', field->size - 1);
        return;
    case FIELD_ENUM:
        word = words_of(field) - 1;
        memcpy(row + field->offset, &word, sizeof(word));
        return;
    case FIELD_TIME:
    case FIELD_LINES:
    case FIELD_SECRET:
    case FIELD_LIST:
        fail_msg("a history has no field of the type of '%s'", field->name);
    }
}

static void there_and_back(const struct history_line *line)
{
    const struct record *record = history_record(line->kind);
    struct history_line read = { .at_us = -1 };
    struct berth_error error = { 0 };
    char *text = history_encode(line);

    EXPECT(strchr(text, '\n') == NULL);
    if (history_decode(text, strlen(text), &read, &error) < 0)
        fail_msg("%s: %s", text, error.text);
    EXPECT_INT(read.kind, line->kind);
    EXPECT_INT(read.at_us, line->at_us);
    assert_memory_equal(&read.run, &line->run, record->size);
    free(text);
}

TEST(line, of_every_kind_reads_as_it_was_written)
{
    for (enum history_kind kind = HISTORY_NONE + 1; kind < HISTORY_KINDS; kind++) {
        const struct record *record = history_record(kind);
        struct history_line line = { .kind = kind, .at_us = 1234567890123 };

        there_and_back(&line);
        for (size_t i = 0; i < record->count; i++)
            fill(&record->fields[i], (char *)&line.run);
        there_and_back(&line);
    }
}

TEST(line, leaves_out_what_is_nothing)
{
    const struct history_line line = { .kind = HISTORY_instruction,
                                       .at_us = 5,
                                       .instruction = { .terminal_id = 7, .session_id = 9 } };
    char *text = history_encode(&line);

    EXPECT_STR(text, "{\"line\":\"instruction\",\"at_us\":5,\"terminal_id\":7,\"session_id\":9}");
    free(text);
}

/* What a person named; and what is no text at all does not make a line that nobody can read. */
TEST(line, holds_any_text)
{
    static const char *const texts[] = { "a \"b\" \\c", "Zimmer \xc3\xbc", "\xf0\x9f\x8f\xa5",
                                         "cut \xc3" };
    static const char *const read_as[] = { "a \"b\" \\c", "Zimmer \xc3\xbc", "\xf0\x9f\x8f\xa5",
                                           "" };

    for (size_t i = 0; i < BERTH_COUNT(texts); i++) {
        struct history_line line = { .kind = HISTORY_screen, .at_us = 1 };
        struct history_line read;
        char *text;

        (void)snprintf(line.screen.terminal, sizeof(line.screen.terminal), "%s", texts[i]);
        text = history_encode(&line);
        EXPECT_OK(history_decode(text, strlen(text), &read, NULL));
        EXPECT_STR(read.screen.terminal, read_as[i]);
        free(text);
    }
}

static void refuses(const char *text, const char *because)
{
    struct berth_error error = { 0 };
    struct history_line line;

    EXPECT_ERR(history_decode(text, strlen(text), &line, &error), BERTH_E_INVALID);
    EXPECT_INT(error.code, BERTH_E_INVALID);
    EXPECT_SAYS(error.text, because);
}

TEST(line, that_is_not_understood_is_refused)
{
    refuses("", "JSON");
    refuses("{\"line\":\"instruction\",\"at_us\":5", "JSON");
    refuses("{\"at_us\":5}", "'line'");
    refuses("{\"line\":\"instruction\"}", "'at_us'");
    refuses("{\"line\":\"instruction\",\"at_us\":\"5\"}", "'at_us'");
    refuses("{\"line\":\"teleport\",\"at_us\":5}", "unknown line 'teleport'");
    refuses("{\"line\":\"row\",\"at_us\":5,\"verb\":\"bend\"}", "row.verb");
    refuses("{\"line\":\"row\",\"at_us\":5,\"slot\":1001}", "row.slot");
    refuses("{\"line\":\"row\",\"at_us\":5,\"epoch\":-1}", "row.epoch");
    refuses("{\"line\":\"measure\",\"at_us\":5,\"invariant\":\"I1000\"}", "measure.invariant");
}

/* ---- file ---- */

static struct history *recorder(bool gather)
{
    struct berth_error error = { 0 };
    struct history *history = NULL;

    if (history_file_open(path, "test", gather, &history, &error) < 0)
        fail_msg("%s", error.text);
    return history;
}

struct found {
    size_t runs, whole, rests, torn;
    int64_t last[3]; /* of each writer, to see that its lines are in order */
};

static struct found read_back(void)
{
    char *text = contents();
    char *rest = text;
    char *line;
    struct found found = { 0 };

    while ((line = strsep(&rest, "\n")) && rest) {
        struct history_line read;

        if (history_decode(line, strlen(line), &read, NULL) < 0) {
            found.torn++;
        } else if (read.kind == HISTORY_run) {
            found.runs++;
            found.whole += read.run.whole;
            EXPECT_STR(read.run.program, "test");
            EXPECT_INT(read.run.pid, getpid());
            EXPECT_INT(strlen(read.run.boot), 36);
        } else {
            int64_t writer = read.quiescent.incarnation % 3;

            found.rests++;
            EXPECT(read.quiescent.incarnation > found.last[writer]);
            found.last[writer] = read.quiescent.incarnation;
        }
    }
    EXPECT(line == NULL || *line == '\0'); /* the last line is ended */
    free(text);
    return found;
}

TEST(file, begins_with_who_records_and_is_its_owners_alone)
{
    struct history *history;
    struct stat facts;

    (void)unlink(fresh_path());
    history = recorder(false);
    EXPECT_OK(stat(path, &facts));
    EXPECT_INT(facts.st_mode & 07777, 0600);
    history_write(history, history_now_us(), HISTORY_quiescent, quiescent, .incarnation = 3);
    EXPECT_INT(read_back().runs, 1);
    EXPECT_INT(read_back().whole, 1);
    EXPECT_INT(read_back().rests, 1); /* written at once */
    history_file_close(history);

    history_file_close(recorder(false));
    EXPECT_INT(read_back().runs, 2); /* appended to */
    (void)unlink(path);
}

#define LINES 3000

struct writer {
    pthread_t thread;
    struct history *history;
    int64_t number;
};

static void *write_many(void *context)
{
    const struct writer *writer = context;

    for (int64_t i = 1; i <= LINES; i++)
        history_write(writer->history, history_now_us(), HISTORY_quiescent, quiescent,
                      .incarnation = i * 3 + writer->number);
    return NULL;
}

/* Two recorders share the file, two threads share one of them. */
TEST(file, of_several_writers_holds_every_line_whole)
{
    struct writer writers[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
    struct found found;

    (void)fresh_path();
    writers[0].history = recorder(true);
    writers[1].history = writers[0].history;
    writers[2].history = recorder(false);
    for (size_t i = 0; i < BERTH_COUNT(writers); i++)
        EXPECT_OK(pthread_create(&writers[i].thread, NULL, write_many, &writers[i]));
    for (size_t i = 0; i < BERTH_COUNT(writers); i++)
        EXPECT_OK(pthread_join(writers[i].thread, NULL));
    history_file_close(writers[0].history);
    history_file_close(writers[2].history);
    found = read_back();
    EXPECT_INT(found.torn, 0);
    EXPECT_INT(found.runs, 2);
    EXPECT_INT(found.whole, 1); /* what is gathered may be lost by a kill */
    EXPECT_INT(found.rests, 3 * LINES);
    (void)unlink(path);
}

TEST(file, gathers_for_a_second)
{
    struct history *history;
    int64_t until_us = history_now_us() + test_wait_limit_ms() * 1000;

    (void)fresh_path();
    history = recorder(true);
    history_write(history, history_now_us(), HISTORY_quiescent, quiescent, .incarnation = 3);
    while (!read_back().rests && history_now_us() < until_us)
        (void)nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    EXPECT_INT(read_back().rests, 1);
    history_file_close(history);
    (void)unlink(path);
}

TEST(file, that_cannot_be_opened_is_named)
{
    struct berth_error error = { 0 };
    struct history *history = NULL;

    EXPECT_ERR(history_file_open("/proc/none/history", "test", false, &history, &error),
               BERTH_E_IO);
    EXPECT_SAYS(error.text, "/proc/none/history");
    EXPECT_ERR(history_file_open("/dev/full", "test", true, &history, &error), BERTH_E_IO);
    EXPECT_SAYS(error.text, "/dev/full");
    EXPECT(history == NULL);
}

/* As on a full disk: what fits is written, the rest of a line is not. */
TEST(file, that_takes_no_more_is_given_up_and_said_once)
{
    struct rlimit before;
    struct rlimit small;
    struct history *history;
    uint64_t said = log_count(EV_HISTORY_STOPPED);
    struct found found;

    (void)fresh_path();
    history = recorder(false);
    (void)signal(SIGXFSZ, SIG_IGN);
    EXPECT_OK(getrlimit(RLIMIT_FSIZE, &before));
    small = before;
    small.rlim_cur = 1000;
    EXPECT_OK(setrlimit(RLIMIT_FSIZE, &small));
    for (int64_t i = 1; i <= 100; i++)
        history_write(history, history_now_us(), HISTORY_quiescent, quiescent,
                      .incarnation = i * 3);
    EXPECT_OK(setrlimit(RLIMIT_FSIZE, &before));
    EXPECT_INT(log_count(EV_HISTORY_STOPPED), said + 1);
    history_write(history, history_now_us(), HISTORY_quiescent, quiescent, .incarnation = 3000);
    history_file_close(history);

    history_file_close(recorder(false)); /* ends the torn line */
    found = read_back();
    EXPECT_INT(found.runs, 2);
    EXPECT_INT(found.torn, 1);
    EXPECT(found.rests > 0 && found.rests < 100);
    (void)unlink(path);
}

TEST_MAIN()
