/* greeter_protocol.h - the messages between agent and greeter: struct page and struct greeter_event
 * as JSON lines.
 *
 * Module core of the agent: pure; used by both ends. The structs are made from
 * greeter_protocol.def. An event may hold a password: wipe it with greeter_event_wipe.
 */
#ifndef BERTH_AGENT_CORE_GREETER_PROTOCOL_H
#define BERTH_AGENT_CORE_GREETER_PROTOCOL_H

#include "berth/enums.h"
#include "berth/record.h"

/* clang-format off */
#define RECORD(name, sentence) struct name {
#define RECORD_END(name) }; extern const struct record name##_record;
#define FIELD(record, kind, member, arg, see, unit, sentence) RECORD_MEMBER_##kind(member, arg)
#define LIST(record, member, sub, cap, see, sentence) size_t member##_count; struct sub member[cap];
#include "core/greeter_protocol.def"
/* clang-format on */

/* Longest line of either kind, including the line feed; a longer one is a protocol error. */
#define LINE_MAX_BYTES 16384

/* Encode as one line with its line feed; the caller calls berth_wipe_free(line, *ret_size). */
char *page_encode(const struct page *page, size_t *ret_size);
char *greeter_event_encode(const struct greeter_event *event, size_t *ret_size);

/* Decode one line (without line feed). Errors: PROTOCOL, INVALID. */
int page_decode(const char *line, size_t size, struct page *ret,
                struct berth_error *reterr) berth_must_check;
int greeter_event_decode(const char *line, size_t size, struct greeter_event *ret,
                         struct berth_error *reterr) berth_must_check;

/* After the last use: an event may hold a password. */
void greeter_event_wipe(struct greeter_event *event);

/* Splits a stream into lines. Delivered lines are wiped: they may hold a password. */
struct line_reader {
    size_t have;
    char data[LINE_MAX_BYTES];
};

/* Feed bytes; `each` is called for every complete line, without its line feed and valid during the
 * call only. Stops with the first negative result of `each`. Errors: that result, TOO_LARGE.
 */
int line_reader_feed(struct line_reader *reader, const char *bytes, size_t size,
                     int (*each)(void *context, const char *line, size_t size), void *context,
                     struct berth_error *reterr) berth_must_check;

#endif
