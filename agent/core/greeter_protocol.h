/* greeter_protocol.h - what agent and greeter say to each other, as JSON lines.
 *
 * Module core of the agent: pure. Both ends use it. An event may hold a password: wipe it with
 * greeter_event_wipe.
 */
#ifndef BERTH_AGENT_CORE_GREETER_PROTOCOL_H
#define BERTH_AGENT_CORE_GREETER_PROTOCOL_H

#include "berth/enums.h"
#include "berth/record.h"

/* clang-format off */
#define ENUM_BEGIN(name) enum name { name##_NONE,
#define ENUM_VALUE(name, symbol, text, sentence) name##_##symbol,
#define ENUM_END(name) name##_END }; extern const char *const name##_names[]; extern const char *const name##_sentences[];
#include "core/greeter_enums.def"
#undef ENUM_BEGIN
#undef ENUM_VALUE
#undef ENUM_END

#define RECORD(name, sentence) struct name {
#define RECORD_END(name) }; extern const struct record name##_record;
#define FIELD(record, kind, member, arg, see, unit, sentence) RECORD_MEMBER_##kind(member, arg)
#define LIST(record, member, sub, cap, see, sentence) size_t member##_count; struct sub member[cap];
#include "core/greeter_protocol.def"
#undef RECORD
#undef RECORD_END
#undef FIELD
#undef LIST
/* clang-format on */

/* Longest line of either kind, the line feed included; a longer one ends the conversation. */
#define LINE_MAX_BYTES 16384

/* One line with its line feed; to be wiped and freed by berth_wipe_free(line, *ret_size). */
char *page_encode(const struct page *page, size_t *ret_size);
char *greeter_event_encode(const struct greeter_event *event, size_t *ret_size);

/* Read one line (without line feed). Errors: PROTOCOL, INVALID. */
int page_decode(const char *line, size_t size, struct page *ret,
                struct berth_error *reterr) berth_must_check;
int greeter_event_decode(const char *line, size_t size, struct greeter_event *ret,
                         struct berth_error *reterr) berth_must_check;

/* After the last use: an event may hold a password. */
void greeter_event_wipe(struct greeter_event *event);

/* Cuts a stream into lines. Passive; wipes what it held, for lines may hold a password. */
struct line_reader {
    size_t have;
    char data[LINE_MAX_BYTES];
};

/* Feed bytes; `each` gets every whole line without its line feed, valid during the call only. Stops
 * with the first negative answer. Errors: TOO_LARGE.
 */
int line_reader_feed(struct line_reader *reader, const char *bytes, size_t size,
                     int (*each)(void *context, const char *line, size_t size), void *context,
                     struct berth_error *reterr) berth_must_check;

#endif
