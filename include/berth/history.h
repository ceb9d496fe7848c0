/* history.h - record what happened, line by line, for the checker in tests/history.
 *
 * Module shared. A recorder is an interface: programs write lines of JSON to a file
 * (history_file.h), the simulator passes the structs to the checker directly. Nothing reads the
 * history to decide anything. berthd, berth-virt and berth-agent record when they are given a file;
 * the rows of history.def say what each line means, tests/history checks them.
 */
#ifndef BERTH_HISTORY_H
#define BERTH_HISTORY_H

#include "berth/record.h"

/* clang-format off */
#define ENUM_BEGIN(name) enum name { name##_NONE,
#define ENUM_VALUE(name, symbol, text, sentence) name##_##symbol,
#define ENUM_END(name) name##_END }; extern const char *const name##_names[];
#include "berth/history.def"

#define LINE(name, sentence) struct history_##name {
#define LINE_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence) RECORD_MEMBER_##kind(member, arg)
#include "berth/history.def"

enum history_kind {
    HISTORY_NONE,
#define LINE(name, sentence) HISTORY_##name,
#include "berth/history.def"
    HISTORY_KINDS
};

struct history_line {
    enum history_kind kind;
    int64_t at_us; /* CLOCK_MONOTONIC of the machine, or virtual time */
    union {
#define LINE(name, sentence) struct history_##name name;
#include "berth/history.def"
    };
};
/* clang-format on */

/* A recorder. take: `line` is valid during the call only. It never fails: a recorder that cannot
 * write any more logs that once and stops. Thread: as the recorder says (a file: any).
 */
struct history {
    void (*take)(struct history *history, const struct history_line *line);
};

/* Record a line; `history_` may be NULL. Usage, at_us being the module's own clock:
 *
 *     history_write(core->history, at_us, HISTORY_screen, screen, .event = ..., .session_id = ...);
 */
#define history_write(history_, at_us_, kind_, member_, ...)                  \
    do {                                                                      \
        struct history *to_ = (history_);                                     \
                                                                              \
        if (to_) {                                                            \
            const struct history_line line_ = { .kind = (kind_),              \
                                                .at_us = (at_us_),            \
                                                .member_ = { __VA_ARGS__ } }; \
            to_->take(to_, &line_);                                           \
        }                                                                     \
    } while (0)

/* The table behind a kind; HISTORY_NONE < kind < HISTORY_KINDS. */
const struct record *history_record(enum history_kind kind);

/* One line of text, without a line feed, to free with free(). */
char *history_encode(const struct history_line *line);

/* The inverse. Fails with INVALID naming kind and field of the line. An unknown kind is INVALID as
 * well: a history of a newer Berth must not be checked in part.
 */
int history_decode(const char *text, size_t size, struct history_line *ret,
                   struct berth_error *reterr) berth_must_check;

#endif
