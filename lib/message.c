/* message.c - tables made from messages.def, and messages as JSON. */
#include "berth/message.h"

#include <string.h>

#include "berth/json.h"

/* Deepest nesting: object, list, object, and a margin for newer peers. */
#define MESSAGE_DEPTH 8

/* clang-format off */
#define PART(name, sentence) static const struct field name##_fields[] = {
#define PART_END(name) }; \
    static const struct record name##_record = RECORD_OF(name, "", struct msg_##name, 0);
/* An array cannot be empty, and some messages have no field: the last row is a dummy that is not
 * counted. */
#define MESSAGE(name, direction, in, sentence) static const struct field name##_fields[] = {
#define MESSAGE_END(message) { .name = "" } };
#define FIELD(record, kind, member, arg, see, unit, sentence) \
    RECORD_FIELD_ROW(struct msg_##record, kind, member, arg, see, unit, sentence)
#define LIST(record, member, sub, cap, see, sentence) \
    RECORD_LIST_ROW(struct msg_##record, member, sub##_record, cap, see, sentence)
#include "berth/messages.def"

#define MESSAGE(name, direction, in, sentence) \
    static const struct record name##_record = RECORD_OF(name, sentence, struct msg_##name, 1);
#include "berth/messages.def"

static const struct msg_row rows[MSG_TYPES] = {
#define MESSAGE(name_, direction_, in_, sentence) \
    [MSG_##name_] = { .name = #name_, .direction = (direction_), .in = (in_), .record = &name_##_record },
#include "berth/messages.def"
};
/* clang-format on */

const struct msg_row *msg_row(enum msg_type type)
{
    return &rows[type];
}

static enum msg_type type_of(const char *name)
{
    for (enum msg_type type = MSG_NONE + 1; type < MSG_TYPES; type++) {
        if (strcmp(rows[type].name, name) == 0)
            return type;
    }
    return MSG_NONE;
}

/* All members of the union have the same address. */
static void *body(struct msg *msg)
{
    return &msg->join;
}

size_t msg_size(enum msg_type type)
{
    return offsetof(struct msg, join) + rows[type].record->size;
}

void msg_init(struct msg *msg, enum msg_type type)
{
    memset(msg, 0, msg_size(type));
    msg->type = type;
}

void msg_refuse(struct msg *msg, const char *about, uint64_t ref, const struct berth_error *error,
                int64_t retry_ms)
{
    const struct berth_error_row *row = berth_error_row(error->code);

    msg_init(msg, MSG_refused);
    msg->ref = ref;
    berth_text(msg->refused.about, sizeof(msg->refused.about), "%s", about);
    berth_text(msg->refused.code, sizeof(msg->refused.code), "%s", row->symbol);
    berth_text(msg->refused.text, sizeof(msg->refused.text), "%s", berth_error_text(error));
    msg->refused.retry_after_ms = row->retry ? retry_ms : 0;
}

static int decode(const json_t *object, enum msg_direction direction, struct msg *ret,
                  struct berth_error *reterr)
{
    const char *name = json_string_value(json_object_get(object, "type"));
    const json_t *ref = json_object_get(object, "ref");
    enum msg_type type;

    if (!name)
        return berth_fail(reterr, BERTH_E_PROTOCOL, "a message without a type");
    type = type_of(name);
    if (type == MSG_NONE)
        return berth_fail(reterr, BERTH_E_PROTOCOL, "unknown message '%.40s'", name);
    ret->type = type;
    if (ref && (!json_is_integer(ref) || json_integer_value(ref) < 0))
        return berth_fail(reterr, BERTH_E_INVALID, "%s.ref: expected a whole number", name);
    ret->ref = (uint64_t)json_integer_value(ref);
    if (!(rows[type].direction & direction))
        return berth_fail(reterr, BERTH_E_PROTOCOL, "'%s' must not go in this direction", name);
    return record_decode(rows[type].record, object, body(ret), reterr);
}

int msg_decode(const char *json, size_t size, enum msg_direction direction, struct msg *ret,
               struct berth_error *reterr)
{
    berth_cleanup(json_unrefp) json_t *object = NULL;

    ret->type = MSG_NONE;
    ret->ref = 0;
    object = json_parse(json, size, MESSAGE_DEPTH, reterr);
    if (!object)
        return BERTH_E_PROTOCOL;
    if (!json_is_object(object))
        return berth_fail(reterr, BERTH_E_PROTOCOL, "a message must be a JSON object");
    return decode(object, direction, ret, reterr);
}

char *msg_encode(const struct msg *msg, size_t *ret_size)
{
    berth_cleanup(json_unrefp) json_t *object =
        record_encode(rows[msg->type].record, &msg->join, SEE_MASK_WIRE);
    char *text;

    (void)json_object_set_new(object, "type", json_string(rows[msg->type].name));
    if (msg->ref)
        (void)json_object_set_new(object, "ref", json_integer((json_int_t)msg->ref));
    text = json_text(object);
    *ret_size = strlen(text);
    return text;
}

void msg_wipe(struct msg *msg)
{
    if (msg->type != MSG_NONE)
        explicit_bzero(body(msg), rows[msg->type].record->size);
}
