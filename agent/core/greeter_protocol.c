/* greeter_protocol.c - encode and decode pages and events; split a stream into lines. */
#include "core/greeter_protocol.h"

#include <stdio.h>
#include <string.h>

#include "berth/json.h"

/* clang-format off */
#define RECORD(name, sentence) static const struct field name##_fields[] = {
#define RECORD_END(name) };
#define FIELD(record_, kind, member, arg, see, unit, sentence) \
    RECORD_FIELD_ROW(struct record_, kind, member, arg, see, unit, sentence)
#define LIST(record_, member, sub_, cap, see, sentence) \
    RECORD_LIST_ROW(struct record_, member, sub_##_record, cap, see, sentence)
#include "core/greeter_protocol.def"

#define RECORD(name, sentence) \
    const struct record name##_record = RECORD_OF(name, sentence, struct name, 0);
#include "core/greeter_protocol.def"
/* clang-format on */

/* Nesting of a page: the object, its list of choices, a choice. */
#define LINE_DEPTH 4

static char *encode_line(const struct record *record, const void *row, size_t *ret_size)
{
    berth_cleanup(json_unrefp) json_t *json = record_encode(record, row, SEE_MASK_WIRE);
    char *text = json_text(json);
    size_t size = strlen(text);
    char *line = berth_alloc(size + 2);

    (void)snprintf(line, size + 2, "%s\n", text);
    berth_wipe_free(text, size);
    *ret_size = size + 1;
    return line;
}

char *page_encode(const struct page *page, size_t *ret_size)
{
    return encode_line(&page_record, page, ret_size);
}

char *greeter_event_encode(const struct greeter_event *event, size_t *ret_size)
{
    return encode_line(&greeter_event_record, event, ret_size);
}

static int decode_line(const struct record *record, const char *line, size_t size, void *ret,
                       struct berth_error *reterr)
{
    berth_cleanup(json_unrefp) json_t *json = json_parse(line, size, LINE_DEPTH, reterr);

    if (!json)
        return BERTH_E_PROTOCOL;
    return record_decode(record, json, ret, reterr);
}

int page_decode(const char *line, size_t size, struct page *ret, struct berth_error *reterr)
{
    return decode_line(&page_record, line, size, ret, reterr);
}

int greeter_event_decode(const char *line, size_t size, struct greeter_event *ret,
                         struct berth_error *reterr)
{
    return decode_line(&greeter_event_record, line, size, ret, reterr);
}

void greeter_event_wipe(struct greeter_event *event)
{
    record_wipe(&greeter_event_record, event);
}

/* Deliver the complete lines and move the rest to the front. */
static int deliver_lines(struct line_reader *reader,
                         int (*each)(void *context, const char *line, size_t size), void *context)
{
    size_t begin = 0;
    const char *end;
    int r = 0;

    while (r >= 0 && (end = memchr(reader->data + begin, '\n', reader->have - begin))) {
        size_t size = (size_t)(end - reader->data) - begin;

        r = each(context, reader->data + begin, size);
        begin += size + 1;
    }
    memmove(reader->data, reader->data + begin, reader->have - begin);
    reader->have -= begin;
    explicit_bzero(reader->data + reader->have, begin);
    return r < 0 ? r : 0;
}

int line_reader_feed(struct line_reader *reader, const char *bytes, size_t size,
                     int (*each)(void *context, const char *line, size_t size), void *context,
                     struct berth_error *reterr)
{
    while (size > 0) {
        size_t space = sizeof(reader->data) - reader->have;
        size_t part = size < space ? size : space;
        int r;

        if (part == 0)
            return berth_fail(reterr, BERTH_E_TOO_LARGE, "a line is longer than %d bytes",
                              LINE_MAX_BYTES);
        memcpy(reader->data + reader->have, bytes, part);
        reader->have += part;
        bytes += part;
        size -= part;
        r = deliver_lines(reader, each, context);
        if (r < 0)
            return r;
    }
    return 0;
}
