/* history.h - what happened, line by line, for a checker that was not there.
 *
 * Module shared. A recorder is a port: programs write lines of JSON to a file, the simulator hands
 * the same structs to the checker without any text between. Nothing is decided by what is recorded.
 * berthd, berth-virt and berth-agent record when they are given a file; the rows of history.def
 * tell what each line means, tests/history judges them.
 */
#ifndef BERTH_HISTORY_H
#define BERTH_HISTORY_H

#include "berth/record.h"

/* clang-format off */
#define ENUM_BEGIN(name) enum name { name##_NONE,
#define ENUM_VALUE(name, symbol, text, sentence) name##_##symbol,
#define ENUM_END(name) name##_END }; extern const char *const name##_names[];
#include "berth/history.def"
#undef ENUM_BEGIN
#undef ENUM_VALUE
#undef ENUM_END

#define LINE(name, sentence) struct history_##name {
#define LINE_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence) RECORD_MEMBER_##kind(member, arg)
#include "berth/history.def"
#undef LINE
#undef LINE_END
#undef FIELD

enum history_kind {
    HISTORY_NONE,
#define LINE(name, sentence) HISTORY_##name,
#define LINE_END(name)
#define FIELD(record, kind, member, arg, see, unit, sentence)
#include "berth/history.def"
    HISTORY_KINDS
};

struct history_line {
    enum history_kind kind;
    int64_t at_us; /* CLOCK_MONOTONIC of the machine, or virtual time */
    union {
#undef LINE
#define LINE(name, sentence) struct history_##name name;
#include "berth/history.def"
    };
};
#undef LINE
#undef LINE_END
#undef FIELD
/* clang-format on */

/* A recorder. take: the line is the recorder's to read during the call only; it never fails: a
 * recorder that cannot write any more says so once in the log and in the history's own end. Any
 * thread where the recorder says so (a file: yes).
 */
struct history {
    void (*take)(struct history *history, const struct history_line *line);
};

/* NULL records nothing. Usage, at_us being the clock that the module has:
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

/* The other way. Fails with INVALID naming the line's kind and field; a kind that is not known is
 * INVALID as well: a history of a newer Berth is not judged by halves.
 */
int history_decode(const char *text, size_t size, struct history_line *ret,
                   struct berth_error *reterr) berth_must_check;

/* Hash of a secret thing under the recording's key, 63 bits, never 0: equal things have equal
 * hashes within one recording. */
int64_t history_hash(const uint8_t key[16], const char *text);

#endif
