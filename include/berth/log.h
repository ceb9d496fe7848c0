/* log.h - named events with fields, as text or JSON lines on standard error.
 *
 * Module shared; any thread. Events are rows of events.def. At most one line a call, written with
 * one write(2).
 *
 *     log_event(EV_SESSION_STARTED, "session", session->id, "user", user->name);
 *
 * Text from outside is quoted and truncated; secrets have no printable type. A line is limited to 2
 * KiB. Beyond 200 lines a second of one event the rest is only counted, and one line gives their
 * number, so that a flood cannot fill a disk.
 */
#ifndef BERTH_LOG_H
#define BERTH_LOG_H

#include "berth/error.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

enum log_event {
#define EVENT(symbol, level, name, sentence) EV_##symbol,
#include "berth/events.def"
    EV_COUNT
};

struct log_field {
    const char *name;
    const char *text; /* NULL: a number */
    int64_t number;
};

struct log_event_row {
    enum log_level level;
    const char *name;
    const char *sentence;
};
const struct log_event_row *log_event_row(enum log_event event);

/* json: one JSON object a line. level: the least important level that is written. */
void log_setup(const char *program, bool json, enum log_level level);

/* How often an event was logged since the start, including lines that were left out: for metrics.
 */
uint64_t log_count(enum log_event event);

/* What the macro log_event below expands to. */
void log_write(enum log_event event, const struct log_field *fields, size_t count);

/* Log an event with the fields error=SYMBOL and reason="..." of a failure. */
void log_failure(enum log_event event, const struct berth_error *error, const char *what);

#define LOG_FIELD_(name_, value_)                                                                      \
    {                                                                                                  \
        .name = (name_),                                                                             \
      .text = _Generic((value_), char *: (value_), const char *: (value_), default: NULL),         \
      .number = (int64_t)_Generic((value_), char *: 0, const char *: 0, default: (value_)) \
    }

#define LOG_2_(n, v) LOG_FIELD_(n, v)
#define LOG_4_(n, v, ...) LOG_FIELD_(n, v), LOG_2_(__VA_ARGS__)
#define LOG_6_(n, v, ...) LOG_FIELD_(n, v), LOG_4_(__VA_ARGS__)
#define LOG_8_(n, v, ...) LOG_FIELD_(n, v), LOG_6_(__VA_ARGS__)
#define LOG_10_(n, v, ...) LOG_FIELD_(n, v), LOG_8_(__VA_ARGS__)
#define LOG_12_(n, v, ...) LOG_FIELD_(n, v), LOG_10_(__VA_ARGS__)
#define LOG_PICK_(a, b, c, d, e, f, g, h, i, j, k, l, name, ...) name

/* Log an event with one to six pairs of name and value (integer or text). */
#define log_event(event, ...)                                                                     \
    do {                                                                                          \
        const struct log_field fields_[] = { LOG_PICK_(__VA_ARGS__, LOG_12_, , LOG_10_, , LOG_8_, \
                                                       , LOG_6_, , LOG_4_, ,                      \
                                                       LOG_2_, )(__VA_ARGS__) };                  \
        log_write((event), fields_, BERTH_COUNT(fields_));                                        \
    } while (0)

#endif
