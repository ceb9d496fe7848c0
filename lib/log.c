/* log.c - one line, one write(2), with a limit per event and second. */
#include "berth/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
#define EVENTS_PER_SECOND 200

static const struct log_event_row rows[] = {
#define EVENT(symbol, level_, name_, sentence_) \
    [EV_##symbol] = { .level = (level_), .name = (name_), .sentence = (sentence_) },
#include "berth/events.def"
};

static const char *const level_names[] = { "error", "warn", "info", "debug" };

/* Set at start, before threads exist. */
static struct {
    char program[24];
    bool json;
    enum log_level level;
} setup = { .program = "berth", .level = LOG_INFO };

/* Any thread: the total, and the number within the present second. */
static struct {
    atomic_uint_fast64_t total;
    atomic_int_fast64_t second;
    atomic_uint_fast64_t within;
} counts[EV_COUNT];

struct line {
    char text[LINE_MAX_BYTES];
    size_t used;
};

const struct log_event_row *log_event_row(enum log_event event)
{
    return &rows[event];
}

uint64_t log_count(enum log_event event)
{
    return atomic_load(&counts[event].total);
}

void log_setup(const char *program, bool json, enum log_level level)
{
    copy_text(setup.program, program);
    setup.json = json;
    setup.level = level;
}

/* Leaves space for the end of the line. */
static void add(struct line *line, const char *format, ...) berth_printf(2, 3);
static void add(struct line *line, const char *format, ...)
{
    size_t space = sizeof(line->text) - 4 - line->used;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line->text + line->used, space, format, arguments);
    va_end(arguments);
    if (length > 0)
        line->used += (size_t)length < space ? (size_t)length : space - 1;
}

/* A quoted text; the text format uses the escapes of JSON, too. */
static void add_quoted(struct line *line, const char *text)
{
    add(line, "\"");
    for (size_t i = 0; text[i] && i < 512; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            add(line, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            add(line, "\\u%04x", c);
        else
            add(line, "%c", c);
    }
    add(line, "\"");
}

static void add_head(struct line *line, enum log_event event)
{
    struct timespec now;
    struct tm utc;
    char stamp[32];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    if (setup.json) {
        add(line, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"program\":\"%s\",\"event\":\"%s\"",
            stamp, now.tv_nsec / 1000000, level_names[rows[event].level], setup.program,
            rows[event].name);
    } else {
        add(line, "%s.%03ldZ %-5s %s", stamp, now.tv_nsec / 1000000, level_names[rows[event].level],
            rows[event].name);
    }
}

static void add_field(struct line *line, const struct log_field *field)
{
    add(line, setup.json ? ",\"%s\":" : " %s=", field->name);
    if (field->text)
        add_quoted(line, field->text);
    else
        add(line, "%lld", (long long)field->number);
}

/* False when the limit of this second is reached; the first line of the next second says how many
 * were left out. */
static bool within_rate(enum log_event event, uint64_t *left_out)
{
    int_fast64_t now = (int_fast64_t)time(NULL);
    int_fast64_t then = atomic_exchange(&counts[event].second, now);

    *left_out = 0;
    if (then != now) {
        uint64_t before = atomic_exchange(&counts[event].within, 1);

        if (before > EVENTS_PER_SECOND)
            *left_out = before - EVENTS_PER_SECOND;
        return true;
    }
    return atomic_fetch_add(&counts[event].within, 1) < EVENTS_PER_SECOND;
}

void log_write(enum log_event event, const struct log_field *fields, size_t count)
{
    struct line line berth_unset;
    uint64_t left_out;

    (void)atomic_fetch_add_explicit(&counts[event].total, 1, memory_order_relaxed);
    if (rows[event].level > setup.level || !within_rate(event, &left_out))
        return;
    line.used = 0;
    add_head(&line, event);
    for (size_t i = 0; i < count; i++)
        add_field(&line, &fields[i]);
    if (left_out)
        add_field(&line, &(struct log_field){ .name = "left_out", .number = (int64_t)left_out });
    if (setup.json)
        line.text[line.used++] = '}';
    line.text[line.used++] = '\n';
    (void)!write(STDERR_FILENO, line.text, line.used);
}

void log_failure(enum log_event event, const struct berth_error *error, const char *what)
{
    log_event(event, "what", what, "error", berth_error_row(error->code)->symbol, "reason",
              berth_error_text(error));
}
